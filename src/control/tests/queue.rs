//! What happens when several call, one scenario a sentence.

use std::time::Duration;

use super::site::{Site, mixing, ms, policy, without_klaxon};
use crate::control::{CallState, Input, Policy, Refusal};

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
fn a_tick_that_comes_hours_late_rings_once() {
    let mut site = Site::new(Policy {
        klaxon: None,
        answer_delay: Duration::MAX,
        ..policy()
    });
    site.arrives(1);
    site.now += ms(10 * 3_600_000);
    site.feed(Input::Tick);
    assert_eq!(site.seen(), ["0.0 ring #1", "36000.0 ring #1"]);
}
