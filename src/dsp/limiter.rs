//! How is an output kept from clipping, without a sound of its own?
//!
//! ```text
//!  in ─┬─► line (delay 1 ms) ─────────────────────────────► × ─► clamp ─► out
//!      └─► height of the curve ─► gain needed ─► lowest of the last A ─► hold, release ─► mean
//!          (oversampled)                                                          of A ──┘
//! ```
//!
//! The gain that a peak needs is held low for A frames and then averaged over A frames. So it
//! has come down on a straight line to what the peak needs just when the peak leaves the delay
//! line, and no gain ever steps. While nothing is near the ceiling the output is the input of
//! 1 ms ago, bit for bit.

use crate::base::{Db, SampleRate};
use crate::dsp::lowest::Lowest;
use crate::dsp::meter::peak;
use crate::dsp::oversample::{AHEAD, BEHIND, Oversample};

/// Long enough to come down without a click, short enough to be no part of the delay that
/// anyone notices: 48 frames at 48 kHz.
const LOOK_AHEAD_S: f64 = 0.001;
/// The oversampler needs this much of the line, even at 8 kHz (1.5 ms there).
const LEAST_DELAY: usize = AHEAD + BEHIND + 1;
/// The gain stays down this long, or it would follow the waves of deep voices and distort them.
const HOLD_S: f64 = 0.010;
/// Time constant of coming back: quick enough to leave no hole after a shout.
const RELEASE_S: f64 = 0.080;
/// This close to unity the rest of the way is no step that can be heard (−100 dB).
const AS_GOOD_AS_UNITY: f64 = 1.0 - 1e-5;

/// A true-peak limiter for one channel with a constant delay.
#[derive(Clone, Debug)]
pub struct Limiter {
    ceiling: f32,
    delay: usize,
    hold: usize,
    release: f64,
    /// `delay` frames of the past, then room for one block.
    line: Vec<f32>,
    oversample: Oversample,
    peaks: Vec<f32>,
    envelope: Envelope,
    /// Frames since the input was last not silent.
    silent_for: usize,
}

/// The gain on its way down and back.
#[derive(Clone, Debug)]
struct Envelope {
    lowest: Lowest,
    /// Double, because near unity a step of the release is less than a bit of a single.
    gain: f64,
    held_for: usize,
    /// The last A gains, whose mean is applied.
    recent: Vec<f64>,
    at: usize,
    sum: f64,
    /// How many gains in a row were exactly one.
    unity_for: usize,
}

impl Limiter {
    /// A limiter for blocks of up to `max_block` frames. Not for the sound callback: allocates.
    pub fn new(ceiling: Db, rate: SampleRate, max_block: usize) -> Self {
        let frames = |seconds: f64| (f64::from(rate.hz()) * seconds).round();
        let delay = (frames(LOOK_AHEAD_S) as usize).max(LEAST_DELAY);
        Self {
            ceiling: ceiling.gain(),
            delay,
            hold: frames(HOLD_S) as usize,
            release: 1.0 - (-1.0 / frames(RELEASE_S)).exp(),
            line: vec![0.0; delay + max_block],
            oversample: Oversample::new(max_block),
            peaks: vec![0.0; max_block],
            envelope: Envelope::new(delay - AHEAD + 1),
            silent_for: delay,
        }
    }

    /// By how many frames the output lags.
    pub fn delay(&self) -> usize {
        self.delay
    }

    /// Whether only silence is left inside.
    pub fn is_empty(&self) -> bool {
        self.silent_for >= self.delay && self.envelope.at_rest()
    }

    /// The gain of the last frame; 1.0 when nothing is limited.
    pub fn gain(&self) -> f32 {
        self.envelope.mean()
    }

    /// Limits one block in place. The input must be free of NaN.
    pub fn process(&mut self, frames: &mut [f32]) {
        if self.listen(frames) {
            let peaks = std::mem::take(&mut self.peaks);
            self.limit(frames, Some(&peaks[..frames.len()]));
            self.peaks = peaks;
        } else {
            self.limit(frames, None);
        }
    }

    /// Takes one block in, and returns its heights if any is above the ceiling. Limiters whose
    /// loudspeakers make one picture are told the highest of their heights, so that it stays in
    /// its place.
    pub fn hear(&mut self, frames: &[f32]) -> Option<&[f32]> {
        let is_loud = self.listen(frames);
        is_loud.then(|| &self.peaks[..frames.len()])
    }

