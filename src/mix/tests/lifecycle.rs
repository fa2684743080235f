//! Does everything that goes into the engine come out again?

use super::*;

fn pcm() -> Arc<Pcm> {
    Arc::new(Pcm::mono(RATE, vec![0.25; 480_000]))
}

#[test]
fn what_the_engine_has_no_room_for_is_refused_to_the_caller() {
    let mut stage = Stage::new(1);
    let mut feeds = vec![];
    for n in 0..8 {
        let (tx, rx) = feed(SampleRate::HZ_8000, 800);
        feeds.push(tx);
        stage
            .console
            .add_voice(CallId(n), rx, zone(0), Db::UNITY)
            .unwrap();
    }
    let ninth = |stage: &mut Stage| {
        let (tx, rx) = feed(SampleRate::HZ_8000, 800);
        (
            tx,
            stage.console.add_voice(CallId(9), rx, zone(0), Db::UNITY),
        )
    };
    let (tx, refused) = ninth(&mut stage);
    assert_eq!(refused, Err(Refusal::Voices(8)));
    assert!(tx.is_abandoned());
    let sound = pcm();
    for n in 0..4 {
        stage
            .console
            .play(PlayId(n), &sound, zone(0), Db::UNITY, None)
            .unwrap();
    }
    let fifth = stage
        .console
        .play(PlayId(5), &sound, zone(0), Db::UNITY, None);
    assert_eq!(fifth, Err(Refusal::Plays(4)));
    assert_eq!(stage.console.vitals().refusals(), 2);
    stage.console.remove_voice(CallId(3));
    stage.console.stop(PlayId(0));
    stage.run_ms(50);
    assert_eq!(ninth(&mut stage).1, Ok(()));
    assert_eq!(
        stage
            .console
            .play(PlayId(5), &sound, zone(0), Db::UNITY, None),
        Ok(())
    );
}

#[test]
fn routes_and_zones_beyond_the_engine_are_refused() {
    let mut stage = Stage::new(2);
    assert_eq!(stage.console.route(straight(3)), Err(Refusal::Outputs(2)));
    let mut routes = straight(2);
    routes.outputs[1].music[0].input = 2;
    assert_eq!(stage.console.route(routes), Err(Refusal::Inputs(2)));
    let mut routes = straight(2);
    routes.outputs[0].zones = zone(2);
    assert_eq!(stage.console.route(routes), Err(Refusal::Zones(2)));
    let sound = pcm();
    let played = stage
        .console
        .play(PlayId(1), &sound, zone(2), Db::UNITY, None);
    assert_eq!(played, Err(Refusal::Zones(2)));
}

#[test]
fn commands_given_while_no_clock_runs_are_all_in_force_when_it_does() {
    let mut stage = Stage::with_music(2, |_| 0.5);
    stage.settle();
    for n in 0..10_000 {
        let level = Db(if n % 2 == 0 { -40.0 } else { -20.0 });
        stage
            .console
            .duck(zone(n % 2), level, Duration::from_millis(10));
    }
    stage
        .console
        .duck(ZoneSet::first(2), Db(-6.0), Duration::from_millis(10));
    let sound = pcm();
    stage
        .console
        .play(PlayId(1), &sound, zone(0), Db::UNITY, None)
        .unwrap();
    stage.console.stop(PlayId(1));
    stage.run_ms(200);
    let last = stage.now() - 1;
    for output in 0..2 {
        assert!((stage.out(output, 0)[last] - 0.5 * Db(-6.0).gain()).abs() < 1e-5);
    }
    assert_eq!(stage.n_ended(), 1);
}

#[test]
fn a_new_clock_ends_plays_and_lets_voices_go_on_at_its_rate() {
    let say = |at| 0.5 * sine(400.0, SampleRate::HZ_8000, at);
    let (mut talker, rx) = Talker::new(0.0, say);
    let mut stage = Stage::new(1);
    stage.settle();
    stage
        .console
        .add_voice(CallId(1), rx, zone(0), Db::UNITY)
        .unwrap();
    stage
        .console
        .play(PlayId(1), &pcm(), zone(0), Db::UNITY, None)
        .unwrap();
    for _ in 0..50 {
        talker.talk(stage.now());
        stage.process(256);
    }
    stage.engine.set_rate(SampleRate::new(44_100).unwrap());
    stage.drain();
    assert_eq!(stage.n_ended(), 1, "told before any clock runs");
    let from = stage.now();
    (talker.packet, talker.next_at) = (882.0, from as f64);
    for _ in 0..100 {
        talker.talk(stage.now());
        stage.process(256);
    }
    let out = stage.out(0, from + 10_000);
    assert!((highest(out) - 0.5).abs() < 0.01);
    let rising = out.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
    let seconds = out.len() as f64 / 44_100.0;
    assert!((rising as f64 / seconds - 400.0).abs() < 5.0);
    assert_eq!(stage.console.vitals().rate().hz(), 44_100);
}

