//! How does the delay come to what is wanted without being heard?

use crate::media::Report;
use crate::media::stretch::{self, Loudness};

/// How the delay that some sound will have stands to what it should be, in frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Off {
    /// Beyond what is wanted; below zero if less.
    pub(super) surplus: f32,
    /// What it falls short of what packets need to come in time.
    pub(super) missing: f32,
}

/// Makes sound a little longer or shorter when the delay is off for more than a moment.
pub(super) struct Pace {
    rate: usize,
    /// Mean delay beyond what is wanted, in frames.
    surplus: f32,
    /// How far the delay was below what is wanted, on average, and how far it strayed from that:
    /// the card's steering is not perfect.
    deficit: f32,
    straying: f32,
    /// Mean level while somebody speaks.
    loudness: f32,
    n_since_change: u32,
    n_heard: u32,
}

impl Pace {
    /// For sound at `rate` frames a second.
    pub(super) fn new(rate: usize) -> Self {
        Self {
            rate,
            surplus: 0.0,
            deficit: 0.0,
            straying: 0.0,
            loudness: 0.0,
            n_since_change: 0,
            n_heard: 0,
        }
    }

    /// The delay was set anew.
    pub(super) fn reset(&mut self) {
        self.surplus = 0.0;
    }

    /// Frames by which the delay must be longer than packets need, since it strays.
    pub(super) fn margin(&self) -> usize {
        let needed = self.deficit + STRAYS * self.straying;
        let (least, most) = (self.frames(LEAST_MARGIN_MS), self.frames(MOST_MARGIN_MS));
        (needed.max(0.0) as usize).clamp(least, most)
    }

    /// Changes `sound`, which will be as far `off` as that says.
    pub(super) fn adjust(&mut self, sound: &mut Vec<f32>, off: Off, report: &mut Report) {
        let surplus = off.surplus;
        self.watch(surplus);
        self.surplus += (surplus - self.surplus) / MEAN_OF;
        let loudness = self.judge(sound);
        self.n_since_change += 1;
        self.n_heard = self.n_heard.saturating_add(1);
        let n = self.surplus.abs() as usize;
        if n < self.slop(loudness) || self.n_since_change < CHANGE_EVERY {
            return;
        }
        // What is only better, not needed, can wait for a pause.
        let is_urgent = self.surplus > 0.0 || off.missing > self.frames(LOUD_SLOP_MS) as f32;
        if loudness == Loudness::Loud && !is_urgent {
            return;
        }
        let change = if self.surplus > 0.0 {
            let n = stretch::squeeze(sound, self.rate, n, loudness);
            report.squeezed += n as u64;
            -(n as f32)
        } else {
            let n = stretch::stretch(sound, self.rate, n, loudness);
            report.stretched += n as u64;
            n as f32
        };
        if change != 0.0 {
            self.n_since_change = 0;
            self.surplus += change;
        }
    }

    /// Learns how the delay strays while nothing else changes it.
    fn watch(&mut self, surplus: f32) {
        if surplus.abs() > self.frames(LOUD_SLOP_MS) as f32 {
            return;
        }
        self.deficit += (-surplus - self.deficit) / STRAYING_OVER;
        let strayed = (-surplus - self.deficit).abs();
        self.straying += (strayed - self.straying) / STRAYING_OVER;
    }

    fn frames(&self, ms: usize) -> usize {
        self.rate * ms / 1_000
    }

    /// How far off the delay may be. The card's resampler takes care of less, and needs that much
    /// to learn how far the clocks are apart (3.7 ms for 500 ppm).
    fn slop(&self, loudness: Loudness) -> usize {
        match loudness {
            Loudness::Quiet if self.n_heard < N_EARLY => self.frames(EARLY_SLOP_MS),
            Loudness::Quiet => self.frames(QUIET_SLOP_MS),
            Loudness::Loud => self.frames(LOUD_SLOP_MS),
        }
    }

    fn judge(&mut self, sound: &[f32]) -> Loudness {
        let energy: f32 = sound.iter().map(|s| s * s).sum();
        let level = (energy / sound.len().max(1) as f32).sqrt();
        let weight = if level > self.loudness { RISE } else { FALL };
        self.loudness += (level - self.loudness) * weight;
        if level < self.loudness * QUIET || level < INAUDIBLE {
            Loudness::Quiet
        } else {
            Loudness::Loud
        }
    }
}

/// Packets over which the surplus is averaged.
const MEAN_OF: f32 = 8.0;
/// Packets over which the straying is learnt: some seconds.
const STRAYING_OVER: f32 = 256.0;
/// Mean strayings that are covered; hardly any is larger.
const STRAYS: f32 = 3.0;
const LEAST_MARGIN_MS: usize = 1;
const MOST_MARGIN_MS: usize = 5;
/// Not two packets in a row: a change is hidden best beside sound that was left alone.
const CHANGE_EVERY: u32 = 2;
const QUIET_SLOP_MS: usize = 5;
/// At first the resampler has learnt nothing yet, and the delay of the start is a guess.
const EARLY_SLOP_MS: usize = 2;
const N_EARLY: u32 = 150;
const LOUD_SLOP_MS: usize = 8;
/// By packet: the level of speech is learnt within a word and kept over a pause.
const RISE: f32 = 0.1;
const FALL: f32 = 0.002;
/// 20 dB below speech.
const QUIET: f32 = 0.1;
/// −60 dB.
const INAUDIBLE: f32 = 0.001;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(level: f32) -> Vec<f32> {
        (0..160)
            .map(|i| (i as f32 * std::f32::consts::TAU / 40.0).sin() * level)
            .collect()
    }

    /// Plays `n` packets of which each is later than wanted by what was not taken away so far.
    fn left_after(n: usize, level: f32, mut surplus: f32) -> f32 {
        let mut pace = Pace::new(8_000);
        let mut report = Report::default();
        for _ in 0..n {
            let mut sound = tone(level);
            let missing = -surplus;
            pace.adjust(&mut sound, Off { surplus, missing }, &mut report);
            surplus += sound.len() as f32 - 160.0;
        }
        surplus
    }

    #[test]
    fn a_delay_that_would_only_be_better_waits_for_a_pause() {
        let mut report = Report::default();
        let off = Off {
            surplus: -160.0,
            missing: 0.0,
        };
        let mut pace = Pace::new(8_000);
        (0..40).for_each(|_| pace.adjust(&mut tone(0.3), off, &mut report));
        assert_eq!(report.stretched, 0);
        (0..4).for_each(|_| pace.adjust(&mut tone(0.003), off, &mut report));
        assert!(report.stretched >= 80, "{}", report.stretched);
    }

    #[test]
    fn the_delay_comes_to_what_is_wanted_from_either_side() {
        for surplus in [-400.0, 400.0] {
            let left = left_after(40, 0.3, surplus);
            assert!(left.abs() < 64.0, "{surplus}: {left}");
        }
    }

    #[test]
    fn silence_is_cut_finer() {
        let left = left_after(100, 0.000_5, 60.0);
        assert!(left.abs() < 25.0, "{left}");
        assert_eq!(left_after(100, 0.3, 60.0), 60.0);
    }

    #[test]
    fn what_is_hardly_off_is_left_alone() {
        assert_eq!(left_after(100, 0.3, 40.0), 40.0);
    }
}
