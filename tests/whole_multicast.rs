//! Is a page heard that goes out by multicast and comes in at another program, and who is heard
//! where when several groups speak?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::jack_client::{Recorder, Recording};
use common::jackd::Jackd;
use common::{measure, phone, signal};

const LOUD: f32 = 0.2;
/// Of the caller, the second group and the alarm.
const LOW_HZ: f32 = 800.0;
const MIDDLE_HZ: f32 = 1_300.0;
const ALARM_HZ: f32 = 2_100.0;

/// A loaded machine takes its time.
const SOON: Duration = Duration::from_secs(20);

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// A group of this test's own, on a port that is free.
fn group(last: u8) -> SocketAddr {
    let probe = UdpSocket::bind("127.80.79.94:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    (Ipv4Addr::new(239, 80, 78, last), port).into()
}

/// Says a tone to a group for so long, as a telephone would.
fn speak(group: SocketAddr, hz: f32, seconds: f32) -> JoinHandle<()> {
    let socket = socket2::Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::DGRAM,
        Some(socket2::Protocol::UDP),
    );
    let socket = socket.unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket.connect(&group.into()).unwrap();
    let socket: UdpSocket = socket.into();
    let sound = signal::sine(8_000, hz, LOUD, seconds);
    std::thread::spawn(move || {
        let begin = Instant::now();
        for (n, frames) in (0..).zip(sound.chunks_exact(160)) {
            let due = begin + Duration::from_millis(20) * u32::from(n);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let packet = phone::packet(n, hz as u32, frames);
            socket.send(&packet).unwrap();
        }
    })
}

/// The amplitude of a tone on a speaker for a while from a moment on: the middle one of short
/// windows, which a cycle that the server skips does not spoil.
fn level(heard: &Recording, speaker: usize, hz: f32, from: Instant, ms: usize) -> f32 {
    let at = heard.frame_at(from);
    let part = &heard.speakers[speaker][at..at + ms * heard.rate as usize / 1_000];
    let window = heard.rate as usize / 20;
    measure::median(&measure::level_over_time(part, heard.rate, hz, window))
}

/// What a speaker plays at some moment is that tone and none of the others.
#[track_caller]
fn plays(heard: &Recording, speaker: usize, hz: f32, from: Instant) {
    for other in [LOW_HZ, MIDDLE_HZ, ALARM_HZ] {
        let level = level(heard, speaker, other, from, 400);
        if other == hz {
            let off = measure::db(level / LOUD);
            assert!(off.abs() < 1.5, "speaker {speaker}: {hz} Hz at {off:.1} dB");
        } else {
            assert!(level < 0.01, "speaker {speaker}: {other} Hz at {level}");
        }
    }
}

#[test]
fn a_call_goes_by_multicast_to_another_program_where_groups_have_their_priorities() {
    let (low, middle, alarm) = (group(1), group(2), group(3));
    let jackd = Jackd::wide(48_000, 256, 2);
    let mut receiver = Daemon::start(&Conf::jack(&jackd).more(&format!(
        "[zone:hall]\noutputs = system:playback_1$\n[zone:yard]\noutputs = system:playback_2$\n\
         [multicast-in:low]\naddress = {low}\ninterface = lo\npriority = 50\n\
         [multicast-in:middle]\naddress = {middle}\ninterface = 127.0.0.1\npriority = 120\n\
         zones = yard\n\
         [multicast-in:alarm]\naddress = {alarm}\ninterface = lo\npriority = 210\nzones = hall\n"
    )));
    let mut sender = Daemon::start(&Conf::timer().more(&format!(
        "[zone:phones]\noutputs = multicast:{low}\n\
         [multicast-out:phones]\naddress = {low}\ninterface = lo\n"
    )));
    let said = format!("multicast-out:phones: speaks to {low}");
    sender.process.wait_for(&said, SOON);
    for (name, at) in [("low", low), ("middle", middle), ("alarm", alarm)] {
        let said = format!("multicast-in:{name}: listens to {at}");
        receiver.process.wait_for(&said, SOON);
    }
    jackd.wait_until_connected("paging:yard_1", "system:playback_2", SOON);
    let recorder = Recorder::start(&jackd);
    let mut phone = sender.phone();
    phone.invite("100");
    phone.answered(SOON);
    let sound = signal::sine(8_000, LOW_HZ, LOUD, 1.0);
    let talking = phone.keep_talking(sound.into(), 0.0);
    receiver.process.wait_for("to low: on the speakers", SOON);
    pause(1_000);
    let both_low = Instant::now();
    pause(500);
    let in_yard = speak(middle, MIDDLE_HZ, 3.0);
    pause(800);
    let yard_taken = Instant::now();
    pause(500);
    let in_hall = speak(alarm, ALARM_HZ, 1.5);
    pause(800);
    let all_taken = Instant::now();
    in_hall.join().unwrap();
    in_yard.join().unwrap();
    receiver.process.wait_for("page \"middle\"", SOON);
    pause(500);
    let given_back = Instant::now();
    pause(600);
    drop(talking);
    phone.hang_up();
    receiver.process.wait_for("page \"low\"", SOON);
    pause(500);
    let silent = Instant::now();
    pause(600);
    let heard = recorder.stop();

    for (speaker, from, hz) in [
        (0, both_low, LOW_HZ),
        (1, both_low, LOW_HZ),
        (0, yard_taken, LOW_HZ),
        (1, yard_taken, MIDDLE_HZ),
        (0, all_taken, ALARM_HZ),
        (1, all_taken, MIDDLE_HZ),
        (0, given_back, LOW_HZ),
        (1, given_back, LOW_HZ),
    ] {
        plays(&heard, speaker, hz, from);
    }
    assert!(level(&heard, 0, LOW_HZ, silent, 400) < 0.001);
    // A page by multicast is told of like any other, on both sides.
    sender.process.wait_for("heard in phones", SOON);
    let log = receiver.process.log();
    assert!(log.contains("page \"alarm\" of stream #"), "{log}");
    let told = log.lines().find(|line| line.contains("page \"alarm\""));
    assert!(told.unwrap().contains("heard in hall"), "{log}");
    assert_eq!(sender.stop().0, Some(0));
    assert_eq!(receiver.stop().0, Some(0));
}
