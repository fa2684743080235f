//! What is heard of each codec, over good and bad networks?

use std::time::Instant;

use super::listen::*;
use super::rig::*;
use crate::base::{Channels, Encoding, L16, OpusWish, SampleRate, feed};
use crate::codec::{Decoder, Encoder};
use crate::dsp;
use crate::media::{Receiver, ReceiverSettings};

const FEC: OpusWish = OpusWish {
    max_bitrate: None,
    max_rate: None,
    fec: true,
    cbr: false,
    dtx: false,
};

const L16_48: Encoding = Encoding::L16(L16 {
    rate: SampleRate::HZ_48000,
    channels: Channels::Mono,
});

fn all() -> [Encoding; 5] {
    [
        Encoding::Pcmu,
        Encoding::Pcma,
        Encoding::G722,
        Encoding::Opus,
        L16_48,
    ]
}

/// The voice at the codec's rate.
fn voice(encoding: Encoding, seconds: usize) -> Vec<f32> {
    dsp::convert(&speech(seconds), SampleRate::HZ_8000, encoding.audio_rate())
}

/// What of it the network, the buffer and the codec have made into something else; and what the
/// codec alone has.
fn distortions(encoding: Encoding, opus: OpusWish, heard: &Heard, said: &[f32]) -> (f32, f32) {
    let rate = encoding.audio_rate();
    let n = rate.hz() as usize / 50;
    let (mut encoder, mut decoder) = (Encoder::new(encoding, opus), Decoder::new(encoding));
    let mut coded = Vec::new();
    for pcm in said.chunks_exact(n) {
        let mut payload = Vec::new();
        encoder.encode(pcm, &mut payload);
        decoder.decode(&payload, &mut coded);
    }
    (
        distortion(&found_in_step(said, &heard.sound, rate)),
        distortion(&found_in_step(said, &coded, rate)),
    )
}

/// The places at 8 kHz where what was said is heard again, whatever part of such a frame it is
/// late by.
fn found_in_step(said: &[f32], heard: &[f32], rate: SampleRate) -> Vec<Found> {
    let low = |sound: &[f32]| dsp::convert(sound, rate, SampleRate::HZ_8000);
    let said = low(said);
    let steps = rate.hz() as usize / 8_000;
    let mut best: Vec<Found> = found(&said, &low(heard), 1_000);
    for step in 1..steps {
        let other = found(&said, &low(&heard[step..]), 1_000);
        for (best, other) in best.iter_mut().zip(other) {
            if other.likeness > best.likeness {
                *best = other;
            }
        }
    }
    best
}

fn run(encoding: Encoding, opus: OpusWish, network: Network, said: &[f32]) -> Heard {
    Rig {
        encoding,
        opus,
        network,
        ..Rig::default()
    }
    .run(said)
}

#[test]
fn a_clean_network_takes_nothing_from_any_codec_and_little_time() {
    for encoding in all() {
        let said = voice(encoding, 10);
        let heard = run(encoding, FEC, steady(10 * MS), &said);
        assert_eq!((heard.n_starved, heard.report.late), (0, 0), "{encoding:?}");
        assert!(
            heard.report.delay < 10 * MS,
            "{encoding:?}: {:?}",
            heard.report.delay
        );
        let (got, codec) = distortions(encoding, FEC, &heard, &said);
        assert!(
            got < codec + 0.01,
            "{encoding:?}: {got}, the codec alone {codec}"
        );
        assert!(
            largest_step(&heard.sound) < largest_step(&said) * 1.5,
            "{encoding:?}"
        );
    }
}

#[test]
fn jitter_takes_nothing_from_any_codec() {
    for encoding in all() {
        let said = voice(encoding, 15);
        let heard = run(encoding, FEC, jitter(40 * MS), &said);
        assert_eq!(heard.n_starved, 0, "{encoding:?}");
        assert!(
            heard.report.delay < 52 * MS,
            "{encoding:?}: {:?}",
            heard.report.delay
        );
        let (got, codec) = distortions(encoding, FEC, &heard, &said);
        assert!(
            got < codec + 0.04,
            "{encoding:?}: {got}, the codec alone {codec} {:?}",
            heard.report
        );
    }
}

