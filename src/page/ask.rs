//! What does a page want?

use std::time::{Duration, Instant};

use super::announcement::Padding;
use crate::base::ZoneSet;

/// One announcement, from its asking for zones to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u64);

/// How much a page matters: one of a higher priority takes the zones that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Priority {
    pub const LOWEST: Self = Self(0);
    /// Of all that is no emergency.
    pub const BELOW_EMERGENCY: Self = Self(EMERGENCY - 1);
    pub const HIGHEST: Self = Self(u8::MAX);

    /// Whether nothing but another emergency may stand before it.
    pub fn is_emergency(self) -> bool {
        self.0 >= EMERGENCY
    }
}

/// As of a page that says nothing of it.
impl Default for Priority {
    fn default() -> Self {
        Self(100)
    }
}

/// The lowest priority of an emergency.
const EMERGENCY: u8 = 200;

/// What a page wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    pub zones: ZoneSet,
    pub priority: Priority,
    pub busy: Busy,
    pub extent: Extent,
    pub source: Source,
    /// A quiet before everything else, in which amplifiers wake up.
    pub pre_roll: Duration,
    pub klaxon: Option<Klaxon>,
    /// How long the tone sounds that follows the last word, if one does.
    pub end_tone: Option<Duration>,
    pub limit: Option<Limit>,
    /// Until when it waits for its zones.
    pub expires_at: Option<Instant>,
}

impl Ask {
    /// A message has nobody who gives up: it waits for its zones, and for sound to return, no
    /// longer than half an hour unless it says so.
    pub fn bounded(self, now: Instant) -> Self {
        let Source::Message { duration, times } = self.source else {
            return self;
        };
        let span = duration.saturating_mul(times).saturating_add(PATIENCE);
        let warning = None;
        Self {
            limit: self.limit.or(Some(Limit { span, warning })),
            expires_at: self.expires_at.or(Some(now + PATIENCE)),
            ..self
        }
    }
}

/// So long a message waits.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What a page does when others of its rank hold a zone that it wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Busy {
    /// Waits until its zones are free and all who asked before for any of them had theirs.
    #[default]
    Queue,
    /// Sounds beside the others.
    Mix,
    /// Gives up at once.
    Reject,
}

/// With how many of its zones a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// With all of them.
    #[default]
    Whole,
    /// With those that are free now; the others join as they become free.
    Partial,
}

/// What a page says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Somebody speaks, from `handle_speak` to `handle_close`.
    #[default]
    Voice,
    /// A sound from memory, so often one after the other.
    Message { duration: Duration, times: u32 },
}

/// How long a page may last once it is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub span: Duration,
    pub warning: Option<Warning>,
}

/// What comes before a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// How long before.
    pub before: Duration,
    /// How long the tone sounds that the listeners hear too, if they do.
    pub tone: Option<Duration>,
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

/// A padding above an hour is a mistake; the bound keeps sums of times in range.
const LONGEST_PADDING_S: f64 = 3600.0;
