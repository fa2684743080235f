//! How does a device play that has a clock of its own?
//!
//! ```text
//!  Fan ══ring══► pop ─► fade ─► Resampler of each channel ─► the device's callback
//!          └─ fill ─► Drift ─► speed ──────┘
//! ```
//!
//! The ring is kept as full as it takes to outlast the steps in which the clock fills it and the
//! device empties it, and no fuller: so the device is later than the clock by a small time that
//! stays the same. Who waits for sound is silent; who has some begins with a fade, and ends with
//! one that was kept back for it, so that nothing clicks when the clock stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::SampleRate;
use crate::dsp::{Drift, Resampler, ease};
use crate::mix::{MAX_BLOCK, Ports};
use crate::output::card::line::LineRx;
use crate::output::clock::Plays;

/// A beginning or an end; the ear takes it for an onset, not for a click.
const FADE: Duration = Duration::from_millis(4);
/// Beside the steps: how late either callback may be and nothing is missed.
const MARGIN: Duration = Duration::from_millis(5);
/// Callbacks that are later than that get more of it, but not for ever.
const MOST_MARGIN: Duration = Duration::from_millis(60);
/// Sound that is missing for longer is not late: the clock stood still.
const LATE: Duration = Duration::from_millis(100);
/// Further behind than this the device itself stood still, and speed would take a minute.
const FAR_BEHIND: Duration = Duration::from_millis(100);

/// What a device plays. Made outside, lives in the device's callback.
pub struct Playout {
    rx: LineRx,
    /// Of the device.
    rate: SampleRate,
    /// One for each channel; all go at one speed.
    resamplers: Vec<Resampler>,
    drift: Drift,
    state: State,
    /// Frames that come at once.
    burst: usize,
    /// The longest callback, in frames of the device.
    longest: usize,
    margin: usize,
    /// Of margin, if it shows that the callbacks were late and not the clock.
    on_trial: usize,
    tally: Arc<Tally>,
    mixed: Vec<f32>,
    input: Vec<f32>,
    block: [f32; MAX_BLOCK],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Silent until the ring is as full as it should be; for so many frames of the device.
    Waiting { waited: usize },
    /// So many frames of the fade-in are behind us.
    Playing { risen: usize },
    /// So many frames of the fade-out, and of the silence that clears the filters, are behind us;
    /// what is in the ring may be too old to be heard then.
    Falling { fallen: usize, is_stale: bool },
}

/// What a device tells about what it plays.
#[derive(Debug, Default)]
pub struct Tally {
    n_starved: AtomicU64,
    n_skips: AtomicU64,
}

impl Tally {
    /// How often there was nothing to play.
    pub fn n_starved(&self) -> u64 {
        self.n_starved.load(Ordering::Relaxed)
    }

    /// How often so much had gathered that some was thrown away.
    pub fn n_skips(&self) -> u64 {
        self.n_skips.load(Ordering::Relaxed)
    }
}

impl Playout {
    /// For a device at `rate` that asks for up to `period` frames at a time; `burst` frames come
    /// at a time.
    pub fn new(
        rx: LineRx,
        burst: usize,
        rate: SampleRate,
        period: usize,
        tally: Arc<Tally>,
    ) -> Self {
        let resampler = || Resampler::new(rx.rate(), rate, MAX_BLOCK);
        let resamplers: Vec<Resampler> = (0..rx.channels()).map(|_| resampler()).collect();
        let most = resamplers.first().map_or(0, Resampler::max_need);
        Self {
            rate,
            drift: Drift::default(),
            state: State::Waiting { waited: 0 },
            burst,
            longest: period,
            margin: rx.rate().frames_in(MARGIN),
            on_trial: 0,
            tally,
            mixed: vec![0.0; most * rx.channels()],
            input: vec![0.0; most],
            block: [0.0; MAX_BLOCK],
            resamplers,
            rx,
        }
    }

    /// How much later the device is than the clock, beside what each of them keeps to itself.
    pub fn delay(&self) -> Duration {
        // What comes at once is on average half its length early.
        let frames = self.target() - self.burst / 2;
        self.rx.rate().duration_of(frames as u64)
    }

    // == realtime below ==

    /// The fill that a callback shall find on average.
    fn target(&self) -> usize {
        self.least(self.longest) + self.burst / 2 + self.margin + self.on_trial
    }

    /// What a callback of so many frames must find: what it takes at the highest speed, and a
    /// fade-out for the next one.
    fn least(&self, frames: usize) -> usize {
        let (from, to) = (u64::from(self.rx.rate().hz()), u64::from(self.rate.hz()));
        let taken = (frames as u64 * from).div_ceil(to) as usize;
        let blocks = frames.div_ceil(MAX_BLOCK);
        let filters = self.resamplers.first().map_or(0, Resampler::delay);
        taken + taken / 128 + 2 * (filters + blocks) + self.fade()
    }

    fn fade(&self) -> usize {
        self.rx.rate().frames_in(FADE)
    }

    /// Looks how much there is, once a callback.
    fn begin(&mut self, frames: usize) {
        self.longest = self.longest.max(frames);
        let (fill, target) = (self.rx.fill(), self.target());
        match self.state {
            State::Waiting { .. } if fill >= target => {
                self.rx.skip(fill - target);
                self.start();
            }
            State::Waiting { waited } => self.wait(waited.saturating_add(frames)),
            State::Playing { .. } => self.steer(fill, target, frames),
            State::Falling { .. } => {}
        }
    }

