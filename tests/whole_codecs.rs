//! Is every codec heard on the speakers, from our own test phone and from one that others wrote?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::baresip::Baresip;
use common::daemon::{Conf, Daemon, run};
use common::folder::Folder;
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::sipp::Sipp;
use common::{measure, signal};
use paging::base::{Encoding, OpusWish};
use paging::codec::Encoder;

const LONG: Duration = Duration::from_secs(30);

/// How many tenths of a second of the recording a tone is heard in.
fn n_tenths(sound: &[f32], hz: f32) -> usize {
    measure::n_tenths(sound, 48_000, hz)
}

/// 1 kHz, which every codec has, and 5 kHz, which a telephone has not.
#[test]
fn the_test_phone_is_heard_in_the_band_of_its_codec() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd).sip("codecs = l16 opus g722 pcmu pcma"));
    let folder = Folder::new("bands");
    let wav = folder.join("tones.wav");
    let low = signal::sine(48_000, 1_000.0, 0.2, 2.5);
    let high = signal::sine(48_000, 5_000.0, 0.2, 2.5);
    let both: Vec<f32> = low.iter().zip(&high).map(|(a, b)| a + b).collect();
    signal::write_wav(&wav, 48_000, &[&both]);
    let target = format!("sip:100@{}", daemon.sip);
    for (codec, is_wide) in [
        ("l16", true),
        ("opus", true),
        ("g722", true),
        ("pcmu", false),
        ("pcma", false),
    ] {
        let recorder = Recorder::start(&jackd);
        let play = ["--play", wav.to_str().unwrap()];
        let arguments = ["call", &target, "--codec", codec, play[0], play[1]];
        let (code, text) = run(&folder, &arguments, LONG);
        assert_eq!(code, Some(0), "{codec}: {text}");
        let heard = recorder.stop();
        let (low, high) = (
            n_tenths(&heard.left, 1_000.0),
            n_tenths(&heard.left, 5_000.0),
        );
        assert!(low >= 15, "{codec}: 1 kHz is heard for {low} tenths");
        assert_eq!(
            high >= 15,
            is_wide,
            "{codec}: 5 kHz is heard for {high} tenths"
        );
    }
}

#[test]
fn baresip_is_heard_with_opus_g722_and_l16() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd).sip("codecs = opus g722 pcmu l16"));
    let tone = signal::sine(8_000, 1_000.0, 0.3, 3.0);
    for codec in [
        ("opus/48000/2", "opus.so"),
        ("G722/16000/1", "g722.so"),
        ("L16/16000/1", "l16.so"),
    ] {
        let recorder = Recorder::start(&jackd);
        let mut phone = Baresip::call_with(daemon.sip, "100", &tone, 4, codec);
        phone.wait_established(LONG);
        phone.finish(LONG);
        let heard = recorder.stop();
        let n = n_tenths(&heard.left, 1_000.0);
        assert!(
            n >= 12,
            "{codec:?}: heard for {n} tenths\n{}",
            phone.process.log()
        );
    }
}

/// A telephone has no 5 kHz: what is heard of it came by G.722. Two seconds of each, twice.
#[test]
fn sipp_changes_to_g722_and_back_within_a_call_and_is_heard() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd).sip("codecs = pcmu g722"));
    let mut high = Vec::new();
    let mut encoder = Encoder::new(Encoding::G722, OpusWish::default());
    for frames in signal::sine(16_000, 5_000.0, 0.4, 4.0).chunks_exact(320) {
        encoder.encode(frames, &mut high);
    }
    let low = signal::sine(8_000, 1_000.0, 0.4, 4.0);
    let low: Vec<u8> = low.iter().map(|&frame| signal::ulaw(frame)).collect();
    let files = [("low.ulaw", low), ("high.g722", high)];
    let recorder = Recorder::start(&jackd);
    let arguments = ["-m", "1", "-s", "100"];
    let run = Sipp::start_with("to-g722.xml", daemon.sip, &arguments, &files);
    let score = run.finish(LONG);
    let counted = (score.exit, score.n_succeeded, score.n_failed);
    assert_eq!(counted, (Some(0), 1, 0), "{score:?}");
    let heard = recorder.stop().left;
    // More than one of the two stretches of each.
    let (low, high) = (n_tenths(&heard, 1_000.0), n_tenths(&heard, 5_000.0));
    assert!(low >= 26, "1 kHz is heard for {low} tenths");
    assert!(high >= 26, "5 kHz is heard for {high} tenths");
}
