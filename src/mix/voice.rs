//! How does one caller's voice become frames at the card's rate?
//!
//! ```text
//!  FeedRx ─ pop ─► skip if far behind ─► treatment ─► fade-in or trail ─► Resampler ─► × level
//!     └── fill ─► Drift ─► speed ─────────────────────────────────────────────┘
//! ```
//!
//! The voice waits until the feed has enough for a whole callback, fades in, and follows the
//! feed's target by its speed. If the feed runs dry, the last 4 ms are played backwards and faded
//! out, which leaves no step; then the voice waits again. Both fades stand before the resampler,
//! so that its filter never meets an edge.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, FeedRx, SampleRate, ZoneSet};
use crate::dsp::{Drift, Ramp, Resampler, Shape, ease, peak};
use crate::mix::command::VoiceReport;
use crate::mix::engine::MAX_BLOCK;
use crate::mix::howls::Howls;
use crate::mix::place::Place;
use crate::mix::treatment::{Treating, Treatment};
use crate::mix::vitals::Vitals;

/// A start or a return; the ear takes it for an onset, not for a click.
const FADE_IN: Duration = Duration::from_millis(5);
/// An end that was asked for.
const FADE_OUT: Duration = Duration::from_millis(10);
/// How long the echo of a voice that broke off takes to die away.
const TRAIL: Duration = Duration::from_millis(4);
/// Further behind than this is no jitter: the clock stood still. Catching up by speed would take
/// half a minute.
const FAR_BEHIND: Duration = Duration::from_millis(160);
/// The joint of a skip.
const JOINT: Duration = Duration::from_millis(5);
/// How long a voice waits for a whole callback's worth before it starts with less.
const PATIENCE: Duration = Duration::from_millis(50);
/// Kept after a skip if the receiver has set no target.
const FALLBACK_TARGET: Duration = Duration::from_millis(20);

/// One caller's voice. Made outside, lent to the engine, sent back when gone.
pub(super) struct Voice {
    pub(super) call: CallId,
    /// Tells voices of the same call apart.
    pub(super) serial: u64,
    pub(super) place: Place,
    pub(super) rate: SampleRate,
    feed: FeedRx,
    resampler: Resampler,
    drift: Drift,
    treating: Treating,
    howls: Arc<Howls>,
    level: Ramp,
    state: State,
    input: Vec<f32>,
    /// Frames of the fade-in that are behind us.
    risen: usize,
    /// The end of what was played, for the trail.
    recent: Vec<f32>,
    joint: Vec<f32>,
    /// Frames of the callback that is under way.
    callback: usize,
    counts: Counts,
}

/// How a voice is heard.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) gain: f32,
    pub(super) treatment: Treatment,
}

/// Resamplers of voices that are gone, for those that come: in a rush, making them would take
/// more time than all else about a short call.
#[derive(Default)]
pub(super) struct Used(Vec<Resampler>);

impl Used {
    fn take(&mut self, from: SampleRate, to: SampleRate) -> Resampler {
        let Some(at) = self.0.iter().position(|it| it.fits(from, to)) else {
            return Resampler::new(from, to, MAX_BLOCK);
        };
        let mut resampler = self.0.swap_remove(at);
        resampler.restart();
        resampler
    }

    /// Keeps what the next voice can use of one that is gone.
    pub(super) fn keep(&mut self, voice: Voice) {
        if self.0.len() < MOST_USED {
            self.0.push(voice.resampler);
        }
    }
}

/// As many voices as end while a few milliseconds of a rush are worked off; 20 kB each.
const MOST_USED: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Silent until frames come; this many frames have passed since the first were seen.
    Waiting {
        patience: usize,
    },
    Speaking,
    /// The feed is dry; so many frames of the trail are played.
    Trailing {
        played: usize,
    },
    /// Silent for good.
    Gone,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    leaving: bool,
    begun: bool,
    played: u64,
    starved: u64,
    n_starved: u64,
    n_skips: u64,
    peak: f32,
}

impl Voice {
    pub(super) fn new(
        call: CallId,
        serial: u64,
        feed: FeedRx,
        zones: ZoneSet,
        manner: Manner,
        rate: SampleRate,
        used: &mut Used,
    ) -> Self {
        let resampler = used.take(feed.rate(), rate);
        let frames = |span| vec![0.0; feed.rate().frames_in(span)];
        Self {
            call,
            serial,
            place: Place::new(zones),
            rate,
            input: vec![0.0; resampler.max_need()],
            recent: frames(TRAIL),
            joint: frames(JOINT),
            treating: Treating::new(manner.treatment, feed.rate()),
            howls: Arc::default(),
            feed,
            resampler,
            drift: Drift::default(),
            risen: 0,
            level: Ramp::resting(manner.gain),
            state: State::Waiting { patience: 0 },
            callback: 0,
            counts: Counts::default(),
        }
    }

