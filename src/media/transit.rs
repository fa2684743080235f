//! How late do packets come, and how late will the next one be?

use std::collections::VecDeque;
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
    n_seen: u64,
    /// How many packets were seen when one was found to be lost, as far as it is remembered.
    lost_at: VecDeque<u64>,
    /// Frames of the last packet that was lost.
    lost_frames: usize,
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
            n_seen: 0,
            lost_at: VecDeque::new(),
            lost_frames: 0,
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
        self.n_seen += 1;
        self.forget_lost();
        self.remember(late);
        late
    }

    /// Takes note of a packet of so many frames that never came.
    pub(super) fn lost(&mut self, frames: usize) {
        self.lost_at.push_back(self.n_seen);
        self.lost_frames = frames;
        self.forget_lost();
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

    /// Frames of lateness that hardly any packet exceeds: with less, sound comes too late.
    pub(super) fn needed(&self) -> usize {
        let least = if self.late.len() < N_NEWCOMER {
            NEWCOMER
        } else {
            PATIENCE
        };
        let known = self.quantile + self.unseen();
        known.max(self.frames(least)).min(self.frames(MOST))
    }

    /// By how much the latest packet of all may exceed the latest of those that were seen: of few,
    /// none has been so late yet. Twice the mean distance of so many, were they spread evenly.
    fn unseen(&self) -> usize {
        let n = self.late.len().max(2);
        2 * self.quantile / n
    }

    /// Frames of lateness that are worth their delay: a lost packet is replaced well only when the
    /// next one is there.
    pub(super) fn allowance(&self) -> usize {
        self.needed().max(self.worth_for_loss())
    }

    /// Half a packet makes up for most of what a rare loss costs, and a longer delay must be got
    /// by stretching speech.
    fn worth_for_loss(&self) -> usize {
        let n = self.lost_at.len();
        let n_rare = self.n_seen.min(N_REMEMBERED as u64) as usize / RARE_LOSS_OF;
        match n {
            n if n <= n_rare => 0,
            n if n < N_MANY_LOST => self.lost_frames / 2,
            _ => self.lost_frames,
        }
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

    fn forget_lost(&mut self) {
        let since = self.n_seen.saturating_sub(N_REMEMBERED as u64);
        while self.lost_at.len() > N_REMEMBERED
            || self.lost_at.front().is_some_and(|&at| at < since)
        {
            self.lost_at.pop_front();
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
/// One lost packet in so many is no reason to delay all others.
const RARE_LOSS_OF: usize = 512;
/// Of those that are remembered, about 1.5 %: then the end of every gap should be known.
const N_MANY_LOST: usize = 8;
/// How many packets between two looks at the quantile while nothing is later than it.
const REFRESH: usize = 8;
/// What a sender's timer and two threads' waking cost on a quiet machine.
const PATIENCE: Duration = Duration::from_micros(500);
/// The same, as long as little is known.
const NEWCOMER: Duration = Duration::from_millis(3);
/// Enough to know the jitter, and over before most callers speak.
const N_NEWCOMER: usize = 12;
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
        let most = 40 * 8;
        assert_eq!(after(6, |i| i % 5 * 10).allowance(), most + most / 3);
        assert_eq!(after(600, |i| i % 5 * 10).allowance(), most + 1);
    }

    #[test]
    fn one_straggler_among_many_is_not_waited_for() {
        let transit = after(400, |i| if i == 300 { 90 } else { 0 });
        assert_eq!(transit.allowance(), 4);
    }

    #[test]
    fn a_loss_is_worth_half_a_packet_and_many_a_whole_one() {
        let mut transit = after(100, |_| 0);
        transit.lost(160);
        assert_eq!((transit.allowance(), transit.needed()), (80, 4));
        (1..N_MANY_LOST).for_each(|_| transit.lost(160));
        assert_eq!((transit.allowance(), transit.needed()), (160, 4));
    }

    #[test]
    fn a_loss_is_forgotten_and_one_among_many_packets_is_not_minded() {
        let mut transit = after(600, |_| 0);
        transit.lost(160);
        assert_eq!(transit.allowance(), 4);
        transit.lost(160);
        assert_eq!(transit.allowance(), 80);
        let now = Instant::now();
        (0..600).for_each(|i| {
            transit.observe(now + 20 * MS * (600 + i), 5_000 + 160 * u64::from(600 + i));
        });
        assert_eq!(transit.lost_at.len(), 0);
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
