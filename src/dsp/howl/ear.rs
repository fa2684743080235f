//! Is that a howl?
//!
//! ```text
//!  in ─► one in three frames, if there are so many ─► 64 ms, every 16 ms ─► Spectrum
//!     ─► the mean of late: nearly all in two tones that are not of one voice? ─► Run ──┐ long
//!     ─► all there is: as loud as can be, and even? ─────────────────────────► Stuck ──┤ enough?
//!                                                      has it come up by and by? ◄─────┘
//! ```
//!
//! A howl is a tone, or two, that grows: each time round it comes back louder. Voices are not pure
//! for long, nor are instruments; keys and dial tones are pure but do not grow, they begin.

use std::ops::Range;
use std::time::Duration;

use super::Howl;
use super::signs::{Run, Stuck, has_grown, level_of};
use crate::base::{Db, SampleRate};
use crate::dsp::spectrum::{LONGEST_LOOK, Spectrum};
use crate::dsp::{Biquad, Coefficients, Curve, FLAT_Q};

/// Listens for a tone that grows.
#[derive(Clone, Debug)]
pub(super) struct Ear {
    /// One in so many frames is enough for where howls are; before it, what lies higher is taken
    /// out.
    every: usize,
    low_pass: [Biquad; 2],
    rate: f32,
    phase: usize,
    recent: Vec<f32>,
    hop: usize,
    at: usize,
    spectrum: &'static Spectrum,
    /// Levels in decibels above the faintest, a row for each look, the oldest overwritten; of
    /// [`TOGETHER`] bins beside each other the loudest.
    past: Vec<u8>,
    row: usize,
    /// Powers of late.
    mean: Vec<f32>,
    run: Run,
    stuck: Stuck,
}

impl Ear {
    /// For frames at `rate`. Allocates.
    pub(super) fn new(rate: SampleRate) -> Self {
        let every = (rate.hz() as usize / ENOUGH_HZ).max(1);
        let lower = rate.hz() as f32 / every as f32;
        let size = ((lower * LOOK.as_secs_f32() * 0.9) as usize).next_power_of_two();
        let curve = Curve::LowPass {
            hz: 0.42 * lower,
            q: FLAT_Q,
        };
        let low_pass = Biquad::new(Coefficients::new(curve, rate));
        Self {
            every,
            low_pass: [low_pass.clone(), low_pass],
            rate: lower,
            phase: 0,
            recent: vec![0.0; size],
            hop: size / 4,
            at: 0,
            spectrum: Spectrum::of(size),
            past: vec![0; size / 2 / TOGETHER * N_ROWS],
            row: 0,
            mean: vec![0.0; size / 2],
            run: Run::default(),
            stuck: Stuck::NEW,
        }
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        self.run = Run::default();
        self.stuck = Stuck::NEW;
        self.past.fill(0);
        self.mean.fill(0.0);
    }

    /// Listens to some frames, at most to the next look, and returns how many it took.
    pub(super) fn listen(&mut self, frames: &[f32]) -> (usize, Option<Howl>) {
        let size = self.recent.len();
        if self.every == 1 {
            let n = frames.len().min(self.hop - self.at);
            let start = size - self.hop + self.at;
            self.recent[start..start + n].copy_from_slice(&frames[..n]);
            self.at += n;
            return (n, self.look_if_due());
        }
        for (n, &frame) in frames.iter().enumerate() {
            let mut low = [frame];
            self.low_pass.iter_mut().for_each(|it| it.process(&mut low));
            self.phase += 1;
            if self.phase < self.every {
                continue;
            }
            self.phase = 0;
            self.recent[size - self.hop + self.at] = low[0];
            self.at += 1;
            if self.at == self.hop {
                return (n + 1, self.look_if_due());
            }
        }
        (frames.len(), None)
    }

    fn look_if_due(&mut self) -> Option<Howl> {
        if self.at < self.hop {
            return None;
        }
        self.at = 0;
        let howl = self.look();
        self.recent.copy_within(self.hop.., 0);
        howl
    }

