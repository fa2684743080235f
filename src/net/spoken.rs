//! What do programs say into a call, as it comes?
//!
//! ```text
//!  program ─► FeedTx ══ring══ FeedRx ─┐
//!  program ─► FeedTx ══ring══ FeedRx ─┴─► sum ─► the next packet
//! ```
//!
//! Programs send when they like: a little of each is kept back before it begins, so that the next
//! late piece leaves no hole, and one that sends faster than it is heard waits in its ring.

use std::time::{Duration, Instant};

use crate::base::{FeedRx, SampleRate};

/// So much is kept back at the beginning: pieces of 20 ms that come as late as that.
const KEPT: Duration = Duration::from_millis(20);

/// All that is said into a call.
#[derive(Default)]
pub(super) struct Spoken {
    sources: Vec<Source>,
    block: Vec<f32>,
}

struct Source {
    feed: FeedRx,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing waits.
    Silent,
    /// Something has come, and a little more is waited for.
    Gathering {
        since: Instant,
    },
    Flowing,
}

impl Spoken {
    /// One more is heard, until whoever writes is gone.
    pub(super) fn add(&mut self, feed: FeedRx) {
        let state = State::Silent;
        self.sources.push(Source { feed, state });
    }

    /// Adds what is to be heard now to a block of sound at `rate`; what comes at another rate is
    /// not heard.
    pub(super) fn mix(&mut self, pcm: &mut [f32], rate: SampleRate, now: Instant) {
        self.block.resize(pcm.len(), 0.0);
        for source in &mut self.sources {
            let n = source.take(&mut self.block, rate, now);
            for (sum, frame) in pcm.iter_mut().zip(&self.block[..n]) {
                *sum = (*sum + frame).clamp(-1.0, 1.0);
            }
        }
        self.sources.retain(|source| !source.is_over());
    }
}

impl Source {
    /// How many frames it has put at the front.
    fn take(&mut self, block: &mut [f32], rate: SampleRate, now: Instant) -> usize {
        if self.feed.rate() != rate {
            let all = self.feed.fill();
            self.feed.skip(all);
            return 0;
        }
        let fill = self.feed.fill();
        if self.state == State::Silent && fill > 0 {
            self.state = State::Gathering { since: now };
        }
        if let State::Gathering { since } = self.state {
            let is_enough = fill >= block.len() + rate.frames_in(KEPT);
            let is_late = now.saturating_duration_since(since) >= KEPT;
            if !(is_enough || is_late || self.feed.is_abandoned()) {
                return 0;
            }
            self.state = State::Flowing;
        }
        if fill == 0 {
            self.state = State::Silent;
            return 0;
        }
        self.feed.pop(block)
    }

    fn is_over(&self) -> bool {
        self.feed.is_abandoned() && self.feed.fill() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::feed;

    const RATE: SampleRate = SampleRate::HZ_8000;
    const PTIME: Duration = Duration::from_millis(20);

    /// What is heard in the packets from `from` on.
    fn packets(spoken: &mut Spoken, at: Instant, n: u32) -> Vec<f32> {
        let mut heard = Vec::new();
        for i in 0..n {
            let mut pcm = vec![0.0; 160];
            spoken.mix(&mut pcm, RATE, at + i * PTIME);
            heard.extend(pcm);
        }
        heard
    }

    #[test]
    fn what_comes_at_once_is_heard_whole_and_in_order_after_a_packet() {
        let (mut tx, rx) = feed(RATE, 8_000);
        let mut spoken = Spoken::default();
        spoken.add(rx);
        let t0 = Instant::now();
        assert_eq!(packets(&mut spoken, t0, 3), [0.0; 480]);
        let said: Vec<f32> = (0..800).map(|i| i as f32 / 1_000.0).collect();
        tx.push(&said);
        let heard = packets(&mut spoken, t0 + 3 * PTIME, 6);
        assert_eq!(heard[..800], said);
        assert_eq!(heard[800..], [0.0; 160]);
    }

    #[test]
    fn pieces_that_come_a_little_late_leave_no_hole() {
        let (mut tx, rx) = feed(RATE, 8_000);
        let mut spoken = Spoken::default();
        spoken.add(rx);
        let t0 = Instant::now();
        let mut heard = Vec::new();
        for i in 0..50_u32 {
            // Every other piece comes only after the packet that it might have been in.
            let is_late = i % 2 == 1;
            if !is_late {
                tx.push(&[0.5; 160]);
            }
            heard.extend(packets(&mut spoken, t0 + i * PTIME, 1));
            if is_late {
                tx.push(&[0.5; 160]);
            }
        }
        let first = heard.iter().position(|it| *it > 0.0).unwrap();
        assert!(first <= 320, "{first}");
        assert!(heard[first..].iter().all(|it| *it == 0.5));
    }

    #[test]
    fn several_are_heard_together_and_one_that_is_gone_to_its_last_word() {
        let t0 = Instant::now();
        let mut spoken = Spoken::default();
        let (mut a, rx) = feed(RATE, 8_000);
        spoken.add(rx);
        let (mut b, rx) = feed(RATE, 8_000);
        spoken.add(rx);
        let (mut other, rx) = feed(SampleRate::HZ_16000, 8_000);
        spoken.add(rx);
        a.push(&[0.25; 320]);
        b.push(&[0.5; 800]);
        other.push(&[0.9; 160]);
        drop(b);
        let heard = packets(&mut spoken, t0, 6);
        assert_eq!(heard[0], 0.75);
        assert_eq!((heard[400], heard[800]), (0.5, 0.0));
        assert_eq!(spoken.sources.len(), 2);
        assert_eq!(other.fill(), 0);
    }
}
