//! How does music cross from the disk thread into the sound callback?
//!
//! ```text
//!  player ─ push ─► StereoTx ══ring of left and right══ StereoRx ─ pop ─► mix::Tune
//!           ◄── fill, taken, starved ──
//! ```
//!
//! Frames are at the engine's rate already. The engine takes what it needs when it needs it, so
//! the sound card's clock decides how fast music goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::base::SampleRate;

/// One frame of music, left and right.
pub type Frame = [f32; 2];

/// A ring of stereo frames at `rate` that holds at most `capacity` frames.
pub fn stereo(rate: SampleRate, capacity: usize) -> (StereoTx, StereoRx) {
    let (producer, consumer) = rtrb::RingBuffer::new(capacity);
    let shared = Arc::new(Shared::default());
    let tx = StereoTx {
        producer,
        shared: shared.clone(),
        capacity,
        rate,
        pushed: 0,
    };
    let rx = StereoRx {
        consumer,
        shared,
        rate,
    };
    (tx, rx)
}

#[derive(Default)]
struct Shared {
    /// Frames taken out since the ring was made.
    taken: AtomicU64,
    /// Frames put in before which nothing shall be heard any more.
    stale: AtomicU64,
    /// How often the ring ran dry while more was to come.
    starved: AtomicU64,
    /// Nothing more comes for now, and the writer knows it.
    is_resting: AtomicBool,
}

/// The disk thread's end.
pub struct StereoTx {
    producer: rtrb::Producer<Frame>,
    shared: Arc<Shared>,
    capacity: usize,
    rate: SampleRate,
    /// Frames put in since the ring was made.
    pushed: u64,
}

impl StereoTx {
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// How many frames can be put in.
    pub fn room(&self) -> usize {
        self.producer.slots()
    }

    /// Frames that wait to be played.
    pub fn fill(&self) -> usize {
        self.capacity - self.producer.slots()
    }

    /// Puts in as much as fits and returns how much that was.
    pub fn push(&mut self, frames: &[Frame]) -> usize {
        let (pushed, _) = self.producer.push_partial_slice(frames);
        self.pushed += pushed.len() as u64;
        pushed.len()
    }

    /// Frames taken out since the ring was made.
    pub fn n_taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// How often the ring ran dry while more was to come.
    pub fn n_starved(&self) -> u64 {
        self.shared.starved.load(Ordering::Relaxed)
    }

    /// What is in the ring now shall not be heard any more; the reader fades it out and goes on
    /// with what is put in from now on.
    pub fn discard(&self) {
        self.shared.stale.store(self.pushed, Ordering::Release);
    }

    /// Says whether a dry ring is meant so: a list that has ended, a stream that is gone.
    pub fn set_resting(&self, is_resting: bool) {
        self.shared.is_resting.store(is_resting, Ordering::Relaxed);
    }

    /// Whether the reader is gone.
    pub fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }
}

/// The sound callback's end; everything here is wait-free.
pub struct StereoRx {
    consumer: rtrb::Consumer<Frame>,
    shared: Arc<Shared>,
    rate: SampleRate,
}

impl StereoRx {
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    pub fn fill(&self) -> usize {
        self.consumer.slots()
    }

    /// Fills the front of `frames` and returns how many came; the rest is untouched.
    pub fn pop(&mut self, frames: &mut [Frame]) -> usize {
        let (popped, _) = self.consumer.pop_partial_slice(frames);
        let n = popped.len();
        self.shared.taken.fetch_add(n as u64, Ordering::Relaxed);
        n
    }

    /// How many of the waiting frames the writer does not want to be heard.
    pub fn n_stale(&self) -> usize {
        let stale = self.shared.stale.load(Ordering::Acquire);
        let taken = self.shared.taken.load(Ordering::Relaxed);
        stale.saturating_sub(taken).min(self.fill() as u64) as usize
    }

    /// Throws away up to `n` frames.
    pub fn skip(&mut self, n: usize) {
        let n = n.min(self.fill());
        if let Ok(chunk) = self.consumer.read_chunk(n) {
            chunk.commit_all();
        }
        self.shared.taken.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// Counts that the ring ran dry, unless the writer knows it.
    pub fn count_starved(&self) -> bool {
        let is_news = !self.shared.is_resting.load(Ordering::Relaxed) && !self.is_abandoned();
        if is_news {
            self.shared.starved.fetch_add(1, Ordering::Relaxed);
        }
        is_news
    }

    /// Whether the writer is gone; what it left can still be popped.
    pub fn is_abandoned(&self) -> bool {
        self.consumer.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_in_order_and_what_does_not_fit_stays_outside() {
        let (mut tx, mut rx) = stereo(SampleRate::HZ_48000, 3);
        assert_eq!(tx.push(&[[1.0, -1.0], [2.0, -2.0]]), 2);
        assert_eq!(tx.push(&[[3.0, -3.0], [4.0, -4.0]]), 1);
        assert_eq!((tx.room(), tx.fill(), rx.fill()), (0, 3, 3));
        let mut out = [[9.0; 2]; 4];
        assert_eq!(rx.pop(&mut out), 3);
        assert_eq!(out, [[1.0, -1.0], [2.0, -2.0], [3.0, -3.0], [9.0, 9.0]]);
        assert_eq!(tx.n_taken(), 3);
    }

    #[test]
    fn what_was_in_it_when_it_was_discarded_is_stale() {
        let (mut tx, mut rx) = stereo(SampleRate::HZ_48000, 8);
        tx.push(&[[1.0; 2]; 4]);
        assert_eq!(rx.n_stale(), 0);
        tx.discard();
        tx.push(&[[2.0; 2]; 2]);
        assert_eq!(rx.n_stale(), 4);
        let mut out = [[0.0; 2]; 1];
        rx.pop(&mut out);
        assert_eq!(rx.n_stale(), 3);
        rx.skip(3);
        rx.pop(&mut out);
        assert_eq!((rx.n_stale(), out), (0, [[2.0; 2]]));
    }

    #[test]
    fn a_dry_ring_counts_unless_it_is_meant_so() {
        let (tx, rx) = stereo(SampleRate::HZ_48000, 8);
        assert!(rx.count_starved());
        tx.set_resting(true);
        assert!(!rx.count_starved());
        assert_eq!(tx.n_starved(), 1);
        drop(tx);
        assert!(rx.is_abandoned());
    }
}
