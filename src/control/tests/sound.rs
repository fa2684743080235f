//! What happens to callers and to the music when the sound goes, and what health says then.

use super::site::{Site, ms, policy};
use crate::base::CallId;
use crate::control::{CallState, Input, Level, Policy, Refusal, SoundState};

#[test]
fn before_sound_and_without_it_callers_are_refused_and_told_when_to_try_again() {
    let mut site = Site::silent(policy());
    site.arrives(1);
    site.feed(Input::SoundUp);
    site.loses_sound();
    site.arrives(2);
    assert_eq!(
        site.seen(),
        ["0.0 refuse #1 503", "0.0 music back", "0.0 refuse #2 503"]
    );
    assert_eq!(Refusal::NoSound.retry_after(), Some(ms(10_000)));
    assert_eq!(site.notes.last().unwrap().level, Level::Error);
}

#[test]
fn a_live_call_survives_and_everything_is_ordered_anew_when_sound_returns() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(5_000));
    site.seen();
    site.loses_sound();
    site.pass(ms(60_000));
    assert!(site.seen().is_empty());
    site.feed(Input::SoundUp);
    assert_eq!(site.seen(), ["65.0 music -20dB", "65.0 connect #1"]);
    site.feed(Input::SoundUp);
    assert_eq!(site.seen(), ["65.0 music -20dB", "65.0 connect #1"]);
}

#[test]
fn a_call_that_ends_without_sound_is_still_taken_off() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(5_000));
    site.seen();
    site.loses_sound();
    site.ends(1, "caller hung up");
    assert_eq!(site.seen(), ["5.0 disconnect #1", "5.0 music back"]);
    site.feed(Input::SoundUp);
    assert_eq!(site.seen(), ["5.0 music back"]);
    site.assert_quiet();
}

#[test]
fn a_klaxon_without_sound_passes_by_time_and_the_answer_waits_for_sound() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(1_000));
    site.seen();
    site.loses_sound();
    assert_eq!(site.seen(), ["1.0 stop 1"]);
    site.pass(ms(4_000));
    assert!(site.seen().is_empty());
    site.feed(Input::SoundUp);
    assert_eq!(
        site.seen(),
        ["5.0 music -20dB", "5.0 answer #1", "5.0 connect #1"]
    );
}

#[test]
fn a_caller_is_not_answered_into_silence_but_refused() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(1_000));
    site.loses_sound();
    site.seen();
    site.pass(ms(9_999));
    assert!(site.seen().is_empty());
    site.pass(ms(1));
    assert_eq!(site.seen(), ["11.0 refuse #1 503", "11.0 music back"]);
    site.assert_quiet();
}

#[test]
fn a_caller_who_waits_for_the_answer_anyway_is_not_refused_before_it_is_due() {
    let mut site = Site::new(Policy {
        klaxon: None,
        answer_delay: ms(30_000),
        ..policy()
    });
    site.arrives(1);
    site.loses_sound();
    site.pass(ms(29_000));
    site.feed(Input::SoundUp);
    site.seen();
    site.pass(ms(1_000));
    assert_eq!(site.seen()[0], "30.0 answer #1");
}

#[test]
fn a_klaxon_after_the_answer_ends_by_time_and_the_call_is_kept() {
    let mut site = Site::new(Policy {
        klaxon_before_answer: false,
        ..policy()
    });
    site.arrives(1);
    site.pass(ms(1_000));
    site.loses_sound();
    site.seen();
    site.pass(ms(20_000));
    assert_eq!(site.seen(), ["3.0 connect #1"]);
    assert_eq!(site.snapshot().calls[0].state, CallState::Live);
}

#[test]
fn the_queue_stands_still_without_sound_and_moves_on_with_it() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.arrives(2);
    site.pass(ms(5_000));
    site.loses_sound();
    site.ends(1, "caller hung up");
    site.seen();
    site.pass(ms(4_000));
    assert!(site.seen().is_empty());
    site.feed(Input::SoundUp);
    assert_eq!(
        site.seen(),
        ["9.0 music back", "9.0 music -20dB", "9.0 play 2"]
    );
}

#[test]
fn queued_callers_are_refused_when_the_sound_does_not_return() {
    let mut site = Site::new(policy());
    for call in 1..=3 {
        site.arrives(call);
    }
    site.pass(ms(5_000));
    site.loses_sound();
    site.seen();
    site.pass(ms(10_000));
    assert_eq!(site.seen(), ["15.0 refuse #2 503", "15.0 refuse #3 503"]);
    assert_eq!(site.snapshot().calls.len(), 1);
}

#[test]
fn each_loss_of_sound_is_told_once_and_so_is_each_new_reason() {
    let mut site = Site::new(policy());
    site.loses_sound();
    site.loses_sound();
    site.pass(ms(300));
    site.feed(Input::SoundDown {
        why: "no card".to_owned(),
    });
    site.pass(ms(12_000));
    site.feed(Input::SoundUp);
    site.feed(Input::SoundUp);
    assert_eq!(
        site.texts(),
        [
            "no sound, nobody can be heard: JACK gone",
            "no sound, nobody can be heard: no card",
            "sound is up after 12.3 s",
        ]
    );
}

