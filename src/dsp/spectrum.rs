//! How is the power of a signal spread over its frequencies?

use std::f64::consts::TAU;
use std::sync::OnceLock;

/// Looks at so many frames under a Hann window (a real FFT by one of half the length). The same for
/// all who look at as many.
#[derive(Debug)]
pub(in crate::dsp) struct Spectrum {
    window: Vec<f32>,
    /// Full turns over the whole length, one for each bin.
    turns: Vec<(f32, f32)>,
    /// Where each pair of frames goes first.
    order: Vec<u16>,
}

impl Spectrum {
    /// Of `size` frames, a power of two up to [`LONGEST_LOOK`]. Made at its first use, which
    /// allocates.
    pub(in crate::dsp) fn of(size: usize) -> &'static Self {
        static KNOWN: [OnceLock<Spectrum>; N_SIZES] = [const { OnceLock::new() }; N_SIZES];
        let n_bits = size.trailing_zeros();
        KNOWN[n_bits as usize].get_or_init(|| Self::new(1 << n_bits))
    }

    fn new(size: usize) -> Self {
        let half = size / 2;
        let hann = |i: usize| (0.5 - 0.5 * (TAU * i as f64 / size as f64).cos()) as f32;
        let turn = |i: usize| {
            let (sin, cos) = (TAU * i as f64 / size as f64).sin_cos();
            (cos as f32, -sin as f32)
        };
        let unused = usize::BITS - half.trailing_zeros().max(1);
        let reversed = |i: usize| (i.reverse_bits() >> unused) as u16;
        Self {
            window: (0..size).map(hann).collect(),
            turns: (0..half).map(turn).collect(),
            order: (0..half).map(reversed).collect(),
        }
    }

    /// Powers of the bins, half as many as frames, from 0 Hz to just below half the rate; a sine of
    /// amplitude 1 that is right on a bin gives 1 there, and a quarter on each side.
    pub(in crate::dsp) fn look(&self, frames: &[f32], powers: &mut [f32]) {
        let mut room = [(0.0, 0.0); LONGEST_LOOK / 2];
        let pairs = &mut room[..self.order.len()];
        for (pair, from) in pairs.iter_mut().zip(&self.order) {
            let at = 2 * usize::from(*from);
            *pair = (
                frames[at] * self.window[at],
                frames[at + 1] * self.window[at + 1],
            );
        }
        self.transform(pairs);
        self.part(pairs, powers);
    }

    /// The complex FFT of the pairs, in place.
    fn transform(&self, pairs: &mut [(f32, f32)]) {
        let n = pairs.len();
        let mut span = 1;
        while span < n {
            // Turns are of twice the length.
            let turns = self.turns.iter().step_by(n / span);
            for block in pairs.chunks_exact_mut(2 * span) {
                let (low, high) = block.split_at_mut(span);
                for ((a, b), turn) in low.iter_mut().zip(high).zip(turns.clone()) {
                    let turned = times(*b, *turn);
                    *b = (a.0 - turned.0, a.1 - turned.1);
                    *a = (a.0 + turned.0, a.1 + turned.1);
                }
            }
            span *= 2;
        }
    }

    /// Takes even and odd frames apart again.
    fn part(&self, pairs: &[(f32, f32)], powers: &mut [f32]) {
        let n = pairs.len();
        // The Hann window halves the sum, and a sine has half of it at negative frequencies.
        let scale = 4.0 / (2 * n) as f32;
        for (k, power) in powers.iter_mut().enumerate() {
            let (a, b) = (pairs[k], pairs[(n - k) % n]);
            let even = (0.5 * (a.0 + b.0), 0.5 * (a.1 - b.1));
            let odd = (0.5 * (a.1 + b.1), -0.5 * (a.0 - b.0));
            let turned = times(odd, self.turns[k]);
            let (re, im) = (even.0 + turned.0, even.1 + turned.1);
            *power = (re * re + im * im) * scale * scale;
        }
    }
}

fn times(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

/// Frames.
pub(in crate::dsp) const LONGEST_LOOK: usize = 1 << (N_SIZES - 1);
const N_SIZES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bin_is_what_the_sum_over_all_frames_says() {
        let size = 64;
        let frame = |i: usize| ((i * i * 7 + i * 3) % 23) as f32 / 11.5 - 1.0;
        let frames: Vec<f32> = (0..size).map(frame).collect();
        let mut powers = [0.0; 32];
        Spectrum::of(size).look(&frames, &mut powers);
        for (k, power) in powers.iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, frame) in frames.iter().enumerate() {
                let angle = TAU * (i * k) as f64 / size as f64;
                let hann = 0.5 - 0.5 * (TAU * i as f64 / size as f64).cos();
                re += f64::from(*frame) * hann * angle.cos();
                im -= f64::from(*frame) * hann * angle.sin();
            }
            let wanted = (re * re + im * im) * (4.0 / size as f64).powi(2);
            assert!(
                (f64::from(*power) - wanted).abs() < 1e-5,
                "{k}: {power}, not {wanted}"
            );
        }
    }

    #[test]
    fn a_sine_has_its_power_in_its_bin() {
        let size = 512;
        let sine = |i: usize| (TAU * 40.0 * i as f64 / size as f64).sin() as f32;
        let frames: Vec<f32> = (0..size).map(sine).collect();
        let mut powers = [0.0; 256];
        Spectrum::of(size).look(&frames, &mut powers);
        assert!((powers[40] - 1.0).abs() < 1e-3 && (powers[41] - 0.25).abs() < 1e-3);
        assert!(powers[43] < 1e-6 && powers[0] < 1e-6);
    }
}
