//! Does a loudspeaker feed the phone that speaks through it, and how is it stopped?
//!
//! ```text
//!  in ─► notches ─┬─► × cut ─► out
//!                 └─► Ear: a howl? ─► softer at once, a notch there, and a lower ceiling
//! ```
//!
//! Whatever the room does, a howl ends: each lowers what the voice comes back to, until it comes
//! back no more.

mod ear;
mod signs;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::base::{Db, SampleRate};
use crate::dsp::{Biquad, Coefficients, Curve, Ramp, Shape};
use ear::Ear;

/// What is done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cure {
    /// Nothing is looked for.
    #[default]
    Off,
    /// The pitch is filtered out; a voice that howls at many is made softer too.
    Notch,
    /// The voice is made softer.
    Duck,
}

/// Where and how loud it howled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Howl {
    pub hz: f32,
    pub level: Db,
}

/// Keeps one voice from howling.
/// Made outside of the sound callback, which may call the rest.
#[derive(Clone, Debug)]
pub struct HowlGuard {
    cure: Cure,
    rate: SampleRate,
    ear: Ear,
    notches: [Notch; N_NOTCHES],
    n_notches: usize,
    cut: Ramp,
    /// What the cut goes back to by and by.
    ceiling: Db,
    /// Frames until then.
    held: usize,
    n_howls: u32,
    last: Option<Howl>,
}

#[derive(Clone, Debug)]
struct Notch {
    hz: f32,
    filter: Biquad,
}

impl HowlGuard {
    /// For frames at `rate`. Allocates.
    pub fn new(cure: Cure, rate: SampleRate) -> Self {
        let notch = || Notch {
            hz: 0.0,
            filter: Biquad::new(Coefficients::THROUGH),
        };
        Self {
            cure,
            rate,
            ear: Ear::new(rate),
            notches: std::array::from_fn(|_| notch()),
            n_notches: 0,
            cut: Ramp::resting(1.0),
            ceiling: Db::UNITY,
            held: 0,
            n_howls: 0,
            last: None,
        }
    }

    /// Turns to another cure without a step; what was done is undone.
    pub fn set(&mut self, cure: Cure) {
        if cure == self.cure {
            return;
        }
        self.cure = cure;
        let frames = self.rate.frames_in(RELEASE);
        for notch in &mut self.notches[..self.n_notches] {
            notch.filter.go(Coefficients::THROUGH, frames);
        }
        self.ceiling = Db::UNITY;
        self.cut.go(1.0, frames, Shape::Smooth);
        self.ear.forget();
    }

    /// How often it howled, and how the last time.
    pub fn howls(&self) -> (u32, Option<Howl>) {
        (self.n_howls, self.last)
    }

    /// Guards the next frames in place; bit-exact while nothing is to be done.
    pub fn process(&mut self, frames: &mut [f32]) {
        for notch in &mut self.notches[..self.n_notches] {
            notch.filter.process(frames);
        }
        if self.cure != Cure::Off {
            let mut rest = &frames[..];
            while !rest.is_empty() {
                let (n, howl) = self.ear.listen(rest);
                rest = &rest[n..];
                if let Some(howl) = howl {
                    self.stop(howl);
                }
            }
        }
        if self.cut.at_rest() != Some(1.0) {
            self.cut.scale(frames);
            self.recover(frames.len());
        }
    }

    /// Softer at once, so that what is on its way dies out; then back to what does not howl.
    fn stop(&mut self, howl: Howl) {
        self.n_howls += 1;
        self.last = Some(howl);
        let is_filtered = self.cure == Cure::Notch && self.filter(howl.hz);
        let step = if is_filtered { FILTERED_STEP } else { STEP };
        self.ceiling = Db((self.ceiling.0 + step.0).max(MOST.0));
        let frames = self.rate.frames_in(ATTACK);
        self.cut
            .go(self.ceiling.gain() * DIP.gain(), frames, Shape::Smooth);
        self.held = self.rate.frames_in(HOLD);
    }

    /// Once all is quiet again.
    fn recover(&mut self, n: usize) {
        self.held = self.held.saturating_sub(n);
        let (now, back) = (self.cut.value(), self.ceiling.gain());
        if self.held == 0 && self.cut.at_rest().is_some() && now < back {
            let frames = self.rate.frames_in(RECOVERY);
            self.cut.go(back, frames, Shape::Smooth);
        }
    }

    /// Whether there was room for a notch at a pitch that has none.
    fn filter(&mut self, hz: f32) -> bool {
        let is_there = |notch: &Notch| (notch.hz / hz - 1.0).abs() < SAME_PITCH;
        let known = self.notches[..self.n_notches].iter().position(is_there);
        let at = known.unwrap_or(self.n_notches);
        let Some(notch) = self.notches.get_mut(at) else {
            return false;
        };
        let (gain, q) = (NOTCH, if known.is_some() { WIDE_Q } else { NOTCH_Q });
        let curve = Curve::Peak { hz, gain, q };
        notch.hz = hz;
        let frames = self.rate.frames_in(ATTACK);
        notch.filter.go(Coefficients::new(curve, self.rate), frames);
        self.n_notches = self.n_notches.max(at + 1);
        known.is_none()
    }
}

/// As many pitches as a room may have where it rings most.
const N_NOTCHES: usize = 8;
const NOTCH: Db = Db(-30.0);
/// Wide enough for the pitches beside each other that one resonance has.
const NOTCH_Q: f32 = 6.0;
const WIDE_Q: f32 = 2.5;
/// In parts of a pitch.
const SAME_PITCH: f32 = 0.06;
/// Below what no way round makes good, while what is on its way dies out.
const DIP: Db = Db(-18.0);
/// By so much softer does the voice come back.
const STEP: Db = Db(-4.0);
/// A room that howls at one pitch is about to at others.
const FILTERED_STEP: Db = Db(-2.5);
/// Softer still, nobody would hear the page.
const MOST: Db = Db(-20.0);
/// Several rounds of the longest way.
const HOLD: Duration = Duration::from_millis(1_000);
const RECOVERY: Duration = Duration::from_millis(1_500);
const ATTACK: Duration = Duration::from_millis(15);
const RELEASE: Duration = Duration::from_millis(200);
