//! What do the sounds that the program makes itself consist of?
//!
//! Each is a pure function of the rate and gives mono frames. All start and end in silence.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::base::{Db, SampleRate};
use crate::dsp::ramp::ease;

/// Loud, with room for the limiter to stay idle.
const LOUD: Db = Db(-6.0);
/// A beep is for a caller's ear.
const SOFT: Db = Db(-12.0);
/// 0 dBm0 in µ-law: a full-scale sine is at +3.17 dBm0 (ITU-T G.711).
const MILLIWATT: Db = Db(-3.17);
/// Rise and fall of a tone; shorter clicks, longer sounds soft.
const EDGE: Duration = Duration::from_millis(8);

/// The klaxon's two tones, low first. A minor third that no fire alarm uses (EN 54-3 sites know
/// 800/970 Hz and 440/554 Hz as evacuation signals).
const KLAXON_HZ: [f64; 2] = [580.0, 690.0];
const KLAXON_NOTE: Duration = Duration::from_millis(400);
/// Overtones carry through noise: relative levels of the first three.
const KLAXON_PARTIALS: [f64; 3] = [1.0, 0.35, 0.15];

/// A falling major third, E5 to C5: the door-bell interval.
const CHIME_HZ: [f64; 2] = [659.26, 523.25];
const CHIME_NOTE: Duration = Duration::from_millis(650);
const CHIME_RING: Duration = Duration::from_millis(1_650);
/// Frequency, level and decay (seconds to 1/e) of a struck bar's partials.
const CHIME_PARTIALS: [(f64, f64, f64); 3] = [(1.0, 1.0, 0.45), (2.0, 0.3, 0.25), (4.0, 0.1, 0.08)];

const BEEP_HZ: f64 = 1_000.0;
const BEEP: Duration = Duration::from_millis(150);
/// Off the sub-multiples of 8 kHz, so that a codec shows all of its codes.
const MILLIWATT_HZ: f64 = 1_004.0;

/// A two-tone attention signal, as long as `span`, at a peak of −6 dBFS.
pub fn klaxon(rate: SampleRate, span: Duration) -> Vec<f32> {
    let note = rate.frames_in(KLAXON_NOTE);
    let hz = f64::from(rate.hz());
    let mut turn = 0.0;
    let frames = (0..rate.frames_in(span))
        .map(|i| {
            let low_or_high = KLAXON_HZ[(i / note) % 2];
            // One running phase: the tones join without a break.
            turn = (turn + low_or_high / hz) % 1.0;
            let partials = KLAXON_PARTIALS.iter().zip(1..);
            partials
                .filter(|&(_, n)| low_or_high * f64::from(n) < hz / 2.0)
                .map(|(level, n)| level * (TAU * turn * f64::from(n)).sin())
                .sum::<f64>() as f32
        })
        .collect();
    finished(frames, LOUD, rate)
}

/// A ding-dong that dies away, 2.3 s, at a peak of −6 dBFS.
pub fn chime(rate: SampleRate) -> Vec<f32> {
    let second = rate.frames_in(CHIME_NOTE);
    let mut frames = vec![0.0; second + rate.frames_in(CHIME_RING)];
    for (hz, start) in CHIME_HZ.into_iter().zip([0, second]) {
        strike(hz, rate, &mut frames[start..]);
    }
    finished(frames, LOUD, rate)
}

/// "Speak now": 150 ms of 1 kHz at −12 dBFS.
pub fn beep(rate: SampleRate) -> Vec<f32> {
    finished(sine(BEEP_HZ, rate, BEEP), SOFT, rate)
}

/// A tone for a caller's ear, as long as `span`, at −12 dBFS.
pub fn note(hz: f64, rate: SampleRate, span: Duration) -> Vec<f32> {
    finished(sine(hz, rate, span), SOFT, rate)
}

/// A sine, as long as `span`, with its peaks at `level` of full scale.
pub fn tone(hz: f64, level: Db, rate: SampleRate, span: Duration) -> Vec<f32> {
    finished(sine(hz, rate, span), level, rate)
}

