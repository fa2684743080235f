//! How loud does an ear find it? (ITU-R BS.1770-4, EBU R128)
//!
//! ```text
//!  in ─► shelf (the head) ─► high-pass (the ear) ─► square ─► mean of a span ─► LUFS
//! ```
//!
//! One channel: loudness is −0.691 + 10 log10 of the weighted power. A `Db` here counts LUFS: a
//! tone of 997 Hz at full scale has −3.01.

use std::f64::consts::PI;
use std::time::Duration;

use crate::base::{Db, SampleRate};
use crate::dsp::biquad::{Coefficients, State};

/// Momentary loudness is the mean of 400 ms, anew every 100 ms.
const STEP: Duration = Duration::from_millis(100);
const MOMENT: usize = 4;
/// Below this there is no sound at all, only a line that is open.
pub const ABSOLUTE_GATE: Db = Db(-70.0);
/// What is so much softer than the rest is a pause in it.
pub const RELATIVE_GATE: Db = Db(-10.0);

/// The weighted power of one channel, span by span.
#[derive(Clone, Debug)]
pub struct KWeighted {
    shelf: Coefficients,
    pass: Coefficients,
    states: [State; 2],
    /// Frames of a span.
    span: usize,
    at: usize,
    sum: f64,
}

impl KWeighted {
    /// Powers of spans of `span` of a signal at `rate`.
    pub fn new(rate: SampleRate, span: Duration) -> Self {
        Self {
            shelf: shelf(rate),
            pass: pass(rate),
            states: [State::default(); 2],
            span: rate.frames_in(span).max(1),
            at: 0,
            sum: 0.0,
        }
    }

    /// Takes some frames, at most to the end of the span, and returns how many it took. When the
    /// span is full, its mean power comes too.
    pub fn measure(&mut self, frames: &[f32]) -> (usize, Option<f64>) {
        let n = frames.len().min(self.span - self.at);
        let [mut head, mut ear] = self.states;
        let mut sum = 0.0;
        for &x in &frames[..n] {
            let weighted = head.step(&self.shelf, f64::from(x));
            sum += ear.step(&self.pass, weighted).powi(2);
        }
        self.states = [head, ear];
        self.states.iter_mut().for_each(State::flush);
        self.sum += sum;
        self.at += n;
        if self.at < self.span {
            return (n, None);
        }
        self.at = 0;
        let power = std::mem::take(&mut self.sum) / self.span as f64;
        (n, Some(if power.is_finite() { power } else { 0.0 }))
    }

    /// Whether silence would change nothing in here.
    fn is_empty(&self) -> bool {
        self.sum == 0.0 && self.states.iter().all(State::is_empty)
    }
}

/// The loudness of a weighted power.
pub fn lufs(power: f64) -> Db {
    if power <= 0.0 {
        return Db::SILENCE;
    }
    Db((10.0 * power.log10() - 0.691) as f32)
}

/// The weighted power of a loudness.
pub fn power(loudness: Db) -> f64 {
    10f64.powf((f64::from(loudness.0) + 0.691) / 10.0)
}

/// The momentary loudness of one channel, for a meter.
#[derive(Clone, Debug)]
pub struct Loudness {
    weighted: KWeighted,
    recent: [f64; MOMENT],
    next: usize,
}

impl Loudness {
    /// A meter for a signal at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            weighted: KWeighted::new(rate, STEP),
            recent: [0.0; MOMENT],
            next: 0,
        }
    }

    /// Measures one block.
    pub fn measure(&mut self, frames: &[f32]) {
        let mut rest = frames;
        while !rest.is_empty() {
            let (n, power) = self.weighted.measure(rest);
            if let Some(power) = power {
                self.recent[self.next] = power;
                self.next = (self.next + 1) % MOMENT;
            }
            rest = &rest[n..];
        }
    }

    /// The power of the last whole 400 ms; see `lufs`.
    pub fn momentary(&self) -> f64 {
        self.recent.iter().sum::<f64>() / MOMENT as f64
    }

    /// Whether silence would change nothing in here.
    pub fn is_empty(&self) -> bool {
        self.recent == [0.0; MOMENT] && self.weighted.is_empty()
    }
}

/// The loudness of a whole recording, which may come in parts; pauses are left out by both gates
/// of R128. Allocates.
pub struct Whole {
    weighted: KWeighted,
    /// The power of each step.
    steps: Vec<f64>,
}

impl Whole {
    /// Of a recording at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            weighted: KWeighted::new(rate, STEP),
            steps: Vec::new(),
        }
    }

    /// Takes the next part.
    pub fn measure(&mut self, frames: &[f32]) {
        let mut rest = frames;
        while !rest.is_empty() {
            let (n, power) = self.weighted.measure(rest);
            self.steps.extend(power);
            rest = &rest[n..];
        }
    }

    /// How loud all parts together are.
    pub fn loudness(&self) -> Db {
        let moments = self.steps.windows(MOMENT);
        let mut moments: Vec<f64> = moments.map(|w| w.iter().sum::<f64>() / 4.0).collect();
        moments.retain(|&moment| lufs(moment) > ABSOLUTE_GATE);
        let gate = lufs(mean(&moments)).0 + RELATIVE_GATE.0;
        moments.retain(|&moment| lufs(moment).0 > gate);
        lufs(mean(&moments))
    }
}

