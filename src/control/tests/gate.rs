//! What does a page with a PIN or with codes of zones ask, and who gets past it?

use super::plan::rule;
use super::site::{Site, ms, without_klaxon};
use crate::base::{CallId, ZoneId, ZoneSet};
use crate::control::{CallState, Digits, Input, KeyWay, Policy, Rule};
use crate::page::{Outcome, PageId, Priority, Wish};

pub(super) fn digits(text: &str) -> Digits {
    Digits::new(text).unwrap()
}

fn zones(ids: &[u16]) -> ZoneSet {
    ids.iter().map(|id| ZoneId(*id)).collect()
}

pub(super) fn press(site: &mut Site, call: u64, keys: &str) {
    for key in keys.chars() {
        site.feed(Input::Key {
            call: CallId(call),
            key,
            way: KeyWay::Sound,
        });
    }
}

/// 700 with the PIN 4711, 701 with codes, 702 with both, 703 with neither.
fn policy() -> Policy {
    let pin = Some(digits("4711"));
    let codes = || {
        vec![
            (digits("1"), zones(&[0])),
            (digits("23"), zones(&[1, 2])),
            (digits("9"), ZoneSet::first(3)),
        ]
    };
    Policy {
        zones: ZoneSet::first(3),
        pages: vec![
            Rule {
                pin,
                ..rule("secret", &["700"], &[0])
            },
            Rule {
                codes: codes(),
                ..rule("choice", &["701"], &[0, 1, 2])
            },
            Rule {
                pin,
                codes: codes(),
                ..rule("both", &["702"], &[0, 1, 2])
            },
            rule("plain", &["703"], &[0]),
        ],
        ..without_klaxon()
    }
}

fn site() -> Site {
    Site::new(policy())
}

/// Dials, and hears what is asked.
fn asks(site: &mut Site, call: u64, number: &str) {
    site.dials(call, number);
    site.pass(ms(100));
}

fn from(site: &mut Site, call: u64, origin: &str) {
    site.feed(Input::CallArrived {
        call: CallId(call),
        caller: "bob".to_owned(),
        dialled: "700".to_owned(),
        wish: Wish {
            number: "700".to_owned(),
            origin: origin.to_owned(),
            ..Wish::default()
        },
        auto_answer: false,
    });
    site.pass(ms(100));
}

fn says(site: &Site, what: &str) -> usize {
    site.texts().iter().filter(|it| it.contains(what)).count()
}

#[test]
fn the_right_pin_opens_the_page_and_until_then_nobody_waits_for_it() {
    let mut site = site();
    asks(&mut site, 1, "700");
    assert_eq!(site.snapshot().calls[0].state, CallState::Entering);
    press(&mut site, 1, "471");
    asks(&mut site, 2, "703");
    assert_eq!(site.world.voices.len(), 1);
    site.ends(2, "caller hung up");
    press(&mut site, 1, "1");
    assert_eq!(
        site.seen(),
        [
            "0.0 answer #1",
            "0.0 tell #1 Enter { what: Pin }",
            "0.1 answer #2",
            "0.1 music -20dB",
            "0.1 connect #2",
            "0.2 disconnect #2",
            "0.2 music back",
            "0.2 tell #1 Accepted",
            "0.2 music -20dB",
            "0.2 connect #1",
        ]
    );
}

#[test]
fn three_wrong_pins_end_the_call_and_no_digit_is_told() {
    let mut site = site();
    asks(&mut site, 1, "700");
    // Too short, cleared and wrong, too long by one that does not count.
    press(&mut site, 1, "83#");
    press(&mut site, 1, "471*8888");
    site.seen();
    press(&mut site, 1, "47120");
    assert_eq!(site.seen(), ["0.1 tell #1 Wrong"]);
    press(&mut site, 1, "4711");
    site.pass(ms(1_000));
    assert_eq!(site.seen(), ["1.1 hang up #1: three wrong PINs"]);
    assert_eq!(says(&site, "a wrong PIN"), 3);
    assert_eq!(says(&site, "hung up: three wrong PINs after 1.1 s"), 1);
    for typed in ["4711", "8888", "4712", "83#"] {
        assert_eq!(says(&site, typed), 0, "{typed}");
    }
    assert!(site.outcomes.is_empty());
    site.assert_quiet();
}

#[test]
fn a_star_begins_anew_and_empty_entries_do_not_count() {
    let mut site = site();
    asks(&mut site, 1, "700");
    press(&mut site, 1, "##99*4A711");
    assert_eq!(site.world.voices.len(), 1);
    assert_eq!(says(&site, "a wrong PIN"), 0);
}

#[test]
fn a_key_that_the_phone_tells_in_two_ways_is_typed_once() {
    let mut site = site();
    asks(&mut site, 1, "700");
    for key in "4711".chars() {
        for way in [KeyWay::Signalling, KeyWay::Sound] {
            site.feed(Input::Key {
                call: CallId(1),
                key,
                way,
            });
        }
    }
    assert_eq!(site.world.voices.len(), 1);
}

#[test]
fn who_enters_nothing_or_for_ever_is_hung_up_on() {
    let mut site = site();
    asks(&mut site, 1, "700");
    site.pass(ms(14_919));
    assert_eq!(site.snapshot().calls.len(), 1);
    site.pass(ms(1));
    assert_eq!(says(&site, "hung up: no PIN was entered in time"), 1);
    asks(&mut site, 2, "701");
    for _ in 0..20 {
        press(&mut site, 2, "2*");
        site.pass(ms(5_000));
    }
    assert_eq!(
        says(&site, "hung up: no zones were chosen in time after 60.0 s"),
        1
    );
    site.assert_quiet();
}

