//! Is music where it was routed, as loud as it was told to be?

use super::*;

#[test]
fn silence_in_is_silence_out_exactly() {
    let mut stage = Stage::new(2);
    stage.run_ms(500);
    assert!(stage.wires.out.iter().flatten().all(|x| x.to_bits() == 0));
}

#[test]
fn without_routes_nothing_comes_out() {
    let mut stage = Stage::with_music(1, |_| 0.5);
    stage.console.route(Routes::default()).unwrap();
    stage.run_ms(100);
    assert!(stage.out(0, 0).iter().all(|&x| x == 0.0));
}

#[test]
fn music_passes_bit_exact_but_for_the_look_ahead() {
    let music = |at| 0.7 * sine(997.0, RATE, at) + 0.1 * sine(3.0, RATE, at + 4_000);
    let mut stage = Stage::with_music(2, music);
    stage.settle();
    let from = stage.now();
    stage.run_ms(1_000);
    for output in 0..2 {
        let heard = stage.out(output, from);
        assert!(
            heard
                .iter()
                .enumerate()
                .all(|(i, &x)| x == music(from + i - LAG))
        );
    }
}

#[test]
fn callbacks_of_any_size_give_the_same() {
    let music = |at| 0.8 * sine(997.0, RATE, at);
    let mut stage = Stage::with_music(1, music);
    stage.settle();
    let from = stage.now();
    for frames in [0, 1, 255, 256, 257, 0, 1_024, 3, 4_096] {
        stage.process(frames);
    }
    let heard = stage.out(0, from);
    assert!(
        heard
            .iter()
            .enumerate()
            .all(|(i, &x)| x == music(from + i - LAG))
    );
}

#[test]
fn the_duck_is_monotone_and_its_steps_are_bounded() {
    let mut stage = Stage::with_music(1, |_| 0.5);
    stage.settle();
    let from = stage.now();
    stage
        .console
        .duck(zone(0), Db(-20.0), Duration::from_millis(150));
    stage.run_ms(200);
    let down = stage.out(0, from).to_vec();
    assert!(down.windows(2).all(|w| w[1] <= w[0] + 1e-7));
    assert!(largest_step(&down) <= 0.5 * 0.9 * 1.5 / 7_200.0 * 1.01);
    assert!((down[down.len() - 1] - 0.05).abs() < 1e-6);
    assert_eq!(
        down[LAG + 7_200],
        down[down.len() - 1],
        "it takes exactly 150 ms"
    );

    let from = stage.now();
    stage
        .console
        .duck(zone(0), Db::UNITY, Duration::from_millis(800));
    stage.run_ms(900);
    let up = stage.out(0, from);
    assert!(up.windows(2).all(|w| w[1] >= w[0] - 1e-7));
    assert_eq!(up[up.len() - 1], 0.5, "and comes back bit-exact");
}

#[test]
fn of_two_zones_on_one_output_the_lowest_music_counts() {
    let mut stage = Stage::with_music(2, |_| 0.5);
    let both = Route {
        zones: ZoneSet::first(2),
        music: vec![Link {
            input: 0,
            gain: Db::UNITY,
        }],
    };
    stage
        .console
        .route(Routes {
            outputs: vec![both],
        })
        .unwrap();
    stage.settle();
    let last = |stage: &Stage| stage.out(0, 0)[stage.now() - 1];
    stage
        .console
        .duck(zone(0), Db(-20.0), Duration::from_millis(100));
    stage.run_ms(20);
    stage
        .console
        .duck(zone(1), Db(-6.0), Duration::from_millis(10));
    stage.run_ms(200);
    assert!((last(&stage) - 0.05).abs() < 1e-6);
    stage
        .console
        .duck(zone(0), Db::UNITY, Duration::from_millis(100));
    stage.run_ms(200);
    assert!((last(&stage) - 0.5 * Db(-6.0).gain()).abs() < 1e-6);
    assert!(largest_step(stage.out(0, 10_000)) < 0.002);
}

#[test]
fn volume_and_duck_multiply_and_only_their_zone_hears_it() {
    let mut stage = Stage::with_music(2, |_| 0.5);
    stage.settle();
    stage.console.set_music_volume(ZoneId(1), Db(-6.0));
    stage
        .console
        .duck(zone(1), Db(-20.0), Duration::from_millis(10));
    stage.run_ms(200);
    let last = stage.now() - 1;
    assert_eq!(stage.out(0, 0)[last], 0.5);
    assert!((stage.out(1, 0)[last] - 0.5 * Db(-26.0).gain()).abs() < 1e-6);
}