    /// Gives the block out that is due, after `hear` of one as long: by the gain that `heights`
    /// need, which are no lower than the limiter's own; `None` is below the ceiling.
    pub fn limit(&mut self, frames: &mut [f32], heights: Option<&[f32]>) {
        let n = frames.len();
        match heights {
            None if self.envelope.at_rest() => frames.copy_from_slice(&self.line[..n]),
            None => self.lower(frames, std::iter::repeat(&0.0)),
            Some(heights) => self.lower(frames, heights.iter()),
        }
        self.line.copy_within(n..n + self.delay, 0);
    }

    /// Whether anything in the block is above the ceiling; `peaks` holds its heights then.
    fn listen(&mut self, frames: &[f32]) -> bool {
        let n = frames.len();
        self.line[self.delay..self.delay + n].copy_from_slice(frames);
        let first = self.delay - AHEAD - BEHIND;
        let row = &self.line[first..self.delay + n];
        let height = peak(row);
        self.silent_for = if height == 0.0 {
            self.silent_for + n
        } else {
            0
        };
        if height * self.oversample.worst <= self.ceiling {
            return false;
        }
        self.oversample.peaks(row, &mut self.peaks[..n]);
        peak(&self.peaks[..n]) > self.ceiling
    }

    fn lower<'a>(&mut self, frames: &mut [f32], heights: impl Iterator<Item = &'a f32>) {
        let ceiling = self.ceiling;
        for ((out, &past), &height) in frames.iter_mut().zip(&self.line).zip(heights) {
            let needed = if height > ceiling {
                ceiling / height
            } else {
                1.0
            };
            let gain = self.envelope.next(needed, self.hold, self.release);
            // Rounding may leave a product one bit above the ceiling.
            *out = (past * gain).clamp(-ceiling, ceiling);
        }
    }
}

impl Envelope {
    fn new(span: usize) -> Self {
        Self {
            // One more, because a peak between two samples needs both of them lowered.
            lowest: Lowest::new(span + 1, 1.0),
            gain: 1.0,
            held_for: 0,
            recent: vec![1.0; span],
            at: 0,
            sum: span as f64,
            unity_for: span,
        }
    }

    fn at_rest(&self) -> bool {
        self.unity_for >= self.recent.len()
    }

    fn mean(&self) -> f32 {
        (self.sum / self.recent.len() as f64) as f32
    }

    fn next(&mut self, needed: f32, hold: usize, release: f64) -> f32 {
        let lowest = f64::from(self.lowest.next(needed));
        self.follow(lowest, hold, release);
        self.sum += self.gain - self.recent[self.at];
        self.recent[self.at] = self.gain;
        self.at = (self.at + 1) % self.recent.len();
        self.unity_for = if self.gain == 1.0 {
            self.unity_for + 1
        } else {
            0
        };
        if self.at_rest() {
            self.sum = self.recent.len() as f64;
        }
        self.mean()
    }

