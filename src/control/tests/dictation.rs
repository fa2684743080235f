//! What happens to who speaks first and is heard later?

use super::plan::rule;
use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{CallId, ZoneSet};
use crate::control::{CallState, Delayed, Input, KeyWay, Policy, Rule};
use crate::page::{Busy, Outcome, PageId, Priority};

fn delayed(extension: &str, zones: &[u16]) -> Rule {
    Rule {
        delayed: Some(Delayed {
            longest: ms(60_000),
            warning: Some(ms(10_000)),
            times: 1,
        }),
        ..rule("yard", &[extension], zones)
    }
}

fn site(pages: Vec<Rule>) -> Site {
    Site::new(Policy {
        zones: ZoneSet::first(2),
        pages,
        ..without_klaxon()
    })
}

fn one() -> Site {
    site(vec![delayed("700", &[0])])
}

impl Site {
    fn presses(&mut self, call: u64, keys: &str) {
        for key in keys.chars() {
            self.feed(Input::Key {
                call: CallId(call),
                key,
                way: KeyWay::Sound,
            });
        }
    }
}

#[test]
fn who_speaks_hears_it_back_and_sends_it_is_heard_after_the_call() {
    let mut site = one();
    site.arrives(1);
    site.pass(ms(2_000));
    assert_eq!(site.snapshot().calls[0].state, CallState::Dictating);
    site.presses(1, "5#");
    site.pass(ms(1_000));
    site.presses(1, "#");
    site.pass(ms(10_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 answer #1",
            "0.0 tell #1 SpeakNow",
            "0.0 take down #1 for 60 s",
            "2.0 make ready #1",
            "2.0 play back to #1",
            "3.0 play 1",
            "3.0 music -20dB",
            "3.0 tell #1 Accepted",
            "5.0 hang up #1: done as asked",
            "6.0 forget 3000",
            "6.0 music back",
        ]
        .map(str::to_owned)
    );
    assert_eq!(
        site.fates(),
        ["page \"yard\" of call #1 from alice <sip:1@pbx> to 700: heard in hall, 3.0 s"]
    );
    site.assert_quiet();
}

#[test]
fn nothing_is_heard_of_what_was_not_sent() {
    let ends: [fn(&mut Site); 5] = [
        |site| site.presses(1, "*"),
        |site| site.ends(1, "caller hung up"),
        |site| {
            site.presses(1, "#");
            site.ends(1, "caller hung up");
        },
        |site| {
            site.presses(1, "#");
            site.pass(ms(100));
            site.ends(1, "caller hung up");
        },
        |site| {
            site.presses(1, "#");
            site.pass(ms(100));
            site.presses(1, "**");
        },
    ];
    for end in ends {
        let mut site = one();
        site.arrives(1);
        site.pass(ms(2_000));
        end(&mut site);
        site.pass(ms(60_000));
        let seen = site.seen().join("\n");
        assert!(
            !seen.contains("play 1") && !seen.contains("music"),
            "{seen}"
        );
        assert_eq!(site.world.forgotten.len(), site.n_said as usize, "{seen}");
        assert_eq!(
            site.outcomes.values().collect::<Vec<_>>(),
            [&Outcome::Cancelled]
        );
        site.assert_quiet();
    }
}