/// The telephone engineer's reference, 1004 Hz at 0 dBm0, as long as `span`.
pub fn milliwatt(rate: SampleRate, span: Duration) -> Vec<f32> {
    finished(sine(MILLIWATT_HZ, rate, span), MILLIWATT, rate)
}

fn sine(hz: f64, rate: SampleRate, span: Duration) -> Vec<f32> {
    let step = TAU * hz / f64::from(rate.hz());
    (0..rate.frames_in(span))
        .map(|i| (step * i as f64).sin() as f32)
        .collect()
}

/// Adds one struck bar.
fn strike(hz: f64, rate: SampleRate, frames: &mut [f32]) {
    let rate = f64::from(rate.hz());
    let audible = CHIME_PARTIALS.iter().filter(|p| hz * p.0 < rate / 2.0);
    for &(multiple, level, decay) in audible {
        for (i, frame) in frames.iter_mut().enumerate() {
            let t = i as f64 / rate;
            *frame += (level * (-t / decay).exp() * (TAU * hz * multiple * t).sin()) as f32;
        }
    }
}

/// Scales to `peak` and softens both ends.
fn finished(mut frames: Vec<f32>, peak: Db, rate: SampleRate) -> Vec<f32> {
    let highest = crate::dsp::peak(&frames);
    let scale = if highest > 0.0 {
        peak.gain() / highest
    } else {
        0.0
    };
    let edge = rate.frames_in(EDGE).min(frames.len() / 2).max(1);
    let n = frames.len();
    for (i, frame) in frames.iter_mut().enumerate() {
        let from_end = i.min(n - 1 - i);
        let edge = if from_end < edge {
            ease(from_end as f32 / edge as f32)
        } else {
            1.0
        };
        *frame *= scale * edge;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::peak;

    fn all(rate: SampleRate) -> [(Vec<f32>, Db); 4] {
        let second = Duration::from_secs(1);
        [
            (klaxon(rate, second), LOUD),
            (chime(rate), LOUD),
            (beep(rate), SOFT),
            (milliwatt(rate, second), MILLIWATT),
        ]
    }

    #[test]
    fn tones_have_their_level_and_no_click_at_either_end() {
        for hz in [8_000, 44_100, 48_000] {
            for (frames, level) in all(SampleRate::new(hz).unwrap()) {
                assert!((Db::from_gain(peak(&frames)).0 - level.0).abs() < 0.2);
                assert_eq!(frames[0], 0.0);
                assert_eq!(frames[frames.len() - 1], 0.0);
            }
        }
    }

    #[test]
    fn a_tone_is_as_long_as_asked() {
        let rate = SampleRate::HZ_48000;
        assert_eq!(klaxon(rate, Duration::from_millis(1_234)).len(), 59_232);
        assert_eq!(milliwatt(rate, Duration::from_secs(2)).len(), 96_000);
        assert!(klaxon(rate, Duration::ZERO).is_empty());
        assert_eq!(klaxon(rate, rate.duration_of(1)), [0.0]);
    }

    #[test]
    fn no_step_is_larger_than_the_highest_partial_can_make() {
        let frames = klaxon(SampleRate::HZ_48000, Duration::from_secs(2));
        let step = frames
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max);
        let steepest = TAU * 690.0 * (1.0 + 2.0 * 0.35 + 3.0 * 0.15) / 48_000.0;
        assert!(f64::from(step) < steepest, "{step}");
    }

    #[test]
    fn the_milliwatt_crosses_zero_as_often_as_its_frequency_says() {
        let frames = milliwatt(SampleRate::HZ_48000, Duration::from_secs(1));
        let crossings = frames
            .windows(2)
            .filter(|w| w[0] < 0.0 && w[1] >= 0.0)
            .count();
        assert!((1_002..=1_004).contains(&crossings), "{crossings}");
    }

    #[test]
    fn the_chime_dies_away() {
        let frames = chime(SampleRate::HZ_48000);
        assert!(peak(&frames[frames.len() - 4_800..]) < 0.03);
    }
}
