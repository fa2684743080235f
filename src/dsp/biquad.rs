//! How does a filter of second order shape a signal, and change without a click?
//!
//! A change fades from the sound of the old filter to that of the new: whatever they are, what is
//! heard in between lies between the two. Coefficients moved step by step would not promise that.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

use crate::base::{Db, SampleRate};
use crate::dsp::ease;

/// The `q` of a pass without a bump (Butterworth).
pub const FLAT_Q: f32 = FRAC_1_SQRT_2 as f32;

/// What passes a filter of second order, after R. Bristow-Johnson's cookbook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    HighPass {
        hz: f32,
        q: f32,
    },
    LowPass {
        hz: f32,
        q: f32,
    },
    /// Everything at its level; only phases turn.
    AllPass {
        hz: f32,
        q: f32,
    },
    /// A bell around `hz`.
    Peak {
        hz: f32,
        gain: Db,
        q: f32,
    },
    /// `gain` below `hz`, half of it there.
    LowShelf {
        hz: f32,
        gain: Db,
        q: f32,
    },
    /// `gain` above `hz`, half of it there.
    HighShelf {
        hz: f32,
        gain: Db,
        q: f32,
    },
}

/// Lower frequencies would let rounding show.
const LOWEST_HZ: f64 = 5.0;
/// In parts of the rate: a filter above has nothing left to do.
const HIGHEST: f64 = 0.49;
const LEAST_Q: f64 = 0.1;
const MOST_Q: f64 = 30.0;

/// What is left in a filter below this is nothing: −600 dBFS, far above the denormal numbers
/// (1e-308) that make a processor crawl.
const FAINTEST: f64 = 1e-30;

/// A filter's numbers for one rate, scaled so that a0 is 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    b0: f64,
    b1: f64,
    b2: f64,
    a1: f64,
    a2: f64,
}

impl Coefficients {
    /// What comes goes, bit for bit.
    pub const THROUGH: Self = Self {
        b0: 1.0,
        b1: 0.0,
        b2: 0.0,
        a1: 0.0,
        a2: 0.0,
    };

    /// The curve at `rate`. What would lie beyond half the rate lets everything through, or is
    /// moved just below.
    pub fn new(curve: Curve, rate: SampleRate) -> Self {
        let (hz, q, gain) = curve.parts();
        let (hz, rate) = (f64::from(hz), f64::from(rate.hz()));
        if hz >= rate * HIGHEST && curve.works_below_or_around() {
            return Self::THROUGH;
        }
        let w = TAU * hz.clamp(LOWEST_HZ, rate * HIGHEST) / rate;
        let alpha = w.sin() / (2.0 * f64::from(q).clamp(LEAST_Q, MOST_Q));
        let amplitude = 10f64.powf(f64::from(gain.0) / 40.0);
        curve.at(w.cos(), alpha, amplitude)
    }

    /// From b0, b1, b2 and a0, a1, a2 as the formulas have them.
    pub(super) fn scaled(b: [f64; 3], a: [f64; 3]) -> Self {
        Self {
            b0: b[0] / a[0],
            b1: b[1] / a[0],
            b2: b[2] / a[0],
            a1: a[1] / a[0],
            a2: a[2] / a[0],
        }
    }

    /// What the filter does to a steady tone.
    pub fn level(&self, hz: f32, rate: SampleRate) -> Db {
        let (sin, cos) = (TAU * f64::from(hz) / f64::from(rate.hz())).sin_cos();
        let (sin2, cos2) = (2.0 * sin * cos, 2.0 * cos * cos - 1.0);
        let size = |x: f64, x1: f64, x2: f64| {
            (x + x1 * cos + x2 * cos2).powi(2) + (x1 * sin + x2 * sin2).powi(2)
        };
        let power = size(self.b0, self.b1, self.b2) / size(1.0, self.a1, self.a2);
        Db::from_gain(power.sqrt() as f32)
    }
}

