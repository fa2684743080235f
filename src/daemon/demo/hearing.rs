//! How much of what a loudspeaker got was music?
//!
//! The demo knows the music sample by sample, so it can measure instead of guess: in each slice
//! the part of the sound that follows the music is the music at some gain, and what is left is
//! klaxon and voice.

use std::ops::Range;

use crate::base::{Db, SampleRate};
use crate::daemon::demo::picture::SLICE;

/// What was heard, slice by slice.
pub(super) struct Hearing {
    /// The likeness of what was heard and played, and the power of what was played: their
    /// quotient is how much louder or quieter the music was; linear. Both are weighted by how
    /// little else was heard, for a loud voice resembles the music here and there by chance.
    likeness: Vec<(f32, f32)>,
    /// Root mean square of the music as heard.
    pub(super) music: Vec<f32>,
    /// Root mean square of everything else.
    pub(super) rest: Vec<f32>,
}

impl Hearing {
    /// `heard` and `music` are mono and begin at the same sample.
    pub(super) fn of(heard: &[f32], music: &[f32], rate: SampleRate) -> Self {
        let delay = delay_of(heard, music, rate);
        let slice = rate.frames_in(SLICE);
        let mut hearing = Self {
            likeness: Vec::new(),
            music: Vec::new(),
            rest: Vec::new(),
        };
        for (h, m) in heard[delay..]
            .chunks_exact(slice)
            .zip(music.chunks_exact(slice))
        {
            let gain = dot(h, m) / dot(m, m).max(f32::MIN_POSITIVE);
            let rest: f32 = h.iter().zip(m).map(|(h, m)| (h - gain * m).powi(2)).sum();
            let trust = 1.0 / (rest + FAINT);
            hearing
                .likeness
                .push((trust * dot(h, m), trust * dot(m, m)));
            hearing
                .music
                .push(gain.abs() * (dot(m, m) / slice as f32).sqrt());
            hearing.rest.push((rest / slice as f32).sqrt());
        }
        hearing
    }

    /// How loud the music was in these slices against how it was played.
    pub(super) fn music_gain(&self, slices: Range<usize>) -> Option<Db> {
        let of = self.likeness.get(slices)?;
        let (like, power) = of
            .iter()
            .fold((0.0, 0.0), |(l, p), at| (l + at.0, p + at.1));
        (power > 0.0).then(|| Db::from_gain(like / power))
    }
}

/// How many frames later the music is heard than played, found in the first second.
fn delay_of(heard: &[f32], music: &[f32], rate: SampleRate) -> usize {
    let second = (rate.hz() as usize).min(music.len() / 2);
    let likeness = |delay: &usize| dot(&heard[*delay..*delay + second], &music[..second]);
    let longest = rate
        .frames_in(LONGEST_DELAY)
        .min(heard.len().saturating_sub(second));
    (0..longest)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or(0)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The power of what rounding leaves in a slice.
const FAINT: f32 = 1e-6;

/// The engine's look-ahead is a few milliseconds.
const LONGEST_DELAY: std::time::Duration = std::time::Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::demo::{music, speech};

    #[test]
    fn ducked_music_under_a_voice_is_told_apart() {
        let rate = SampleRate::HZ_48000;
        let turn = music::arpeggio(rate).samples;
        let music: Vec<f32> = turn.iter().cycle().take(4 * 48_000).copied().collect();
        let voice = speech::sentence(rate, 2.0).samples;
        let mut heard = vec![0.0; 60];
        heard.extend(
            music
                .iter()
                .enumerate()
                .map(|(at, m)| match at.checked_sub(2 * 48_000) {
                    None => *m,
                    Some(at) => 0.1 * m + voice[at],
                }),
        );
        let hearing = Hearing::of(&heard, &music, rate);
        let middle = |of: &[f32], range: Range<usize>| {
            let mut slices = of[range].to_vec();
            slices.sort_by(f32::total_cmp);
            slices[slices.len() / 2]
        };
        let gain = |slices| hearing.music_gain(slices).unwrap().0;
        assert!(gain(5..35).abs() < 0.1, "{}", gain(5..35));
        assert!((gain(41..79) + 20.0).abs() < 1.0, "{}", gain(41..79));
        assert_eq!(
            hearing.music_gain(70..100),
            None,
            "there are only 80 slices"
        );
        assert!(middle(&hearing.rest, 5..35) < 0.001);
        assert!(middle(&hearing.rest, 45..75) > 0.05);
    }
}
