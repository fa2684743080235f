//! How often may somebody try to guess a PIN?
//!
//! Three rules, each for one page by itself, so that nobody can lock a number for all:
//!
//! - Whoever enters ten wrong PINs in a row, over any number of calls, is not listened to for a
//!   quarter of an hour; each three more double that, up to a day. A right PIN clears it.
//! - When many guess at once, from wherever, every verdict on that page takes some seconds, the
//!   right ones too; nobody is turned away by it.
//! - Then also only a few strangers may try at a time: those who have never entered the PIN of
//!   that page. That does not hold for emergencies, since the few could be attackers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Who has entered wrong PINs for which page. Room is bounded: the oldest are forgotten first.
#[derive(Debug, Default)]
pub(super) struct Lockouts {
    guesses: BTreeMap<Who, Guesses>,
    rushes: BTreeMap<String, Rush>,
    friends: BTreeSet<Who>,
}

/// The name of a page, and who calls it.
pub(super) type Who = (String, String);

#[derive(Clone, Copy, Debug)]
struct Guesses {
    /// In a row.
    n_wrong: u32,
    last_at: Instant,
    locked_until: Option<Instant>,
}

/// How many wrong PINs a page has got of late, whoever entered them.
#[derive(Clone, Copy, Debug)]
struct Rush {
    n_wrong: f64,
    at: Instant,
}

impl Lockouts {
    /// Whether no PIN of theirs counts now.
    pub(super) fn is_locked(&self, who: &Who, now: Instant) -> bool {
        let until = self.guesses.get(who).and_then(|it| it.locked_until);
        until.is_some_and(|until| now < until)
    }

    /// They have entered the right PIN.
    pub(super) fn right(&mut self, who: &Who) {
        self.guesses.remove(who);
        if self.friends.len() >= MOST_KNOWN {
            self.friends.pop_first();
        }
        self.friends.insert(who.clone());
    }

    /// They have entered a wrong PIN; for how long they are locked out, if they are from now on.
    pub(super) fn wrong(&mut self, who: &Who, now: Instant) -> Option<Duration> {
        let n_wrong = self.rush(&who.0, now) + 1.0;
        self.rushes.insert(who.0.clone(), Rush { n_wrong, at: now });
        self.make_room(now);
        let fresh = Guesses {
            n_wrong: 0,
            last_at: now,
            locked_until: None,
        };
        let known = self.guesses.entry(who.clone()).or_insert(fresh);
        known.last_at = now;
        known.n_wrong = known.n_wrong.saturating_add(1);
        let more = known.n_wrong.checked_sub(FIRST_LOCK)?;
        if more % NEXT_LOCK != 0 {
            return None;
        }
        let doubled = 1 << (more / NEXT_LOCK).min(16);
        let span = (LOCK * doubled).min(LONGEST_LOCK);
        known.locked_until = Some(now + span);
        Some(span)
    }

    /// How long a verdict on this page takes now.
    pub(super) fn pause(&self, page: &str, now: Instant) -> Duration {
        let surplus = self.rush(page, now) - MANY;
        if surplus < 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(surplus + 1.0).min(LONGEST_PAUSE)
    }

    /// Whether a stranger has to come later, when `n_trying` are about to enter the page's PIN.
    pub(super) fn is_full(&self, who: &Who, n_trying: usize, now: Instant) -> bool {
        let is_stranger = !self.friends.contains(who);
        is_stranger && n_trying >= MOST_STRANGERS && self.rush(&who.0, now) >= MANY
    }

    /// Wrong PINs of late; they are forgotten one after the other.
    fn rush(&self, page: &str, now: Instant) -> f64 {
        let Some(rush) = self.rushes.get(page) else {
            return 0.0;
        };
        let span = now.saturating_duration_since(rush.at).as_secs_f64();
        (rush.n_wrong - span / FORGOTTEN_AFTER.as_secs_f64()).clamp(0.0, MOST_COUNTED)
    }

