//! Do commands take effect at their sample, whatever the size of the blocks?

use super::*;
use crate::mix::{Fitting, Treatment};

fn step_at(stage: &Stage, from: usize, level: f32) -> usize {
    let out = stage.out(0, from);
    from + out.iter().position(|x| x.abs() > level).unwrap()
}

fn sound() -> Arc<Pcm> {
    Arc::new(Pcm::mono(RATE, vec![0.25; 4_800]))
}

#[test]
fn a_sound_begins_at_its_frame() {
    for frames in [64, 256, 1_000, 4_096] {
        let mut stage = Stage::new(1);
        stage.process(2_048);
        let begin = 9_999;
        let played = stage.console.at(begin, |console| {
            console.play(PlayId(1), &sound(), zone(0), Db::UNITY, None)
        });
        played.unwrap();
        while stage.now() < 20_000 {
            stage.process(frames);
        }
        assert_eq!(step_at(&stage, 0, 0.1), 9_999 + LAG, "blocks of {frames}");
        assert_eq!(stage.n_ended(), 1);
    }
}

#[test]
fn the_size_of_blocks_changes_nothing_that_is_heard() {
    let run = |sizes: &[usize]| {
        let mut stage = Stage::with_music(2, |at| 0.3 * sine(220.0, RATE, at));
        let console = &mut stage.console;
        let (duck, ms) = (Db(-20.0), Duration::from_millis(40));
        console.at(4_001, |c| c.duck(zone(0), duck, ms));
        console.at(9_000, |c| c.set_music_volume(ZoneId(1), Db(-9.0)));
        console.at(11_111, |c| c.route(straight(1)).unwrap());
        console.at(15_003, |c| c.duck(zone(0), Db::UNITY, ms));
        console.at(7_077, |c| {
            c.play(PlayId(1), &sound(), ZoneSet::first(2), Db::UNITY, None)
                .unwrap();
        });
        console.at(8_500, |c| c.stop(PlayId(1)));
        for size in sizes.iter().cycle() {
            stage.process((*size).min(24_000 - stage.now()));
            if stage.now() == 24_000 {
                return stage.wires.out;
            }
        }
        unreachable!()
    };
    let whole = run(&[256]);
    for sizes in [&[1_024][..], &[64], &[1, 255, 700], &[441, 64, 0, 2_048]] {
        for (out, expected) in run(sizes).iter().zip(&whole) {
            let off = out.iter().zip(expected).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 1e-6, "{sizes:?}");
        }
    }
}

#[test]
fn what_comes_too_late_takes_effect_at_once_and_order_is_kept() {
    let mut stage = Stage::with_music(1, |_| 0.5);
    stage.run_ms(100);
    let now = stage.now() as u64;
    let soon = Duration::ZERO;
    stage
        .console
        .at(now - 1, |c| c.duck(zone(0), Db(-20.0), soon));
    stage
        .console
        .at(now + 500, |c| c.duck(zone(0), Db::SILENCE, soon));
    stage
        .console
        .at(now + 500, |c| c.duck(zone(0), Db::UNITY, soon));
    stage
        .console
        .at(now + 300, |c| c.duck(zone(0), Db(-6.0), soon));
    stage.process(1_024);
    let out = stage.out(0, now as usize + LAG);
    let near = |i: usize, level: f32| assert!((out[i] - level).abs() < 1e-3, "{i}: {}", out[i]);
    near(0, 0.05);
    near(299, 0.05);
    near(300, 0.25);
    near(499, 0.25);
    near(500, 0.5);
}

#[test]
fn what_waits_can_be_taken_back() {
    let mut stage = Stage::new(1);
    stage.settle();
    let later = stage.now() as u64 + 10_000;
    let (mut talker, rx) = Talker::new(0.0, |_| 0.5);
    talker.cushion(4_000);
    stage.console.at(later, |c| {
        c.add_voice(CallId(1), rx, zone(0), Db::UNITY).unwrap();
        c.play(PlayId(1), &sound(), zone(0), Db::UNITY, None)
            .unwrap();
    });
    stage.process(256);
    stage.console.remove_voice(CallId(1));
    stage.console.stop(PlayId(1));
    stage.run_ms(500);
    assert_eq!((stage.n_gone(), stage.n_ended()), (1, 1));
    assert_eq!(highest(&stage.wires.out[0]), 0.0);
}

#[test]
fn a_late_order_to_leave_spares_the_voice_that_came_after() {
    let mut stage = Stage::new(1);
    stage.settle();
    let later = stage.now() as u64 + 10_000;
    let speak = |stage: &mut Stage| {
        let (mut talker, rx) = Talker::new(0.0, |_| 0.25);
        talker.cushion(7_000);
        stage
            .console
            .add_voice(CallId(1), rx, zone(0), Db::UNITY)
            .unwrap();
        talker
    };
    let _first = speak(&mut stage);
    stage.console.at(later, |c| c.remove_voice(CallId(1)));
    stage.process(256);
    let second = speak(&mut stage);
    stage.run_ms(500);
    assert!(!second.tx.is_abandoned());
    assert_eq!(stage.n_gone(), 0);
}

#[test]
fn more_than_can_wait_comes_all_the_same() {
    let mut stage = Stage::with_music(1, |_| 0.5);
    stage.settle();
    for i in 0..500u64 {
        let level = Db(-((i % 7) as f32));
        stage.console.at(stage.wires.now as u64 + 100 * i, |c| {
            c.duck(zone(0), level, Duration::ZERO);
            c.fit(ZoneId(0), Fitting::NONE);
            c.set_treatment(Treatment {
                agc: Some(level),
                ..Treatment::default()
            });
        });
    }
    stage.run_ms(2_000);
    let last = stage.out(0, stage.now() - 1)[0];
    assert!((last - 0.5 * Db(-2.0).gain()).abs() < 1e-3, "{last}");
}
