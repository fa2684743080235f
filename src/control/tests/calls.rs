//! What happens to one caller on the way to the speakers, one scenario a sentence.

use std::time::Duration;

use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{CallId, Db, PlayId, ZoneSet};
use crate::control::{CallState, Effect, Input, Klaxon, KlaxonFor, Level, Policy};
use crate::page::Wish;

#[test]
fn a_caller_is_announced_by_the_klaxon_then_heard_then_music_returns() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(12_000));
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        [
            "0.0 music -20dB",
            "0.0 play 1",
            "0.0 ring #1",
            "2.0 answer #1",
            "2.0 connect #1",
            "12.0 disconnect #1",
            "12.0 music back",
        ]
    );
    site.assert_quiet();
}

#[test]
fn the_log_tells_a_call_from_start_to_end() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(500));
    site.arrives(2);
    site.pass(ms(5_500));
    site.ends(1, "caller hung up");
    site.ends(2, "cancelled");
    assert_eq!(
        site.texts(),
        [
            "call #1 from alice <sip:1@pbx> to 700: klaxon",
            "call #2 from alice <sip:2@pbx> to 700: waits in the queue behind 1",
            "call #1 from alice <sip:1@pbx> to 700: on the speakers after 0.0 s in the queue",
            "call #1 from alice <sip:1@pbx> to 700: ended: caller hung up after 4.0 s",
            "call #2 from alice <sip:2@pbx> to 700: klaxon",
            "call #2 from alice <sip:2@pbx> to 700: ended unanswered: cancelled after 5.5 s",
        ]
    );
    assert!(site.notes.iter().all(|note| note.level == Level::Info));
}

#[test]
fn a_caller_name_cannot_forge_a_log_line() {
    let mut site = Site::new(policy());
    site.feed(Input::CallArrived {
        call: CallId(1),
        caller: "eve\r\n2030-01-01 paging: all is well".to_owned(),
        dialled: "7\x1b[2J".to_owned(),
        wish: Wish::default(),
        auto_answer: false,
    });
    assert_eq!(
        site.texts(),
        ["call #1 from eve  2030-01-01 paging: all is well to 7 [2J: klaxon"]
    );
}

#[test]
fn levels_and_ramps_are_those_of_the_policy() {
    let mut site = Site::new(policy());
    let mut effects = Vec::new();
    let mut feed = |site: &mut Site, input| {
        site.core.handle(input, site.now);
        effects.extend(std::iter::from_fn(|| site.core.poll()));
    };
    let arrived = Input::CallArrived {
        call: CallId(1),
        caller: "bob".to_owned(),
        dialled: "1".to_owned(),
        wish: Wish::default(),
        auto_answer: false,
    };
    feed(&mut site, arrived);
    site.now += ms(3_000);
    feed(&mut site, Input::Tick);
    let how = "caller hung up".to_owned();
    feed(
        &mut site,
        Input::CallEnded {
            call: CallId(1),
            how,
        },
    );
    let mut ramps = Vec::new();
    let mut gains = Vec::new();
    for effect in effects {
        if let Effect::Duck { to, ramp, .. } = effect {
            ramps.push((to, ramp));
        }
        if let Effect::Play { gain, .. } | Effect::Connect { gain, .. } = effect {
            gains.push(gain);
        }
    }
    assert_eq!(ramps, [(Db(-20.0), ms(150)), (Db::UNITY, ms(800))]);
    assert_eq!(gains, [Db(-3.0), Db(-1.0)]);
}

#[test]
fn without_a_klaxon_a_caller_is_answered_at_once_and_never_rung() {
    let mut site = Site::new(without_klaxon());
    site.arrives(1);
    assert_eq!(
        site.seen(),
        ["0.0 answer #1", "0.0 music -20dB", "0.0 connect #1"]
    );
}

#[test]
fn a_klaxon_of_no_length_is_none() {
    let klaxon = Some(Klaxon {
        duration: Duration::ZERO,
    });
    let mut site = Site::new(Policy { klaxon, ..policy() });
    site.arrives(1);
    assert_eq!(
        site.seen(),
        ["0.0 answer #1", "0.0 music -20dB", "0.0 connect #1"]
    );
}

