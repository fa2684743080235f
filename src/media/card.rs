//! When and in what blocks does the sound card take from the feed?
//!
//! The receiver sees only the fill of the ring. What has been read so far grows in steps of one
//! block of the card; the steps' edges lie on two parallel lines over time:
//!
//! ```text
//!  read ▲            ┌──── just after a block was taken: `high`
//!       │       ┌────┘
//!       │  ┌────┘  ──── just before the next is taken: `low`, what was really heard
//!       └──────────────────► time
//! ```
//!
//! `reach` counts against the lower line, so that it falls evenly and a large block costs no more
//! delay than it must.

use std::time::{Duration, Instant};

/// What the receiver knows about the reader of its feed.
pub(super) struct Card {
    rate: f64,
    origin: Option<Instant>,
    pushed: u64,
    read: u64,
    seen_at: Option<Instant>,
    taken_at: Option<Instant>,
    low: f64,
    high: f64,
    block: usize,
    smaller: Smaller,
    n_certain: u32,
    /// Steps that were larger than the block is believed to be, since one was as large.
    n_larger: u32,
    probe_from: Option<Instant>,
    n_probes: u32,
}

/// Steps in a row that were smaller than the block is believed to be.
#[derive(Default)]
struct Smaller {
    n: u32,
    largest: usize,
}

impl Card {
    /// A reader that nothing is known of, of a feed at `rate` frames a second.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            rate,
            origin: None,
            pushed: 0,
            read: 0,
            seen_at: None,
            taken_at: None,
            low: 0.0,
            high: 0.0,
            block: (rate * FIRST_BLOCK.as_secs_f64()) as usize,
            smaller: Smaller::default(),
            n_certain: 0,
            n_larger: 0,
            probe_from: None,
            n_probes: N_FIRST_PROBES,
        }
    }

    /// Takes note of the ring's fill.
    pub(super) fn observe(&mut self, now: Instant, fill: usize) {
        let origin = *self.origin.get_or_insert(now);
        let read = self.pushed.saturating_sub(fill as u64).max(self.read);
        let step = (read - self.read) as usize;
        self.read = read;
        if step > 0 || fill == 0 {
            self.taken_at = Some(now);
        }
        let since = self.seen_at.map(|at| now.saturating_duration_since(at));
        self.seen_at = Some(now);
        let ahead = read as f64 - now.duration_since(origin).as_secs_f64() * self.rate;
        match since {
            // A dry ring hides what the card wanted.
            Some(since) if fill > 0 => {
                self.measure(step, since);
                self.envelop(ahead, since);
            }
            _ => (self.low, self.high) = (ahead, ahead),
        }
    }

    /// Takes note that `n` frames went into the ring.
    pub(super) fn pushed(&mut self, n: usize) {
        self.pushed += n as u64;
    }

    /// How far the ring reaches at `now`, in frames, when it holds `fill`: the card must have
    /// more than a block of this whenever it calls.
    pub(super) fn reach(&self, now: Instant, fill: usize) -> usize {
        let Some(origin) = self.origin else {
            return fill;
        };
        let ahead = self.read as f64 - now.duration_since(origin).as_secs_f64() * self.rate;
        let low = self.low.max(self.high - self.block as f64);
        fill + (ahead - low).clamp(0.0, self.block as f64) as usize
    }

    /// Whether the card takes nothing though there is something: it is gone, or not there yet.
    pub(super) fn is_still(&self, now: Instant) -> bool {
        let two_blocks = Duration::from_secs_f64(2.0 * self.block as f64 / self.rate);
        self.taken_at
            .is_some_and(|at| now.saturating_duration_since(at) > two_blocks.max(STILL))
    }

    /// Frames that the card takes at once.
    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// When to look at the fill only to learn the block: often at the start, rarely later.
    pub(super) fn probe_at(&mut self, now: Instant) -> Instant {
        let from = *self.probe_from.get_or_insert(now);
        if self.n_probes == 0 {
            self.n_probes = N_PROBES;
            self.probe_from = Some(now + PROBE_INTERVAL);
            return now + PROBE_INTERVAL;
        }
        if now < from {
            return from;
        }
        self.n_probes -= 1;
        let half_block = Duration::from_secs_f64(self.block as f64 / self.rate / 2.5);
        now + half_block.max(SHORTEST_PROBE)
    }

    /// Learns from a step: within clearly less than half its own length there was only one block.
    fn measure(&mut self, step: usize, since: Duration) {
        let passed = since.as_secs_f64() * self.rate;
        if step == 0 || passed > self.block as f64 {
            return;
        }
        let certain = passed < step as f64 * SURELY_ONE;
        if certain && step > self.block {
            self.n_larger += 1;
            // A callback that came late stands close to the next: together they look like one.
            if self.n_certain < N_KNOWN || self.n_larger > 1 {
                self.block = step;
                self.n_larger = 0;
            }
            self.smaller = Smaller::default();
        } else if step + 1 < self.block {
            self.smaller.n += 1;
            self.smaller.largest = self.smaller.largest.max(step);
        } else {
            self.smaller = Smaller::default();
            if certain {
                self.n_certain += 1;
                self.n_larger = 0;
            }
        }
        if self.smaller.n >= N_SMALLER {
            self.block = self.smaller.largest;
            self.smaller = Smaller::default();
        }
    }

    /// Keeps the two lines; both give way slowly, because the reader steers by up to 0.5 %.
    fn envelop(&mut self, ahead: f64, since: Duration) {
        let give = since.as_secs_f64() * self.rate * GIVE;
        self.low = ahead.min(self.low + give);
        self.high = ahead.max(self.high - give);
        // A card that stood still goes on upon another line.
        let stood_still = self.rate * STOOD_STILL.as_secs_f64() + self.block as f64;
        if self.high - ahead > stood_still {
            (self.low, self.high) = (ahead, ahead);
        }
    }
}

