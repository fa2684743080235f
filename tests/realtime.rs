//! Does the sound callback ever touch the heap?
//!
//! The allocator of this test counts every allocation and every release inside `process`.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, mpsc};
use std::time::Duration;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, reset_violation_count, violation_count};
use paging::base::{
    CallId, Db, FeedTx, MusicId, Pcm, PlayId, RecordingId, SampleRate, StereoTx, TrackRx, ZoneId,
    ZoneSet, feed, stereo, track,
};
use paging::dsp::{Cure, Curve, FLAT, FLAT_Q, Speech};
use paging::mix::{
    Console, Engine, EngineSettings, Event, Fitting, Link, Ports, Route, Routes, Spot, Treatment,
    Tuning, engine,
};
use paging::output::card::{Playout, Tally, line};
use paging::output::{Desk, Lent, Plays};

#[global_allocator]
static COUNTING: AllocDisabler = AllocDisabler;

const N_ZONES: usize = 4;
const N_VOICES: usize = 40;

/// Music in, and the highest sample out.
struct Wires {
    highest: f32,
}

impl Ports for Wires {
    fn read(&mut self, _input: usize, _at: usize, into: &mut [f32]) {
        into.fill(0.9);
    }

    fn write(&mut self, _output: usize, _at: usize, from: &[f32]) {
        self.highest = from.iter().fold(self.highest, |a, b| a.max(b.abs()));
    }
}

struct Site {
    console: Console,
    engine: Box<Engine>,
    wires: Wires,
    /// The callers' sides, oldest first.
    callers: Vec<(CallId, FeedTx)>,
    music: Vec<StereoTx>,
    /// The writers' sides, oldest first.
    recordings: Vec<(RecordingId, TrackRx)>,
    n_recorded: usize,
    n_broken: usize,
    klaxon: Arc<Pcm>,
    turn: u64,
    n_ended: usize,
    n_gone: usize,
    n_music_gone: usize,
}

impl Site {
    fn new() -> Self {
        let (console, engine) = engine(EngineSettings {
            n_zones: N_ZONES,
            n_inputs: 2,
            n_outputs: 4,
            n_voices: N_VOICES,
            n_plays: 8,
            ..EngineSettings::default()
        });
        Self {
            console,
            engine,
            wires: Wires { highest: 0.0 },
            callers: vec![],
            music: vec![],
            recordings: vec![],
            n_recorded: 0,
            n_broken: 0,
            klaxon: Arc::new(Pcm::mono(SampleRate::HZ_16000, vec![0.5; 4_000])),
            turn: 0,
            n_ended: 0,
            n_gone: 0,
            n_music_gone: 0,
        }
    }

    /// Everything the control side can do, a part of it in each turn.
    fn control(&mut self) {
        let (turn, console) = (self.turn, &mut self.console);
        let zone = ZoneSet::from_iter([ZoneId((turn % 4) as u16)]);
        let (ms, level) = (Duration::from_millis, Db(-(turn as f32 % 9.0)));
        match turn % 20 {
            0..=2 => self.speak(zone),
            3 => self.play(None),
            4 => self.play(Some(ms(30))),
            5 => console.stop(PlayId(turn - 2)),
            6 => console.duck(zone, Db(-20.0), ms(30)),
            7 => console.duck(zone, Db::UNITY, ms(30)),
            8 => console.set_music_volume(ZoneId(1), level),
            9 => console.set_speech_volume(ZoneId(1), level),
            10 => console.route(routes(turn)).unwrap(),
            11 => console.fit(ZoneId((turn % 4) as u16), fitting(turn)),
            12 => console.set_treatment(treatment(turn)),
            13 => self.later(zone),
            14 => self.add_music(),
            15 => {
                let music = Some(MusicId((turn % 3) as u16));
                console.tune([(ZoneId(0), music)].into(), music);
            }
            16 => self.record(),
            17 => self.end_recording(),
            18 if turn % 8 == 2 => console.remove_music(MusicId((turn % 3) as u16)),
            _ => self.leave_or_hang_up(),
        }
        if turn % 500 == 499 {
            let hz = if turn % 1_000 == 499 { 44_100 } else { 48_000 };
            self.engine.set_rate(SampleRate::new(hz).unwrap());
        }
        self.turn += 1;
    }

