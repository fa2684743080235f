//! What became of a page?

use std::fmt;

use crate::base::ZoneSet;

/// How every page ends: in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// In all its zones, from its first word to its last.
    Heard,
    /// It was live, but not everywhere all the time.
    PartlyHeard,
    /// It was live, and nothing of it was heard anywhere.
    NotHeard,
    /// Whoever asked for it gave up before the first word.
    Cancelled,
    /// Its zones did not become free in time.
    Expired,
    /// It was turned away.
    Refused,
}

/// Lower case, for a line of the log.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heard => "heard",
            Self::PartlyHeard => "partly heard",
            Self::NotHeard => "not heard",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Refused => "refused",
        })
    }
}

/// Where a page was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Where it was to be heard.
    pub zones: ZoneSet,
    /// Where it was heard at some time while it was live.
    pub reached: ZoneSet,
    /// Where it was not heard at some time while it was live.
    pub missed: ZoneSet,
}

impl Hearing {
    /// Whether it was ever live.
    pub fn was_live(&self) -> bool {
        !self.reached.union(&self.missed).is_empty()
    }

    /// What it comes to if nobody has turned the page away.
    pub fn outcome(&self) -> Outcome {
        if !self.was_live() {
            return Outcome::Cancelled;
        }
        if self.missed.is_empty() {
            return Outcome::Heard;
        }
        if self.reached.is_empty() {
            return Outcome::NotHeard;
        }
        Outcome::PartlyHeard
    }
}
