//! Which events are remembered, and who still has to hear of them?
//!
//! One ring of recent events serves all subscribers; each knows which one it had last. Whoever is
//! so slow that the ring has gone round has missed something, and is told so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::history::HistoryEntry;
use super::mark::Mark;
use super::news::{Event, News};
use super::time;

/// The ring, and a bell that rings for each event.
#[derive(Debug)]
pub(super) struct Bulletin {
    ring: Mutex<Ring>,
    newest: watch::Sender<Mark>,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Told>>,
    /// Of what was there before the first of them.
    before: Mark,
    newest: Mark,
}

/// An event, written once for all.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub(super) id: Mark,
    pub(super) event: Event,
    pub(super) json: String,
}

impl Told {
    fn new(id: Mark, at: String, what: News) -> Self {
        let event = Event {
            id: id.to_string(),
            at,
            what,
        };
        let json = serde_json::to_string(&event).unwrap_or_default();
        Self { id, event, json }
    }

    /// What is told of an entry of the history, now or later.
    pub(super) fn entry(id: Mark, entry: HistoryEntry) -> Self {
        Self::new(id, entry.at.clone(), News::History { entry })
    }
}

/// Events were missed: all that are left come after that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) before: Mark,
}

impl Bulletin {
    /// After the last entry of the history. What passes before the next one counts on from the
    /// time, so that it is none of an earlier run.
    pub(super) fn new(row: u64, now: Timestamp) -> Self {
        let n = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let newest = Mark { row, n };
        Self {
            ring: Mutex::new(Ring {
                events: VecDeque::with_capacity(MOST),
                before: newest,
                newest,
            }),
            newest: watch::Sender::new(newest),
        }
    }

    /// For all who listen, and for those who will ask for it. What is in the history has to be on
    /// the disk already.
    pub(super) fn publish(&self, what: News, now: Timestamp) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let next = ring.newest.next();
        let told = if let News::History { entry } = what {
            let row = entry.id.parse().unwrap_or(0);
            // A history that was begun anew counts from the start; its entries pass then.
            Told::entry(ring.newest.entry(row).unwrap_or(next), entry)
        } else {
            Told::new(next, time::written(now), what)
        };
        let id = told.id;
        if ring.events.len() == MOST
            && let Some(oldest) = ring.events.pop_front()
        {
            ring.before = oldest.id;
        }
        ring.events.push_back(Arc::new(told));
        ring.newest = id;
        drop(ring);
        self.newest.send_replace(id);
    }

    /// The next events after that one, as many at a time as a subscriber should write at once.
    ///
    /// # Errors
    /// Some of them are forgotten, or nobody knows that one.
    pub(super) fn after(&self, id: Mark) -> Result<Vec<Arc<Told>>, Missed> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if id < ring.before || id > ring.newest {
            let before = ring.before;
            return Err(Missed { before });
        }
        let later = ring.events.iter().skip_while(|it| it.id <= id);
        Ok(later.take(AT_ONCE).cloned().collect())
    }

    pub(super) fn newest(&self) -> Mark {
        *self.newest.borrow()
    }

    /// Wakes for each event.
    pub(super) fn subscribe(&self) -> watch::Receiver<Mark> {
        self.newest.subscribe()
    }
}

/// A lively minute at a large site.
const MOST: usize = 4_096;

const AT_ONCE: usize = 64;

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

    fn entry(id: u64) -> News {
        let entry = HistoryEntry {
            id: id.to_string(),
            at: "2025-11-21T12:59:00.000Z".to_owned(),
            kind: "change".to_owned(),
            who: String::new(),
            what: "daemon".to_owned(),
            zones: Vec::new(),
            missed: Vec::new(),
            seconds: None,
            outcome: String::new(),
            recordings: Vec::new(),
            text: "started".to_owned(),
        };
        News::History { entry }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_763_730_000).unwrap()
    }

    fn ids(bulletin: &Bulletin, after: Mark) -> Vec<String> {
        let told = bulletin.after(after).unwrap();
        told.iter().map(|it| it.id.to_string()).collect()
    }

    #[test]
    fn events_are_told_from_any_that_is_remembered() {
        let bulletin = Bulletin::new(41, now());
        let start = bulletin.newest();
        assert_eq!(start.to_string(), "41-1763730000000");
        assert_eq!(bulletin.after(start), Ok(Vec::new()));
        (0..2).for_each(|n| bulletin.publish(note(n), now()));
        bulletin.publish(entry(42), now());
        (0..2).for_each(|n| bulletin.publish(note(n), now()));
        let all = ["41-1763730000001", "41-1763730000002", "42", "42-1", "42-2"];
        assert_eq!(ids(&bulletin, start), all);
        for (at, id) in all.iter().enumerate() {
            assert_eq!(ids(&bulletin, id.parse().unwrap()), all[at + 1..]);
        }
        let told = &bulletin.after("42".parse().unwrap()).unwrap()[0];
        assert_eq!(
            told.json,
            r#"{"id":"42-1","at":"2025-11-21T13:00:00.000Z","type":"note","level":"info","text":"0"}"#
        );
        let told = &bulletin.after(start.next().next()).unwrap()[0];
        assert_eq!(told.event.at, "2025-11-21T12:59:00.000Z");
    }

    #[test]
    fn who_asks_for_what_is_forgotten_or_never_was_learns_it() {
        let bulletin = Bulletin::new(41, now());
        let before = bulletin.newest();
        let early = Mark { row: 41, n: 0 };
        assert_eq!(
            bulletin.after(early),
            Err(Missed { before }),
            "of an earlier run"
        );
        let late = Mark { row: 99, n: 0 };
        assert_eq!(
            bulletin.after(late),
            Err(Missed { before }),
            "of another history"
        );
        (0..MOST + 10).for_each(|n| bulletin.publish(note(n), now()));
        let tenth = Mark {
            n: before.n + 10,
            ..before
        };
        assert_eq!(bulletin.after(before), Err(Missed { before: tenth }));
        assert_eq!(bulletin.after(tenth).unwrap().len(), AT_ONCE);
    }

    #[test]
    fn a_history_that_begins_anew_does_not_turn_events_back() {
        let bulletin = Bulletin::new(41, now());
        let start = bulletin.newest();
        for row in [43, 1, 2, 44] {
            bulletin.publish(entry(row), now());
        }
        assert_eq!(ids(&bulletin, start), ["43", "43-1", "43-2", "44"]);
    }
}
