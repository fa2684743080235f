//! How do things stand, in one look and in one sentence?

use std::collections::BTreeMap;
use std::time::Instant;

use super::words::one_line;
use super::{CallState, Music, Part, SoundState, Way};
use crate::base::{CallId, ZoneSet};
use crate::page::{PageId, Phase, Priority};

/// The state of the whole site at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// A shutdown was asked for.
    pub stopping: bool,
    /// Whether anybody can be heard.
    pub sound: SoundState,
    /// In the order of arrival.
    pub calls: Vec<CallStatus>,
    /// Those that are not over, in the order of asking.
    pub pages: Vec<PageStatus>,
    /// By name, as configured.
    pub accounts: BTreeMap<String, Part>,
    /// Sources of music that play or should, by name.
    pub music: BTreeMap<String, Music>,
    /// Whether recordings can be written, once something was told of it.
    pub disk: Option<Part>,
    /// Multicast groups that are spoken to or listened to, by the sections that name them.
    pub groups: BTreeMap<String, Part>,
    /// Sound devices that play beside the clock or should, by what zones call them.
    pub cards: BTreeMap<String, Part>,
    /// Whether the broker of MQTT is told how things stand, once something was told of it.
    pub broker: Option<Part>,
    /// Zones whose music is down.
    pub ducked: ZoneSet,
    /// Callers who hear music on hold or a file, or are about to; none of them is in `calls`.
    pub n_listeners: usize,
    /// How often the voices of callers howled since the start.
    pub n_howls: u64,
}

/// One call as shown to people.
#[derive(Clone, Debug, PartialEq)]
pub struct CallStatus {
    pub call: CallId,
    pub caller: String,
    pub dialled: String,
    pub way: Way,
    /// Where it is held for programs, as `relay:NAME`; `None` of one that is for the speakers.
    pub desk: Option<String>,
    pub state: CallState,
    /// When the call entered this state.
    pub since: Instant,
}

/// One page as shown to people.
#[derive(Clone, Debug, PartialEq)]
pub struct PageStatus {
    pub page: PageId,
    /// As log lines name it.
    pub label: String,
    /// Who speaks, or will.
    pub call: Option<CallId>,
    pub priority: Priority,
    pub phase: Phase,
    /// The zones that it asks for.
    pub wanted: ZoneSet,
    /// The zones where it sounds.
    pub heard: ZoneSet,
    pub asked_at: Instant,
    /// The first word.
    pub live_at: Option<Instant>,
}

impl Snapshot {
    /// What a technician wants to know first, in one line.
    pub fn summary(&self, now: Instant) -> String {
        let mut parts = vec![self.calls_in_words()];
        if self.n_listeners > 0 {
            parts.push(format!("{} listening", self.n_listeners));
        }
        parts.extend(self.accounts_in_words());
        parts.extend(self.music_in_words());
        parts.extend(self.disk_in_words());
        parts.extend(self.groups_in_words());
        parts.extend(self.cards_in_words());
        parts.extend(self.broker_in_words());
        parts.extend(self.silence_in_words(now));
        one_line(&parts.join("; "))
    }

    fn calls_in_words(&self) -> String {
        if self.stopping {
            return "stopping".to_owned();
        }
        let words = [
            (CallState::Live, "live"),
            (CallState::Greeted, "being told"),
            (CallState::Klaxon, "at the klaxon"),
            (CallState::Answering, "about to be answered"),
            (CallState::Entering, "entering digits"),
            (CallState::Queued, "waiting"),
            (CallState::Dictating, "speaking a delayed page"),
            (CallState::Farewell, "served"),
            (CallState::Ringing, "ringing"),
            (CallState::Held, "with programs"),
        ];
        let counts: Vec<_> = words
            .into_iter()
            .map(|(state, word)| (self.count(state), word))
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
        if counts.is_empty() {
            return "idle".to_owned();
        }
        counts.join(", ")
    }

    fn count(&self, state: CallState) -> usize {
        self.calls.iter().filter(|it| it.state == state).count()
    }

    /// Every account that fails, or else all of them in brief.
    fn accounts_in_words(&self) -> Vec<String> {
        let in_words = |(name, account): (&String, &Part)| format!("{name} {}", account.text);
        let failing = self.accounts.iter().filter(|(_, account)| !account.ok);
        let failing: Vec<_> = failing.map(in_words).collect();
        if failing.is_empty() && self.accounts.len() > FEW_ACCOUNTS {
            return vec![format!("{} accounts reachable", self.accounts.len())];
        }
        if failing.is_empty() {
            return self.accounts.iter().map(in_words).collect();
        }
        failing
    }

    /// Every source that fails.
    fn music_in_words(&self) -> impl Iterator<Item = String> {
        let failing = self.music.iter().filter(|(_, music)| !music.part.ok);
        failing.map(|(name, music)| format!("music {name} {}", music.part.text))
    }

    fn disk_in_words(&self) -> Option<String> {
        let disk = self.disk.as_ref().filter(|disk| !disk.ok)?;
        Some(format!("nothing is recorded: {}", disk.text))
    }

    /// Every group that fails.
    fn groups_in_words(&self) -> impl Iterator<Item = String> {
        let failing = self.groups.iter().filter(|(_, group)| !group.ok);
        failing.map(|(name, group)| format!("{name} {}", group.text))
    }

    /// Every sound device that fails.
    fn cards_in_words(&self) -> impl Iterator<Item = String> {
        let failing = self.cards.iter().filter(|(_, card)| !card.ok);
        failing.map(|(name, card)| format!("sound device {name} {}", card.text))
    }

    fn broker_in_words(&self) -> Option<String> {
        let broker = self.broker.as_ref().filter(|broker| !broker.ok)?;
        Some(format!("mqtt {}", broker.text))
    }

    fn silence_in_words(&self, now: Instant) -> Option<String> {
        match &self.sound {
            SoundState::Up { .. } => None,
            SoundState::Down { since, why } => {
                let span = now.saturating_duration_since(*since);
                Some(format!("no sound for {} s: {why}", span.as_secs()))
            }
        }
    }
}

/// More than these would make the line too long to read.
const FEW_ACCOUNTS: usize = 2;
