//! Do quiet and loud callers come out alike, and can that be turned on and off unheard?

use super::*;
use crate::dsp::loudness::integrated;
use crate::dsp::{Cure, Speech, USUAL_TARGET};
use crate::mix::Treatment;

const ON: Treatment = Treatment {
    howl: Cure::Notch,
    agc: Some(USUAL_TARGET),
    speech_filter: None,
};

/// Syllables with gaps, at three levels 20 dB apart.
fn syllable(at: usize, level: f32) -> f32 {
    let (beat, within) = (at / 2_000, (at % 2_000) as f32 / 2_000.0);
    let swell = (within / 0.1).min(1.0) * (-4.0 * within).exp();
    let pitch = 300.0 + 100.0 * (beat % 4) as f64;
    let is_pause = beat % 7 == 6;
    if is_pause {
        return 0.0;
    }
    level * swell * sine(pitch, SampleRate::HZ_8000, at)
}

fn loud(at: usize) -> f32 {
    syllable(at, 0.5)
}

fn soft(at: usize) -> f32 {
    syllable(at, 0.05)
}

fn run(stage: &mut Stage, talker: &mut Talker, ms: u64) {
    let until = stage.now() + RATE.frames_in(Duration::from_millis(ms));
    while stage.now() < until {
        talker.talk(stage.now());
        stage.process(256);
    }
}

/// Ten seconds of a voice that is treated so.
fn heard(say: fn(usize) -> f32, treatment: Treatment) -> Vec<f32> {
    let (mut talker, rx) = Talker::new(0.0, say);
    let mut stage = Stage::new(1);
    stage.settle();
    stage.console.set_treatment(treatment);
    talker.next_at = stage.now() as f64;
    talker.cushion(48);
    stage
        .console
        .add_voice(CallId(1), rx, zone(0), Db::UNITY)
        .unwrap();
    let from = stage.now();
    run(&mut stage, &mut talker, 10_000);
    stage.out(0, from).to_vec()
}

fn loudness(frames: &[f32]) -> f32 {
    integrated(&frames[4 * 48_000..], RATE).0
}

#[test]
fn quiet_and_loud_callers_come_out_alike() {
    let apart =
        loudness(&heard(loud, Treatment::default())) - loudness(&heard(soft, Treatment::default()));
    assert!((apart - 20.0).abs() < 0.5, "{apart}");
    for say in [loud, soft] {
        let out = loudness(&heard(say, ON));
        assert!((out - USUAL_TARGET.0).abs() < 1.0, "{out}");
    }
    let both = Treatment {
        speech_filter: Some(Speech::default()),
        ..ON
    };
    let apart = loudness(&heard(loud, both)) - loudness(&heard(soft, both));
    assert!(apart.abs() < 1.0, "{apart}");
}

#[test]
fn off_is_bit_exact() {
    let plain = heard(loud, Treatment::default());
    let mut stage = Stage::new(1);
    stage.settle();
    let (mut talker, rx) = Talker::new(0.0, loud);
    talker.next_at = stage.now() as f64;
    talker.cushion(48);
    // On and off again before anything is said.
    stage.console.set_treatment(ON);
    stage
        .console
        .add_voice(CallId(1), rx, zone(0), Db::UNITY)
        .unwrap();
    stage.console.set_treatment(Treatment::default());
    let from = stage.now();
    run(&mut stage, &mut talker, 10_000);
    assert!(stage.out(0, from) == plain);
}

#[test]
fn turning_it_on_and_off_makes_no_step() {
    fn tone(at: usize) -> f32 {
        0.2 * sine(400.0, SampleRate::HZ_8000, at)
    }
    let (mut talker, rx) = Talker::new(0.0, tone);
    let mut stage = Stage::new(1);
    stage.settle();
    talker.next_at = stage.now() as f64;
    talker.cushion(48);
    stage
        .console
        .add_voice(CallId(1), rx, zone(0), Db::UNITY)
        .unwrap();
    run(&mut stage, &mut talker, 300);
    let from = stage.now();
    let on = Treatment {
        howl: Cure::Duck,
        agc: Some(Db(-10.0)),
        speech_filter: Some(Speech::default()),
    };
    for treatment in [on, Treatment::default(), ON, on, Treatment::default()] {
        stage.console.set_treatment(treatment);
        run(&mut stage, &mut talker, 130);
    }
    // 6 dB of make-up at most, and a quarter for the corners.
    let steepest = 0.2 * 400.0 * TAU as f32 / 48_000.0 * 2.5;
    let step = largest_step(stage.out(0, from));
    assert!(step < steepest, "{step}");
    assert_eq!(stage.engine.vitals().starved_frames(), 0);
}

#[test]
fn a_voice_that_howls_is_told_and_counted_while_it_is_heard() {
    /// Comes up by 12 dB a second.
    fn howl(at: usize) -> f32 {
        let seconds = at as f32 / 8_000.0;
        (0.02 * 10f32.powf(0.6 * seconds)).min(0.7) * sine(1_240.0, SampleRate::HZ_8000, at)
    }
    let (mut talker, rx) = Talker::new(0.0, howl);
    let mut stage = Stage::new(1);
    stage.settle();
    stage.console.set_treatment(Treatment {
        howl: Cure::Notch,
        ..Treatment::default()
    });
    talker.next_at = stage.now() as f64;
    talker.cushion(48);
    stage
        .console
        .add_voice(CallId(1), rx, zone(0), Db::UNITY)
        .unwrap();
    run(&mut stage, &mut talker, 4_000);
    let [Event::Howled { call, n, howl }, ..] = stage.events[..] else {
        panic!("{:?}", stage.events);
    };
    assert_eq!((call, n), (CallId(1), 1));
    assert!((howl.hz - 1_240.0).abs() < 10.0, "{howl:?}");
    assert_eq!(stage.engine.vitals().howls(), stage.events.len() as u64);
    assert!(highest(stage.out(0, stage.now() - 24_000)) < 0.05);
}
