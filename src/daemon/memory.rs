//! Who gives memory back when the rush is over?
//!
//! The allocator keeps what a burst of calls has freed, in case of another one. On a small box
//! that runs for years the other programs need it more.

use std::time::{Duration, Instant};

/// Waits for a quiet time after calls.
#[derive(Debug, Default)]
pub(super) struct Rest {
    due_at: Option<Instant>,
}

impl Rest {
    /// A call has come or gone.
    pub(super) fn disturb(&mut self, now: Instant) {
        self.due_at = Some(now + QUIET);
    }

    /// To be called every now and then.
    pub(super) fn watch(&mut self, now: Instant) {
        if self.due_at.take_if(|at| *at <= now).is_some() {
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

/// Transactions are remembered for 32 s (64·T1, RFC 3261 §17) after the last call.
const QUIET: Duration = Duration::from_secs(35);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_after_the_last_call() {
        let now = Instant::now();
        let mut rest = Rest::default();
        rest.disturb(now);
        rest.disturb(now + Duration::from_secs(30));
        rest.watch(now + QUIET);
        assert!(rest.due_at.is_some(), "not quiet for long enough");
        rest.watch(now + Duration::from_secs(30) + QUIET);
        assert_eq!(rest.due_at, None);
    }
}