#[test]
fn a_code_chooses_the_zones() {
    let mut site = site();
    asks(&mut site, 1, "701");
    press(&mut site, 1, "2");
    assert!(site.world.voices.is_empty());
    press(&mut site, 1, "3");
    assert_eq!(site.world.voices[&CallId(1)], zones(&[1, 2]));
    asks(&mut site, 2, "701");
    press(&mut site, 2, "1");
    assert_eq!(site.world.voices[&CallId(2)], zones(&[0]));
    assert_eq!(says(&site, "has chosen hall"), 1);
}

#[test]
fn three_wrong_codes_end_the_call_and_lock_nobody_out() {
    let mut site = site();
    for call in 1..=5 {
        asks(&mut site, call, "701");
        // No code begins so; one that is not whole; again the first.
        press(&mut site, call, "5");
        press(&mut site, call, "2#");
        press(&mut site, call, "24");
        site.pass(ms(1_000));
    }
    assert_eq!(says(&site, "hung up: three wrong codes of zones"), 5);
    assert_eq!(says(&site, "not listened to"), 0);
    site.assert_quiet();
}

#[test]
fn the_pin_comes_before_the_code() {
    let mut site = site();
    asks(&mut site, 1, "702");
    press(&mut site, 1, "4711");
    assert_eq!(
        site.seen().last().unwrap(),
        "0.1 tell #1 Enter { what: Zones }"
    );
    press(&mut site, 1, "9");
    assert_eq!(site.world.voices[&CallId(1)], ZoneSet::first(3));
    site.ends(1, "caller hung up");
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Heard);
}

#[test]
fn a_guesser_is_locked_out_once_told_and_nobody_else_is() {
    let mut site = site();
    for call in 1..=3 {
        from(&mut site, call, "192.0.2.9");
        press(&mut site, call, "111122223333");
        site.pass(ms(1_000));
    }
    from(&mut site, 4, "192.0.2.9");
    press(&mut site, 4, "4444");
    site.pass(ms(1_000));
    let told = "page \"secret\": 10 or more wrong PINs in a row from 192.0.2.9, which is not \
                listened to for 15 min";
    assert_eq!(says(&site, told), 1);
    for call in 5..=7 {
        from(&mut site, call, "192.0.2.9");
    }
    assert_eq!(
        says(&site, "403 Forbidden: too many wrong PINs came from there"),
        3
    );
    from(&mut site, 8, "192.0.2.10");
    press(&mut site, 8, "4711");
    assert_eq!(site.world.voices.len(), 1);
    site.ends(8, "caller hung up");
    site.pass(ms(15 * 60_000));
    from(&mut site, 9, "192.0.2.9");
    press(&mut site, 9, "4711");
    assert_eq!(site.world.voices.len(), 1);
    assert_eq!(says(&site, told), 1);
}

#[test]
fn calls_at_the_same_time_are_one_guesser() {
    let mut site = site();
    for call in 1..=8 {
        from(&mut site, call, "192.0.2.9");
    }
    for call in 1..=8 {
        press(&mut site, call, "11112222");
    }
    press(&mut site, 6, "4711");
    site.pass(ms(2_000));
    assert!(site.world.voices.is_empty());
    assert_eq!(says(&site, "hung up: too many wrong PINs"), 4);
}

#[test]
fn many_guessers_wait_for_the_verdict_and_so_does_everybody_but_an_emergency_stays_open() {
    let mut policy = policy();
    policy.pages[0].priority = Priority(220);
    let mut site = Site::new(policy);
    for call in 1..=30 {
        from(&mut site, call, &format!("192.0.2.{call}"));
        press(&mut site, call, "1111");
    }
    site.pass(ms(10_000));
    for call in 31..=40 {
        from(&mut site, call, &format!("192.0.2.{call}"));
    }
    press(&mut site, 40, "4711");
    assert!(site.world.voices.is_empty());
    site.pass(ms(5_000));
    assert_eq!(site.world.voices.len(), 1);
}

#[test]
fn in_a_rush_only_a_few_strangers_try_at_once_and_who_knows_the_pin_always_may() {
    let mut site = site();
    from(&mut site, 1, "friend");
    press(&mut site, 1, "4711");
    site.ends(1, "caller hung up");
    for call in 2..=30 {
        from(&mut site, call, &format!("192.0.2.{call}"));
        press(&mut site, call, "1111");
        site.ends(call, "caller hung up");
    }
    for call in 31..=36 {
        from(&mut site, call, &format!("192.0.2.{call}"));
    }
    assert_eq!(says(&site, "486 Busy Here: many wrong PINs come"), 2);
    from(&mut site, 40, "friend");
    assert_eq!(says(&site, "486 Busy Here: many wrong PINs come"), 2);
}

#[test]
fn a_reload_changes_what_is_asked_of_who_is_asked() {
    let mut site = site();
    asks(&mut site, 1, "700");
    asks(&mut site, 2, "702");
    asks(&mut site, 3, "701");
    press(&mut site, 1, "47");
    let mut other = policy();
    other.pages[0].pin = None;
    other.pages[2].pin = Some(digits("1234"));
    other.pages.remove(1);
    site.feed(Input::Configure(other));
    assert_eq!(site.world.voices.len(), 1);
    assert_eq!(says(&site, "hung up: its page is gone"), 1);
    press(&mut site, 2, "4711");
    assert_eq!(says(&site, "a wrong PIN"), 1);
    press(&mut site, 2, "1234");
    press(&mut site, 2, "23");
    assert_eq!(site.world.voices[&CallId(2)], zones(&[1, 2]));
}
