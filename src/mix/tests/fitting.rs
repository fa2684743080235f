//! Is sound fitted to loudspeakers unheard, heard once where zones overlap, and kept in its place?

use super::*;
use crate::dsp::{Curve, FLAT, FLAT_Q};
use crate::mix::Fitting;

fn delayed(ms: u64) -> Fitting {
    Fitting {
        delay: Duration::from_millis(ms),
        ..Fitting::NONE
    }
}

fn bright() -> Fitting {
    let mut curves = FLAT;
    curves[0] = Some(Curve::HighPass {
        hz: 2_000.0,
        q: FLAT_Q,
    });
    Fitting {
        curves,
        ..Fitting::NONE
    }
}

fn route(zones: &[usize], input: usize) -> Route {
    Route {
        zones: zones.iter().map(|&i| ZoneId(i as u16)).collect(),
        music: vec![Link {
            input,
            gain: Db::UNITY,
        }],
    }
}

fn say(stage: &mut Stage, zones: ZoneSet) {
    let sound = Arc::new(Pcm::mono(RATE, vec![0.1; 48_000]));
    stage
        .console
        .play(PlayId(1), &sound, zones, Db::UNITY, None)
        .unwrap();
}

#[test]
fn a_zones_delay_is_exact_and_another_zone_has_none() {
    let mut stage = Stage::with_music(2, |at| sine(100.0, RATE, at) * 0.5);
    stage.console.fit(ZoneId(0), delayed(250));
    // Set while nothing sounds, it is there at once; else by a fade.
    stage.run_ms(2_000);
    let (near, far) = (stage.out(1, 48_000), stage.out(0, 48_000));
    assert!(far[12_000..40_000] == near[..28_000]);
}

#[test]
fn changing_eq_and_delay_makes_no_step_and_off_is_bit_exact_again() {
    let mut stage = Stage::with_music(1, |at| sine(100.0, RATE, at) * 0.5);
    stage.settle();
    let from = stage.now();
    for fitting in [delayed(33), bright(), delayed(1_000), Fitting::NONE] {
        stage.console.fit(ZoneId(0), fitting);
        stage.run_ms(300);
    }
    let steepest = 0.5 * TAU as f32 * 100.0 / 48_000.0 + 1.5 / 960.0;
    let step = largest_step(stage.out(0, from));
    assert!(step < steepest * 1.1, "{step}");
    let now = stage.now();
    stage.run_ms(100);
    for (i, x) in stage.out(0, now).iter().enumerate() {
        assert_eq!(*x, sine(100.0, RATE, now + i - LAG) * 0.5);
    }
}

#[test]
fn an_equaliser_takes_what_it_should() {
    let mut stage = Stage::with_music(2, |at| sine(100.0, RATE, at) * 0.5);
    stage.console.fit(ZoneId(1), bright());
    stage.run_ms(1_000);
    let (plain, fitted) = (highest(stage.out(0, 24_000)), highest(stage.out(1, 24_000)));
    assert!((plain - 0.5).abs() < 0.01);
    assert!(fitted < 0.5 * 0.01, "{fitted}");
}

#[test]
fn what_is_delayed_is_played_to_its_end() {
    let mut stage = Stage::new(1);
    stage.console.fit(ZoneId(0), delayed(1_000));
    stage.settle();
    let from = stage.now();
    say(&mut stage, zone(0));
    stage.run_ms(3_000);
    let out = stage.out(0, from);
    let last = out.iter().rposition(|x| *x != 0.0).unwrap();
    // Block edges aside, a second of sound after a second of waiting.
    assert!((95_000..97_000).contains(&last), "{last}");
}

#[test]
fn delays_survive_a_change_of_the_rate() {
    let mut stage = Stage::new(1);
    stage.console.fit(ZoneId(0), delayed(100));
    stage.settle();
    stage.engine.set_rate(SampleRate::new(24_000).unwrap());
    stage.run_ms(100);
    let from = stage.now();
    say(&mut stage, zone(0));
    stage.run_ms(2_000);
    let out = stage.out(0, from);
    let first = out.iter().position(|x| *x != 0.0).unwrap();
    assert!((2_400..2_800).contains(&first), "{first}");
}

