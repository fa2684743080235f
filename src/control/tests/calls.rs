//! What happens to callers, one scenario a sentence.

use std::time::Duration;

use super::site::{Site, ms, policy};
use crate::base::{CallId, Db, PlayId};
use crate::control::{CallState, Effect, Input, Klaxon, Level, Policy, Refusal};

fn mixing() -> Policy {
    Policy {
        hold_concurrent: false,
        ..policy()
    }
}

fn without_klaxon() -> Policy {
    Policy {
        klaxon: None,
        ..policy()
    }
}

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
    let ramps = effects.iter().filter_map(|effect| match effect {
        Effect::Duck { to, ramp, .. } => Some((*to, *ramp)),
        _ => None,
    });
    let gains = effects.iter().filter_map(|effect| match effect {
        Effect::Play { gain, .. } | Effect::Connect { gain, .. } => Some(*gain),
        _ => None,
    });
    let down_and_back = [(Db(-20.0), ms(150)), (Db::UNITY, ms(800))];
    assert_eq!(ramps.collect::<Vec<_>>(), down_and_back);
    assert_eq!(gains.collect::<Vec<_>>(), [Db(-3.0), Db(-1.0)]);
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
fn a_second_caller_waits_and_music_stays_down_between_them() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(5_000));
    site.seen();
    site.arrives(2);
    site.pass(ms(1_000));
    site.ends(1, "caller hung up");
    site.pass(ms(4_000));
    site.ends(2, "caller hung up");
    assert_eq!(
        site.seen(),
        [
            "5.0 ring #2",
            "6.0 disconnect #1",
            "6.0 play 2",
            "8.0 answer #2",
            "8.0 connect #2",
            "10.0 disconnect #2",
            "10.0 music back",
        ]
    );
}

#[test]
fn music_does_not_bounce_to_a_next_caller_without_klaxon_who_is_answered_late() {
    let mut site = Site::new(Policy {
        answer_delay: ms(700),
        ..without_klaxon()
    });
    site.arrives(1);
    site.arrives(2);
    site.pass(ms(3_000));
    site.seen();
    site.ends(1, "caller hung up");
    site.pass(ms(1_000));
    assert_eq!(
        site.seen(),
        ["3.0 disconnect #1", "3.7 answer #2", "3.7 connect #2"]
    );
}

/// The old program played the klaxon over the live announcement, lost who was live, and broke
/// the order of the queue.
#[test]
fn a_queued_caller_who_gives_up_leaves_no_trace() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(5_000));
    site.arrives(2);
    site.arrives(3);
    site.seen();
    site.ends(2, "cancelled");
    site.pass(ms(30_000));
    assert!(site.seen().is_empty());
    site.ends(1, "caller hung up");
    assert_eq!(site.seen(), ["35.0 disconnect #1", "35.0 play 2"]);
    site.pass(ms(2_000));
    assert_eq!(site.seen(), ["37.0 answer #3", "37.0 connect #3"]);
}

#[test]
fn the_queue_keeps_its_order() {
    let mut site = Site::new(policy());
    for call in 1..=5 {
        site.arrives(call);
        site.pass(ms(100));
    }
    for call in 1..=5 {
        site.pass(ms(4_000));
        site.ends(call, "caller hung up");
    }
    let order: Vec<_> = site.world.answered.iter().map(|(call, _)| call.0).collect();
    assert_eq!(order, [1, 2, 3, 4, 5]);
    site.assert_quiet();
}

#[test]
fn calls_that_mix_have_each_their_klaxon_and_voice() {
    let mut site = Site::new(mixing());
    site.arrives(1);
    site.pass(ms(1_000));
    site.arrives(2);
    site.pass(ms(5_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 music -20dB",
            "0.0 play 1",
            "0.0 ring #1",
            "1.0 play 2",
            "1.0 ring #2",
            "2.0 answer #1",
            "2.0 connect #1",
            "3.0 answer #2",
            "3.0 connect #2",
        ]
    );
}

/// The old program brought the music back when the first of them left.
#[test]
fn music_returns_after_the_last_of_mixed_calls_ends() {
    let mut site = Site::new(mixing());
    for call in 1..=3 {
        site.arrives(call);
    }
    site.pass(ms(5_000));
    site.seen();
    site.ends(1, "caller hung up");
    site.ends(3, "caller hung up");
    assert_eq!(site.seen(), ["5.0 disconnect #1", "5.0 disconnect #3"]);
    site.ends(2, "caller hung up");
    assert_eq!(site.seen(), ["5.0 disconnect #2", "5.0 music back"]);
}

#[test]
fn a_call_beyond_the_allowed_number_is_refused_as_busy() {
    let mut site = Site::new(Policy {
        max_calls: 2,
        ..policy()
    });
    for call in 1..=3 {
        site.arrives(call);
    }
    assert_eq!(site.seen().last().unwrap(), "0.0 refuse #3 486");
    assert_eq!(
        site.texts().last().unwrap(),
        &"call #3 from alice <sip:3@pbx> to 700: refused, 486 Busy Here: \
          there are 2 calls already"
    );
    assert_eq!(Refusal::Busy.retry_after(), None);
    site.ends(2, "cancelled");
    site.arrives(4);
    assert_eq!(site.seen(), ["0.0 ring #4"]);
}

