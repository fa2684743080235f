//! Is what feeds back stopped, and nothing else touched?

use std::f32::consts::TAU;

use super::*;
use crate::dsp::FLAT_Q;

const RATE: SampleRate = SampleRate::HZ_8000;
const SECOND: usize = 8_000;

/// Something like speech: syllables of harmonics that glide, with pauses.
fn speech(seconds: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    let frame = |i: usize| {
        let t = i as f32 / 8_000.0;
        let syllable = (t * 4.3).fract();
        let loud = (TAU * syllable / 2.0).sin() * if (t * 0.7).fract() < 0.75 { 1.0 } else { 0.0 };
        let hz = 130.0 + 25.0 * (TAU * 0.9 * t).sin() + 12.0 * (TAU * 2.3 * t).sin();
        phase += TAU * hz / 8_000.0;
        let formant = 500.0 + 350.0 * (TAU * 1.7 * t).sin();
        let overtones = (1..20).map(|n| {
            let off = (n as f32 * hz - formant) / 300.0;
            (n as f32 * phase).sin() / (1.0 + off * off) / n as f32
        });
        0.25 * loud * overtones.sum::<f32>()
    };
    (0..seconds * SECOND).map(frame).collect()
}

fn sine(hz: f32, gain: f32, seconds: f32) -> Vec<f32> {
    let turn = TAU * hz / 8_000.0;
    let n = (seconds * 8_000.0) as usize;
    (0..n).map(|i| gain * (turn * i as f32).sin()).collect()
}

/// In pieces of all lengths.
fn guard(guard: &mut HowlGuard, frames: &mut [f32]) {
    let mut rest = frames;
    for n in [160, 37, 256, 1, 480].into_iter().cycle() {
        if rest.is_empty() {
            return;
        }
        let (piece, others) = rest.split_at_mut(n.min(rest.len()));
        guard.process(piece);
        rest = others;
    }
}

fn n_howls(frames: &[f32]) -> u32 {
    let mut guarded = frames.to_vec();
    let mut it = HowlGuard::new(Cure::Notch, RATE);
    guard(&mut it, &mut guarded);
    let (n, _) = it.howls();
    assert!(n > 0 || guarded == frames, "what does not howl is changed");
    n
}

/// A room of its own echoes and resonances: some taps that die away, brought to a highest gain.
fn room(seed: u32, gain: Db) -> Vec<f32> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let taps: Vec<f32> = (0..160)
        .map(|i| random() * (-0.03 * i as f32).exp())
        .collect();
    let response = |hz: f32| {
        let turned = |turn: fn(f32) -> f32| -> f32 {
            let angles = (0..160).map(|i| turn(TAU * hz * i as f32 / 8_000.0));
            angles.zip(&taps).map(|(a, b)| a * b).sum()
        };
        turned(f32::cos).hypot(turned(f32::sin))
    };
    let highest = (60..850)
        .map(|i| response(4.0 * i as f32))
        .fold(0.0, f32::max);
    taps.iter().map(|tap| tap * gain.gain() / highest).collect()
}

struct Loop {
    /// Each tenth of a second at the loudspeaker.
    levels: Vec<f32>,
    howls: (u32, Option<Howl>),
}

/// Speech goes out, comes back through the room after `delay`, and goes out again, for 20 s; the
/// phone and the loudspeaker have limits.
fn closed(cure: Cure, delay: Duration, room: &[f32]) -> Loop {
    let speech: Vec<f32> = speech(20).iter().map(|x| 0.4 * x).collect();
    let delay = RATE.frames_in(delay);
    let curve = |curve| Biquad::new(Coefficients::new(curve, RATE));
    let mut phone = [
        curve(Curve::HighPass {
            hz: 250.0,
            q: FLAT_Q,
        }),
        curve(Curve::LowPass {
            hz: 3_400.0,
            q: FLAT_Q,
        }),
    ];
    let mut it = HowlGuard::new(cure, RATE);
    let mut played = vec![0.0f32; speech.len()];
    for at in (0..speech.len()).step_by(160) {
        let back = |i: usize| -> f32 {
            let taps = room.iter().enumerate();
            taps.filter_map(|(n, tap)| Some(tap * played[i.checked_sub(delay + n)?]))
                .sum()
        };
        let frames = (at..at + 160).map(|i| (speech[i] + back(i)).clamp(-1.0, 1.0));
        let mut frames: Vec<f32> = frames.collect();
        phone
            .iter_mut()
            .for_each(|filter| filter.process(&mut frames));
        it.process(&mut frames);
        for (to, from) in played[at..].iter_mut().zip(frames) {
            *to = from.clamp(-0.9, 0.9);
        }
    }
    let rms = |x: &[f32]| (x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32).sqrt();
    Loop {
        levels: played.chunks(SECOND / 10).map(rms).collect(),
        howls: it.howls(),
    }
}

#[test]
fn off_is_exact_and_speech_passes_as_it_is() {
    let speech = speech(30);
    let mut same = speech.clone();
    guard(&mut HowlGuard::new(Cure::Off, RATE), &mut same);
    assert!(same == speech);
    assert_eq!(n_howls(&speech), 0);
    let loud: Vec<f32> = speech.iter().map(|x| (6.0 * x).tanh()).collect();
    assert_eq!(n_howls(&loud), 0);
}

