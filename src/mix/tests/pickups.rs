//! Does a recording hold what it should, frame by frame?

use super::*;
use crate::base::{RecordingId, TrackRx, track};
use crate::mix::Spot;

const ONE: RecordingId = RecordingId(1);

fn record(stage: &mut Stage, spot: Spot) -> TrackRx {
    let (tx, rx) = track(RATE, spot.channels(), Duration::from_secs(5));
    stage.console.record(ONE, spot, tx).unwrap();
    rx
}

fn read(rx: &mut TrackRx) -> Vec<f32> {
    let mut out = Vec::new();
    while rx.read(1_000, &mut out) > 0 {}
    out
}

fn pcm(level: f32, ms: usize) -> Arc<Pcm> {
    Arc::new(Pcm::mono(RATE, vec![level; 48 * ms]))
}

/// A caller who says a level, on the feed already.
fn speaker(level: f32) -> (FeedTx, crate::base::FeedRx) {
    let (mut tx, rx) = feed(RATE, 96_000);
    tx.set_target(40_000);
    tx.push(&vec![level; 48_000]);
    (tx, rx)
}

#[test]
fn a_page_is_its_klaxon_and_its_voice_where_they_are_heard_and_no_music() {
    let mut stage = Stage::with_music(2, |_| 0.3);
    stage.settle();
    let mut rx = record(&mut stage, Spot::Page);
    let (call, klaxon) = (CallId(7), PlayId(1));
    stage.console.record_play(klaxon, ONE);
    stage.console.record_call(call, ONE);
    let (sound, gain) = (pcm(0.5, 10), Db::UNITY);
    // Another page, at the same time.
    stage
        .console
        .play_klaxon(PlayId(2), &pcm(0.4, 20), zone(1), gain, None)
        .unwrap();
    stage
        .console
        .play_klaxon(klaxon, &sound, zone(0), gain, None)
        .unwrap();
    stage.process(960);
    let heard = read(&mut rx);
    assert_eq!(heard.len(), 960);
    assert!(heard[..480].iter().all(|&x| x == 0.5));
    assert!(heard[480..].iter().all(|&x| x == 0.0));
    let (_tx, feed) = speaker(0.25);
    let both = zone(0).union(&zone(1));
    stage.console.add_voice(call, feed, both, gain).unwrap();
    stage.process(9_600);
    assert!((read(&mut rx)[9_500] - 0.25).abs() < 0.01, "once");
    // Others have taken its zones.
    stage.console.move_voice(call, ZoneSet::EMPTY).unwrap();
    stage.process(9_600);
    let heard = read(&mut rx);
    assert_eq!(heard.len(), 9_600);
    assert!(heard[1_500..].iter().all(|&x| x == 0.0) && largest_step(&heard) < 0.01);
    stage.console.end_recording(ONE);
    stage.process(256);
    stage.process(256);
    assert!(rx.is_abandoned() && read(&mut rx).len() <= 256);
    let broken = |event: &Event| matches!(event, Event::RecordingBroken { .. });
    assert!(!stage.events.iter().any(broken), "it was asked for");
}

#[test]
fn a_caller_is_recorded_at_its_own_level_whoever_hears_it_with_silence_where_nothing_came() {
    let mut stage = Stage::new(1);
    stage.settle();
    let mut rx = record(&mut stage, Spot::Caller);
    stage.console.record_call(CallId(7), ONE);
    let (tx, feed) = speaker(0.25);
    let nowhere = ZoneSet::EMPTY;
    stage
        .console
        .add_voice(CallId(7), feed, nowhere, Db(-20.0))
        .unwrap();
    stage.run_ms(500);
    drop(tx);
    stage.run_ms(1_000);
    let heard = read(&mut rx);
    assert_eq!(heard.len(), stage.now() - 2_560);
    assert!((heard[9_600] - 0.25).abs() < 0.01, "{}", heard[9_600]);
    assert!(heard[60_000..].iter().all(|&x| x == 0.0));
}

#[test]
fn the_channels_of_a_zone_are_what_its_outputs_play() {
    let mut stage = Stage::with_music(2, |at| 0.3 * sine(440.0, RATE, at));
    stage.settle();
    let mut rx = record(&mut stage, Spot::Outputs(vec![1, 0]));
    let begun = stage.now();
    stage.run_ms(100);
    let level = Db(-6.0);
    stage.console.set_music_volume(ZoneId(1), level);
    stage.run_ms(100);
    let heard = read(&mut rx);
    let side = |n: usize| -> Vec<f32> { heard.iter().skip(n).step_by(2).copied().collect() };
    assert_eq!(side(0), stage.out(1, begun));
    assert_eq!(side(1), stage.out(0, begun));
    assert_ne!(side(0), side(1));
    assert_eq!(stage.console.outputs_of(ZoneId(1)), [1]);
}

#[test]
fn another_rate_breaks_a_recording_and_the_same_does_not() {
    let mut stage = Stage::new(1);
    let mut rx = record(&mut stage, Spot::Page);
    stage.process(256);
    stage.engine.set_rate(RATE);
    stage.process(256);
    assert_eq!(read(&mut rx).len(), 512);
    stage.engine.set_rate(SampleRate::HZ_16000);
    stage.drain();
    let broken = Event::RecordingBroken { recording: ONE };
    assert_eq!(stage.events, std::slice::from_ref(&broken));
    assert!(rx.is_abandoned());
    // One that is made for the old rate comes too late.
    let late = record(&mut stage, Spot::Page);
    stage.process(256);
    assert_eq!(stage.events, [broken.clone(), broken]);
    assert!(late.is_abandoned());
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let mut stage = Stage::new(1);
    for n in 0..9 {
        let (tx, _) = track(RATE, 1, Duration::from_millis(10));
        stage
            .console
            .record(RecordingId(n), Spot::Page, tx)
            .unwrap();
    }
    let (tx, _) = track(RATE, 1, Duration::from_millis(10));
    assert_eq!(
        stage.console.record(RecordingId(9), Spot::Page, tx),
        Err(Refusal::Recordings(9))
    );
}