#[test]
fn a_voice_is_heard_once_on_an_output_of_several_zones_by_the_highest_gain() {
    let mut stage = Stage::new(3);
    let routes = Routes {
        outputs: vec![route(&[0, 1], 0), route(&[1], 1), route(&[0, 1, 2], 2)],
    };
    stage.console.route(routes).unwrap();
    stage.console.set_speech_volume(ZoneId(0), Db(-6.0));
    stage.console.set_speech_volume(ZoneId(1), Db(-20.0));
    stage.run_ms(200);
    let from = stage.now();
    say(&mut stage, ZoneSet::first(2));
    stage.run_ms(500);
    let level = |output| stage.out(output, from)[20_000];
    assert!((level(0) - 0.1 * Db(-6.0).gain()).abs() < 1e-6, "not twice");
    assert!((level(1) - 0.1 * Db(-20.0).gain()).abs() < 1e-6);
    assert!((level(2) - 0.1 * Db(-6.0).gain()).abs() < 1e-6);
    // The other zone gets louder while somebody speaks.
    stage.console.set_speech_volume(ZoneId(1), Db::UNITY);
    stage.run_ms(100);
    let out = stage.out(0, from);
    assert!(largest_step(&out[20_000..]) < 1e-4);
    assert!((out[out.len() - 1] - 0.1).abs() < 1e-6);
}

#[test]
fn outputs_of_one_zone_are_limited_as_one_picture() {
    let mut stage = Stage::new(2);
    stage.wires.music = Box::new(|input, at| {
        let level = if input == 0 { 3.0 } else { 0.3 };
        level * sine(300.0, RATE, at)
    });
    let routes = |second: usize| Routes {
        outputs: vec![route(&[0], 0), route(&[second], 1)],
    };
    stage.console.route(routes(0)).unwrap();
    stage.run_ms(1_000);
    let ratio = highest(stage.out(0, 40_000)) / highest(stage.out(1, 40_000));
    assert!((ratio - 10.0).abs() < 0.1, "{ratio}");
    // Those of different zones are not.
    stage.console.route(routes(1)).unwrap();
    stage.run_ms(2_000);
    let soft = highest(stage.out(1, stage.now() - 9_600));
    assert!((soft - 0.3).abs() < 0.001, "{soft}");
}

#[test]
fn zones_tell_their_peak_and_loudness() {
    let mut stage = Stage::with_music(2, |at| 0.1 * sine(1_000.0, RATE, at));
    stage.console.set_music_volume(ZoneId(1), Db::SILENCE);
    stage.run_ms(1_000);
    let vitals = stage.engine.vitals();
    // −20 dBFS of a sine: −23 LUFS on one channel.
    let loudness = vitals.zone_loudness(ZoneId(0)).0;
    assert!((loudness + 23.0).abs() < 0.1, "{loudness}");
    assert!((vitals.take_zone_peak(ZoneId(0)).0 + 20.0).abs() < 0.1);
    assert_eq!(vitals.take_zone_peak(ZoneId(0)), Db::SILENCE);
    assert!(vitals.zone_loudness(ZoneId(1)).0 < -60.0);
    assert_eq!(vitals.zone_loudness(ZoneId(99)), Db::SILENCE);
    stage.wires.music = Box::new(|_, _| 0.0);
    stage.run_ms(1_500);
    assert_eq!(vitals.zone_loudness(ZoneId(0)), Db::SILENCE);
}

#[test]
fn nothing_denormal_is_left_anywhere_after_the_sound() {
    // It fades below anything that a float can be, through filters that ring.
    let mut stage = Stage::with_music(1, |at| 0.9f32.powi((at / 64) as i32) * sine(50.0, RATE, at));
    let mut fitting = bright();
    fitting.curves[1] = Some(Curve::Peak {
        hz: 40.0,
        gain: Db(12.0),
        q: 10.0,
    });
    fitting.delay = Duration::from_millis(10);
    stage.console.fit(ZoneId(0), fitting);
    stage.run_ms(5_000);
    assert!(stage.out(0, 0).iter().all(|x| !x.is_subnormal()));
    assert_eq!(highest(stage.out(0, stage.now() - 48_000)), 0.0);
}
