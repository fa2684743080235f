//! How loud is a piece of music, and by how much does it have to be turned? (EBU R128)

use std::time::Duration;

use crate::base::{Db, Frame, SampleRate};
use crate::dsp::loudness::{ABSOLUTE_GATE, KWeighted, RELATIVE_GATE, lufs};

/// What music is brought to unless told otherwise, in LUFS: the reference of ReplayGain 2, which
/// leaves room for the peaks of nearly everything.
pub const REFERENCE: Db = Db(-18.0);

/// Powers are kept for each 100 ms, loudness is judged over 400 ms.
const STEP: Duration = Duration::from_millis(100);
const MOMENT: usize = 4;
/// No piece is turned up by more: what is so soft is noise.
const MOST: Db = Db(12.0);
/// Where the highest sample of a piece that is turned up may come to.
const HIGHEST: Db = Db(-1.0);

/// What is known of a whole piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// Integrated, in LUFS; silence if nothing is above the gate.
    pub integrated: Db,
    /// The highest sample.
    pub peak: Db,
}

/// Measures a piece as it is decoded.
#[derive(Clone, Debug)]
pub struct Levels {
    sides: [KWeighted; 2],
    /// The power of each channel in each 100 ms.
    steps: [Vec<f64>; 2],
    peak: f32,
}

impl Levels {
    /// For a piece at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            sides: [(); 2].map(|()| KWeighted::new(rate, STEP)),
            steps: [Vec::new(), Vec::new()],
            peak: 0.0,
        }
    }

    /// Takes the next frames of the piece.
    pub fn measure(&mut self, frames: &[Frame]) {
        let mut one = [0.0; 256];
        for block in frames.chunks(one.len()) {
            for (side, weighted) in self.sides.iter_mut().enumerate() {
                let mut rest = &mut one[..block.len()];
                for (x, frame) in rest.iter_mut().zip(block) {
                    *x = frame[side];
                    self.peak = self.peak.max(x.abs());
                }
                while !rest.is_empty() {
                    let (n, power) = weighted.measure(rest);
                    self.steps[side].extend(power);
                    rest = &mut rest[n..];
                }
            }
        }
    }

    /// What was measured so far, pauses left out by both gates.
    pub fn loudness(&self) -> Loudness {
        let [left, right] = &self.steps;
        let steps: Vec<f64> = left.iter().zip(right).map(|(l, r)| l + r).collect();
        let moments = steps.windows(MOMENT);
        let mut moments: Vec<f64> = moments.map(|w| w.iter().sum::<f64>() / 4.0).collect();
        moments.retain(|&moment| lufs(moment) > ABSOLUTE_GATE);
        let gate = lufs(mean(&moments)).0 + RELATIVE_GATE.0;
        moments.retain(|&moment| lufs(moment).0 > gate);
        Loudness {
            integrated: lufs(mean(&moments)),
            peak: Db::from_gain(self.peak),
        }
    }
}

/// The gain that brings a piece to `target`, both in LUFS. A piece that is turned up keeps its
/// peaks below full scale; silence stays as it is.
pub fn levelling(piece: Loudness, target: Db) -> Db {
    if piece.integrated == Db::SILENCE {
        return Db::UNITY;
    }
    let wanted = target.0 - piece.integrated.0;
    let room = (HIGHEST.0 - piece.peak.0).max(0.0);
    Db(wanted.min(room).min(MOST.0))
}

fn mean(powers: &[f64]) -> f64 {
    powers.iter().sum::<f64>() / powers.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_48000;

    fn tone(level: f32, seconds: usize) -> Vec<Frame> {
        let turn = std::f32::consts::TAU / 48.0;
        (0..48_000 * seconds)
            .map(|i| [(turn * (i % 48) as f32).sin() * Db(level).gain(); 2])
            .collect()
    }

    #[test]
    fn the_integrated_loudness_is_that_of_ebu_tech_3341() {
        // Cases 1 to 4 of the minimum requirements, 1 kHz in both channels.
        let cases: [(&[(f32, usize)], f32); 4] = [
            (&[(-23.0, 20)], -23.0),
            (&[(-33.0, 20)], -33.0),
            (&[(-36.0, 10), (-23.0, 60), (-36.0, 10)], -23.0),
            (&[(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10)], -23.0),
        ];
        for (parts, expected) in cases {
            let mut levels = Levels::new(RATE);
            for &(level, seconds) in parts {
                levels.measure(&tone(level, seconds));
            }
            let loudness = levels.loudness().integrated.0;
            assert!((loudness - expected).abs() < 0.1, "{loudness} {expected}");
        }
    }

    #[test]
    fn every_piece_is_brought_to_the_same_loudness_unless_its_peaks_forbid_it() {
        let piece = |integrated, peak| Loudness {
            integrated: Db(integrated),
            peak: Db(peak),
        };
        for (integrated, peak, gain) in [
            (-8.0, 0.0, -10.0),
            (-18.0, -0.1, 0.0),
            (-24.0, -9.0, 6.0),
            (-24.0, -3.0, 2.0),
            (-24.0, 0.0, 0.0),
            (-60.0, -50.0, 12.0),
        ] {
            let made = levelling(piece(integrated, peak), REFERENCE).0;
            assert!((made - gain).abs() < 1e-4, "{integrated} {peak}: {made}");
        }
        let silence = Levels::new(RATE).loudness();
        assert_eq!(levelling(silence, REFERENCE), Db::UNITY);
    }
}