#[test]
fn one_sentence_says_how_things_stand() {
    let mut site = Site::silent(policy());
    let summary = |site: &Site| site.snapshot().summary(site.now);
    assert_eq!(summary(&site), "idle; no sound for 0 s: starting");
    site.feed(Input::SoundUp);
    account(&mut site, "main", true, "registered as 700@pbx");
    assert_eq!(summary(&site), "idle; main registered as 700@pbx");
    for call in 1..=3 {
        site.arrives(call);
    }
    assert_eq!(
        summary(&site),
        "1 at the klaxon, 2 waiting; main registered as 700@pbx"
    );
    site.pass(ms(4_000));
    site.loses_sound();
    site.ends(2, "cancelled");
    site.pass(ms(9_000));
    account(&mut site, "main", false, "refused: 403 Forbidden\r\n");
    assert_eq!(
        summary(&site),
        "1 live, 1 waiting; main refused: 403 Forbidden  ; no sound for 9 s: JACK gone"
    );
}

#[test]
fn accounts_are_told_when_they_change_and_forgotten_when_gone() {
    let mut site = Site::new(policy());
    account(&mut site, "a", false, "unreachable: timeout");
    site.pass(ms(1_000));
    account(&mut site, "a", false, "unreachable: timeout");
    account(&mut site, "a", true, "registered");
    for name in ["b", "c"] {
        account(&mut site, name, true, "registered");
    }
    assert_eq!(
        site.snapshot().summary(site.now),
        "idle; 3 accounts reachable"
    );
    site.feed(Input::AccountGone {
        name: "b".to_owned(),
    });
    let snapshot = site.snapshot();
    assert_eq!(snapshot.accounts.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(snapshot.accounts["a"].since, site.now);
    let told: Vec<_> = site.notes.iter().map(|it| (it.level, &*it.text)).collect();
    assert_eq!(
        told,
        [
            (Level::Warn, "account a: unreachable: timeout"),
            (Level::Info, "account a: registered"),
            (Level::Info, "account b: registered"),
            (Level::Info, "account c: registered"),
        ]
    );
}

#[test]
fn a_snapshot_shows_who_is_there_and_since_when() {
    let mut site = Site::new(policy());
    site.arrives(5);
    site.pass(ms(3_000));
    site.loses_sound();
    let snapshot = site.snapshot();
    let call = &snapshot.calls[0];
    assert_eq!((call.call, call.state), (CallId(5), CallState::Live));
    assert_eq!(
        (&*call.caller, &*call.dialled),
        ("alice <sip:5@pbx>", "700")
    );
    assert_eq!(call.since, site.start + ms(2_000));
    assert_eq!(snapshot.ducked.len(), 1);
    let why = "JACK gone".to_owned();
    assert_eq!(
        snapshot.sound,
        SoundState::Down {
            since: site.now,
            why
        }
    );
}

#[test]
fn a_sound_device_beside_the_clock_is_told_when_it_goes_and_comes() {
    let mut site = Site::new(policy());
    let mut told = |ok: bool, text: &str| {
        site.feed(Input::CardChanged {
            name: "usb-horn".to_owned(),
            ok,
            text: text.to_owned(),
        });
        (site.texts().len(), site.snapshot().summary(site.now))
    };
    let (_, summary) = told(false, "is not there");
    assert!(
        summary.contains("sound device usb-horn is not there"),
        "{summary}"
    );
    assert_eq!(told(false, "is not there").0, 1, "told once");
    let (n, summary) = told(true, "plays");
    assert!(n == 2 && !summary.contains("usb-horn"), "{summary}");
    assert_eq!(
        site.texts(),
        [
            "sound device usb-horn: is not there",
            "sound device usb-horn: plays"
        ]
    );
    assert!(site.snapshot().cards["usb-horn"].ok);
    let name = "usb-horn".to_owned();
    site.feed(Input::CardGone { name });
    assert!(site.snapshot().cards.is_empty());
}

#[test]
fn the_broker_of_mqtt_is_told_when_it_goes_and_comes() {
    let mut site = Site::new(policy());
    for (ok, text) in [(false, "no answer"), (false, "no answer"), (true, "told")] {
        let text = text.to_owned();
        site.feed(Input::BrokerChanged { ok, text });
    }
    assert_eq!(site.texts(), ["mqtt: no answer", "mqtt: told"]);
    assert!(site.snapshot().broker.is_some_and(|it| it.ok));
    site.feed(Input::BrokerGone);
    assert_eq!(site.snapshot().broker, None);
}

fn account(site: &mut Site, name: &str, ok: bool, text: &str) {
    site.feed(Input::AccountChanged {
        name: name.to_owned(),
        ok,
        text: text.to_owned(),
    });
}
