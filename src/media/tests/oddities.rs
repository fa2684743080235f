//! What is heard from devices that do as they like?

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::listen::*;
use super::rig::*;
use crate::base::{Encoding, OpusWish, SampleRate, feed};
use crate::media::{Key, Receiver, ReceiverSettings, Sender, SenderSettings};

/// Everything is found again, but for the moment of the change.
fn assert_heard(said: &[f32], heard: &Heard, most_lost: f32) {
    let found = found(said, &heard.sound, 2_000);
    let bad = found.iter().filter(|f| f.likeness < 0.8).count();
    assert!(
        bad as f32 <= most_lost,
        "{bad} of {} lost, {:?}",
        found.len(),
        heard.report
    );
    assert!(largest_step(&heard.sound) < largest_step(said) * 1.5);
}

fn with_quirk(quirk: Quirk) -> Rig {
    Rig {
        quirk,
        ..Rig::default()
    }
}

fn set_u32(datagram: &mut [u8], at: usize, change: impl Fn(u32) -> u32) {
    let old = u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap());
    datagram[at..at + 4].copy_from_slice(&change(old).to_be_bytes());
}

#[test]
fn counters_wrap_unheard() {
    let said = speech(10);
    let heard = Rig {
        first_sequence: u16::MAX - 100,
        first_timestamp: u32::MAX - 160 * 200,
        ..Rig::default()
    }
    .run(&said);
    assert_eq!((heard.report.restarts, heard.report.lost), (0, 0));
    assert_eq!(heard.n_starved, 0);
    assert!(distortion(&found(&said, &heard.sound, 1_000)) < 0.01);
}

#[test]
fn another_ssrc_takes_over_within_a_packet() {
    let said = speech(10);
    let heard = with_quirk(Box::new(|i, datagram| {
        if i >= 250 {
            set_u32(datagram, 8, |_| 99);
            set_u32(datagram, 4, |t| t.wrapping_add(0x5A5A_0000));
            datagram[2] = datagram[2].wrapping_add(0x55);
        }
    }))
    .run(&said);
    assert_eq!(heard.report.restarts, 1);
    assert_eq!((heard.report.stray, heard.n_starved), (1, 0));
    assert_heard(&said, &heard, 3.0);
    assert!(heard.report.delay < 12 * MS, "{:?}", heard.report);
}

#[test]
fn a_single_packet_of_another_ssrc_is_not_believed() {
    let said = speech(10);
    let heard = with_quirk(Box::new(|i, datagram| {
        if i == 250 {
            set_u32(datagram, 8, |_| 99);
        }
    }))
    .run(&said);
    assert_eq!((heard.report.restarts, heard.report.stray), (0, 1));
    assert_heard(&said, &heard, 2.0);
}

#[test]
fn timestamps_may_jump_either_way() {
    let said = speech(10);
    let jumps: [fn(u32) -> u32; 3] = [
        |t| t.wrapping_add(1_000_000),
        |t| t.wrapping_sub(1_000_000),
        |t| t.wrapping_add(0x8000_0000),
    ];
    for jump in jumps {
        let heard = with_quirk(Box::new(move |i, datagram| {
            if i >= 250 {
                set_u32(datagram, 4, jump);
            }
        }))
        .run(&said);
        assert_eq!(heard.report.restarts, 1);
        assert_eq!((heard.n_starved, heard.report.lost), (0, 0));
        assert_heard(&said, &heard, 2.0);
    }
}

#[test]
fn sequence_numbers_may_jump() {
    let said = speech(10);
    let heard = with_quirk(Box::new(|i, datagram| {
        if i >= 250 {
            datagram[2] = datagram[2].wrapping_add(0x77);
        }
    }))
    .run(&said);
    assert_eq!((heard.report.restarts, heard.n_starved), (1, 0));
    assert_heard(&said, &heard, 3.0);
}

#[test]
fn timestamps_that_stand_still_do_not_silence_the_caller() {
    let said = speech(10);
    let heard = with_quirk(Box::new(|_, datagram| set_u32(datagram, 4, |_| 4_711))).run(&said);
    assert!(heard.report.frames > 60_000, "{:?}", heard.report);
}

#[test]
fn a_pause_of_the_sender_is_a_pause() {
    let said = speech(14);
    for pause in [5, 20, 60, 250] {
        let heard = Rig {
            pauses: 200..200 + pause,
            ..Rig::default()
        }
        .run(&said);
        assert_eq!((heard.report.lost, heard.report.late), (0, 0), "{pause}");
        assert!(heard.report.delay < 12 * MS, "{pause}: {:?}", heard.report);
        // Two seconds are bridged; after that the feed may run dry.
        let starved = heard.n_starved > 0;
        assert_eq!(starved, pause > 100, "{pause}");
        let found = found(&said, &heard.sound, 4_000);
        let after = found
            .iter()
            .filter(|f| f.said > (205 + pause as usize) * 160);
        let worst = after.map(|f| f.likeness).fold(1.0, f32::min);
        assert!(pause > 100 || worst > 0.75, "{pause}: {worst}");
    }
}

