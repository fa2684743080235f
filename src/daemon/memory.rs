//! Who gives memory back when the rush is over?
//!
//! The allocator keeps what a burst of calls has freed, in case of another one. On a small box
//! that runs for years the other programs need it more.
#![expect(
    unsafe_code,
    reason = "the C library offers no safe way to return free memory"
)]

use std::time::{Duration, Instant};

/// Watches for quiet times after calls.
#[derive(Debug, Default)]
pub(super) struct Rest {
    due_at: Option<Instant>,
}

impl Rest {
    /// To be called now and then; `n_calls` are under way.
    pub(super) fn watch(&mut self, n_calls: usize, now: Instant) {
        if n_calls > 0 {
            self.due_at = Some(now + QUIET);
        } else if self.due_at.is_some_and(|at| at <= now) {
            self.due_at = None;
            give_back();
        }
    }
}

fn give_back() {
    // SAFETY: it takes no pointer and locks what it touches; a zero keeps no spare memory.
    let released = unsafe { libc::malloc_trim(0) };
    tracing::debug!("free memory given back: {}", released == 1);
}

/// Transactions are remembered for 32 s (64·T1, RFC 3261 §17) after the last call.
const QUIET: Duration = Duration::from_secs(35);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_after_the_last_call() {
        let now = Instant::now();
        let mut rest = Rest::default();
        rest.watch(0, now);
        assert_eq!(
            rest.due_at, None,
            "nothing to give back before the first call"
        );
        rest.watch(1, now);
        rest.watch(0, now + Duration::from_secs(34));
        assert!(rest.due_at.is_some(), "not quiet for long enough");
        rest.watch(0, now + QUIET);
        assert_eq!(rest.due_at, None);
    }
}