impl Curve {
    fn parts(self) -> (f32, f32, Db) {
        match self {
            Self::HighPass { hz, q } | Self::LowPass { hz, q } | Self::AllPass { hz, q } => {
                (hz, q, Db::UNITY)
            }
            Self::Peak { hz, gain, q }
            | Self::LowShelf { hz, gain, q }
            | Self::HighShelf { hz, gain, q } => (hz, q, gain),
        }
    }

    /// Whether nothing is left to do when `hz` is beyond half the rate.
    fn works_below_or_around(self) -> bool {
        matches!(
            self,
            Self::LowPass { .. } | Self::Peak { .. } | Self::HighShelf { .. }
        )
    }

    fn at(self, cos: f64, alpha: f64, a: f64) -> Coefficients {
        let pass = [1.0 + alpha, -2.0 * cos, 1.0 - alpha];
        let edge = 2.0 * a.sqrt() * alpha;
        let (up, down) = (a + 1.0, a - 1.0);
        match self {
            Self::HighPass { .. } => {
                let half = (1.0 + cos) / 2.0;
                Coefficients::scaled([half, -1.0 - cos, half], pass)
            }
            Self::LowPass { .. } => {
                let half = (1.0 - cos) / 2.0;
                Coefficients::scaled([half, 1.0 - cos, half], pass)
            }
            Self::AllPass { .. } => {
                Coefficients::scaled([1.0 - alpha, -2.0 * cos, 1.0 + alpha], pass)
            }
            Self::Peak { .. } => Coefficients::scaled(
                [1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a],
                [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a],
            ),
            Self::LowShelf { .. } => Coefficients::scaled(
                [
                    a * (up - down * cos + edge),
                    2.0 * a * (down - up * cos),
                    a * (up - down * cos - edge),
                ],
                [
                    up + down * cos + edge,
                    -2.0 * (down + up * cos),
                    up + down * cos - edge,
                ],
            ),
            Self::HighShelf { .. } => Coefficients::scaled(
                [
                    a * (up + down * cos + edge),
                    -2.0 * a * (down + up * cos),
                    a * (up + down * cos - edge),
                ],
                [
                    up - down * cos + edge,
                    2.0 * (down - up * cos),
                    up - down * cos - edge,
                ],
            ),
        }
    }
}

/// One filter for one channel (transposed direct form II, in doubles).
#[derive(Clone, Debug)]
pub struct Biquad {
    now: Coefficients,
    state: State,
    fade: Option<Fade>,
    /// What is headed for after the fade, and in how many frames.
    next: Option<(Coefficients, usize)>,
}

/// The filter that is on its way out.
#[derive(Clone, Copy, Debug)]
struct Fade {
    from: Coefficients,
    state: State,
    at: usize,
    frames: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct State(f64, f64);

impl State {
    /// One sample through the filter.
    #[inline]
    pub(super) fn step(&mut self, c: &Coefficients, x: f64) -> f64 {
        let y = c.b0 * x + self.0;
        self.0 = c.b1 * x - c.a1 * y + self.1;
        self.1 = c.b2 * x - c.a2 * y;
        y
    }

