//! Is a delayed page heard as it was spoken, after it was sent and not before? Recorded through a
//! real JACK server.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::keys::{HASH, STAR};
use common::{measure, signal};

/// A loaded machine takes its time.
const SOON: Duration = Duration::from_secs(15);
const SENT_HZ: f32 = 800.0;
const CANCELLED_HZ: f32 = 1_300.0;
const VOICE: f32 = 0.2;

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// A voice, a pause, and what the phone lets through of a key before it tells it otherwise.
fn spoken(hz: f32) -> Vec<f32> {
    let tone = |hz, level, seconds| signal::sine(8_000, hz, level, seconds);
    let low = tone(941.0, VOICE, 0.06).into_iter();
    let key: Vec<f32> = low
        .zip(tone(1_477.0, VOICE, 0.06))
        .map(|(low, high)| low + high)
        .collect();
    [tone(hz, VOICE, 1.2), vec![0.0; 1_600], key].concat()
}

#[test]
fn what_is_sent_is_heard_and_what_is_cancelled_is_not() {
    let jackd = Jackd::start(48_000, 256);
    let page = "[page:office]\nextensions = 730\nmode = delayed\n";
    let mut daemon = Daemon::start(&Conf::jack(&jackd).more(page));
    jackd.wait_until_connected("paging:out_1", "system:playback_1", SOON);
    let recorder = Recorder::start(&jackd);

    let mut other = daemon.phone();
    other.call("730", SOON);
    daemon.process.wait_for(": speaks", SOON);
    pause(400);
    other.talk_and_press(&spoken(CANCELLED_HZ), STAR);
    other.request("BYE", SOON).unwrap();

    let mut phone = daemon.phone();
    phone.call("730", SOON);
    pause(400);
    phone.heard_sound();
    phone.talk_and_press(&spoken(SENT_HZ), HASH);
    daemon.process.wait_for(": hears back its ", SOON);
    let until = Instant::now() + SOON;
    let mut back = Vec::new();
    while measure::n_tenths(&back, 8_000, SENT_HZ) < 8 {
        assert!(Instant::now() < until, "it is not heard back");
        pause(100);
        back.extend(phone.heard_sound());
    }
    let sent = Instant::now();
    phone.talk_and_press(&[0.0; 1_600], HASH);
    phone.request("BYE", SOON).unwrap();
    daemon.process.wait_for("page \"office\" of call #2", SOON);
    let heard = recorder.stop();

    let log = daemon.process.log();
    for told in [": cancelled after ", ", not heard in ", ": heard in "] {
        assert!(log.contains(told), "{told}\n{log}");
    }
    let window = heard.rate as usize / 50;
    let level = |hz| measure::level_over_time(&heard.left, heard.rate, hz, window);
    let is_loud = |level: &f32| *level > 0.7 * VOICE;
    let voice = level(SENT_HZ);
    let n_loud = voice.iter().filter(|it| is_loud(it)).count();
    assert!(
        (52..=64).contains(&n_loud),
        "{} ms of the voice",
        n_loud * 20
    );
    let first = voice.iter().position(is_loud).unwrap();
    assert!(
        first * window > heard.frame_at(sent),
        "heard before it was sent"
    );
    for hz in [CANCELLED_HZ, 941.0, 1_477.0] {
        let levels = measure::level_over_time(&heard.left, heard.rate, hz, 3 * window);
        let highest = levels.into_iter().fold(0.0, f32::max);
        assert!(highest < 0.3 * VOICE, "{highest} of {hz} Hz");
    }
    assert_eq!(daemon.stop().0, Some(0));
}
