//! By how much is a station turned, of which nobody knows what comes next?
//!
//! The last minute of it is measured as a piece is (EBU R128), pauses left out, and the gain follows
//! slowly: a song that is softer stays softer, a station that is louder than others does not.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::{Db, Frame, SampleRate};
use crate::dsp::loudness::{ABSOLUTE_GATE, KWeighted, RELATIVE_GATE, lufs};
use crate::music::{Loudness, levelling};

/// What loudness is judged over (R128).
const MOMENT: Duration = Duration::from_millis(400);
/// A minute of them.
const KEPT: usize = 150;
/// Before so many a station is taken for what stations are: three seconds.
const FEW: usize = 8;
/// What a station is taken for.
const USUAL: Loudness = Loudness {
    integrated: Db(-14.0),
    peak: Db(0.0),
};
/// How far the gain goes in a moment: 0.5 dB a second.
const STEP: f32 = 0.2;
/// How far while little is known of a station: 3 dB a second.
const FIRST_STEP: f32 = 1.2;
/// The first ten seconds.
const FIRST: usize = 25;

/// Measures a station and says how far to turn it.
#[derive(Clone, Debug)]
pub struct Steady {
    target: Db,
    sides: [KWeighted; 2],
    powers: [Option<f64>; 2],
    peak: f32,
    /// The power of both channels and the highest sample of each moment.
    moments: VecDeque<(f64, f32)>,
    n_moments: usize,
    gain: Db,
}

impl Steady {
    /// For a station at `rate` that shall have `target` LUFS.
    pub fn new(rate: SampleRate, target: Db) -> Self {
        Self {
            target,
            sides: [(); 2].map(|()| KWeighted::new(rate, MOMENT)),
            powers: [None; 2],
            peak: 0.0,
            moments: VecDeque::with_capacity(KEPT + 1),
            n_moments: 0,
            gain: levelling(USUAL, target),
        }
    }

    /// How far to turn it now.
    pub fn gain(&self) -> Db {
        self.gain
    }

    /// Takes the next frames; true if the gain has changed.
    pub fn measure(&mut self, frames: &[Frame]) -> bool {
        let before = self.gain;
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
                    self.powers[side] = power.or(self.powers[side]);
                    rest = &mut rest[n..];
                }
            }
            if let [Some(left), Some(right)] = self.powers {
                self.powers = [None; 2];
                self.moment(left + right);
            }
        }
        self.gain != before
    }

    fn moment(&mut self, power: f64) {
        self.moments
            .push_back((power, std::mem::take(&mut self.peak)));
        if self.moments.len() > KEPT {
            self.moments.pop_front();
        }
        self.n_moments += 1;
        let loudness = self.loudness();
        if self.n_moments < FEW || loudness.integrated == Db::SILENCE {
            return;
        }
        let wanted = levelling(loudness, self.target);
        let step = if self.n_moments < FIRST {
            FIRST_STEP
        } else {
            STEP
        };
        let way = wanted.0 - self.gain.0;
        self.gain.0 += way.clamp(-step, step);
    }

    fn loudness(&self) -> Loudness {
        let mean = |gate: Db| {
            let heard = self.moments.iter().map(|(power, _)| *power);
            let heard = heard.filter(|power| lufs(*power) > gate);
            let (n, sum) = heard.fold((0.0, 0.0), |(n, sum), power| (n + 1.0, sum + power));
            lufs(sum / f64::max(n, 1.0))
        };
        let gate = Db(mean(ABSOLUTE_GATE).0 + RELATIVE_GATE.0);
        let peak = self.moments.iter().map(|(_, peak)| *peak);
        Loudness {
            integrated: mean(Db(gate.0.max(ABSOLUTE_GATE.0))),
            peak: Db::from_gain(peak.fold(0.0, f32::max)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_8000;
    const TARGET: Db = Db(-18.0);

    /// A second of a tone of that level in LUFS, both sides together.
    fn second(level: f32) -> Vec<Frame> {
        // A tone of 997 Hz at full scale on one side has -3 LUFS, on both 0.
        let gain = Db(level).gain();
        let tone = |i: usize| (i as f32 * 997.0 * std::f32::consts::TAU / 8_000.0).sin() * gain;
        (0..8_000).map(|i| [tone(i); 2]).collect()
    }

    fn after(steady: &mut Steady, level: f32, seconds: usize) -> f32 {
        for _ in 0..seconds {
            steady.measure(&second(level));
        }
        steady.gain().0
    }

    #[test]
    fn a_loud_and_a_soft_station_come_to_one_loudness() {
        for level in [-8.0, -14.0, -20.0, -26.0] {
            let mut steady = Steady::new(RATE, TARGET);
            assert_eq!(steady.gain(), Db(-4.0), "as stations are");
            let gain = after(&mut steady, level, 30);
            assert!((level + gain + 18.0).abs() < 0.5, "{level} {gain}");
        }
    }

    #[test]
    fn it_goes_slowly_and_a_pause_does_not_turn_it_up() {
        let mut steady = Steady::new(RATE, TARGET);
        let before = after(&mut steady, -14.0, 60);
        assert!((after(&mut steady, -90.0, 20) - before).abs() < 0.2);
        let mut last = before;
        for _ in 0..100 {
            let gain = after(&mut steady, -22.0, 1);
            assert!((gain - last).abs() < 0.65, "{gain} {last}");
            last = gain;
        }
        assert!((last - 4.0).abs() < 0.5, "{last}");
    }

    #[test]
    fn nothing_is_turned_up_beyond_its_peaks_or_without_end() {
        let mut steady = Steady::new(RATE, TARGET);
        assert!(after(&mut steady, -50.0, 60) <= 12.0);
        let mut steady = Steady::new(RATE, TARGET);
        let mut soft = second(-30.0);
        soft[4_000] = [0.9; 2];
        for _ in 0..60 {
            steady.measure(&soft);
        }
        assert!(steady.gain().0 <= 0.1, "{}", steady.gain());
    }
}
