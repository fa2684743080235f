//! How fast must a station be read, whose clock is not that of the sound card?
//!
//! ```text
//!  what waits − target ─► low-pass 20 s ─► PI ─► clamp ±0.1 % ─► speed of reading
//! ```
//!
//! The same loop as for voices (`dsp::Drift`), but slow, since a station sends in bursts and has
//! seconds in store: ω = 0.001 rad/s, Kp = 2ω, Ki = ω². At a skew of 200 ppm the store strays by
//! skew / (e·ω) = 74 ms. A tenth of a percent is two cents, which nobody hears in music.

/// ω of the loop, radians a second.
const BANDWIDTH: f64 = 0.001;
/// Smooths the bursts of a station; short against the loop.
const SMOOTHING_S: f64 = 20.0;
/// The most that the speed differs from 1.
const MOST: f64 = 0.001;
/// How long a station is heard before it is known how much of it usually waits.
const SETTLING_S: f64 = 10.0;
/// So much shall wait at least: a network that stumbles.
const LEAST_S: f64 = 1.5;

/// The control loop of one station.
#[derive(Clone, Debug, Default)]
pub struct Follow {
    /// How long the station was heard since `restart`, as far as that counts.
    heard_s: f64,
    /// What waited on average, or what should wait and does not, once that is known.
    mean_s: f64,
    target_s: Option<f64>,
    skew: f64,
}

impl Follow {
    /// The speed at which to read on, 1.0 being nominal: `waiting_s` seconds of the station wait,
    /// after it was heard for another `span_s`; at most `most_s` shall.
    pub fn speed(&mut self, waiting_s: f64, span_s: f64, most_s: f64) -> f64 {
        let Some(target_s) = self.target_s else {
            self.settle(waiting_s, span_s, most_s);
            return 1.0 + self.skew;
        };
        let excess = waiting_s - target_s;
        self.mean_s += (excess - self.mean_s) * span_s / (span_s + SMOOTHING_S);
        let wanted = 2.0 * BANDWIDTH * self.mean_s + self.skew;
        // While the clamp holds, integrating would only wind up.
        if wanted.abs() <= MOST {
            self.skew += BANDWIDTH * BANDWIDTH * self.mean_s * span_s;
        }
        1.0 + wanted.clamp(-MOST, MOST)
    }

    /// The music stood still, or the station is another connection: what waits is learnt anew.
    pub fn restart(&mut self) {
        *self = Self {
            skew: self.skew,
            ..Self::default()
        };
    }

    fn settle(&mut self, waiting_s: f64, span_s: f64, most_s: f64) {
        self.heard_s += span_s;
        self.mean_s += (waiting_s - self.mean_s) * (span_s / self.heard_s).min(1.0);
        if self.heard_s >= SETTLING_S {
            let target_s = self.mean_s.min(most_s).max(LEAST_S);
            self.mean_s -= target_s;
            self.target_s = Some(target_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hears a station for hours whose clock is `skew` fast and whose sound comes in bursts of
    /// `burst_s`; returns the least and the most that waited after the first minute.
    fn hear(skew: f64, burst_s: f64, first_s: f64, hours: usize) -> (f64, f64, Follow) {
        let (mut follow, mut waiting, mut sent) = (Follow::default(), first_s, 0.0);
        let (mut least, mut most, span) = (f64::MAX, 0.0_f64, 0.1);
        for i in 0..hours * 36_000 {
            let on_air = i as f64 * span * (1.0 + skew);
            while sent + burst_s <= on_air {
                sent += burst_s;
                waiting += burst_s;
            }
            waiting -= span * follow.speed(waiting, span, 20.0);
            if i > 600 {
                least = least.min(waiting);
                most = most.max(waiting);
            }
        }
        (least, most, follow)
    }

    #[test]
    fn a_station_by_another_clock_neither_runs_dry_nor_over() {
        for ppm in [-500.0, -200.0, 0.0, 200.0, 500.0] {
            let (least, most, follow) = hear(ppm * 1e-6, 0.4, 3.0, 12);
            assert!(least > 2.2 && most < 3.8, "{ppm} ppm: {least} {most}");
            assert!(
                (follow.skew * 1e6 - ppm).abs() < 20.0,
                "{ppm}: {}",
                follow.skew
            );
        }
    }

    #[test]
    fn a_station_that_gives_little_in_advance_is_given_more_room_by_and_by() {
        let (_, most, _) = hear(0.0, 0.05, 0.8, 1);
        assert!((1.4..1.8).contains(&most), "{most}");
    }

    #[test]
    fn what_has_gathered_while_nobody_heard_it_is_the_new_measure_up_to_a_limit() {
        let mut follow = Follow::default();
        for _ in 0..200 {
            follow.speed(3.0, 0.1, 20.0);
        }
        follow.restart();
        for _ in 0..200 {
            let speed = follow.speed(12.0, 0.1, 20.0);
            assert!((speed - 1.0).abs() < 1e-6, "{speed}");
        }
        follow.restart();
        let fastest = (0..4_000).map(|_| follow.speed(30.0, 0.1, 20.0));
        assert_eq!(fastest.fold(0.0, f64::max), 1.0 + MOST);
    }
}