#[test]
fn keys_and_tones_that_begin_and_stay_are_no_howls() {
    for hz in [425.0, 800.0, 1_004.0, 2_500.0] {
        let silence = vec![0.0; SECOND];
        let tone = sine(hz, 0.4, 4.0);
        assert_eq!(
            n_howls(&[silence.clone(), tone.clone(), silence, tone].concat()),
            0,
            "{hz}"
        );
    }
    let mut keys = vec![0.0; SECOND];
    for (low, high) in [(697.0, 1_209.0), (941.0, 1_477.0), (852.0, 1_633.0)] {
        for span in [0.08, 0.6] {
            let both = sine(low, 0.3, span).into_iter().zip(sine(high, 0.3, span));
            keys.extend(both.map(|(low, high)| low + high));
            keys.extend(vec![0.0; SECOND / 10]);
        }
    }
    assert_eq!(n_howls(&keys), 0);
    let klaxon = crate::dsp::tones::klaxon(RATE, Duration::from_secs(8));
    assert_eq!(n_howls(&[vec![0.0; SECOND], klaxon].concat()), 0);
    let chime = crate::dsp::tones::chime(RATE);
    assert_eq!(n_howls(&[chime.clone(), chime.clone(), chime].concat()), 0);
}

#[test]
fn melodies_and_chords_are_no_howls() {
    let scale = [262.0, 294.0, 330.0, 392.0, 440.0, 523.0, 659.0];
    let note = |hz: f32, rise: f32, overtone: f32| -> Vec<f32> {
        let parts = [(1.0, 1.0), (2.0, overtone), (3.0, 0.5 * overtone)];
        let frame = |i: usize| {
            let t = i as f32 / 8_000.0;
            let loud = 0.3 * (t / rise).min(1.0) * (-1.2 * t).exp();
            let of = |(times, gain): &(f32, f32)| gain * (TAU * times * hz * t).sin();
            loud * parts.iter().map(of).sum::<f32>()
        };
        (0..SECOND * 3 / 5).map(frame).collect()
    };
    let mut melody = Vec::new();
    for at in 0..42 {
        let (hz, other) = (scale[at * 5 % 7], scale[(at * 5 + 2) % 7]);
        let (rise, overtone) = [(0.01, 0.5), (0.1, 0.2), (0.25, 0.1)][at % 3];
        let mut sound = note(hz, rise, overtone);
        if at % 2 == 1 {
            let second = note(other, rise, overtone);
            sound.iter_mut().zip(second).for_each(|(a, b)| *a += b);
        }
        melody.extend(sound);
    }
    assert_eq!(n_howls(&melody), 0);
}

#[test]
fn a_closed_loop_howls_without_a_guard_and_not_for_long_with_one() {
    const FULL: f32 = 0.35;
    for (seed, delay, gain) in [(1, 50, 6.0), (2, 120, 3.0), (3, 200, 9.0), (4, 300, 4.0)] {
        let (room, delay) = (room(seed, Db(gain)), Duration::from_millis(delay));
        let howling = closed(Cure::Off, delay, &room).levels;
        let n_full = howling.iter().filter(|level| **level > FULL).count();
        assert!(n_full > 100, "{delay:?}: it does not howl: {n_full}");
        for cure in [Cure::Notch, Cure::Duck] {
            let guarded = closed(cure, delay, &room);
            let is_full = |level: &f32| *level > FULL;
            let runs = guarded.levels.split(|level| !is_full(level));
            let longest = runs.map(<[f32]>::len).max().unwrap_or(0);
            assert!(
                longest <= 10,
                "{cure:?} {delay:?}: {longest} tenths of a second"
            );
            let late = guarded.levels[100..]
                .iter()
                .filter(|it| is_full(it))
                .count();
            assert!(
                late <= 10,
                "{cure:?} {delay:?}: {late} tenths of a second later on"
            );
            let (n, last) = guarded.howls;
            assert!((1..=20).contains(&n), "{cure:?} {delay:?}: {n} howls");
            assert!(last.is_some_and(|howl| howl.hz > 200.0 && howl.hz < 3_600.0));
        }
    }
}

#[test]
fn a_howl_is_told_by_its_pitch_and_is_gone_without_a_step() {
    let grown = |i: usize, x: f32| x * (1e-3 * (i as f32 / 1_600.0 * 3.0).exp()).min(0.7);
    let tone = sine(1_240.0, 1.0, 5.0).into_iter().enumerate();
    let mut frames: Vec<f32> = tone.map(|(i, x)| grown(i, x)).collect();
    let mut it = HowlGuard::new(Cure::Notch, RATE);
    guard(&mut it, &mut frames);
    let (n, last) = it.howls();
    assert!(
        n >= 1 && (last.unwrap().hz - 1_240.0).abs() < 8.0,
        "{n} {last:?}"
    );
    let rest = &frames[3 * SECOND..];
    assert!(rest.iter().all(|x| x.abs() < 0.03), "it is still there");
    // A sine of that pitch has no larger step than its turn makes.
    let steps = frames.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    assert!(steps.fold(0.0, f32::max) < 0.7 * TAU * 1_240.0 / 8_000.0);
}

#[test]
fn another_cure_undoes_what_was_done_and_rubbish_does_no_harm() {
    let grown = |i: usize, x: f32| x * (1e-3 * (i as f32 / 1_600.0 * 3.0).exp()).min(0.7);
    let tone = sine(900.0, 1.0, 3.0).into_iter().enumerate();
    let mut frames: Vec<f32> = tone.map(|(i, x)| grown(i, x)).collect();
    let mut it = HowlGuard::new(Cure::Notch, RATE);
    guard(&mut it, &mut frames);
    assert!(it.howls().0 > 0);
    it.set(Cure::Off);
    let mut after = sine(900.0, 0.5, 1.0);
    guard(&mut it, &mut after);
    let wanted = sine(900.0, 0.5, 1.0);
    assert!(after[SECOND / 2..] == wanted[SECOND / 2..]);

    let mut it = HowlGuard::new(Cure::Duck, RATE);
    it.process(&mut [f32::NAN; 700]);
    let speech = speech(3);
    let mut same = speech.clone();
    guard(&mut it, &mut same);
    assert!(same == speech);
}
