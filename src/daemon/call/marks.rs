//! How late is a sound that was sent, where it comes out?
//!
//! A mark is a short sweep through the band of a telephone, sent every half second. Where it comes
//! out it is found again by its shape, whatever its level.

use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use crate::base::SampleRate;
use crate::dsp::ease;

/// From mark to mark; a multiple of every usual packet time, so that each begins a packet.
const APART: Duration = Duration::from_millis(600);
/// Longer than anything but a broken network is late.
const LATEST: Duration = Duration::from_millis(500);
/// Long enough to stand out of music, short enough for a concealed packet to spoil few.
const LENGTH: Duration = Duration::from_millis(60);
/// Rise and fall.
const EDGE: Duration = Duration::from_millis(5);
/// In hertz; what every telephone passes.
const SWEEP: [f64; 2] = [400.0, 3_000.0];
const AMPLITUDE: f64 = 0.5;
/// Below that likeness (1 is the same shape) it was something else.
const ALIKE: f64 = 0.5;

/// `n` marks, mono at `rate`, the first at once, with silence behind each.
pub(in crate::daemon) fn marked(rate: SampleRate, n: usize) -> Vec<f32> {
    let mark = mark(rate);
    let apart = rate.frames_in(APART);
    let mut frames = Vec::with_capacity(n * apart);
    for _ in 0..n {
        let begin = frames.len();
        frames.extend_from_slice(&mark);
        frames.resize(begin + apart, 0.0);
    }
    frames
}

fn mark(rate: SampleRate) -> Vec<f32> {
    let (hz, seconds) = (f64::from(rate.hz()), LENGTH.as_secs_f64());
    let edge = EDGE.as_secs_f64();
    (0..rate.frames_in(LENGTH))
        .map(|i| {
            let t = i as f64 / hz;
            let turns = SWEEP[0] * t + (SWEEP[1] - SWEEP[0]) * t * t / (2.0 * seconds);
            let swell = ease((t / edge).min((seconds - t) / edge).clamp(0.0, 1.0) as f32);
            (AMPLITUDE * (TAU * turns).sin()) as f32 * swell
        })
        .collect()
}

/// What came out, in one piece.
pub(in crate::daemon) struct Heard {
    rate: SampleRate,
    began: Option<Instant>,
    frames: Vec<f32>,
}

impl Heard {
    pub(in crate::daemon) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            began: None,
            frames: Vec::new(),
        }
    }

    /// Adds `frames` that came out from `at` on; what was missed before is silence.
    pub(in crate::daemon) fn add(&mut self, at: Instant, frames: &[f32]) {
        let began = *self.began.get_or_insert(at);
        let place = self.rate.frames_in(at.saturating_duration_since(began));
        // A clock that wavers by less is no gap.
        if place > self.frames.len() + self.rate.frames_in(Duration::from_millis(20)) {
            self.frames.resize(place, 0.0);
        }
        self.frames.extend_from_slice(frames);
    }

    /// How late each of `n` marks was, the first of which left at `began`; `None` for one that
    /// did not come, or not in time to be told from the next.
    pub(in crate::daemon) fn late(&self, began: Instant, n: usize) -> Vec<Option<Duration>> {
        let mark = mark(self.rate);
        (0..n as u32)
            .map(|i| self.find(&mark, began + APART * i))
            .collect()
    }

    fn find(&self, mark: &[f32], sent: Instant) -> Option<Duration> {
        let from = self
            .rate
            .frames_in(sent.checked_duration_since(self.began?)?);
        let to = from + self.rate.frames_in(LATEST) + mark.len();
        let window = self.frames.get(from..to.min(self.frames.len()))?;
        let (lag, alike) = best(mark, window)?;
        (alike >= ALIKE).then(|| self.rate.duration_of(lag))
    }
}

/// Where `mark` is most like `window`, and how much.
fn best(mark: &[f32], window: &[f32]) -> Option<(u64, f64)> {
    let own = energy(mark);
    let places = window.windows(mark.len()).zip(0u64..);
    let alike = places.map(|(there, lag)| {
        let product: f32 = mark.iter().zip(there).map(|(a, b)| a * b).sum();
        (
            lag,
            f64::from(product) / (own * energy(there)).sqrt().max(1e-9),
        )
    });
    alike.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn energy(frames: &[f32]) -> f64 {
    frames.iter().map(|f| f64::from(f * f)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_8000;
    const MS: Duration = Duration::from_millis(1);

    /// What comes out when `sent` is late by `late`, a tenth as loud, with a hum in it.
    fn out(sent: &[f32], late: Duration) -> Vec<f32> {
        let mut out = vec![0.0; RATE.frames_in(late)];
        out.extend(sent.iter().map(|s| 0.1 * s));
        for (i, frame) in out.iter_mut().enumerate() {
            *frame += 0.01 * (i as f32 * 0.08).sin();
        }
        out
    }

    #[test]
    fn marks_are_found_to_the_frame_at_any_level_and_a_missing_one_is_told() {
        let t0 = Instant::now();
        let mut sent = marked(RATE, 3);
        let apart = RATE.frames_in(APART);
        sent[apart..2 * apart].fill(0.0);
        let mut heard = Heard::new(RATE);
        let all = out(&sent, 12 * MS + MS / 2);
        let (first, rest) = all.split_at(1_000);
        heard.add(t0, first);
        heard.add(t0 + 125 * MS, rest);
        let late = heard.late(t0, 3);
        assert_eq!(late, [Some(12 * MS + MS / 2), None, Some(12 * MS + MS / 2)]);
    }

    #[test]
    fn a_gap_in_what_was_heard_does_not_move_what_follows() {
        let t0 = Instant::now();
        let sent = marked(RATE, 2);
        let apart = RATE.frames_in(APART);
        let mut heard = Heard::new(RATE);
        heard.add(t0, &sent[..apart / 2]);
        heard.add(t0 + APART, &sent[apart..]);
        assert_eq!(heard.late(t0, 2)[1], Some(Duration::ZERO));
    }

    #[test]
    fn what_was_sent_before_we_listened_or_after_we_stopped_was_not_heard() {
        let t0 = Instant::now();
        let mut heard = Heard::new(RATE);
        assert_eq!(heard.late(t0, 1), [None], "nothing was heard at all");
        heard.add(t0 + 100 * MS, &marked(RATE, 1));
        assert_eq!(heard.late(t0, 1), [None]);
        assert_eq!(heard.late(t0 + 10 * APART, 1), [None]);
    }
}
