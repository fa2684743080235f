//! By which rules are callers served?

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::call::{Call, after};
use super::{Desk, DeskKind, Digits, Player, Side, Sound};
use crate::base::{Db, ZoneId, ZoneSet};
use crate::page::{self, Ask, Busy, Choice, Entry, Extent, Limit, Priority, Source, Wish};

/// The rules of a site, as its configuration states them.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// All that there are.
    pub zones: ZoneSet,
    /// As log lines name them; a zone without a name is told by its number.
    pub zone_names: BTreeMap<ZoneId, String>,
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
    /// How long a caller on the speakers may say nothing; emergencies may for ever.
    pub silence_hang_up: Option<Duration>,
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
    /// Zones that are recorded while pages are heard there.
    pub recorded: ZoneSet,
    /// What comes by multicast groups, by their names; no number leads to these.
    pub streams: Vec<Rule>,
    /// What callers may hear; each has numbers of its own, which no page has.
    pub players: Vec<Player>,
    /// Where calls are held for programs; those of lines count before everything else.
    pub desks: Box<[Desk]>,
    /// The names of all sources of music.
    pub music: BTreeSet<String>,
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
    pub priority: Priority,
    /// What it does when other pages hold some of its zones.
    pub busy: Busy,
    pub extent: Extent,
    /// What warns the listeners, if anything does.
    pub klaxon: Option<Clip>,
    /// A quiet before it, in which amplifiers wake up.
    pub pre_roll: Duration,
    /// What follows the last word, if anything does.
    pub end_tone: Option<Clip>,
    /// How long it waits for its zones.
    pub queue_timeout: Option<Duration>,
    /// How long it may last once it is live.
    pub max_duration: Option<Duration>,
    /// What tells that it will end before long.
    pub warning: Option<Alert>,
    /// What is played in place of the caller's voice, and how often.
    pub message: Option<(Clip, u32)>,
    /// The caller speaks first, and what it has said is played.
    pub delayed: Option<Delayed>,
    /// Whether the caller hears tones that tell how things stand.
    pub cues: Cues,
    /// What of it is recorded, if anything is.
    pub record: Option<Side>,
    /// What the caller hears once it is answered, before the page begins.
    pub greeting: Option<Clip>,
    /// What the caller has to enter before anything else.
    pub pin: Option<Digits>,
    /// By what the caller enters, the zones that hear the page; none stands for `zones`. No code
    /// begins another.
    pub codes: Vec<(Digits, ZoneSet)>,
    /// The pages that it ends; one that has no message is nothing else.
    pub stops: Option<Stops>,
}

/// The pages that a number ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stops {
    /// Every page, bells too, but emergencies only of its own priority or below.
    All,
    /// Those of these names, emergencies too.
    Named(Vec<String>),
}

impl Stops {
    /// Whether a page is ended by one of that rank.
    pub(super) fn end(&self, name: &str, priority: Priority, rank: Priority) -> bool {
        match self {
            Self::All => !priority.is_emergency() || priority <= rank,
            Self::Named(names) => names.iter().any(|it| it == name),
        }
    }
}

/// How a page is spoken that is played later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delayed {
    /// How long it may be.
    pub longest: Duration,
    /// How long before that the caller is told.
    pub warning: Option<Duration>,
    /// How often it is played.
    pub times: u32,
}

/// Whether callers are told by tones how things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cues {
    #[default]
    Silent,
    Told,
}

/// A sound that is held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clip {
    pub sound: Sound,
    pub duration: Duration,
}

/// What comes before the limit of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// How long before.
    pub before: Duration,
    /// What the listeners hear, if they hear it too.
    pub clip: Option<Clip>,
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
    /// The names of zones, as a log line lists them.
    pub(super) fn names(&self, zones: &ZoneSet) -> String {
        let name = |zone: ZoneId| {
            let name = self.zone_names.get(&zone).cloned();
            name.unwrap_or_else(|| format!("zone {}", zone.0))
        };
        zones.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// The programs that the call is for, if it is for some.
    pub(super) fn desk(&self, wish: &Wish) -> Option<&Desk> {
        let of_line = |desk: &&Desk| match &desk.kind {
            DeskKind::Line { user } => {
                let has_all = desk.entry.extensions.is_empty();
                wish.user.as_ref() == Some(user) && (has_all || desk.entry.is_for(wish))
            }
            DeskKind::Relay | DeskKind::Test => false,
        };
        let by_number = |desk: &&Desk| match desk.kind {
            DeskKind::Relay | DeskKind::Test => desk.entry.is_for(wish),
            DeskKind::Line { .. } => false,
        };
        let line = self.desks.iter().find(of_line);
        line.or_else(|| self.desks.iter().find(by_number))
    }

    /// What the call hears, if it is for something to hear.
    pub(super) fn player(&self, wish: &Wish) -> Option<&Player> {
        match page::choose(self.players.iter().map(|it| &it.entry), wish) {
            Choice::Entry(at) => self.players.get(at),
            Choice::Forbidden | Choice::Unknown => None,
        }
    }

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
    pub(super) fn ask(&self, rule: Option<&Rule>, call: &Call, asked_at: Instant) -> Ask {
        let is_announced = match self.klaxon_for {
            KlaxonFor::NotAutoAnswer => !call.auto_answer,
            KlaxonFor::All => true,
        };
        let ask = match rule {
            Some(rule) => self.ask_of(rule, asked_at),
            None => Ask {
                zones: self.zones,
                busy: self.busy(),
                klaxon: self.klaxon.map(|it| self.warned(it.duration)),
                ..Ask::default()
            },
        };
        Ask {
            klaxon: ask.klaxon.filter(|_| is_announced),
            zones: call.entry.zones.unwrap_or(ask.zones),
            ..ask
        }
    }

    fn ask_of(&self, rule: &Rule, asked_at: Instant) -> Ask {
        let message = rule.message.map(|(clip, times)| Source::Message {
            duration: clip.duration,
            times,
        });
        let warning = rule.warning.map(|it| page::Warning {
            before: it.before,
            tone: it.clip.map(|clip| clip.duration),
        });
        Ask {
            zones: rule.zones,
            priority: rule.priority,
            busy: rule.busy,
            extent: rule.extent,
            source: message.unwrap_or_default(),
            pre_roll: rule.pre_roll,
            klaxon: rule.klaxon.map(|it| self.warned(it.duration)),
            end_tone: rule.end_tone.map(|it| it.duration),
            limit: rule.max_duration.map(|span| Limit { span, warning }),
            expires_at: rule.queue_timeout.map(|span| after(asked_at, span)),
        }
        .bounded(asked_at)
    }

    /// The klaxon as pages know it.
    pub(super) fn warned(&self, duration: Duration) -> page::Klaxon {
        page::Klaxon {
            duration,
            longest: self.klaxon_max,
            padding_s: self.klaxon_padding,
        }
    }

    fn busy(&self) -> Busy {
        if self.hold_concurrent {
            return Busy::Queue;
        }
        Busy::Mix
    }
}