    fn start(&mut self) {
        self.margin += std::mem::take(&mut self.on_trial);
        self.state = State::Playing { risen: 0 };
        self.drift.set_mean(0.0);
        self.resamplers.iter_mut().for_each(Resampler::restart);
    }

    fn wait(&mut self, waited: usize) {
        if waited > self.rate.frames_in(LATE) {
            self.on_trial = 0;
        }
        self.state = State::Waiting { waited };
    }

    fn steer(&mut self, fill: usize, target: usize, frames: usize) {
        if fill < self.least(frames) {
            return self.starve();
        }
        if fill > target + self.rx.rate().frames_in(FAR_BEHIND) {
            self.tally.n_skips.fetch_add(1, Ordering::Relaxed);
            self.fall(true);
            return;
        }
        let excess = (fill as f64 - target as f64) / f64::from(self.rx.rate().hz());
        let span = frames as f64 / f64::from(self.rate.hz());
        let speed = self.drift.speed(excess, span);
        let all = self.resamplers.iter_mut();
        all.for_each(|resampler| resampler.set_speed(speed));
    }

    fn starve(&mut self) {
        self.tally.n_starved.fetch_add(1, Ordering::Relaxed);
        if self.margin < self.rx.rate().frames_in(MOST_MARGIN) {
            self.on_trial = self.rx.rate().frames_in(MARGIN);
        }
        self.fall(false);
    }

    fn fall(&mut self, is_stale: bool) {
        self.state = State::Falling {
            fallen: 0,
            is_stale,
        };
    }

    /// Makes `n` frames from `at` on.
    fn render(&mut self, at: usize, n: usize, ports: &mut impl Ports) {
        if matches!(self.state, State::Waiting { .. }) {
            return;
        }
        let need = self.need(n);
        self.fetch(need);
        let channels = self.rx.channels();
        for (channel, resampler) in self.resamplers.iter_mut().enumerate() {
            let input = &mut self.input[..need];
            let samples = self.mixed.iter().skip(channel).step_by(channels);
            input.iter_mut().zip(samples).for_each(|(to, x)| *to = *x);
            let out = &mut self.block[..n];
            resampler.process(input, out);
            ports.write(channel, at, out);
        }
    }

    /// All resamplers have come the same way, so they need the same.
    fn need(&mut self, n: usize) -> usize {
        let needs = self.resamplers.iter_mut().map(|it| it.need(n));
        needs.max().unwrap_or(0).min(self.input.len())
    }

    /// Puts the next `need` frames at the front of `mixed`.
    fn fetch(&mut self, need: usize) {
        let (channels, fade) = (self.rx.channels(), self.fade());
        let wanted = match self.state {
            State::Waiting { .. } => 0,
            State::Playing { .. } => need,
            State::Falling { fallen, .. } => need.min(fade.saturating_sub(fallen)),
        };
        let got = self.rx.pop(&mut self.mixed[..wanted * channels]);
        self.mixed[got * channels..need * channels].fill(0.0);
        self.shape(got, fade);
        match &mut self.state {
            State::Waiting { .. } => {}
            State::Playing { risen } => *risen += got,
            State::Falling { fallen, .. } => *fallen += need,
        }
        self.settle(need - got, fade);
    }

    /// What comes next, when something was missing or the end is reached.
    fn settle(&mut self, missing: usize, fade: usize) {
        match self.state {
            // It was looked for before: only a callback that grows gets here.
            State::Playing { .. } if missing > 0 => self.starve(),
            State::Falling { fallen, is_stale } if fallen >= fade + self.clearing() => {
                if is_stale {
                    self.rx.skip(self.rx.fill());
                }
                self.state = State::Waiting { waited: 0 };
            }
            State::Waiting { .. } | State::Playing { .. } | State::Falling { .. } => {}
        }
    }

    /// Frames after which the filters hold nothing of what was before.
    fn clearing(&self) -> usize {
        2 * self.resamplers.first().map_or(0, Resampler::delay)
    }

    /// Fades the first `got` frames of `mixed` in or out.
    fn shape(&mut self, got: usize, fade: usize) {
        let weight = |i: usize| ease(((i + 1) as f32 / fade.max(1) as f32).min(1.0));
        let frames = self.mixed.chunks_exact_mut(self.rx.channels()).take(got);
        match self.state {
            State::Waiting { .. } => {}
            State::Playing { risen } => {
                let rising = frames.take(fade.saturating_sub(risen)).enumerate();
                rising.for_each(|(i, frame)| scale(frame, weight(risen + i)));
            }
            State::Falling { fallen, .. } => frames
                .enumerate()
                .for_each(|(i, frame)| scale(frame, 1.0 - weight(fallen + i))),
        }
    }
}

fn scale(frame: &mut [f32], gain: f32) {
    frame.iter_mut().for_each(|x| *x *= gain);
}

impl Plays for Playout {
    fn process(&mut self, frames: usize, ports: &mut impl Ports) {
        self.begin(frames);
        let mut at = 0;
        while at < frames {
            let n = MAX_BLOCK.min(frames - at);
            self.render(at, n, ports);
            at += n;
        }
    }
}

#[cfg(test)]
#[path = "playout_tests.rs"]
mod tests;
