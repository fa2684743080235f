//! How does a long sound for many telephones lie in memory?

use std::time::Duration;

use crate::base::{Pcm, SampleRate};

/// Mono sound of 16 bits, half the size of [`Pcm`]: half an hour of it is nothing unusual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    pub rate: SampleRate,
    pub samples: Vec<i16>,
}

impl Tape {
    /// The mean of all channels of `pcm`.
    pub fn of(pcm: &Pcm) -> Self {
        let mut tape = Self {
            rate: pcm.rate,
            samples: Vec::new(),
        };
        tape.append(&pcm.to_mono());
        tape
    }

    /// Puts more sound at the end; what exceeds full scale is clipped.
    pub fn append(&mut self, mono: &[f32]) {
        let sample = |&x: &f32| (x * FULL_SCALE).round() as i16;
        self.samples.extend(mono.iter().map(sample));
    }

    /// Appends the sound from `at` on to `out`, at most `n` frames and at most to the end.
    /// Returns how many there were.
    pub fn read(&self, at: usize, n: usize, out: &mut Vec<f32>) -> usize {
        let rest = self.samples.get(at..).unwrap_or_default();
        let part = &rest[..n.min(rest.len())];
        out.extend(part.iter().map(|&x| f32::from(x) / FULL_SCALE));
        part.len()
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        self.rate.duration_of(self.samples.len() as u64)
    }
}

/// The value that 16-bit samples are measured against.
const FULL_SCALE: f32 = 32_768.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_gives_back_what_was_recorded() {
        let pcm = Pcm {
            rate: SampleRate::HZ_8000,
            channels: 2,
            samples: vec![0.5, 0.0, -1.0, -1.0, 3.0, 3.0],
        };
        let tape = Tape::of(&pcm);
        let mut out = Vec::new();
        assert_eq!(tape.read(0, 2, &mut out), 2);
        assert_eq!(tape.read(2, 9, &mut out), 1);
        assert_eq!(tape.read(9, 9, &mut out), 0);
        assert_eq!(out, [0.25, -1.0, 32_767.0 / 32_768.0]);
        assert_eq!(tape.duration(), Duration::from_micros(375));
    }
}
