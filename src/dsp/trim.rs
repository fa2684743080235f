//! Where do the words in a recording begin and end?

use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

use crate::base::{Db, SampleRate};

/// From the first word to the last, with a little of what is around them; `None` if there is none
/// but noises shorter than a word.
pub fn words(frames: &[f32], rate: SampleRate) -> Option<Range<usize>> {
    let window = rate.frames_in(WINDOW).max(1);
    let powers: Vec<f32> = frames.chunks(window).map(power).collect();
    let loudest = powers.iter().fold(0.0, |most: f32, &it| most.max(it));
    let floor = (loudest * square(FAR_BELOW)).max(square(SILENCE));
    let is_loud = |power: &f32| *power > floor;
    if powers.iter().filter(|it| is_loud(it)).count() < LEAST_WINDOWS {
        return None;
    }
    let first = powers.iter().position(is_loud)?;
    let last = powers.iter().rposition(is_loud)?;
    let start = (first * window).saturating_sub(rate.frames_in(BEFORE));
    let end = ((last + 1) * window + rate.frames_in(AFTER)).min(frames.len());
    Some(start..end)
}

/// How many frames there are before a key of these two tones (ITU-T Q.23) that ends the recording,
/// with the little that a caller hesitates; all of them if none does.
pub fn before_key(frames: &[f32], rate: SampleRate, tones_hz: [f64; 2]) -> usize {
    let window = rate.frames_in(WINDOW).max(1);
    let first = frames.len().saturating_sub(rate.frames_in(LONGEST_KEY));
    let is_key = |frames: &[f32]| {
        let total = f64::from(power(frames)) * frames.len() as f64;
        let both = tones_hz.map(|hz| tone(frames, hz / f64::from(rate.hz())));
        let share = (both[0] + both[1]) / total;
        frames.len() == window && total > 0.0 && share > PURE && both[0].min(both[1]) > 0.05 * total
    };
    let keys: Vec<bool> = frames[first..].chunks(window).map(is_key).collect();
    let Some(last) = keys.iter().rposition(|it| *it) else {
        return frames.len();
    };
    // A single window may be chance; one more may be cut in two by its edges.
    let n = keys[..=last].iter().rev().take_while(|it| **it).count();
    let is_at_end = (keys.len() - last) * window <= rate.frames_in(HESITATION);
    if n < 2 || !is_at_end {
        return frames.len();
    }
    (first + (last + 1 - n) * window).saturating_sub(window)
}

/// The energy of what sounds at so many cycles a frame (Goertzel).
fn tone(frames: &[f32], cycles: f64) -> f64 {
    let (sin, cos) = (TAU * cycles).sin_cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for &frame in frames {
        let s = f64::from(frame) + 2.0 * cos * s1 - s2;
        (s2, s1) = (s1, s);
    }
    let (re, im) = (s1 - cos * s2, sin * s2);
    2.0 * (re * re + im * im) / frames.len() as f64
}

fn power(frames: &[f32]) -> f32 {
    frames.iter().map(|x| x * x).sum::<f32>() / frames.len().max(1) as f32
}

fn square(level: Db) -> f32 {
    level.gain() * level.gain()
}

/// What telephones do 50 times a second.
const WINDOW: Duration = Duration::from_millis(20);
/// The noise of a quiet room at a telephone.
const SILENCE: Db = Db(-54.0);
/// Below the loudest word there are no words.
const FAR_BELOW: Db = Db(-38.0);
/// A knock is shorter, and no word is.
const LEAST_WINDOWS: usize = 8;
/// A breath, and the soft beginning of a word.
const BEFORE: Duration = Duration::from_millis(120);
/// The end of a word dies away.
const AFTER: Duration = Duration::from_millis(250);
/// Nobody holds a key for longer.
const LONGEST_KEY: Duration = Duration::from_secs(3);
/// From the end of a key until it is known: what follows it in the recording, jitter included.
const HESITATION: Duration = Duration::from_millis(600);
/// The part of all energy that is in the tones of a key.
const PURE: f64 = 0.75;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tones;

    const LOW: SampleRate = SampleRate::HZ_8000;
    const HASH: [f64; 2] = [941.0, 1_477.0];

    fn silence(ms: u64) -> Vec<f32> {
        let noise = |i: usize| if i.is_multiple_of(3) { 3e-4 } else { -2e-4 };
        (0..LOW.frames_in(Duration::from_millis(ms)))
            .map(noise)
            .collect()
    }

    fn note(hz: f64, ms: u64) -> Vec<f32> {
        tones::note(hz, LOW, Duration::from_millis(ms))
    }

    fn key(ms: u64) -> Vec<f32> {
        let both = note(HASH[0], ms).into_iter().zip(note(HASH[1], ms));
        both.map(|(low, high)| 0.4 * (low + high)).collect()
    }

    #[test]
    fn silence_around_words_goes_and_pauses_between_them_stay() {
        let said = [
            silence(1_000),
            note(300.0, 400),
            silence(900),
            note(200.0, 300),
            silence(2_000),
        ];
        let said = said.concat();
        let range = words(&said, LOW).unwrap();
        let ms = |at: usize| at as u64 / 8;
        assert_eq!((ms(range.start), ms(range.end)), (880, 2_850));
        assert_eq!(words(&silence(3_000), LOW), None);
        assert_eq!(
            words(&[silence(500), note(900.0, 60), silence(500)].concat(), LOW),
            None
        );
        assert_eq!(words(&[], LOW), None);
    }

    #[test]
    fn a_key_at_the_end_is_cut_away() {
        for (ms, after) in [(60, 60), (200, 100), (1_500, 40), (90, 500)] {
            let speech = note(310.0, 700);
            let all = [speech.clone(), silence(50), key(ms), silence(after)].concat();
            let n = before_key(&all, LOW, HASH);
            let least = LOW.frames_in(Duration::from_millis(700));
            assert!((least..=least + 400).contains(&n), "{ms} {after}: {n}");
        }
    }

    #[test]
    fn what_is_no_key_or_is_followed_by_words_stays() {
        let speech = [note(310.0, 700), key(100), note(400.0, 900)].concat();
        assert_eq!(before_key(&speech, LOW, HASH), speech.len());
        let one = [note(310.0, 700), note(941.0, 200)].concat();
        assert_eq!(before_key(&one, LOW, HASH), one.len());
        assert_eq!(before_key(&[], LOW, HASH), 0);
    }
}
