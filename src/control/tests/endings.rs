//! How calls end, what a reload does to them, and what a shutdown, one scenario a sentence.

use std::time::Duration;

use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{CallId, Db, PlayId};
use crate::control::{CallState, Input, KeyWay, Policy};

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

/// Its INVITE may have come in the name of somebody who knows nothing of it.
#[test]
fn a_caller_of_whom_nothing_comes_after_the_answer_gives_way_to_one_who_waits() {
    let mut site = Site::new(without_klaxon());
    site.ack_lag = None;
    site.arrives(1);
    site.pass(ms(1_000));
    site.arrives(2);
    site.seen();
    site.pass(ms(2_999));
    assert!(site.seen().is_empty());
    site.pass(ms(1));
    assert_eq!(
        site.seen(),
        [
            "4.0 hang up #1: answer not acknowledged",
            "4.0 disconnect #1",
            "4.0 answer #2",
            "4.0 connect #2",
        ]
    );
    // Who comes late finds it gone at once.
    site.pass(ms(10_000));
    site.arrives(3);
    assert_eq!(site.seen()[0], "14.0 hang up #2: answer not acknowledged");
}

#[test]
fn a_caller_who_is_heard_or_presses_a_key_or_confirms_or_is_in_nobodys_way_keeps_its_turn() {
    let heard: fn(CallId) -> Input = |call| Input::CallHeard { call };
    let confirmed = |call| Input::CallConfirmed { call };
    let key = |call| Input::Key {
        call,
        key: '1',
        way: KeyWay::Sound,
    };
    for sign in [heard, confirmed, key].map(|sign| sign(CallId(1))) {
        let mut site = Site::new(without_klaxon());
        site.ack_lag = None;
        site.arrives(1);
        site.arrives(2);
        site.pass(ms(3_900));
        site.feed(sign);
        site.seen();
        site.pass(ms(20_000));
        assert!(site.seen().is_empty());
    }
    let mut site = Site::new(Policy {
        hold_concurrent: false,
        ..without_klaxon()
    });
    site.ack_lag = None;
    site.arrives(1);
    site.arrives(2);
    site.seen();
    site.pass(ms(20_000));
    assert!(site.seen().is_empty());
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
    assert_eq!(site.seen(), ["200.0 music -30dB", "200.0 connect #1"]);
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
        Input::CallHeard { call },
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
