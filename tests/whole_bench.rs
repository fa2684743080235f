//! Does the bench itself work? Each real part alone, so that a failure elsewhere is the daemon's.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::baresip::Baresip;
use common::jack_client::{Music, Recorder};
use common::jackd::Jackd;
use common::kamailio::Kamailio;
use common::phone::Phone;
use common::ports::{free_address, free_block};
use common::process::Process;
use common::sipp::Sipp;
use common::{measure, signal};

#[test]
fn the_recorder_hears_what_the_speakers_hear() {
    let mut jackd = Jackd::start(48_000, 256);
    let recorder = Recorder::start(&jackd);
    let music = Music::start(&jackd, "mpd.paging", [5_000.0, 6_000.0], 0.4, true);
    jackd.wait_until_connected(
        "mpd.paging:left",
        "system:playback_1",
        Duration::from_secs(3),
    );
    std::thread::sleep(Duration::from_millis(600));
    music.stop();
    std::thread::sleep(Duration::from_millis(200));
    let heard = recorder.stop();
    let levels = measure::level_over_time(&heard.left, heard.rate, 5_000.0, 2_400);
    let n_loud = levels
        .iter()
        .filter(|level| (*level - 0.4).abs() < 0.02)
        .count();
    assert!(n_loud >= 8, "{levels:?}");
    assert!(levels.last().unwrap() < &0.01, "{levels:?}");
    assert!(measure::level(&heard.right, heard.rate, 5_000.0) < 0.01);

    jackd.kill();
    assert_eq!(jackd.ports(), "");
    jackd.restart();
    assert!(jackd.ports().contains("system:playback_2"));
}

/// SIPp's own server, which answers everything at once.
struct Server {
    address: std::net::SocketAddr,
    _process: Process,
}

fn sipp_server() -> Server {
    let address = free_address();
    let media = free_block(4).to_string();
    let process = Process::spawn("sipp", |command| {
        let port = address.port().to_string();
        command
            .args(["-sn", "uas", "-i", "127.0.0.1", "-p", &port, "-nostdin"])
            .args(["-mi", "127.0.0.1", "-mp", &media])
            .env("TERM", "dumb");
    });
    std::thread::sleep(Duration::from_millis(500));
    Server {
        address,
        _process: process,
    }
}

#[test]
fn sipp_calls_speaks_and_counts() {
    let server = sipp_server();
    let speech = signal::speech(8_000, 1.0);
    let arguments = ["-m", "3", "-r", "10", "-d", "300", "-s", "100"];
    let run = Sipp::start(
        "call.xml",
        server.address,
        &arguments,
        &[("speech.ulaw", &speech)],
    );
    let score = run.finish(Duration::from_secs(15));
    assert_eq!((score.n_made, score.n_succeeded, score.n_failed), (3, 3, 0));
    assert_eq!(score.exit, Some(0));
}

#[test]
fn the_phone_calls_and_speaks() {
    let server = sipp_server();
    let mut phone = Phone::new(server.address);
    let answer = phone.call("100", Duration::from_secs(3));
    assert!(answer.header("To").contains("tag="));
    phone.talk(&signal::speech(8_000, 0.2), |_| Some(Duration::ZERO));
    phone.hang_up();
}

#[test]
fn baresip_calls_and_speaks() {
    let server = sipp_server();
    let speech = signal::speech(8_000, 2.0);
    let mut baresip = Baresip::call(server.address, "100", &speech, 3);
    baresip.wait_established(Duration::from_secs(3));
    baresip.finish(Duration::from_secs(10));
}

#[test]
fn kamailio_asks_for_a_digest_and_comes_back_after_a_restart() {
    for algorithm in ["MD5", "SHA-256"] {
        let mut kamailio = Kamailio::start(algorithm, "secret");
        let mut phone = Phone::new(kamailio.address);
        phone.invite("nobody");
        assert_eq!(phone.expect_final(Duration::from_secs(2)).status(), 404);
        let challenge = phone.register("somebody");
        assert_eq!(challenge.status(), 401, "{}", challenge.text);
        let says = challenge.header("WWW-Authenticate");
        let sha = says.contains("algorithm=SHA-256");
        assert_eq!(sha, algorithm == "SHA-256", "{says}");
        kamailio.restart();
        assert!(phone.options(Duration::from_secs(2)).is_some());
    }
}

#[test]
fn the_measures_agree_with_what_went_in() {
    let tone = signal::sine(48_000, 1_000.0, 0.5, 1.0);
    assert!((measure::level(&tone, 48_000, 1_000.0) - 0.5).abs() < 0.001);
    assert!(measure::level(&tone, 48_000, 5_000.0) < 0.001);
    let step = measure::largest_step(&tone).0;
    assert!((step - 0.5 * std::f32::consts::TAU * 1_000.0 / 48_000.0).abs() < 0.001);

    let speech = signal::speech(8_000, 2.0);
    let mut heard = vec![0.0; 1_234];
    heard.extend(speech.iter().map(|s| s * 0.1));
    heard.resize(30_000, 0.0);
    let (lag, alike) = measure::find(&speech[..8_000], &heard);
    assert_eq!(lag, 1_234);
    assert!(alike > 0.99);
    let (_, alike) = measure::find(&speech[..8_000], &speech[8_000..]);
    assert!(alike < 0.5, "speech is too like itself: {alike}");
}

#[test]
fn decimation_keeps_what_it_can_and_drops_the_rest() {
    let low = measure::decimate(&signal::sine(48_000, 1_000.0, 0.5, 0.5), 6);
    assert!((measure::level(&low, 8_000, 1_000.0) - 0.5).abs() < 0.02);
    let high = measure::decimate(&signal::sine(48_000, 9_000.0, 0.5, 0.5), 6);
    assert!(measure::rms(&high[100..3_000]) < 0.01);
}