#[test]
fn concealment_beats_silence_for_every_codec() {
    for encoding in all() {
        let said = voice(encoding, 20);
        for (percent, better) in [(1.0, 0.8), (5.0, 0.65), (10.0, 0.65), (20.0, 0.7)] {
            let heard = run(encoding, OpusWish::default(), loss(percent), &said);
            assert_eq!(heard.n_starved, 0, "{encoding:?} {percent}");
            let (got, codec) = distortions(encoding, OpusWish::default(), &heard, &said);
            let silence = with_silence(&said, encoding, percent);
            // Without its copies Opus takes a packet or two to recover.
            let better = if encoding == Encoding::Opus {
                0.8
            } else {
                better
            };
            let bound = codec + (silence - codec) * better + 0.004;
            assert!(
                got < bound,
                "{encoding:?} {percent}: {got} {codec} {silence}"
            );
            assert!(
                largest_step(&heard.sound) < largest_step(&said) * 2.0,
                "{encoding:?} {percent}: {} {}",
                largest_step(&heard.sound),
                largest_step(&said)
            );
        }
    }
}

/// The distortion by a decoder that puts nothing in place of what is lost.
fn with_silence(said: &[f32], encoding: Encoding, percent: f64) -> f32 {
    let rate = encoding.audio_rate();
    let mut chance = Chance(5);
    let n = rate.hz() as usize / 50;
    let (mut encoder, mut decoder) = (
        Encoder::new(encoding, OpusWish::default()),
        Decoder::new(encoding),
    );
    let (mut heard, mut whole, mut other) = (Vec::new(), Vec::new(), Decoder::new(encoding));
    for pcm in said.chunks_exact(n) {
        let mut payload = Vec::new();
        encoder.encode(pcm, &mut payload);
        other.decode(&payload, &mut whole);
        if chance.even() * 100.0 < percent {
            heard.resize(heard.len() + n, 0.0);
        } else {
            decoder.decode(&payload, &mut heard);
        }
    }
    // A hole must not be found elsewhere: the codec's own delay is taken out first.
    let mut delays: Vec<usize> = found_in_step(said, &whole, rate)
        .iter()
        .map(|f| f.heard - f.said)
        .collect();
    delays.sort_unstable();
    let delay = delays[delays.len() / 2] * rate.hz() as usize / 8_000;
    let low = |sound: &[f32]| dsp::convert(sound, rate, SampleRate::HZ_8000);
    distortion(&found(&low(said), &low(&heard[delay..]), 1))
}

#[test]
fn opus_brings_lost_packets_along_with_the_next() {
    let said = voice(Encoding::Opus, 20);
    for percent in [5.0, 10.0] {
        let plain = run(Encoding::Opus, OpusWish::default(), loss(percent), &said);
        let fec = run(Encoding::Opus, FEC, loss(percent), &said);
        assert_eq!(plain.report.restored, 0);
        let share = fec.report.restored as f64 / fec.report.lost as f64;
        assert!(share > 0.5, "{share} of the lost packets came along");
        let (without, _) = distortions(Encoding::Opus, OpusWish::default(), &plain, &said);
        let (with, _) = distortions(Encoding::Opus, FEC, &fec, &said);
        assert!(with < without, "{percent}: {with} {without}");
    }
}

