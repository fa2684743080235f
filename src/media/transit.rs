//! How late do packets come, and how late will the next one be?

use std::time::{Duration, Instant};

/// The lateness of packets, each against the fastest of the last seconds.
pub(super) struct Transit {
    rate: f64,
    origin: Option<Instant>,
    /// The least transit in each of the last spans; the oldest first.
    floors: [Option<i64>; N_FLOORS],
    floor_until: Option<Instant>,
    /// The lateness of the last packets in frames, a ring.
    late: Vec<u16>,
    at: usize,
    quantile: usize,
}

impl Transit {
    /// For positions that count `rate` frames a second.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            rate,
            origin: None,
            floors: [None; N_FLOORS],
            floor_until: None,
            late: Vec::new(),
            at: 0,
            quantile: 0,
        }
    }

    /// Takes note of a packet that came at `now` and starts at `position`; returns how late it
    /// was, in frames.
    pub(super) fn observe(&mut self, now: Instant, position: u64) -> usize {
        let transit = self.transit(now, position);
        self.advance(now);
        let floor = &mut self.floors[N_FLOORS - 1];
        *floor = Some(floor.map_or(transit, |f| f.min(transit)));
        let late = self.lateness(now, position);
        self.remember(late);
        late
    }

    /// Takes note of a packet that never came: it could have been replaced well only `late`
    /// frames after its time, when the next one was there.
    pub(super) fn lost(&mut self, late: usize) {
        for _ in 0..LOST_WEIGHS {
            self.remember(late);
        }
    }

    /// How late something at `position` is at `now`, in frames; 0 if it is early.
    pub(super) fn lateness(&mut self, now: Instant, position: u64) -> usize {
        let transit = self.transit(now, position);
        (transit - self.floor().unwrap_or(transit)).max(0) as usize
    }

    /// How far `position` is from where the packets of the last seconds would be at `now`, in
    /// frames; `None` before the first.
    pub(super) fn jump(&mut self, now: Instant, position: u64) -> Option<i64> {
        let transit = self.transit(now, position);
        self.floor().map(|floor| transit - floor)
    }

    /// Frames of lateness that hardly any packet exceeds.
    pub(super) fn allowance(&self) -> usize {
        let least = if self.late.len() < N_NEWCOMER {
            NEWCOMER
        } else {
            PATIENCE
        };
        self.quantile.max(self.frames(least)).min(self.frames(MOST))
    }

    /// Positions start anew; what is known of the lateness stands.
    pub(super) fn reset(&mut self) {
        self.floors = [None; N_FLOORS];
        self.floor_until = None;
    }

    fn frames(&self, span: Duration) -> usize {
        (span.as_secs_f64() * self.rate) as usize
    }

    fn transit(&mut self, now: Instant, position: u64) -> i64 {
        let origin = *self.origin.get_or_insert(now);
        let elapsed = now.saturating_duration_since(origin).as_secs_f64() * self.rate;
        elapsed as i64 - position as i64
    }

    fn floor(&self) -> Option<i64> {
        self.floors.iter().flatten().min().copied()
    }

    fn advance(&mut self, now: Instant) {
        let until = *self.floor_until.get_or_insert(now + FLOOR_SPAN);
        if now < until {
            return;
        }
        let spans = now.duration_since(until).as_nanos() / FLOOR_SPAN.as_nanos() + 1;
        self.floor_until = Some(now + FLOOR_SPAN);
        // After a long silence the last floor is better than none.
        for _ in 0..spans.min(N_FLOORS as u128 - 1) {
            self.floors.rotate_left(1);
            self.floors[N_FLOORS - 1] = None;
        }
    }

    fn remember(&mut self, late: usize) {
        let late = late.min(self.frames(MOST)).min(usize::from(u16::MAX)) as u16;
        if self.late.len() < N_REMEMBERED {
            self.late.push(late);
        } else {
            self.late[self.at] = late;
        }
        self.at = (self.at + 1) % N_REMEMBERED;
        if self.at.is_multiple_of(REFRESH) || usize::from(late) > self.quantile {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        let mut sorted = [0u16; N_REMEMBERED];
        let n = self.late.len();
        sorted[..n].copy_from_slice(&self.late);
        let above = n / ONE_ABOVE_OF;
        let (_, quantile, _) = sorted[..n].select_nth_unstable(n - 1 - above);
        self.quantile = usize::from(*quantile);
    }
}

/// Spans for the fastest packet: 4 s in all. Longer, and a clock that is 500 ppm off would look
/// like milliseconds of jitter; shorter, and a few late packets in a row would pass for the rule.
const N_FLOORS: usize = 8;
const FLOOR_SPAN: Duration = Duration::from_millis(500);
/// About 10 s of packets of 20 ms.
const N_REMEMBERED: usize = 512;
/// One packet in so many may come later than the allowance: then it costs a short concealment.
const ONE_ABOVE_OF: usize = 256;
/// A lost packet counts so many times: its place is heard more than a late one's.
const LOST_WEIGHS: usize = 2;
/// How many packets between two looks at the quantile while nothing is later than it.
const REFRESH: usize = 8;
/// What a sender's timer and two threads' waking cost on a quiet machine.
const PATIENCE: Duration = Duration::from_micros(500);
/// The same, as long as little is known.
const NEWCOMER: Duration = Duration::from_millis(3);
const N_NEWCOMER: usize = 50;
/// Beyond this, speech is no conversation and no announcement either.
const MOST: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(packets: u32, delay_ms: impl Fn(u32) -> u32) -> Transit {
        let start = Instant::now();
        let mut transit = Transit::new(8_000.0);
        for i in 0..packets {
            let now = start + 20 * MS * i + MS * delay_ms(i);
            transit.observe(now, 5_000 + 160 * u64::from(i));
        }
        transit
    }

    #[test]
    fn an_even_network_asks_for_patience_only() {
        assert_eq!(after(200, |_| 30).allowance(), 4);
        assert_eq!(after(10, |_| 30).allowance(), 24);
    }

    #[test]
    fn the_allowance_covers_regular_jitter_at_once() {
        assert_eq!(after(6, |i| i % 5 * 10).allowance(), 40 * 8);
    }

    #[test]
    fn one_straggler_among_many_is_not_waited_for() {
        let transit = after(400, |i| if i == 300 { 90 } else { 0 });
        assert_eq!(transit.allowance(), 4);
    }

    #[test]
    fn jitter_is_forgotten_within_fifteen_seconds() {
        let transit = after(1_250, |i| if i < 500 { i % 5 * 10 } else { 0 });
        assert_eq!(transit.allowance(), 4);
    }

    #[test]
    fn a_longer_route_becomes_the_rule() {
        let transit = after(1_250, |i| if i < 500 { 10 } else { 60 });
        assert_eq!(transit.allowance(), 4);
    }

    #[test]
    fn a_skewed_clock_is_hardly_seen() {
        let start = Instant::now();
        let mut transit = Transit::new(8_000.0);
        for i in 0..3_000u64 {
            let now = start + Duration::from_nanos(i * 20_010_000);
            transit.observe(now, i * 160);
        }
        assert!(transit.allowance() <= 17, "{}", transit.allowance());
    }
}
