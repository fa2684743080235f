//! How do frames cross from the clock's callback into that of a device with a clock of its own?

use std::time::Duration;

use crate::base::SampleRate;

/// A ring of interleaved frames at `rate`, with room for what sounds in `span`; `channels` is 1 or
/// more.
pub fn line(rate: SampleRate, channels: usize, span: Duration) -> (LineTx, LineRx) {
    let channels = channels.max(1);
    let (samples, rx) = rtrb::RingBuffer::new(rate.frames_in(span).max(1) * channels);
    let tx = LineTx {
        rate,
        channels,
        samples,
    };
    let rx = LineRx {
        rate,
        channels,
        samples: rx,
    };
    (tx, rx)
}

/// The end in the clock's callback.
pub struct LineTx {
    rate: SampleRate,
    channels: usize,
    samples: rtrb::Producer<f32>,
}

impl LineTx {
    /// Frames a second.
    pub(crate) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples a frame.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    // == realtime below ==

    /// Puts whole frames in, all of them or, when the device does not take them, none.
    pub(crate) fn push(&mut self, frames: &[f32]) {
        if frames.len() <= self.samples.slots() {
            // There is room for all of it.
            let _ = self.samples.push_partial_slice(frames);
        }
    }
}

/// The end in the device's callback.
pub struct LineRx {
    rate: SampleRate,
    channels: usize,
    samples: rtrb::Consumer<f32>,
}

impl LineRx {
    /// Frames a second.
    pub(crate) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Samples a frame.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    // == realtime below ==

    /// Frames that wait.
    pub(crate) fn fill(&self) -> usize {
        self.samples.slots() / self.channels
    }

    /// Fills the front of `frames`, which is made for whole frames, and returns how many frames
    /// came.
    pub(crate) fn pop(&mut self, frames: &mut [f32]) -> usize {
        let n = self.fill().min(frames.len() / self.channels);
        let whole = &mut frames[..n * self.channels];
        let (popped, _) = self.samples.pop_partial_slice(whole);
        popped.len() / self.channels
    }

    /// Throws away up to `n` frames.
    pub(crate) fn skip(&mut self, n: usize) {
        let n = n.min(self.fill());
        if let Ok(chunk) = self.samples.read_chunk(n * self.channels) {
            chunk.commit_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_frames_cross_or_none() {
        let (mut tx, mut rx) = line(SampleRate::HZ_8000, 3, Duration::from_millis(1));
        assert_eq!((tx.channels(), rx.fill()), (3, 0));
        tx.push(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // Eight frames fit in a millisecond.
        tx.push(&[9.0; 21]);
        assert_eq!(rx.fill(), 2);
        let mut out = [0.0; 5];
        assert_eq!(rx.pop(&mut out), 1);
        assert_eq!(out[..3], [1.0, 2.0, 3.0]);
        tx.push(&[7.0; 21]);
        assert_eq!(rx.fill(), 8);
        rx.skip(1);
        assert_eq!((rx.pop(&mut out), out[0]), (1, 7.0));
        rx.skip(99);
        assert_eq!(rx.fill(), 0);
    }
}
