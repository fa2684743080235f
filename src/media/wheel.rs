//! When is it whose turn to get a packet, so that none waits for another and there is no crowd?
//!
//! ```text
//!  a packet length of 20 ms has 20 places, one each millisecond, over and over:
//!
//!  0 ms     1        2        3  …  19       20 = place 0 of the next turn
//!  ├ a b c ─┼ d e f ─┼────────┼──…──┼────────┼ a b c
//! ```
//!
//! A place takes a batch, which one system call sends, before the next is opened: few listeners
//! cost few wake-ups. When all places within reach have theirs, the emptiest takes more.

use std::time::{Duration, Instant};

use crate::base::CallId;

/// The places of one packet length and who has them.
pub struct Wheel {
    epoch: Instant,
    places: Vec<Vec<CallId>>,
    n_calls: usize,
    /// The place to be served next, counted from the epoch on through all turns.
    next: u64,
}

/// A moment at which some calls get a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which packet length since the epoch.
    pub period: u64,
    /// Which place in it.
    pub place: usize,
    /// When it should be served.
    pub at: Instant,
}

impl Wheel {
    /// For packets of `ptime`, of at least a millisecond, whose turns are counted from `epoch`.
    pub fn new(ptime: Duration, epoch: Instant) -> Self {
        let n = (ptime.as_micros() / PITCH.as_micros()).max(1);
        Self {
            epoch,
            places: vec![Vec::new(); n as usize],
            n_calls: 0,
            next: 0,
        }
    }

    /// Gives the call a place that comes within 10 ms; returns its first turn.
    pub fn join(&mut self, call: CallId, now: Instant) -> Turn {
        let behind = self.count(now) + 1;
        if self.n_calls == 0 || self.next < behind {
            self.next = self.next.max(behind);
        }
        let reach = self.next..self.next + REACH.min(self.places.len() as u64);
        let n_in = |nth: &u64| self.places[self.place(*nth)].len();
        let open = reach.clone().filter(|nth| n_in(nth) < BATCH);
        // Of equals the earliest: `max_by_key` takes the last, so it looks from behind.
        let fullest = open.rev().max_by_key(n_in);
        let nth = fullest.or_else(|| reach.min_by_key(n_in));
        let nth = nth.unwrap_or(self.next);
        let place = self.place(nth);
        self.places[place].push(call);
        self.n_calls += 1;
        self.turn(nth)
    }

    /// Frees the place.
    pub fn leave(&mut self, call: CallId, place: usize) {
        let Some(calls) = self.places.get_mut(place) else {
            return;
        };
        if let Some(at) = calls.iter().position(|&other| other == call) {
            calls.swap_remove(at);
            self.n_calls -= 1;
        }
    }

    /// Who has the place.
    pub fn calls(&self, place: usize) -> &[CallId] {
        self.places.get(place).map_or(&[], Vec::as_slice)
    }

    /// Whether nobody has a place.
    pub fn is_empty(&self) -> bool {
        self.n_calls == 0
    }

    /// When the next call gets a packet.
    pub fn due_at(&self) -> Option<Instant> {
        self.next_taken().map(|nth| self.turn(nth).at)
    }

    /// The next turn that is due at `now`; to be called until `None`. After a longer sleep of the
    /// machine what was missed is left out.
    pub fn poll(&mut self, now: Instant) -> Option<Turn> {
        let oldest = now.checked_sub(LONGEST_LAG).map_or(0, |at| self.count(at));
        self.next = self.next.max(oldest);
        let nth = self.next_taken()?;
        let turn = self.turn(nth);
        if turn.at > now {
            return None;
        }
        self.next = nth + 1;
        Some(turn)
    }

    fn next_taken(&self) -> Option<u64> {
        if self.n_calls == 0 {
            return None;
        }
        let round = self.next..self.next + self.places.len() as u64;
        let is_taken = |nth: &u64| !self.places[self.place(*nth)].is_empty();
        round.into_iter().find(is_taken)
    }

