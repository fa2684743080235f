//! Who takes the sound of a call on a machine without a sound card?

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::base::FeedRx;

/// Between two blocks; a usual period of a sound card that telephones use.
const INTERVAL: Duration = Duration::from_millis(20);

/// Plays a feed at the pace of this machine's clock, into a tap or into nothing.
pub(super) struct Listener {
    feed: FeedRx,
    tap: Option<UnboundedSender<Vec<f32>>>,
    next_at: Instant,
}

impl Listener {
    pub(super) fn new(feed: FeedRx, tap: Option<UnboundedSender<Vec<f32>>>, now: Instant) -> Self {
        Self {
            feed,
            tap,
            next_at: now + INTERVAL,
        }
    }

    pub(super) fn due_at(&self) -> Instant {
        self.next_at
    }

    /// Takes all blocks that are due; what is missing is silence.
    pub(super) fn tick(&mut self, now: Instant) {
        while self.next_at <= now {
            self.next_at += INTERVAL;
            let mut block = vec![0.0; self.feed.rate().frames_in(INTERVAL)];
            self.feed.pop(&mut block);
            if let Some(tap) = &self.tap {
                // A tap that is gone wants no more.
                let _ = tap.send(block);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SampleRate, feed};

    #[test]
    fn blocks_come_in_time_and_what_is_missing_is_silence() {
        let t0 = Instant::now();
        let (mut tx, rx) = feed(SampleRate::HZ_8000, 800);
        let (tap, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut listener = Listener::new(rx, Some(tap), t0);
        tx.push(&[1.0; 200]);
        listener.tick(t0 + INTERVAL / 2);
        assert!(heard.try_recv().is_err());
        listener.tick(t0 + 2 * INTERVAL);
        assert_eq!(heard.try_recv().unwrap(), [1.0; 160]);
        let second = heard.try_recv().unwrap();
        assert_eq!(second[..40], [1.0; 40]);
        assert_eq!(second[40..], [0.0; 120]);
        assert_eq!(listener.due_at(), t0 + 3 * INTERVAL);
    }
}
