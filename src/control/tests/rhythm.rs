//! Does a telephone ring by the rhythm that it was given, and stop when it shall?

use super::held::site;
use super::site::{Site, ms};
use crate::base::CallId;
use crate::control::{CallState, Demand, Input};

fn rings(site: &mut Site, pattern: &str, span: u64) {
    site.wants(Demand::Ring {
        call: CallId(1),
        desk: "line:kitchen".to_owned(),
        pattern: Some(pattern.parse().unwrap()),
        span: ms(span),
    });
}

#[test]
fn a_rhythm_is_made_by_calls_that_are_taken_back_and_told_as_one_ring() {
    let mut site = site();
    rings(&mut site, "400ms 200ms 600ms 2s", 4_000);
    site.pass(ms(10_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 dial kitchen as #1 for line:kitchen",
            "0.0 tell line:kitchen: #1 to kitchen: dials",
            "0.4 hang up #1: a silence of its rhythm",
            "0.6 dial kitchen as #1001 for line:kitchen",
            "1.2 hang up #1001: a silence of its rhythm",
            "3.2 dial kitchen as #2001 for line:kitchen",
            "3.6 hang up #2001: a silence of its rhythm",
            "3.8 dial kitchen as #3001 for line:kitchen",
            "4.0 tell line:kitchen: #3001 to kitchen: refused 408 No Answer",
            "4.0 hang up #3001: nobody picked up",
        ]
    );
    assert_eq!(
        site.texts(),
        [
            "call #1 from line:kitchen to kitchen: dialled",
            "call #3001 from line:kitchen to kitchen: hung up: nobody picked up after 4.0 s",
        ]
    );
    site.assert_quiet();
}

#[test]
fn it_is_picked_up_at_any_ring_and_what_the_ring_before_says_late_is_nothing() {
    let mut site = site();
    rings(&mut site, "1s 1s", 60_000);
    site.pass(ms(1_500));
    let refused = |call| Input::CallRefused {
        call: CallId(call),
        status: 487,
        reason: "Request Terminated".to_owned(),
    };
    // The end of the call that was taken back, before the next and after.
    site.ends(1, "we hung up");
    site.feed(refused(1));
    assert_eq!(site.snapshot().calls, []);
    site.pass(ms(1_000));
    site.feed(refused(1));
    site.feed(Input::CallAnswered { call: CallId(1) });
    assert_eq!(site.snapshot().calls[0].state, CallState::Ringing);
    site.feed(Input::CallAnswered {
        call: CallId(1_001),
    });
    site.pass(ms(30_000));
    site.ends(1_001, "caller hung up");
    let all = site.seen();
    assert_eq!(
        all[3..],
        [
            "2.0 dial kitchen as #1001 for line:kitchen",
            "2.5 tell line:kitchen: #1001 to kitchen: answered",
            "32.5 tell line:kitchen: #1001 to kitchen: over, caller hung up",
        ]
    );
    site.assert_quiet();
}

#[test]
fn a_silence_ends_with_a_stop_another_ring_the_receiver_or_the_daemon() {
    let over = |why: &str| format!("1.5 tell line:kitchen: #1 to kitchen: refused 487 {why}");
    for (nth, why) in [
        "not to ring any more",
        "another call of the telephone",
        "another call of the telephone",
        "shutting down",
    ]
    .into_iter()
    .enumerate()
    {
        let mut site = site();
        rings(&mut site, "1s 1s", 60_000);
        site.pass(ms(1_500));
        site.seen();
        match nth {
            0 => drop(site.wants(Demand::Silence("line:kitchen".to_owned()))),
            1 => drop(site.wants(Demand::Ring {
                call: CallId(7),
                desk: "line:kitchen".to_owned(),
                pattern: None,
                span: ms(1_000),
            })),
            2 => site.lifts(7, "9"),
            _ => site.feed(Input::Shutdown),
        }
        assert_eq!(site.seen()[0], over(why));
        site.ends(7, "caller hung up");
        site.pass(ms(5_000));
        let rang_on = site.seen().iter().any(|it| it.contains("#1001"));
        assert!(!rang_on, "{why}");
        site.assert_quiet();
    }
}
