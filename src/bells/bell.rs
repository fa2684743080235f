//! What has to be known of a bell to say when it rings?

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Days, When};

/// One `[schedule:NAME]`, as far as time is concerned.
#[derive(Clone, Debug, PartialEq)]
pub struct Bell {
    pub name: String,
    pub when: When,
    pub zone: TimeZone,
    /// The days without it.
    pub except: Vec<Days>,
    pub plans: Plans,
    pub missed: Missed,
}

/// The plans of the day that a bell belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plans {
    /// Days that no plan claims.
    Usual,
    /// All days.
    All,
    /// Days of these plans.
    Named(Vec<String>),
}

impl Plans {
    /// Whether a bell of these plans rings on a day of that plan.
    pub(super) fn hold(&self, of_day: Option<&str>) -> bool {
        match self {
            Self::Usual => of_day.is_none(),
            Self::All => true,
            Self::Named(names) => of_day.is_some_and(|plan| names.iter().any(|it| it == plan)),
        }
    }
}

/// What becomes of a bell whose time passed while nobody could ring it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    Skip,
    /// It rings late, up to this much.
    RingWithin(Duration),
}

impl Missed {
    /// How late a bell may ring.
    pub(super) fn latest(self) -> Duration {
        match self {
            Self::Skip => PUNCTUAL,
            Self::RingWithin(span) => span.max(PUNCTUAL),
        }
    }
}

/// What a loaded machine, or a clock that is set by a second, may take without missing anything.
const PUNCTUAL: Duration = Duration::from_secs(2);
