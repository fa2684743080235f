//! Who gives memory back when the rush is over?
//!
//! The allocator keeps what a burst of calls has freed, in case of another one. On a small box
//! that runs for years the other programs need it more.

use std::time::{Duration, Instant};

/// Knows when calls have left something to give back.
#[derive(Debug, Default)]
pub(super) struct Rest {
    due_at: Option<Instant>,
    /// When nothing of the latest call is left.
    last_at: Option<Instant>,
}

impl Rest {
    /// A call has come or gone.
    pub(super) fn disturb(&mut self, now: Instant) {
        self.last_at = Some(now + REMEMBERED);
        self.due_at = self.due_at.or(self.last_at);
    }

    /// To be called every now and then.
    pub(super) fn watch(&mut self, now: Instant) {
        if self.due_at.is_some_and(|at| at <= now) {
            // While somebody always calls there is no better time than now and then: a rush
            // before a single late call must not wait for that one to be forgotten as well.
            let next = self.last_at.filter(|at| *at > now);
            self.due_at = next.map(|at| at.min(now + AGAIN));
            give_back();
        }
    }
}

/// Takes some milliseconds at most.
#[expect(unsafe_code, reason = "glibc offers this to C only")]
fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointer and may run at any time on any thread (malloc_trim(3)).
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Transactions are remembered for 32 s (64·T1, RFC 3261 §17) after a call.
const REMEMBERED: Duration = Duration::from_secs(35);

/// A heap of a hundred megabytes takes a few milliseconds to look through.
const AGAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_during_a_long_rush_and_once_after_the_last_call() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let mut rest = Rest::default();
        rest.watch(now);
        assert_eq!(
            rest.due_at, None,
            "nothing to give back before the first call"
        );
        rest.disturb(now);
        rest.disturb(later(22));
        rest.watch(later(34));
        assert_eq!(
            rest.due_at,
            Some(later(35)),
            "the first call is still remembered"
        );
        rest.watch(later(35));
        assert_eq!(
            rest.due_at,
            Some(later(45)),
            "what the first calls left does not wait for the last one"
        );
        rest.watch(later(45));
        assert_eq!(
            rest.due_at,
            Some(later(55)),
            "the last one is still remembered"
        );
        rest.watch(later(55));
        assert_eq!(rest.due_at, Some(later(57)), "and then it is not");
        rest.watch(later(57));
        assert_eq!(rest.due_at, None);
    }
}
