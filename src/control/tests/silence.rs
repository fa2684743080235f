//! What becomes of a caller on the speakers who says nothing?

use super::plan::rule;
use super::site::{Site, ms, without_klaxon};
use crate::base::{CallId, ZoneSet};
use crate::control::{Input, Policy, Rule};
use crate::page::Priority;

fn site() -> Site {
    Site::new(Policy {
        zones: ZoneSet::first(2),
        silence_hang_up: Some(ms(30_000)),
        pages: vec![
            rule("hall", &["700"], &[0]),
            Rule {
                priority: Priority(200),
                ..rule("alarm", &["112"], &[0])
            },
        ],
        ..without_klaxon()
    })
}

fn sounds(call: u64) -> Input {
    let call = CallId(call);
    Input::CallSounds { call }
}

#[test]
fn a_silent_caller_is_warned_then_hung_up_on_for_that_reason() {
    let mut site = site();
    site.dials(1, "700");
    for _ in 0..10 {
        site.pass(ms(10_000));
        site.feed(sounds(1));
    }
    site.seen();
    site.pass(ms(27_000));
    assert_eq!(site.seen(), ["125.0 tell #1 NearlyOver"]);
    site.feed(sounds(1));
    site.pass(ms(30_000));
    assert_eq!(
        site.seen(),
        [
            "152.0 tell #1 NearlyOver",
            "157.0 hang up #1: the caller said nothing for 30.0 s",
            "157.0 disconnect #1",
            "157.0 music back",
        ]
    );
    site.assert_quiet();
}

#[test]
fn an_emergency_may_be_silent_and_so_may_who_is_heard_nowhere() {
    let mut site = site();
    site.dials(1, "700");
    site.pass(ms(20_000));
    site.dials(2, "112");
    site.pass(ms(120_000));
    assert_eq!(site.world.voices.len(), 2);
    site.ends(2, "caller hung up");
    site.pass(ms(29_999));
    assert_eq!(site.world.voices.len(), 1);
    site.pass(ms(1));
    site.assert_quiet();
}