/// The loudness of a whole recording at once. Allocates.
pub fn integrated(frames: &[f32], rate: SampleRate) -> Db {
    let mut whole = Whole::new(rate);
    whole.measure(frames);
    whole.loudness()
}

fn mean(powers: &[f64]) -> f64 {
    powers.iter().sum::<f64>() / powers.len().max(1) as f64
}

/// The first stage, a shelf of 4 dB: the table of BS.1770 at 48 kHz, the same analogue filter at
/// other rates.
fn shelf(rate: SampleRate) -> Coefficients {
    let (hz, gain, q) = (
        1_681.974_450_955_533,
        3.999_843_853_973_347,
        0.707_175_236_955_419_6,
    );
    let k = (PI * hz / f64::from(rate.hz())).tan();
    let high = 10f64.powf(gain / 20.0);
    let band = high.powf(0.499_666_774_154_541_6);
    Coefficients::scaled(
        [
            high + band * k / q + k * k,
            2.0 * (k * k - high),
            high - band * k / q + k * k,
        ],
        [
            1.0 + k / q + k * k,
            2.0 * (k * k - 1.0),
            1.0 - k / q + k * k,
        ],
    )
}

/// The second stage; its numerator stays 1, −2, 1 as in the table.
fn pass(rate: SampleRate) -> Coefficients {
    let (hz, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
    let k = (PI * hz / f64::from(rate.hz())).tan();
    let a0 = 1.0 + k / q + k * k;
    Coefficients::scaled(
        [a0, -2.0 * a0, a0],
        [a0, 2.0 * (k * k - 1.0), 1.0 - k / q + k * k],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::measure::{noise, sine};

    const RATE: SampleRate = SampleRate::HZ_48000;

    fn tone(level: Db, seconds: f32) -> Vec<f32> {
        let n = (48_000.0 * seconds) as usize;
        sine(1_000.0, RATE, level.gain(), n)
    }

    #[test]
    fn the_filters_are_those_of_the_standard() {
        let near = |made: Coefficients, b: [f64; 3], a: [f64; 2]| {
            let table = Coefficients::scaled(b, [1.0, a[0], a[1]]);
            for hz in [20.0, 38.0, 100.0, 997.0, 1_681.0, 4_000.0, 15_000.0] {
                let off = made.level(hz, RATE).0 - table.level(hz, RATE).0;
                assert!(off.abs() < 1e-3, "{hz}: {off}");
            }
        };
        near(
            shelf(RATE),
            [
                1.535_124_859_586_97,
                -2.691_696_189_406_38,
                1.198_392_810_852_85,
            ],
            [-1.690_659_293_182_41, 0.732_480_774_215_85],
        );
        near(
            pass(RATE),
            [1.0, -2.0, 1.0],
            [-1.990_047_454_833_98, 0.990_072_250_366_21],
        );
    }

    #[test]
    fn a_full_tone_of_997_hz_has_minus_3_lufs_at_every_rate() {
        for hz in [8_000, 16_000, 44_100, 48_000] {
            let rate = SampleRate::new(hz).unwrap();
            let mut meter = Loudness::new(rate);
            meter.measure(&sine(997.0, rate, 1.0, hz as usize));
            let loudness = lufs(meter.momentary()).0;
            // At 8 kHz the shelf is bent by the nearness of half the rate.
            let off = if hz == 8_000 { 0.35 } else { 0.1 };
            assert!((loudness + 3.01).abs() < off, "{hz}: {loudness}");
        }
    }

    #[test]
    fn the_gates_leave_pauses_out_as_ebu_tech_3341_wants() {
        // Cases 3 and 4 of the minimum requirements, one channel of two: 3.01 dB lower.
        let case_3 = [(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)];
        let case_4 = [(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)];
        for case in [&case_3[..], &case_4] {
            let frames: Vec<f32> = case.iter().flat_map(|&(l, s)| tone(Db(l), s)).collect();
            let loudness = integrated(&frames, RATE).0;
            assert!((loudness + 26.0).abs() < 0.1, "{loudness}");
        }
        assert_eq!(integrated(&[], RATE), Db::SILENCE);
    }

    #[test]
    fn a_moment_is_400_ms() {
        let mut meter = Loudness::new(RATE);
        meter.measure(&tone(Db(-20.0), 2.0));
        let steady = meter.momentary();
        meter.measure(&vec![0.0; 9_600]);
        assert!((meter.momentary() / steady - 0.5).abs() < 0.02);
        meter.measure(&vec![0.0; 19_200]);
        assert!(meter.momentary() / steady < 1e-3);
    }

    #[test]
    fn blocks_of_any_size_measure_the_same() {
        let frames = noise(5, 0.3, 50_000);
        let (mut whole, mut pieces) = (Loudness::new(RATE), Loudness::new(RATE));
        whole.measure(&frames);
        frames.chunks(37).for_each(|chunk| pieces.measure(chunk));
        assert!((whole.momentary() / pieces.momentary() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn loudness_and_power_are_inverse_and_silence_ends_empty() {
        assert!((lufs(power(Db(-23.0))).0 + 23.0).abs() < 1e-4);
        let mut meter = Loudness::new(RATE);
        meter.measure(&tone(Db(0.0), 0.5));
        assert!(!meter.is_empty());
        for _ in 0..1_000 {
            meter.measure(&[0.0; 256]);
        }
        assert!(meter.is_empty());
        assert_eq!(lufs(meter.momentary()), Db::SILENCE);
    }
}
