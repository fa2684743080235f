//! How does the sound of the card come to the codec's rate?

use crate::base::SampleRate;
use crate::dsp::Resampler;

/// Frames of the card that become packets of frames at another rate.
pub(super) struct Intake {
    to: SampleRate,
    /// Frames of one packet.
    n: usize,
    waiting: Vec<f32>,
    /// `None` where both rates are the same: sound passes to the bit.
    resampler: Option<Resampler>,
    /// Nothing but silence is left in the resampler.
    is_quiet: bool,
}

impl Intake {
    /// Of packets of `n` frames at `to`.
    pub(super) fn new(from: SampleRate, to: SampleRate, n: usize) -> Self {
        let mut intake = Self {
            to,
            n,
            waiting: Vec::new(),
            resampler: None,
            is_quiet: true,
        };
        intake.set_rate(from);
        intake
    }

    /// The card is another one; what waits is from the old one, and goes.
    pub(super) fn set_rate(&mut self, from: SampleRate) {
        self.waiting.clear();
        self.is_quiet = true;
        self.resampler = (from != self.to).then(|| Resampler::new(from, self.to, self.n));
    }

    pub(super) fn push(&mut self, frames: &[f32]) {
        self.waiting.extend_from_slice(frames);
    }

    /// Fills a packet, if there is enough.
    pub(super) fn take(&mut self, packet: &mut [f32]) -> bool {
        let n = packet.len();
        let need = self.resampler.as_mut().map_or(n, |it| it.need(n));
        let Some(input) = self.waiting.get(..need) else {
            return false;
        };
        let was_quiet = std::mem::replace(&mut self.is_quiet, input.iter().all(|x| *x == 0.0));
        match &mut self.resampler {
            None => packet.copy_from_slice(input),
            // Most of the time nobody says anything, and this costs next to nothing.
            Some(_) if self.is_quiet && was_quiet => packet.fill(0.0),
            Some(resampler) => resampler.process(input, packet),
        }
        self.waiting.drain(..need);
        true
    }
}
