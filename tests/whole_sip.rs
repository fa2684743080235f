//! Do phones and load get the answers they must, without sound hardware?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::phone::Phone;
use common::sipp::Sipp;
use common::{measure, signal, turn};

const SOON: Duration = Duration::from_secs(3);

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Every caller is answered at once.
fn mixing() -> Conf {
    Conf::timer().calls("hold-concurrent = no")
}

/// Five seconds at a time here; scripts/measure does thirty with the released program, and
/// scripts/soak 200,000 calls. How much a program keeps differs from machine to machine; that a
/// second rush leaves no more than the first does not.
#[test]
fn two_hundred_calls_a_second_are_answered_and_the_memory_is_back() {
    let _turn = turn();
    let daemon = Daemon::start(&mixing());
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    phone.hang_up();
    let before = daemon.anonymous_memory_kb();
    let first_peak = rush(&daemon);
    let taken = first_peak.saturating_sub(before);
    let first = memory_at_rest(&daemon, before + taken / 2);
    let second_peak = rush(&daemon);
    let second = memory_at_rest(&daemon, first + taken / 5);
    println!(
        "memory: {before} kB before, {first_peak} kB after 1,000 calls, {first} kB later; \
         {second_peak} kB after another 1,000, {second} kB later"
    );
    assert!(
        first <= before + taken / 2,
        "of {taken} kB that 1,000 calls took, {} are kept",
        first - before
    );
    assert!(
        second <= first + taken / 5,
        "1,000 calls more keep {} kB more",
        second - first
    );
    assert!(daemon.phone().options(SOON).is_some());
}

/// A thousand calls in five seconds; the memory after the last one.
fn rush(daemon: &Daemon) -> u64 {
    let load = ["-m", "1000", "-r", "200", "-l", "1000"];
    let score = Sipp::start("-sn uac", daemon.sip, &load, &[]).finish(Duration::from_secs(40));
    assert_eq!(
        (score.n_made, score.n_succeeded),
        (1_000, 1_000),
        "{score:?}"
    );
    assert_eq!((score.n_failed, score.exit), (0, Some(0)), "{score:?}");
    daemon.anonymous_memory_kb()
}

/// The memory once the calls are forgotten; if it is above `enough`, what it is after a minute.
fn memory_at_rest(daemon: &Daemon, enough: u64) -> u64 {
    // Finished transactions are kept for 32 s (RFC 3261 timers J and I), and given back at 35 s.
    let until = Instant::now() + Duration::from_secs(60);
    pause(33_000);
    while daemon.anonymous_memory_kb() > enough && Instant::now() < until {
        pause(500);
    }
    // Some of the last calls may still have been remembered.
    pause(3_000);
    daemon.anonymous_memory_kb()
}

/// Whoever calls in the name of another must not have us send sound there.
#[test]
fn sound_is_sent_only_to_a_caller_who_has_confirmed_the_answer() {
    let _turn = turn();
    let daemon = Daemon::start(&mixing());
    let mut phone = daemon.phone();
    phone.invite("100");
    assert_eq!(phone.expect_final(SOON).status(), 200);
    pause(500);
    assert!(
        phone.n_heard() <= 1,
        "sound came before the answer was confirmed"
    );
    phone.acknowledge(200);
    let until = Instant::now() + SOON;
    while phone.n_heard() < 5 && Instant::now() < until {
        pause(200);
    }
    assert!(Instant::now() < until, "no sound after it was confirmed");
}

#[test]
fn calls_over_tcp_are_answered_too() {
    let _turn = turn();
    let daemon = Daemon::start(&mixing());
    let speech = signal::speech(8_000, 1.0);
    let arguments = ["-t", "t1", "-m", "20", "-r", "20", "-d", "300"];
    let run = Sipp::start(
        "call.xml",
        daemon.sip,
        &arguments,
        &[("speech.ulaw", &speech)],
    );
    let score = run.finish(Duration::from_secs(20));
    assert_eq!((score.n_succeeded, score.n_failed), (20, 0), "{score:?}");
}

#[test]
fn callers_who_give_up_while_they_wait_get_487_and_block_nobody() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer());
    let mut talker = daemon.phone();
    talker.call("100", SOON);
    let arguments = ["-m", "30", "-r", "30", "-d", "400"];
    let score = Sipp::start("give-up.xml", daemon.sip, &arguments, &[]).finish(SOON * 5);
    assert_eq!((score.n_succeeded, score.n_failed), (30, 0), "{score:?}");
    talker.hang_up();
    let mut next = daemon.phone();
    next.call("100", SOON);
    next.hang_up();
}

#[test]
fn one_call_too_many_is_busy() {
    let _turn = turn();
    let daemon = Daemon::start(&mixing().sip("max-calls = 2"));
    let (mut a, mut b, mut c) = (daemon.phone(), daemon.phone(), daemon.phone());
    a.call("100", SOON);
    b.call("100", SOON);
    c.invite("100");
    assert_eq!(c.expect_final(SOON).status(), 486);
    a.hang_up();
    c.call("100", SOON);
}

