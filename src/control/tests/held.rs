//! What becomes of calls that are held for programs?

use proptest::prelude::*;

use super::site::{Site, ms, policy, wish};
use crate::base::{CallId, SoundId};
use crate::control::{
    Answering, CallState, Clip, Demand, Desk, DeskKind, DriverId, Input, KeyWay, Order, OrderId,
    Origin, Policy, Rights, Role, Sound,
};
use crate::page::{Entry, Wish};

fn desk(name: &str, numbers: &[&str], kind: DeskKind) -> Desk {
    Desk {
        name: name.to_owned(),
        kind,
        entry: Entry {
            extensions: numbers.iter().map(|it| it.parse().unwrap()).collect(),
            ..Entry::default()
        },
        answering: Answering::AtOnce,
        greeting: None,
        records: false,
        most: 3,
        longest: None,
    }
}

/// A relay that answers at 500 by itself, one that asks at 501, and a telephone.
fn desks() -> Vec<Desk> {
    let clip = Clip {
        sound: Sound::Stored(SoundId(900)),
        duration: ms(900),
    };
    let kitchen = DeskKind::Line {
        user: "kitchen".to_owned(),
    };
    vec![
        Desk {
            greeting: Some(clip),
            records: true,
            ..desk("relay:office", &["500"], DeskKind::Relay)
        },
        Desk {
            answering: Answering::ByProgram,
            ..desk("relay:night", &["501"], DeskKind::Relay)
        },
        desk("line:kitchen", &["9"], kitchen),
        Desk {
            longest: Some(ms(300_000)),
            ..desk("test:echo", &["9196"], DeskKind::Test)
        },
    ]
}

/// Without any loudspeaker, and with no further page let in: neither matters.
pub(super) fn site() -> Site {
    Site::silent(Policy {
        desks: desks().into(),
        max_calls: 0,
        ..policy()
    })
}

impl Site {
    pub(super) fn comes(&mut self, driver: u64, desk: &str) {
        self.feed(Input::DriverCame {
            driver: DriverId(driver),
            desk: desk.to_owned(),
        });
    }

    pub(super) fn wants(&mut self, what: Demand) -> String {
        let (id, by) = (OrderId(1), Rights::ALL);
        self.feed(Input::Order(Order { id, by, what }));
        let last = self
            .timeline
            .iter()
            .rposition(|it| it.contains(" order 1 "));
        self.timeline.remove(last.unwrap())
    }

    fn calls_out(&mut self, call: u64, driver: u64, number: &str) -> String {
        self.wants(Demand::Dial {
            call: CallId(call),
            from: Origin::Program(DriverId(driver)),
            number: number.to_owned(),
        })
    }

    /// Somebody dials who is at no relay.
    pub(super) fn sends_out(&mut self, call: u64, desk: &str) -> String {
        self.wants(Demand::Dial {
            call: CallId(call),
            from: Origin::Desk(desk.to_owned()),
            number: "0912".to_owned(),
        })
    }

    pub(super) fn joins(&mut self, driver: u64, call: u64) {
        let (driver, call) = (DriverId(driver), CallId(call));
        self.feed(Input::DriverJoined { driver, call });
    }

    pub(super) fn goes(&mut self, driver: u64) {
        self.feed(Input::DriverGone {
            driver: DriverId(driver),
        });
    }

    /// The telephone dials.
    pub(super) fn lifts(&mut self, call: u64, number: &str) {
        self.feed(Input::CallArrived {
            call: CallId(call),
            caller: "kitchen <sip:kitchen@here>".to_owned(),
            dialled: number.to_owned(),
            wish: Wish {
                user: Some("kitchen".to_owned()),
                caller: "kitchen".to_owned(),
                ..wish(number)
            },
            auto_answer: false,
        });
    }

    fn keys_in(&mut self, call: u64, key: char, way: KeyWay) {
        let call = CallId(call);
        self.feed(Input::Key { call, key, way });
    }
}