#[test]
fn the_answer_delay_runs_after_the_klaxon_and_music_stays_down_in_it() {
    let answer_delay = ms(1_500);
    let mut site = Site::new(Policy {
        answer_delay,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(10_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 music -20dB",
            "0.0 play 1",
            "0.0 ring #1",
            "3.5 answer #1",
            "3.5 connect #1"
        ]
    );
}

#[test]
fn music_plays_on_in_an_answer_delay_without_klaxon() {
    let mut site = Site::new(Policy {
        answer_delay: ms(1_500),
        ..without_klaxon()
    });
    site.arrives(1);
    site.pass(ms(10_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 ring #1",
            "1.5 answer #1",
            "1.5 music -20dB",
            "1.5 connect #1"
        ]
    );
}

#[test]
fn padding_delays_the_voice() {
    let mut site = Site::new(Policy {
        klaxon_padding: 1.0,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(10_000));
    let expected = [
        "0.0 music -20dB",
        "0.0 play 1",
        "0.0 ring #1",
        "3.0 answer #1",
        "3.0 connect #1",
    ];
    assert_eq!(site.seen(), expected);
}

#[test]
fn negative_padding_answers_early_and_leaves_the_tail_of_the_klaxon() {
    let mut site = Site::new(Policy {
        klaxon_padding: -0.5,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(10_000));
    let expected = [
        "0.0 music -20dB",
        "0.0 play 1",
        "0.0 ring #1",
        "1.5 answer #1",
        "1.5 connect #1",
    ];
    assert_eq!(site.seen(), expected);
}

#[test]
fn a_caller_gone_within_the_tail_takes_the_tail_along() {
    let mut site = Site::new(Policy {
        klaxon_padding: -1.5,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(1_000));
    site.seen();
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        ["1.0 disconnect #1", "1.0 stop 1", "1.0 music back"]
    );
}

#[test]
fn padding_beyond_the_klaxon_answers_at_once() {
    for klaxon_padding in [-2.0, -7.5, -1e300] {
        let mut site = Site::new(Policy {
            klaxon_padding,
            ..policy()
        });
        site.arrives(1);
        let expected = [
            "0.0 music -20dB",
            "0.0 play 1",
            "0.0 answer #1",
            "0.0 connect #1",
        ];
        assert_eq!(site.seen(), expected);
    }
}

#[test]
fn padding_that_is_no_number_counts_as_none() {
    let mut site = Site::new(Policy {
        klaxon_padding: f64::NAN,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(2_000));
    assert_eq!(site.snapshot().calls[0].state, CallState::Live);
}

#[test]
fn a_long_klaxon_is_cut_at_its_longest() {
    let mut site = Site::new(Policy {
        klaxon_max: Some(ms(700)),
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(10_000));
    assert!(site.seen().contains(&"0.7 answer #1".to_owned()));
}

#[test]
fn an_engine_that_never_tells_the_end_of_the_klaxon_delays_the_answer_by_a_second() {
    let mut site = Site::new(policy());
    site.engine_lag = None;
    site.arrives(1);
    site.pass(ms(10_000));
    let expected = [
        "0.0 music -20dB",
        "0.0 play 1",
        "0.0 ring #1",
        "3.0 stop 1",
        "3.0 answer #1",
        "3.0 connect #1",
    ];
    assert_eq!(site.seen(), expected);
}

#[test]
fn a_klaxon_that_cannot_be_played_never_keeps_a_caller_unanswered() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(1));
    site.feed(Input::PlayEnded { play: PlayId(1) });
    assert_eq!(site.snapshot().calls[0].state, CallState::Live);
}

#[test]
fn with_the_klaxon_after_the_answer_the_caller_is_let_on_when_it_is_over() {
    let mut site = Site::new(Policy {
        klaxon_before_answer: false,
        answer_delay: ms(500),
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(10_000));
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        [
            "0.0 ring #1",
            "0.5 answer #1",
            "0.5 music -20dB",
            "0.5 play 1",
            "2.5 connect #1",
            "10.0 disconnect #1",
            "10.0 music back",
        ]
    );
}

#[test]
fn a_caller_who_hangs_up_in_the_klaxon_after_the_answer_stops_it() {
    let mut site = Site::new(Policy {
        klaxon_before_answer: false,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(1_000));
    site.seen();
    site.ends(1, "caller hung up");
    assert_eq!(site.seen(), ["1.0 stop 1", "1.0 music back"]);
    site.assert_quiet();
}

#[test]
fn a_cancel_in_the_klaxon_stops_it_and_brings_the_music_back() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(1_000));
    site.seen();
    site.ends(1, "cancelled");
    assert_eq!(site.seen(), ["1.0 stop 1", "1.0 music back"]);
    site.assert_quiet();
    site.pass(ms(100_000));
    assert!(site.seen().is_empty());
}

#[test]
fn a_page_reaches_every_zone() {
    let mut site = Site::new(Policy {
        zones: ZoneSet::first(3),
        ..without_klaxon()
    });
    site.arrives(1);
    let expected = [
        "0.0 answer #1",
        "0.0 music -20dB in 0,1,2",
        "0.0 connect #1 in 0,1,2",
    ];
    assert_eq!(site.seen(), expected);
}

#[test]
fn who_asks_to_be_put_through_may_come_without_a_klaxon() {
    for (klaxon_for, auto_answer, sounds) in [
        (KlaxonFor::All, true, true),
        (KlaxonFor::NotAutoAnswer, false, true),
        (KlaxonFor::NotAutoAnswer, true, false),
    ] {
        let mut site = Site::new(Policy {
            klaxon_for,
            ..policy()
        });
        site.feed(Input::CallArrived {
            call: CallId(1),
            caller: "bob".to_owned(),
            dialled: "1".to_owned(),
            wish: Wish::default(),
            auto_answer,
        });
        let has_sounded = site.texts().iter().any(|text| text.ends_with("klaxon"));
        assert_eq!(has_sounded, sounds, "{klaxon_for:?} {auto_answer}");
    }
}

#[test]
fn the_caller_is_told_once_when_the_page_begins() {
    for (klaxon_before_answer, klaxon) in [(true, true), (false, true), (true, false)] {
        let mut site = Site::new(Policy {
            announce: true,
            klaxon_before_answer,
            klaxon: policy().klaxon.filter(|_| klaxon),
            ..policy()
        });
        site.arrives(1);
        site.pass(ms(5_000));
        let seen = site.seen();
        let at = |what: &str| seen.iter().position(|line| line.contains(what));
        let told = at("announce to #1").expect("it is told");
        let begins = if klaxon { at("play") } else { at("connect #1") };
        assert!(Some(told) < begins, "{seen:?}");
        let is_early = Some(told) < at("answer #1");
        assert_eq!(is_early, klaxon_before_answer && klaxon, "{seen:?}");
        // A phone that is told to ring drowns what it hears.
        assert_eq!(at("ring #1"), None, "{seen:?}");
    }
}
