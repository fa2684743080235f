//! How high does the signal rise between its samples?
//!
//! The converter draws a curve through the samples, and the curve may go higher than any of them
//! (ITU-R BS.1770-5 annex 2). As there, it is looked at in four places a sample.

use std::f64::consts::PI;

/// Samples that one point between two samples is made of.
pub(super) const TAPS: usize = 12;
/// Samples after a sample that must be known to look at the curve up to the next one.
pub(super) const AHEAD: usize = TAPS / 2;
/// Samples before it.
pub(super) const BEHIND: usize = TAPS / 2 - 1;
/// Points looked at between two samples.
const BETWEEN: usize = 3;

/// Finds the peaks of the curve through a row of samples.
#[derive(Clone, Debug)]
pub(super) struct Oversample {
    taps: [[f32; TAPS]; BETWEEN],
    /// The curve can be no higher than this times the highest sample near it.
    pub(super) worst: f32,
    point: Vec<f32>,
}

impl Oversample {
    /// For rows of up to `max_block` samples.
    pub(super) fn new(max_block: usize) -> Self {
        let taps = std::array::from_fn(|i| interpolator((i + 1) as f64 / (BETWEEN + 1) as f64));
        let worst = taps
            .iter()
            .map(|phase: &[f32; TAPS]| phase.iter().map(|tap| tap.abs()).sum())
            .fold(1.0, f32::max);
        Self {
            taps,
            worst,
            point: vec![0.0; max_block],
        }
    }

    /// For each sample but the `BEHIND` first and `AHEAD` last of `row`: the height of the curve
    /// from it up to the next sample. `peaks` is as much shorter than `row`.
    pub(super) fn peaks(&mut self, row: &[f32], peaks: &mut [f32]) {
        let n = peaks.len();
        for (peak, x) in peaks.iter_mut().zip(&row[BEHIND..]) {
            *peak = x.abs();
        }
        let point = &mut self.point[..n];
        for phase in &self.taps {
            point.fill(0.0);
            for (k, tap) in phase.iter().enumerate() {
                for (y, x) in point.iter_mut().zip(&row[k..k + n]) {
                    *y += tap * x;
                }
            }
            for (peak, y) in peaks.iter_mut().zip(&*point) {
                let size = y.abs();
                *peak = if size > *peak { size } else { *peak };
            }
        }
    }
}

/// The windowed sinc that gives the value at `fraction` of the way to the next sample.
fn interpolator(fraction: f64) -> [f32; TAPS] {
    let half = TAPS as f64 / 2.0;
    let raw: [f64; TAPS] = std::array::from_fn(|k| {
        let x = k as f64 - BEHIND as f64 - fraction;
        let sinc = if x == 0.0 {
            1.0
        } else {
            (PI * x).sin() / (PI * x)
        };
        // A Hann window: flat to 0.1 dB up to 80 % of the band.
        sinc * (0.5 + 0.5 * (PI * x / half).cos())
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|tap| (tap / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_a_sine_between_its_samples_is_found() {
        // Full-scale sines whose samples miss the top by up to 3 dB.
        for (turns_per_sample, phase) in [(0.25, 0.125), (0.125, 0.06), (0.1, 0.3), (0.3, 0.1)] {
            let row: Vec<f32> = (0..400)
                .map(|n| (2.0 * PI * (turns_per_sample * f64::from(n) + phase)).sin() as f32)
                .collect();
            let mut peaks = vec![0.0; row.len() - BEHIND - AHEAD];
            Oversample::new(400).peaks(&row, &mut peaks);
            let highest = peaks.into_iter().fold(0.0, f32::max);
            assert!(
                (0.96..1.04).contains(&highest),
                "{turns_per_sample}: {highest}"
            );
        }
    }

    #[test]
    fn the_bound_is_a_bound() {
        let mut over = Oversample::new(64);
        let row: Vec<f32> = (0..64 + BEHIND + AHEAD)
            .map(|n| if (n / 3) % 2 == 0 { 1.0 } else { -1.0 })
            .collect();
        let mut peaks = vec![0.0; 64];
        over.peaks(&row, &mut peaks);
        assert!(peaks.iter().all(|&p| p <= over.worst));
        assert!(over.worst < 2.5);
    }
}
