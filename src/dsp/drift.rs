//! How fast must a voice be read so that the caller's clock and the card's agree?
//!
//! ```text
//!  fill − target ─► low-pass 1 s ─► PI ─► clamp ±0.5 % ─► speed of reading
//! ```
//!
//! The loop is critically damped with a time constant of 20 s (ω = 0.05 rad/s, Kp = 2ω, Ki = ω²).
//! At a skew of 200 ppm the fill strays by skew / (e·ω) = 1.5 ms before it comes back, at 500 ppm
//! by 3.7 ms. A fill that is 20 ms off changes the pitch by 0.2 %, which nobody hears in speech.

/// The fastest reading: the pitch rises by 9 cents at most.
pub const FASTEST: f64 = 1.005;
/// The slowest reading.
pub const SLOWEST: f64 = 0.995;

/// ω of the loop, radians a second.
const BANDWIDTH: f64 = 0.05;
/// Smooths the sawtooth that packets make of the fill; short against the loop.
const SMOOTHING_S: f64 = 1.0;
/// Real clocks are within 500 ppm; what the loop learns of them stays within twice that.
const MAX_SKEW: f64 = 0.001;

/// The slow control loop of one voice.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// Smoothed excess, seconds.
    mean: f64,
    /// What the loop believes the clocks differ by.
    skew: f64,
}

impl Drift {
    /// The speed at which to read the next frames, 1.0 being nominal: `excess` is how many
    /// seconds the fill was above its target on average over the last `span` seconds.
    pub fn speed(&mut self, excess: f64, span: f64) -> f64 {
        self.mean += (excess - self.mean) * span / (span + SMOOTHING_S);
        let wanted = 1.0 + 2.0 * BANDWIDTH * self.mean + self.skew;
        // While the clamp holds, integrating would only wind up.
        if (SLOWEST..=FASTEST).contains(&wanted) {
            self.skew += BANDWIDTH * BANDWIDTH * self.mean * span;
            self.skew = self.skew.clamp(-MAX_SKEW, MAX_SKEW);
        }
        wanted.clamp(SLOWEST, FASTEST)
    }

    /// The fill was changed on purpose: `excess` seconds is the mean now.
    pub fn set_mean(&mut self, excess: f64) {
        self.mean = excess;
    }

    /// What the other clock seems to run faster by; 1e-6 is one ppm.
    pub fn skew(&self) -> f64 {
        self.skew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the loop against a constant skew and returns the largest and the last excess.
    fn run(skew: f64, first: f64, seconds: usize) -> (f64, f64, Drift) {
        let (mut drift, mut excess, mut largest) = (Drift::default(), first, 0f64);
        let span = 0.005;
        for _ in 0..seconds * 200 {
            let speed = drift.speed(excess, span);
            excess += (1.0 + skew - speed) * span;
            largest = largest.max(excess.abs());
        }
        (largest, excess, drift)
    }

    #[test]
    fn a_skewed_clock_is_followed_with_little_error() {
        for ppm in [-500.0, -200.0, 200.0, 500.0] {
            let (largest, last, drift) = run(ppm * 1e-6, 0.0, 600);
            assert!(largest < 0.0045, "{ppm} ppm: {largest}");
            assert!(last.abs() < 1e-5, "{ppm} ppm: {last}");
            assert!((drift.skew() * 1e6 - ppm).abs() < 1.0);
        }
    }

    #[test]
    fn a_long_lag_is_worked_off_without_swinging_far_under() {
        let (_, after, _) = run(0.0, 0.2, 300);
        assert!(after.abs() < 0.001, "{after}");
        let (mut drift, mut excess, mut lowest) = (Drift::default(), 0.2, 0f64);
        for _ in 0..200 * 300 {
            excess += (1.0 - drift.speed(excess, 0.005)) * 0.005;
            lowest = lowest.min(excess);
        }
        assert!(lowest > -0.02, "{lowest}");
    }

    #[test]
    fn the_speed_is_clamped() {
        let mut drift = Drift::default();
        for _ in 0..100_000 {
            assert!(drift.speed(10.0, 0.01) <= FASTEST);
        }
        drift.set_mean(0.0);
        for _ in 0..100_000 {
            assert!(drift.speed(-10.0, 0.01) >= SLOWEST);
        }
    }
}
