//! What is played when nothing came?
//!
//! The last sound goes on: its last pitch period is repeated, then its last two and three, so
//! that a long gap does not buzz, and it fades. This is the method of ITU-T G.711 appendix I but
//! for the start: the appendix delays all sound by 3.75 ms to blend the last quarter period
//! into the repetition. Here the step between the two is carried over and let go instead.

use crate::media::pitch;

/// Remembers the last sound of one stream and continues it.
pub(super) struct Concealer {
    rate: usize,
    /// The last frames that were played; the newest at the end.
    history: Vec<f32>,
    gap: Option<Gap>,
    /// The sound before the gap, as long as three of its periods and a quarter.
    before: Vec<f32>,
    /// The last periods of it, smoothed where their end meets their start.
    cycle: Vec<f32>,
}

/// A repetition that is under way.
#[derive(Clone, Copy)]
struct Gap {
    /// Frames in a pitch period.
    lag: usize,
    n_periods: usize,
    /// The next frame of the cycle.
    at: usize,
    produced: usize,
    /// The step from one stretch of sound to the next, which is let go over some frames.
    step: f32,
    step_left: usize,
}

impl Concealer {
    /// A concealer for sound at `rate` frames a second that has heard silence so far.
    pub(super) fn new(rate: usize) -> Self {
        let mut history = Vec::with_capacity(2 * keep(rate));
        history.resize(keep(rate), 0.0);
        Self {
            rate,
            history,
            gap: None,
            before: Vec::new(),
            cycle: Vec::new(),
        }
    }

    /// Whether the last that went out was made up.
    pub(super) fn is_concealing(&self) -> bool {
        self.gap.is_some()
    }

    /// Whether a concealment has gone on until nothing is left of the sound.
    pub(super) fn is_silent(&self) -> bool {
        self.gap.is_some_and(|gap| self.gain(gap.produced) == 0.0)
    }

    /// Appends `n` frames that continue the sound.
    pub(super) fn conceal(&mut self, n: usize, out: &mut Vec<f32>) {
        let mut gap = self.gap.unwrap_or_else(|| self.begin());
        let start = out.len();
        for _ in 0..n {
            let frame = self.next(&mut gap);
            out.push(frame);
        }
        self.gap = Some(gap);
        self.remember(&out[start..]);
    }

    /// Takes note of `sound` that is about to be played. If it follows a concealment, or `joint`
    /// says that it does not continue what was before, its start is blended with the
    /// continuation of that.
    pub(super) fn play(&mut self, sound: &mut [f32], joint: Joint) {
        if joint == Joint::Broken && self.gap.is_none() {
            self.gap = Some(self.begin());
        }
        if let Some(mut gap) = self.gap.take() {
            let n = self.overlap(&gap).min(sound.len());
            for (i, frame) in sound[..n].iter_mut().enumerate() {
                let rise = (i as f32 + 0.5) / n as f32;
                let before = self.next(&mut gap);
                *frame = *frame * rise + before * (1.0 - rise);
            }
        }
        self.remember(sound);
    }

    fn begin(&mut self) -> Gap {
        let window = self.frames(WINDOW_MS);
        let lags = self.frames(MIN_LAG_MS)..=self.frames(MAX_LAG_MS);
        let lag = pitch::repetition(&self.history, window, lags, self.coarse()).lag;
        let end = self.history.len();
        let from = end - MAX_PERIODS * lag - lag / 4;
        self.before.clear();
        self.before.extend_from_slice(&self.history[from..]);
        self.take_cycle(lag, 1);
        Gap {
            lag,
            n_periods: 1,
            at: 0,
            produced: 0,
            step: self.history[end - 1] - self.history[end - 1 - lag],
            step_left: self.frames(STEP_MS),
        }
    }

    /// Copies the last periods; the end of the last runs into what came before the first.
    fn take_cycle(&mut self, lag: usize, n_periods: usize) {
        let end = self.before.len();
        let len = lag * n_periods;
        self.cycle.clear();
        self.cycle.extend_from_slice(&self.before[end - len..]);
        let blend = lag / 4;
        let earlier = &self.before[end - len - blend..end - len];
        for (i, (frame, earlier)) in self.cycle[len - blend..]
            .iter_mut()
            .zip(earlier)
            .enumerate()
        {
            let rise = (i as f32 + 0.5) / blend as f32;
            *frame += (earlier - *frame) * rise;
        }
    }

    fn next(&mut self, gap: &mut Gap) -> f32 {
        let n_periods = (1 + gap.produced / self.frames(PERIODS_MS)).min(MAX_PERIODS);
        if n_periods > gap.n_periods && gap.at.is_multiple_of(gap.lag) {
            let expected = self.cycle[gap.at];
            gap.n_periods = n_periods;
            gap.at = 0;
            self.take_cycle(gap.lag, n_periods);
            gap.step = expected - self.cycle[0];
            gap.step_left = self.frames(STEP_MS);
        }
        let step = gap.step * gap.step_left as f32 / self.frames(STEP_MS) as f32;
        let frame = (self.cycle[gap.at] + step) * self.gain(gap.produced);
        gap.step_left = gap.step_left.saturating_sub(1);
        gap.at = (gap.at + 1) % self.cycle.len();
        gap.produced += 1;
        frame
    }

    /// Full at first, then straight down to nothing.
    fn gain(&self, produced: usize) -> f32 {
        let ms = produced as f32 * 1_000.0 / self.rate as f32;
        (1.0 - (ms - HOLD_MS as f32) / FADE_MS as f32).clamp(0.0, 1.0)
    }

    /// A quarter period, and longer after a long gap.
    fn overlap(&self, gap: &Gap) -> usize {
        let more = gap.produced * 2 / 5;
        (gap.lag / 4 + more).min(self.frames(10))
    }

    fn remember(&mut self, sound: &[f32]) {
        let keep = keep(self.rate);
        let new = &sound[sound.len().saturating_sub(keep)..];
        if self.history.len() + new.len() > 2 * keep {
            let surplus = (self.history.len() + new.len() - keep).min(self.history.len());
            self.history.drain(..surplus);
        }
        self.history.extend_from_slice(new);
    }

    fn frames(&self, ms: usize) -> usize {
        self.rate * ms / 1_000
    }

    fn coarse(&self) -> usize {
        (self.rate / 4_000).max(1)
    }
}

/// How new sound stands to what was played before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    Smooth,
    Broken,
}

/// Frames that a concealer looks back on: the window and the longest lag, or three periods and a
/// quarter.
fn keep(rate: usize) -> usize {
    rate * (3 * MAX_LAG_MS + MAX_LAG_MS / 3) / 1_000
}

/// Voices from 66 Hz up; what is higher than 200 Hz repeats after two periods.
const MIN_LAG_MS: usize = 5;
const MAX_LAG_MS: usize = 15;
const WINDOW_MS: usize = 20;
const STEP_MS: usize = 3;
/// A longer cycle every so often.
const PERIODS_MS: usize = 10;
const MAX_PERIODS: usize = 3;
const HOLD_MS: usize = 10;
const FADE_MS: usize = 50;
