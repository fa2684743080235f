//! What did a caller say from here to there?

use std::time::{Duration, Instant};

use crate::base::{FeedRx, Pcm};

/// Between two looks at the feed; a usual period of a sound card that telephones use.
const INTERVAL: Duration = Duration::from_millis(20);

/// Takes a caller's voice at the pace of this machine's clock, and writes down what is wanted of it.
pub(super) struct Notebook {
    feed: FeedRx,
    next_at: Instant,
    take: Option<Take>,
    block: Vec<f32>,
}

struct Take {
    from: Instant,
    /// At other rates.
    before: Vec<Pcm>,
    frames: Vec<f32>,
    most: usize,
}

impl Notebook {
    pub(super) fn new(feed: FeedRx, now: Instant) -> Self {
        Self {
            block: vec![0.0; feed.rate().frames_in(INTERVAL)],
            feed,
            next_at: now + INTERVAL,
            take: None,
        }
    }

    /// The voice comes by another feed from now on, maybe at another rate.
    pub(super) fn turn_to(&mut self, feed: FeedRx) {
        let (old, new) = (self.feed.rate(), feed.rate());
        if let Some(take) = self.take.as_mut().filter(|_| old != new) {
            let left = take.most - take.frames.len();
            take.most = new.frames_in(old.duration_of(left as u64));
            let mut said = std::mem::replace(&mut take.frames, Vec::with_capacity(take.most));
            said.shrink_to_fit();
            take.before.push(Pcm::mono(old, said));
        }
        self.block = vec![0.0; new.frames_in(INTERVAL)];
        self.feed = feed;
    }

    /// Writes down what comes from then on, for that long at most; what was written is gone.
    pub(super) fn begin(&mut self, from: Instant, longest: Duration) {
        let most = self.feed.rate().frames_in(longest);
        self.take = Some(Take {
            from,
            before: Vec::new(),
            // All of it now: a large piece that grows would have to be moved in between packets.
            // The system gives the memory only as it is written to.
            frames: Vec::with_capacity(most),
            most,
        });
    }

    /// What was written, in pieces if its rate has changed; none if nothing was begun.
    pub(super) fn end(&mut self) -> Vec<Pcm> {
        let Some(mut take) = self.take.take() else {
            return Vec::new();
        };
        take.frames.shrink_to_fit();
        let last = Pcm::mono(self.feed.rate(), take.frames);
        take.before.push(last);
        take.before
    }

    pub(super) fn due_at(&self) -> Instant {
        self.next_at
    }

    /// Takes all that is due; what is missing is silence.
    pub(super) fn tick(&mut self, now: Instant) {
        while self.next_at <= now {
            let at = self.next_at;
            self.next_at += INTERVAL;
            self.block.fill(0.0);
            self.feed.pop(&mut self.block);
            if let Some(take) = self.take.as_mut().filter(|take| at >= take.from) {
                let room = take.most - take.frames.len();
                let n = room.min(self.block.len());
                take.frames.extend_from_slice(&self.block[..n]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SampleRate, feed};

    const LOW: SampleRate = SampleRate::HZ_8000;

    #[test]
    fn what_is_said_between_beginning_and_end_is_written_down_and_no_more() {
        let t0 = Instant::now();
        let (mut tx, rx) = feed(LOW, 8_000);
        let mut notebook = Notebook::new(rx, t0);
        tx.push(&[0.1; 160]);
        notebook.tick(t0 + INTERVAL);
        notebook.begin(t0 + 3 * INTERVAL, 2 * INTERVAL);
        for level in [0.2, 0.3, 0.4, 0.5] {
            tx.push(&[level; 160]);
        }
        notebook.tick(t0 + 5 * INTERVAL);
        let said = notebook.end();
        assert_eq!((said[0].rate, said[0].samples.len()), (LOW, 320));
        assert_eq!((said[0].samples[0], said[0].samples[160]), (0.3, 0.4));
        assert!(said.len() == 1 && notebook.end().is_empty());
        assert_eq!(notebook.due_at(), t0 + 6 * INTERVAL);
    }

    #[test]
    fn a_feed_at_another_rate_goes_on_in_the_same_take() {
        let t0 = Instant::now();
        let (mut tx, rx) = feed(LOW, 8_000);
        let mut notebook = Notebook::new(rx, t0);
        notebook.begin(t0, 10 * INTERVAL);
        tx.push(&[0.5; 1_600]);
        notebook.tick(t0 + 5 * INTERVAL);
        let (mut tx, rx) = feed(SampleRate::HZ_16000, 8_000);
        notebook.turn_to(rx);
        tx.push(&[0.25; 3_200]);
        notebook.tick(t0 + 20 * INTERVAL);
        let said = notebook.end();
        let lengths: Vec<_> = said.iter().map(|it| (it.rate, it.samples.len())).collect();
        assert_eq!(lengths, [(LOW, 800), (SampleRate::HZ_16000, 1_600)]);
        assert_eq!((said[0].samples[799], said[1].samples[0]), (0.5, 0.25));
    }
}
