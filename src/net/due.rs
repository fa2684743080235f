//! Whose turn comes next? The calls in the order of their due times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::base::CallId;

/// One due time for each call.
#[derive(Default)]
pub(super) struct Due {
    order: BTreeSet<(Instant, CallId)>,
    at: BTreeMap<CallId, Instant>,
}

impl Due {
    /// Replaces the due time of the call.
    pub(super) fn set(&mut self, call: CallId, at: Instant) {
        if let Some(old) = self.at.insert(call, at) {
            if old == at {
                return;
            }
            self.order.remove(&(old, call));
        }
        self.order.insert((at, call));
    }

    pub(super) fn remove(&mut self, call: CallId) {
        if let Some(at) = self.at.remove(&call) {
            self.order.remove(&(at, call));
        }
    }

    /// The earliest due time.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.order.first().map(|&(at, _)| at)
    }

    /// Moves all calls that are due at `now` into `calls`; they keep their times until `set`.
    pub(super) fn collect(&self, now: Instant, calls: &mut Vec<CallId>) {
        calls.extend(
            self.order
                .iter()
                .take_while(|&&(at, _)| at <= now)
                .map(|&(_, call)| call),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_come_in_the_order_of_their_last_due_time() {
        let t0 = Instant::now();
        let ms = |n| t0 + Duration::from_millis(n);
        let mut due = Due::default();
        due.set(CallId(1), ms(30));
        due.set(CallId(2), ms(20));
        due.set(CallId(3), ms(40));
        due.set(CallId(1), ms(10));
        due.set(CallId(1), ms(10));
        assert_eq!(due.next_at(), Some(ms(10)));

        let mut calls = Vec::new();
        due.collect(ms(25), &mut calls);
        assert_eq!(calls, [CallId(1), CallId(2)]);
        due.remove(CallId(1));
        due.remove(CallId(1));
        assert_eq!(due.next_at(), Some(ms(20)));
    }
}