#[test]
fn the_other_law_is_heard_without_being_asked() {
    let said = speech(10);
    let mut law = Sender::new(SenderSettings {
        encoding: Encoding::Pcma,
        payload_type: 8,
        event_payload_type: None,
        event_clock_rate: 8_000,
        opus: OpusWish::default(),
        ptime: 20 * MS,
        ssrc: 7,
        first_sequence: 0,
        first_timestamp: 0,
    });
    let pcm = said.clone();
    let heard = with_quirk(Box::new(move |i, datagram| {
        if i >= 250 {
            let at = i as usize * 160;
            let other = law.packet(&pcm[at..at + 160]);
            datagram[1] = 8;
            datagram[12..].copy_from_slice(&other[12..]);
        }
    }))
    .run(&said);
    assert_eq!((heard.report.unknown_payload, heard.n_starved), (0, 0));
    assert!(distortion(&found(&said, &heard.sound, 1_000)) < 0.01);
}

#[test]
fn unknown_payload_types_are_counted_and_leave_no_hole_in_the_order() {
    let said = speech(10);
    let heard = with_quirk(Box::new(|i, datagram| {
        if i % 50 == 49 {
            datagram[1] = 77;
        }
    }))
    .run(&said);
    assert_eq!((heard.report.unknown_payload, heard.report.lost), (10, 0));
    assert_eq!(heard.n_starved, 0);
}

#[test]
fn a_card_that_stood_still_is_heard_at_once_and_without_the_backlog() {
    let said = speech(14);
    let heard = Rig {
        stall: Duration::from_secs(4)..Duration::from_secs(8),
        ..Rig::default()
    }
    .run(&said);
    assert_eq!(heard.n_starved, 0);
    assert!(heard.report.skipped > 3 * 8_000, "{:?}", heard.report);
    assert!(heard.report.delay < 12 * MS, "{:?}", heard.report);
    // What is heard first is recent: a packet or two and what was in the feed.
    let missed = 4 * 8_000;
    let first = found(&said[missed..], &heard.sound, 2_000)
        .into_iter()
        .find(|f| f.said > 4 * 8_000 && f.likeness > 0.9)
        .unwrap();
    let delay = heard.delay(first.said + missed, first.heard);
    assert!(delay < 110 * MS, "{delay:?}");
}

#[test]
fn a_caller_who_is_gone_costs_nothing() {
    let heard = Rig::default().run_longer(&speech(2), Duration::from_secs(5));
    assert!(!heard.is_waiting);
    // No more than the two seconds that are filled.
    assert!(heard.report.concealed < 8 * 2_200);
    assert!(heard.n_polls < 1_000, "{}", heard.n_polls);
}

#[test]
fn keys_come_through_the_middle_of_speech() {
    let (mut tx, _rx) = feed(SampleRate::HZ_8000, 80_000);
    let mut receiver = Receiver::new(SETTINGS);
    let mut sender = Sender::new(SenderSettings {
        encoding: Encoding::Pcmu,
        payload_type: 0,
        event_payload_type: Some(101),
        event_clock_rate: 8_000,
        opus: OpusWish::default(),
        ptime: 20 * MS,
        ssrc: 1,
        first_sequence: 65_530,
        first_timestamp: 0,
    });
    for digit in "12#".chars() {
        assert!(sender.press(digit, 100 * MS));
    }
    assert!(!sender.press('x', MS));
    let start = Instant::now();
    let mut keys = String::new();
    for i in 0..100u32 {
        let now = start + 20 * MS * i;
        receiver.handle_rtp(sender.silence(), now);
        drain(&mut receiver, &mut tx, now);
        while let Some(key) = receiver.poll_key() {
            assert_eq!(key.duration, 100 * MS);
            keys.push(key.digit);
        }
    }
    assert_eq!(keys, "12#");
    assert_eq!(
        (receiver.report().lost, sender.is_sending_keys()),
        (0, false)
    );
}

