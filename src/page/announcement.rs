//! How far has one announcement come?

use std::time::{Duration, Instant};

use crate::base::{PlayId, ZoneSet};

/// One announcement, from its asking for zones to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u64);

/// What a page wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub zones: ZoneSet,
    pub busy: Busy,
    pub klaxon: Option<Klaxon>,
}

/// What a page does when another one holds a zone that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// Waits until all its zones are free and all who asked before for any of them had theirs.
    Queue,
    /// Sounds beside the other.
    Mix,
}

/// The tone that warns the listeners before somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Klaxon {
    pub duration: Duration,
    /// The tone is cut here.
    pub longest: Option<Duration>,
    /// Seconds from the end of the tone until the page opens. Below zero the page opens while the
    /// tone still sounds; its tail is never cut.
    pub padding_s: f64,
}

impl Klaxon {
    /// How long the tone sounds.
    pub fn sounds_for(&self) -> Duration {
        self.longest
            .map_or(self.duration, |longest| longest.min(self.duration))
    }

    pub(super) fn sounds(&self) -> bool {
        !self.sounds_for().is_zero()
    }

    pub(super) fn padding(&self) -> Padding {
        let seconds = self.padding_s.abs().clamp(0.0, LONGEST_PADDING_S);
        let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        if self.padding_s < 0.0 {
            return Padding::Before(span);
        }
        Padding::After(span)
    }
}

/// When a page opens, measured from the end of its klaxon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    Before(Duration),
    After(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    Granted,
    Klaxon { open_at: Instant },
    Open,
    Live,
}

/// A klaxon that the engine plays now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Playing {
    pub(super) play: PlayId,
    /// By then it is over, whether or not the engine has said so.
    pub(super) gone_at: Instant,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Announcement {
    pub(super) id: PageId,
    pub(super) ask: Ask,
    pub(super) state: State,
    /// Outlives `State::Klaxon` when the padding is negative.
    pub(super) playing: Option<Playing>,
}

impl Announcement {
    pub(super) fn new(id: PageId, ask: Ask) -> Self {
        Self {
            id,
            ask,
            state: State::Queued,
            playing: None,
        }
    }

    pub(super) fn is_queued(&self) -> bool {
        self.state == State::Queued
    }

    /// Something of the page sounds, or would if there were sound. The tail of a klaxon needs no
    /// word: it follows `Klaxon`, and what is ducked stays so while the page holds its zones.
    pub(super) fn is_heard(&self) -> bool {
        match self.state {
            State::Klaxon { .. } | State::Live => true,
            State::Queued | State::Granted | State::Open => false,
        }
    }

    /// Starts the tone; without a `play` only its time passes.
    pub(super) fn start(&mut self, klaxon: Klaxon, play: Option<PlayId>, now: Instant) {
        let over_at = now + klaxon.sounds_for();
        let gone_at = over_at + GRACE;
        let open_at = match klaxon.padding() {
            Padding::Before(span) => over_at.checked_sub(span).unwrap_or(now).max(now),
            Padding::After(span) => gone_at + span,
        };
        self.playing = play.map(|play| Playing { play, gone_at });
        self.state = State::Klaxon { open_at };
    }

    /// The engine has played the tone: the padding runs from here.
    pub(super) fn tone_ended(&mut self, now: Instant) {
        self.playing = None;
        if let (State::Klaxon { open_at }, Some(klaxon)) = (&mut self.state, self.ask.klaxon) {
            *open_at = match klaxon.padding() {
                Padding::Before(_) => now.min(*open_at),
                Padding::After(span) => (now + span).min(*open_at),
            };
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let open = match self.state {
            State::Klaxon { open_at } => Some((open_at, "the klaxon is over")),
            State::Queued | State::Granted | State::Open | State::Live => None,
        };
        let gone = self
            .playing
            .map(|playing| (playing.gone_at, "the klaxon must have ended"));
        open.into_iter().chain(gone).min()
    }
}

/// How much longer than the tone itself the engine may take to say that it has ended: a few sound
/// periods, and a clock that starts late.
pub(super) const GRACE: Duration = Duration::from_secs(1);
/// A padding above an hour is a mistake; the bound keeps sums of times in range.
const LONGEST_PADDING_S: f64 = 3600.0;