    fn place(&self, nth: u64) -> usize {
        (nth % self.places.len() as u64) as usize
    }

    fn turn(&self, nth: u64) -> Turn {
        Turn {
            period: nth / self.places.len() as u64,
            place: self.place(nth),
            at: self.epoch + Duration::from_micros(nth * PITCH.as_micros() as u64),
        }
    }

    /// The last place that has begun by `now`.
    fn count(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.epoch);
        (since.as_micros() / PITCH.as_micros()) as u64
    }
}

/// From one place to the next: the thread wakes no more often.
const PITCH: Duration = Duration::from_millis(1);
/// Places among which a new listener may be put: half of what a listener may wait for its start.
const REACH: u64 = 10;
/// Packets that one system call sends; more make it no cheaper.
const BATCH: usize = 32;
/// As for other calls: after a longer sleep nobody wants all that was due.
const LONGEST_LAG: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn wheel() -> (Wheel, Instant) {
        let t0 = Instant::now();
        (Wheel::new(20 * MS, t0), t0)
    }

    #[test]
    fn a_listener_starts_within_ten_milliseconds_and_then_every_twenty() {
        let (mut wheel, t0) = wheel();
        for (i, us) in [0, 999, 1_000, 7_777, 123_456].into_iter().enumerate() {
            let now = t0 + Duration::from_micros(us);
            let first = wheel.join(CallId(i as u64), now);
            assert!(first.at > now && first.at <= now + 10 * MS, "{us}");
        }
        let mut turns = Vec::new();
        for ms in 124..=323 {
            while let Some(turn) = wheel.poll(t0 + ms * MS) {
                assert_eq!(turn.at, t0 + ms * MS, "each at its millisecond");
                let calls = wheel.calls(turn.place).to_vec();
                turns.extend(calls.into_iter().map(|call| (call, turn.at)));
            }
        }
        for call in (0..5).map(CallId) {
            let at: Vec<_> = turns.iter().filter(|(c, _)| *c == call).collect();
            assert_eq!(at.len(), 10);
            assert!(at.windows(2).all(|w| w[1].1 - w[0].1 == 20 * MS));
        }
    }

    #[test]
    fn few_share_a_wake_up_and_many_are_spread_evenly() {
        let (mut wheel, t0) = wheel();
        for call in 0..20 {
            wheel.join(CallId(call), t0 + Duration::from_micros(call));
        }
        let n_taken = |wheel: &Wheel| (0..20).filter(|&p| !wheel.calls(p).is_empty()).count();
        assert_eq!(n_taken(&wheel), 1);
        let mut now = t0;
        for call in 20..2_000 {
            now += Duration::from_micros(700);
            while wheel.poll(now).is_some() {}
            wheel.join(CallId(call), now);
        }
        let sizes: Vec<_> = (0..20).map(|p| wheel.calls(p).len()).collect();
        assert!(sizes.iter().all(|n| (90..=110).contains(n)), "{sizes:?}");
    }

    #[test]
    fn who_has_left_gets_nothing_and_an_empty_wheel_stands_still() {
        let (mut wheel, t0) = wheel();
        let turn = wheel.join(CallId(1), t0);
        wheel.leave(CallId(1), turn.place);
        wheel.leave(CallId(1), turn.place);
        assert!(wheel.is_empty() && wheel.due_at().is_none());
        assert_eq!(wheel.poll(t0 + 50 * MS), None);
        let later = wheel.join(CallId(2), t0 + 5_000 * MS);
        assert_eq!(wheel.due_at(), Some(later.at));
        assert!(later.at <= t0 + 5_010 * MS);
    }

    #[test]
    fn after_a_sleep_of_the_machine_there_is_no_burst() {
        let (mut wheel, t0) = wheel();
        wheel.join(CallId(1), t0);
        let now = t0 + 3_600_000 * MS;
        let n = std::iter::from_fn(|| wheel.poll(now)).count();
        assert!((9..=11).contains(&n), "{n}");
    }
}
