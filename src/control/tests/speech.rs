//! Is a page that is spoken at a microphone, and not by a caller, a page like any other?

use super::gate::digits;
use super::plan::rule;
use super::ranks::clip;
use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{CallId, ZoneId, ZoneSet};
use crate::control::{Alert, Demand, Input, Order, OrderId, Policy, Rights, Role, Rule, Speech};
use crate::page::{Busy, Priority};

/// Somebody wants to speak.
pub(super) fn speech(call: CallId, rule: Rule, by: Rights) -> Input {
    let speech = Speech {
        call,
        speaker: "ann".to_owned(),
        rule,
    };
    Input::Order(Order {
        id: OrderId(call.0),
        by,
        what: Demand::Speak(Box::new(speech)),
    })
}

impl Site {
    /// What is answered, and what happened beside it.
    fn speaks(&mut self, call: u64, rule: Rule, by: Rights) -> (String, Vec<String>) {
        self.timeline.clear();
        self.feed(speech(CallId(call), rule, by));
        let (mut answers, others): (Vec<_>, Vec<_>) = self
            .seen()
            .into_iter()
            .partition(|line| line.contains(" order "));
        let answer = answers.pop().expect("every order is answered");
        let (_, answer) = answer.split_once(&format!(" order {call} ")).unwrap();
        (answer.to_owned(), others)
    }
}

fn site() -> Site {
    Site::new(Policy {
        zones: ZoneSet::first(3),
        ..without_klaxon()
    })
}

#[test]
fn it_waits_for_the_klaxon_is_told_when_to_speak_and_ends_when_the_speaker_lets_go() {
    let mut site = site();
    let live = Rule {
        klaxon: Some(clip(500)),
        end_tone: Some(clip(300)),
        // Whoever asks for it is known, hears nothing back, and speaks in person.
        pin: Some(digits("4711")),
        greeting: Some(clip(700)),
        message: Some((clip(900), 1)),
        ..rule("live", &[], &[0])
    };
    let (answer, began) = site.speaks(1, live, Rights::ALL);
    assert!(answer.starts_with("Ok(Some("), "{answer}");
    assert_eq!(began, ["0.0 music -20dB", "0.0 play 1"]);
    site.pass(ms(4_000));
    site.ends(1, "the speaker let go");
    site.pass(ms(4_000));
    assert_eq!(
        site.seen(),
        [
            "0.5 connect #1",
            "0.5 tell #1 SpeakNow",
            "4.0 disconnect #1",
            "4.0 play 2",
            "4.3 music back",
        ]
    );
    let who = "microphone #1 from ann to hall";
    assert_eq!(
        site.fates(),
        [format!("page \"live\" of {who}: heard in hall, 3.8 s")]
    );
    assert!(
        site.texts()
            .contains(&format!("{who}: ended: the speaker let go after 4.0 s").as_str()),
        "{:?}",
        site.texts()
    );
    site.assert_quiet();
}

#[test]
fn it_ranks_waits_and_is_turned_away_as_other_pages_are() {
    let mut site = site();
    let live = |zones: &[u16], priority, busy| Rule {
        priority: Priority(priority),
        busy,
        ..rule("live", &[], zones)
    };
    site.speaks(1, live(&[0, 1], 100, Busy::Queue), Rights::ALL);
    let (_, waits) = site.speaks(2, live(&[1], 100, Busy::Queue), Rights::ALL);
    assert_eq!(waits, ["0.0 tell #2 Queued { n_before: 1 }"]);
    let (answer, turned) = site.speaks(3, live(&[1], 100, Busy::Reject), Rights::ALL);
    assert_eq!(answer, "Err(Busy)");
    assert_eq!(turned, ["0.0 hang up #3: others are heard in its zones"]);
    site.speaks(4, live(&[0, 1], 200, Busy::Queue), Rights::ALL);
    assert_eq!(site.world.voices[&CallId(1)], ZoneSet::EMPTY);
    site.ends(4, "the speaker let go");
    site.seen();
    site.ends(1, "the connection broke");
    let next = site.seen();
    assert!(
        next.contains(&"0.0 tell #2 SpeakNow".to_owned()),
        "{next:?}"
    );
    site.feed(Input::Shutdown);
    assert!(
        site.seen()
            .contains(&"0.0 hang up #2: shutting down".to_owned())
    );
    let (answer, others) = site.speaks(5, live(&[0], 100, Busy::Queue), Rights::ALL);
    assert_eq!((answer.as_str(), others.len()), ("Err(ShuttingDown)", 0));
    site.assert_quiet();
}

