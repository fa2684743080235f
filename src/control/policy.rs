//! By which rules are callers served?

use std::time::Duration;

use crate::base::{Db, ZoneSet};
use crate::page::{self, Ask, Busy, Choice, Entry, Wish};

/// The rules of a site, as its configuration states them.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// All that there are.
    pub zones: ZoneSet,
    /// Calls beyond this number are refused as busy.
    pub max_calls: usize,
    /// Pages wait their turn; otherwise they mix.
    pub hold_concurrent: bool,
    /// What warns the listeners, if anything does.
    pub klaxon: Option<Klaxon>,
    /// Which callers it sounds for.
    pub klaxon_for: KlaxonFor,
    /// The klaxon is cut here.
    pub klaxon_max: Option<Duration>,
    /// Seconds between the end of the klaxon and the caller's voice; below zero the voice comes
    /// before the klaxon has ended.
    pub klaxon_padding: f64,
    /// Otherwise the caller is answered first, and hears silence while the klaxon sounds.
    pub klaxon_before_answer: bool,
    /// Whether callers hear a sound of their own while the klaxon sounds, or once they are on the
    /// speakers if none does.
    pub announce: bool,
    /// How long a caller who could be answered still waits.
    pub answer_delay: Duration,
    /// How long an answered call may last.
    pub hang_up_after: Option<Duration>,
    /// The level of music while somebody is heard.
    pub duck: Db,
    /// How long music takes to get down there.
    pub duck_attack: Duration,
    /// How long music takes to come back.
    pub duck_release: Duration,
    /// The gain of klaxons.
    pub volume_klaxon: Db,
    /// The gain of voices.
    pub volume_call: Db,
    /// What callers may dial; without any, every call pages every zone.
    pub pages: Vec<Rule>,
}

/// One kind of page.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// As log lines name it.
    pub name: String,
    /// The calls that it is for.
    pub entry: Entry,
    /// Where it is heard; never empty.
    pub zones: ZoneSet,
    /// What it does when other pages hold some of its zones.
    pub busy: Busy,
}

/// The tone before an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Klaxon {
    /// How long it is by itself.
    pub duration: Duration,
}

/// The callers that are announced by a klaxon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KlaxonFor {
    /// Every caller.
    #[default]
    All,
    /// Those whose phone did not ask to be put through by itself, as an intercom does.
    NotAutoAnswer,
}

impl Policy {
    /// The rule for a call; `None` where there are none.
    pub(super) fn rule(&self, wish: &Wish) -> Result<Option<&Rule>, Choice> {
        if self.pages.is_empty() {
            return Ok(None);
        }
        match page::choose(self.pages.iter().map(|it| &it.entry), wish) {
            Choice::Entry(at) => Ok(Some(&self.pages[at])),
            other @ (Choice::Forbidden | Choice::Unknown) => Err(other),
        }
    }

    /// The page that a caller gets: without rules every call pages every zone.
    pub(super) fn ask(&self, rule: Option<&Rule>, auto_answer: bool) -> Ask {
        let klaxon = match self.klaxon_for {
            KlaxonFor::NotAutoAnswer if auto_answer => None,
            KlaxonFor::All | KlaxonFor::NotAutoAnswer => self.klaxon,
        };
        Ask {
            zones: rule.map_or(self.zones, |rule| rule.zones),
            busy: rule.map_or_else(|| self.busy(), |rule| rule.busy),
            klaxon: klaxon.map(|klaxon| page::Klaxon {
                duration: klaxon.duration,
                longest: self.klaxon_max,
                padding_s: self.klaxon_padding,
            }),
        }
    }

    fn busy(&self) -> Busy {
        if self.hold_concurrent {
            return Busy::Queue;
        }
        Busy::Mix
    }
}