    fn make_room(&mut self, now: Instant) {
        self.guesses
            .retain(|_, it| now.saturating_duration_since(it.last_at) < MEMORY);
        if self.guesses.len() < MOST_KNOWN {
            return;
        }
        let oldest = self.guesses.iter().min_by_key(|(_, it)| it.last_at);
        if let Some(oldest) = oldest.map(|(who, _)| who.clone()) {
            self.guesses.remove(&oldest);
        }
    }
}

/// Wrong PINs in a row until the first lock.
pub(super) const FIRST_LOCK: u32 = 10;
/// As many as one call may enter, until the next.
const NEXT_LOCK: u32 = 3;
const LOCK: Duration = Duration::from_secs(15 * 60);
const LONGEST_LOCK: Duration = Duration::from_secs(24 * 3600);
/// After so long without a wrong one it is another person, or the same with a better memory.
const MEMORY: Duration = Duration::from_secs(2 * 24 * 3600);
/// Sources that are remembered; a few hundred bytes each.
const MOST_KNOWN: usize = 4_096;
/// More wrong PINs than a staff enters within a few minutes.
const MANY: f64 = 20.0;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(20);
/// A rush is over ten minutes after its end, however large it was.
const MOST_COUNTED: f64 = 50.0;
/// So long a person waits for a tone before giving up.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const MOST_STRANGERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Who {
        ("fire".to_owned(), name.to_owned())
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn ten_wrong_in_a_row_lock_and_each_three_more_lock_twice_as_long() {
        let mut now = Instant::now();
        let (mut lockouts, bob) = (Lockouts::default(), who("bob"));
        let mut locks = Vec::new();
        for n in 1..=34 {
            if let Some(span) = lockouts.wrong(&bob, now) {
                assert!(lockouts.is_locked(&bob, now));
                assert!(!lockouts.is_locked(&who("eve"), now));
                now += span;
                locks.push((n, span.as_secs() / 60));
            }
            assert!(!lockouts.is_locked(&bob, now));
        }
        assert_eq!(
            locks,
            [
                (10, 15),
                (13, 30),
                (16, 60),
                (19, 120),
                (22, 240),
                (25, 480),
                (28, 960),
                (31, 1440),
                (34, 1440),
            ]
        );
    }

    #[test]
    fn a_right_pin_and_two_days_clear_what_was_wrong() {
        let now = Instant::now();
        let (mut lockouts, bob) = (Lockouts::default(), who("bob"));
        for _ in 0..3 {
            for _ in 0..9 {
                assert_eq!(lockouts.wrong(&bob, now), None);
            }
            lockouts.right(&bob);
        }
        for _ in 0..9 {
            lockouts.wrong(&bob, now);
        }
        assert_eq!(lockouts.wrong(&bob, now + MEMORY), None);
    }

    #[test]
    fn a_rush_from_everywhere_slows_down_and_turns_away_strangers_only_and_passes() {
        let now = Instant::now();
        let mut lockouts = Lockouts::default();
        lockouts.right(&who("friend"));
        for n in 0..100 {
            assert_eq!(lockouts.pause("fire", now) > Duration::ZERO, n >= 20, "{n}");
            assert_eq!(lockouts.is_full(&who("eve"), 4, now), n >= 20);
            assert_eq!(lockouts.wrong(&who(&n.to_string()), now), None);
        }
        assert_eq!(lockouts.pause("fire", now), LONGEST_PAUSE);
        assert!(!lockouts.is_full(&who("eve"), 3, now));
        assert!(!lockouts.is_full(&who("friend"), 50, now));
        assert_eq!(lockouts.pause("other", now), Duration::ZERO);
        assert_eq!(lockouts.pause("fire", now + 11 * MINUTE), Duration::ZERO);
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut lockouts = Lockouts::default();
        for n in 0..2 * MOST_KNOWN {
            let other = who(&n.to_string());
            lockouts.wrong(&other, now + Duration::from_millis(n as u64));
            lockouts.right(&who(&format!("friend {n}")));
        }
        assert_eq!(lockouts.guesses.len(), MOST_KNOWN);
        assert!(lockouts.friends.len() <= MOST_KNOWN);
        assert!(lockouts.guesses.contains_key(&who("8191")));
    }
}
