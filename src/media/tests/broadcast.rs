//! Does everybody hear a programme whole, in time, and encoded once?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::base::{CallId, Encoding, OpusWish, Pcm, SampleRate, Tape};
use crate::codec::Decoder;
use crate::media::{Broadcast, Programme, Repeat, SenderSettings, Start};
use crate::rtp::Packet;

const MS: Duration = Duration::from_millis(1);

fn settings(encoding: Encoding, ssrc: u32) -> SenderSettings {
    SenderSettings {
        encoding,
        payload_type: encoding.static_payload_type().unwrap_or(111),
        event_payload_type: None,
        event_clock_rate: 8_000,
        opus: OpusWish::default(),
        ptime: 20 * MS,
        ssrc,
        first_sequence: ssrc as u16,
        first_timestamp: 0,
    }
}

/// Each packet of 20 ms has a level of its own, one that PCMU knows exactly.
fn stairs(n_packets: usize, start: Start, repeat: Repeat) -> Programme {
    let bytes: Vec<u8> = (0..n_packets * 160)
        .map(|i| FIRST + (i / 160) as u8)
        .collect();
    let mut samples = Vec::new();
    Decoder::new(Encoding::Pcmu).decode(&bytes, &mut samples);
    let tape = Arc::new(Tape::of(&Pcm::mono(SampleRate::HZ_8000, samples)));
    Programme::of(tape, start, repeat)
}

/// Which stair a packet of PCMU holds.
fn stair(datagram: &[u8]) -> usize {
    usize::from(Packet::parse(datagram).unwrap().payload[80] - FIRST)
}

/// The loudest sound of PCMU; those above it are softer.
const FIRST: u8 = 0x80;

/// What each call got, millisecond by millisecond.
#[derive(Default)]
struct Heard(BTreeMap<CallId, Vec<(Instant, Vec<u8>)>>);

impl Heard {
    fn listen(&mut self, to: &mut Broadcast, now: Instant) {
        to.poll(now, |call, datagram| {
            let heard = self.0.entry(call).or_default();
            heard.push((now, datagram.to_vec()));
        });
    }

    fn stairs(&self, call: u64) -> Vec<usize> {
        let heard = self.0.get(&CallId(call)).map_or(&[][..], Vec::as_slice);
        heard.iter().map(|(_, datagram)| stair(datagram)).collect()
    }
}

#[test]
fn five_hundred_hear_it_from_the_beginning_and_it_is_encoded_once() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let programme = stairs(40, Start::Beginning, Repeat::Once);
    let mut heard = Heard::default();
    for ms in 0..3_000 {
        let now = t0 + ms * MS;
        if ms < 2_000 && ms % 4 == 0 {
            let call = CallId(u64::from(ms / 4));
            let first = broadcast.join(call, programme.clone(), settings(Encoding::Pcmu, ms), now);
            assert!(first > now && first <= now + 10 * MS);
        }
        heard.listen(&mut broadcast, now);
    }
    assert_eq!(broadcast.n_encoded(), 40);
    for call in 0..500 {
        let expected: Vec<usize> = (0..40).collect();
        assert_eq!(heard.stairs(call), expected, "call {call}");
        assert!(broadcast.poll_ended().is_some());
        assert_eq!(broadcast.leave(CallId(call)).unwrap().packets, 40);
    }
    assert_eq!(broadcast.poll_ended(), None);
    assert_eq!(broadcast.n_listeners(), 0);
}

#[test]
fn who_joins_what_is_under_way_hears_what_the_others_hear() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let programme = stairs(100, Start::Joined, Repeat::Forever);
    let mut heard = Heard::default();
    for ms in 0..5_000 {
        if ms % 500 == 3 {
            let to = settings(Encoding::Pcmu, ms);
            broadcast.join(CallId(ms.into()), programme.clone(), to, t0 + ms * MS);
        }
        heard.listen(&mut broadcast, t0 + ms * MS);
    }
    let first = heard.stairs(3);
    assert!((248..=250).contains(&first.len()));
    assert!(first.windows(2).all(|w| w[1] == (w[0] + 1) % 100));
    for call in [503, 2_503, 4_503] {
        let late = heard.stairs(call);
        assert_eq!(late, first[first.len() - late.len()..]);
    }
    assert_eq!(broadcast.n_encoded(), 101, "one turn and its joint");
}

#[test]
fn a_programme_stands_still_while_nobody_hears_it_and_goes_on_in_another_codec() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let programme = stairs(100, Start::Joined, Repeat::Forever);
    let mut heard = Heard::default();
    let mut listen = |broadcast: &mut Broadcast, call: u64, encoding, from: u32| {
        let to = settings(encoding, 1);
        broadcast.join(CallId(call), programme.clone(), to, t0 + from * MS);
        for ms in from..from + 500 {
            heard.listen(broadcast, t0 + ms * MS);
        }
        broadcast.leave(CallId(call));
    };
    listen(&mut broadcast, 1, Encoding::Pcmu, 0);
    listen(&mut broadcast, 2, Encoding::Pcma, 90_000);
    listen(&mut broadcast, 3, Encoding::Pcmu, 200_000);
    let (first, third) = (heard.stairs(1), heard.stairs(3));
    let gap = third[0] as i64 - first[first.len() - 1] as i64;
    assert!(
        (24..=27).contains(&gap),
        "{gap}: 25 packets of another codec"
    );
    assert!(third.windows(2).all(|w| w[1] == w[0] + 1));
}

