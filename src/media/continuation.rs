//! How would a sound go on?
//!
//! Speech is a source (the vocal cords: a pulse each pitch period) behind a filter (the mouth).
//! The filter is found by linear prediction, the source is what remains; the last period of the
//! source is repeated through the filter, which still rings with the sound before. So there is no
//! step where the continuation begins.

use crate::media::pitch;

/// Continues one sound; its buffers serve the next.
pub(super) struct Continuation {
    rate: usize,
    lag: usize,
    filter: [f32; ORDER],
    /// One period of what the filter leaves of the sound.
    source: Vec<f32>,
    at: usize,
    /// The end of the sound and what followed; the newest at the end.
    past: Vec<f32>,
    produced: usize,
    level: f32,
    /// By which the level changes from frame to frame, as it did in the last two periods.
    trend: f32,
}

impl Continuation {
    /// For sound at `rate` frames a second; continues silence until it is told to begin.
    pub(super) fn new(rate: usize) -> Self {
        Self {
            rate,
            lag: 1,
            filter: [0.0; ORDER],
            source: vec![0.0],
            at: 0,
            past: vec![0.0; ORDER],
            produced: 0,
            level: 0.0,
            trend: 1.0,
        }
    }

    /// The least length of a sound that can be continued.
    pub(super) fn shortest(rate: usize) -> usize {
        ORDER + (MIN_LAG_MS + PITCH_WINDOW_MS) as usize * rate / 1_000
    }

    /// Frames of the sound's end that matter.
    pub(super) fn longest(rate: usize) -> usize {
        ORDER + (MAX_LAG_MS + FILTER_WINDOW_MS) as usize * rate / 1_000
    }

    /// Starts behind `sound`, which is at least `shortest` long.
    pub(super) fn begin(&mut self, sound: &[f32]) {
        let window = self.frames(PITCH_WINDOW_MS);
        let max = self.frames(MAX_LAG_MS).min(sound.len() - window - ORDER);
        let min = self.frames(MIN_LAG_MS).min(max);
        let step = (self.rate / 4_000).max(1);
        self.lag = pitch::repetition(sound, window, min..=max, step).lag;
        self.trend = trend(sound, self.lag);
        self.level = 1.0;
        let analysed = self.frames(FILTER_WINDOW_MS).min(sound.len());
        self.filter = prediction(&sound[sound.len() - analysed..]);
        self.take_source(sound);
        self.past.clear();
        self.past.extend_from_slice(&sound[sound.len() - ORDER..]);
        self.produced = 0;
        self.at = 0;
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> f32 {
        if self.past.len() >= PAST {
            self.past.copy_within(PAST - ORDER.., 0);
            self.past.truncate(ORDER);
        }
        let source = self.source[self.at];
        let ringing = predict(&self.filter, &self.past);
        let frame = (source + ringing).clamp(-LOUDEST, LOUDEST);
        self.past.push(frame);
        let frame = frame * self.gain(self.produced) * self.level;
        self.level *= self.trend;
        self.produced += 1;
        self.at = (self.at + 1) % self.lag;
        frame
    }

    /// Frames in a pitch period of the sound.
    pub(super) fn lag(&self) -> usize {
        self.lag
    }

    /// Frames since `begin`.
    pub(super) fn produced(&self) -> usize {
        self.produced
    }

    /// Whether it has gone on until nothing is left of the sound.
    pub(super) fn is_silent(&self) -> bool {
        self.level * self.gain(self.produced) < INAUDIBLE
    }

    /// Full at first, then straight down to nothing: what a voice does next is unknown.
    fn gain(&self, produced: usize) -> f32 {
        let ms = produced as f32 * 1_000.0 / self.rate as f32;
        (1.0 - (ms - HOLD_MS) / FADE_MS).clamp(0.0, 1.0)
    }

    fn take_source(&mut self, sound: &[f32]) {
        let from = sound.len() - self.lag;
        self.source.clear();
        for i in from..sound.len() {
            let remains = sound[i] - predict(&self.filter, &sound[..i]);
            self.source.push(remains);
        }
    }

    fn frames(&self, ms: f32) -> usize {
        (self.rate as f32 * ms / 1_000.0) as usize
    }
}

/// What `filter` expects after `past`.
fn predict(filter: &[f32; ORDER], past: &[f32]) -> f32 {
    let recent = &past[past.len() - ORDER..];
    filter.iter().zip(recent).map(|(a, x)| a * x).sum()
}

/// The change of level from frame to frame over the last two periods; never upwards.
fn trend(sound: &[f32], lag: usize) -> f32 {
    let end = sound.len();
    if end < 2 * lag {
        return 1.0;
    }
    let energy = |part: &[f32]| part.iter().map(|x| x * x).sum::<f32>() + SILENT;
    let last = energy(&sound[end - lag..]);
    let before = energy(&sound[end - 2 * lag..end - lag]);
    let ratio = (last / before).sqrt().clamp(STEEPEST, 1.0);
    ratio.powf(1.0 / lag as f32)
}

/// Linear prediction by autocorrelation and the Levinson-Durbin recursion. The factor for the
/// oldest frame comes first.
fn prediction(sound: &[f32]) -> [f32; ORDER] {
    let correlation = autocorrelation(sound);
    let mut a = [0.0f64; ORDER + 1];
    let mut error = correlation[0] * 1.000_1 + f64::from(SILENT);
    for i in 1..=ORDER {
        let known: f64 = (1..i).map(|j| a[j] * correlation[i - j]).sum();
        let k = (correlation[i] - known) / error;
        let before = a;
        for j in 1..i {
            a[j] = before[j] - k * before[i - j];
        }
        a[i] = k;
        error *= 1.0 - k * k;
    }
    let mut damping = 1.0;
    let mut filter = [0.0; ORDER];
    for (to, from) in filter.iter_mut().rev().zip(&a[1..]) {
        damping *= DAMPING;
        *to = (from * damping) as f32;
    }
    filter
}

/// Of the windowed sound; the window leans towards the end, where the continuation begins.
fn autocorrelation(sound: &[f32]) -> [f64; ORDER + 1] {
    let n = sound.len();
    let peak = n as f64 * 0.8;
    let windowed: Vec<f64> = sound
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            let at = i as f64 + 0.5;
            let to_edge = if at < peak {
                at / peak
            } else {
                (n as f64 - at) / (n as f64 - peak)
            };
            f64::from(x) * (to_edge * std::f64::consts::FRAC_PI_2).sin()
        })
        .collect();
    std::array::from_fn(|k| {
        let shifted = windowed.iter().skip(k);
        shifted.zip(&windowed).map(|(a, b)| a * b).sum()
    })
}