    fn look(&mut self) -> Option<Howl> {
        if !self.recent.iter().all(|frame| frame.is_finite()) {
            self.forget();
            return None;
        }
        let n = self.mean.len();
        let mut room = [0.0; LONGEST_LOOK / 2];
        let powers = &mut room[..n];
        self.spectrum.look(&self.recent, powers);
        let lowest = (LOWEST_HZ / self.rate * (2 * n) as f32) as usize + WIDTH;
        self.row = (self.row + 1) % N_ROWS;
        let width = n / TOGETHER;
        let row = &mut self.past[self.row * width..][..width];
        for (level, bins) in row.iter_mut().zip(powers.chunks_exact(TOGETHER)) {
            *level = level_of(bins.iter().copied().fold(0.0, f32::max));
        }
        let now: f32 = powers[lowest - WIDTH..].iter().sum();
        self.stuck.follow(now);
        for (mean, power) in self.mean.iter_mut().zip(powers) {
            *mean += (*power - *mean) * SMOOTHING;
        }
        let powers = &self.mean;
        let total: f32 = powers[lowest - WIDTH..].iter().sum();
        let first = top(powers, lowest, None)?;
        let second = top(powers, lowest, Some(first))?;
        let both = around(powers, first) + around(powers, second);
        let is_tone = both > PURE * total
            && now > ALIVE * total
            && total > SPREAD * FAINTEST.gain().powi(2)
            && !has_overtones(powers, first)
            && !(around(powers, second) > OVERTONE.gain().powi(2) * total
                && are_of_one(first, second));
        let is_there = |bin: usize| around(powers, bin) > PART * total;
        self.run.follow(first, is_tone, is_there);
        let is_run = self.run.n_looks >= self.least_looks()
            && has_grown((0..N_ROWS).map(|age| loudness(&self.past, self.row, self.run.bin, age)));
        let bin = if is_run {
            self.run.bin
        } else if self.stuck.is_due() && has_grown(self.stuck.levels()) {
            steadiest(&self.past, self.row, lowest)
        } else {
            return None;
        };
        self.run.n_looks = self.least_looks() - AGAIN;
        self.stuck.n_looks = 0;
        let near = (bin - WIDTH..=bin + WIDTH).max_by(|a, b| powers[*a].total_cmp(&powers[*b]))?;
        let exact = near as f32 + shift(&powers[near - 1..=near + 1]);
        Some(Howl {
            hz: exact * self.rate / (2 * n) as f32,
            level: Db::from_gain((around(powers, bin) / SPREAD).sqrt()),
        })
    }

    /// Where voices have their own pitch, a drawn-out word may be as pure.
    fn least_looks(&self) -> u32 {
        let hz = self.run.bin as f32 * self.rate / self.recent.len() as f32;
        if hz < VOICES_HZ {
            return 3 * LEAST_LOOKS;
        }
        LEAST_LOOKS
    }
}

/// How loud it was around a bin, so many looks before the newest in `row`.
fn loudness(past: &[u8], row: usize, bin: usize, age: usize) -> u8 {
    let n = past.len() / N_ROWS;
    let row = (row + N_ROWS - age) % N_ROWS;
    let around = &past[row * n..][(bin - WIDTH) / TOGETHER..=(bin + WIDTH) / TOGETHER];
    around.iter().fold(0, |most, &it| most.max(it))
}

/// The highest bin, but for those around another.
fn top(powers: &[f32], lowest: usize, but: Option<usize>) -> Option<usize> {
    let end = powers.len() - WIDTH;
    let highest = |bins: Range<usize>| {
        let powers = powers.get(bins.clone())?;
        let most = powers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let at = powers.iter().rposition(|power| *power == most)?;
        Some((bins.start + at, most))
    };
    let Some(but) = but else {
        return highest(lowest..end).map(|(bin, _)| bin);
    };
    let below = highest(lowest..but.saturating_sub(2 * WIDTH).max(lowest));
    let above = highest((but + 2 * WIDTH + 1).min(end)..end);
    match (below, above) {
        (Some(below), Some(above)) if below.1 > above.1 => Some(below.0),
        (below, above) => above.or(below).map(|(bin, _)| bin),
    }
}

