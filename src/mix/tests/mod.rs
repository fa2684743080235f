//! Does the mixer as a whole do what it promises, by number?

mod chaos;
mod fitting;
mod lifecycle;
mod music;
mod pickups;
mod places;
mod plays;
mod positions;
mod taps;
mod treatment;
mod tunes;
mod voices;
mod week;
mod zones;

use std::f64::consts::TAU;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, Db, FeedTx, Pcm, PlayId, SampleRate, ZoneId, ZoneSet, feed};
use crate::mix::{
    Console, Engine, EngineSettings, Event, Link, Ports, Refusal, Route, Routes, engine,
};

const RATE: SampleRate = SampleRate::HZ_48000;
const CEILING: f32 = 0.891_250_9;
/// The limiter's look-ahead at 48 kHz.
const LAG: usize = 48;

/// An engine with a console, music to read and everything that came out.
struct Stage {
    console: Console,
    engine: Box<Engine>,
    wires: Wires,
    events: Vec<Event>,
}

struct Wires {
    music: Box<dyn FnMut(usize, usize) -> f32>,
    now: usize,
    out: Vec<Vec<f32>>,
    /// Off for long runs.
    keep: bool,
}

impl Ports for Wires {
    fn read(&mut self, input: usize, at: usize, into: &mut [f32]) {
        for (i, x) in into.iter_mut().enumerate() {
            *x = (self.music)(input, self.now + at + i);
        }
    }

    fn write(&mut self, output: usize, _at: usize, from: &[f32]) {
        if self.keep {
            self.out[output].extend_from_slice(from);
        }
    }
}

impl Stage {
    /// As many outputs and inputs as zones; output n carries zone n and input n.
    fn new(n_zones: usize) -> Self {
        let settings = EngineSettings {
            n_zones,
            n_inputs: n_zones,
            n_outputs: n_zones,
            n_taps: 2,
            n_voices: 8,
            n_plays: 4,
            ..EngineSettings::default()
        };
        let (console, engine) = engine(settings);
        let wires = Wires {
            music: Box::new(|_, _| 0.0),
            now: 0,
            out: vec![vec![]; n_zones],
            keep: true,
        };
        let mut stage = Self {
            console,
            engine,
            wires,
            events: vec![],
        };
        stage.console.route(straight(n_zones)).unwrap();
        stage
    }

    /// With the same music on every input, as a function of time in frames.
    fn with_music(n_zones: usize, music: impl Fn(usize) -> f32 + 'static) -> Self {
        let mut stage = Self::new(n_zones);
        stage.wires.music = Box::new(move |_, at| music(at));
        stage
    }

    /// One callback.
    fn process(&mut self, frames: usize) {
        self.engine.process(frames, &mut self.wires);
        self.wires.now += frames;
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(event) = self.console.poll() {
            self.events.push(event);
        }
    }

    /// Callbacks of 256 frames for at least so long.
    fn run(&mut self, span: Duration) {
        let until = self.wires.now + RATE.frames_in(span);
        while self.wires.now < until {
            self.process(256);
        }
    }

    fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    /// Past the fade-in of the first routes.
    fn settle(&mut self) {
        self.run_ms(50);
    }

    fn out(&self, output: usize, from: usize) -> &[f32] {
        &self.wires.out[output][from..]
    }

    fn now(&self) -> usize {
        self.wires.now
    }

    fn n_ended(&self) -> usize {
        self.events
            .iter()
            .filter(|event| matches!(event, Event::Ended { .. }))
            .count()
    }

    fn n_gone(&self) -> usize {
        self.events
            .iter()
            .filter(|event| matches!(event, Event::VoiceGone { .. }))
            .count()
    }
}

fn straight(n: usize) -> Routes {
    let route = |i| Route {
        zones: zone(i),
        music: vec![Link {
            input: i,
            gain: Db::UNITY,
        }],
    };
    Routes {
        outputs: (0..n).map(route).collect(),
    }
}

fn zone(i: usize) -> ZoneSet {
    [ZoneId(i as u16)].into_iter().collect()
}

fn sine(hz: f64, rate: SampleRate, at: usize) -> f32 {
    (TAU * hz * at as f64 / f64::from(rate.hz())).sin() as f32
}

fn largest_step(frames: &[f32]) -> f32 {
    frames
        .windows(2)
        .map(|w| (w[1] - w[0]).abs())
        .fold(0.0, f32::max)
}

fn highest(frames: &[f32]) -> f32 {
    frames.iter().fold(0.0, |a, b| a.max(b.abs()))
}

/// A caller's side: pushes packets of 20 ms at its own clock.
struct Talker {
    tx: FeedTx,
    /// When the next packet comes, in card frames.
    next_at: f64,
    packet: f64,
    sent: usize,
    say: fn(usize) -> f32,
}

impl Talker {
    /// A feed at 8 kHz with a caller whose clock is fast by `ppm`.
    fn new(ppm: f64, say: fn(usize) -> f32) -> (Self, crate::base::FeedRx) {
        let (tx, rx) = feed(SampleRate::HZ_8000, 8_000);
        tx.set_target(200);
        let packet = 960.0 / (1.0 + ppm * 1e-6);
        let talker = Self {
            tx,
            next_at: 0.0,
            packet,
            sent: 0,
            say,
        };
        (talker, rx)
    }

    /// The receiver's cushion of silence before the first packet.
    fn cushion(&mut self, frames: usize) {
        self.tx.push(&vec![0.0; frames]);
    }

    /// All that is due by `now`, in card frames.
    fn talk(&mut self, now: usize) {
        while self.next_at <= now as f64 {
            let frames: Vec<f32> = (self.sent..self.sent + 160).map(self.say).collect();
            self.tx.push(&frames);
            self.sent += 160;
            self.next_at += self.packet;
        }
    }
}
