//! Does music from files and stations begin, rest, end and change as it should?

use std::collections::BTreeMap;

use super::*;
use crate::base::{Frame, MusicId, StereoTx, stereo};
use crate::mix::Tuning;

const RADIO: MusicId = MusicId(2);
const RESTING: Tuning = Tuning {
    gain: Db::UNITY,
    is_stereo: true,
    rests_in_pages: true,
};

/// Two outputs of zone 0 and one of zone 1, which play the ring that is returned.
fn site(tuning: Tuning) -> (Stage, StereoTx) {
    let mut stage = Stage::new(3);
    let route = |i| Route {
        zones: zone(i),
        music: vec![],
    };
    let outputs = [0, 0, 1].map(route).into();
    stage.console.route(Routes { outputs }).unwrap();
    let zones = [ZoneId(0), ZoneId(1)].map(|zone| (zone, Some(RADIO)));
    stage.console.tune(BTreeMap::from(zones), None);
    let tx = add(&mut stage, tuning);
    (stage, tx)
}

fn add(stage: &mut Stage, tuning: Tuning) -> StereoTx {
    let (tx, rx) = stereo(RATE, 96_000);
    stage.console.add_music(RADIO, rx, tuning).unwrap();
    tx
}

/// Frame `at` of a piece whose samples all differ, left from right.
fn frame(at: usize) -> Frame {
    let left = sine(50.0, RATE, at) * 0.4 + 0.05;
    [left, left * 0.5 + 0.1]
}

/// Fills the ring from frame `from` on.
fn fill(tx: &mut StereoTx, from: usize) -> usize {
    let frames: Vec<Frame> = (from..from + tx.room()).map(frame).collect();
    from + tx.push(&frames)
}

/// Where in the piece each sample of an output was taken from, found by its value.
fn is_piece(heard: &[f32], from: usize, side: impl Fn(Frame) -> f32) -> bool {
    let expected = (from..from + heard.len()).map(|at| side(frame(at)));
    heard.iter().copied().eq(expected)
}

#[test]
fn it_starts_softly_and_then_passes_bit_by_bit_on_its_side() {
    let (mut stage, mut tx) = site(Tuning::default());
    fill(&mut tx, 0);
    stage.run_ms(500);
    // Before the first routes had faded in nothing was taken, and nothing is lost at the start.
    let n = stage.now();
    let (at, taken) = (n - 4_800, tx.n_taken() as usize);
    let from = taken - (n - at) - LAG;
    assert!(is_piece(stage.out(0, at), from, |[left, _]| left));
    assert!(is_piece(stage.out(1, at), from, |[_, right]| right));
    assert!(is_piece(stage.out(2, at), from, |[l, r]| (l + r) * 0.5));
    assert!(largest_step(stage.out(0, 0)) < 0.004);
    assert_eq!(tx.n_starved(), 0);
}

#[test]
fn after_a_page_it_goes_on_with_its_next_frame() {
    let (mut stage, mut tx) = site(RESTING);
    let mut filled = fill(&mut tx, 0);
    stage.run_ms(500);
    // A page in one of its zones lowers it there and leaves the other alone.
    stage
        .console
        .duck(zone(0), Db(-20.0), Duration::from_millis(150));
    stage.run_ms(300);
    filled = fill(&mut tx, filled);
    let before = tx.n_taken();
    stage.run_ms(100);
    assert_eq!(tx.n_taken() - before, 4_864);
    // In both: it rests.
    stage
        .console
        .duck(zone(1), Db(-20.0), Duration::from_millis(150));
    stage.run_ms(300);
    let resting = tx.n_taken();
    let at = stage.now();
    stage.run_ms(2_000);
    assert_eq!(tx.n_taken(), resting, "nothing is taken while it rests");
    assert_eq!(highest(stage.out(0, at)), 0.0);
    // The page is over.
    let at = stage.now();
    stage
        .console
        .duck(ZoneSet::first(2), Db::UNITY, Duration::from_millis(100));
    stage.run_ms(500);
    fill(&mut tx, filled);
    let settled = at + 9_600;
    let from = resting as usize + settled - at - LAG;
    assert!(is_piece(
        &stage.out(0, settled)[..9_600],
        from,
        |[left, _]| left
    ));
    assert!(largest_step(stage.out(0, 0)) < 0.004);
    assert_eq!(tx.n_starved(), 0);
}