#[test]
fn packets_may_be_of_any_length() {
    for encoding in [Encoding::Pcmu, Encoding::G722, L16_48] {
        let said = voice(encoding, 8);
        for ms in [5, 10, 30, 40, 60, 120] {
            let heard = Rig {
                encoding,
                ptime: ms * MS,
                ..Rig::default()
            }
            .run(&said);
            assert_eq!(
                (heard.n_starved, heard.report.lost),
                (0, 0),
                "{encoding:?} {ms}"
            );
            assert!(
                heard.report.delay < 14 * MS,
                "{encoding:?} {ms}: {:?}",
                heard.report
            );
            let (got, codec) = distortions(encoding, FEC, &heard, &said);
            assert!(
                got < codec + 0.02,
                "{encoding:?} {ms}: {got} {codec} {:?}",
                heard.report
            );
        }
    }
    for ms in [10, 40, 60] {
        let said = voice(Encoding::Opus, 8);
        let rig = Rig {
            encoding: Encoding::Opus,
            ptime: ms * MS,
            ..Rig::default()
        };
        let heard = rig.run(&said);
        assert_eq!((heard.n_starved, heard.report.lost), (0, 0), "{ms}");
        assert!(heard.report.delay < 14 * MS, "{ms}: {:?}", heard.report);
    }
}

#[test]
fn silence_that_opus_leaves_out_is_silence() {
    let dtx = OpusWish {
        dtx: true,
        ..OpusWish::default()
    };
    let mut said = voice(Encoding::Opus, 3);
    let spoken = said.len();
    said.extend(vec![0.0; 48_000 * 3]);
    said.extend(voice(Encoding::Opus, 3));
    let heard = run(Encoding::Opus, dtx, steady(10 * MS), &said);
    assert_eq!(
        (heard.report.lost, heard.report.late),
        (0, 0),
        "{:?}",
        heard.report
    );
    assert!(heard.report.received < 320, "{:?}", heard.report);
    let pause = &heard.sound[spoken + 24_000..spoken + 120_000];
    assert!(pause.iter().all(|x| x.abs() < 0.001));
    let (got, codec) = distortions(Encoding::Opus, dtx, &heard, &said);
    assert!(got < codec + 0.05, "{got} {codec}");
}

/// Two sources in turn, each with its own encoder, as after a transfer.
#[test]
fn another_source_is_decoded_without_the_history_of_the_old_one() {
    let encoding = Encoding::G722;
    let rate = encoding.audio_rate();
    let said = voice(encoding, 6);
    let mut second = Encoder::new(encoding, OpusWish::default());
    let pcm = said.clone();
    let quirk: Quirk = Box::new(move |i, datagram| {
        if i >= 100 {
            let at = i as usize * 320;
            datagram[8..12].copy_from_slice(&[0, 0, 0, 99]);
            datagram.truncate(12);
            second.encode(&pcm[at..at + 320], datagram);
        }
    });
    let heard = Rig {
        encoding,
        quirk,
        ..Rig::default()
    }
    .run(&said);
    assert_eq!((heard.report.restarts, heard.n_starved), (1, 0));
    let found = found_in_step(&said, &heard.sound, rate);
    let bad = found.iter().filter(|f| f.likeness < 0.8).count();
    assert!(bad <= 4, "{bad} of {}", found.len());
}

fn receiver(encoding: Encoding) -> ReceiverSettings {
    ReceiverSettings {
        encoding,
        payload_type: encoding.static_payload_type().unwrap_or(96),
        event_payload_type: None,
        event_clock_rate: encoding.clock_rate(),
    }
}

fn datagram(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, payload_type];
    out.extend(sequence.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend([0, 0, 0, 7]);
    out.extend_from_slice(payload);
    out
}

