//! How do two threads hand values over without waiting for each other?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A wait-free ring of `capacity` values between exactly two threads.
pub fn ring<T>(capacity: usize) -> (Offer<T>, Take<T>) {
    let (producer, consumer) = rtrb::RingBuffer::new(capacity);
    let refused = Arc::new(AtomicU64::new(0));
    (
        Offer {
            producer,
            refused: refused.clone(),
        },
        Take { consumer, refused },
    )
}

/// The end that puts in.
pub struct Offer<T> {
    producer: rtrb::Producer<T>,
    refused: Arc<AtomicU64>,
}

impl<T> Offer<T> {
    /// Gives `value` back when the ring is full; the refusal is counted.
    pub fn offer(&mut self, value: T) -> Result<(), T> {
        self.producer
            .push(value)
            .map_err(|rtrb::PushError::Full(value)| {
                self.refused.fetch_add(1, Ordering::Relaxed);
                value
            })
    }

    pub fn is_full(&self) -> bool {
        self.producer.is_full()
    }
}

/// The end that takes out.
pub struct Take<T> {
    consumer: rtrb::Consumer<T>,
    refused: Arc<AtomicU64>,
}

impl<T> Take<T> {
    pub fn take(&mut self) -> Option<T> {
        self.consumer.pop().ok()
    }

    /// How often the other end found the ring full.
    pub fn n_refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether the other end is gone; what it left can still be taken.
    pub fn is_abandoned(&self) -> bool {
        self.consumer.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_gives_the_value_back_and_counts() {
        let (mut offer, mut take) = ring(1);
        assert_eq!(offer.offer(1), Ok(()));
        assert_eq!(offer.offer(2), Err(2));
        assert_eq!((take.take(), take.take()), (Some(1), None));
        assert_eq!(take.n_refused(), 1);
    }

    #[test]
    fn the_taker_sees_that_the_other_end_is_gone() {
        let (offer, take) = ring::<u8>(1);
        assert!(!take.is_abandoned());
        drop(offer);
        assert!(take.is_abandoned());
    }
}
