//! Are packets sent exactly while there is something to be heard, and do they say it?

use super::*;
use crate::base::{Channels, L16, OpusWish};
use crate::codec::Decoder;
use crate::rtp::Packet;
use crate::rtp::polycom::{self, Hearing};

const CARD: SampleRate = SampleRate::HZ_48000;
const L16_48: Encoding = Encoding::L16(L16 {
    rate: CARD,
    channels: Channels::Mono,
});

fn settings(encoding: Encoding, ptime_ms: u64, form: Form) -> AnnouncerSettings {
    let sender = SenderSettings {
        encoding,
        payload_type: encoding.static_payload_type().unwrap_or(96),
        event_payload_type: None,
        event_clock_rate: 8_000,
        ptime: Duration::from_millis(ptime_ms),
        opus: OpusWish::default(),
        ssrc: 7,
        first_sequence: 65_530,
        first_timestamp: 1_000,
    };
    AnnouncerSettings { sender, form }
}

fn rtp(encoding: Encoding, ptime_ms: u64) -> Announcer {
    Announcer::new(settings(encoding, ptime_ms, Form::Rtp), CARD)
}

/// Pushes so much of a sine, or of silence for 0 Hz, in blocks of 256; the datagrams of each block.
fn push(announcer: &mut Announcer, hz: f32, ms: usize) -> Vec<Vec<u8>> {
    let step = hz * std::f32::consts::TAU / 48_000.0;
    let frames: Vec<f32> = (0..ms * 48)
        .map(|n| (n as f32 * step).sin() * 0.4)
        .collect();
    let mut all = Vec::new();
    for block in frames.chunks(256) {
        announcer.push(block);
        while let Some(datagram) = announcer.poll() {
            all.push(datagram.to_vec());
        }
    }
    all
}

#[test]
fn nothing_is_sent_until_something_sounds_and_soon_after_it_ends() {
    for encoding in [
        Encoding::Pcmu,
        Encoding::Pcma,
        Encoding::G722,
        Encoding::Opus,
    ] {
        let mut announcer = rtp(encoding, 20);
        assert!(push(&mut announcer, 0.0, 1_000).is_empty());
        assert!(!announcer.is_live());
        let said = push(&mut announcer, 440.0, 1_000);
        assert!(
            (49..=51).contains(&said.len()),
            "{encoding:?}: {}",
            said.len()
        );
        let first = Packet::parse(&said[0]).unwrap();
        assert!(first.marker && first.ssrc == 7 && first.sequence == 65_530);
        let after = push(&mut announcer, 0.0, 2_000);
        assert!((24..=27).contains(&after.len()), "{}", after.len());
        // The second talkspurt: the same stream, and time has passed in between.
        let again = push(&mut announcer, 440.0, 200);
        let second = Packet::parse(&again[0]).unwrap();
        let n_sent = (said.len() + after.len()) as u16;
        assert!(second.marker && second.ssrc == 7);
        assert_eq!(second.sequence, 65_530_u16.wrapping_add(n_sent));
        let passed = f64::from(second.timestamp - first.timestamp);
        let passed = passed / f64::from(encoding.clock_rate());
        assert!((passed - 3.0).abs() < 0.03, "{encoding:?}: {passed}");
        let markers = said.iter().chain(&after).chain(&again);
        let markers = markers.filter(|it| Packet::parse(it).unwrap().marker);
        assert_eq!(markers.count(), 2);
    }
}

#[test]
fn a_page_has_its_packets_even_while_nobody_speaks() {
    let mut announcer = rtp(Encoding::Pcmu, 20);
    announcer.hold(true);
    // The resampler wants a little more than a packet's worth.
    let n_sent = push(&mut announcer, 0.0, 2_000).len();
    assert!((99..=100).contains(&n_sent), "{n_sent}");
    announcer.hold(false);
    assert!(push(&mut announcer, 0.0, 1_000).len() <= 1);
}

#[test]
fn uncompressed_sound_at_the_rate_of_the_card_is_the_cards_to_the_bit() {
    let mut announcer = rtp(L16_48, 10);
    let said: Vec<f32> = (0..48_000_i32)
        .map(|n| ((n * 7_919) % 65_536 - 32_768) as f32 / 32_768.0)
        .collect();
    let mut decoder = Decoder::new(L16_48);
    let mut heard = Vec::new();
    for block in said.chunks(177) {
        announcer.push(block);
        while let Some(datagram) = announcer.poll() {
            decoder.decode(Packet::parse(datagram).unwrap().payload, &mut heard);
        }
    }
    assert!(heard.len() > 47_000);
    assert_eq!(heard, said[..heard.len()]);
}