#[test]
fn a_star_in_what_is_heard_back_begins_anew() {
    let mut site = one();
    site.arrives(1);
    site.pass(ms(2_000));
    site.presses(1, "#");
    site.pass(ms(1_000));
    site.seen();
    site.presses(1, "*");
    site.pass(ms(2_000));
    site.presses(1, "#");
    site.pass(ms(5_000));
    site.presses(1, "#");
    assert_eq!(
        site.seen(),
        [
            "3.0 forget 3000",
            "3.0 tell #1 SpeakNow",
            "3.0 take down #1 for 60 s",
            "5.0 make ready #1",
            "5.0 play back to #1",
            "8.1 tell #1 Decide",
            "10.0 play 1",
            "10.0 music -20dB",
            "10.0 tell #1 Accepted",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn who_speaks_too_long_is_warned_and_hears_it_back() {
    let mut site = one();
    site.arrives(1);
    site.pass(ms(62_000));
    assert_eq!(
        site.seen()[3..],
        [
            "50.2 tell #1 NearlyOver",
            "60.2 make ready #1",
            "60.3 play back to #1",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn who_does_not_decide_is_asked_and_in_the_end_forgotten() {
    let mut site = one();
    site.arrives(1);
    site.pass(ms(2_000));
    site.presses(1, "#");
    site.pass(ms(60_000));
    let seen = site.seen();
    let n_asked = seen.iter().filter(|line| line.ends_with("Decide")).count();
    assert_eq!(
        (n_asked, seen.last().unwrap().as_str()),
        (4, "31.1 hang up #1: done as asked")
    );
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Cancelled);
    site.assert_quiet();
}

#[test]
fn who_says_nothing_is_asked_again_but_not_for_ever() {
    let mut site = one();
    site.said = None;
    site.arrives(1);
    for _ in 0..20 {
        site.pass(ms(1_000));
        if site.snapshot().calls.is_empty() {
            break;
        }
        site.presses(1, "#");
    }
    site.pass(ms(3_000));
    assert_eq!(
        site.texts()
            .iter()
            .filter(|it| it.ends_with("said nothing"))
            .count(),
        8
    );
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Cancelled);
    site.assert_quiet();
}

#[test]
fn speaking_keeps_nobody_waiting_and_what_was_sent_waits_its_turn() {
    let mut live = rule("hall", &["710"], &[0]);
    live.priority = Priority(100);
    let mut site = site(vec![delayed("700", &[0]), live]);
    site.dials(1, "700");
    site.pass(ms(1_000));
    site.dials(2, "710");
    site.pass(ms(1_000));
    assert_eq!(site.world.answered.len(), 2);
    site.presses(1, "#");
    site.pass(ms(500));
    site.presses(1, "#");
    site.pass(ms(10_000));
    // Its caller is gone, the other still speaks.
    assert_eq!(site.snapshot().calls.len(), 1);
    assert!(site.world.plays.is_empty() && site.fates().is_empty());
    site.ends(2, "caller hung up");
    site.pass(ms(10));
    assert_eq!(site.world.plays.len(), 1);
    site.pass(ms(4_000));
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Heard);
    assert_eq!(site.world.forgotten.len(), 1);
    site.assert_quiet();
}

#[test]
fn what_was_sent_expires_or_is_refused_like_any_other_page() {
    let rules = |busy, timeout| Rule {
        busy,
        queue_timeout: timeout,
        ..delayed("700", &[0])
    };
    let live = || rule("hall", &["710"], &[0]);
    let ways = [
        (rules(Busy::Queue, Some(ms(5_000))), Outcome::Expired),
        (rules(Busy::Reject, None), Outcome::Refused),
    ];
    for (rule, outcome) in ways {
        let mut site = site(vec![rule, live()]);
        site.dials(1, "700");
        site.dials(2, "710");
        site.pass(ms(1_000));
        site.presses(1, "#");
        site.pass(ms(100));
        site.presses(1, "#");
        site.pass(ms(6_000));
        assert_eq!(site.outcomes[&PageId(1)], outcome);
        assert_eq!(site.world.forgotten.len(), 1);
        let told = if outcome == Outcome::Refused {
            "Cancelled"
        } else {
            "Accepted"
        };
        assert!(site.seen().contains(&format!("1.1 tell #1 {told}")));
    }
}

#[test]
fn it_is_played_with_all_that_belongs_to_its_page() {
    let rule = Rule {
        klaxon: Some(super::ranks::clip(500)),
        end_tone: Some(super::ranks::clip(200)),
        max_duration: Some(ms(1_000)),
        delayed: Some(Delayed {
            longest: ms(60_000),
            warning: None,
            times: 2,
        }),
        ..delayed("700", &[0])
    };
    let mut site = site(vec![rule]);
    site.arrives(1);
    site.pass(ms(1_000));
    site.presses(1, "#");
    site.pass(ms(100));
    site.presses(1, "#");
    site.seen();
    site.pass(ms(20_000));
    let plays: Vec<String> = site.seen();
    let plays: Vec<&String> = plays.iter().filter(|line| line.contains("play")).collect();
    assert_eq!(plays, ["1.6 play 2", "4.6 play 3", "7.6 play 4"]);
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Heard);
}

#[test]
fn there_is_room_for_so_much_speech_and_no_more() {
    let mut rule = delayed("700", &[0]);
    if let Some(delayed) = &mut rule.delayed {
        delayed.longest = ms(600_000);
    }
    let mut site = site(vec![rule]);
    site.dials(1, "700");
    site.dials(2, "700");
    site.dials(3, "700");
    assert_eq!(site.world.answered.len(), 2);
    let texts = site.texts();
    let refused = texts
        .iter()
        .filter(|it| it.contains("486 Busy Here: too many delayed"));
    assert_eq!(refused.count(), 1, "{texts:?}");
    // What was said takes less than what could have been.
    site.pass(ms(1_000));
    site.presses(1, "#");
    site.pass(ms(100));
    site.presses(1, "#");
    site.pass(ms(10_000));
    site.dials(4, "700");
    assert_eq!(site.world.answered.len(), 3);
}

#[test]
fn one_that_is_not_acknowledged_is_not_asked_to_speak() {
    let mut site = one();
    site.ack_lag = None;
    site.arrives(1);
    site.presses(1, "#");
    site.pass(ms(60_000));
    let seen = site.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    site.assert_quiet();
}

#[test]
fn a_loss_of_sound_does_not_touch_who_speaks() {
    let mut site = Site::new(Policy {
        pages: vec![delayed("700", &[0])],
        klaxon: None,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(1_000));
    site.loses_sound();
    site.presses(1, "#");
    site.pass(ms(100));
    site.presses(1, "#");
    site.pass(ms(60_000));
    assert!(site.world.plays.is_empty());
    site.feed(Input::SoundUp);
    site.pass(ms(10_000));
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Heard);
}