#[test]
fn a_call_is_answered_greeted_and_recorded_for_a_program_and_its_keys_are_told_once() {
    let mut site = site();
    site.comes(7, "relay:office");
    site.dials(1, "500");
    assert_eq!(site.snapshot().calls[0].state, CallState::Held);
    site.pass(ms(1_000));
    site.keys_in(1, '4', KeyWay::Sound);
    site.keys_in(1, '4', KeyWay::Signalling);
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        [
            "0.0 hold #1 for relay:office",
            "0.0 record 1 of held #1 as relay:office-101",
            "0.0 tell driver 7: #1 from 101: answered",
            "0.0 greet #1",
            "1.0 tell driver 7: #1 from 101: key 4",
            "1.0 tell driver 7: #1 from 101: over, caller hung up",
            "1.0 end of 1",
        ]
    );
    site.assert_quiet();
    let texts = site.texts();
    assert_eq!(
        texts,
        [
            "call #1 from alice <sip:1@pbx> to 500: talks with relay:office",
            "call #1 from alice <sip:1@pbx> to 500: ended: caller hung up after 1.0 s",
        ]
    );
}

#[test]
fn without_a_program_nobody_is_answered_and_a_full_desk_is_busy() {
    let mut site = site();
    site.dials(1, "500");
    site.comes(7, "relay:night");
    site.dials(2, "500");
    site.comes(8, "relay:office");
    for call in 3..7 {
        site.dials(call, "500");
    }
    let seen = site.seen();
    assert_eq!(seen[..2], ["0.0 refuse #1 480", "0.0 refuse #2 480"]);
    assert_eq!(seen.last().unwrap(), "0.0 refuse #6 486");
    assert_eq!(site.snapshot().calls.len(), 3);
    assert!(site.texts()[0].ends_with("no program is there for relay:office"));
}

#[test]
fn a_program_is_asked_and_answers_or_ignores_or_says_nothing() {
    let mut site = site();
    site.comes(7, "relay:night");
    for call in 1..4 {
        site.dials(call, "501");
    }
    assert_eq!(site.snapshot().calls[0].state, CallState::Ringing);
    assert_eq!(
        site.wants(Demand::Answer(CallId(1))),
        "0.0 order 1 Ok(None)"
    );
    assert_eq!(
        site.wants(Demand::HangUp(CallId(2))),
        "0.0 order 1 Ok(None)"
    );
    assert_eq!(
        site.wants(Demand::Answer(CallId(2))),
        "0.0 order 1 Err(Gone)"
    );
    site.pass(ms(100));
    assert_eq!(
        site.wants(Demand::Answer(CallId(1))),
        "0.1 order 1 Ok(None)"
    );
    site.pass(ms(400_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 tell driver 7: #1 from 101: rings",
            "0.0 ring #1",
            "0.0 tell driver 7: #2 from 101: rings",
            "0.0 ring #2",
            "0.0 tell driver 7: #3 from 101: rings",
            "0.0 ring #3",
            "0.0 hold #1 for relay:night",
            "0.0 tell driver 7: #2 from 101: ignored",
            "0.0 refuse #2 486",
            "0.0 tell driver 7: #1 from 101: answered",
            "60.0 ring #3",
            "120.0 ring #3",
            "180.0 ring #3",
            "200.0 tell driver 7: #3 from 101: ignored",
            "200.0 refuse #3 480",
        ]
    );
}