#[test]
fn a_listener_who_is_put_on_hold_misses_nothing_of_his_own_and_time_passes() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let programme = stairs(50, Start::Beginning, Repeat::Once);
    let mut heard = Heard::default();
    let to = settings(Encoding::Pcmu, 7);
    broadcast.join(CallId(1), programme, to, t0);
    for ms in 0..2_000 {
        match ms {
            300 => broadcast.pause(CallId(1)),
            700 => broadcast.set_agreement(CallId(1), to, t0 + ms * MS),
            _ => {}
        }
        heard.listen(&mut broadcast, t0 + ms * MS);
    }
    assert_eq!(heard.stairs(1), (0..50).collect::<Vec<_>>());
    let packets: Vec<_> = heard.0[&CallId(1)]
        .iter()
        .map(|(at, datagram)| (*at, Packet::parse(datagram).unwrap()))
        .collect();
    for pair in packets.windows(2) {
        let ticks = pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp);
        assert_eq!(
            Duration::from_millis(u64::from(ticks / 8)),
            pair[1].0 - pair[0].0
        );
        assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
        assert_eq!(pair[1].1.marker, ticks != 160);
    }
}

#[test]
fn another_packet_length_and_codec_go_on_at_the_same_place_with_the_same_stream() {
    let t0 = Instant::now();
    let mut broadcast = Broadcast::new(t0);
    let programme = stairs(100, Start::Beginning, Repeat::Once);
    let mut heard = Heard::default();
    broadcast.join(CallId(1), programme, settings(Encoding::G722, 7), t0);
    for ms in 0..1_000 {
        if ms == 500 {
            let to = SenderSettings {
                ptime: 40 * MS,
                ..settings(Encoding::Pcmu, 99)
            };
            broadcast.set_agreement(CallId(1), to, t0 + ms * MS);
        }
        heard.listen(&mut broadcast, t0 + ms * MS);
    }
    let packets: Vec<_> = heard.0[&CallId(1)]
        .iter()
        .map(|(_, datagram)| Packet::parse(datagram).unwrap())
        .collect();
    assert!(packets.iter().all(|packet| packet.ssrc == 7));
    let sequences: Vec<u16> = packets.iter().map(|packet| packet.sequence).collect();
    assert!(sequences.windows(2).all(|w| w[1] == w[0] + 1));
    let first = packets.iter().position(|p| p.payload_type == 0).unwrap();
    assert_eq!(packets[first].payload.len(), 320);
    let at = stair(&heard.0[&CallId(1)][first].1);
    assert!((23..=26).contains(&at), "{at}");
}

/// What may happen to one of a few calls at some millisecond.
#[derive(Clone, Copy, Debug)]
enum Act {
    Join(Start, bool),
    Leave,
    Pause,
    Resume,
}

fn act() -> impl Strategy<Value = (u16, u64, Act)> {
    let what = prop_oneof![
        (any::<bool>(), any::<bool>()).prop_map(|(joined, wide)| {
            let start = if joined {
                Start::Joined
            } else {
                Start::Beginning
            };
            Act::Join(start, wide)
        }),
        Just(Act::Leave),
        Just(Act::Pause),
        Just(Act::Resume),
    ];
    (0..1_500_u16, 0..6_u64, what)
}

proptest! {
    #[test]
    fn whatever_listeners_do_each_stream_is_unbroken(mut acts in vec(act(), 1..40)) {
        acts.sort_by_key(|(at, ..)| *at);
        let t0 = Instant::now();
        let mut broadcast = Broadcast::new(t0);
        let joined = stairs(30, Start::Joined, Repeat::Forever);
        let alone = Programme { start: Start::Beginning, ..joined.clone() };
        let mut heard = Heard::default();
        let mut acts = acts.into_iter().peekable();
        let mut wide = BTreeMap::new();
        for ms in 0..2_000_u32 {
            let now = t0 + ms * MS;
            while let Some((_, call, act)) = acts.next_if(|(at, ..)| u32::from(*at) <= ms) {
                let call = CallId(call);
                let to = |wide| settings(if wide { Encoding::G722 } else { Encoding::Pcmu }, 5);
                match act {
                    Act::Join(start, is_wide) => {
                        let which = if start == Start::Joined { &joined } else { &alone };
                        let at = broadcast.join(call, which.clone(), to(is_wide), now);
                        prop_assert!(at > now && at <= now + 10 * MS);
                        wide.insert(call, is_wide);
                    }
                    Act::Leave => {
                        let n = heard.0.remove(&call).map_or(0, |heard| heard.len() as u64);
                        if let Some(report) = broadcast.leave(call) {
                            prop_assert_eq!(report.packets, n);
                        }
                    }
                    Act::Pause => broadcast.pause(call),
                    Act::Resume => if let Some(&is_wide) = wide.get(&call) {
                        broadcast.set_agreement(call, to(is_wide), now);
                    },
                }
            }
            heard.listen(&mut broadcast, now);
        }
        for heard in heard.0.values() {
            let packets: Vec<_> = heard.iter().map(|(_, d)| Packet::parse(d).unwrap()).collect();
            for pair in packets.windows(2) {
                prop_assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
                prop_assert!(pair[1].timestamp > pair[0].timestamp);
            }
        }
        // Two codecs, each from the beginning and for those who join.
        prop_assert!(broadcast.n_encoded() <= 6 * 60, "{}", broadcast.n_encoded());
    }
}
