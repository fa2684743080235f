//! Is it told what becomes of the music?

use std::time::{Duration, Instant};

use super::site::policy;
use crate::base::{Db, ZoneId, ZoneSet};
use crate::control::{Core, Effect, Input, Level, Music, Part, Policy, Snapshot};
use crate::music::{Demand, Hand, Minute, Moment, Timetable};

fn told(core: &mut Core, input: Input, now: Instant) -> Vec<(Level, String)> {
    core.handle(input, now);
    let effects = std::iter::from_fn(|| core.poll());
    let notes = effects.filter_map(|effect| {
        if let Effect::Log(note) = effect {
            return Some((note.level, note.text));
        }
        None
    });
    notes.collect()
}

fn changed(ok: bool, text: &str) -> Input {
    Input::MusicChanged {
        name: "lounge".to_owned(),
        ok,
        text: text.to_owned(),
    }
}

#[test]
fn what_becomes_of_music_is_told_once_and_shown() {
    let now = Instant::now();
    let mut core = Core::new(policy(), now);
    let plays = told(&mut core, changed(true, "plays a.mp3"), now);
    assert_eq!(
        plays,
        [(Level::Info, "music lounge: plays a.mp3".to_owned())]
    );
    assert!(told(&mut core, changed(true, "plays a.mp3"), now).is_empty());
    let skipped = Input::MusicSkipped {
        name: "lounge".to_owned(),
        what: "b.mp3".to_owned(),
        why: "is no music".to_owned(),
    };
    let skipped = told(&mut core, skipped, now);
    let text = "music lounge: b.mp3 is skipped: is no music".to_owned();
    assert_eq!(skipped, [(Level::Warn, text)]);
    let later = now + Duration::from_secs(5);
    let silent = told(&mut core, changed(false, "silent: gone"), later);
    assert_eq!(
        silent,
        [(Level::Warn, "music lounge: silent: gone".to_owned())]
    );
    let Snapshot { music, .. } = core.snapshot();
    let expected = Music {
        part: Part {
            ok: false,
            text: "silent: gone".to_owned(),
            since: later,
        },
        n_skipped: 1,
    };
    assert_eq!(music["lounge"], expected);
    assert!(
        core.snapshot()
            .summary(later)
            .contains("music lounge silent: gone")
    );
    let gone = Input::MusicGone {
        name: "lounge".to_owned(),
    };
    assert!(told(&mut core, gone, later).is_empty());
    assert!(core.snapshot().music.is_empty());
}

const HALL: ZoneId = ZoneId(0);

fn at(hour: u16) -> Moment {
    let minute = Minute::new(hour, 0).unwrap();
    Moment { day: 1, minute }
}

/// What is set by hand, and the lines that tell of it.
fn demanded(core: &mut Core, demand: Demand, now: Instant) -> (Option<Hand>, Vec<String>) {
    core.handle(Input::Music { demand, at: at(9) }, now);
    let (mut hand, mut lines) = (None, Vec::new());
    while let Some(effect) = core.poll() {
        if let Effect::Music { hand: set } = effect {
            hand = Some(set);
        } else if let Effect::Log(note) = effect {
            lines.push(note.text);
        } else {
            panic!("{effect:?}");
        }
    }
    (hand, lines)
}

fn play(source: Option<&str>) -> Demand {
    Demand::Play {
        zones: HALL.into(),
        source: source.map(str::to_owned),
    }
}

#[test]
fn what_somebody_wants_of_the_music_is_set_and_told() {
    let now = Instant::now();
    let mut core = Core::new(policy(), now);
    let (hand, lines) = demanded(&mut core, play(Some("radio")), now);
    assert_eq!(lines, ["music in hall by hand: radio"]);
    let never = Timetable::<u8>::empty();
    let source = |hand: &Option<Hand>| {
        let source = hand.as_ref().unwrap().source(HALL, &never, at(10));
        source.map(|it| it.map(str::to_owned))
    };
    assert_eq!(source(&hand), Some(Some("radio".to_owned())));
    let softer = Demand::Volume {
        zones: HALL.into(),
        to: Db(-12.0),
    };
    let (hand, lines) = demanded(&mut core, softer, now);
    assert_eq!(lines, ["music in hall by hand: -12dB"]);
    assert_eq!(hand.unwrap().volume(HALL, &never, at(10)), Some(Db(-12.0)));
    let (hand, _) = demanded(&mut core, play(None), now);
    assert_eq!(source(&hand), Some(None));
    let (hand, lines) = demanded(&mut core, Demand::Reset { zones: HALL.into() }, now);
    assert_eq!(
        (source(&hand), lines),
        (None, vec!["music in hall: as configured".to_owned()])
    );
    let next = Demand::Next {
        source: "lounge".to_owned(),
    };
    core.handle(
        Input::Music {
            demand: next,
            at: at(9),
        },
        now,
    );
    let effects: Vec<_> = std::iter::from_fn(|| core.poll()).collect();
    assert!(effects.contains(&Effect::NextPiece {
        source: "lounge".to_owned()
    }));
}

#[test]
fn what_cannot_be_is_told_and_changes_nothing() {
    let now = Instant::now();
    let mut core = Core::new(policy(), now);
    let rows = [
        (play(Some("opera")), "there is no music \"opera\""),
        (
            Demand::Next {
                source: "opera".into(),
            },
            "there is no music \"opera\"",
        ),
        (
            Demand::Pause {
                zones: ZoneId(7).into(),
            },
            "a zone is not there",
        ),
        (
            Demand::Pause {
                zones: ZoneSet::EMPTY,
            },
            "a zone is not there",
        ),
        (
            Demand::Volume {
                zones: HALL.into(),
                to: Db(40.0),
            },
            "40dB is too loud",
        ),
        (
            Demand::Volume {
                zones: HALL.into(),
                to: Db(f32::NAN),
            },
            "NaNdB is too loud",
        ),
    ];
    for (demand, why) in rows {
        let (hand, lines) = demanded(&mut core, demand, now);
        assert_eq!(
            (hand, lines),
            (None, vec![format!("music stays as it is: {why}")])
        );
    }
}

#[test]
fn what_was_set_before_a_restart_holds_and_what_is_gone_meanwhile_does_not() {
    let now = Instant::now();
    let mut first = Core::new(policy(), now);
    demanded(&mut first, play(Some("radio")), now);
    let still = Demand::PauseSource {
        source: "lounge".into(),
    };
    let (hand, _) = demanded(&mut first, still, now);
    let hand = hand.unwrap();
    let mut second = Core::new(policy(), now);
    second.handle(Input::MusicByHand { hand }, now);
    assert_eq!(second.poll(), None, "it is known to whoever told it");
    let rules = Policy {
        music: ["lounge".to_owned()].into(),
        ..policy()
    };
    second.handle(Input::Configure(rules), now);
    let effects: Vec<_> = std::iter::from_fn(|| second.poll()).collect();
    let set = effects.iter().find_map(|effect| {
        if let Effect::Music { hand } = effect {
            return Some(hand);
        }
        None
    });
    let never = Timetable::<u8>::empty();
    assert_eq!(set.unwrap().source(HALL, &never, at(10)), None);
    assert!(set.unwrap().is_still("lounge"));
}
