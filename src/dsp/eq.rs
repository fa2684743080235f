//! How is sound fitted to a loudspeaker and its room?

use std::time::Duration;

use crate::base::SampleRate;
use crate::dsp::biquad::{Biquad, Coefficients, Curve};

/// Bands of one equaliser, its high-pass included.
pub const N_BANDS: usize = 10;
/// How long any change takes.
const CHANGE: Duration = Duration::from_millis(50);

/// What an equaliser does: curves one after the other; `None` is flat.
pub type Curves = [Option<Curve>; N_BANDS];

/// Curves that change nothing.
pub const FLAT: Curves = [None; N_BANDS];

/// A parametric equaliser for one channel.
#[derive(Clone, Debug)]
pub struct Eq {
    rate: SampleRate,
    curves: Curves,
    bands: [Biquad; N_BANDS],
}

impl Eq {
    /// An equaliser that changes nothing yet, for a signal at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            curves: FLAT,
            bands: std::array::from_fn(|_| Biquad::new(Coefficients::THROUGH)),
        }
    }

    /// Turns to other curves within 50 ms; nothing happens if they are as they were.
    pub fn go(&mut self, curves: &Curves) {
        let (rate, frames) = (self.rate, self.rate.frames_in(CHANGE));
        self.change(curves, |band, curve| {
            band.go(coefficients(curve, rate), frames);
        });
    }

    /// Has other curves at once; only while nothing sounds.
    pub fn jump(&mut self, curves: &Curves) {
        let rate = self.rate;
        self.change(curves, |band, curve| band.jump(coefficients(curve, rate)));
    }

    /// What it does or turns to.
    pub fn curves(&self) -> &Curves {
        &self.curves
    }

    /// Whether silence in is silence out.
    pub fn is_empty(&self) -> bool {
        self.bands.iter().all(Biquad::is_empty)
    }

    /// Filters the next samples in place; bit-exact while all curves are `None`.
    pub fn process(&mut self, frames: &mut [f32]) {
        self.bands.iter_mut().for_each(|band| band.process(frames));
    }

    fn change(&mut self, curves: &Curves, mut to: impl FnMut(&mut Biquad, Option<Curve>)) {
        if *curves == self.curves {
            return;
        }
        self.curves = *curves;
        for (band, curve) in self.bands.iter_mut().zip(curves) {
            to(band, *curve);
        }
    }
}

fn coefficients(curve: Option<Curve>, rate: SampleRate) -> Coefficients {
    curve.map_or(Coefficients::THROUGH, |curve| {
        Coefficients::new(curve, rate)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Db;
    use crate::dsp::biquad::FLAT_Q;
    use crate::dsp::measure::{largest_step, level_through, sine};

    const RATE: SampleRate = SampleRate::HZ_48000;

    fn curves() -> Curves {
        let mut curves = FLAT;
        curves[0] = Some(Curve::HighPass {
            hz: 120.0,
            q: FLAT_Q,
        });
        curves[1] = Some(Curve::Peak {
            hz: 400.0,
            gain: Db(-6.0),
            q: 2.0,
        });
        curves[9] = Some(Curve::HighShelf {
            hz: 4_000.0,
            gain: Db(3.0),
            q: FLAT_Q,
        });
        curves
    }

    #[test]
    fn the_curves_stand_in_a_row() {
        for hz in [60.0, 120.0, 400.0, 1_000.0, 12_000.0] {
            let mut eq = Eq::new(RATE);
            eq.jump(&curves());
            let level = level_through(hz, RATE, |frames| eq.process(frames));
            let each = curves().into_iter().flatten();
            let sum: f32 = each
                .map(|c| Coefficients::new(c, RATE).level(hz, RATE).0)
                .sum();
            assert!((level - sum).abs() < 0.05, "{hz} Hz: {level}, not {sum}");
        }
    }

    #[test]
    fn flat_is_bit_exact_and_no_change_makes_a_step() {
        let mut eq = Eq::new(RATE);
        let input = sine(400.0, RATE, 0.4, 48_000);
        let mut out = input.clone();
        for (i, block) in out.chunks_mut(256).enumerate() {
            if i % 20 == 3 {
                let to = if i % 40 == 3 { curves() } else { FLAT };
                eq.go(&to);
            }
            eq.process(block);
        }
        let steepest = 0.4 * std::f32::consts::TAU * 400.0 / 48_000.0;
        assert!(largest_step(&out) < steepest * 1.2);
        eq.go(&FLAT);
        eq.process(&mut [0.0; 4_800]);
        let mut out = input.clone();
        eq.process(&mut out);
        assert_eq!(out, input);
        assert!(eq.is_empty());
    }
}