#[test]
fn what_was_on_its_way_when_the_rate_changed_is_heard_all_the_same() {
    let (mut talker, rx) = Talker::new(0.0, |_| 0.5);
    let mut stage = Stage::new(1);
    stage.settle();
    stage
        .console
        .add_voice(CallId(1), rx, zone(0), Db::UNITY)
        .unwrap();
    stage
        .console
        .play(PlayId(1), &pcm(), zone(0), Db::UNITY, None)
        .unwrap();
    stage.engine.set_rate(SampleRate::new(44_100).unwrap());
    stage.console.set_rate(SampleRate::new(44_100).unwrap());
    talker.next_at = stage.now() as f64;
    for _ in 0..50 {
        talker.talk(stage.now());
        stage.process(256);
    }
    assert!(highest(stage.out(0, stage.now() - 1_000)) > 0.49);
    assert_eq!((stage.n_ended(), stage.n_gone()), (1, 0));
    stage.console.remove_voice(CallId(1));
    stage.run_ms(50);
    assert_eq!(stage.n_gone(), 1);
}

#[test]
fn a_voice_removed_while_the_rate_changed_does_not_come_back() {
    let (talker, rx) = Talker::new(0.0, |_| 0.5);
    let mut stage = Stage::new(1);
    stage.settle();
    stage
        .console
        .add_voice(CallId(1), rx, zone(0), Db::UNITY)
        .unwrap();
    stage.console.remove_voice(CallId(1));
    stage.engine.set_rate(SampleRate::new(44_100).unwrap());
    stage.run_ms(50);
    assert_eq!(stage.n_gone(), 1);
    assert!(talker.tx.is_abandoned());
}

#[test]
fn an_engine_without_a_console_goes_on_and_nothing_is_lost_when_returns_pile_up() {
    let mut stage = Stage::with_music(1, |_| 0.5);
    stage.settle();
    for _ in 0..200 {
        stage.console.route(straight(1)).unwrap();
        stage.engine.process(1_024, &mut stage.wires);
    }
    stage.drain();
    for _ in 0..200 {
        stage.process(1_024);
    }
    assert_eq!(stage.out(0, 0)[stage.wires.out[0].len() - 1], 0.5);
    let Stage {
        console,
        mut engine,
        mut wires,
        ..
    } = stage;
    drop(console);
    engine.process(1_024, &mut wires);
    assert_eq!(wires.out[0][wires.out[0].len() - 1], 0.5);
}

#[test]
fn both_ends_can_move_to_their_threads() {
    fn can_move<T: Send>() {}
    can_move::<Console>();
    can_move::<Box<Engine>>();
}

#[test]
fn the_largest_site_works() {
    let n = ZoneSet::CAPACITY;
    let (mut console, mut engine) = engine(EngineSettings {
        n_zones: n + 100,
        n_inputs: 2,
        n_outputs: n,
        ..EngineSettings::default()
    });
    let link = Link {
        input: 1,
        gain: Db::UNITY,
    };
    let route = |i| Route {
        zones: zone(i),
        music: vec![link],
    };
    console
        .route(Routes {
            outputs: (0..n).map(route).collect(),
        })
        .unwrap();
    console
        .play(PlayId(1), &pcm(), ZoneSet::first(n), Db::UNITY, None)
        .unwrap();
    let mut wires = Wires {
        music: Box::new(|_, _| 0.5),
        now: 0,
        out: vec![vec![]; n],
        keep: true,
    };
    for _ in 0..10 {
        engine.process(256, &mut wires);
    }
    assert!(wires.out.iter().all(|out| (out[2_000] - 0.75).abs() < 1e-6));
}