    /// Recordings of all kinds; some are not written for a while.
    fn record(&mut self) {
        let recording = RecordingId(self.turn);
        let spot = match self.turn / 20 % 3 {
            0 => Spot::Caller,
            1 => Spot::Page,
            _ => Spot::Outputs(vec![0, 2]),
        };
        let rate = self.console.vitals().rate();
        let (tx, rx) = track(rate, spot.channels(), Duration::from_millis(100));
        self.console.record(recording, spot, tx).unwrap();
        self.console.record_call(CallId(self.turn + 4), recording);
        self.console.record_play(PlayId(self.turn + 7), recording);
        self.recordings.push((recording, rx));
    }

    fn end_recording(&mut self) {
        if self.recordings.len() > 3 {
            let (recording, _) = self.recordings.remove(0);
            self.console.end_recording(recording);
        }
        let mut heard = vec![];
        for (_, rx) in &mut self.recordings {
            while rx.read(4_096, &mut heard) > 0 {}
        }
        self.n_recorded += heard.iter().filter(|x| **x != 0.0).count();
    }

    /// Another ring for a source; some are left to run dry.
    fn add_music(&mut self) {
        let rate = self.console.vitals().rate();
        let (mut tx, rx) = stereo(rate, 20_000);
        tx.push(&[[0.3, 0.2]; 20_000]);
        let tuning = Tuning {
            rests_in_pages: self.turn.is_multiple_of(2),
            ..Tuning::default()
        };
        let music = MusicId((self.turn % 3) as u16);
        self.console.add_music(music, rx, tuning).unwrap();
        self.music.retain(|tx| !tx.is_abandoned());
        self.music.push(tx);
    }

    /// Something at a frame that lies ahead.
    fn later(&mut self, zone: ZoneSet) {
        let frame = self.console.vitals().frames() + self.turn % 777;
        let (id, ms) = (PlayId(self.turn), Duration::from_millis(20));
        self.console.at(frame, |console| {
            console.duck(zone, Db(-12.0), ms);
            let _ = console.play(id, &self.klaxon, zone, Db(-6.0), None);
        });
    }

    fn drain(&mut self) {
        while let Some(event) = self.console.poll() {
            match event {
                Event::Ended { .. } => self.n_ended += 1,
                Event::Howled { .. } => {}
                Event::VoiceGone { .. } => self.n_gone += 1,
                Event::MusicGone { .. } => self.n_music_gone += 1,
                Event::RecordingBroken { .. } => self.n_broken += 1,
            }
        }
    }

    fn speak(&mut self, zones: ZoneSet) {
        let (tx, rx) = feed(SampleRate::HZ_8000, 8_000);
        tx.set_target(160);
        let call = CallId(self.turn);
        if self.console.add_voice(call, rx, zones, Db(-6.0)).is_ok() {
            self.callers.push((call, tx));
        }
    }

    fn play(&mut self, longest: Option<Duration>) {
        let (id, zones) = (PlayId(self.turn), ZoneSet::first(N_ZONES));
        // Refused when all places are taken, which is a part of the load.
        let _ = self.console.play(id, &self.klaxon, zones, Db(3.0), longest);
    }

    /// Three go for three that came, when the site is full.
    fn leave_or_hang_up(&mut self) {
        if self.callers.len() + 3 < N_VOICES {
            return;
        }
        for is_removed in [true, false, false] {
            let (call, feed) = self.callers.remove(0);
            if is_removed {
                self.console.remove_voice(call);
            }
            drop(feed);
        }
    }

    /// Packets for every caller, at times none or far too many.
    fn talk(&mut self, frames: usize) {
        for (CallId(call), feed) in &mut self.callers {
            let n = match (self.turn + *call * 37) % 200 {
                0..20 => 0,
                20 => 4_000,
                _ => frames / 6 + 1,
            };
            feed.push(&vec![0.3; n]);
        }
    }
}

fn fitting(turn: u64) -> Fitting {
    let mut curves = FLAT;
    curves[1] = turn.is_multiple_of(2).then_some(Curve::HighPass {
        hz: 150.0,
        q: FLAT_Q,
    });
    Fitting {
        curves,
        delay: Duration::from_millis(turn % 3 * 50),
        ceiling: Db([0.0, -6.0][(turn % 2) as usize]),
    }
}

fn treatment(turn: u64) -> Treatment {
    Treatment {
        howl: [Cure::Off, Cure::Notch, Cure::Duck][(turn % 3) as usize],
        agc: (turn % 4 < 2).then_some(Db(-20.0)),
        speech_filter: (!turn.is_multiple_of(3)).then(Speech::default),
    }
}

