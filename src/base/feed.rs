//! How does a caller's voice cross from the media thread into the sound callback?
//!
//! ```text
//!  media::Receiver ─ push ─► FeedTx ══ring of mono f32══ FeedRx ─ pop ─► mix::Voice (resamples)
//!                   ◄── fill, starved ──        ── target fill ──►
//! ```
//!
//! The receiver wants the *mean* fill of the ring at `target`; the voice steers its resampling
//! ratio towards that, so the card's clock wins. Both ends see the fill; neither ever waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::base::SampleRate;

/// A feed of mono frames at `rate` that holds at most `capacity` frames.
pub fn feed(rate: SampleRate, capacity: usize) -> (FeedTx, FeedRx) {
    let (producer, consumer) = rtrb::RingBuffer::new(capacity);
    let shared = Arc::new(Shared::default());
    (
        FeedTx {
            producer,
            shared: shared.clone(),
            capacity,
            rate,
        },
        FeedRx {
            consumer,
            shared,
            rate,
        },
    )
}

#[derive(Default)]
struct Shared {
    target: AtomicU32,
    starved: AtomicU64,
    overrun: AtomicU64,
    read: AtomicU64,
    held: AtomicBool,
}

/// The media thread's end.
pub struct FeedTx {
    producer: rtrb::Producer<f32>,
    shared: Arc<Shared>,
    capacity: usize,
    rate: SampleRate,
}

impl FeedTx {
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Frames that wait to be played.
    pub fn fill(&self) -> usize {
        self.capacity - self.producer.slots()
    }

    /// Puts in as much as fits; what does not fit is dropped and counted. Returns what went in.
    pub fn push(&mut self, frames: &[f32]) -> usize {
        let (pushed, rest) = self.producer.push_partial_slice(frames);
        if !rest.is_empty() {
            self.shared
                .overrun
                .fetch_add(rest.len() as u64, Ordering::Relaxed);
        }
        pushed.len()
    }

    /// The mean fill, in frames at `rate`, that the reader shall steer towards.
    pub fn set_target(&self, frames: usize) {
        self.shared.target.store(frames as u32, Ordering::Relaxed);
    }

    /// Frames that the reader wanted and did not find.
    pub fn n_starved(&self) -> u64 {
        self.shared.starved.load(Ordering::Relaxed)
    }

    /// Frames that did not fit.
    pub fn n_overrun(&self) -> u64 {
        self.shared.overrun.load(Ordering::Relaxed)
    }

    /// Frames read since the feed was made: the card's clock in frames at `rate`.
    pub fn n_read(&self) -> u64 {
        self.shared.read.load(Ordering::Relaxed)
    }

    /// Whether nobody reads yet: see `FeedRx::hold`.
    pub fn is_held(&self) -> bool {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Whether the reader is gone.
    pub fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }
}

/// The sound callback's end; everything here is wait-free.
pub struct FeedRx {
    consumer: rtrb::Consumer<f32>,
    shared: Arc<Shared>,
    rate: SampleRate,
}

impl FeedRx {
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    pub fn fill(&self) -> usize {
        self.consumer.slots()
    }

    pub fn target(&self) -> usize {
        self.shared.target.load(Ordering::Relaxed) as usize
    }

    /// Nobody will read before `release`: what comes until then is for nobody, and the writer need
    /// not put it in.
    pub fn hold(&self) {
        self.shared.held.store(true, Ordering::Relaxed);
    }

    /// Somebody reads from now on.
    pub fn release(&self) {
        self.shared.held.store(false, Ordering::Relaxed);
    }

    /// Fills the front of `frames` and returns how many came; the rest is untouched and counted
    /// as starved.
    pub fn pop(&mut self, frames: &mut [f32]) -> usize {
        let (popped, missing) = self.consumer.pop_partial_slice(frames);
        let n = popped.len();
        if !missing.is_empty() {
            self.shared
                .starved
                .fetch_add(missing.len() as u64, Ordering::Relaxed);
        }
        self.shared.read.fetch_add(n as u64, Ordering::Relaxed);
        n
    }

    /// Throws away up to `n` frames and returns how many went.
    pub fn skip(&mut self, n: usize) -> usize {
        let n = n.min(self.fill());
        if let Ok(chunk) = self.consumer.read_chunk(n) {
            chunk.commit_all();
        }
        self.shared.read.fetch_add(n as u64, Ordering::Relaxed);
        n
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
    fn frames_come_out_in_order_and_what_is_missing_is_counted() {
        let (mut tx, mut rx) = feed(SampleRate::HZ_8000, 8);
        assert_eq!(tx.push(&[1.0, 2.0, 3.0]), 3);
        assert_eq!((tx.fill(), rx.fill()), (3, 3));
        let mut out = [9.0; 4];
        assert_eq!(rx.pop(&mut out), 3);
        assert_eq!(out, [1.0, 2.0, 3.0, 9.0]);
        assert_eq!((tx.n_starved(), tx.n_read()), (1, 3));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (mut tx, mut rx) = feed(SampleRate::HZ_8000, 2);
        assert_eq!(tx.push(&[1.0, 2.0, 3.0]), 2);
        assert_eq!(tx.n_overrun(), 1);
        assert_eq!(rx.skip(5), 2);
        assert_eq!(rx.fill(), 0);
    }

    #[test]
    fn the_target_crosses_to_the_reader() {
        let (tx, rx) = feed(SampleRate::HZ_8000, 2);
        tx.set_target(120);
        assert_eq!(rx.target(), 120);
    }
}
