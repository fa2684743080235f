//! When is something that failed tried again?

use std::time::Duration;

/// Waits that double from one second to a minute: a peer that restarts is back at once, and one that
/// is gone is not pestered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    n_failed: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);

    /// It failed: how long to wait before the next attempt. `chance` from 0 to 1 shortens the wait
    /// by up to a quarter, so that many clients do not come back at the same moment.
    pub fn failed(&mut self, chance: f64) -> Duration {
        let doubled = Self::FIRST * (1 << self.n_failed.min(6));
        self.n_failed = self.n_failed.saturating_add(1);
        doubled
            .min(Self::LONGEST)
            .mul_f64(1.0 - 0.25 * chance.clamp(0.0, 1.0))
    }

    /// It worked: the next failure begins with the shortest wait.
    pub fn succeeded(&mut self) {
        self.n_failed = 0;
    }

    /// Failures in a row.
    pub fn n_failed(&self) -> u32 {
        self.n_failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..9).map(|_| backoff.failed(0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(backoff.n_failed(), 9);
        backoff.succeeded();
        assert_eq!(backoff.failed(1.0), Duration::from_millis(750));
    }
}