#[test]
fn a_call_is_hung_up_at_its_longest_duration_counted_from_the_answer() {
    let mut site = Site::new(Policy {
        hang_up_after: Some(ms(60_000)),
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(2_000));
    site.seen();
    site.pass(ms(60_000));
    assert_eq!(
        site.seen(),
        [
            "62.0 hang up #1: call duration limit",
            "62.0 disconnect #1",
            "62.0 music back",
        ]
    );
    site.ends(1, "caller hung up");
    assert!(site.seen().is_empty());
    assert_eq!(
        site.texts().last().unwrap(),
        &"call #1 from alice <sip:1@pbx> to 700: hung up: call duration limit after 60.0 s"
    );
}

#[test]
fn a_caller_who_falls_silent_is_hung_up_once_answered() {
    let mut site = Site::new(policy());
    let silent = || Input::CallSilent { call: CallId(1) };
    site.arrives(1);
    site.feed(silent());
    assert_eq!(site.snapshot().calls.len(), 1);
    site.pass(ms(5_000));
    site.seen();
    site.feed(silent());
    assert_eq!(
        site.seen(),
        [
            "5.0 hang up #1: nothing came from the caller",
            "5.0 disconnect #1",
            "5.0 music back"
        ]
    );
    site.feed(silent());
    assert!(site.seen().is_empty());
}

#[test]
fn an_answer_that_is_never_acknowledged_ends() {
    let mut site = Site::new(without_klaxon());
    site.ack_lag = None;
    site.arrives(1);
    site.seen();
    site.pass(ms(34_999));
    assert!(site.seen().is_empty());
    site.pass(ms(1));
    assert_eq!(
        site.seen(),
        [
            "35.0 hang up #1: answer not acknowledged",
            "35.0 disconnect #1",
            "35.0 music back"
        ]
    );
}

#[test]
fn a_waiting_caller_hears_from_us_every_minute() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(3_000));
    site.arrives(2);
    site.seen();
    site.pass(ms(130_000));
    assert_eq!(site.seen(), ["63.0 ring #2", "123.0 ring #2"]);
}

#[test]
fn nobody_waits_for_ever_even_behind_a_call_without_limit() {
    let mut site = Site::new(Policy {
        hang_up_after: None,
        ..policy()
    });
    site.arrives(1);
    site.arrives(2);
    site.pass(ms(30 * 60_000 - 1));
    assert_eq!(site.snapshot().calls.len(), 2);
    site.pass(ms(1));
    assert_eq!(site.seen().last().unwrap(), "1800.0 refuse #2 486");
    site.pass(ms(24 * 3_600_000));
    assert_eq!(site.snapshot().calls[0].state, CallState::Live);
    assert_eq!(site.core.poll_timeout(), None);
}

#[test]
fn absurd_durations_do_no_harm() {
    let mut site = Site::new(Policy {
        hang_up_after: Some(Duration::MAX),
        answer_delay: Duration::MAX,
        klaxon_padding: f64::MAX,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(24 * 3_600_000));
    assert_eq!(site.snapshot().calls[0].state, CallState::Answering);
}

#[test]
fn a_reload_lets_calls_live_and_keeps_their_limit() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(200_000));
    site.seen();
    site.feed(Input::Configure(Policy {
        hang_up_after: Some(ms(60_000)),
        max_calls: 0,
        duck: Db(-30.0),
        ..policy()
    }));
    assert_eq!(site.seen(), ["200.0 connect #1", "200.0 music -30dB"]);
    site.pass(ms(102_000));
    assert_eq!(site.seen()[0], "302.0 hang up #1: call duration limit");
    site.arrives(2);
    assert_eq!(site.seen(), ["302.0 refuse #2 486"]);
}

#[test]
fn a_reload_without_changes_does_nothing() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.seen();
    site.feed(Input::Configure(policy()));
    assert!(site.seen().is_empty());
}

#[test]
fn a_reload_to_mixing_frees_the_queue() {
    let mut site = Site::new(policy());
    for call in 1..=3 {
        site.arrives(call);
    }
    site.pass(ms(5_000));
    site.feed(Input::Configure(mixing()));
    site.pass(ms(2_000));
    let mut states = site.snapshot().calls.into_iter().map(|it| it.state);
    assert!(states.all(|state| state == CallState::Live));
}

#[test]
fn a_shutdown_ends_every_call_and_takes_no_more() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.arrives(2);
    site.pass(ms(5_000));
    site.seen();
    site.feed(Input::Shutdown);
    assert_eq!(
        site.seen(),
        [
            "5.0 hang up #1: shutting down",
            "5.0 disconnect #1",
            "5.0 refuse #2 503",
            "5.0 music back",
            "5.0 stopped",
        ]
    );
    site.assert_quiet();
    site.arrives(3);
    site.feed(Input::Shutdown);
    assert_eq!(site.seen(), ["5.0 refuse #3 503"]);
    assert_eq!(site.snapshot().summary(site.now), "stopping");
}

#[test]
fn news_about_unknown_calls_and_sounds_changes_nothing() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.seen();
    let call = CallId(77);
    for input in [
        Input::CallConfirmed { call },
        Input::CallSilent { call },
        Input::CallEnded {
            call,
            how: "x".to_owned(),
        },
        Input::PlayEnded { play: PlayId(77) },
        Input::CallConfirmed { call: CallId(1) },
    ] {
        site.feed(input);
    }
    site.arrives(1);
    assert!(site.seen().is_empty());
}

#[test]
fn a_page_reaches_every_zone() {
    let mut site = Site::new(Policy {
        n_zones: 3,
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