/// Enough for the formants and, at 8 kHz, the fine structure of a high voice.
const ORDER: usize = 32;
/// Pulls the filter's poles inwards, so that it rings out.
const DAMPING: f64 = 0.998;
/// Where `past` is cut back to what the filter needs.
const PAST: usize = 8 * ORDER;
/// 66 to 400 Hz.
const MIN_LAG_MS: f32 = 2.5;
const MAX_LAG_MS: f32 = 15.0;
/// Short: pitch glides, and only the end counts.
const PITCH_WINDOW_MS: f32 = 6.0;
const FILTER_WINDOW_MS: f32 = 15.0;
const HOLD_MS: f32 = 7.0;
const FADE_MS: f32 = 50.0;
/// The most that a level may fall from period to period.
const STEEPEST: f32 = 0.3;
/// Beyond full scale only by what a later limiter can take.
const LOUDEST: f32 = 1.5;
const INAUDIBLE: f32 = 1e-3;
const SILENT: f32 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: f32, hz: f32, from: usize, n: usize) -> Vec<f32> {
        (from..from + n)
            .map(|i| (i as f32 / rate * hz * std::f32::consts::TAU).sin() * 0.5)
            .collect()
    }

    fn continued(rate: usize, sound: &[f32], n: usize) -> Vec<f32> {
        let mut continuation = Continuation::new(rate);
        continuation.begin(sound);
        (0..n).map(|_| continuation.next()).collect()
    }

    #[test]
    fn a_tone_goes_on_in_phase_at_any_rate() {
        for rate in [8_000usize, 16_000, 48_000] {
            for hz in [70.0, 123.0, 250.0, 390.0] {
                let sound = tone(rate as f32, hz, 0, rate / 20);
                let n = rate / 200;
                let want = tone(rate as f32, hz, rate / 20, n);
                let got = continued(rate, &sound, n);
                let likeness = pitch::likeness(&want, &got, 1);
                assert!(likeness > 0.97, "{rate} {hz}: {likeness}");
            }
        }
    }

    #[test]
    fn there_is_no_step_at_the_start() {
        let sound = tone(8_000.0, 200.0, 0, 400);
        let largest = sound.windows(2).map(|w| (w[1] - w[0]).abs());
        let largest = largest.fold(0.0, f32::max);
        let first = continued(8_000, &sound, 1)[0];
        assert!((first - sound[399]).abs() < 1.5 * largest);
    }

    #[test]
    fn it_ends_in_silence() {
        let mut continuation = Continuation::new(8_000);
        continuation.begin(&tone(8_000.0, 150.0, 0, 400));
        let sound: Vec<f32> = (0..800).map(|_| continuation.next()).collect();
        assert!(continuation.is_silent());
        assert!(sound[480..].iter().all(|&x| x == 0.0));
        assert!(sound[..40].iter().any(|&x| x.abs() > 0.3));
    }

    #[test]
    fn silence_and_noise_stay_within_bounds() {
        assert!(continued(8_000, &[0.0; 400], 400).iter().all(|&x| x == 0.0));
        let mut seed = 1u32;
        let noise: Vec<f32> = (0..400)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                seed as f32 / u32::MAX as f32 * 2.0 - 1.0
            })
            .collect();
        let got = continued(8_000, &noise, 400);
        assert!(got.iter().all(|x| x.abs() <= LOUDEST));
    }

    #[test]
    fn the_shortest_sound_is_enough() {
        for rate in [8_000, 16_000, 48_000] {
            let sound = tone(rate as f32, 300.0, 0, Continuation::shortest(rate));
            assert_eq!(continued(rate, &sound, 10).len(), 10);
        }
    }
}
