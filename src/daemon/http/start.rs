//! What does a page that is asked for over HTTP play, where and how?

use std::time::Duration;

use super::picture::{names_of, spoken};
use super::speech::{busy, name_of};
use crate::api::{Content, Message, PageWanted, Unknown, Who};
use crate::base::{Db, ZoneSet};
use crate::config::{self, Config};
use crate::control::{Clip, Rights, Rule, Sound, Start};
use crate::daemon::library::Library;
use crate::daemon::settings;
use crate::daemon::zones::Zones;
use crate::page::{self, Extent, Priority};

/// What names stand for.
pub(in crate::daemon) struct Lexicon<'a> {
    pub(in crate::daemon) config: &'a Config,
    pub(in crate::daemon) zones: &'a Zones,
    pub(in crate::daemon) stock: &'a Library,
    /// How long it is, if there is one.
    pub(in crate::daemon) klaxon: Option<Duration>,
    pub(in crate::daemon) gain: Db,
}

impl Lexicon<'_> {
    /// The page that plays what has that name, whether or not it may be.
    ///
    /// # Errors
    /// Names that stand for nothing.
    pub(in crate::daemon) fn named(
        &self,
        who: &Who,
        wanted: &PageWanted,
        name: &str,
    ) -> Result<Start, Unknown> {
        let usual = match self.message(name) {
            Some(rule) => self.of_rule(&rule),
            None => self.of_sound(name, who)?,
        };
        self.fitted(who, wanted, usual)
    }

    /// The page that plays a sound that was made for it, whether or not it may be.
    ///
    /// # Errors
    /// Names that stand for nothing.
    pub(in crate::daemon) fn made(
        &self,
        who: &Who,
        wanted: &PageWanted,
        clip: Clip,
    ) -> Result<Start, Unknown> {
        self.fitted(who, wanted, self.of_clip(clip, who))
    }

    /// As `usual`, but for what is wanted otherwise.
    fn fitted(&self, who: &Who, wanted: &PageWanted, usual: Start) -> Result<Start, Unknown> {
        let klaxon = match wanted.klaxon {
            Some(true) => usual.klaxon.or_else(|| self.klaxon()),
            Some(false) => None,
            None => usual.klaxon,
        };
        let (what, by) = (in_words(wanted), name_of(who));
        Ok(Start {
            name: format!("{what}, asked for over {} by {by}", who.way),
            zones: match &wanted.zones {
                Some(names) => self.zones(names)?,
                None => usual.zones,
            },
            priority: wanted.priority.map_or(usual.priority, Priority),
            busy: wanted.busy.map_or(usual.busy, busy),
            times: wanted.times.unwrap_or(usual.times),
            klaxon,
            ..usual
        })
    }

    /// What the user may do, and where.
    pub(in crate::daemon) fn rights(&self, who: &Who) -> Rights {
        Rights {
            role: who.role,
            zones: (!who.zones.is_empty()).then(|| self.zones.named(&who.zones)),
        }
    }

    fn message(&self, name: &str) -> Option<Rule> {
        let page = self.config.pages.iter().find(|page| page.name == name)?;
        let rule = settings::rule(page, self.zones, self.klaxon, self.stock);
        rule.message.is_some().then_some(rule)
    }

    fn of_rule(&self, rule: &Rule) -> Start {
        let (clip, times) = rule.message.unwrap_or((NOTHING, 1));
        Start {
            name: String::new(),
            zones: rule.zones,
            priority: rule.priority,
            busy: rule.busy,
            extent: rule.extent,
            clip,
            times,
            gain: self.gain,
            pre_roll: rule.pre_roll,
            klaxon: rule.klaxon,
            end_tone: rule.end_tone,
            queue_timeout: rule.queue_timeout,
        }
    }

    fn of_sound(&self, name: &str, who: &Who) -> Result<Start, Unknown> {
        let is_klaxon = name.eq_ignore_ascii_case("klaxon");
        let clip = if is_klaxon {
            self.klaxon()
        } else {
            self.stock.named(name)
        };
        let clip = clip.ok_or_else(|| Unknown::Sound {
            name: name.to_owned(),
            known: self.sounds(),
        })?;
        Ok(self.of_clip(clip, who))
    }

    fn of_clip(&self, clip: Clip, who: &Who) -> Start {
        Start {
            name: String::new(),
            zones: self.zones.named(&who.zones),
            priority: Priority::default(),
            busy: page::Busy::Queue,
            extent: Extent::Whole,
            clip,
            times: 1,
            gain: self.gain,
            pre_roll: Duration::ZERO,
            klaxon: None,
            end_tone: None,
            queue_timeout: None,
        }
    }

    pub(super) fn klaxon(&self) -> Option<Clip> {
        let sound = Sound::Klaxon;
        self.klaxon.map(|duration| Clip { sound, duration })
    }

    /// The pages that say something by themselves.
    pub(in crate::daemon) fn messages(&self) -> Vec<Message> {
        let message = |page: &config::Page| {
            let rule = self.message(&page.name)?;
            let (clip, _) = rule.message?;
            Some(Message {
                name: page.name.clone(),
                zones: names_of(&rule.zones, self.zones),
                seconds: clip.duration.as_secs_f64(),
            })
        };
        self.config.pages.iter().filter_map(message).collect()
    }

    /// Everything that can be played, by name.
    fn sounds(&self) -> Vec<String> {
        let pages = self.messages().into_iter().map(|it| it.name);
        let klaxon = self.klaxon.map(|_| "klaxon".to_owned());
        pages.chain(klaxon).chain(self.stock.names()).collect()
    }

    pub(super) fn zones(&self, names: &[String]) -> Result<ZoneSet, Unknown> {
        let mut zones = ZoneSet::EMPTY;
        for name in names {
            if name.eq_ignore_ascii_case("all") {
                zones = zones.union(&self.zones.all());
                continue;
            }
            let Some(id) = self.zones.id(name).filter(|_| !name.is_empty()) else {
                let known = self.zones.all();
                let known = known
                    .iter()
                    .map(|id| spoken(self.zones.name(id)).to_owned());
                return Err(Unknown::Zone {
                    name: name.clone(),
                    known: known.collect(),
                });
            };
            zones.insert(id);
        }
        Ok(zones)
    }
}

/// What is wanted, as log lines name it.
fn in_words(wanted: &PageWanted) -> String {
    match wanted.content() {
        Some(Content::Play(name)) => format!("\"{name}\""),
        Some(Content::Say(text)) if text.chars().count() > FEW => {
            let first: String = text.chars().take(FEW).collect();
            format!("\"{first}…\"")
        }
        Some(Content::Say(text)) => format!("\"{text}\""),
        Some(Content::Tone(tone)) => format!("a tone of {} Hz", tone.hz),
        None => "nothing".to_owned(),
    }
}

/// Characters of a text that tell which it is.
const FEW: usize = 60;

/// Stands where a rule has no message; such a rule is not played.
const NOTHING: Clip = Clip {
    sound: Sound::Klaxon,
    duration: Duration::ZERO,
};