#[test]
fn unless_it_is_to_rest_it_goes_on_below_a_page() {
    let (mut stage, mut tx) = site(Tuning::default());
    fill(&mut tx, 0);
    stage.run_ms(300);
    stage
        .console
        .duck(ZoneSet::first(2), Db(-20.0), Duration::from_millis(50));
    stage.run_ms(300);
    let (at, before) = (stage.now(), tx.n_taken() as usize);
    stage.run_ms(100);
    let from = before - LAG;
    let lowered: Vec<f32> = stage.out(0, at).iter().map(|x| x * 10.0).collect();
    for (i, x) in lowered.iter().enumerate() {
        assert!((x - frame(from + i)[0]).abs() < 1e-5);
    }
}

#[test]
fn a_dry_ring_is_faded_out_counted_and_comes_back_without_a_step() {
    let (mut stage, mut tx) = site(Tuning::default());
    let mut filled = 0;
    for _ in 0..5 {
        let frames: Vec<Frame> = (filled..filled + 9_600).map(frame).collect();
        filled += tx.push(&frames);
        stage.run_ms(400);
    }
    assert_eq!(tx.n_starved(), 5);
    assert_eq!(tx.n_taken(), 48_000, "every frame was heard");
    assert!(largest_step(stage.out(0, 0)) < 0.004);
    // Meant so, it is not counted.
    tx.set_resting(true);
    fill(&mut tx, filled);
    stage.run_ms(3_000);
    assert_eq!((tx.n_starved(), tx.fill()), (5, 0));
}

#[test]
fn what_is_discarded_is_skipped_without_a_step() {
    let (mut stage, mut tx) = site(Tuning::default());
    let frames: Vec<Frame> = (0..90_000).map(|_| [0.4, 0.4]).collect();
    tx.push(&frames);
    stage.run_ms(300);
    tx.discard();
    stage.run_ms(10);
    tx.push(&[[-0.4, -0.4]; 40_000]);
    stage.run_ms(300);
    let out = stage.out(0, 0);
    assert!(largest_step(out) < 0.4 * 1.6 / 480.0);
    assert_eq!(out.last(), Some(&-0.4));
    assert!(tx.n_taken() > 90_000);
}

#[test]
fn what_nobody_plays_stands_still() {
    let (mut stage, mut tx) = site(Tuning::default());
    fill(&mut tx, 0);
    stage.run_ms(300);
    stage.console.tune(BTreeMap::new(), None);
    stage.run_ms(100);
    let taken = tx.n_taken();
    stage.run_ms(500);
    assert_eq!(tx.n_taken(), taken);
    stage
        .console
        .tune(BTreeMap::from([(ZoneId(1), Some(RADIO))]), None);
    stage.run_ms(300);
    assert!(tx.n_taken() > taken + 12_000);
    assert!(largest_step(stage.out(0, 0)) < 0.004);
    assert!(largest_step(stage.out(2, 0)) < 0.004);
}

#[test]
fn another_ring_takes_over_and_the_last_is_told_when_it_is_gone() {
    let (mut stage, mut tx) = site(Tuning::default());
    fill(&mut tx, 0);
    stage.run_ms(300);
    let mut other = add(&mut stage, Tuning::default());
    fill(&mut other, 0);
    stage.run_ms(300);
    assert!(tx.is_abandoned() && other.n_taken() > 0);
    assert!(stage.events.is_empty(), "it still plays");
    stage.console.remove_music(RADIO);
    stage.run_ms(100);
    assert_eq!(stage.events, [Event::MusicGone { music: RADIO }]);
    assert!(other.is_abandoned());
    assert_eq!(highest(stage.out(0, stage.now() - 960)), 0.0);
    assert!(largest_step(stage.out(0, 0)) < 0.004);
}

#[test]
fn a_ring_of_another_rate_comes_back() {
    let (mut stage, _tx) = site(Tuning::default());
    stage.run_ms(100);
    let (_other, rx) = stereo(SampleRate::HZ_16000, 100);
    stage
        .console
        .add_music(RADIO, rx, Tuning::default())
        .unwrap();
    stage.run_ms(100);
    assert_eq!(stage.events, [Event::MusicGone { music: RADIO }]);
    let (_tx, rx) = stereo(RATE, 100);
    let beyond = stage.console.add_music(MusicId(99), rx, Tuning::default());
    assert_eq!(beyond, Err(Refusal::Music(8)));
}

#[test]
fn when_the_clock_changes_its_rate_the_music_is_gone() {
    let (mut stage, mut tx) = site(Tuning::default());
    fill(&mut tx, 0);
    stage.run_ms(300);
    stage.engine.set_rate(SampleRate::HZ_16000);
    stage.run_ms(20);
    assert_eq!(stage.events, [Event::MusicGone { music: RADIO }]);
}
