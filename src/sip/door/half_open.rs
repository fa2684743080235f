//! Which calls wait to be confirmed, and which of them makes room for another?
//!
//! Anybody can call in the name of anybody. Such a call is answered, but its answer is confirmed
//! by nobody, as the one in whose name it came knows nothing of it. So calls of sources that have
//! never confirmed one have a share of the places only, and the oldest that was answered and not
//! confirmed makes room: who really calls confirms within a moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sip::hub::{Inbox, Input};

/// All calls of unproven sources that are not confirmed yet.
#[derive(Default)]
pub(crate) struct HalfOpens(Mutex<Table>);

#[derive(Default)]
struct Table {
    n_ever: u64,
    /// In the order of arrival.
    waiting: BTreeMap<u64, Waiting>,
}

struct Waiting {
    inbox: Inbox,
    answered_at: Option<Instant>,
}

/// A call's place among them, given back when it is dropped; a call of a proven source needs none.
pub(crate) struct HalfOpen {
    number: Option<u64>,
    among: Arc<HalfOpens>,
}

impl HalfOpens {
    /// A place that nobody has to make room for.
    pub(crate) fn proven(self: &Arc<Self>) -> HalfOpen {
        HalfOpen {
            number: None,
            among: self.clone(),
        }
    }

    /// One of `most` places; `None` if none is free and nobody can be sent away.
    pub(crate) fn enter(
        self: &Arc<Self>,
        inbox: &Inbox,
        most: usize,
        now: Instant,
    ) -> Option<HalfOpen> {
        let mut table = self.lock();
        if table.waiting.len() >= most {
            table.make_room(now)?;
        }
        table.n_ever += 1;
        let number = table.n_ever;
        let waiting = Waiting {
            inbox: inbox.clone(),
            answered_at: None,
        };
        table.waiting.insert(number, waiting);
        Some(HalfOpen {
            number: Some(number),
            among: self.clone(),
        })
    }

    /// A panic elsewhere must not keep callers out.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn make_room(&mut self, now: Instant) -> Option<()> {
        let is_forsaken = |it: &Waiting| it.answered_at.is_some_and(|at| now - at >= CONFIRM_FOR);
        let oldest = self.waiting.iter().find(|(_, it)| is_forsaken(it));
        let number = oldest.map(|(&number, _)| number)?;
        let gone = self.waiting.remove(&number)?;
        // One that is over already does not hear it.
        let _ = gone.inbox.send(Input::Forsaken);
        Some(())
    }
}

impl HalfOpen {
    /// The call is answered: from now on its caller is expected to confirm.
    pub(crate) fn answered(&self, now: Instant) {
        if let Some(number) = self.number
            && let Some(waiting) = self.among.lock().waiting.get_mut(&number)
        {
            waiting.answered_at = Some(now);
        }
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.among.lock().waiting.remove(&number);
        }
    }
}

/// An answer that gets lost comes again after half a second, and a second after that.
const CONFIRM_FOR: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn the_oldest_that_nobody_confirmed_makes_room_and_one_that_rings_does_not() {
        let all = Arc::new(HalfOpens::default());
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let (rings, mut heard_by_ringing) = mpsc::unbounded_channel();
        let (first, mut heard_by_first) = mpsc::unbounded_channel();
        let (second, mut heard_by_second) = mpsc::unbounded_channel();

        let _ringing = all.enter(&rings, 3, at(0)).unwrap();
        let one = all.enter(&first, 3, at(1)).unwrap();
        let two = all.enter(&second, 3, at(2)).unwrap();
        one.answered(at(10));
        two.answered(at(20));
        assert!(all.enter(&rings, 3, at(1_000)).is_none(), "too early");
        assert!(all.enter(&rings, 3, at(2_030)).is_some());
        assert!(matches!(heard_by_first.try_recv(), Ok(Input::Forsaken)));
        assert!(heard_by_second.try_recv().is_err() && heard_by_ringing.try_recv().is_err());

        drop(two);
        assert!(
            all.enter(&rings, 3, at(2_031)).is_some(),
            "it has gone by itself"
        );
        drop(all.proven());
        assert_eq!(
            all.lock().waiting.len(),
            1,
            "what was entered and dropped is free"
        );
    }
}
