//! How is a page that somebody wants to speak over HTTP?

use std::time::Duration;

use super::Lexicon;
use crate::api::{Busy, LiveWanted, SelfTestWanted, Unknown, Who};
use crate::control::{Cues, Rule};
use crate::daemon::settings;
use crate::page::{self, Entry, Extent, Priority};

impl Lexicon<'_> {
    /// The page that is wanted, whether or not it may be.
    ///
    /// # Errors
    /// Names that stand for nothing.
    pub(in crate::daemon) fn speech(
        &self,
        who: &Who,
        wanted: &LiveWanted,
    ) -> Result<Rule, Unknown> {
        let usual = match &wanted.page {
            Some(name) => self.page(name)?,
            None => self.plain(who),
        };
        let klaxon = match wanted.klaxon {
            Some(true) => usual.klaxon.or_else(|| self.klaxon()),
            Some(false) => None,
            None => usual.klaxon,
        };
        Ok(Rule {
            zones: match &wanted.zones {
                Some(names) => self.zones(names)?,
                None => usual.zones,
            },
            priority: wanted.priority.map_or(usual.priority, Priority),
            busy: wanted.busy.map_or(usual.busy, busy),
            klaxon,
            ..usual
        })
    }

    /// The page of a self-test: it disturbs nobody, and gives way to everybody.
    ///
    /// # Errors
    /// Names that stand for nothing.
    pub(in crate::daemon) fn selftest(
        &self,
        who: &Who,
        wanted: &SelfTestWanted,
    ) -> Result<Rule, Unknown> {
        let plain = self.plain(who);
        let zones = match &wanted.zones {
            Some(names) => self.zones(names)?,
            None => plain.zones,
        };
        Ok(Rule {
            name: "self-test".to_owned(),
            zones,
            priority: Priority::LOWEST,
            busy: page::Busy::Reject,
            max_duration: Some(LONGEST_TEST),
            ..plain
        })
    }

    fn page(&self, name: &str) -> Result<Rule, Unknown> {
        let pages = &self.config.pages;
        let Some(page) = pages.iter().find(|page| page.name == name) else {
            return Err(Unknown::Page {
                name: name.to_owned(),
                known: pages.iter().map(|page| page.name.clone()).collect(),
            });
        };
        Ok(settings::rule(page, self.zones, self.klaxon, self.stock))
    }

    fn plain(&self, who: &Who) -> Rule {
        Rule {
            name: "live".to_owned(),
            entry: Entry::default(),
            zones: self.zones.named(&who.zones),
            priority: Priority::default(),
            busy: page::Busy::Queue,
            extent: Extent::Whole,
            klaxon: None,
            pre_roll: Duration::ZERO,
            end_tone: None,
            queue_timeout: None,
            max_duration: None,
            warning: None,
            message: None,
            delayed: None,
            cues: Cues::Told,
            record: None,
            greeting: None,
            pin: None,
            codes: Vec::new(),
            stops: None,
        }
    }
}

/// If nobody ends it; it takes three seconds.
const LONGEST_TEST: Duration = Duration::from_secs(10);

/// As log lines name a user.
pub(in crate::daemon) fn name_of(who: &Who) -> &str {
    match who.name.as_str() {
        "" => "this machine",
        name => name,
    }
}

pub(super) fn busy(busy: Busy) -> page::Busy {
    match busy {
        Busy::Queue => page::Busy::Queue,
        Busy::Mix => page::Busy::Mix,
        Busy::Reject => page::Busy::Reject,
    }
}
