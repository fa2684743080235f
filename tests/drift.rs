//! Does a voice keep its delay for hours while the caller's clock and the card's run apart?
//!
//! ```text
//!  a pulse a second ─► Sender ─► packets by the caller's clock ─► Receiver ─► feed ─► Engine ─► found
//! ```
//!
//! In virtual time, over everything between the socket and the sound callback. A frame that was
//! dropped or played twice would stay in the delay of every pulse after it.
#![allow(clippy::unwrap_used, reason = "a broken rig shall stop the test")]

use std::time::{Duration, Instant};

use paging::base::{CallId, Db, Encoding, OpusWish, SampleRate, ZoneId, ZoneSet, feed};
use paging::media::{Receiver, ReceiverSettings, Report, Sender, SenderSettings};
use paging::mix::{EngineSettings, Ports, Route, Routes, engine};

const PERIOD: usize = 256;
const CARD: f64 = 48_000.0;
const PACKET: usize = 160;
const PACKETS_A_SECOND: u64 = 50;
/// Where in its second a pulse has its peak, and half its width, in frames of 8 kHz.
const PEAK: usize = 2_000;
const HALF: usize = 16;

#[test]
fn an_hour_at_200_ppm_drops_nothing_and_doubles_nothing() {
    for ppm in [-200.0, 200.0] {
        run(ppm, 3_600).judge(ppm);
    }
}

#[test]
#[ignore = "minutes in a release build: cargo test --release --test drift -- --ignored"]
fn six_hours_at_500_ppm_drop_nothing_and_double_nothing() {
    for ppm in [-500.0, 500.0] {
        run(ppm, 6 * 3_600).judge(ppm);
    }
}

struct Heard {
    /// From the sending of each pulse to its peak at the card, in milliseconds.
    delays: Vec<f64>,
    report: Report,
    n_starved: u64,
}

impl Heard {
    fn judge(&self, ppm: f64) {
        let report = &self.report;
        assert_eq!((report.late, report.lost), (0, 0), "{ppm}: {report:?}");
        assert_eq!(self.n_starved, 0, "{ppm}");
        // The first minute is for learning how far the clocks are apart.
        let settled = &self.delays[60..];
        let mean = settled.iter().sum::<f64>() / settled.len() as f64;
        for (second, delay) in (60..).zip(settled) {
            let strayed = (delay - mean).abs();
            assert!(
                strayed < 5.0,
                "{ppm}, {second} s: {delay} ms, usually {mean}"
            );
        }
        let steps = settled.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        let largest = steps.fold(0.0, f64::max);
        // A pitch period is more than 2.5 ms.
        assert!(largest < 1.0, "{ppm}: a step of {largest} ms");
        assert!(mean < 25.0, "{ppm}: {mean} ms");
    }
}

/// Hears one output and remembers where each second's pulse was highest.
#[derive(Default)]
struct Ear {
    at: usize,
    highest: f32,
    highest_at: usize,
}

impl Ports for Ear {
    fn read(&mut self, _input: usize, _at: usize, into: &mut [f32]) {
        into.fill(0.0);
    }

    fn write(&mut self, _output: usize, at: usize, from: &[f32]) {
        for (i, &x) in from.iter().enumerate() {
            if x > self.highest {
                (self.highest, self.highest_at) = (x, self.at + at + i);
            }
        }
    }
}

/// So many seconds of a caller whose clock is `ppm` millionths faster than the card's.
fn run(ppm: f64, seconds: u64) -> Heard {
    let (mut console, mut engine) = engine(EngineSettings {
        n_zones: 1,
        n_outputs: 1,
        n_voices: 1,
        ..EngineSettings::default()
    });
    let route = Route {
        zones: ZoneSet::from_iter([ZoneId(0)]),
        music: vec![],
    };
    console
        .route(Routes {
            outputs: vec![route],
        })
        .unwrap();
    let (mut tx, rx) = feed(SampleRate::HZ_8000, 8_000);
    let zones = ZoneSet::first(1);
    console.add_voice(CallId(1), rx, zones, Db(-6.0)).unwrap();

    let mut receiver = receiver();
    let mut sender = sender();
    let (start, mut ear) = (Instant::now(), Ear::default());
    let interval = 0.02 / (1.0 + ppm * 1e-6);
    let sent_at = |packet: u64| Duration::from_secs_f64(packet as f64 * interval);
    let card_at = |n: u64| Duration::from_secs_f64((n * PERIOD as u64) as f64 / CARD);
    // Up to 3 ms late, by a rule that looks thrown.
    let late = |packet: u64| Duration::from_micros(packet.wrapping_mul(2_654_435_761) % 3_000);
    let (mut packet, mut callback) = (0u64, 0u64);
    let mut delays = Vec::new();
    let mut poll_at: Option<Duration> = None;
    while packet < seconds * PACKETS_A_SECOND {
        let arrival = sent_at(packet) + late(packet);
        let next = arrival.min(poll_at.unwrap_or(arrival));
        if card_at(callback) <= next {
            engine.process(PERIOD, &mut ear);
            ear.at += PERIOD;
            callback += 1;
            // Half a second behind its pulse, a second is over.
            let second = delays.len() as u64;
            if card_at(callback) > sent_at((second + 1) * PACKETS_A_SECOND) {
                let played = ear.highest_at as f64 / CARD;
                let peak = PEAK as f64 / 8_000.0 / (1.0 + ppm * 1e-6);
                let said = sent_at(second * PACKETS_A_SECOND).as_secs_f64() + peak;
                assert!(ear.highest > 0.05, "{ppm}, {second} s: nothing is heard");
                delays.push((played - said) * 1e3);
                ear.highest = 0.0;
            }
            continue;
        }
        let now = start + next;
        if next == arrival {
            let datagram = sender.packet(&sound(packet)).to_vec();
            receiver.handle_rtp(&datagram, now);
            packet += 1;
        }
        while let Some(frames) = receiver.poll(now, tx.fill()) {
            tx.push(frames);
        }
        tx.set_target(receiver.target());
        let due = receiver.poll_timeout().map(|(at, _)| at - start);
        // A timer is noticed a little late.
        poll_at = due.map(|at| at.max(next) + Duration::from_micros(200));
    }
    Heard {
        delays,
        report: receiver.report(),
        n_starved: tx.n_starved(),
    }
}

/// A packet of a voice that is one pulse a second over a soft hum.
fn sound(packet: u64) -> Vec<f32> {
    let first = packet % PACKETS_A_SECOND * PACKET as u64;
    (first..first + PACKET as u64)
        .map(|frame| {
            let hum = 0.01 * (frame as f32 * 0.1).sin();
            let off = (frame as f32 - PEAK as f32) / HALF as f32;
            let pulse = if off.abs() < 1.0 {
                0.5 * (0.5 + 0.5 * (off * std::f32::consts::PI).cos())
            } else {
                0.0
            };
            hum + pulse
        })
        .collect()
}

fn receiver() -> Receiver {
    Receiver::new(ReceiverSettings {
        encoding: Encoding::Pcmu,
        payload_type: 0,
        event_payload_type: Some(101),
        event_clock_rate: 8_000,
    })
}

fn sender() -> Sender {
    Sender::new(SenderSettings {
        encoding: Encoding::Pcmu,
        payload_type: 0,
        event_payload_type: None,
        event_clock_rate: 8_000,
        ptime: Duration::from_millis(20),
        opus: OpusWish::default(),
        ssrc: 1,
        first_sequence: 0,
        first_timestamp: 0,
    })
}
