//! What does one callback cost, and how does it grow with voices, zones and outputs?
//!
//! `cargo bench --bench engine`. A callback of 256 frames at 48 kHz has 5,333 µs. Each zone has
//! one output, and every output carries music; every voice speaks in every zone. Where zones are
//! quiet, no music plays and one voice speaks in one of them.

use std::time::Duration;

use divan::{Bencher, black_box};
use paging::base::{CallId, Db, FeedTx, SampleRate, ZoneId, ZoneSet, feed};
use paging::dsp::{Limiter, Resampler};
use paging::mix::{Console, Engine, EngineSettings, Link, Ports, Route, Routes, engine};

const FRAMES: usize = 256;

fn main() {
    divan::main();
}

struct Wires {
    loudness: f32,
}

impl Ports for Wires {
    fn read(&mut self, _input: usize, at: usize, into: &mut [f32]) {
        for (i, x) in into.iter_mut().enumerate() {
            *x = self.loudness * ((at + i) % 100) as f32 / 100.0;
        }
    }

    fn write(&mut self, _output: usize, _at: usize, from: &[f32]) {
        black_box(from);
    }
}

struct Site {
    console: Console,
    engine: Box<Engine>,
    feeds: Vec<FeedTx>,
    wires: Wires,
}

impl Site {
    fn new(n_voices: usize, n_zones: usize, loudness: f32) -> Self {
        let (mut console, engine) = engine(EngineSettings {
            n_zones,
            n_outputs: n_zones,
            n_voices: n_voices.max(1),
            ..EngineSettings::default()
        });
        let route = |i| Route {
            zones: ZoneSet::from_iter([ZoneId(i as u16)]),
            music: vec![Link {
                input: i % 2,
                gain: Db::UNITY,
            }],
        };
        let routes = Routes {
            outputs: (0..n_zones).map(route).collect(),
        };
        console.route(routes).expect("within the engine's limits");
        let feeds = (0..n_voices)
            .map(|n| add_voice(&mut console, n, n_zones))
            .collect();
        let wires = Wires { loudness };
        let mut site = Self {
            console,
            engine,
            feeds,
            wires,
        };
        // Past the fades of the start.
        (0..20).for_each(|_| site.callback());
        site
    }

    fn callback(&mut self) {
        for feed in &mut self.feeds {
            if feed.fill() < 160 {
                feed.push(&[0.01; 160]);
            }
        }
        self.engine.process(FRAMES, &mut self.wires);
    }
}

fn add_voice(console: &mut Console, n: usize, n_zones: usize) -> FeedTx {
    let (tx, rx) = feed(SampleRate::HZ_8000, 8_000);
    tx.set_target(200);
    let zones = ZoneSet::first(n_zones);
    console
        .add_voice(CallId(n as u64), rx, zones, Db(-20.0))
        .expect("within the engine's limits");
    tx
}

#[divan::bench(args = [(0, 1), (1, 1), (1, 4), (50, 1), (50, 4), (100, 4), (50, 16), (1, 16), (1, 64), (1, 256)])]
fn process(bencher: Bencher<'_, '_>, (n_voices, n_zones): (usize, usize)) {
    let mut site = Site::new(n_voices, n_zones, 0.1);
    bencher.bench_local(|| site.callback());
}

/// One zone is spoken to, and all others are there.
#[divan::bench(args = [1, 16, 64, 256, 512])]
fn process_quiet_zones(bencher: Bencher<'_, '_>, n_zones: usize) {
    let mut site = Site::new(0, n_zones, 0.0);
    site.feeds = vec![add_voice(&mut site.console, 1, 1)];
    (0..20).for_each(|_| site.callback());
    bencher.bench_local(|| site.callback());
}

/// Music so loud that every limiter works all the time.
#[divan::bench(args = [1, 4, 16])]
fn process_limiting(bencher: Bencher<'_, '_>, n_zones: usize) {
    let mut site = Site::new(1, n_zones, 4.0);
    bencher.bench_local(|| site.callback());
}

#[divan::bench(args = [0.1, 0.8, 4.0])]
fn limiter(bencher: Bencher<'_, '_>, level: f32) {
    let mut limiter = Limiter::new(Db(-1.0), SampleRate::HZ_48000, FRAMES);
    let wave: Vec<f32> = (0..FRAMES)
        .map(|i| level * (i as f32 * 0.0245).sin())
        .collect();
    bencher.bench_local(|| {
        let mut block = [0.0; FRAMES];
        block.copy_from_slice(&wave);
        limiter.process(&mut block);
        block
    });
}

#[divan::bench(args = [8_000, 16_000, 48_000])]
fn resampler(bencher: Bencher<'_, '_>, hz: u32) {
    let from = SampleRate::new(hz).expect("not zero");
    let mut resampler = Resampler::new(from, SampleRate::HZ_48000, FRAMES);
    let input = vec![0.1; resampler.max_need()];
    bencher.bench_local(|| {
        let mut block = [0.0; FRAMES];
        let need = resampler.need(FRAMES);
        resampler.process(&input[..need], &mut block);
        block
    });
}

/// Made by the control side for each call.
#[divan::bench]
fn making_a_resampler() -> Resampler {
    Resampler::new(SampleRate::HZ_8000, SampleRate::HZ_48000, FRAMES)
}

#[divan::bench]
fn converting_a_klaxon_of_a_second(bencher: Bencher<'_, '_>) {
    let from = SampleRate::new(44_100).expect("not zero");
    let sound = paging::dsp::tones::klaxon(from, Duration::from_secs(1));
    bencher.bench_local(|| paging::dsp::convert(&sound, from, SampleRate::HZ_48000));
}
