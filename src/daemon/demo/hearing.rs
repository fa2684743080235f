//! How much of what a loudspeaker got was music?
//!
//! The demo knows the music sample by sample, so it can measure instead of guess: in each slice
//! the part of the sound that follows the music is the music at some gain, and what is left is
//! klaxon and voice.

use crate::base::SampleRate;
use crate::daemon::demo::picture::SLICE;

/// What was heard, slice by slice.
pub(super) struct Hearing {
    /// How much louder or quieter the music was than it was played; linear.
    pub(super) music_gain: Vec<f32>,
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
        let mut hearing = Self { music_gain: Vec::new(), music: Vec::new(), rest: Vec::new() };
        for (h, m) in heard[delay..].chunks_exact(slice).zip(music.chunks_exact(slice)) {
            let gain = dot(h, m) / dot(m, m).max(f32::MIN_POSITIVE);
            let rest: f32 = h.iter().zip(m).map(|(h, m)| (h - gain * m).powi(2)).sum();
            hearing.music_gain.push(gain);
            hearing.music.push(gain.abs() * (dot(m, m) / slice as f32).sqrt());
            hearing.rest.push((rest / slice as f32).sqrt());
        }
        hearing
    }
}

/// How many frames later the music is heard than played, found in the first second.
fn delay_of(heard: &[f32], music: &[f32], rate: SampleRate) -> usize {
    let second = (rate.hz() as usize).min(music.len() / 2);
    let likeness = |delay: &usize| dot(&heard[*delay..*delay + second], &music[..second]);
    let longest = rate.frames_in(LONGEST_DELAY).min(heard.len().saturating_sub(second));
    (0..longest).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(0)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

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
        heard.extend(music.iter().enumerate().map(|(at, m)| match at.checked_sub(2 * 48_000) {
            None => *m,
            Some(at) => 0.1 * m + voice[at],
        }));
        let hearing = Hearing::of(&heard, &music, rate);
        let middle = |of: &[f32], range: std::ops::Range<usize>| {
            let mut slices = of[range].to_vec();
            slices.sort_by(f32::total_cmp);
            slices[slices.len() / 2]
        };
        assert!((middle(&hearing.music_gain, 5..35) - 1.0).abs() < 0.01);
        assert!((middle(&hearing.music_gain, 45..75) - 0.1).abs() < 0.03);
        assert!(middle(&hearing.rest, 5..35) < 0.001);
        assert!(middle(&hearing.rest, 45..75) > 0.05);
    }
}
