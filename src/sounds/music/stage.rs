//! How do decoded pieces become one stream at the engine's rate?

use std::time::Duration;

use crate::base::{Db, Frame, SampleRate, StereoTx};
use crate::dsp::{Passage, Ramp, Shape};
use crate::music::Joint;

/// A levelled piece that follows another without a gap begins at that one's level.
const LEVEL_RAMP: Duration = Duration::from_millis(500);

/// How long a change of level within a station takes.
const STEADY_RAMP: Duration = Duration::from_millis(500);

/// Whose clock made a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// It is read as fast as it is heard.
    Any,
    /// It comes as fast as somebody else's clock runs, and its speed is set.
    Foreign,
}

/// Frames that are handed on at a time.
const CHUNK: usize = 4_096;

/// The last steps of all music of one program.
pub(super) struct Stage {
    rate: SampleRate,
    crossfade: Duration,
    clock: Clock,
    passage: Option<Passage>,
    joint: Joint,
    level: Ramp,
    levelled: Vec<Frame>,
    made: Vec<Frame>,
}

impl Stage {
    pub(super) fn new(rate: SampleRate, crossfade: Duration) -> Self {
        Self {
            rate,
            crossfade,
            clock: Clock::Any,
            passage: None,
            joint: Joint::new(rate.frames_in(crossfade)),
            level: Ramp::resting(1.0),
            levelled: Vec::new(),
            made: Vec::new(),
        }
    }

    pub(super) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Frames that can be handed on.
    pub(super) fn n_ready(&self) -> usize {
        self.joint.n_ready()
    }

    /// A piece at `rate` begins, to be played at `gain`.
    pub(super) fn begin(&mut self, rate: SampleRate, gain: Db, clock: Clock) {
        let gain = gain.gain();
        self.clock = clock;
        // Gapless pieces are often one recording: no step in its middle.
        match &self.passage {
            Some(_) if self.crossfade.is_zero() => {
                let frames = rate.frames_in(LEVEL_RAMP);
                self.level.go(gain, frames, Shape::Smooth);
            }
            Some(_) | None => self.level.jump(gain),
        }
        self.pass_at(rate);
    }

    /// The piece goes on at that gain, by a ramp.
    pub(super) fn set_level(&mut self, gain: Db) {
        let rate = self.passage.as_ref().map_or(self.rate, Passage::from);
        let frames = rate.frames_in(STEADY_RAMP);
        self.level.go(gain.gain(), frames, Shape::Smooth);
    }

    /// A piece by a foreign clock is read so fast from now on, 1.0 being nominal.
    pub(super) fn set_speed(&mut self, speed: f64) {
        if let Some(passage) = &mut self.passage {
            passage.set_speed(speed);
        }
    }

    /// More of the piece.
    pub(super) fn push(&mut self, rate: SampleRate, frames: &[Frame]) {
        self.pass_at(rate);
        self.levelled.clear();
        let mut gain = [0.0];
        let resting = self.level.at_rest();
        self.levelled.extend(frames.iter().map(|frame| {
            let gain = resting.unwrap_or_else(|| {
                self.level.fill(&mut gain);
                gain[0]
            });
            frame.map(|x| x * gain)
        }));
        if let Some(passage) = &mut self.passage {
            passage.push(&self.levelled, &mut self.made);
        }
        self.hand_on();
    }

    /// The piece is over. Without a crossfade the next one is joined to it as if they were one.
    pub(super) fn end(&mut self) {
        if !self.crossfade.is_zero() {
            self.flush();
            self.joint.end();
        }
    }

    /// Nothing follows for now: what is held back goes out.
    pub(super) fn finish(&mut self) {
        self.flush();
        self.joint.end();
        self.joint.finish();
    }

    /// Forgets what was not handed on.
    pub(super) fn clear(&mut self) {
        self.passage = None;
        self.made.clear();
        self.joint.clear();
    }

    /// Hands on as much as there is room for.
    pub(super) fn pour(&mut self, ring: &mut StereoTx) {
        loop {
            let n = self.joint.n_ready().min(ring.room()).min(CHUNK);
            if n == 0 {
                return;
            }
            self.levelled.clear();
            self.levelled.extend(self.joint.take(n));
            ring.push(&self.levelled);
        }
    }

    fn pass_at(&mut self, rate: SampleRate) {
        let is_steered = self.clock == Clock::Foreign;
        let fits = |p: &Passage| p.from() == rate && p.is_steered() == is_steered;
        if self.passage.as_ref().is_some_and(fits) {
            return;
        }
        self.flush();
        self.passage = Some(match self.clock {
            Clock::Any => Passage::new(rate, self.rate),
            Clock::Foreign => Passage::steered(rate, self.rate),
        });
    }

    fn flush(&mut self) {
        if let Some(mut passage) = self.passage.take() {
            passage.finish(&mut self.made);
        }
        self.hand_on();
    }

    fn hand_on(&mut self) {
        self.joint.push(&self.made);
        self.made.clear();
    }
}
