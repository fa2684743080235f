//! Does a callback still come?

use std::time::{Duration, Instant};

/// How long a clock or device may be silent before it counts as dead: far beyond any load, and
/// four of its own periods where they are long.
pub(crate) fn patience(period: Duration) -> Duration {
    (4 * period).max(Duration::from_secs(2))
}

/// A counter that stands still when its clock does.
pub(crate) struct Stall {
    n_cycles: u64,
    since: Instant,
}

impl Stall {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            n_cycles: 0,
            since: now,
        }
    }

    /// For how long it has stood still.
    pub(crate) fn silent_for(&mut self, n_cycles: u64, now: Instant) -> Duration {
        if n_cycles != self.n_cycles {
            self.n_cycles = n_cycles;
            self.since = now;
        }
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_still_is_seen() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut stall = Stall::new(start);
        assert_eq!(stall.silent_for(0, at(1)), Duration::from_secs(1));
        assert_eq!(stall.silent_for(5, at(2)), Duration::ZERO);
        assert_eq!(stall.silent_for(5, at(9)), Duration::from_secs(7));
        assert_eq!(stall.silent_for(6, at(10)), Duration::ZERO);
    }

    #[test]
    fn long_periods_are_given_more_time() {
        assert_eq!(patience(Duration::from_millis(5)), Duration::from_secs(2));
        assert_eq!(patience(Duration::from_secs(1)), Duration::from_secs(4));
    }
}
