//! What happens when the sound system dies, and when the network talks nonsense?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::signal::Dice;
use common::{measure, signal};

const SOON: Duration = Duration::from_secs(3);

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn sound_is_back_in_the_same_call_after_jackd_was_killed() {
    let mut jackd = Jackd::start(48_000, 256);
    let mut daemon = Daemon::start(&Conf::jack(&jackd));
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let speech = signal::speech(8_000, 14.0);
    let talking = phone.start_talking(speech.clone());
    pause(1_000);

    jackd.kill();
    let says_gone = |status: &str| status.to_lowercase().contains("jack");
    assert_eq!(daemon.notify.wait_status(says_gone, SOON), Ok(()));
    daemon.process.wait_for("the JACK server is gone", SOON);
    pause(1_500);
    assert!(daemon.process.is_running(), "{}", daemon.process.log());
    let mut refused = daemon.phone();
    refused.invite("100");
    let answer = refused.expect_final(SOON);
    assert_eq!(
        answer.status(),
        503,
        "a page that nobody hears is refused: {}",
        answer.text
    );

    jackd.restart();
    let back = Instant::now();
    let is_well = |status: &str| !says_gone(status);
    assert_eq!(daemon.notify.wait_status(is_well, SOON), Ok(()));
    let recorder = Recorder::start(&jackd);
    let longest = Duration::from_secs(3);
    jackd.wait_until_fed("system:playback_1", "paging:", longest);
    let spoke = talking.join().unwrap();
    phone.hang_up();
    let heard = recorder.stop();

    let window = heard.rate as usize / 50;
    let first = heard
        .left
        .chunks(window)
        .position(|w| measure::rms(w) > 0.02);
    let first = first.expect("nothing is heard after the return") * window;
    let waited = heard.started + Duration::from_secs_f64(first as f64 / f64::from(heard.rate));
    let waited = waited.saturating_duration_since(back);
    assert!(waited < longest, "sound is back after {waited:?}");

    println!("sound is back {waited:?} after the return of jackd");

    // What is heard now is what is said now, not what was said while nobody could hear it.
    let said_at = (back + longest - spoke).as_secs_f64();
    let begin = (said_at * 8_000.0) as usize;
    let begins = heard.frame_at(spoke + Duration::from_secs_f64(begin as f64 / 8_000.0));
    let now_said = &speech[begin..begin + 24_000];
    let pieces = measure::pieces(now_said, &heard.left, heard.rate, begins);
    // What piled up is worked off meanwhile.
    let alike = measure::alike_but_for(&pieces, 0.5);
    assert!(alike > 0.75, "speech is {alike} alike: {pieces:#?}");
    let late: Vec<f32> = pieces.iter().map(|piece| piece.late_ms).collect();
    let late = measure::median(&late);
    assert!(late < 200.0, "speech is {late} ms late after the return");
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn the_daemon_waits_for_a_jack_server_that_is_late() {
    let mut jackd = Jackd::start(48_000, 256);
    jackd.kill();
    let mut daemon = Daemon::spawn(&Conf::jack(&jackd));
    pause(700);
    assert!(daemon.process.is_running(), "{}", daemon.process.log());
    jackd.restart();
    daemon.wait_ready();
    daemon.phone().call("100", SOON);
}

#[test]
fn garbage_at_the_sip_port_changes_nothing() {
    let daemon = Daemon::start(&Conf::timer());
    let mut caller = daemon.phone();
    caller.call("100", SOON);
    let mut dice = Dice(99);
    let attacker = daemon.phone();
    for round in 0..2_000 {
        let n = 1 + dice.next() as usize % 1_400;
        let mut bytes: Vec<u8> = (0..n).map(|_| dice.next() as u8).collect();
        if round % 2 == 0 {
            let start = b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP ";
            bytes.splice(..0, start.iter().copied());
        }
        attacker.send_raw(&bytes);
    }
    let mut other = daemon.phone();
    assert!(
        other.options(SOON).is_some(),
        "OPTIONS is not answered any more"
    );
    caller.hang_up();
    other.call("100", SOON);
    other.hang_up();
}

#[test]
fn garbage_at_the_rtp_port_is_not_heard() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd));
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let recorder = Recorder::start(&jackd);
    let tone = signal::sine(8_000, 400.0, 0.3, 2.0);
    let talking = phone.start_talking(tone);
    pause(300);
    let (socket, mut dice) = (UdpSocket::bind("127.0.0.1:0").unwrap(), Dice(3));
    for round in 0..500 {
        let n = dice.next() as usize % 400;
        let mut bytes: Vec<u8> = (0..n).map(|_| dice.next() as u8).collect();
        if round % 2 == 0 && n > 12 {
            (bytes[0], bytes[1]) = (0x80, 0);
        }
        socket.send_to(&bytes, phone.media()).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let spoke = talking.join().unwrap();
    phone.hang_up();
    let heard = recorder.stop();
    let start = heard.frame_at(spoke) + heard.rate as usize / 3;
    let middle = &heard.left[start..start + heard.rate as usize];
    let level = measure::level(middle, heard.rate, 400.0);
    assert!((level - 0.3).abs() < 0.06, "the voice arrives at {level}");
    let others = (measure::rms(middle).powi(2) - level * level / 2.0)
        .max(0.0)
        .sqrt();
    assert!(others < 0.05, "noise of {others} beside the voice");
}

#[test]
fn lost_and_late_packets_are_bridged() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd));
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let recorder = Recorder::start(&jackd);
    let speech = signal::speech(8_000, 5.0);
    let mut dice = Dice(11);
    let fates: Vec<Option<Duration>> = (0..250)
        .map(|_| {
            (dice.between(0.0, 1.0) > 0.02)
                .then(|| Duration::from_millis(dice.between(0.0, 35.0) as u64))
        })
        .collect();
    let spoke = phone.talk(&speech, |i| fates[usize::from(i)]);
    phone.hang_up();
    let heard = recorder.stop();
    let from = heard.frame_at(spoke + Duration::from_secs(1));
    let pieces = measure::pieces(&speech[8_000..], &heard.left, heard.rate, from);
    // One packet in fifty is lost, so every fourth piece or so has a patch in it.
    let alike = measure::alike_but_for(&pieces, 0.4);
    assert!(alike > 0.8, "speech is {alike} alike: {pieces:#?}");
    let worst = measure::alike_but_for(&pieces, 0.0);
    assert!(worst > 0.3, "a piece is only {worst} alike: {pieces:#?}");
}