/// What a card is taken for until it is known: 256 frames at 48 kHz are a usual period. A voice
/// on a slower card starts by itself when it has enough for a block.
const FIRST_BLOCK: Duration = Duration::from_micros(5_333);
/// Of a step's own length; two blocks are at least half of their sum apart.
const SURELY_ONE: f64 = 0.45;
/// Steps as large as the block that make it known.
const N_KNOWN: u32 = 8;
/// Smaller steps in a row that make a smaller block: one alone may be half of one.
const N_SMALLER: u32 = 6;
/// More than the reader's steering of 0.5 % of the rate.
const GIVE: f64 = 0.007;
/// Later than any callback is in regular running.
const STOOD_STILL: Duration = Duration::from_millis(15);
/// As long as no card of ordinary size leaves a filled ring alone.
const STILL: Duration = Duration::from_millis(100);
/// Enough to halve the block from `FIRST_BLOCK` to the smallest in use.
const N_FIRST_PROBES: u32 = 60;
const N_PROBES: u32 = 12;
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// Timers are no finer.
const SHORTEST_PROBE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a card take `block` frames at a time from a ring that is kept filled, and looks at
    /// the ring as the receiver would, for three seconds. Returns what is believed of the card,
    /// and how far the reach was off the truth in the last second, least and most.
    fn learnt(block: usize) -> (Card, f64, f64) {
        let rate = 8_000.0;
        let mut card = Card::new(rate);
        let start = Instant::now();
        let (mut now, mut packet_at) = (start, start);
        let (mut pushed, mut read) = (0, 0);
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        while now < start + Duration::from_secs(3) {
            let played = now.duration_since(start).as_secs_f64() * rate;
            read = read.max(played as usize / block * block);
            let fill = pushed - read.min(pushed);
            card.observe(now, fill);
            if now >= packet_at {
                let n = if pushed == 0 { 600 } else { 160 };
                pushed += n;
                card.pushed(n);
                packet_at += Duration::from_millis(20);
            }
            let fill = pushed - read.min(pushed);
            // The next block is taken when it would have played to its end.
            let off = card.reach(now, fill) as f64 - ((pushed + block) as f64 - played);
            if now > start + Duration::from_secs(2) {
                (least, most) = (least.min(off), most.max(off));
            }
            now = packet_at.min(card.probe_at(now));
        }
        (card, least, most)
    }

    #[test]
    fn the_block_is_learnt_from_the_steps() {
        for block in [21, 22, 43, 85, 160, 171, 341] {
            let believed = learnt(block).0.block();
            assert_eq!(believed, block);
        }
    }

    #[test]
    fn a_block_too_small_for_the_timer_is_not_taken_for_more_than_two() {
        let (card, ..) = learnt(11);
        assert!((11..=22).contains(&card.block()), "{}", card.block());
    }

    #[test]
    fn the_reach_falls_evenly_between_blocks() {
        for block in [21, 43, 85, 171, 341] {
            let (_, least, most) = learnt(block);
            // Early is safe; late by less than the waking time is harmless.
            assert!(most < 8.0, "{block}: {most}");
            assert!(least > -32.0, "{block}: {least}");
        }
    }
}
