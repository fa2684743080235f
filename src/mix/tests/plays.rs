//! Is a sound played whole, cut or stopped as ordered?

use super::*;

fn pcm(frames: usize) -> Arc<Pcm> {
    Arc::new(Pcm::mono(RATE, vec![0.25; frames]))
}

#[test]
fn a_klaxon_plays_exactly_its_frames_and_tells_the_end_once() {
    let mut stage = Stage::new(1);
    stage.settle();
    let from = stage.now();
    let klaxon = pcm(10_000);
    stage
        .console
        .play(PlayId(7), &klaxon, zone(0), Db::UNITY, None)
        .unwrap();
    stage.run_ms(208);
    assert_eq!(stage.n_ended(), 0, "9984 frames are not all");
    stage.run_ms(100);
    let out = stage.out(0, from);
    assert!(out[..LAG].iter().all(|&x| x == 0.0));
    assert!(out[LAG..LAG + 10_000].iter().all(|&x| x == 0.25));
    assert!(out[LAG + 10_000..].iter().all(|&x| x == 0.0));
    assert_eq!(stage.events, [Event::Ended { play: PlayId(7) }]);
}

#[test]
fn a_klaxon_is_resampled_and_folded_outside_the_callback() {
    let rate = SampleRate::new(44_100).unwrap();
    let samples = (0..44_100)
        .flat_map(|i| [0.5 * sine(440.0, rate, i), 0.0])
        .collect();
    let klaxon = Arc::new(Pcm {
        rate,
        channels: 2,
        samples,
    });
    let mut stage = Stage::new(1);
    stage.settle();
    let from = stage.now();
    stage
        .console
        .play(PlayId(1), &klaxon, zone(0), Db(6.0), None)
        .unwrap();
    stage.run_ms(1_100);
    let out = stage.out(0, from + LAG);
    assert!((highest(&out[10_000..40_000]) - 0.25 * Db(6.0).gain()).abs() < 0.002);
    assert!(out[48_000..].iter().all(|&x| x == 0.0));
    assert!(out[47_000..48_000].iter().any(|&x| x != 0.0));
}

#[test]
fn a_long_klaxon_is_cut_at_the_longest_with_a_short_fade() {
    let mut stage = Stage::new(1);
    stage.settle();
    let from = stage.now();
    let longest = Some(Duration::from_millis(500));
    stage
        .console
        .play(PlayId(1), &pcm(48_000), zone(0), Db::UNITY, longest)
        .unwrap();
    stage.run_ms(600);
    let out = stage.out(0, from + LAG);
    assert!(out[..23_520].iter().all(|&x| x == 0.25));
    assert!(out[24_000..].iter().all(|&x| x == 0.0));
    assert!(largest_step(out) < 0.25 * 1.6 / 480.0);
    assert_eq!(stage.n_ended(), 1);
}

#[test]
fn a_stopped_klaxon_fades_and_ends_once() {
    let mut stage = Stage::new(1);
    stage.settle();
    stage
        .console
        .play(PlayId(1), &pcm(96_000), zone(0), Db::UNITY, None)
        .unwrap();
    stage.run_ms(100);
    let from = stage.now();
    stage.console.stop(PlayId(1));
    stage.console.stop(PlayId(1));
    stage.run_ms(50);
    stage.console.stop(PlayId(1));
    stage.run_ms(50);
    let out = stage.out(0, from);
    assert!(largest_step(out) < 0.25 * 1.6 / 480.0);
    assert!(out[LAG + 480..].iter().all(|&x| x == 0.0));
    assert_eq!(stage.n_ended(), 1);
}

#[test]
fn a_play_is_heard_in_its_zones_only() {
    let mut stage = Stage::new(3);
    stage.settle();
    let zones = [ZoneId(0), ZoneId(2)].into_iter().collect();
    stage
        .console
        .play(PlayId(1), &pcm(4_800), zones, Db::UNITY, None)
        .unwrap();
    stage.run_ms(50);
    let peaks = [0, 1, 2].map(|output| highest(stage.out(output, 0)));
    assert_eq!(peaks, [0.25, 0.0, 0.25]);
}

#[test]
fn speech_volume_holds_for_one_zone() {
    let mut stage = Stage::new(2);
    stage.console.set_speech_volume(ZoneId(1), Db(-20.0));
    stage.run_ms(100);
    stage
        .console
        .play(PlayId(1), &pcm(4_800), ZoneSet::first(2), Db::UNITY, None)
        .unwrap();
    stage.run_ms(50);
    assert_eq!(highest(stage.out(0, 0)), 0.25);
    assert!((highest(stage.out(1, 0)) - 0.025).abs() < 1e-6);
}

#[test]
fn an_empty_sound_ends_at_once() {
    let mut stage = Stage::new(1);
    stage
        .console
        .play(PlayId(1), &pcm(0), zone(0), Db::UNITY, None)
        .unwrap();
    stage.process(64);
    assert_eq!(stage.n_ended(), 1);
}