#[test]
fn the_codec_and_its_rate_may_change_within_a_call() {
    let mut receiver_of_call = Receiver::new(receiver(Encoding::Pcmu));
    let start = Instant::now();
    let (mut sequence, mut now) = (0u16, start);
    for (round, encoding) in [
        Encoding::Pcmu,
        Encoding::Opus,
        Encoding::G722,
        Encoding::Pcma,
    ]
    .into_iter()
    .enumerate()
    {
        receiver_of_call.set_settings(receiver(encoding));
        let rate = encoding.audio_rate();
        let (mut tx, mut rx) = feed(rate, rate.hz() as usize);
        let said = voice(encoding, 2);
        let n = rate.hz() as usize / 50;
        let mut encoder = Encoder::new(encoding, OpusWish::default());
        let mut heard = Vec::new();
        for (i, pcm) in said.chunks_exact(n).enumerate() {
            let mut payload = Vec::new();
            encoder.encode(pcm, &mut payload);
            let pt = receiver(encoding).payload_type;
            let ticks = encoding.clock_rate() / 50;
            let at = 1_000_000 * round as u32 + ticks * i as u32;
            receiver_of_call.handle_rtp(&datagram(pt, sequence, at, &payload), now);
            sequence = sequence.wrapping_add(1);
            // The card takes 5 ms at a time.
            for _ in 0..4 {
                drain(&mut receiver_of_call, &mut tx, now);
                let from = heard.len();
                heard.resize(from + n / 4, 0.0);
                rx.pop(&mut heard[from..]);
                now += 5 * MS;
            }
        }
        let found = found_in_step(&said, &heard, rate);
        let bad = found.iter().filter(|f| f.likeness < 0.8).count();
        assert!(bad < 4, "{encoding:?}: {bad} of {}", found.len());
    }
    let report = receiver_of_call.report();
    assert_eq!((report.lost, report.received), (0, 400), "{report:?}");
}

#[test]
fn comfort_noise_is_heard_as_loud_as_told_and_is_no_loss() {
    let said = speech(12);
    let packets: Network = Box::new(|i, _| {
        // The peer is silent for eight seconds, and says twice how that sounds.
        if (101..500).contains(&i) && i != 250 {
            vec![]
        } else {
            vec![10 * MS]
        }
    });
    let quirk: Quirk = Box::new(|i, datagram| {
        // Only what is sent has a number.
        let number = match i {
            0..=100 => i + 1,
            101..=499 => 102,
            _ => i - 397,
        };
        datagram[2..4].copy_from_slice(&(number as u16).to_be_bytes());
        if i == 100 || i == 250 {
            datagram[1] = 13;
            datagram.truncate(12);
            datagram.extend([if i == 100 { 46 } else { 40 }, 60, 150]);
        }
    });
    let heard = Rig {
        network: packets,
        quirk,
        ..Rig::default()
    }
    .run(&said);
    assert_eq!(
        (heard.report.lost, heard.report.late),
        (0, 0),
        "{:?}",
        heard.report
    );
    assert_eq!(heard.n_starved, 0);
    assert!(heard.report.noise > 7 * 8_000, "{:?}", heard.report);
    let level = |from: usize, to: usize| {
        let part = &heard.sound[from * 8_000..to * 8_000];
        let energy: f32 = part.iter().map(|x| x * x).sum::<f32>() / part.len() as f32;
        10.0 * energy.log10()
    };
    let (first, second) = (level(3, 4), level(6, 9));
    assert!((first + 46.0).abs() < 1.5, "{first}");
    assert!((second + 40.0).abs() < 1.0, "{second}");
    assert!(heard.report.delay < 12 * MS, "{:?}", heard.report);
    let found = found(&said, &heard.sound, 1_000);
    let after = found.iter().filter(|f| f.said > 503 * 160);
    let worst = after.map(|f| f.likeness).fold(1.0, f32::min);
    assert!(worst > 0.75, "{worst}");
    assert!(largest_step(&heard.sound) < largest_step(&said) * 1.3);
}

#[test]
fn a_peer_that_was_silent_for_a_minute_is_given_up() {
    let mut receiver_of_call = Receiver::new(receiver(Encoding::Pcmu));
    let (mut tx, mut rx) = feed(SampleRate::HZ_8000, 8_000);
    let mut now = Instant::now();
    receiver_of_call.handle_rtp(&datagram(0, 1, 0, &[0x90; 160]), now);
    receiver_of_call.handle_rtp(&datagram(13, 2, 160, &[50]), now);
    let mut minutes = 0.0;
    drain(&mut receiver_of_call, &mut tx, now);
    while minutes < 2.0 && receiver_of_call.poll_timeout().is_some() {
        drain(&mut receiver_of_call, &mut tx, now);
        rx.skip(40);
        now += 5 * MS;
        minutes += 0.005 / 60.0;
    }
    assert!((0.9..1.2).contains(&minutes), "{minutes}");
}
