//! How does sound cross from the sound callback to whoever writes it down?
//!
//! ```text
//!  mix::Pickup ─ push ─► TrackTx ══ring of samples, ring of gaps══ TrackRx ─ read ─► a file
//! ```
//!
//! The callback never waits: a block for which there is no room is lost. The reader learns where,
//! and reads silence as long, so that whatever follows stands in its place.

use std::time::Duration;

use crate::base::SampleRate;

/// A track of interleaved frames with room for what sounds in `span`; `channels` is 1 or more.
pub fn track(rate: SampleRate, channels: usize, span: Duration) -> (TrackTx, TrackRx) {
    let channels = channels.max(1);
    let (samples, rx) = rtrb::RingBuffer::new(rate.frames_in(span).max(1) * channels);
    let (gaps, gaps_rx) = rtrb::RingBuffer::new(MOST_GAPS);
    let tx = TrackTx {
        rate,
        channels,
        samples,
        gaps,
        n_pushed: 0,
        n_lost: 0,
    };
    let rx = TrackRx {
        rate,
        channels,
        samples: rx,
        gaps: gaps_rx,
        gap: None,
        n_taken: 0,
        n_lost: 0,
    };
    (tx, rx)
}

/// Frames that are missing.
#[derive(Clone, Copy, Debug)]
struct Gap {
    /// Behind so many frames that were put in.
    at: u64,
    n_frames: u64,
}

/// As many as can be told before any is read; what is lost meanwhile makes the last one longer.
const MOST_GAPS: usize = 64;

/// The sound callback's end; everything here is wait-free.
pub struct TrackTx {
    rate: SampleRate,
    channels: usize,
    samples: rtrb::Producer<f32>,
    gaps: rtrb::Producer<Gap>,
    n_pushed: u64,
    /// Lost of late, and not yet told.
    n_lost: u64,
}

impl TrackTx {
    /// Frames a second.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples a frame.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Puts whole frames in, all of them or none.
    pub fn push(&mut self, samples: &[f32]) {
        let n_frames = (samples.len() / self.channels) as u64;
        if self.samples.slots() < samples.len() || !self.tell_gap() {
            self.n_lost += n_frames;
            return;
        }
        let (pushed, _) = self.samples.push_partial_slice(samples);
        self.n_pushed += (pushed.len() / self.channels) as u64;
    }

    /// Whether the reader knows of all that was lost.
    fn tell_gap(&mut self) -> bool {
        let gap = Gap {
            at: self.n_pushed,
            n_frames: self.n_lost,
        };
        if self.n_lost > 0 && self.gaps.push(gap).is_err() {
            return false;
        }
        self.n_lost = 0;
        true
    }
}

/// The writing thread's end.
pub struct TrackRx {
    rate: SampleRate,
    channels: usize,
    samples: rtrb::Consumer<f32>,
    gaps: rtrb::Consumer<Gap>,
    /// The next one, or what is left of it.
    gap: Option<Gap>,
    n_taken: u64,
    n_lost: u64,
}

impl TrackRx {
    /// Frames a second.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples a frame.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames that were lost and read as silence.
    pub fn n_lost(&self) -> u64 {
        self.n_lost
    }

    /// Whether nothing more is put in; what was can still be read.
    pub fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }

    /// Appends up to `most` frames; returns how many. There may be more as long as it is not 0.
    pub fn read(&mut self, most: usize, out: &mut Vec<f32>) -> usize {
        // In this order: a gap is told before the frames that follow it.
        let n_ready = self.samples.slots() / self.channels;
        if self.gap.is_none() {
            self.gap = self.gaps.pop().ok();
        }
        let to_gap = self.gap.map(|gap| gap.at - self.n_taken);
        let n = to_gap.map_or(n_ready, |to_gap| n_ready.min(to_gap as usize));
        let n = n.min(most);
        if n > 0 {
            return self.take(n, out);
        }
        let Some(gap) = self.gap.take_if(|_| to_gap == Some(0)) else {
            return 0;
        };
        self.skip(gap, most, out)
    }

    fn take(&mut self, n: usize, out: &mut Vec<f32>) -> usize {
        let Ok(chunk) = self.samples.read_chunk(n * self.channels) else {
            return 0;
        };
        let (first, second) = chunk.as_slices();
        out.extend_from_slice(first);
        out.extend_from_slice(second);
        chunk.commit_all();
        self.n_taken += n as u64;
        n
    }

    /// A part of the gap as silence; the rest of it waits.
    fn skip(&mut self, gap: Gap, most: usize, out: &mut Vec<f32>) -> usize {
        let n = gap.n_frames.min(most as u64);
        out.resize(out.len() + n as usize * self.channels, 0.0);
        self.n_lost += n;
        let n_frames = gap.n_frames - n;
        self.gap = (n_frames > 0).then_some(Gap { n_frames, ..gap });
        n as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_8000;

    fn all(rx: &mut TrackRx) -> Vec<f32> {
        let mut out = Vec::new();
        while rx.read(3, &mut out) > 0 {}
        out
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let (mut tx, mut rx) = track(RATE, 2, Duration::from_millis(1));
        tx.push(&[1.0, -1.0, 2.0, -2.0]);
        assert_eq!(all(&mut rx), [1.0, -1.0, 2.0, -2.0]);
        assert!(!rx.is_abandoned());
        tx.push(&[3.0, -3.0]);
        drop(tx);
        assert!(rx.is_abandoned());
        assert_eq!((all(&mut rx), rx.n_lost()), (vec![3.0, -3.0], 0));
    }

    #[test]
    fn what_is_lost_is_silence_in_its_place() {
        let (mut tx, mut rx) = track(RATE, 1, Duration::from_millis(1));
        for frame in 1..=7 {
            tx.push(&[frame as f32, 10.0 + frame as f32]);
        }
        // Eight frames fit, six did not; they are told with the next that fits.
        assert_eq!(all(&mut rx), [1.0, 11.0, 2.0, 12.0, 3.0, 13.0, 4.0, 14.0]);
        tx.push(&[8.0, 18.0]);
        assert_eq!(all(&mut rx), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0, 18.0]);
        assert_eq!(rx.n_lost(), 6);
    }

    #[test]
    fn more_gaps_than_can_be_told_lose_time_nowhere() {
        let (mut tx, mut rx) = track(RATE, 1, Duration::from_secs(1));
        let (mut n_pushed, mut out) = (0, Vec::new());
        // Each round fills the ring, loses a block, and makes room for one frame.
        for _ in 0..200 {
            for block in [1, 7_000, 1_000, 1_000] {
                tx.push(&vec![0.5; block]);
                n_pushed += block;
            }
            rx.take(1, &mut out);
        }
        out.extend(all(&mut rx));
        tx.push(&[0.5]);
        out.extend(all(&mut rx));
        assert_eq!(out.len(), n_pushed + 1);
    }
}
