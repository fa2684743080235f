//! Which pages does a number end, and what follows?

use super::gate::{digits, press};
use super::plan::rule;
use super::ranks::{clip, start};
use super::site::{Site, ms, without_klaxon};
use crate::base::{Db, ZoneSet};
use crate::control::{Core, Effect, Input, Policy, Rule, Stops, Volume};
use crate::page::{Outcome, PageId, Priority};

fn named(names: &[&str]) -> Option<Stops> {
    Some(Stops::Named(
        names.iter().map(ToString::to_string).collect(),
    ))
}

fn site(extra: Rule) -> Site {
    let end_tone = Some(clip(500));
    Site::new(Policy {
        zones: ZoneSet::first(3),
        pages: vec![
            Rule {
                end_tone,
                ..rule("lessons", &["700"], &[0])
            },
            Rule {
                message: Some((clip(2_000), 50)),
                ..rule("music", &["701"], &[1])
            },
            Rule {
                priority: Priority(220),
                ..rule("fire", &["112"], &[2])
            },
            extra,
        ],
        ..without_klaxon()
    })
}

/// Somebody speaks and another waits for lessons, a message plays, and so does a fire alarm.
fn busy(extra: Rule) -> Site {
    let mut site = site(extra);
    for (call, number) in [(1, "700"), (2, "700"), (3, "701"), (4, "112")] {
        site.dials(call, number);
    }
    site.pass(ms(5_000));
    site.seen();
    site
}

#[test]
fn a_number_ends_the_pages_that_it_names_at_once_whoever_speaks_or_waits() {
    let mut site = busy(Rule {
        stops: named(&["lessons", "music"]),
        ..rule("stop", &["790"], &[0])
    });
    site.dials(5, "790");
    assert_eq!(
        site.seen(),
        [
            "5.0 hang up #1: ended by call #5 from alice <sip:5@pbx> to 790",
            "5.0 disconnect #1",
            "5.0 refuse #2 486",
            "5.0 music back",
            "5.0 stop 3",
            "5.0 music back in 1",
            "5.0 answer #5",
            "5.0 tell #5 Accepted",
        ]
    );
    site.pass(ms(3_000));
    assert_eq!(site.seen(), ["7.0 hang up #5: done as asked"]);
    let ends = "ends page \"lessons\" of call #1 from alice <sip:1@pbx> to 700";
    assert!(site.texts().iter().any(|it| it.ends_with(ends)));
    let outcomes: Vec<_> = site.outcomes.values().copied().collect();
    assert_eq!(
        outcomes,
        [
            Outcome::PartlyHeard,
            Outcome::Cancelled,
            Outcome::PartlyHeard
        ]
    );
}

#[test]
fn all_spares_emergencies_above_it_and_ends_those_that_it_reaches_or_names() {
    let all = Some(Stops::All);
    for (stops, priority, spared) in [
        (all.clone(), 100, true),
        (all.clone(), 219, true),
        (all, 220, false),
        (named(&["fire"]), 50, false),
    ] {
        let mut site = busy(Rule {
            stops,
            priority: Priority(priority),
            ..rule("stop", &["790"], &[0])
        });
        site.dials(5, "790");
        assert_eq!(
            !site.outcomes.contains_key(&PageId(4)),
            spared,
            "{priority}"
        );
    }
}

#[test]
fn the_all_clear_follows_and_bells_are_ended_too() {
    let mut site = site(Rule {
        stops: Some(Stops::All),
        message: Some((clip(1_000), 1)),
        ..rule("clear", &["790"], &[0, 1, 2])
    });
    site.feed(Input::Start(start("bell \"school\"", &[0, 1], 10)));
    site.pass(ms(1_000));
    site.seen();
    site.dials(1, "790");
    site.pass(ms(5_000));
    assert_eq!(
        site.seen(),
        [
            "1.0 stop 1",
            "1.0 music back in 0,1",
            "1.0 play 2 in 0,1,2",
            "1.0 music -20dB in 0,1,2",
            "1.0 answer #1",
            "1.0 tell #1 Accepted",
            "2.0 music back in 0,1,2",
            "3.0 hang up #1: done as asked",
        ]
    );
    assert_eq!(site.outcomes[&PageId(2)], Outcome::Heard);
    site.assert_quiet();
}

#[test]
fn rights_hold_for_it_and_nothing_to_end_is_no_fault() {
    let mut site = busy(Rule {
        stops: Some(Stops::All),
        pin: Some(digits("4711")),
        ..rule("stop", &["790"], &[0])
    });
    site.dials(5, "790");
    site.pass(ms(100));
    press(&mut site, 5, "1234");
    assert!(site.outcomes.is_empty());
    press(&mut site, 5, "4711");
    assert_eq!(site.outcomes.len(), 3);
    site.ends(4, "caller hung up");
    site.dials(6, "790");
    site.pass(ms(100));
    press(&mut site, 6, "4711");
    assert!(
        site.texts()
            .iter()
            .any(|it| it.ends_with("nothing was there to be ended"))
    );
    site.pass(ms(3_000));
    site.assert_quiet();
}

#[test]
fn a_message_plays_at_the_volume_of_speech_and_a_bell_at_that_of_klaxons() {
    let now = std::time::Instant::now();
    let mut core = Core::new(
        Policy {
            volume_call: Db(-3.0),
            volume_klaxon: Db(-9.0),
            pages: vec![Rule {
                message: Some((clip(2_000), 1)),
                end_tone: Some(clip(500)),
                ..rule("word", &["700"], &[0])
            }],
            ..without_klaxon()
        },
        now,
    );
    let mut plays = |input: Input, after: u64| {
        core.handle(input, now + ms(after));
        let effects = std::iter::from_fn(|| core.poll());
        let mut plays = Vec::new();
        for effect in effects {
            if let Effect::Play { gain, by, .. } = effect {
                plays.push((gain, by));
            }
        }
        plays
    };
    plays(Input::SoundUp, 0);
    let call = Input::CallArrived {
        call: crate::base::CallId(1),
        caller: String::new(),
        dialled: String::new(),
        wish: super::site::wish("700"),
        auto_answer: false,
    };
    assert_eq!(plays(call, 0), [(Db(-3.0), Volume::Speech)]);
    assert_eq!(plays(Input::Tick, 4_000), [(Db(-9.0), Volume::Klaxon)]);
    plays(Input::Tick, 8_000);
    let bell = Input::Start(start("bell", &[0], 1));
    assert_eq!(plays(bell, 9_000), [(Db(-6.0), Volume::Klaxon)]);
}
