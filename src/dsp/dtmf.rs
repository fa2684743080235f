//! Which keys does a caller press whose phone sends them as tones? (ITU-T Q.23, Q.24)
//!
//! ```text
//!  in ─► 16 ms under a Hann window, every 4 ms ─► Goertzel at the 8 tones ─► strongest pair
//!          loud enough? nothing else there? both about as strong? as before? ─► one more step
//!  steps in a row: long enough, and both tones turn as fast as they should? ─► a key
//! ```
//!
//! The window is too short to tell a tone from one that is 3 % beside it. What tells is by how
//! much its phase has turned from one window to the next.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::base::{Db, SampleRate};

/// Rows, then columns (Q.23).
const TONES_HZ: [f64; 8] = [
    697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0,
];
const DIGITS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// Long enough to part neighbouring rows, short enough for a tone of 40 ms.
const WINDOW: Duration = Duration::from_millis(16);
const STEP: Duration = Duration::from_millis(4);
/// Each tone is at least as loud: Q.24 has −24 or −25 dBm0 as what must be heard, and full scale
/// is +3.17 dBm0.
const SOFTEST: Db = Db(-28.0 - 3.17);
/// How much louder the column may be than the row, and the row than the column: Q.24 has 4 and 8
/// as what must be taken.
const TWIST: Db = Db(6.0);
const REVERSE_TWIST: Db = Db(10.0);
/// The part of all power that the pair must have. Voices have overtones.
const PURITY: f64 = 0.75;
/// The part that they must have over the whole key, each counted as what it is beside its nominal
/// frequency: noise 10 dB below is borne.
const PURITY_OF_ALL: f64 = 0.9;
/// Keys keep the level of each tone; voices do not.
const STEADY: f64 = 0.6;
/// Keys keep their pitch: how much of the turns is left when they are summed, 1.0 if all are the
/// same. Noise 15 dB below takes 0.005 of it.
const IN_STEP: f64 = 0.98;
/// In parts of a tone's frequency: 1.5 % must be taken, 3.5 % must not.
const OFF_TUNE: f64 = 0.025;
/// A tone of 40 ms makes 8 steps, one of 23 ms 5 at most.
const LEAST_STEPS: u32 = 7;
/// What the edges of the window hide of a tone: it is so much longer than its steps.
const HIDDEN: Duration = Duration::from_millis(5);
/// Missing steps that end a key: 10 ms without the tone make 5 at most, 40 ms make 10.
const LONGEST_BREAK: u32 = 7;
/// As long as it is not yet long enough to be a key.
const LONGEST_HITCH: u32 = 1;

/// A key that was heard from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pressed {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub digit: char,
    pub duration: Duration,
}

/// Listens to one voice.
#[derive(Clone, Debug)]
pub struct Dtmf {
    window: Vec<f32>,
    /// Sum of the window, and of its squares.
    weight: f64,
    power: f64,
    recent: Vec<f32>,
    step: usize,
    /// Frames since the last step.
    at: usize,
    goertzel: [Goertzel; 8],
    last: Option<Pair>,
    run: Option<Run>,
}

/// One tone to look for.
#[derive(Clone, Copy, Debug)]
struct Goertzel {
    turn: Complex,
    /// By how much the tone turns in a step, the other way round.
    back: Complex,
    /// Its full turn in a step, in parts of the frequency: radians for 100 %.
    radians: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Complex {
    re: f64,
    im: f64,
}

/// Row and column in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pair {
    tones: [usize; 2],
    /// Amplitude and phase.
    heard: [Complex; 2],
    /// What there is in all, in the units of the squared amplitudes.
    total: f64,
}

/// A key on its way.
#[derive(Clone, Copy, Debug)]
struct Run {
    tones: [usize; 2],
    n_steps: u32,
    /// Steps missing since the last.
    n_missing: u32,
    /// Steps from the first to the last, missing ones included.
    length: u32,
    /// Amplitudes.
    loudest: [f64; 2],
    /// Which way the phases went, summed, and what the sum would be if all went the same.
    drift: [Complex; 2],
    most: [f64; 2],
    /// The squared amplitudes, and all there was, summed.
    powers: [f64; 2],
    total: f64,
}

