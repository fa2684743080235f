//! Does whoever taps some zones get what they hear, and nothing else?

use super::*;
use crate::base::FeedRx;
use crate::mix::{Tap, TapMusic};

/// Taps zone 1; what comes can wait for a minute.
fn tap(stage: &mut Stage, number: usize, music: TapMusic) -> FeedRx {
    let (tx, rx) = feed(RATE, 60 * 48_000);
    let at = Tap {
        zones: zone(1),
        music,
    };
    stage.console.tap(number, at, tx).unwrap();
    rx
}

fn all(rx: &mut FeedRx) -> Vec<f32> {
    let mut frames = vec![0.0; rx.fill()];
    rx.pop(&mut frames);
    frames
}

fn tone() -> Arc<Pcm> {
    let frames = (0..9_600).map(|at| 0.2 * sine(300.0, RATE, at));
    Arc::new(Pcm::mono(RATE, frames.collect()))
}

#[test]
fn a_tap_has_what_its_zone_hears_to_the_bit_with_music_or_without() {
    let mut stage = Stage::with_music(2, |at| 0.3 * sine(440.0, RATE, at));
    let mut with = tap(&mut stage, 0, TapMusic::With);
    let mut without = tap(&mut stage, 1, TapMusic::Without);
    stage.settle();
    all(&mut with);
    all(&mut without);
    let from = stage.now();
    for (id, at) in [(1, 0), (2, 1)] {
        let play = stage
            .console
            .play_klaxon(PlayId(id), &tone(), zone(at), Db::UNITY, None);
        play.unwrap();
        stage.run_ms(400);
    }
    assert_eq!(all(&mut with), stage.out(1, from));
    let heard = all(&mut without);
    assert_eq!(heard.len(), stage.now() - from);
    let half = heard.len() / 2;
    assert_eq!(highest(&heard[..half]), 0.0, "a page elsewhere");
    assert!((highest(&heard[half..]) - 0.2).abs() < 1e-3);
    assert_eq!(heard[heard.len() - 4_800..], [0.0; 4_800]);
}

#[test]
fn a_tap_that_ends_or_gets_another_ring_leaves_the_old_one() {
    let mut stage = Stage::new(2);
    let first = tap(&mut stage, 0, TapMusic::With);
    stage.settle();
    let second = tap(&mut stage, 0, TapMusic::With);
    stage.settle();
    assert!(first.is_abandoned() && !second.is_abandoned());
    stage.console.end_tap(0);
    stage.console.end_tap(0);
    stage.settle();
    assert!(second.is_abandoned());
    let third = tap(&mut stage, 1, TapMusic::With);
    stage.settle();
    stage.engine.set_rate(SampleRate::HZ_16000);
    assert!(third.is_abandoned());
    let at = Tap {
        zones: zone(0),
        music: TapMusic::With,
    };
    let (tx, rx) = feed(RATE, 8);
    stage.console.tap(0, at, tx).unwrap();
    stage.settle();
    assert!(rx.is_abandoned(), "made for another rate");
    let (tx, _rx) = feed(RATE, 8);
    assert_eq!(stage.console.tap(2, at, tx), Err(Refusal::Taps(2)));
}
