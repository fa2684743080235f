//! How far has one announcement come?

use std::time::{Duration, Instant};

use super::ask::{Ask, Klaxon, PageId, Source};
use super::{Hearing, Tone};
use crate::base::{PlayId, ZoneSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    Granted,
    /// Amplifiers wake up.
    Rolling {
        until: Instant,
    },
    Klaxon {
        open_at: Instant,
    },
    Open,
    Live {
        since: Instant,
        is_warned: bool,
    },
    /// The end tone sounds.
    Ending,
}

/// How far a page has come, as shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Waits for its zones.
    Queued,
    /// Has its zones, and nothing sounds yet.
    Granted,
    /// The klaxon sounds, or the amplifiers wake up.
    Klaxon,
    /// Is about to be heard.
    Open,
    Live,
    /// The end tone sounds.
    Ending,
}

impl State {
    pub(super) fn phase(self) -> Phase {
        match self {
            Self::Queued => Phase::Queued,
            Self::Granted => Phase::Granted,
            Self::Rolling { .. } | Self::Klaxon { .. } => Phase::Klaxon,
            Self::Open => Phase::Open,
            Self::Live { .. } => Phase::Live,
            Self::Ending => Phase::Ending,
        }
    }
}

/// A sound that the engine plays now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Playing {
    pub(super) play: PlayId,
    pub(super) tone: Tone,
    /// By then it is over, whether or not the engine has said so.
    pub(super) gone_at: Instant,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Announcement {
    pub(super) id: PageId,
    pub(super) ask: Ask,
    pub(super) state: State,
    /// The place among those of its rank that have their zones; only of one that is not queued.
    pub(super) turn: u64,
    /// Where it sounds, or would: its zones less those that others hold before it.
    pub(super) has: ZoneSet,
    /// A klaxon outlives `State::Klaxon` when the padding is negative.
    pub(super) playing: Vec<Playing>,
    /// For how many pages it waits, as it was last told.
    pub(super) told: Option<usize>,
    /// How often the message is still to be played, the one that plays included.
    pub(super) times_left: u32,
    /// Where it was heard while it was live.
    pub(super) reached: ZoneSet,
    /// Where it was live and not heard, if only for a moment.
    pub(super) missed: ZoneSet,
}

impl Announcement {
    pub(super) fn new(id: PageId, ask: Ask) -> Self {
        Self {
            id,
            ask,
            state: State::Queued,
            turn: 0,
            has: ZoneSet::EMPTY,
            playing: Vec::new(),
            told: None,
            times_left: 0,
            reached: ZoneSet::EMPTY,
            missed: ZoneSet::EMPTY,
        }
    }

    pub(super) fn is_queued(&self) -> bool {
        self.state == State::Queued
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }

    /// All its zones were taken by others.
    pub(super) fn is_displaced(&self) -> bool {
        self.has.is_empty() && !self.ask.zones.is_empty()
    }

    /// Something of the page sounds, or would if there were sound; the tail of a klaxon too.
    pub(super) fn is_heard(&self) -> bool {
        match self.state {
            State::Rolling { .. } | State::Klaxon { .. } | State::Ending => true,
            State::Live { .. } if self.ask.source == Source::Voice => true,
            State::Queued | State::Granted | State::Open | State::Live { .. } => {
                !self.playing.is_empty()
            }
        }
    }

    /// The tone begins; without a `play` only its time passes.
    pub(super) fn start(&mut self, klaxon: Klaxon, play: Option<PlayId>, now: Instant) {
        let over_at = now + klaxon.sounds_for();
        let gone_at = over_at + GRACE;
        let open_at = match klaxon.padding() {
            Padding::Before(span) => over_at.checked_sub(span).unwrap_or(now).max(now),
            Padding::After(span) => gone_at + span,
        };
        let tone = Tone::Klaxon;
        self.playing.extend(play.map(|play| Playing {
            play,
            tone,
            gone_at,
        }));
        self.state = State::Klaxon { open_at };
    }

    /// The engine has played the klaxon: the padding runs from here.
    pub(super) fn klaxon_ended(&mut self, now: Instant) {
        if let (State::Klaxon { open_at }, Some(klaxon)) = (&mut self.state, self.ask.klaxon) {
            *open_at = match klaxon.padding() {
                Padding::Before(_) => now.min(*open_at),
                Padding::After(span) => (now + span).min(*open_at),
            };
        }
    }

    pub(super) fn go_live(&mut self, now: Instant) {
        self.state = State::Live {
            since: now,
            is_warned: false,
        };
        if let Source::Message { times, .. } = self.ask.source {
            self.times_left = times;
        }
    }

    /// Remembers where it is heard, for its report.
    pub(super) fn note_hearing(&mut self, is_audible: bool) {
        if !self.is_live() {
            return;
        }
        let heard = if is_audible { self.has } else { ZoneSet::EMPTY };
        self.reached = self.reached.union(&heard);
        self.missed = self.missed.union(&self.ask.zones.difference(&heard));
    }

    pub(super) fn hearing(&self) -> Hearing {
        Hearing {
            zones: self.ask.zones,
            reached: self.reached,
            missed: self.missed,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let by_state = match self.state {
            State::Queued => {
                let expiry = self.ask.expires_at;
                expiry.map(|at| (at, "a page has waited too long"))
            }
            State::Rolling { until } => Some((until, "the amplifiers are awake")),
            State::Klaxon { open_at } => Some((open_at, "the klaxon is over")),
            State::Live { since, is_warned } => self.limit_due(since, is_warned),
            State::Granted | State::Open | State::Ending => None,
        };
        let gone = self.playing.iter().map(|it| it.gone_at).min();
        let gone = gone.map(|at| (at, "a tone must have ended"));
        by_state.into_iter().chain(gone).min()
    }

    fn limit_due(&self, since: Instant, is_warned: bool) -> Option<(Instant, &'static str)> {
        let limit = self.ask.limit?;
        match limit.warning.filter(|_| !is_warned) {
            Some(warning) => {
                let at = since + limit.span.saturating_sub(warning.before);
                Some((at, "a page is nearly over"))
            }
            None => Some((since + limit.span, "a page has lasted long enough")),
        }
    }
}

/// When a page opens, measured from the end of its klaxon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    Before(Duration),
    After(Duration),
}

/// How much longer than the tone itself the engine may take to say that it has ended: a few sound
/// periods, and a clock that starts late.
pub(super) const GRACE: Duration = Duration::from_secs(1);