fn routes(turn: u64) -> Routes {
    let route = |i: u64| Route {
        zones: [ZoneId(i as u16), ZoneId((turn % 4) as u16)]
            .into_iter()
            .collect(),
        music: vec![Link {
            input: (i % 2) as usize,
            gain: Db(-(turn as f32 % 7.0)),
        }],
    };
    Routes {
        outputs: (0..4 - turn / 12 % 2).map(route).collect(),
    }
}

#[test]
fn the_callback_never_touches_the_heap_under_any_load() {
    let mut site = Site::new();
    reset_violation_count();
    for turn in 0..6_000 {
        site.control();
        let frames = [64, 256, 1_024, 100, 0][turn % 5];
        site.talk(frames);
        let Site { engine, wires, .. } = &mut site;
        assert_no_alloc(|| engine.process(frames, wires));
        site.drain();
    }
    assert_eq!(violation_count(), 0);
    // It was a load: all of this happened in there.
    let vitals = site.console.vitals();
    assert!(site.n_ended > 100, "{}", site.n_ended);
    assert!(site.n_gone > 100, "{}", site.n_gone);
    assert!(site.n_music_gone > 5, "{}", site.n_music_gone);
    assert!(site.n_recorded > 100_000, "{}", site.n_recorded);
    assert!(site.n_broken > 5, "{}", site.n_broken);
    assert!(vitals.starved_frames() > 0 && vitals.skips() > 0 && vitals.refusals() > 0);
    assert!(site.wires.highest > 0.8 && site.wires.highest < 0.8913);
}

/// Devices that come, stand still, hurry and go, each with two of the engine's last outputs.
#[test]
fn callbacks_of_devices_beside_the_clock_never_touch_the_heap() {
    let (mut console, engine) = engine(EngineSettings {
        n_zones: N_ZONES,
        n_outputs: 8,
        ..EngineSettings::default()
    });
    let all = Route {
        zones: ZoneSet::first(1),
        music: vec![],
    };
    let outputs = vec![all; 8];
    console.route(Routes { outputs }).unwrap();
    let klaxon = Arc::new(Pcm::mono(SampleRate::HZ_48000, vec![0.5; 48_000 * 60]));
    let zones = ZoneSet::first(1);
    console
        .play(PlayId(1), &klaxon, zones, Db::UNITY, None)
        .unwrap();
    let (mut patch, desk) = Desk::with_cards(engine, 4);
    let (home, _kept) = mpsc::channel();
    let mut lent = Lent::new(desk, home);
    let tally = Arc::new(Tally::default());
    let mut playouts: [Option<Playout>; 2] = [None, None];
    let mut wires = Wires { highest: 0.0 };
    let mut of_devices = Wires { highest: 0.0 };
    reset_violation_count();
    for turn in 0..4_000 {
        let (place, phase) = (turn / 100 % 2, turn % 100);
        if phase == 0 {
            let span = Duration::from_millis(500);
            let (tx, rx) = line(SampleRate::HZ_48000, 2, span);
            let rate = SampleRate::new([48_000, 44_100][turn / 200 % 2]).unwrap();
            let playout = Playout::new(rx, 512, rate, 448, tally.clone());
            assert!(patch.plug(place, 4 + 2 * place, tx));
            playouts[place] = Some(playout);
        }
        if turn % 700 == 650 {
            assert!(patch.unplug(place));
        }
        patch.tidy();
        assert_no_alloc(|| lent.process(512, &mut wires));
        let n_calls = match phase {
            20..50 => 0,
            70..75 => 4,
            _ => 1 + phase % 7 / 6,
        };
        for playout in playouts.iter_mut().flatten() {
            for _ in 0..n_calls {
                assert_no_alloc(|| playout.process(448, &mut of_devices));
            }
        }
        while console.poll().is_some() {}
    }
    assert_eq!(violation_count(), 0);
    assert!(tally.n_starved() > 10 && tally.n_skips() > 10, "{tally:?}");
    assert!(wires.highest > 0.45 && of_devices.highest > 0.45);
}

#[test]
fn the_detector_detects() {
    reset_violation_count();
    let mut made: Vec<u8> = vec![];
    assert_no_alloc(|| made.push(1));
    assert!(violation_count() > 0, "an allocation");
    reset_violation_count();
    assert_no_alloc(|| drop(made));
    assert!(violation_count() > 0, "a release");
    reset_violation_count();
    assert_no_alloc(|| {});
    assert_eq!(violation_count(), 0);
}