#[test]
fn a_number_is_called_for_a_program_and_the_answer_or_the_refusal_is_told() {
    let mut site = site();
    site.comes(7, "relay:night");
    assert_eq!(site.calls_out(1, 7, "0912"), "0.0 order 1 Ok(None)");
    assert_eq!(site.calls_out(2, 7, "0913"), "0.0 order 1 Ok(None)");
    assert_eq!(site.calls_out(3, 7, "0914"), "0.0 order 1 Ok(None)");
    assert_eq!(site.calls_out(4, 7, "0915"), "0.0 order 1 Err(TooMany)");
    assert_eq!(site.calls_out(4, 9, "0915"), "0.0 order 1 Err(Gone)");
    let keys = || Demand::Press(CallId(1), "12#".to_owned());
    assert_eq!(site.wants(keys()), "0.0 order 1 Err(Busy)");
    let answer = Demand::Answer(CallId(1));
    assert_eq!(site.wants(answer), "0.0 order 1 Err(Busy)");
    site.feed(Input::CallAnswered { call: CallId(1) });
    assert_eq!(site.wants(keys()), "0.0 order 1 Ok(None)");
    site.feed(Input::CallRefused {
        call: CallId(2),
        status: 486,
        reason: "Busy Here".to_owned(),
    });
    site.pass(ms(250_000));
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        [
            "0.0 dial 0912 as #1 for relay:night",
            "0.0 tell driver 7: #1 to 0912: dials",
            "0.0 dial 0913 as #2 for relay:night",
            "0.0 tell driver 7: #2 to 0913: dials",
            "0.0 dial 0914 as #3 for relay:night",
            "0.0 tell driver 7: #3 to 0914: dials",
            "0.0 tell driver 7: #1 to 0912: answered",
            "0.0 press 12# at #1",
            "0.0 tell driver 7: #2 to 0913: refused 486 Busy Here",
            "200.0 tell driver 7: #3 to 0914: refused 408 No Answer",
            "200.0 hang up #3: nobody picked up",
            "250.0 tell driver 7: #1 to 0912: over, caller hung up",
        ]
    );
    assert!(site.texts()[0].starts_with("call #1 from relay:night to 0912: dialled"));
    site.assert_quiet();
}

#[test]
fn the_calls_of_a_program_that_is_gone_end_and_those_of_others_go_on() {
    let mut site = site();
    site.comes(7, "relay:night");
    site.comes(8, "relay:night");
    // Each gets the next one, whoever has the fewest.
    site.dials(1, "501");
    site.dials(2, "501");
    site.calls_out(3, 7, "0912");
    site.seen();
    site.feed(Input::DriverGone {
        driver: DriverId(7),
    });
    assert_eq!(
        site.seen(),
        [
            "0.0 tell driver 7: #1 from 101: ignored",
            "0.0 refuse #1 480",
            "0.0 tell driver 7: #3 to 0912: refused 487 its program is gone",
            "0.0 hang up #3: its program is gone",
        ]
    );
    site.wants(Demand::Answer(CallId(2)));
    site.pass(ms(100));
    site.seen();
    site.feed(Input::DriverGone {
        driver: DriverId(8),
    });
    assert_eq!(
        site.seen(),
        [
            "0.1 tell driver 8: #2 from 101: over, its program is gone",
            "0.1 hang up #2: its program is gone",
        ]
    );
    site.assert_quiet();
}

#[test]
fn a_telephone_is_answered_whoever_listens_and_only_it_has_its_numbers() {
    let mut site = site();
    site.lifts(1, "9");
    site.comes(5, "line:kitchen");
    site.pass(ms(100));
    site.feed(Input::DriverGone {
        driver: DriverId(5),
    });
    site.keys_in(1, '#', KeyWay::Sound);
    site.ends(1, "caller hung up");
    // Who only says to be the telephone, and the telephone itself at another number.
    site.dials(2, "9");
    site.lifts(3, "700");
    assert_eq!(
        site.seen(),
        [
            "0.0 hold #1 for line:kitchen",
            "0.0 tell line:kitchen: #1 from kitchen: answered",
            "0.1 tell line:kitchen: #1 from kitchen: key #",
            "0.1 tell line:kitchen: #1 from kitchen: over, caller hung up",
            "0.1 refuse #2 486",
            "0.1 refuse #3 486",
        ]
    );
}