impl Dtmf {
    /// A listener for a voice at `rate`. Allocates.
    pub fn new(rate: SampleRate) -> Self {
        let n = rate.frames_in(WINDOW);
        let hann = |i: usize| 0.5 - 0.5 * (TAU * (i as f64 + 0.5) / n as f64).cos();
        let window: Vec<f32> = (0..n).map(|i| hann(i) as f32).collect();
        let step = rate.frames_in(STEP).max(1);
        Self {
            weight: window.iter().map(|&w| f64::from(w)).sum(),
            power: window.iter().map(|&w| f64::from(w).powi(2)).sum(),
            recent: vec![0.0; n],
            window,
            step,
            at: 0,
            goertzel: TONES_HZ.map(|hz| Goertzel::new(hz, rate, step)),
            last: None,
            run: None,
        }
    }

    /// Listens to some frames, at most to the end of a step, and returns how many it took. A key
    /// comes once, when it has ended.
    pub fn listen(&mut self, frames: &[f32]) -> (usize, Option<Pressed>) {
        let n = frames.len().min(self.step - self.at);
        let size = self.recent.len();
        self.recent.copy_within(n.., 0);
        self.recent[size - n..].copy_from_slice(&frames[..n]);
        self.at += n;
        if self.at < self.step {
            return (n, None);
        }
        self.at = 0;
        let pair = self.look();
        let pressed = self.follow(pair);
        self.last = pair;
        (n, pressed)
    }

    /// The pair of tones that is all there is in the window, if so.
    fn look(&self) -> Option<Pair> {
        let total = self.recent.iter().zip(&self.window);
        let total: f64 = total.map(|(x, w)| f64::from(x * w).powi(2)).sum();
        let softest = f64::from(SOFTEST.gain());
        if total < softest * softest * self.power / 2.0 {
            return None;
        }
        let heard = self
            .goertzel
            .map(|tone| tone.of(&self.recent, &self.window));
        let amplitude = |i: usize| heard[i].size() * 2.0 / self.weight;
        let loudest = |tones: std::ops::Range<usize>| {
            tones.max_by(|&a, &b| heard[a].size().total_cmp(&heard[b].size()))
        };
        let (row, column) = (loudest(0..4)?, loudest(4..8)?);
        let (low, high) = (amplitude(row), amplitude(column));
        let is_even =
            high <= low * f64::from(TWIST.gain()) && low <= high * f64::from(REVERSE_TWIST.gain());
        let is_loud = low.min(high) >= softest;
        let is_pure = (low * low + high * high) / 2.0 * self.power >= PURITY * total;
        (is_even && is_loud && is_pure).then_some(Pair {
            tones: [row, column],
            heard: [heard[row], heard[column]],
            total: total * 2.0 / self.power,
        })
    }

    fn follow(&mut self, pair: Option<Pair>) -> Option<Pressed> {
        let run = self.run.take();
        match (run, pair) {
            (None, None) => None,
            (None, Some(pair)) => {
                self.run = Some(Run::new(pair));
                None
            }
            (Some(mut run), Some(pair)) if run.takes(pair) => {
                let before = self.last.filter(|last| last.tones == pair.tones);
                run.go_on(pair, before.map(|last| self.drift(last, pair)));
                self.run = Some(run);
                None
            }
            (Some(run), Some(pair)) => {
                self.run = Some(Run::new(pair));
                self.pressed(run)
            }
            (Some(mut run), None) => {
                run.n_missing += 1;
                if run.n_missing < run.longest_break() {
                    self.run = Some(run);
                    return None;
                }
                self.pressed(run)
            }
        }
    }

    /// By how much the phases turned beside what their tones do, as numbers on the circle.
    fn drift(&self, last: Pair, now: Pair) -> [Complex; 2] {
        std::array::from_fn(|i| {
            let turned = now.heard[i].times(last.heard[i].mirrored());
            turned.times(self.goertzel[now.tones[i]].back)
        })
    }

