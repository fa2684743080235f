//! How do callers hear music that only comes while it is played?
//!
//! ```text
//!                  Live: taken once for all
//!  base::stereo ─► mono, faded at every gap ─► the last half second ─┬► Strand: Encoder ─► payload
//!                                                                    └► Strand (a cut each)
//! ```
//!
//! Whoever of the strands is ahead takes what comes, the others find it there. So the listeners'
//! packets are the clock: while nobody listens nothing is taken, and the music stands still.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::{Db, Frame, SampleRate, StereoRx};
use crate::codec::Encoder;
use crate::dsp::{Ramp, Resampler, Shape, clean};
use crate::media::reel::Cut;

/// Music as it comes. Clones of its programme share it.
pub struct Live(Mutex<Intake>);

/// What is taken from the ring.
struct Intake {
    feed: StereoRx,
    gain: f32,
    level: Ramp,
    state: State,
    frames: Vec<Frame>,
    /// The last of what was taken, mono.
    kept: VecDeque<f32>,
    /// Frames that were taken since the beginning, silence among them.
    n_taken: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Silent,
    Playing,
    /// So many frames are left of a fade to silence.
    Closing(usize),
}

impl Live {
    /// What `feed` brings, `gain` louder.
    pub fn new(feed: StereoRx, gain: Db) -> Self {
        Self(Mutex::new(Intake {
            feed,
            gain: gain.gain(),
            level: Ramp::resting(0.0),
            state: State::Silent,
            frames: Vec::new(),
            kept: VecDeque::new(),
            n_taken: 0,
        }))
    }

    fn intake(&self) -> MutexGuard<'_, Intake> {
        // One thread sends to all listeners: nobody waits here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Intake {
    /// Appends the `n` frames from `at` on to `out` and returns where the next ones are; who was
    /// away for too long goes on where the others are.
    fn read(&mut self, at: Option<u64>, n: usize, out: &mut Vec<f32>) -> u64 {
        let first = self.n_taken - self.kept.len() as u64;
        let at = at.filter(|at| *at >= first).unwrap_or(self.n_taken);
        let missing = (at + n as u64).saturating_sub(self.n_taken) as usize;
        self.take(missing);
        let first = self.n_taken - self.kept.len() as u64;
        let from = (at - first) as usize;
        out.extend(self.kept.range(from..from + n));
        let over = self.kept.len().saturating_sub(self.frames_in(KEPT).max(n));
        self.kept.drain(..over);
        at + n as u64
    }

    fn take(&mut self, n: usize) {
        if n == 0 {
            return;
        }
        self.turn(n);
        let most = match self.state {
            State::Silent => 0,
            State::Playing => n,
            State::Closing(left) => left.min(n),
        };
        self.frames.resize(most, [0.0; 2]);
        let got = self.feed.pop(&mut self.frames);
        let mut mono: Vec<f32> = self.frames[..got]
            .iter()
            .map(|[left, right]| (left + right) * 0.5 * self.gain)
            .collect();
        self.level.scale(&mut mono);
        clean(&mut mono);
        if let State::Closing(left) = self.state {
            self.state = match left.saturating_sub(n) {
                0 => State::Silent,
                left => State::Closing(left),
            };
        }
        mono.resize(n, 0.0);
        self.kept.extend(mono);
        self.n_taken += n as u64;
    }

    /// Starts or ends what has to, looking ahead by these `n` frames and a fade.
    fn turn(&mut self, n: usize) {
        let fade = self.frames_in(FADE);
        let stale = self.feed.n_stale();
        match self.state {
            State::Silent => {
                self.feed.skip(stale);
                if self.feed.fill() >= self.frames_in(ENOUGH) {
                    self.state = State::Playing;
                    self.level.jump(0.0);
                    self.level.go(1.0, fade, Shape::Smooth);
                }
            }
            State::Playing => {
                let left = if stale > 0 { stale } else { self.feed.fill() };
                if stale > 0 || left < n + fade {
                    if stale == 0 {
                        self.feed.count_starved();
                    }
                    let left = left.min(n + fade).max(1);
                    self.level.go(0.0, left, Shape::Smooth);
                    self.state = State::Closing(left);
                }
            }
            State::Closing(_) => {}
        }
    }

    fn frames_in(&self, span: Duration) -> usize {
        self.feed.rate().frames_in(span)
    }
}

/// One cut of music that comes: the packet that is heard now.
pub(super) struct Strand {
    live: Arc<Live>,
    cut: Cut,
    /// Where in the music it is.
    at: Option<u64>,
    converter: Option<Resampler>,
    encoder: Encoder,
    input: Vec<f32>,
    pcm: Vec<f32>,
    payload: Vec<u8>,
    /// Which packet that is.
    nth: Option<u64>,
    n_encoded: u64,
}

impl Strand {
    pub(super) fn new(live: Arc<Live>, cut: Cut) -> Self {
        let from = live.intake().feed.rate();
        let to = cut.encoding.audio_rate();
        Self {
            live,
            cut,
            at: None,
            converter: converter(from, to),
            encoder: Encoder::new(cut.encoding, cut.opus()),
            input: Vec::new(),
            pcm: Vec::new(),
            payload: Vec::new(),
            nth: None,
            n_encoded: 0,
        }
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut
    }

    /// Packets that were encoded.
    pub(super) fn n_encoded(&self) -> u64 {
        self.n_encoded
    }

    /// The payload of packet `nth`; whoever asks for one that was not there makes it. What comes
    /// then is the next of the music, for nobody can hear what is past.
    pub(super) fn payload(&mut self, nth: u64) -> &[u8] {
        if self.nth.is_none_or(|made| made < nth) {
            self.nth = Some(nth);
            self.encode();
        }
        &self.payload
    }

    fn encode(&mut self) {
        let frames = self.cut.frames();
        self.pcm.clear();
        match &mut self.converter {
            None => self.at = Some(self.live.intake().read(self.at, frames, &mut self.pcm)),
            Some(converter) => {
                while self.pcm.len() < frames {
                    let part = (frames - self.pcm.len()).min(BLOCK);
                    self.input.clear();
                    let need = converter.need(part);
                    self.at = Some(self.live.intake().read(self.at, need, &mut self.input));
                    let from = self.pcm.len();
                    self.pcm.resize(from + part, 0.0);
                    converter.process(&self.input, &mut self.pcm[from..]);
                }
            }
        }
        self.payload.clear();
        self.encoder.encode(&self.pcm, &mut self.payload);
        self.n_encoded += 1;
    }
}

fn converter(from: SampleRate, to: SampleRate) -> Option<Resampler> {
    (from != to).then(|| Resampler::new(from, to, BLOCK))
}

/// Frames that are converted at a time.
const BLOCK: usize = 480;

/// What is kept for those behind: the packet lengths of all of them, and some listeners that were
/// away for a moment.
const KEPT: Duration = Duration::from_millis(500);

/// How music comes and goes at a gap.
const FADE: Duration = Duration::from_millis(20);

/// What has to be there before it begins, so that a slow source does not stutter.
const ENOUGH: Duration = Duration::from_millis(100);