#[test]
fn nobody_speaks_where_or_as_urgently_as_they_may_not() {
    let mut site = site();
    let by = |role| Rights {
        role,
        zones: Some(ZoneSet::from(ZoneId(0))),
    };
    let hall = rule("live", &[], &[0]);
    let urgent = Rule {
        priority: Priority(200),
        ..hall.clone()
    };
    let cases = [
        (Role::Viewer, hall.clone(), "Err(Role(Operator))"),
        (
            Role::Operator,
            urgent.clone(),
            "Err(Priority(Priority(199)))",
        ),
        (Role::Admin, rule("live", &[], &[0, 1]), "Err(Zones("),
    ];
    for (role, rule, refused) in cases {
        let (answer, others) = site.speaks(1, rule, by(role));
        assert!(answer.starts_with(refused), "{answer}");
        assert_eq!(others, [""; 0]);
    }
    site.assert_quiet();
    for call in 2..40 {
        site.speaks(call, hall.clone(), Rights::ALL);
    }
    let (answer, _) = site.speaks(50, hall, Rights::ALL);
    assert_eq!(answer, "Err(TooMany)");
    let (answer, _) = site.speaks(51, urgent, by(Role::Admin));
    assert!(answer.starts_with("Ok("), "{answer}");
}

#[test]
fn its_speaker_is_warned_of_its_end_and_may_not_be_silent_for_ever() {
    let mut site = Site::new(Policy {
        silence_hang_up: Some(ms(30_000)),
        hang_up_after: Some(ms(100_000)),
        ..without_klaxon()
    });
    site.speaks(1, rule("live", &[], &[0]), Rights::ALL);
    let call = CallId(1);
    for _ in 0..9 {
        site.pass(ms(10_000));
        site.feed(Input::CallSounds { call });
    }
    site.pass(ms(20_000));
    assert_eq!(
        site.seen(),
        [
            "90.0 tell #1 NearlyOver",
            "100.0 hang up #1: page duration limit",
            "100.0 disconnect #1",
            "100.0 music back",
        ]
    );
    site.speaks(2, rule("live", &[], &[0]), Rights::ALL);
    site.pass(ms(40_000));
    let said = site.seen();
    let silent = "140.0 hang up #2: the caller said nothing for 30.0 s";
    assert!(said.contains(&silent.to_owned()), "{said:?}");
    site.speaks(3, rule("live", &[], &[0]), Rights::ALL);
    site.feed(Input::CallSilent { call: CallId(3) });
    let said = site.seen();
    let gone = "150.0 hang up #3: nothing came from the caller";
    assert!(said.contains(&gone.to_owned()), "{said:?}");
    site.assert_quiet();
}

#[test]
fn a_reload_changes_nothing_for_who_waits_or_speaks() {
    let mut site = Site::new(policy());
    let limited = Rule {
        warning: Some(Alert {
            before: ms(1_000),
            clip: None,
        }),
        max_duration: Some(ms(5_000)),
        ..rule("live", &[], &[0])
    };
    site.speaks(1, limited.clone(), Rights::ALL);
    site.speaks(2, limited, Rights::ALL);
    site.feed(Input::Configure(Policy {
        pages: vec![rule("other", &["_."], &[0])],
        ..policy()
    }));
    site.pass(ms(10_000));
    let told: Vec<String> = site.seen();
    let is_told = |line: &str| told.iter().any(|it| it == line);
    assert!(is_told("4.0 tell #1 NearlyOver"), "{told:?}");
    assert!(is_told("5.0 hang up #1: page duration limit"), "{told:?}");
    assert!(is_told("5.0 tell #2 SpeakNow"), "{told:?}");
    site.pass(ms(10_000));
    site.assert_quiet();
}