    fn pressed(&self, run: Run) -> Option<Pressed> {
        let mut pair = 0.0;
        let is_in_tune = (0..2).all(|i| {
            let off = run.drift[i].angle() / self.goertzel[run.tones[i]].radians;
            pair += run.powers[i] / response(off * TONES_HZ[run.tones[i]]);
            off.abs() <= OFF_TUNE && run.drift[i].size() >= IN_STEP * run.most[i]
        });
        let is_pure = pair * (2.0 / self.weight).powi(2) >= PURITY_OF_ALL * run.total;
        let [row, column] = run.tones;
        (run.n_steps >= LEAST_STEPS && is_in_tune && is_pure).then(|| Pressed {
            digit: DIGITS[row][column - 4],
            duration: STEP * run.length + HIDDEN,
        })
    }
}

/// What the window leaves of the power of a tone that is so far beside where it is looked for.
fn response(off_hz: f64) -> f64 {
    let bins = off_hz * WINDOW.as_secs_f64();
    if bins.abs() < 1e-6 {
        return 1.0;
    }
    let turn = std::f64::consts::PI * bins;
    (turn.sin() / turn / (1.0 - bins * bins)).powi(2)
}

impl Run {
    fn new(pair: Pair) -> Self {
        Self {
            tones: pair.tones,
            n_steps: 1,
            n_missing: 0,
            length: 1,
            loudest: pair.amplitudes(),
            drift: [Complex::default(); 2],
            most: [0.0; 2],
            powers: pair.powers(),
            total: pair.total,
        }
    }

    fn takes(&self, pair: Pair) -> bool {
        let mut both = pair.amplitudes().into_iter().zip(self.loudest);
        let is_steady = both.all(|(now, most)| now >= most * STEADY && most >= now * STEADY);
        self.tones == pair.tones && is_steady
    }

    fn go_on(&mut self, pair: Pair, drift: Option<[Complex; 2]>) {
        self.n_steps += 1;
        self.total += pair.total;
        for (sum, power) in self.powers.iter_mut().zip(pair.powers()) {
            *sum += power;
        }
        self.length += self.n_missing + 1;
        self.n_missing = 0;
        for (most, now) in self.loudest.iter_mut().zip(pair.amplitudes()) {
            *most = most.max(now);
        }
        for (i, drift) in drift.into_iter().flatten().enumerate() {
            self.drift[i].re += drift.re;
            self.drift[i].im += drift.im;
            self.most[i] += drift.size();
        }
    }

    fn longest_break(&self) -> u32 {
        if self.n_steps >= LEAST_STEPS {
            LONGEST_BREAK
        } else {
            LONGEST_HITCH + 1
        }
    }
}

impl Pair {
    fn amplitudes(&self) -> [f64; 2] {
        self.heard.map(Complex::size)
    }

    fn powers(&self) -> [f64; 2] {
        self.amplitudes().map(|amplitude| amplitude.powi(2))
    }
}

impl Goertzel {
    fn new(hz: f64, rate: SampleRate, step: usize) -> Self {
        let turn = TAU * hz / f64::from(rate.hz());
        let radians = turn * step as f64;
        Self {
            turn: Complex::at(turn),
            back: Complex::at(-radians),
            radians,
        }
    }

    /// The tone's amplitude and phase at the end of the window.
    fn of(&self, frames: &[f32], window: &[f32]) -> Complex {
        let twice = 2.0 * self.turn.re;
        let (mut s1, mut s2) = (0.0, 0.0);
        for (x, w) in frames.iter().zip(window) {
            let s = f64::from(x * w) + twice * s1 - s2;
            (s2, s1) = (s1, s);
        }
        Complex {
            re: s1 - self.turn.re * s2,
            im: self.turn.im * s2,
        }
    }
}

impl Complex {
    fn at(angle: f64) -> Self {
        let (im, re) = angle.sin_cos();
        Self { re, im }
    }

    fn mirrored(self) -> Self {
        Self {
            re: self.re,
            im: -self.im,
        }
    }

    fn times(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }

    fn size(self) -> f64 {
        self.re.hypot(self.im)
    }

    fn angle(self) -> f64 {
        self.im.atan2(self.re)
    }
}

#[cfg(test)]
mod tests;
