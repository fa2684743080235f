//! How is a voice parted into bands that sum up to what it was?
//!
//! ```text
//!  in ─┬─► low-pass f1 ───────────────────► all-pass f2 ─► low
//!      └─► high-pass f1 ─┬─► low-pass f2 ────────────────► middle
//!                        └─► high-pass f2 ───────────────► high
//! ```
//!
//! The passes are Linkwitz-Riley filters of fourth order: a Butterworth pass twice. The low and
//! high pass of one frequency sum to an all-pass of that frequency, and the low band goes through
//! that of f2 too: so the three bands together have every level as it was.

use crate::base::SampleRate;
use crate::dsp::biquad::{Biquad, Coefficients, Curve, FLAT_Q};

/// A split above this part of the rate leaves no band above it.
const HIGHEST: f32 = 0.45;

/// Three bands of one channel.
#[derive(Clone, Debug)]
pub struct Crossover {
    rate: SampleRate,
    lower: Split,
    upper: Split,
    turn: Biquad,
}

/// The two sides of one frequency.
#[derive(Clone, Debug)]
struct Split {
    low: [Biquad; 2],
    high: [Biquad; 2],
}

impl Crossover {
    /// Bands that part at `splits_hz`, the lower first.
    pub fn new(splits_hz: [f32; 2], rate: SampleRate) -> Self {
        let [lower, upper] = splits_hz.map(|hz| within(hz, rate));
        Self {
            rate,
            lower: Split::new(lower, rate),
            upper: Split::new(upper, rate),
            turn: Biquad::new(all_pass(upper, rate)),
        }
    }

    /// Moves the splits within so many frames.
    pub fn go(&mut self, splits_hz: [f32; 2], frames: usize) {
        let rate = self.rate;
        let [lower, upper] = splits_hz.map(|hz| within(hz, rate));
        self.lower.go(lower, rate, frames);
        self.upper.go(upper, rate, frames);
        self.turn.go(all_pass(upper, rate), frames);
    }

    /// Parts `low` into `low`, `middle` and `high`, which are as long.
    pub fn split(&mut self, low: &mut [f32], middle: &mut [f32], high: &mut [f32]) {
        self.lower.split(low, middle);
        self.upper.split(middle, high);
        self.turn.process(low);
    }

    /// Whether silence in is silence out.
    pub fn is_empty(&self) -> bool {
        self.lower.is_empty() && self.upper.is_empty() && self.turn.is_empty()
    }
}

impl Split {
    fn new(hz: f32, rate: SampleRate) -> Self {
        let twice = |c| [Biquad::new(c), Biquad::new(c)];
        Self {
            low: twice(low_pass(hz, rate)),
            high: twice(high_pass(hz, rate)),
        }
    }

    fn go(&mut self, hz: f32, rate: SampleRate, frames: usize) {
        let (low, high) = (low_pass(hz, rate), high_pass(hz, rate));
        self.low.iter_mut().for_each(|pass| pass.go(low, frames));
        self.high.iter_mut().for_each(|pass| pass.go(high, frames));
    }

    fn split(&mut self, low: &mut [f32], high: &mut [f32]) {
        high.copy_from_slice(low);
        self.low.iter_mut().for_each(|pass| pass.process(low));
        self.high.iter_mut().for_each(|pass| pass.process(high));
    }

    fn is_empty(&self) -> bool {
        self.low.iter().chain(&self.high).all(Biquad::is_empty)
    }
}

fn within(hz: f32, rate: SampleRate) -> f32 {
    hz.min(rate.hz() as f32 * HIGHEST)
}

fn low_pass(hz: f32, rate: SampleRate) -> Coefficients {
    Coefficients::new(Curve::LowPass { hz, q: FLAT_Q }, rate)
}

fn high_pass(hz: f32, rate: SampleRate) -> Coefficients {
    Coefficients::new(Curve::HighPass { hz, q: FLAT_Q }, rate)
}

fn all_pass(hz: f32, rate: SampleRate) -> Coefficients {
    Coefficients::new(Curve::AllPass { hz, q: FLAT_Q }, rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::measure::{largest_step, level_through, sine};

    const SPLITS: [f32; 2] = [800.0, 2_500.0];

    /// The level of the bands that `kept` names, behind the crossover.
    fn level(kept: [bool; 3], hz: f32, rate: SampleRate) -> f32 {
        let mut crossover = Crossover::new(SPLITS, rate);
        level_through(hz, rate, |frames| {
            let n = frames.len();
            let (mut middle, mut high) = (vec![0.0; n], vec![0.0; n]);
            crossover.split(frames, &mut middle, &mut high);
            for (i, x) in frames.iter_mut().enumerate() {
                let bands = [*x, middle[i], high[i]];
                let kept = bands.iter().zip(kept).filter(|(_, kept)| *kept);
                *x = kept.map(|(x, _)| x).sum();
            }
        })
    }

    #[test]
    fn the_bands_sum_flat_at_every_rate() {
        for rate in [8_000, 16_000, 44_100, 48_000] {
            let rate = SampleRate::new(rate).unwrap();
            for hz in [30.0, 400.0, 800.0, 1_500.0, 2_500.0, 3_700.0] {
                let level = level([true; 3], hz, rate);
                assert!(level.abs() < 0.02, "{hz} Hz at {rate}: {level}");
            }
        }
    }

    #[test]
    fn each_band_is_six_db_down_at_its_edges_and_falls_by_twenty_four() {
        let rate = SampleRate::HZ_48000;
        let near = |kept, hz, wanted: f32, by: f32| {
            let level = level(kept, hz, rate);
            assert!((level - wanted).abs() < by, "{kept:?} {hz} Hz: {level}");
        };
        let (low, middle, high) = (
            [true, false, false],
            [false, true, false],
            [false, false, true],
        );
        near(low, 800.0, -6.0, 0.1);
        near(low, 100.0, 0.0, 0.1);
        near(low, 3_200.0, -48.3, 1.0);
        near(middle, 800.0, -6.1, 0.2);
        near(middle, 2_500.0, -6.1, 0.2);
        near(high, 2_500.0, -6.1, 0.2);
        near(high, 10_000.0, 0.0, 0.1);
        near(high, 625.0, -60.0, 12.0);
    }

    #[test]
    fn moving_a_split_makes_no_step() {
        let rate = SampleRate::HZ_16000;
        let mut crossover = Crossover::new(SPLITS, rate);
        let mut out = sine(1_000.0, rate, 0.5, 16_000);
        for (i, frames) in out.chunks_mut(100).enumerate() {
            if i % 20 == 10 {
                let up = if i % 40 == 10 { 1.5 } else { 0.7 };
                crossover.go(SPLITS.map(|hz| hz * up), 800);
            }
            let (mut middle, mut high) = ([0.0; 100], [0.0; 100]);
            crossover.split(frames, &mut middle, &mut high);
            for (i, x) in frames.iter_mut().enumerate() {
                *x += middle[i] + high[i];
            }
        }
        let bound = 0.5 * 2.0 * std::f32::consts::PI * 1_000.0 / 16_000.0 * 1.2;
        assert!(largest_step(&out) < bound, "{}", largest_step(&out));
    }
}