    /// Makes nothing of what is next to nothing; once a block is enough.
    pub(super) fn flush(&mut self) {
        for s in [&mut self.0, &mut self.1] {
            // NaN compares false and goes too.
            if s.abs() < FAINTEST || !s.is_finite() {
                *s = 0.0;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Biquad {
    /// A filter at rest.
    pub fn new(coefficients: Coefficients) -> Self {
        Self {
            now: coefficients,
            state: State::default(),
            fade: None,
            next: None,
        }
    }

    /// Turns to other coefficients within so many frames, as soon as an earlier turn is done.
    pub fn go(&mut self, to: Coefficients, frames: usize) {
        self.next = Some((to, frames.max(1)));
        if self.fade.is_none() {
            self.turn();
        }
    }

    /// Is another filter at once, and empty; only for silence, where nobody hears the step.
    pub fn jump(&mut self, to: Coefficients) {
        *self = Self::new(to);
    }

    /// Whether silence in is silence out, and would change nothing in here.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty() && self.fade.is_none()
    }

    /// Whether sound passes bit for bit.
    pub fn is_through(&self) -> bool {
        self.now == Coefficients::THROUGH && self.is_empty()
    }

    /// Filters the next samples in place.
    pub fn process(&mut self, frames: &mut [f32]) {
        if self.is_through() {
            return;
        }
        let mut rest = frames;
        while self.fade.is_some() && !rest.is_empty() {
            rest = self.cross(rest);
        }
        let (now, mut state) = (self.now, self.state);
        for x in rest {
            *x = state.step(&now, f64::from(*x)) as f32;
        }
        self.state = state;
        self.state.flush();
    }

    /// Begins the turn that waits, if it leads anywhere.
    fn turn(&mut self) {
        let Some((to, frames)) = self.next.take_if(|(to, _)| *to != self.now) else {
            self.next = None;
            return;
        };
        let from = std::mem::replace(&mut self.now, to);
        let state = std::mem::take(&mut self.state);
        self.fade = Some(Fade {
            from,
            state,
            at: 0,
            frames,
        });
    }

    /// Filters what the fade still takes and returns the rest.
    fn cross<'a>(&mut self, frames: &'a mut [f32]) -> &'a mut [f32] {
        let Some(fade) = &mut self.fade else {
            return frames;
        };
        let n = frames.len().min(fade.frames - fade.at);
        let (fading, rest) = frames.split_at_mut(n);
        for x in fading {
            fade.at += 1;
            let weight = f64::from(ease(fade.at as f32 / fade.frames as f32));
            let was = fade.state.step(&fade.from, f64::from(*x));
            let is = self.state.step(&self.now, f64::from(*x));
            *x = (was + (is - was) * weight) as f32;
        }
        fade.state.flush();
        self.state.flush();
        if fade.at == fade.frames {
            self.fade = None;
            self.turn();
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::measure::{largest_step, level_through, sine};

    const RATE: SampleRate = SampleRate::HZ_48000;

    fn through(curve: Curve, hz: f32) -> f32 {
        let mut filter = Biquad::new(Coefficients::new(curve, RATE));
        level_through(hz, RATE, |frames| filter.process(frames))
    }

    fn assert_level(curve: Curve, hz: f32, wanted: f32) {
        let level = through(curve, hz);
        assert!(
            (level - wanted).abs() < 0.06,
            "{curve:?} at {hz} Hz: {level}"
        );
        let said = Coefficients::new(curve, RATE).level(hz, RATE).0;
        assert!((level - said).abs() < 0.01, "{said} said, {level} measured");
    }

    #[test]
    fn passes_are_three_db_down_at_their_corner_and_fall_by_twelve_an_octave() {
        let high = Curve::HighPass {
            hz: 200.0,
            q: FLAT_Q,
        };
        let low = Curve::LowPass {
            hz: 1_000.0,
            q: FLAT_Q,
        };
        assert_level(high, 200.0, -3.01);
        assert_level(high, 5_000.0, 0.0);
        assert_level(high, 50.0, -24.1);
        assert_level(high, 25.0, -36.1);
        assert_level(low, 1_000.0, -3.01);
        assert_level(low, 100.0, 0.0);
        assert!((through(low, 4_000.0) + 24.8).abs() < 0.5);
    }

    #[test]
    fn bells_and_shelves_have_their_gain_where_they_should() {
        let peak = Curve::Peak {
            hz: 1_000.0,
            gain: Db(6.0),
            q: 1.0,
        };
        assert_level(peak, 1_000.0, 6.0);
        assert_level(peak, 20.0, 0.0);
        assert_level(peak, 20_000.0, 0.01);
        let low = Curve::LowShelf {
            hz: 300.0,
            gain: Db(-10.0),
            q: FLAT_Q,
        };
        assert_level(low, 30.0, -10.0);
        assert_level(low, 300.0, -5.0);
        assert_level(low, 6_000.0, 0.0);
        let high = Curve::HighShelf {
            hz: 3_000.0,
            gain: Db(4.0),
            q: FLAT_Q,
        };
        assert_level(high, 100.0, 0.0);
        assert_level(high, 3_000.0, 2.0);
        assert_level(high, 20_000.0, 4.0);
    }

    #[test]
    fn an_all_pass_changes_no_level() {
        for hz in [50.0, 800.0, 1_000.0, 9_000.0] {
            assert_level(
                Curve::AllPass {
                    hz: 800.0,
                    q: FLAT_Q,
                },
                hz,
                0.0,
            );
        }
    }

    #[test]
    fn beyond_half_the_rate_a_filter_lets_all_through_or_stays_stable() {
        let rate = SampleRate::HZ_8000;
        let beyond = |curve| Coefficients::new(curve, rate);
        let (hz, q, gain) = (9_000.0, 1.0, Db(6.0));
        assert_eq!(beyond(Curve::LowPass { hz, q }), Coefficients::THROUGH);
        assert_eq!(beyond(Curve::Peak { hz, gain, q }), Coefficients::THROUGH);
        assert!(beyond(Curve::HighPass { hz, q }).a2.abs() < 1.0);
        assert!(beyond(Curve::HighPass { hz: -1.0, q: 0.0 }).a2.abs() < 1.0);
    }

    #[test]
    fn a_filter_that_lets_through_is_bit_exact() {
        let input = sine(440.0, RATE, 0.7, 1_000);
        let mut out = input.clone();
        let mut filter = Biquad::new(Coefficients::THROUGH);
        filter.process(&mut out);
        assert_eq!(out, input);
        let peak = Curve::Peak {
            hz: 500.0,
            gain: Db(6.0),
            q: 1.0,
        };
        filter.go(Coefficients::new(peak, RATE), 100);
        filter.process(&mut out);
        assert_ne!(out, input);
        filter.go(Coefficients::THROUGH, 100);
        filter.process(&mut out);
        assert!(filter.is_through());
        out.clone_from(&input);
        filter.process(&mut out);
        assert_eq!(out, input, "and so it is again after it was not");
    }

    #[test]
    fn a_change_makes_no_step() {
        let input = sine(300.0, RATE, 0.5, 48_000);
        let curves = [
            Curve::HighPass {
                hz: 2_000.0,
                q: FLAT_Q,
            },
            Curve::Peak {
                hz: 300.0,
                gain: Db(-20.0),
                q: 4.0,
            },
            Curve::LowShelf {
                hz: 5_000.0,
                gain: Db(6.0),
                q: FLAT_Q,
            },
        ];
        let mut filter = Biquad::new(Coefficients::THROUGH);
        let mut out = input;
        for (i, block) in out.chunks_mut(480).enumerate() {
            if i % 10 == 5 {
                let to = Coefficients::new(curves[i / 10 % 3], RATE);
                filter.go(to, 2_400);
            }
            filter.process(block);
        }
        // The steepest step of the tone 6 dB up, and a fifth.
        let bound = 2.0 * 0.5 * (TAU * 300.0 / 48_000.0) as f32 * 1.2;
        assert!(largest_step(&out) < bound, "{}", largest_step(&out));
    }

    #[test]
    fn silence_empties_the_filter_before_any_number_is_denormal() {
        let curve = Curve::Peak {
            hz: 40.0,
            gain: Db(12.0),
            q: 20.0,
        };
        let mut filter = Biquad::new(Coefficients::new(curve, RATE));
        let mut frames = vec![1.0; 256];
        filter.process(&mut frames);
        for _ in 0..48_000 {
            frames.fill(0.0);
            filter.process(&mut frames);
            assert!(!filter.state.0.is_subnormal() && !filter.state.1.is_subnormal());
            if filter.is_empty() {
                break;
            }
        }
        assert!(filter.is_empty());
    }

    #[test]
    fn what_is_no_number_does_not_stay() {
        let curve = Curve::LowPass {
            hz: 1_000.0,
            q: 1.0,
        };
        let mut filter = Biquad::new(Coefficients::new(curve, RATE));
        filter.process(&mut [f32::NAN]);
        let mut frames = [0.5; 64];
        filter.process(&mut frames);
        assert!(frames.iter().all(|x| x.is_finite()));
    }
}
