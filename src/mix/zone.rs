//! What is set for one zone?
//!
//! ```text
//!  speech volume ──────────► gain of voices and messages on its outputs
//!  klaxon volume ──────────► gain of klaxons on its outputs
//!  music volume × duck ────► gain of the music on its outputs
//!  fitting: eq, delay and ceiling ──► of the outputs that carry it
//! ```

use std::time::Duration;

use crate::base::{Db, SampleRate};
use crate::dsp::{Curves, FLAT, Ramp, Shape};
use crate::mix::engine::{Block, MAX_BLOCK};

/// A volume that somebody turns; quick to the ear, slow for a loudspeaker.
const VOLUME_RAMP_MS: u64 = 50;

/// How sound is fitted to the loudspeakers of a zone and to where they hang.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitting {
    /// A high-pass and the bands of an equaliser.
    pub curves: Curves,
    /// Up to `Fitting::LONGEST_DELAY`.
    pub delay: Duration,
    /// What no peak exceeds, if it is below the engine's own ceiling. Of an output of several
    /// zones it is the lowest.
    pub ceiling: Db,
}

impl Fitting {
    /// Sound passes as it is.
    pub const NONE: Self = Self {
        curves: FLAT,
        delay: Duration::ZERO,
        ceiling: Db::UNITY,
    };
    /// A loudspeaker 340 m away.
    pub const LONGEST_DELAY: Duration = Duration::from_secs(1);
}

/// By which of a zone's volumes a voice or sound is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Speech,
    Klaxon,
}

/// One zone: gains for speech, klaxons and music.
pub(super) struct Zone {
    speech: Course,
    speech_volume: Ramp,
    klaxon: Course,
    klaxon_volume: Ramp,
    music: Course,
    music_volume: Ramp,
    duck: Ramp,
    /// While music is lowered: the frames that the way there takes.
    lowered: Option<usize>,
    fitting: Box<Fitting>,
    is_fitted: bool,
}

/// A gain during one block.
pub(super) struct Course {
    /// If it stands still; else `gains` holds where it goes.
    still: Option<f32>,
    gains: Block,
}

impl Course {
    pub(super) const UNITY: Self = Self {
        still: Some(1.0),
        gains: [1.0; MAX_BLOCK],
    };
}

impl Zone {
    pub(super) fn new() -> Self {
        Self {
            speech: Course::UNITY,
            speech_volume: Ramp::resting(1.0),
            klaxon: Course::UNITY,
            klaxon_volume: Ramp::resting(1.0),
            music: Course::UNITY,
            music_volume: Ramp::resting(1.0),
            duck: Ramp::resting(1.0),
            lowered: None,
            fitting: Box::new(Fitting::NONE),
            is_fitted: false,
        }
    }
}

// == realtime below ==

impl Course {
    /// The gain of this block, if it stands still.
    pub(super) fn still(&self) -> Option<f32> {
        self.still
    }

    /// Is what `volume` does in the next `n` frames.
    pub(super) fn follow(&mut self, volume: &mut Ramp, n: usize) {
        self.still = volume.at_rest();
        if self.still.is_none() {
            volume.fill(&mut self.gains[..n]);
        }
    }

    /// Multiplies one block with the gain; bit-exact at unity.
    pub(super) fn scale(&self, frames: &mut [f32]) {
        match self.still {
            Some(1.0) => {}
            Some(gain) => frames.iter_mut().for_each(|x| *x *= gain),
            None => {
                let gains = frames.iter_mut().zip(&self.gains);
                gains.for_each(|(x, gain)| *x *= gain);
            }
        }
    }

    /// Divides one block by the gain, which is not zero; bit-exact at unity.
    pub(super) fn take_back(&self, frames: &mut [f32]) {
        match self.still {
            Some(1.0) => {}
            Some(gain) => frames.iter_mut().for_each(|x| *x /= gain),
            None => {
                let gains = frames.iter_mut().zip(&self.gains);
                gains.for_each(|(x, gain)| *x /= gain);
            }
        }
    }

    /// The course of a gain that moves.
    pub(super) fn gains(&self, n: usize) -> &[f32] {
        &self.gains[..n]
    }
}

impl Zone {
    pub(super) fn set_speech_volume(&mut self, to: f32, rate: SampleRate) {
        self.speech_volume.go(to, volume_ramp(rate), Shape::Smooth);
    }

    pub(super) fn set_klaxon_volume(&mut self, to: f32, rate: SampleRate) {
        self.klaxon_volume.go(to, volume_ramp(rate), Shape::Smooth);
    }

    pub(super) fn set_music_volume(&mut self, to: f32, rate: SampleRate) {
        self.music_volume.go(to, volume_ramp(rate), Shape::Smooth);
    }

    pub(super) fn duck(&mut self, to: f32, frames: usize) {
        self.duck.go(to, frames, Shape::Smooth);
        self.lowered = (to < 1.0).then_some(frames);
    }

    /// While music is lowered: the frames that the way there takes.
    pub(super) fn lowered(&self) -> Option<usize> {
        self.lowered
    }

    /// Takes another fitting and gives the old one back; the outputs turn to it by themselves.
    pub(super) fn fit(&mut self, fitting: Box<Fitting>) -> Box<Fitting> {
        self.is_fitted = *fitting != Fitting::NONE;
        std::mem::replace(&mut self.fitting, fitting)
    }

    /// What is set, unless sound passes as it is.
    pub(super) fn fitting(&self) -> Option<&Fitting> {
        self.is_fitted.then_some(&*self.fitting)
    }

    /// Ends all ramps at once; only while nothing sounds.
    pub(super) fn settle(&mut self) {
        for ramp in [
            &mut self.speech_volume,
            &mut self.klaxon_volume,
            &mut self.music_volume,
            &mut self.duck,
        ] {
            ramp.jump(ramp.target());
        }
    }

    /// Begins a block of `n` frames.
    pub(super) fn begin(&mut self, n: usize) {
        self.speech.follow(&mut self.speech_volume, n);
        self.klaxon.follow(&mut self.klaxon_volume, n);
        let still = self.music_volume.at_rest().zip(self.duck.at_rest());
        self.music.still = still.map(|(volume, duck)| volume * duck);
        if still.is_none() {
            let gains = &mut self.music.gains[..n];
            self.music_volume.fill(gains);
            self.duck.scale(gains);
        }
    }

    /// The gain of what is said or sounded in this block.
    pub(super) fn gain_of(&self, kind: Kind) -> &Course {
        match kind {
            Kind::Speech => &self.speech,
            Kind::Klaxon => &self.klaxon,
        }
    }

    /// The gain of music in this block.
    pub(super) fn music(&self) -> &Course {
        &self.music
    }
}

fn volume_ramp(rate: SampleRate) -> usize {
    (u64::from(rate.hz()) * VOLUME_RAMP_MS / 1_000) as usize
}
