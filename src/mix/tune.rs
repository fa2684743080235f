//! How does music from files and stations sound in the engine?
//!
//! ```text
//!  StereoRx ─► skip what is stale ─► fade at every beginning and end ─► left, right, both
//!                                                                       three music inputs
//! ```
//!
//! Frames are taken only while somebody hears them, so music that rests goes on with its next
//! frame. A ring that runs dry is seen before it is empty: its last frames are faded out.

use std::time::Duration;

use crate::base::{Frame, MusicId, SampleRate, StereoRx, ZoneSet};
use crate::dsp::{Ramp, Shape, clean};
use crate::mix::engine::{Block, MAX_BLOCK};
use crate::mix::zone::Zone;

/// The ways in which one source can be heard: left, right, and both as one.
pub(super) const N_SIDES: usize = 3;

/// How music comes in at a start and after a gap.
const FADE_IN: Duration = Duration::from_millis(20);
/// How music goes before a gap or at a change.
const FADE_OUT: Duration = Duration::from_millis(10);
/// What has to be there before music starts, so that a slow source does not stutter.
const START: Duration = Duration::from_millis(100);

/// Music on its way from a ring to the outputs. Made outside, lent to the engine, sent back.
pub(super) struct Tune {
    pub(super) music: MusicId,
    /// Counts up for each tune of a site.
    pub(super) serial: u64,
    feed: StereoRx,
    level: Ramp,
    state: State,
    is_leaving: bool,
    frames: Box<[Frame; MAX_BLOCK]>,
    gains: Box<Block>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is heard, and nothing is taken.
    Silent,
    Playing,
    /// So many frames are left of a fade to silence.
    Closing(usize),
    /// Silent for good.
    Gone,
}

/// The place of one source in the engine: what sounds, and what follows once that has faded.
#[derive(Default)]
pub(super) struct Deck {
    now: Option<Box<Tune>>,
    next: Option<Box<Tune>>,
}

impl Tune {
    pub(super) fn new(music: MusicId, serial: u64, feed: StereoRx) -> Self {
        Self {
            music,
            serial,
            feed,
            level: Ramp::resting(0.0),
            state: State::Silent,
            is_leaving: false,
            frames: Box::new([[0.0; 2]; MAX_BLOCK]),
            gains: Box::new([0.0; MAX_BLOCK]),
        }
    }

    pub(super) fn rate(&self) -> SampleRate {
        self.feed.rate()
    }

    // == realtime below ==

    /// Fades out and goes.
    fn leave(&mut self) {
        self.is_leaving = true;
        if self.state == State::Silent {
            self.state = State::Gone;
        }
    }

    /// Goes where it is; only while nothing sounds.
    fn end(&mut self) {
        self.state = State::Gone;
    }

    /// Makes the next frames of each side. `rest` is given while it shall stand still, with the
    /// frames that the way there may take. False means silence on all sides.
    fn render(&mut self, rest: Option<usize>, sides: &mut [Block], n: usize) -> bool {
        self.turn(rest, n);
        let most = match self.state {
            State::Silent | State::Gone => 0,
            State::Playing => n,
            State::Closing(left) => left.min(n),
        };
        let got = self.feed.pop(&mut self.frames[..most]);
        self.level.fill(&mut self.gains[..got]);
        self.close(got);
        let [left, right, both] = sides else {
            return false;
        };
        for i in 0..got {
            let gain = self.gains[i];
            let [l, r] = self.frames[i].map(|x| x * gain);
            (left[i], right[i], both[i]) = (l, r, (l + r) * 0.5);
        }
        for side in [left, right, both] {
            side[got..n].fill(0.0);
            clean(&mut side[..n]);
        }
        got > 0
    }

    /// Starts or ends what has to, looking ahead by the `n` frames of this block and a fade.
    fn turn(&mut self, rest: Option<usize>, n: usize) {
        match self.state {
            State::Gone => {}
            State::Silent => self.try_start(rest.is_some()),
            State::Playing => self.try_close(rest, n),
            State::Closing(_) => self.try_reopen(rest),
        }
    }

    fn try_start(&mut self, is_resting: bool) {
        // In this order: once the writer is gone the fill is final.
        let is_abandoned = self.feed.is_abandoned();
        let stale = self.feed.n_stale();
        self.feed.skip(stale);
        let fill = self.feed.fill();
        if self.is_leaving || (is_abandoned && fill == 0) {
            self.state = State::Gone;
            return;
        }
        let is_enough = fill >= self.frames_in(START) || (is_abandoned && fill > 0);
        if is_enough && !is_resting {
            self.state = State::Playing;
            self.level.jump(0.0);
            self.level.go(1.0, self.frames_in(FADE_IN), Shape::Smooth);
        }
    }