    /// Down at once, up after a hold; never above `lowest`.
    fn follow(&mut self, lowest: f64, hold: usize, release: f64) {
        if lowest <= self.gain {
            if lowest < 1.0 {
                self.held_for = 0;
            }
            self.gain = lowest;
            return;
        }
        if self.held_for < hold {
            self.held_for += 1;
            return;
        }
        let risen = self.gain + (1.0 - self.gain) * release;
        let risen = if risen > AS_GOOD_AS_UNITY { 1.0 } else { risen };
        self.gain = risen.min(lowest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limited(frames: &[f32], block: usize) -> (Vec<f32>, Limiter) {
        let mut limiter = Limiter::new(Db(-1.0), SampleRate::HZ_48000, 256);
        let mut out = frames.to_vec();
        for chunk in out.chunks_mut(block) {
            limiter.process(chunk);
        }
        (out, limiter)
    }

    fn sine(amplitude: f32, turns_per_sample: f64, phase: f64, n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| {
                let turn = turns_per_sample * i as f64 + phase;
                amplitude * (turn * std::f64::consts::TAU).sin() as f32
            })
            .collect()
    }

    #[test]
    fn what_stays_below_is_only_delayed_bit_for_bit() {
        for block in [1, 17, 256] {
            let input = sine(0.85, 0.0123, 0.0, 10_000);
            let (out, limiter) = limited(&input, block);
            let delay = limiter.delay();
            assert!(delay <= 72, "1.5 ms at most");
            assert!(out[..delay].iter().all(|&x| x == 0.0));
            assert!(out[delay..] == input[..10_000 - delay]);
        }
    }

    #[test]
    fn after_a_shout_the_way_through_is_bit_exact_again() {
        let mut input = sine(3.0, 0.01, 0.0, 4_800);
        input.extend(sine(0.5, 0.01, 0.0, 96_000));
        let (out, limiter) = limited(&input, 256);
        let d = limiter.delay();
        assert_eq!(limiter.gain(), 1.0);
        assert!(out[90_000..] == input[90_000 - d..100_800 - d]);
    }

    #[test]
    fn limiters_of_one_picture_lower_it_as_one() {
        let limiter = || Limiter::new(Db(-1.0), SampleRate::HZ_48000, 256);
        let (mut left, mut right) = (limiter(), limiter());
        let (mut loud, mut soft) = (sine(2.5, 0.01, 0.0, 9_600), sine(0.25, 0.01, 0.0, 9_600));
        for (loud, soft) in loud.chunks_mut(200).zip(soft.chunks_mut(200)) {
            assert!(right.hear(soft).is_none());
            let heights = left.hear(loud).map(<[f32]>::to_vec);
            left.limit(loud, heights.as_deref());
            right.limit(soft, heights.as_deref());
        }
        for (loud, soft) in loud.iter().zip(&soft).skip(960) {
            assert!(loud.abs() <= Db(-1.0).gain());
            assert!((loud - soft * 10.0).abs() < 1e-4, "{loud} {soft}");
        }
    }

    #[test]
    fn a_peak_between_the_samples_is_brought_down_too() {
        // A quarter of the rate at 45°: samples at 0.99, the curve at 1.4.
        let input = sine(1.4, 0.25, 0.125, 48_000);
        let (out, _) = limited(&input, 256);
        let settled = peak(&out[24_000..]) * 2f32.sqrt();
        assert!(Db::from_gain(settled).0 < -0.7, "{settled}");
        assert!(Db::from_gain(settled).0 > -1.5, "{settled}");
    }

    #[test]
    fn the_gain_never_steps() {
        let mut input = vec![0.5; 4_800];
        input.extend(vec![5.0; 4_800]);
        input.extend(vec![0.5; 48_000]);
        let mut limiter = Limiter::new(Db(-1.0), SampleRate::HZ_48000, 256);
        let mut last = limiter.gain();
        for x in input {
            limiter.process(&mut [x]);
            assert!((limiter.gain() - last).abs() < 1.0 / 40.0);
            last = limiter.gain();
        }
        assert_eq!(last, 1.0);
    }

    #[test]
    fn a_deep_loud_voice_is_not_bent() {
        // 80 Hz at +6 dB: what is left beside the fundamental is distortion.
        let input = sine(2.0, 80.0 / 48_000.0, 0.0, 96_000);
        let (out, _) = limited(&input, 256);
        let out = &out[48_000..96_000];
        let (mut s, mut c) = (0f64, 0f64);
        for (i, &x) in out.iter().enumerate() {
            let (sin, cos) = (std::f64::consts::TAU * 80.0 * i as f64 / 48_000.0).sin_cos();
            s += f64::from(x) * sin / 24_000.0;
            c += f64::from(x) * cos / 24_000.0;
        }
        let total: f64 = out.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 48_000.0;
        let rest = (total - (s * s + c * c) / 2.0).max(0.0) / total;
        assert!(rest.sqrt() < 0.005, "{}", rest.sqrt());
    }

    #[test]
    fn silence_in_is_silence_out_and_the_line_runs_empty() {
        let (_, mut limiter) = limited(&[0.5; 100], 100);
        assert!(!limiter.is_empty());
        limiter.process(&mut [0.0; 256]);
        let mut block = [0.0; 256];
        limiter.process(&mut block);
        assert_eq!(block, [0.0; 256]);
        assert!(limiter.is_empty());
    }

    #[test]
    fn the_delay_stays_short_at_every_rate() {
        for hz in [8_000, 16_000, 44_100, 48_000, 96_000] {
            let rate = SampleRate::new(hz).unwrap();
            let limiter = Limiter::new(Db(-1.0), rate, 64);
            assert!(limiter.delay() as f64 / f64::from(hz) <= 0.0015);
        }
    }

    proptest! {
        #[test]
        fn nothing_gets_above_the_ceiling(
            seeds in proptest::collection::vec((-16.0f32..16.0, 1usize..80), 1..60),
            hz in prop_oneof![Just(8_000), Just(44_100), Just(48_000)],
            block in 1usize..256,
        ) {
            let rate = SampleRate::new(hz).unwrap();
            let mut limiter = Limiter::new(Db(-1.0), rate, 256);
            let mut frames: Vec<f32> = seeds
                .iter()
                .flat_map(|&(x, n)| (0..n).map(move |i| if i % 3 == 0 { x } else { -x * 0.7 }))
                .collect();
            for chunk in frames.chunks_mut(block) {
                limiter.process(chunk);
            }
            let ceiling = Db(-1.0).gain();
            prop_assert!(frames.iter().all(|x| x.abs() <= ceiling));
        }
    }
}
