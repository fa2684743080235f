//! Who takes the sound of a call that nobody hears yet?
//!
//! A caller who waits or enters a PIN is listened to for keys and for silence, and what it sends
//! goes nowhere. So that its sound runs on as it will when somebody hears it, a reader is made up
//! that takes it at the pace of the clock.

use std::time::Instant;

use crate::base::FeedTx;

/// The reader that is made up while the feed of a call is held.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// Frames that it has not taken yet.
    fill: f64,
    at: Option<Instant>,
}

impl Idle {
    /// What the feed holds, or would.
    pub(super) fn fill(&mut self, feed: &mut FeedTx, now: Instant) -> usize {
        if !feed.is_held() {
            self.leave(feed);
            return feed.fill();
        }
        let before = self.at.replace(now).unwrap_or(now);
        let span = now.saturating_duration_since(before).as_secs_f64();
        let taken = span * f64::from(feed.rate().hz());
        self.fill = (self.fill - taken).max(0.0);
        self.fill as usize
    }

    /// Puts frames in, or does as if.
    pub(super) fn push(&mut self, feed: &mut FeedTx, frames: &[f32]) {
        if self.at.is_some() {
            self.fill += frames.len() as f64;
        } else {
            feed.push(frames);
        }
    }

    /// Somebody reads from now on: as much silence lies before the next word as would have been
    /// left, so that nothing has to be made up for.
    fn leave(&mut self, feed: &mut FeedTx) {
        if self.at.take().is_some() {
            let left = std::mem::take(&mut self.fill) as usize;
            feed.push(&vec![0.0; left]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::{SampleRate, feed};

    #[test]
    fn a_held_feed_stays_empty_runs_by_the_clock_and_goes_on_without_a_gap() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (mut tx, rx) = feed(SampleRate::HZ_8000, 8_000);
        let mut idle = Idle::default();
        rx.hold();
        assert_eq!(idle.fill(&mut tx, at(0)), 0);
        idle.push(&mut tx, &[0.5; 800]);
        assert_eq!(idle.fill(&mut tx, at(60)), 320);
        assert_eq!(idle.fill(&mut tx, at(90)), 80);
        assert_eq!(rx.fill(), 0);
        rx.release();
        assert_eq!(idle.fill(&mut tx, at(95)), 80);
        idle.push(&mut tx, &[0.5; 8]);
        assert_eq!(rx.fill(), 88);
        rx.hold();
        assert_eq!(idle.fill(&mut tx, at(500)), 0);
    }
}
