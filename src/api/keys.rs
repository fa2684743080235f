//! Was this asked before (`Idempotency-Key`)?
//!
//! A program that got no answer asks again with the same key, and gets the first answer in place
//! of a second page.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// The keys of the last day.
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: HashMap<Name, Known>,
    /// In the order of coming.
    order: VecDeque<Name>,
}

/// A key, and who uses it.
type Name = (String, String);

#[derive(Debug)]
struct Known {
    body: [u8; 32],
    at: Instant,
    answer: Option<Answer>,
}

/// What was answered: the status, where the page is, and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) location: String,
    pub(super) body: Vec<u8>,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Never before; `finish` has to follow.
    New,
    /// The same is being done now.
    Running,
    /// It was done.
    Done(Answer),
    /// Something else was asked with the key.
    Other,
}

impl Keys {
    pub(super) fn begin(&mut self, user: &str, key: &str, body: &[u8], now: Instant) -> Seen {
        self.forget(now);
        let name = (user.to_owned(), key.to_owned());
        let body: [u8; 32] = Sha256::digest(body).into();
        match self.known.get(&name) {
            Some(known) if known.body != body => Seen::Other,
            Some(Known { answer: None, .. }) => Seen::Running,
            Some(Known {
                answer: Some(answer),
                ..
            }) => Seen::Done(answer.clone()),
            None => {
                let answer = None;
                self.known.insert(
                    name.clone(),
                    Known {
                        body,
                        at: now,
                        answer,
                    },
                );
                self.order.push_back(name);
                Seen::New
            }
        }
    }

    /// What has come of it; a failure may be tried again.
    pub(super) fn finish(&mut self, user: &str, key: &str, answer: Option<Answer>) {
        let name = (user.to_owned(), key.to_owned());
        match (self.known.get_mut(&name), answer) {
            (Some(known), Some(answer)) => known.answer = Some(answer),
            (Some(_), None) => {
                self.known.remove(&name);
                self.order.retain(|it| *it != name);
            }
            (None, _) => {}
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some(first) = self.order.front() {
            let at = self.known.get(first).map(|it| it.at);
            let is_old = at.is_none_or(|at| now.saturating_duration_since(at) > KEPT);
            if !is_old && self.order.len() < MOST {
                return;
            }
            self.known.remove(first);
            self.order.pop_front();
        }
    }
}

/// A program that was down for the night may still ask again.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

const MOST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer {
            location: text.to_owned(),
            body: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_request_is_done_once_and_answered_alike() {
        let now = Instant::now();
        let mut keys = Keys::default();
        assert_eq!(keys.begin("ann", "k", b"a", now), Seen::New);
        assert_eq!(keys.begin("ann", "k", b"a", now), Seen::Running);
        keys.finish("ann", "k", Some(answer("one")));
        assert_eq!(keys.begin("ann", "k", b"a", now), Seen::Done(answer("one")));
        assert_eq!(keys.begin("ann", "k", b"b", now), Seen::Other);
        assert_eq!(keys.begin("bob", "k", b"b", now), Seen::New);
        let tomorrow = now + KEPT + Duration::from_secs(1);
        assert_eq!(keys.begin("ann", "k", b"b", tomorrow), Seen::New);
    }

    #[test]
    fn what_failed_may_be_tried_again_and_a_flood_of_keys_is_bounded() {
        let now = Instant::now();
        let mut keys = Keys::default();
        assert_eq!(keys.begin("ann", "k", b"a", now), Seen::New);
        keys.finish("ann", "k", None);
        assert_eq!(keys.begin("ann", "k", b"a", now), Seen::New);
        for n in 0..MOST * 2 {
            keys.begin("ann", &n.to_string(), b"a", now);
        }
        assert!(keys.known.len() <= MOST && keys.order.len() == keys.known.len());
    }
}