    /// Where it tells of its howls.
    pub(super) fn howls(&self) -> Arc<Howls> {
        self.howls.clone()
    }

    /// Goes on at another rate; it fades in again. Not for the sound callback: allocates.
    pub(super) fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
        self.resampler = Resampler::new(self.feed.rate(), rate, MAX_BLOCK);
        self.input = vec![0.0; self.resampler.max_need()];
        self.recent.fill(0.0);
        self.level.jump(self.level.target());
        self.state = match self.state {
            State::Gone => State::Gone,
            State::Waiting { .. } | State::Speaking | State::Trailing { .. } => self.idle(),
        };
    }

    /// How the voice fared.
    pub(super) fn report(&self) -> VoiceReport {
        VoiceReport {
            played: self.rate.duration_of(self.counts.played),
            starved: self.rate.duration_of(self.counts.starved),
            n_starved: self.counts.n_starved,
            n_skips: self.counts.n_skips,
            skew_ppm: self.drift.skew() * 1e6,
            peak: crate::base::Db::from_gain(self.counts.peak),
        }
    }

    // == realtime below ==

    /// Fades out and goes.
    pub(super) fn leave(&mut self) {
        self.counts.leaving = true;
        self.level
            .go(0.0, self.rate.frames_in(FADE_OUT), Shape::Smooth);
        if matches!(self.state, State::Waiting { .. }) {
            self.state = State::Gone;
        }
    }

    /// Goes on with another treatment.
    pub(super) fn treat(&mut self, treatment: Treatment) {
        self.treating.set(treatment);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    /// Begins a callback of so many frames, and sets the speed so that the mean fill heads for
    /// its target. What counts is the fill that a callback finds: so the receiver counts too.
    pub(super) fn begin(&mut self, frames: usize) {
        self.callback = frames;
        let target = self.feed.target();
        if self.state != State::Speaking || target == 0 {
            return;
        }
        let surplus = self.feed.fill() as f64 - target as f64;
        let excess = surplus / f64::from(self.feed.rate().hz());
        let span = frames as f64 / f64::from(self.rate.hz());
        let speed = self.drift.speed(excess, span);
        self.resampler.set_speed(speed);
    }

    /// Makes the next frames of the callback, before their level. False means silence, and `out`
    /// is as it was.
    pub(super) fn render(&mut self, out: &mut [f32], vitals: &Vitals) -> bool {
        if !self.is_awake(out.len()) {
            if self.counts.begun && !self.is_gone() {
                self.counts.starved += out.len() as u64;
                vitals.count_starved(out.len());
            }
            return false;
        }
        let need = self.resampler.need(out.len()).min(self.input.len());
        self.fetch(need, vitals);
        self.resampler.process(&self.input[..need], out);
        self.counts.played += out.len() as u64;
        true
    }

    /// Brings what was made to its level.
    pub(super) fn level(&mut self, out: &mut [f32]) {
        self.level.scale(out);
        let highest = peak(out);
        self.counts.peak = self.counts.peak.max(highest);
        if self.counts.leaving && self.level.at_rest().is_some() {
            self.state = State::Gone;
        }
    }

    /// Whether there is anything to play; a voice that waited may start here.
    fn is_awake(&mut self, n: usize) -> bool {
        match self.state {
            State::Speaking | State::Trailing { .. } => true,
            State::Gone => false,
            State::Waiting { patience } => self.try_start(n, patience),
        }
    }

    fn try_start(&mut self, n: usize, patience: usize) -> bool {
        // In this order: once the writer is gone the fill is final.
        let is_abandoned = self.feed.is_abandoned();
        let fill = self.feed.fill();
        self.resampler.restart();
        let need = self.resampler.need(n);
        if fill < need && is_abandoned {
            self.state = State::Gone;
            return false;
        }
        let enough = fill >= need + self.in_feed(self.callback.saturating_sub(n));
        let waited = patience >= self.rate.frames_in(PATIENCE);
        if fill < need || !(enough || waited || is_abandoned) {
            let patience = if fill > 0 { patience + n } else { 0 };
            self.state = State::Waiting { patience };
            return false;
        }
        self.state = State::Speaking;
        self.counts.begun = true;
        self.risen = 0;
        true
    }

    /// Puts the next `need` frames at the front of `input`.
    fn fetch(&mut self, need: usize, vitals: &Vitals) {
        if let State::Trailing { .. } = self.state {
            self.trail(0, need);
            return;
        }
        let joint = self.skip_if_far_behind(need, vitals);
        let got = self.feed.pop(&mut self.input[..need]);
        self.join(joint.min(got));
        self.treating.process(&mut self.input[..got]);
        if let Some((n, last)) = self.treating.howls()
            && self.howls.tell(n, last)
        {
            vitals.count_howl();
        }
        self.rise(got);
        remember(&mut self.recent, &self.input[..got]);
        if got < need {
            self.counts.n_starved += u64::from(!self.feed.is_abandoned());
            self.state = State::Trailing { played: 0 };
            self.trail(got, need);
        }
    }

    /// Continues `input` from `at` to `need` with the trail, and ends it when it is over.
    fn trail(&mut self, at: usize, need: usize) {
        let State::Trailing { mut played } = self.state else {
            return;
        };
        for frame in &mut self.input[at..need] {
            *frame = echo(&self.recent, played);
            played += 1;
        }
        // The resampler still holds some.
        let is_over = played >= self.recent.len() + 2 * self.resampler.delay();
        self.state = if is_over {
            self.idle()
        } else {
            State::Trailing { played }
        };
    }

    /// What comes after sound: waiting for more, or nothing if nobody wants more.
    fn idle(&self) -> State {
        if self.counts.leaving {
            State::Gone
        } else {
            State::Waiting { patience: 0 }
        }
    }

    /// If the feed holds far too much: takes the first frames aside for a joint, throws away what
    /// is too much, and returns the length of the joint.
    fn skip_if_far_behind(&mut self, need: usize, vitals: &Vitals) -> usize {
        let far = self.feed.rate().frames_in(FAR_BEHIND);
        let (fill, wanted) = (self.feed.fill(), self.wanted_fill());
        if fill <= wanted + far + need {
            return 0;
        }
        let joint = self.feed.pop(&mut self.joint);
        let kept = wanted.max(need + self.in_feed(self.callback));
        self.feed.skip(fill.saturating_sub(joint + kept));
        self.drift.set_mean(0.0);
        self.counts.n_skips += 1;
        vitals.count_skip();
        joint
    }

    /// Fades from the frames taken aside to the front of `input`.
    fn join(&mut self, joint: usize) {
        let frames = self.input.iter_mut().zip(&self.joint).take(joint);
        for (i, (new, old)) in frames.enumerate() {
            let weight = ease((i + 1) as f32 / (joint + 1) as f32);
            *new = old + (*new - old) * weight;
        }
    }

    /// Fades the first `got` frames of `input` in, as far as the voice has just begun.
    fn rise(&mut self, got: usize) {
        let length = self.feed.rate().frames_in(FADE_IN);
        let rising = got.min(length.saturating_sub(self.risen));
        for frame in &mut self.input[..rising] {
            self.risen += 1;
            *frame *= ease(self.risen as f32 / length as f32);
        }
    }

    fn wanted_fill(&self) -> usize {
        match self.feed.target() {
            0 => self.feed.rate().frames_in(FALLBACK_TARGET),
            target => target,
        }
    }

    /// Card frames in frames of the feed, rounded up.
    fn in_feed(&self, n: usize) -> usize {
        let (from, to) = (u64::from(self.feed.rate().hz()), u64::from(self.rate.hz()));
        (n as u64 * from).div_ceil(to) as usize
    }
}

/// Moves `frames` in at the end of `recent`.
fn remember(recent: &mut [f32], frames: &[f32]) {
    let (kept, n) = (recent.len(), frames.len());
    if n >= kept {
        recent.copy_from_slice(&frames[n - kept..]);
        return;
    }
    recent.copy_within(n.., 0);
    recent[kept - n..].copy_from_slice(frames);
}

/// The frame `at` places into the trail: the recent frames backwards, fading out.
fn echo(recent: &[f32], at: usize) -> f32 {
    let n = recent.len();
    if at + 1 >= n {
        return 0.0;
    }
    recent[n - 2 - at] * ease(1.0 - (at + 1) as f32 / n as f32)
}