    fn try_close(&mut self, rest: Option<usize>, n: usize) {
        let (fill, stale, fade) = (
            self.feed.fill(),
            self.feed.n_stale(),
            self.frames_in(FADE_OUT),
        );
        let left = if stale > 0 { stale } else { fill };
        let is_dry = fill < n + fade;
        if !(is_dry || stale > 0 || self.is_leaving || rest.is_some()) {
            return;
        }
        if is_dry && stale == 0 && !self.is_leaving && rest.is_none() {
            self.feed.count_starved();
        }
        let wanted = rest.filter(|_| !is_dry && stale == 0 && !self.is_leaving);
        // Of a dry ring every frame is heard, which are a few more than the fade at most.
        let usual = if is_dry && stale == 0 { left } else { fade };
        let frames = wanted.unwrap_or(usual).max(1).min(left);
        self.level.go(0.0, frames, Shape::Smooth);
        self.state = State::Closing(frames);
        self.close(0);
    }

    /// A page may be over before its music has faded.
    fn try_reopen(&mut self, rest: Option<usize>) {
        let has_time = self.feed.fill() >= self.frames_in(START);
        if rest.is_none() && !self.is_leaving && self.feed.n_stale() == 0 && has_time {
            self.state = State::Playing;
            self.level.go(1.0, self.frames_in(FADE_IN), Shape::Smooth);
        }
    }

    /// So many more frames of a fade were made.
    fn close(&mut self, made: usize) {
        let State::Closing(left) = self.state else {
            return;
        };
        self.state = match left - made.min(left) {
            0 if self.is_leaving => State::Gone,
            0 => State::Silent,
            left => State::Closing(left),
        };
    }

    fn frames_in(&self, span: Duration) -> usize {
        (u64::from(self.rate().hz()) * span.as_millis() as u64 / 1_000) as usize
    }
}

impl Deck {
    /// Takes the next tune; what sounds fades out first. Gives back one that nobody ever heard.
    pub(super) fn take(&mut self, tune: Box<Tune>) -> Option<Box<Tune>> {
        if let Some(now) = &mut self.now {
            now.leave();
            return self.next.replace(tune);
        }
        self.now = Some(tune);
        None
    }

    /// Fades out every tune up to a serial.
    pub(super) fn leave(&mut self, serial: u64) {
        let tunes = [&mut self.now, &mut self.next].into_iter().flatten();
        let meant = tunes.filter(|tune| tune.serial <= serial);
        meant.for_each(|tune| tune.leave());
    }

    /// Ends everything; only while nothing sounds.
    pub(super) fn end(&mut self) {
        let tunes = [&mut self.now, &mut self.next].into_iter().flatten();
        tunes.for_each(|tune| tune.end());
    }

    /// What is gone; the next one begins.
    pub(super) fn take_spent(&mut self) -> Option<Box<Tune>> {
        let is_gone = |tune: &mut Box<Tune>| tune.state == State::Gone;
        let spent = self.now.take_if(is_gone);
        if self.now.is_none() {
            self.now = self.next.take();
        }
        spent
    }

    /// Makes the next `n` frames; see `Tune::render`.
    pub(super) fn render(&mut self, rest: Option<usize>, sides: &mut [Block], n: usize) -> bool {
        let now = self.now.as_mut();
        if now.is_some_and(|tune| tune.render(rest, sides, n)) {
            return true;
        }
        sides.iter_mut().for_each(|side| side[..n].fill(0.0));
        false
    }

    /// Nobody hears it: what has to go goes at once, all else waits where it is.
    pub(super) fn idle(&mut self) {
        let tunes = [&mut self.now, &mut self.next].into_iter().flatten();
        let meant = tunes.filter(|tune| tune.is_leaving);
        meant.for_each(|tune| tune.end());
    }
}

/// Whether music lowered on all outputs that play it: then the frames that the way there takes.
pub(super) fn rest(audience: &[ZoneSet], zones: &[Zone]) -> Option<usize> {
    let lowered = |set: &ZoneSet| {
        let zones = set.iter().filter_map(|id| zones.get(usize::from(id.0)));
        zones.filter_map(Zone::lowered).max()
    };
    let all: Option<usize> = audience
        .iter()
        .map(lowered)
        .try_fold(0, |longest, ramp| ramp.map(|ramp: usize| ramp.max(longest)));
    all.filter(|_| !audience.is_empty())
}
