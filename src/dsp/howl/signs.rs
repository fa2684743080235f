//! What tells a howl from a voice, a key and a dial tone?

use std::ops::Range;

use crate::base::Db;

/// A peak that was there some looks in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    pub(super) bin: usize,
    pub(super) n_looks: u32,
    n_missed: u32,
}

/// As loud as can be for many looks in a row, as no voice is: something grew until it was limited.
#[derive(Clone, Debug)]
pub(super) struct Stuck {
    loudest: f32,
    softest: f32,
    pub(super) n_looks: u32,
    /// Levels of all there was, the newest at `at`.
    past: [u8; N_PAST],
    at: usize,
}

impl Run {
    /// The next look: where the highest peak is, whether all there is are tones, and at which bins
    /// there is something.
    pub(super) fn follow(&mut self, peak: usize, is_tone: bool, is_there: impl Fn(usize) -> bool) {
        let goes_on = self.n_looks > 0 && is_tone && is_there(self.bin);
        if goes_on {
            self.n_looks += 1;
            self.n_missed = self.n_missed.saturating_sub(1);
            return;
        }
        self.n_missed += 1;
        if self.n_looks > 0 && self.n_missed <= MOST_MISSED + self.n_looks / 6 {
            return;
        }
        *self = Self {
            bin: peak,
            n_looks: u32::from(is_tone),
            n_missed: 0,
        };
    }
}

impl Stuck {
    pub(super) const NEW: Self = Self {
        loudest: 0.0,
        softest: 0.0,
        n_looks: 0,
        past: [0; N_PAST],
        at: 0,
    };

    /// The next look, and the power of all there is.
    pub(super) fn follow(&mut self, total: f32) {
        self.at = (self.at + 1) % N_PAST;
        self.past[self.at] = level_of(total);
        self.loudest = self.loudest.max(total);
        self.softest = self.softest.min(total);
        let is_loud = total > 1.5 * LOUD.gain().powi(2);
        let is_even = self.n_looks > 0 && self.loudest < EVEN * self.softest;
        if is_loud && is_even {
            self.n_looks += 1;
            return;
        }
        (self.loudest, self.softest) = (total, total);
        self.n_looks = u32::from(is_loud);
    }

    /// The newest first.
    pub(super) fn levels(&self) -> impl DoubleEndedIterator<Item = u8> + Clone {
        let (at, past) = (self.at, &self.past);
        (0..N_PAST).map(move |age| past[(at + N_PAST - age) % N_PAST])
    }

    /// Whether it has been so for long enough.
    pub(super) fn is_due(&self) -> bool {
        self.n_looks >= STUCK_LOOKS && self.n_looks.is_multiple_of(4)
    }
}

/// Whether what was so loud, the newest first, has come up by and by and is still there.
pub(super) fn has_grown(levels: impl DoubleEndedIterator<Item = u8> + Clone) -> bool {
    let now = levels.clone().take(N_BEATS).fold(0, u8::max);
    let (mut highest, mut n_looks) = (0, [0; STEPS.len()]);
    for level in levels.rev() {
        highest = level.max(highest);
        let below = now.saturating_sub(highest);
        let step = STEPS.iter().position(|step| step.contains(&below));
        if let Some(step) = step.filter(|_| level + WAVERING >= highest) {
            n_looks[step] += 1;
        }
    }
    let n_steps = n_looks.iter().filter(|n| **n >= LOOKS_A_STEP).count();
    highest <= now + FALLEN && n_steps >= LEAST_STEPS
}

/// Decibels above −120 dBFS, to a quarter of one: a float's bits are nearly its logarithm.
pub(super) fn level_of(power: f32) -> u8 {
    let log2 = power.to_bits() as f32 / (1 << 23) as f32 - 127.0;
    (log2 * DB_A_DOUBLING + 120.0).clamp(0.0, 255.0) as u8
}

const DB_A_DOUBLING: f32 = 3.0103;
/// Looks that may be missing in a row, and one more for each six there are.
const MOST_MISSED: u32 = 1;
/// What a tone comes up by, in decibels below what it is now. One that begins is through them all
/// within four looks.
const STEPS: [Range<u8>; 4] = [3..7, 7..12, 12..18, 18..25];
const LOOKS_A_STEP: u32 = 2;
const LEAST_STEPS: usize = 2;
/// Looks over which the loudest counts: tones beside each other beat.
const N_BEATS: usize = 6;
/// By how much it may fall back on its way up, in decibels.
const WAVERING: u8 = 6;
/// How much louder it may have been.
const FALLEN: u8 = 2;
/// So loud, and so even (5 dB), no voice is for so long: 0.45 s.
const LOUD: Db = Db(-14.0);
const EVEN: f32 = 3.2;
const STUCK_LOOKS: u32 = 28;
/// Eight seconds: what is as loud as can be does not grow any more.
const N_PAST: usize = 512;