#[test]
fn a_telephone_rings_until_it_is_picked_up_or_long_enough() {
    let mut site = site();
    let ring = |call, span| Demand::Ring {
        call: CallId(call),
        desk: "line:kitchen".to_owned(),
        pattern: "ring2".parse().ok(),
        span: ms(span),
    };
    assert_eq!(site.wants(ring(1, 5_000)), "0.0 order 1 Ok(None)");
    site.pass(ms(6_000));
    site.wants(ring(2, 60_000));
    // In place of the other; then it is picked up.
    site.wants(ring(3, 60_000));
    site.feed(Input::CallAnswered { call: CallId(3) });
    assert_eq!(site.wants(ring(4, 5_000)), "6.0 order 1 Err(Busy)");
    let silence = || Demand::Silence("line:kitchen".to_owned());
    assert_eq!(site.wants(silence()), "6.0 order 1 Ok(None)");
    site.ends(3, "caller hung up");
    site.wants(ring(5, 5_000));
    site.wants(silence());
    site.wants(ring(6, 5_000));
    // It calls while it is called: it was picked up before it heard of that.
    site.lifts(7, "9");
    assert_eq!(
        site.seen(),
        [
            "0.0 dial kitchen as #1 for line:kitchen with ring2",
            "0.0 tell line:kitchen: #1 to kitchen: dials",
            "5.0 tell line:kitchen: #1 to kitchen: refused 408 No Answer",
            "5.0 hang up #1: nobody picked up",
            "6.0 dial kitchen as #2 for line:kitchen with ring2",
            "6.0 tell line:kitchen: #2 to kitchen: dials",
            "6.0 tell line:kitchen: #2 to kitchen: refused 487 another call of the telephone",
            "6.0 hang up #2: another call of the telephone",
            "6.0 dial kitchen as #3 for line:kitchen with ring2",
            "6.0 tell line:kitchen: #3 to kitchen: dials",
            "6.0 tell line:kitchen: #3 to kitchen: answered",
            "6.0 tell line:kitchen: #3 to kitchen: over, caller hung up",
            "6.0 dial kitchen as #5 for line:kitchen with ring2",
            "6.0 tell line:kitchen: #5 to kitchen: dials",
            "6.0 tell line:kitchen: #5 to kitchen: refused 487 not to ring any more",
            "6.0 hang up #5: not to ring any more",
            "6.0 dial kitchen as #6 for line:kitchen with ring2",
            "6.0 tell line:kitchen: #6 to kitchen: dials",
            "6.0 tell line:kitchen: #6 to kitchen: refused 487 another call of the telephone",
            "6.0 hang up #6: another call of the telephone",
            "6.0 hold #7 for line:kitchen",
        ]
    );
    let relay = Demand::Ring {
        call: CallId(8),
        desk: "relay:office".to_owned(),
        pattern: None,
        span: ms(1_000),
    };
    assert_eq!(site.wants(relay), "6.0 order 1 Err(Gone)");
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_and_so_does_silence() {
    let mut site = site();
    site.ack_lag = None;
    site.comes(7, "relay:office");
    site.dials(1, "500");
    site.pass(ms(40_000));
    site.ack_lag = Some(ms(20));
    site.dials(2, "500");
    site.pass(ms(1_000));
    site.feed(Input::CallSilent { call: CallId(2) });
    let seen = site.seen();
    assert!(seen.contains(&"35.0 hang up #1: answer not acknowledged".to_owned()));
    let last = seen.last().unwrap();
    assert_eq!(last, "41.0 hang up #2: nothing came from the other side");
    site.assert_quiet();
}

#[test]
fn programs_may_only_do_what_operators_may() {
    let mut site = site();
    site.comes(7, "relay:night");
    site.dials(1, "501");
    let by = Rights {
        role: Role::Viewer,
        zones: None,
    };
    let call = CallId(1);
    let dial = |from| Demand::Dial {
        call: CallId(2),
        from,
        number: "0912".to_owned(),
    };
    for what in [
        Demand::Answer(call),
        Demand::HangUp(call),
        dial(Origin::Program(DriverId(7))),
        dial(Origin::Desk("relay:night".to_owned())),
        Demand::Press(call, "1".to_owned()),
        Demand::Join(call),
    ] {
        let id = OrderId(1);
        site.feed(Input::Order(Order { id, by, what }));
        assert_eq!(
            site.seen().last().unwrap(),
            "0.0 order 1 Err(Role(Operator))"
        );
    }
    assert_eq!(site.snapshot().calls.len(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Comes(u64, usize),
    Goes(u64),
    Arrives(usize),
    Lifts,
    Dials(u64),
    Answers(u64),
    Drops(u64),
    Answered(u64),
    Refused(u64),
    Ends(u64),
    Silent(u64),
    Key(u64),
    Pass(u64),
    Acks(bool),
    Rings(bool),
    SendsOut(usize),
    Joins(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let call = || 0..12_u64;
    let driver = || 0..4_u64;
    prop_oneof![
        (driver(), 0..3_usize).prop_map(|(driver, desk)| Step::Comes(driver, desk)),
        driver().prop_map(Step::Goes),
        (0..3_usize).prop_map(Step::Arrives),
        Just(Step::Lifts),
        driver().prop_map(Step::Dials),
        call().prop_map(Step::Answers),
        call().prop_map(Step::Drops),
        call().prop_map(Step::Answered),
        call().prop_map(Step::Refused),
        call().prop_map(Step::Ends),
        call().prop_map(Step::Silent),
        call().prop_map(Step::Key),
        (1..300_000_u64).prop_map(Step::Pass),
        any::<bool>().prop_map(Step::Acks),
        any::<bool>().prop_map(Step::Rings),
        (0..3_usize).prop_map(Step::SendsOut),
        // Others than those at desks.
        (4..8_u64, call()).prop_map(|(driver, call)| Step::Joins(driver, call)),
        (4..8_u64).prop_map(Step::Goes),
    ]
}

fn take(site: &mut Site, step: Step, n_calls: &mut u64) {
    // Old and new calls alike, some that never were.
    let last = *n_calls;
    let pick = move |i: u64| CallId(last.saturating_sub(i));
    let mut next = || {
        *n_calls += 1;
        *n_calls
    };
    match step {
        Step::Comes(driver, desk) => site.comes(driver, &desks()[desk].name),
        Step::Goes(driver) => site.goes(driver),
        Step::SendsOut(desk) => {
            site.sends_out(next(), &desks()[desk].name);
        }
        Step::Joins(driver, i) => site.joins(driver, pick(i).0),
        Step::Arrives(at) => site.dials(next(), ["500", "501", "9196"][at]),
        Step::Lifts => site.lifts(next(), "9"),
        Step::Dials(driver) => {
            site.calls_out(next(), driver, "0912");
        }
        Step::Answers(i) => {
            site.wants(Demand::Answer(pick(i)));
        }
        Step::Drops(i) => {
            site.wants(Demand::HangUp(pick(i)));
        }
        Step::Answered(i) => site.feed(Input::CallAnswered { call: pick(i) }),
        Step::Refused(i) => site.refuse(pick(i)),
        Step::Ends(i) => site.ends(pick(i).0, "caller hung up"),
        Step::Silent(i) => site.feed(Input::CallSilent { call: pick(i) }),
        Step::Key(i) => site.keys_in(pick(i).0, '5', KeyWay::Sound),
        Step::Pass(span) => site.pass(ms(span)),
        Step::Rings(rhythm) => {
            site.wants(Demand::Ring {
                call: CallId(next()),
                desk: "line:kitchen".to_owned(),
                pattern: rhythm.then(|| "1s 3s".parse().unwrap()),
                span: ms(5_000),
            });
        }
        Step::Acks(acks) => site.ack_lag = acks.then(|| ms(20)),
    }
}

impl Site {
    /// Only who is called can refuse.
    fn refuse(&mut self, call: CallId) {
        let calls = self.snapshot().calls;
        let called = calls.iter().find(|it| it.call == call);
        let is_called = called.is_some_and(|it| {
            let is_ours = ["relay:", "line:"]
                .iter()
                .any(|desk| it.caller.starts_with(desk));
            it.state == CallState::Ringing && is_ours
        });
        if is_called {
            let (status, reason) = (603, "Decline".to_owned());
            self.feed(Input::CallRefused {
                call,
                status,
                reason,
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_call_ends_once_and_its_program_knows(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let mut site = site();
        let mut n_calls = 0;
        for step in steps {
            take(&mut site, step, &mut n_calls);
        }
        site.feed(Input::Shutdown);
        prop_assert!(site.world.stopped && site.world.open().is_empty());
        prop_assert!(site.world.all_parted());
        site.assert_quiet();
    }
}
