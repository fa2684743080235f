//! Has each zone its own levels and its own ceiling, however many there are?

use super::*;
use crate::mix::Fitting;

fn tone(seconds: usize) -> Arc<Pcm> {
    let frames = 0..seconds * 48_000;
    Arc::new(Pcm::mono(
        RATE,
        frames.map(|at| 0.2 * sine(300.0, RATE, at)).collect(),
    ))
}

fn below(ceiling: f32) -> Fitting {
    Fitting {
        ceiling: Db(ceiling),
        ..Fitting::NONE
    }
}

#[test]
fn klaxons_have_a_volume_of_their_own() {
    let mut stage = Stage::new(2);
    let console = &mut stage.console;
    console.set_klaxon_volume(ZoneId(0), Db(-6.0));
    console.set_speech_volume(ZoneId(0), Db(-20.0));
    stage.settle();
    let both = ZoneSet::first(2);
    let console = &mut stage.console;
    let played = console.play_klaxon(PlayId(1), &tone(1), both, Db::UNITY, None);
    played.unwrap();
    stage.run_ms(900);
    let (near, far) = (highest(stage.out(0, 24_000)), highest(stage.out(1, 24_000)));
    assert!((near - 0.2 * Db(-6.0).gain()).abs() < 1e-3, "{near}");
    assert!((far - 0.2).abs() < 1e-3, "{far}");
    // One kind does not hide the other where both sound for the same zones.
    stage.run_ms(200);
    let from = stage.now();
    let console = &mut stage.console;
    console
        .play_klaxon(PlayId(2), &tone(1), both, Db::UNITY, None)
        .unwrap();
    console
        .play(PlayId(3), &tone(1), both, Db::UNITY, None)
        .unwrap();
    stage.run_ms(500);
    let sum = highest(stage.out(0, from + 12_000));
    assert!((sum - 0.2 * (Db(-6.0).gain() + 0.1)).abs() < 1e-3, "{sum}");
    assert_eq!(stage.n_ended(), 1);
}

#[test]
fn a_zones_ceiling_holds_where_it_is_and_nowhere_else() {
    let mut stage = Stage::with_music(2, |at| 0.8 * sine(300.0, RATE, at));
    stage.console.fit(ZoneId(0), below(-20.0));
    stage.run_ms(2_000);
    let (low, free) = (highest(stage.out(0, 48_000)), highest(stage.out(1, 48_000)));
    assert!((0.09..=0.1001).contains(&low), "{low}");
    assert!((free - 0.8).abs() < 1e-3, "{free}");
}

#[test]
fn an_output_of_several_zones_bears_what_the_weakest_does() {
    let mut stage = Stage::with_music(2, |at| 0.8 * sine(300.0, RATE, at));
    let route = |zones: ZoneSet| Route {
        zones,
        music: vec![Link {
            input: 0,
            gain: Db::UNITY,
        }],
    };
    let routes = Routes {
        outputs: vec![route(ZoneSet::first(2)), route(zone(0))],
    };
    stage.console.route(routes).unwrap();
    stage.console.fit(ZoneId(0), below(-6.0));
    stage.console.fit(ZoneId(1), below(-12.0));
    stage.run_ms(2_000);
    let (shared, own) = (highest(stage.out(0, 48_000)), highest(stage.out(1, 48_000)));
    assert!((shared / Db(-12.0).gain() - 1.0).abs() < 0.05, "{shared}");
    assert!((own / Db(-6.0).gain() - 1.0).abs() < 0.05, "{own}");
}

#[test]
fn a_ceiling_that_moves_while_something_sounds_makes_no_click() {
    let mut stage = Stage::with_music(1, |at| 0.8 * sine(100.0, RATE, at));
    stage.run_ms(500);
    let from = stage.now();
    for ceiling in [-30.0, 0.0, -10.0, 0.0] {
        stage.console.fit(ZoneId(0), below(ceiling));
        stage.run_ms(800);
    }
    let steepest = 0.8 * TAU as f32 * 100.0 / 48_000.0;
    let step = largest_step(stage.out(0, from));
    assert!(step < steepest * 1.5, "{step} of {steepest}");
    let last = highest(stage.out(0, stage.now() - 9_600));
    assert!((last - 0.8).abs() < 0.01, "{last}");
}

#[test]
fn two_hundred_and_fifty_six_zones_each_hear_what_is_for_them() {
    const N: usize = 256;
    let mut stage = Stage::new(N);
    for n in 0..N {
        stage
            .console
            .set_speech_volume(ZoneId(n as u16), Db(-(n as f32) / 16.0));
    }
    stage.console.fit(ZoneId(200), below(-40.0));
    // More commands than the ring holds: the rest follows by itself.
    stage.run_ms(100);
    let odd: ZoneSet = (0..N as u16).filter(|n| n % 2 == 1).map(ZoneId).collect();
    stage
        .console
        .play(PlayId(1), &tone(1), odd, Db::UNITY, None)
        .unwrap();
    stage
        .console
        .play(PlayId(2), &tone(1), zone(200), Db::UNITY, None)
        .unwrap();
    stage.run_ms(500);
    let from = stage.now() - 9_600;
    for n in 0..N {
        let level = highest(stage.out(n, from));
        let wanted = match n {
            200 => 0.01,
            n if n % 2 == 1 => 0.2 * Db(-(n as f32) / 16.0).gain(),
            _ => 0.0,
        };
        assert!((level - wanted).abs() < 1e-3, "{n}: {level}, not {wanted}");
    }
    let vitals = stage.engine.vitals();
    assert!(vitals.take_zone_peak(ZoneId(255)).0 > -31.0);
    assert_eq!(vitals.take_zone_peak(ZoneId(254)), Db::SILENCE);
}
