//! How is sound made a little shorter or longer without being heard?
//!
//! A piece that resembles its successor is blended into it, or played twice with a blend between:
//! in a voice that is one pitch period, in silence anything.

use crate::media::pitch;

/// How a piece of sound is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loudness {
    /// So low that nobody notices what is cut.
    Quiet,
    Loud,
}

/// Takes up to `most` frames out of `sound` at `rate` frames a second; returns how many.
pub(super) fn squeeze(sound: &mut Vec<f32>, rate: usize, most: usize, loudness: Loudness) -> usize {
    let Some(lag) = piece(sound, rate, most, loudness) else {
        return 0;
    };
    for i in 0..lag {
        sound[i] = blend(sound[i], sound[lag + i], i, lag);
    }
    sound.drain(lag..2 * lag);
    lag
}

/// Adds up to `most` frames to `sound` at `rate` frames a second; returns how many.
pub(super) fn stretch(sound: &mut Vec<f32>, rate: usize, most: usize, loudness: Loudness) -> usize {
    let Some(lag) = piece(sound, rate, most, loudness) else {
        return 0;
    };
    let end = sound.len();
    sound.resize(end + lag, 0.0);
    sound.copy_within(lag..end, 2 * lag);
    for i in 0..lag {
        sound[lag + i] = blend(sound[2 * lag + i], sound[i], i, lag);
    }
    lag
}

/// From all `a` to all `b` over `n` frames.
fn blend(a: f32, b: f32, i: usize, n: usize) -> f32 {
    a + (b - a) * (i as f32 + 0.5) / n as f32
}

/// The length of a piece that resembles its successor.
fn piece(sound: &[f32], rate: usize, most: usize, loudness: Loudness) -> Option<usize> {
    let (least, most) = (rate / SHORTEST, most.min(sound.len() / 2));
    if most < least {
        return None;
    }
    if loudness == Loudness::Quiet {
        return Some(most);
    }
    // Every eighth of a millisecond first, then every frame near the best.
    let step = (rate / FINE).max(1);
    let coarse = best(sound, (least..=most).step_by(step), step)?;
    let near = coarse.0.saturating_sub(step - 1).max(least)..=(coarse.0 + step - 1).min(most);
    best(sound, near, 1)
        .filter(|&(_, likeness)| likeness > ALIKE)
        .map(|(lag, _)| lag)
}

/// The lag that makes for the most like pieces, looking at every `step`th frame.
fn best(sound: &[f32], lags: impl Iterator<Item = usize>, step: usize) -> Option<(usize, f32)> {
    lags.map(|lag| {
        (
            lag,
            pitch::likeness(&sound[..lag], &sound[lag..2 * lag], step),
        )
    })
    .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Of a second: below a millisecond nothing is gained.
const SHORTEST: usize = 1_000;
/// Of a second: the steps in which a telephone's sound is looked through.
const FINE: usize = 8_000;
/// Above this likeness the blend of two periods sounds like one.
const ALIKE: f32 = 0.85;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| (i as f32 * std::f32::consts::TAU / 50.0).sin())
            .collect()
    }

    fn largest_step(sound: &[f32]) -> f32 {
        sound
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_loses_a_period_and_stays_smooth() {
        let mut sound = tone(160);
        assert_eq!(squeeze(&mut sound, 8_000, 70, Loudness::Loud), 50);
        assert_eq!(sound.len(), 110);
        assert!(largest_step(&sound) < 0.13);
    }

    #[test]
    fn a_tone_gains_a_period_and_stays_smooth() {
        let mut sound = tone(160);
        assert_eq!(stretch(&mut sound, 8_000, 80, Loudness::Loud), 50);
        assert_eq!(sound.len(), 210);
        assert!(largest_step(&sound) < 0.13);
        let whole = tone(210);
        let likeness = pitch::likeness(&sound, &whole, 1);
        assert!(likeness > 0.99, "{likeness}");
    }

    #[test]
    fn what_resembles_nothing_is_left_alone_unless_it_is_quiet() {
        let mut ramp: Vec<f32> = (0..160).map(|i| (i * i % 97) as f32 - 48.0).collect();
        let before = ramp.clone();
        assert_eq!(squeeze(&mut ramp, 8_000, 60, Loudness::Loud), 0);
        assert_eq!(ramp, before);
        assert_eq!(squeeze(&mut ramp, 8_000, 60, Loudness::Quiet), 60);
        assert_eq!(ramp.len(), 100);
    }

    #[test]
    fn too_short_a_sound_is_left_alone() {
        for n in 0..16 {
            let mut sound = tone(n);
            assert_eq!(stretch(&mut sound, 8_000, 80, Loudness::Quiet), 0);
            assert_eq!(sound.len(), n);
        }
    }
}