/// Two keys as tones in packets of µ-law, with some loss, to a peer that did or did not agree on
/// events.
fn keys_in_the_sound(event_payload_type: Option<u8>, lost: &[u32]) -> Vec<Key> {
    let (mut tx, mut rx) = feed(SampleRate::HZ_8000, 80_000);
    let mut receiver = Receiver::new(ReceiverSettings {
        event_payload_type,
        ..SETTINGS
    });
    let mut sender = Sender::new(SenderSettings {
        encoding: Encoding::Pcmu,
        payload_type: 0,
        event_payload_type,
        event_clock_rate: 8_000,
        opus: OpusWish::default(),
        ptime: 20 * MS,
        ssrc: 1,
        first_sequence: 0,
        first_timestamp: 0,
    });
    let mut sound = vec![0.0; 4_000];
    for [low, high] in [[770.0, 1_336.0], [941.0, 1_477.0]] {
        let turn = |hz: f64, i: u32| (std::f64::consts::TAU * hz * f64::from(i) / 8_000.0).sin();
        sound.extend((0..800).map(|i| (0.2 * (turn(low, i) + turn(high, i))) as f32));
        sound.extend([0.0; 800]);
    }
    sound.resize(16_000, 0.0);
    let start = Instant::now();
    let mut keys = vec![];
    for (i, packet) in (0u32..).zip(sound.chunks_exact(160)) {
        let now = start + 20 * MS * i;
        let datagram = sender.packet(packet);
        if !lost.contains(&i) {
            receiver.handle_rtp(datagram, now);
        }
        drain(&mut receiver, &mut tx, now);
        rx.skip(160);
        keys.extend(std::iter::from_fn(|| receiver.poll_key()));
    }
    keys
}

#[test]
fn keys_are_heard_in_the_sound_if_no_events_were_agreed() {
    // The packet that is lost is in the middle of the first key.
    for lost in [&[][..], &[27]] {
        let keys = keys_in_the_sound(None, lost);
        let digits: String = keys.iter().map(|key| key.digit).collect();
        assert_eq!(digits, "5#", "{lost:?}");
        for key in keys {
            let off = key.duration.as_millis().abs_diff(100);
            assert!(off <= 20, "{:?}", key.duration);
        }
    }
    assert_eq!(keys_in_the_sound(Some(101), &[]), []);
}

const SETTINGS: ReceiverSettings = ReceiverSettings {
    encoding: Encoding::Pcmu,
    payload_type: 0,
    event_payload_type: Some(101),
    event_clock_rate: 8_000,
};

#[test]
fn junk_is_counted_and_nothing_else() {
    let mut receiver = Receiver::new(SETTINGS);
    let now = Instant::now();
    let junk: [&[u8]; 4] = [b"", b"hello, this is no rtp", &[0x80, 0, 0], &[0xFF; 40]];
    for datagram in junk {
        receiver.handle_rtp(datagram, now);
    }
    receiver.handle_rtp(&[0x80, 200, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0], now);
    assert_eq!(
        (receiver.report().malformed, receiver.report().rtcp),
        (4, 1)
    );
    assert_eq!(receiver.last_rtp(), None);
    assert!(receiver.poll(now, 0).is_none());
    assert_eq!(receiver.poll_timeout(), None);
}

fn any_packet() -> impl Strategy<Value = (Vec<u8>, u64, usize)> {
    let header = (any::<bool>(), 0usize..5, any::<u8>(), any::<[u8; 5]>());
    let payload = proptest::collection::vec(any::<u8>(), 0..400);
    (header, payload, 0u64..200, 0usize..3_000).prop_map(|(header, payload, wait, fill)| {
        let (marker, kind, sequence, wild) = header;
        let kind = [0, 8, 13, 101, 96][kind] | if marker { 0x80 } else { 0 };
        let mut bytes = vec![0x80, kind, wild[0] & 1, sequence];
        // Mostly a timeline, sometimes anything.
        bytes.extend([wild[1] & wild[2] & wild[3], wild[2], sequence, wild[3]]);
        bytes.extend([0, 0, 0, u8::from(wild[4] > 240)]);
        bytes.extend(payload);
        (bytes, wait, fill)
    })
}

proptest! {
    #[test]
    fn whatever_comes_is_survived(
        packets in proptest::collection::vec(any_packet(), 0..120),
    ) {
        let mut receiver = Receiver::new(SETTINGS);
        let mut now = Instant::now();
        let (mut tx, mut rx) = feed(SampleRate::HZ_8000, 16_000);
        for (datagram, wait, n) in packets {
            now += Duration::from_millis(wait);
            receiver.handle_rtp(&datagram, now);
            drain(&mut receiver, &mut tx, now);
            rx.skip(n);
            if let Some((at, _)) = receiver.poll_timeout() {
                prop_assert!(at >= now);
                drain(&mut receiver, &mut tx, at);
            }
            while receiver.poll_key().is_some() {}
        }
        let mut sound = vec![0.0; rx.fill()];
        rx.pop(&mut sound);
        prop_assert!(sound.iter().all(|x| x.is_finite() && x.abs() <= 2.0));
    }
}
