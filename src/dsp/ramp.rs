//! How does a gain go from one value to another without a click?

/// The course of a ramp between its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A straight line; its steepest step is `distance / frames`.
    Linear,
    /// 3t² − 2t³: a raised cosine to within 1 %, without a cosine for each sample. No corner at
    /// either end; its steepest step is 1.5 times that of the line.
    Smooth,
}

/// 0 to 1 along the smooth shape, for `t` from 0 to 1.
pub fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// A gain that moves sample by sample and reaches its target exactly after the frames given.
#[derive(Clone, Debug)]
pub struct Ramp {
    from: f32,
    to: f32,
    /// At rest when `at == frames`.
    at: usize,
    frames: usize,
    shape: Shape,
}

impl Ramp {
    /// A gain that stays at `value` until told otherwise.
    pub fn resting(value: f32) -> Self {
        Self {
            from: value,
            to: value,
            at: 0,
            frames: 0,
            shape: Shape::Linear,
        }
    }

    /// Heads for `to` from wherever the gain is now. The way to a target that is already being
    /// approached goes on as it was.
    pub fn go(&mut self, to: f32, frames: usize, shape: Shape) {
        if to == self.to {
            return;
        }
        *self = Self {
            from: self.value(),
            to,
            at: 0,
            frames,
            shape,
        };
    }

    /// Is at `value` from the next sample on; only for silence, where nobody hears the step.
    pub fn jump(&mut self, value: f32) {
        *self = Self::resting(value);
    }

    /// Where the gain is or is heading.
    pub fn target(&self) -> f32 {
        self.to
    }

    /// The gain of the last sample.
    pub fn value(&self) -> f32 {
        self.gain_at(self.at)
    }

    /// The gain, if it does not move.
    pub fn at_rest(&self) -> Option<f32> {
        (self.at == self.frames).then_some(self.to)
    }

    /// Lets `n` samples pass.
    pub fn skip(&mut self, n: usize) {
        self.at = self.frames.min(self.at.saturating_add(n));
    }

    /// Writes the gains of the next samples.
    pub fn fill(&mut self, gains: &mut [f32]) {
        let (moving, still) = gains.split_at_mut(gains.len().min(self.frames - self.at));
        let first = self.at + 1;
        for (i, gain) in moving.iter_mut().enumerate() {
            *gain = self.gain_at(first + i);
        }
        still.fill(self.to);
        self.skip(moving.len());
    }

    /// Multiplies the next samples with the gain; at rest at 1.0 they stay bit-exact.
    pub fn scale(&mut self, frames: &mut [f32]) {
        let (moving, still) = frames.split_at_mut(frames.len().min(self.frames - self.at));
        let first = self.at + 1;
        for (i, frame) in moving.iter_mut().enumerate() {
            *frame *= self.gain_at(first + i);
        }
        if self.to != 1.0 {
            for frame in still {
                *frame *= self.to;
            }
        }
        self.skip(moving.len());
    }

    fn gain_at(&self, at: usize) -> f32 {
        if at >= self.frames {
            return self.to;
        }
        let t = at as f32 / self.frames as f32;
        let way = match self.shape {
            Shape::Linear => t,
            Shape::Smooth => ease(t),
        };
        self.from + (self.to - self.from) * way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gains(ramp: &mut Ramp, n: usize) -> Vec<f32> {
        let mut gains = vec![0.0; n];
        ramp.fill(&mut gains);
        gains
    }

    #[test]
    fn a_linear_ramp_is_exact_to_the_sample() {
        let mut ramp = Ramp::resting(0.0);
        ramp.go(1.0, 4, Shape::Linear);
        assert_eq!(gains(&mut ramp, 6), [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        assert_eq!(ramp.at_rest(), Some(1.0));
    }

    #[test]
    fn pieces_of_any_size_make_the_same_ramp() {
        let mut whole = Ramp::resting(1.0);
        whole.go(0.1, 1_000, Shape::Smooth);
        let mut pieces = whole.clone();
        let expected = gains(&mut whole, 1_100);
        let made: Vec<f32> = [1, 7, 256, 0, 500, 336]
            .into_iter()
            .flat_map(|n| gains(&mut pieces, n))
            .collect();
        assert_eq!(made, expected);
    }

    #[test]
    fn the_smooth_shape_is_monotone_and_its_steps_are_bounded() {
        let mut ramp = Ramp::resting(1.0);
        ramp.go(0.1, 7_200, Shape::Smooth);
        let gains = gains(&mut ramp, 7_300);
        let bound = 1.5 * 0.9 / 7_200.0 + 1e-6;
        let mut last = 1.0;
        for gain in gains {
            assert!(gain <= last + 1e-7 && last - gain <= bound);
            last = gain;
        }
        assert_eq!(last, 0.1);
    }

    #[test]
    fn a_new_target_starts_where_the_gain_is() {
        let mut ramp = Ramp::resting(0.0);
        ramp.go(1.0, 100, Shape::Linear);
        ramp.skip(50);
        ramp.go(0.0, 10, Shape::Linear);
        assert_eq!(ramp.value(), 0.5);
        assert!((gains(&mut ramp, 1)[0] - 0.45).abs() < 1e-6);
    }

    #[test]
    fn the_same_target_again_does_not_start_over() {
        let mut ramp = Ramp::resting(0.0);
        ramp.go(1.0, 10, Shape::Linear);
        ramp.skip(9);
        ramp.go(1.0, 10, Shape::Linear);
        assert_eq!(gains(&mut ramp, 1), [1.0]);
    }

    #[test]
    fn scaling_by_a_resting_unity_is_bit_exact() {
        let mut frames = [0.1, -0.7, 1e-20];
        Ramp::resting(1.0).scale(&mut frames);
        assert_eq!(frames, [0.1, -0.7, 1e-20]);
    }

    #[test]
    fn a_ramp_of_no_frames_is_a_step() {
        let mut ramp = Ramp::resting(0.0);
        ramp.go(0.5, 0, Shape::Smooth);
        assert_eq!(gains(&mut ramp, 2), [0.5, 0.5]);
    }
}