/// The power of a tone, or of some that are so near that they beat.
fn around(powers: &[f32], bin: usize) -> f32 {
    powers[bin - WIDTH..=bin + WIDTH].iter().sum()
}

fn has_overtones(powers: &[f32], bin: usize) -> bool {
    let limit = OVERTONE.gain().powi(2) * around(powers, bin);
    [2 * bin, 3 * bin].into_iter().any(|at| {
        let inside = at + WIDTH < powers.len();
        inside && around(powers, at) > limit
    })
}

/// Whether two tones may be overtones of one voice.
fn are_of_one(a: usize, b: usize) -> bool {
    let (low, high) = (a.min(b) as f32, a.max(b) as f32);
    let is_ratio = |ratio: f32| (high - ratio * low).abs() <= 1.0 + 0.01 * high;
    [2.0, 3.0, 1.5, 4.0 / 3.0].into_iter().any(is_ratio)
}

/// The middle of the bins where the most power was of late.
fn steadiest(past: &[u8], row: usize, lowest: usize) -> usize {
    let n = past.len() / N_ROWS;
    let level = |of: usize, age: usize| u32::from(past[(row + N_ROWS - age) % N_ROWS * n + of]);
    let sum = |of: usize| (0..OF_LATE).map(|age| level(of, age)).sum::<u32>();
    let all = lowest.div_ceil(TOGETHER)..n - 1;
    all.max_by_key(|of| sum(*of))
        .map_or(lowest, |of| of * TOGETHER + TOGETHER / 2)
}

/// How far the top of a parabola through three levels lies from the middle one, in bins.
fn shift(powers: &[f32]) -> f32 {
    let level = |i: usize| powers[i].max(f32::MIN_POSITIVE).ln();
    let (a, b, c) = (level(0), level(1), level(2));
    let bend = a - 2.0 * b + c;
    if bend >= 0.0 {
        return 0.0;
    }
    (0.5 * (a - c) / bend).clamp(-0.5, 0.5)
}

/// What phones and loudspeakers carry well; howls are below 8 kHz.
const ENOUGH_HZ: usize = 16_000;
/// Long enough to tell a tone from a voice, short enough to be there in time.
const LOOK: Duration = Duration::from_millis(64);
/// Two seconds of looks: a howl may take its time.
const N_ROWS: usize = 128;
/// Below, rooms hum.
const LOWEST_HZ: f32 = 150.0;
/// Bins of which one level is kept: a peak is as wide.
const TOGETHER: usize = 4;
/// Bins on either side that belong to a peak.
const WIDTH: usize = 2;
/// The mean is that of the last 200 ms or so: no vowel keeps its pitch for as long.
const SMOOTHING: f32 = 0.08;
/// What is over is not howling: the part of the mean that there still is.
const ALIVE: f32 = 0.1;
/// The part of all power that is in two tones: a room may howl at two pitches at a time.
const PURE: f32 = 0.75;
/// The part that one of them has.
const PART: f32 = 0.3;
const FAINTEST: Db = Db(-36.0);
/// Voices and instruments have louder ones.
const OVERTONE: Db = Db(-26.0);
/// In a row: 200 ms.
const LEAST_LOOKS: u32 = 12;
/// Few speak, and nobody shouts, at a higher pitch.
const VOICES_HZ: f32 = 600.0;
/// Looks from one howl to the next.
const AGAIN: u32 = 8;
/// What a Hann window adds: half as much again is in the two bins beside one.
const SPREAD: f32 = 1.5;
/// Looks that tell where it is now.
const OF_LATE: usize = 6;
