//! What does a week of paging leave behind?
//!
//! The engine runs at 8 kHz through pages, klaxons, ducks and changes at random moments, with long
//! silences in between. The usual run is shorter; the whole week is
//! `cargo test --release --lib a_whole_week -- --ignored`.

use super::*;
use crate::dsp::{Curve, FLAT, FLAT_Q, Speech, USUAL_TARGET};
use crate::mix::{Fitting, Treatment};

const LOW: SampleRate = SampleRate::HZ_8000;
const N_ZONES: usize = 2;
/// All sounds swing so slowly that only the engine can make a step larger than this.
const LEVEL: f32 = 0.2;

struct Dice(u64);

impl Dice {
    fn next(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Looks at every sample and keeps none.
struct Inspector {
    music: bool,
    now: u64,
    last: [f32; N_ZONES],
    n_bad: u64,
    highest: f32,
    largest_step: f32,
    sounding: u64,
}

impl Ports for Inspector {
    fn read(&mut self, _input: usize, at: usize, into: &mut [f32]) {
        if !self.music {
            into.fill(0.0);
            return;
        }
        for (i, x) in into.iter_mut().enumerate() {
            // 20 Hz, in whole turns, so that long runs lose no precision.
            let turn = (self.now + (at + i) as u64) % 400;
            *x = LEVEL * sine(20.0, LOW, turn as usize);
        }
    }

    fn write(&mut self, output: usize, _at: usize, from: &[f32]) {
        if from.iter().all(|x| *x == 0.0) && self.last[output] == 0.0 {
            return;
        }
        self.sounding += from.len() as u64;
        for &x in from {
            self.n_bad += u64::from(!x.is_finite() || x.is_subnormal());
            self.highest = self.highest.max(x.abs());
            self.largest_step = self.largest_step.max((x - self.last[output]).abs());
            self.last[output] = x;
        }
    }
}

struct Week {
    console: Console,
    engine: Box<Engine>,
    ports: Inspector,
    dice: Dice,
    callers: Vec<(CallId, FeedTx, u64)>,
    hum: Arc<Pcm>,
    n_calls: u64,
    n_plays: u64,
    n_over: u64,
}

impl Week {
    fn new(seed: u64) -> Self {
        let (mut console, engine) = engine(EngineSettings {
            rate: LOW,
            n_zones: N_ZONES,
            n_inputs: 1,
            n_outputs: N_ZONES,
            n_voices: 6,
            n_plays: 4,
            ..EngineSettings::default()
        });
        console.route(routes(0)).unwrap();
        let n = 16_000;
        let hum =
            (0..n).map(|i| LEVEL / 2.0 * (1.0 - (TAU * f64::from(i) / f64::from(n)).cos() as f32));
        Self {
            console,
            engine,
            ports: Inspector {
                music: false,
                now: 0,
                last: [0.0; N_ZONES],
                n_bad: 0,
                highest: 0.0,
                largest_step: 0.0,
                sounding: 0,
            },
            dice: Dice(seed),
            callers: vec![],
            hum: Arc::new(Pcm::mono(LOW, hum.collect())),
            n_calls: 0,
            n_plays: 0,
            n_over: 0,
        }
    }

    fn process(&mut self, frames: usize) {
        for (_, feed, said) in &mut self.callers {
            let due = frames + 200 - feed.fill().min(200);
            let words =
                (0..due as u64).map(|i| LEVEL * sine(20.0, LOW, ((*said + i) % 400) as usize));
            let words: Vec<f32> = words.collect();
            *said += feed.push(&words) as u64;
        }
        self.engine.process(frames, &mut self.ports);
        self.ports.now += frames as u64;
        while self.console.poll().is_some() {
            self.n_over += 1;
        }
    }

    fn act(&mut self) {
        let zones: ZoneSet = match self.dice.next(3) {
            0 => zone(0),
            1 => zone(1),
            _ => ZoneSet::first(2),
        };
        let level = Db(-(self.dice.next(20) as f32));
        let frame = self.engine.vitals().frames() + self.dice.next(3_000);
        let roll = self.dice.next(14);
        let console = &mut self.console;
        match roll {
            0..=2 => {
                let (tx, rx) = feed(LOW, 4_000);
                tx.set_target(200);
                self.n_calls += 1;
                let call = CallId(self.n_calls);
                if console.add_voice(call, rx, zones, level).is_ok() {
                    self.callers.push((call, tx, 0));
                }
            }
            3 | 4 if !self.callers.is_empty() => {
                let (call, feed, _) = self.callers.remove(0);
                if roll == 3 {
                    console.remove_voice(call);
                }
                drop(feed);
            }
            5 => {
                self.n_plays += 1;
                let (id, hum) = (PlayId(self.n_plays), self.hum.clone());
                let _ = console.at(frame, |c| c.play(id, &hum, zones, level, None));
            }
            6 => console.at(frame, |c| c.duck(zones, level, Duration::from_millis(150))),
            7 => console.duck(zones, Db::UNITY, Duration::from_millis(800)),
            8 => console.set_speech_volume(ZoneId(0), level),
            9 => console.set_music_volume(ZoneId(1), level),
            10 => console.at(frame, |c| c.route(routes(frame)).unwrap()),
            11 => console.fit(ZoneId((frame % 2) as u16), fitting(frame)),
            12 => console.set_treatment(Treatment {
                howl: crate::dsp::Cure::Notch,
                agc: frame.is_multiple_of(2).then_some(USUAL_TARGET),
                speech_filter: frame.is_multiple_of(3).then(Speech::default),
            }),
            _ => {}
        }
    }

    /// Some minutes of a busy site, in callbacks of changing sizes.
    fn busy(&mut self, frames: u64) {
        let until = self.ports.now + frames;
        self.ports.music = self.dice.next(4) > 0;
        while self.ports.now < until {
            if self.dice.next(8) == 0 {
                self.act();
            }
            let size = [64, 128, 256, 441, 1_024][self.dice.next(5) as usize];
            self.process(size);
        }
        // The music begins and ends at zero, where its turn begins.
        self.process(((400 - self.ports.now % 400) % 400) as usize);
    }

    /// Hours in which nobody wants anything.
    fn quiet(&mut self, frames: u64) {
        self.callers.clear();
        self.ports.music = false;
        let until = self.ports.now + frames;
        while self.ports.now < until {
            self.process(40_000);
        }
    }

    fn check(mut self) -> u64 {
        (1..=self.n_plays).for_each(|id| self.console.stop(PlayId(id)));
        self.quiet(80_000);
        let Inspector {
            n_bad,
            highest,
            largest_step,
            sounding,
            ..
        } = self.ports;
        assert_eq!(n_bad, 0, "no number, or denormal");
        assert!(highest <= CEILING, "{highest}");
        // What the ramps permit at 8 kHz: six voices, four hums and the music at 20 Hz swing by
        // 11 × 0.2 × 2π 20 / 8,000; six voices that break off fade 1.2 within 4 ms or 32 frames,
        // by 1.5 / 32 of it at most; the limiter goes down by all it does in 12 frames. A click
        // would be as high as the sound.
        assert!(largest_step < 0.2, "{largest_step}");
        assert_eq!(self.ports.last, [0.0; N_ZONES], "silence is silence");
        assert_eq!(self.engine.vitals().frames(), self.ports.now);
        sounding
    }
}

fn routes(seed: u64) -> Routes {
    let route = |i: u64| Route {
        zones: [ZoneId(i as u16), ZoneId((seed % 2) as u16)]
            .into_iter()
            .collect(),
        music: vec![Link {
            input: 0,
            gain: Db(-((seed % 5) as f32)),
        }],
    };
    Routes {
        outputs: (0..N_ZONES as u64).map(route).collect(),
    }
}

fn fitting(seed: u64) -> Fitting {
    let mut curves = FLAT;
    curves[0] = seed.is_multiple_of(3).then_some(Curve::HighPass {
        hz: 100.0,
        q: FLAT_Q,
    });
    curves[4] = (seed % 5 < 3).then_some(Curve::Peak {
        hz: 300.0,
        gain: Db(3.0),
        q: 1.0,
    });
    Fitting {
        curves,
        delay: Duration::from_millis([0, 0, 30, 1_000][(seed % 4) as usize]),
        ceiling: Db([0.0, -3.0][(seed % 2) as usize]),
    }
}

/// Through so many hours, of which so many seconds in each are busy.
fn run(seed: u64, hours: u64, busy_s: u64) {
    let mut week = Week::new(seed);
    for _ in 0..hours {
        week.busy(busy_s * 8_000);
        week.quiet((3_600 - busy_s) * 8_000);
    }
    let sounding = week.check();
    assert!(sounding > hours * busy_s * 8_000 / 2, "{sounding}");
}

#[test]
fn days_leave_no_bad_number_no_click_and_nothing_behind() {
    run(1, 8, 15);
}

#[test]
#[ignore = "takes minutes: cargo test --release --lib a_whole_week -- --ignored"]
fn a_whole_week_leaves_no_bad_number_no_click_and_nothing_behind() {
    for seed in 1..=7 {
        run(seed, 24, 600);
    }
}
