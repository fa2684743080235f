//! Which events are remembered, and who still has to hear of them?
//!
//! One ring of recent events serves all subscribers; each knows which one it had last. Whoever is
//! so slow that the ring has gone round has missed something, and is told so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::news::{Event, News};
use super::time;

/// The ring, and a bell that rings for each event.
#[derive(Debug)]
pub(super) struct Bulletin {
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Told>>,
    newest: u64,
}

/// An event, written once for all.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub(super) id: u64,
    pub(super) event: Event,
    pub(super) json: String,
}

/// Events were missed: the oldest that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) oldest: u64,
}

impl Bulletin {
    /// Ids begin with the time, so that those of an earlier run are lower.
    pub(super) fn new(now: Timestamp) -> Self {
        let newest = u64::try_from(now.as_second()).unwrap_or(0) * IDS_A_SECOND;
        Self {
            ring: Mutex::new(Ring {
                events: VecDeque::with_capacity(MOST),
                newest,
            }),
            newest: watch::Sender::new(newest),
        }
    }

    /// For all who listen, and for those who will ask for it.
    pub(super) fn publish(&self, what: News, now: Timestamp) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let id = ring.newest + 1;
        let event = Event {
            id: id.to_string(),
            at: time::written(now),
            what,
        };
        let json = serde_json::to_string(&event).unwrap_or_default();
        if ring.events.len() == MOST {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::new(Told { id, event, json }));
        ring.newest = id;
        drop(ring);
        self.newest.send_replace(id);
    }

    /// The next events after that one, as many at a time as a subscriber should write at once.
    ///
    /// # Errors
    /// Some of them are forgotten.
    pub(super) fn after(&self, id: u64) -> Result<Vec<Arc<Told>>, Missed> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = ring.events.front().map_or(ring.newest + 1, |it| it.id);
        if id.saturating_add(1) < oldest {
            return Err(Missed { oldest });
        }
        let later = ring.events.iter().skip_while(|it| it.id <= id);
        Ok(later.take(AT_ONCE).cloned().collect())
    }

    pub(super) fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Wakes for each event.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

/// A lively minute at a large site.
const MOST: usize = 4_096;

const AT_ONCE: usize = 64;

/// More than a daemon can tell of.
const IDS_A_SECOND: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::news::Level;

    fn note(n: usize) -> News {
        News::Note {
            level: Level::Info,
            text: n.to_string(),
        }
    }

    #[test]
    fn events_are_told_from_any_that_is_remembered() {
        let now = Timestamp::from_second(1_763_730_000).unwrap();
        let bulletin = Bulletin::new(now);
        let start = bulletin.newest();
        assert_eq!(start, 1_763_730_000_000_000);
        assert_eq!(bulletin.after(start), Ok(Vec::new()));
        assert_eq!(bulletin.after(start + 5), Ok(Vec::new()), "of the future");
        (0..3).for_each(|n| bulletin.publish(note(n), now));
        let ids = |after| -> Vec<u64> {
            bulletin
                .after(after)
                .unwrap()
                .iter()
                .map(|it| it.id)
                .collect()
        };
        assert_eq!(ids(start), [start + 1, start + 2, start + 3]);
        assert_eq!(ids(start + 2), [start + 3]);
        let told = &bulletin.after(start).unwrap()[0];
        assert_eq!(
            told.json,
            format!(
                r#"{{"id":"{}","at":"2025-11-21T13:00:00.000Z","type":"note","level":"info","text":"0"}}"#,
                start + 1
            )
        );
    }

    #[test]
    fn who_asks_for_what_is_forgotten_learns_it() {
        let now = Timestamp::from_second(1_763_730_000).unwrap();
        let bulletin = Bulletin::new(now);
        let start = bulletin.newest();
        let oldest = start + 1;
        assert_eq!(
            bulletin.after(start - 1),
            Err(Missed { oldest }),
            "of an earlier run"
        );
        (0..MOST + 10).for_each(|n| bulletin.publish(note(n), now));
        let oldest = start + 11;
        assert_eq!(bulletin.after(start), Err(Missed { oldest }));
        assert_eq!(bulletin.after(oldest - 1).unwrap().len(), AT_ONCE);
    }
}
