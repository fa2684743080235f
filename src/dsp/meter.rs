//! How loud is it?

use crate::base::SampleRate;

/// How long the power is averaged: about what a VU meter does.
const RMS_S: f32 = 0.3;
/// Powers below this are zero, so that a decay never ends in denormals: −200 dBFS.
const FAINTEST_POWER: f32 = 1e-20;

/// The largest magnitude in `frames`; NaN is passed over.
pub fn peak(frames: &[f32]) -> f32 {
    // Eight lanes and `>` instead of `f32::max`: this is what vectorises.
    let (chunks, rest) = frames.as_chunks::<8>();
    let mut lanes = [0f32; 8];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            let size = x.abs();
            *lane = if size > *lane { size } else { *lane };
        }
    }
    lanes
        .into_iter()
        .chain(rest.iter().map(|x| x.abs()))
        .fold(0.0, f32::max)
}

/// Peak and power of one signal.
#[derive(Clone, Debug)]
pub struct Meter {
    frames_in_mean: f32,
    power: f32,
    peak: f32,
}

impl Meter {
    /// A meter for a signal at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            frames_in_mean: rate.hz() as f32 * RMS_S,
            power: 0.0,
            peak: 0.0,
        }
    }

    /// Measures one block.
    pub fn measure(&mut self, frames: &[f32]) {
        let n = frames.len() as f32;
        if frames.is_empty() {
            return;
        }
        self.peak = peak(frames);
        // Silence on silence is the usual case with many outputs.
        if self.peak == 0.0 && self.power == 0.0 {
            return;
        }
        let power = power(frames);
        self.power += (power - self.power) * n / (n + self.frames_in_mean);
        if self.power < FAINTEST_POWER {
            self.power = 0.0;
        }
    }

    /// The largest magnitude of the last block.
    pub fn peak(&self) -> f32 {
        self.peak
    }

    /// The root of the mean power over the last 300 ms or so.
    pub fn rms(&self) -> f32 {
        self.power.sqrt()
    }
}

fn power(frames: &[f32]) -> f32 {
    let (chunks, rest) = frames.as_chunks::<8>();
    let mut lanes = [0f32; 8];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x * x;
        }
    }
    let sum: f32 = lanes.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>();
    sum / frames.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_found_wherever_it_is() {
        for n in 1..40 {
            for at in 0..n {
                let mut frames = vec![0.25f32; n];
                frames[at] = -0.75;
                assert_eq!(peak(&frames), 0.75);
            }
        }
        assert_eq!(peak(&[]), 0.0);
    }

    #[test]
    fn a_sine_has_an_rms_three_db_under_its_peak() {
        let mut meter = Meter::new(SampleRate::HZ_48000);
        let sine: Vec<f32> = (0..96_000).map(|n| (n as f32 * 0.1).sin() * 0.5).collect();
        for block in sine.chunks(256) {
            meter.measure(block);
        }
        assert!((meter.rms() - 0.5 / 2f32.sqrt()).abs() < 0.005);
        assert!((meter.peak() - 0.5).abs() < 0.002);
    }

    #[test]
    fn silence_brings_the_meter_to_exact_zero() {
        let mut meter = Meter::new(SampleRate::HZ_48000);
        meter.measure(&[0.5; 256]);
        for _ in 0..10_000 {
            meter.measure(&[0.0; 256]);
        }
        assert_eq!((meter.peak(), meter.rms()), (0.0, 0.0));
    }
}
