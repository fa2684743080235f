//! Does a page open to who knows its PIN, in just the zones that are chosen, and to nobody else?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::daemon::{Conf, Daemon, run};
use common::folder::Folder;
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::{measure, signal};

const VOICE_HZ: f32 = 800.0;

/// A loaded machine takes its time.
const SOON: Duration = Duration::from_secs(30);

const SITE: &str = "\
[zone:hall]
outputs = system:playback_1$
[zone:yard]
outputs = system:playback_2$
[page:choice]
extensions = 700
pin = 4711
codes = 1:hall 2:yard 9:all
klaxon = nothing
";

#[test]
fn a_caller_enters_pin_and_code_and_is_heard_there_and_a_guesser_is_locked_out() {
    let jackd = Jackd::wide(48_000, 256, 2);
    let folder = Folder::new("dial");
    let mut daemon = Daemon::start(&Conf::jack(&jackd).more(SITE));
    jackd.wait_until_connected("paging:yard_1", "system:playback_2", SOON);
    let voice = folder.join("voice.wav");
    signal::write_wav(&voice, 8_000, &[&signal::sine(8_000, VOICE_HZ, 0.3, 9.0)]);
    let uri = format!("sip:700@{}", daemon.sip);
    let voice = voice.to_str().unwrap();
    let recorder = Recorder::start(&jackd);
    let spoken = [
        "call",
        &uri,
        "--play",
        voice,
        "--dtmf",
        "47112",
        "--duration",
        "5",
    ];
    let (_, told) = run(&folder, &spoken, SOON);
    let heard = recorder.stop();
    daemon.process.wait_for("has chosen yard", SOON);
    daemon.process.wait_for(": heard in yard, ", SOON);
    let tenths = |speaker: usize| measure::n_tenths(&heard.speakers[speaker], heard.rate, VOICE_HZ);
    assert_eq!(tenths(0), 0, "{told}");
    assert!(tenths(1) >= 10, "{} tenths: {told}", tenths(1));

    let guesses = ["call", &uri, "--dtmf", "111122223333", "--duration", "15"];
    let at_once = [&guesses[..], &["--calls", "4", "--concurrent", "4"]].concat();
    run(&folder, &at_once, SOON);
    daemon.process.wait_for("hung up: three wrong PINs", SOON);
    daemon.process.wait_for(
        "page \"choice\": 10 or more wrong PINs in a row from 127.0.0.1, which is not listened to",
        SOON,
    );
    run(&folder, &["call", &uri, "--dtmf", "4711"], SOON);
    daemon
        .process
        .wait_for("refused, 403 Forbidden: too many wrong PINs", SOON);
    assert_eq!(daemon.stop().0, Some(0));
}
