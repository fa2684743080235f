//! Does what sounds get from some zones to others without a step or a hole?

use super::*;

const PLAY: PlayId = PlayId(1);

/// Half of full scale for two seconds, in these zones.
fn stage_with(zones: ZoneSet) -> Stage {
    let mut stage = Stage::new(2);
    stage.settle();
    let steady = Arc::new(Pcm::mono(RATE, vec![0.5; 96_000]));
    let play = stage.console.play(PLAY, &steady, zones, Db::UNITY, None);
    play.unwrap();
    stage.run_ms(200);
    stage
}

#[test]
fn a_sound_that_moves_fades_from_one_zone_into_the_other() {
    let mut stage = stage_with(zone(0));
    let from = stage.now();
    stage.console.move_play(PLAY, zone(1)).unwrap();
    stage.run_ms(200);
    let (left, entered) = (stage.out(0, from), stage.out(1, from));
    for (a, b) in left.iter().zip(entered) {
        assert!((a + b - 0.5).abs() < 1e-3, "{a} {b}");
    }
    assert!(largest_step(left) < 0.002 && largest_step(entered) < 0.002);
    assert_eq!(highest(&left[4_800..]), 0.0);
    assert!((entered[4_800] - 0.5).abs() < 1e-3);
}

#[test]
fn a_zone_that_stays_hears_nothing_of_a_move_and_moves_follow_each_other() {
    let mut stage = stage_with(zone(0));
    let from = stage.now();
    for zones in [ZoneSet::first(2), zone(0), ZoneSet::first(2)] {
        stage.console.move_play(PLAY, zones).unwrap();
        stage.run_ms(7);
    }
    stage.run_ms(100);
    let stayed = stage.out(0, from);
    assert!(stayed.iter().all(|x| (x - 0.5).abs() < 1e-3));
    let joined = stage.out(1, from);
    assert!(largest_step(joined) < 0.002);
    assert!((joined[joined.len() - 1] - 0.5).abs() < 1e-3);
}

#[test]
fn none_silences_and_a_stranger_is_left_alone() {
    let mut stage = stage_with(ZoneSet::first(2));
    stage.console.move_play(PlayId(9), zone(0)).unwrap();
    stage.console.move_play(PLAY, ZoneSet::EMPTY).unwrap();
    stage.run_ms(50);
    let from = stage.now();
    stage.run_ms(50);
    assert_eq!(highest(stage.out(0, from)), 0.0);
    assert_eq!(
        stage.console.move_play(PLAY, zone(5)),
        Err(Refusal::Zones(2))
    );
}