#[test]
fn a_call_put_on_hold_and_back_goes_on() {
    let _turn = turn();
    let daemon = Daemon::start(&mixing());
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let held = phone.reinvite("sendonly");
    assert_eq!(held.status(), 200, "{}", held.text);
    assert!(held.body().contains("a=recvonly"), "{}", held.body());
    assert_eq!(phone.reinvite("inactive").status(), 200);
    let back = phone.reinvite("sendrecv");
    assert_eq!(back.status(), 200, "{}", back.text);
    phone.talk(&signal::speech(8_000, 0.3), |_| Some(Duration::ZERO));
    assert!(
        phone.n_heard() > 5,
        "an answered call hears nothing back, not even silence"
    );
    phone.hang_up();
}

#[test]
fn sound_follows_a_moved_address_and_a_changed_codec() {
    let _turn = turn();
    let daemon = Daemon::start(&mixing());
    for method in ["INVITE", "UPDATE"] {
        let mut phone = daemon.phone();
        phone.call("100", SOON);
        // From here on it is known where we speak from.
        phone.talk(&signal::speech(2_000, 0.3), |_| Some(Duration::ZERO));
        assert_hears(&phone, 0, method);

        phone.move_sound();
        let moved = phone.change(method, "0 8 101", "sendrecv");
        assert_eq!(moved.status(), 200, "{}", moved.text);
        assert_hears(&phone, 0, method);

        let changed = phone.change(method, "8 101", "sendrecv");
        assert_eq!(changed.status(), 200, "{}", changed.text);
        assert!(changed.body().contains(" RTP/AVP 8"), "{}", changed.text);
        assert_hears(&phone, 8, method);

        // Nothing in common: refused, and all stays as it was.
        assert_eq!(phone.change(method, "96", "sendrecv").status(), 488);
        assert_hears(&phone, 8, method);

        // To a codec of another rate.
        let wide = phone.change(method, "9 101", "sendrecv");
        assert!(wide.body().contains(" RTP/AVP 9"), "{}", wide.text);
        assert_hears(&phone, 9, method);

        let offered = phone.ask_for_an_offer("0 101");
        assert_eq!(offered.status(), 200, "{}", offered.text);
        assert!(offered.body().contains("m=audio "), "{}", offered.text);
        assert_hears(&phone, 0, method);
        phone.hang_up();
    }
}

/// Only packets of that payload type come, once those are through that were on their way.
fn assert_hears(phone: &Phone, format: u8, what: &str) {
    pause(100);
    phone.heard_formats();
    pause(300);
    let heard = phone.heard_formats();
    // The offer has 101 for keys; nobody presses any.
    assert!(
        heard.len() > 5 && heard.iter().all(|found| *found == format),
        "{what}: {heard:?} is not all {format}"
    );
}

#[test]
fn a_call_ends_when_its_time_is_over() {
    let _turn = turn();
    // 0.02 minutes are 1.2 seconds.
    let daemon = Daemon::start(&mixing().calls("hang-up-after-minutes = 0.02"));
    let mut phone = daemon.phone();
    let answered = phone.call("100", SOON).at;
    let bye = phone
        .request("BYE", SOON)
        .expect("the call is ended by the daemon");
    let lasted = bye.at - answered;
    assert!(
        (1_150..1_500).contains(&lasted.as_millis()),
        "the call lasted {lasted:?}"
    );
}

#[test]
fn cancel_bye_and_options_are_answered_while_the_klaxon_sounds() {
    let _turn = turn();
    let folder = Folder::new("klaxon");
    let wav = folder.join("klaxon.wav");
    signal::write_wav(&wav, 8_000, &[&signal::sine(8_000, 800.0, 0.3, 2.0)]);
    let daemon = Daemon::start(&Conf::timer().audio(&format!("klaxon = {}", wav.display())));
    let mut phone = daemon.phone();
    phone.invite("100");
    pause(300);
    let options = daemon.phone().options(SOON).unwrap();
    assert!(
        options < Duration::from_millis(50),
        "OPTIONS took {options:?}"
    );
    let asked = Instant::now();
    assert_eq!(phone.cancel().status(), 487);
    assert!(asked.elapsed() < Duration::from_millis(100));
    // The klaxon of a call that is gone does not keep the next one waiting for its rest.
    let invited = phone.invite("100");
    let waited = phone.answered(SOON).at - invited;
    assert!(
        (1_950..2_400).contains(&waited.as_millis()),
        "answered after {waited:?}"
    );
    phone.hang_up();
}

#[test]
fn from_invite_to_200_takes_under_a_millisecond() {
    let _turn = turn();
    let daemon = Daemon::start(&mixing());
    let mut phone = daemon.phone();
    let waits: Vec<Duration> = (0..300)
        .map(|_| {
            let invited = phone.invite("100");
            let waited = phone.answered(SOON).at - invited;
            phone.hang_up();
            waited
        })
        .collect();
    let median = measure::median(&waits);
    println!(
        "INVITE to 200 OK: median {median:?}, of {} calls",
        waits.len()
    );
    assert!(median < Duration::from_millis(1), "median {median:?}");
}

#[test]
fn options_is_answered_within_150_ms_of_the_start() {
    let _turn = turn();
    let starts: Vec<Duration> = (0..5)
        .map(|_| {
            let started = Instant::now();
            let daemon = Daemon::spawn(&mixing());
            let mut phone = daemon.phone();
            while phone.options(Duration::from_millis(5)).is_none() {
                assert!(started.elapsed() < SOON, "{}", daemon.process.log());
            }
            started.elapsed()
        })
        .collect();
    let median = measure::median(&starts);
    println!("start to the first OPTIONS: median {median:?}");
    assert!(median < Duration::from_millis(150), "median {median:?}");
}
