//! What does a caller hear before the answer, and who does not?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::folder::{Folder, in_repository};
use common::measure::level;
use common::phone::{Message, Phone};
use common::sipp::Sipp;
use common::{signal, turn};

const LONG: Duration = Duration::from_secs(40);

/// Of the klaxon, and of the sound that is for callers alone.
const KLAXON_HZ: f32 = 800.0;
const PROMPT_HZ: f32 = 1_300.0;

/// An address of this machine of which nobody knows that it hears us; 127.0.0.1 is this machine
/// itself.
const UNKNOWN: &str = "127.0.0.9";

/// A klaxon of so many seconds, which the caller hears as well.
fn audible(folder: &Folder, seconds: f32) -> Conf {
    let wav = folder.join("klaxon.wav");
    let klaxon = signal::sine(8_000, KLAXON_HZ, 0.3, seconds);
    signal::write_wav(&wav, 8_000, &[&klaxon]);
    Conf::timer()
        .audio(&format!("klaxon = {}", wav.display()))
        .calls("hold-concurrent = no\nannounce-to-caller = klaxon")
}

/// The first response that tells more than 100.
fn sign_of_life(phone: &mut Phone) -> Message {
    loop {
        let response = phone.response(LONG).expect("a sign of life");
        if response.status() > 100 {
            return response;
        }
    }
}

#[test]
fn the_caller_hears_the_klaxon_before_the_answer() {
    let _turn = turn();
    let folder = Folder::new("early");
    let daemon = Daemon::start(&audible(&folder, 0.5));
    let mut phone = daemon.phone();
    phone.invite("100");
    let early = sign_of_life(&mut phone);
    assert_eq!(early.status(), 183);
    let answer = phone.answered(LONG);
    // The same session before and after.
    assert_eq!(early.body(), answer.body());
    let loud = phone.heard_loud();
    assert!(
        (20..=26).contains(&loud),
        "{loud} packets of 20 ms with sound"
    );
    phone.hang_up();
}

#[test]
fn the_caller_hears_a_file_of_its_own_before_the_answer_and_the_page_goes_on() {
    let _turn = turn();
    let folder = Folder::new("early");
    let prompt = folder.join("prompt.wav");
    // Stereo at another rate: what is played is what a phone can hear of it.
    let sound = signal::sine(44_100, PROMPT_HZ, 0.3, 0.4);
    signal::write_wav(&prompt, 44_100, &[&sound, &sound]);
    let mut conf = audible(&folder, 1.0);
    conf.calls = format!("announce-to-caller = {}\n", prompt.display());
    let daemon = Daemon::start(&conf);
    let mut phone = daemon.phone();
    phone.invite("100");
    let early = sign_of_life(&mut phone);
    assert_eq!(early.status(), 183);
    assert!(early.body().contains("m=audio"), "{}", early.text);
    phone.answered(LONG);
    let heard = phone.heard_sound();
    let loud: Vec<f32> = heard
        .chunks(160)
        .filter(|it| is_loud(it))
        .flatten()
        .copied()
        .collect();
    assert!(
        (2_900..=3_600).contains(&loud.len()),
        "{} samples",
        loud.len()
    );
    let middle = &loud[400..2_400];
    let (own, klaxon) = (
        level(middle, 8_000, PROMPT_HZ),
        level(middle, 8_000, KLAXON_HZ),
    );
    assert!((0.2..0.4).contains(&own) && klaxon < 0.01, "{own} {klaxon}");

    daemon.process.wait_for("on the speakers", LONG);
    phone.talk(&signal::sine(8_000, 440.0, 0.3, 0.6), |_| {
        Some(Duration::ZERO)
    });
    phone.hang_up();
    daemon.process.wait_for(" 30 packets received", LONG);
}

fn is_loud(packet: &[f32]) -> bool {
    packet.iter().any(|sample| sample.abs() > 0.05)
}

#[test]
fn a_file_for_callers_that_cannot_be_played_is_named_with_its_line() {
    let folder = Folder::new("early");
    let text = in_repository("Cargo.toml");
    let rows = [
        ("/nowhere/prompt.wav", "does not exist"),
        ("/etc", "not a regular file"),
        (text.to_str().unwrap(), "not an audio file"),
    ];
    for (path, wanted) in rows {
        let line = format!("[calls]\nannounce-to-caller = {path}\n");
        let file = folder.write("bad.conf", line);
        let arguments = ["--check", file.to_str().unwrap()];
        let (code, log) = common::daemon::run(&folder, &arguments, LONG);
        assert_eq!(code, Some(2), "{log}");
        for word in ["bad.conf:2", "announce-to-caller", path, wanted] {
            assert!(log.contains(word), "{word:?} is not in:\n{log}");
        }
    }
}