#[test]
fn sound_is_as_loud_at_any_rate_of_card_and_codec() {
    for hz in [44_100, 48_000, 8_000, 96_000] {
        let card = SampleRate::new(hz).unwrap();
        for encoding in [Encoding::Pcmu, Encoding::G722, L16_48] {
            let form = Form::Rtp;
            let mut announcer = Announcer::new(settings(encoding, 10, form), CARD);
            announcer.set_rate(card);
            let step = 440.0 * std::f32::consts::TAU / hz as f32;
            let frames: Vec<f32> = (0..hz).map(|n| (n as f32 * step).sin() * 0.5).collect();
            announcer.push(&frames);
            let mut decoder = Decoder::new(encoding);
            let mut heard = Vec::new();
            while let Some(datagram) = announcer.poll() {
                decoder.decode(Packet::parse(datagram).unwrap().payload, &mut heard);
            }
            let seconds = heard.len() as f32 / encoding.audio_rate().hz() as f32;
            assert!(
                (0.98..=1.0).contains(&seconds),
                "{hz} {encoding:?}: {seconds}"
            );
            let tail = &heard[heard.len() / 2..];
            let power: f32 = tail.iter().map(|x| x * x).sum::<f32>() / tail.len() as f32;
            assert!(
                (power.sqrt() - 0.3535).abs() < 0.02,
                "{hz} {encoding:?}: {power}"
            );
        }
    }
}

fn sign() -> Sign {
    Sign::new(26, 0x0004_F2AB, "paging")
}

/// Alerts, audio packets and ends, in their order: what, and how many in a row.
fn rows(datagrams: &[Vec<u8>]) -> Vec<(char, usize)> {
    let mut rows: Vec<(char, usize)> = Vec::new();
    for datagram in datagrams {
        let packet = polycom::Packet::parse(datagram).unwrap();
        assert_eq!(packet.sign(), sign());
        let kind = match packet {
            polycom::Packet::Alert(_) => 'a',
            polycom::Packet::Audio(..) => 't',
            polycom::Packet::End(_) => 'e',
        };
        match rows.last_mut() {
            Some((last, n)) if *last == kind => *n += 1,
            Some(_) | None => rows.push((kind, 1)),
        }
    }
    rows
}

#[test]
fn a_group_page_is_alerted_said_whole_and_ended() {
    for encoding in [Encoding::Pcmu, Encoding::G722] {
        let form = Form::Polycom(sign());
        let mut announcer = Announcer::new(settings(encoding, 20, form), CARD);
        let mut all = push(&mut announcer, 440.0, 2_000);
        // The alerts take 930 ms; what is said meanwhile comes after them.
        let (_, n_said) = rows(&all)[1];
        assert!((50..=55).contains(&n_said), "{n_said}");
        all.extend(push(&mut announcer, 0.0, 4_000));
        assert!(!announcer.is_live());
        let rows = rows(&all);
        let [('a', 31), ('t', n), ('e', 12)] = rows[..] else {
            panic!("{rows:?}");
        };
        assert!((124..=127).contains(&n), "{n}");
        assert_eq!(announcer.report().packets, n as u64);
    }
}

#[test]
fn what_a_group_page_says_is_heard_by_its_own_reader() {
    let form = Form::Polycom(sign());
    let mut announcer = Announcer::new(settings(Encoding::G722, 20, form), CARD);
    let mut all = push(&mut announcer, 440.0, 3_000);
    all.extend(push(&mut announcer, 0.0, 3_000));
    let (mut hearing, mut decoder) = (Hearing::new(), Decoder::new(Encoding::G722));
    let (mut heard, mut next) = (Vec::new(), None);
    let audio = all
        .iter()
        .filter_map(|it| match polycom::Packet::parse(it) {
            Ok(polycom::Packet::Audio(sign, audio)) => Some((sign, audio)),
            _ => None,
        });
    // Of ten packets one is lost, and is in the next.
    for (n, (sign, audio)) in audio.enumerate() {
        if n % 10 == 5 {
            continue;
        }
        hearing.handle(sign, audio, |datagram| {
            let packet = Packet::parse(datagram).unwrap();
            assert_eq!(packet.sequence, next.unwrap_or(packet.sequence));
            next = Some(packet.sequence.wrapping_add(1));
            decoder.decode(packet.payload, &mut heard);
        });
    }
    let loud = heard.iter().filter(|x| x.abs() > 0.1).count() as f32 / 16_000.0;
    assert!((2.4..=2.6).contains(&loud), "{loud}");
}

#[test]
fn who_speaks_again_while_a_group_page_ends_has_a_page_of_its_own() {
    let form = Form::Polycom(sign());
    let mut announcer = Announcer::new(settings(Encoding::Pcmu, 20, form), CARD);
    let mut all = push(&mut announcer, 440.0, 100);
    // 600 ms of talkspurt, behind 930 ms of alerts; then the ends begin.
    all.extend(push(&mut announcer, 0.0, 1_550));
    all.extend(push(&mut announcer, 440.0, 500));
    all.extend(push(&mut announcer, 0.0, 4_000));
    let kinds: Vec<char> = rows(&all).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ['a', 't', 'e', 'a', 't', 'e']);
    assert_eq!(rows(&all)[3].1, 31);
    let n_said = rows(&all)[4].1;
    assert!((49..=52).contains(&n_said), "{n_said}");
}