#[test]
fn a_change_of_routes_is_a_crossfade() {
    let mut stage = Stage::new(2);
    stage.wires.music = Box::new(|input, _| if input == 0 { 0.5 } else { -0.5 });
    stage.settle();
    let from = stage.now();
    let swapped = Routes {
        outputs: straight(2).outputs.into_iter().rev().collect(),
    };
    stage.console.route(swapped).unwrap();
    stage.run_ms(50);
    let last = stage.now() - 1;
    assert_eq!((stage.out(0, 0)[last], stage.out(1, 0)[last]), (-0.5, 0.5));
    assert!(largest_step(stage.out(0, from)) <= 1.5 / 960.0 * 1.01);
}

#[test]
fn routes_in_quick_succession_end_at_the_last_without_a_step() {
    let mut stage = Stage::with_music(1, |_| 0.5);
    stage.settle();
    let from = stage.now();
    for n in 0..100 {
        let mut routes = straight(1);
        routes.outputs[0].music[0].gain = Db(-(n as f32));
        stage.console.route(routes).unwrap();
        stage.process(64);
    }
    stage.run_ms(100);
    let out = stage.out(0, from);
    assert!(largest_step(out) <= 0.5 * 1.5 / 960.0 * 1.01);
    assert!((out[out.len() - 1] - 0.5 * Db(-99.0).gain()).abs() < 1e-8);
}

#[test]
fn what_is_no_number_in_the_music_harms_nothing() {
    let mut stage = Stage::with_music(1, |at| match at % 1_000 {
        500 => f32::NAN,
        600 => f32::INFINITY,
        700 => 1e30,
        _ => 0.1,
    });
    stage.run_ms(500);
    assert!(stage.out(0, 0).iter().all(|x| x.abs() <= CEILING));
    stage.wires.music = Box::new(|_, _| 0.1);
    stage.run_ms(1_000);
    assert_eq!(stage.out(0, 0)[stage.now() - 1], 0.1);
}

#[test]
fn too_loud_music_is_held_at_the_ceiling_without_being_cut() {
    let mut stage = Stage::with_music(1, |at| 4.0 * sine(300.0, RATE, at));
    stage.run_ms(1_000);
    let out = stage.out(0, 24_000);
    assert!(highest(out) <= CEILING && highest(out) > CEILING * 0.9);
    let steepest = CEILING * 300.0 * TAU as f32 / 48_000.0;
    assert!(largest_step(out) < steepest * 1.02);
}

#[test]
fn an_output_that_loses_its_route_falls_silent_and_costs_nothing() {
    let mut stage = Stage::with_music(1, |_| 0.5);
    stage.settle();
    let from = stage.now();
    stage.console.route(Routes::default()).unwrap();
    stage.run_ms(100);
    let out = stage.out(0, from);
    assert!(largest_step(out) <= 0.5 * 1.5 / 960.0 * 1.01);
    assert!(out[2_000..].iter().all(|&x| x == 0.0));
}

#[test]
fn levels_can_be_read() {
    let mut stage = Stage::with_music(2, |at| 0.5 * sine(440.0, RATE, at));
    stage.run_ms(2_000);
    let vitals = stage.engine.vitals();
    assert!((vitals.take_peak(0).0 - Db::from_gain(0.5).0).abs() < 0.1);
    assert!((vitals.rms(1).0 - Db::from_gain(0.5).0 + 3.01).abs() < 0.2);
    assert_eq!(vitals.frames(), stage.now() as u64);
    assert_eq!(vitals.callbacks(), (stage.now() / 256) as u64);
}

/// Two seconds are longer than the limiter needs to let go.
#[test]
fn after_silence_everything_sounds_as_it_did_at_first() {
    let period = 376 * 256;
    let music = move |at: usize| {
        let at = at % period;
        let swell = (at.min(4_800) as f32 / 4_800.0).min((9_600 - at.min(9_600)) as f32 / 4_800.0);
        4.0 * swell * (at as f32 * 0.01).sin()
    };
    let mut stage = Stage::with_music(1, music);
    (0..3 * 376).for_each(|_| stage.process(256));
    let out = stage.out(0, 0);
    let (second, third) = (&out[period..2 * period], &out[2 * period..3 * period]);
    assert!(second == third, "bit for bit");
    let loudest = second.iter().fold(0f32, |loudest, x| loudest.max(*x));
    assert!(loudest > 0.8, "it was limited: {loudest}");
    let silent = &second[20_000..];
    assert!(silent.iter().all(|x| x.to_bits() == 0));
}