#[test]
fn sipp_acknowledges_the_klaxon_before_the_answer() {
    let _turn = turn();
    let folder = Folder::new("early");
    let daemon = Daemon::start(&audible(&folder, 0.5));
    let arguments = ["-m", "10", "-r", "20", "-s", "100"];
    let score = Sipp::start("early.xml", daemon.sip, &arguments, &[]).finish(LONG);
    let counted = (score.exit, score.n_succeeded, score.n_failed);
    assert_eq!(counted, (Some(0), 10, 0), "{score:?}");
}

/// Whoever calls in its name would have us send sound to it.
#[test]
fn who_may_be_named_by_another_hears_ringing_at_first_and_the_klaxon_once_it_is_known() {
    let _turn = turn();
    let folder = Folder::new("early");
    let daemon = Daemon::start(&audible(&folder, 0.5));
    let mut phone = Phone::at(UNKNOWN, daemon.sip);
    phone.invite("100");
    assert_eq!(sign_of_life(&mut phone).status(), 180);
    let answer = phone.final_response(LONG).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text);
    // Two repeats of the answer later there is still nothing but SIP.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(phone.n_heard(), 0);
    phone.acknowledge(200);
    let until = Instant::now() + LONG;
    while phone.n_heard() == 0 {
        assert!(Instant::now() < until, "sound comes with the ACK");
        std::thread::sleep(Duration::from_millis(20));
    }
    phone.hang_up();

    phone.invite("100");
    assert_eq!(sign_of_life(&mut phone).status(), 183);
    phone.answered(LONG);
    assert!(phone.heard_loud() >= 20);
    phone.hang_up();
}

#[test]
fn who_confirms_what_comes_before_the_answer_hears_it_from_then_on() {
    let _turn = turn();
    let folder = Folder::new("early");
    let daemon = Daemon::start(&audible(&folder, 3.0));
    let mut phone = Phone::at(UNKNOWN, daemon.sip);
    phone.invite_reliably("100");
    let early = sign_of_life(&mut phone);
    assert_eq!(early.status(), 183, "{}", early.text);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(phone.n_heard(), 0);
    phone.acknowledge_early(&early);
    phone.answered(LONG);
    // All of what was before the answer, and nothing from before the confirmation.
    let loud = phone.heard_loud();
    assert!(
        (50..=140).contains(&loud),
        "{loud} packets of 20 ms with sound"
    );
    phone.hang_up();
}

/// A PBX that does not register with us, and is named in the configuration.
#[test]
fn who_calls_from_an_allowed_network_hears_the_klaxon_at_once_there_and_nowhere_else() {
    let _turn = turn();
    let folder = Folder::new("early");
    let conf = audible(&folder, 0.5).sip("allow = 127.0.0.8/29");
    let daemon = Daemon::start(&conf);
    let mut phone = Phone::at(UNKNOWN, daemon.sip);
    phone.invite("100");
    assert_eq!(sign_of_life(&mut phone).status(), 183);
    phone.answered(LONG);
    assert!(phone.heard_loud() >= 20);
    phone.hang_up();

    let mut phone = Phone::at("127.0.0.10", daemon.sip);
    phone.invite_with(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.77\r\ns=-\r\nc=IN IP4 127.0.0.77\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 0\r\n",
    );
    assert_eq!(sign_of_life(&mut phone).status(), 180);
    phone.answered(LONG);
    phone.hang_up();
}

/// Its answer is never acknowledged, and no sound comes.
#[test]
fn a_call_in_the_name_of_another_does_not_keep_the_speakers_from_who_waits() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer().calls("hold-concurrent = yes"));
    let mut forged = Phone::at(UNKNOWN, daemon.sip);
    forged.invite("100");
    assert_eq!(forged.final_response(LONG).unwrap().status(), 200);
    let mut phone = daemon.phone();
    let asked = phone.invite("100");
    phone.answered(LONG);
    let waited = asked.elapsed();
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    daemon
        .process
        .wait_for("hung up: answer not acknowledged", LONG);
    phone.hang_up();
}
