//! Do all who hear live music hear the same of it, encoded once, and without a click at a gap?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::{CallId, Db, Encoding, OpusWish, SampleRate, StereoTx, stereo};
use crate::codec::Decoder;
use crate::media::{Broadcast, Live, Programme, SenderSettings};
use crate::rtp::Packet;

const MS: Duration = Duration::from_millis(1);
const RATE: SampleRate = SampleRate::HZ_16000;

fn settings(encoding: Encoding, ssrc: u32) -> SenderSettings {
    SenderSettings {
        encoding,
        payload_type: encoding.static_payload_type().unwrap_or(111),
        event_payload_type: None,
        event_clock_rate: 8_000,
        opus: OpusWish::default(),
        ptime: 20 * MS,
        ssrc,
        first_sequence: 0,
        first_timestamp: 0,
    }
}

/// Music that never ends, whoever takes it.
struct Source {
    tx: StereoTx,
    n_made: u64,
}

impl Source {
    fn new() -> (Self, Programme) {
        let (tx, rx) = stereo(RATE, RATE.frames_in(Duration::from_secs(2)));
        let programme = Programme::live(Arc::new(Live::new(rx, Db(-6.0))));
        (Self { tx, n_made: 0 }, programme)
    }

    fn refill(&mut self) {
        let tone = |i: u64| (i as f32 * 440.0 * std::f32::consts::TAU / RATE.hz() as f32).sin();
        let n = self.tx.room() as u64;
        let made: Vec<[f32; 2]> = (self.n_made..self.n_made + n)
            .map(|i| [tone(i), tone(i)])
            .collect();
        self.tx.push(&made);
        self.n_made += n;
    }
}

/// The payloads of each call.
type Heard = BTreeMap<CallId, Vec<Vec<u8>>>;

fn listen(broadcast: &mut Broadcast, heard: &mut Heard, now: Instant) {
    broadcast.poll(now, |call, datagram| {
        let payload = Packet::parse(datagram).unwrap().payload.to_vec();
        heard.entry(call).or_default().push(payload);
    });
}

#[test]
fn four_hundred_who_come_one_by_one_hear_the_same_encoded_once_for_each_codec() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let (mut source, programme) = Source::new();
    let encodings = [
        Encoding::Pcmu,
        Encoding::G722,
        Encoding::Pcma,
        Encoding::Opus,
    ];
    let mut heard = Heard::new();
    for ms in 0..4_000_u32 {
        source.refill();
        let now = t0 + ms * MS;
        if ms < 2_000 && ms % 5 == 0 {
            let to = settings(encodings[ms as usize / 5 % 4], ms);
            let at = broadcast.join(CallId(u64::from(ms / 5)), programme.clone(), to, now);
            assert!(at > now && at <= now + 10 * MS);
        }
        listen(&mut broadcast, &mut heard, now);
    }
    // Four seconds are 200 packets of each codec, less the way of the first into its place.
    let n = broadcast.n_encoded();
    assert!((790..=802).contains(&n), "{n}");
    let taken = RATE.duration_of(source.tx.n_taken());
    assert!(taken.abs_diff(4_000 * MS) < 50 * MS, "{taken:?}");
    for (call, payloads) in &heard {
        // Those of one codec: the last that each heard is the last, and so on backwards.
        let first = &heard[&CallId(call.0 % 4)];
        let late = &first[first.len() - payloads.len()..];
        let same = late.iter().zip(payloads).filter(|(a, b)| a == b).count();
        let shifted = late[..late.len() - 1].iter().zip(&payloads[1..]);
        let shifted = shifted.filter(|(a, b)| a == b).count();
        assert!(same.max(shifted + 1) == payloads.len(), "{call:?}");
    }
    let mut sound = Vec::new();
    let mut decoder = Decoder::new(Encoding::Pcmu);
    for payload in &heard[&CallId(0)] {
        decoder.decode(payload, &mut sound);
    }
    let loudest = sound.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    assert!((0.47..0.53).contains(&loudest), "half as loud: {loudest}");
}

#[test]
fn while_nobody_listens_the_music_stands_still_and_then_goes_on() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let (mut source, programme) = Source::new();
    let mut heard = Heard::new();
    for ms in 0..6_000_u32 {
        source.refill();
        let now = t0 + ms * MS;
        match ms {
            10 | 4_000 => {
                let to = settings(Encoding::Pcma, ms);
                broadcast.join(CallId(ms.into()), programme.clone(), to, now);
            }
            1_010 | 5_000 => drop(broadcast.leave(CallId(u64::from(ms / 4_000 * 3_990 + 10)))),
            _ => {}
        }
        listen(&mut broadcast, &mut heard, now);
    }
    let taken = RATE.duration_of(source.tx.n_taken());
    assert!(taken.abs_diff(2_000 * MS) < 50 * MS, "{taken:?}");
    assert!((49..=51).contains(&heard[&CallId(4_000)].len()));
}

#[test]
fn at_a_gap_the_music_fades_and_comes_back_and_packets_go_on() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let (mut source, programme) = Source::new();
    let mut heard = Heard::new();
    for ms in 0..9_000_u32 {
        let now = t0 + ms * MS;
        // Nothing comes from 2 s on, and two seconds are in store.
        if !(2_000..6_000).contains(&ms) {
            source.refill();
        }
        if ms == 0 {
            broadcast.join(
                CallId(1),
                programme.clone(),
                settings(Encoding::Pcmu, 1),
                now,
            );
        }
        listen(&mut broadcast, &mut heard, now);
    }
    let payloads = &heard[&CallId(1)];
    assert!((449..=450).contains(&payloads.len()), "{}", payloads.len());
    let mut decoder = Decoder::new(Encoding::Pcmu);
    let mut sound = Vec::new();
    for payload in payloads {
        decoder.decode(payload, &mut sound);
    }
    let silent = sound.iter().filter(|x| x.abs() < 1e-3).count() / 8;
    assert!((1_900..2_150).contains(&silent), "{silent} ms");
    let step = sound.windows(2).map(|w| (w[1] - w[0]).abs());
    let most = step.fold(0.0_f32, f32::max);
    // A tone of 440 Hz at half of full scale steps by 0.17 in a sample of 8 kHz.
    assert!(most < 0.21, "{most}");
    assert_eq!(source.tx.n_starved(), 1);
}
