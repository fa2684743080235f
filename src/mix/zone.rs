//! What happens to sound in one zone?
//!
//! ```text
//!  voices, plays ─► Σ ─► × speech volume ─► speech of the zone ─► outputs that carry it
//!                         music volume × duck ─► gain of the music on those outputs
//! ```
//!
//! A zone's own eq and delay belong behind its speech volume.

use crate::base::SampleRate;
use crate::dsp::{Ramp, Shape};
use crate::mix::engine::{Block, MAX_BLOCK};

/// A volume that somebody turns; quick to the ear, slow for a loudspeaker.
const VOLUME_RAMP_MS: u64 = 50;

/// One zone: a bus of speech and a gain for music.
pub(super) struct Zone {
    bus: Block,
    /// Whether anything was added in this block; else `bus` is stale.
    loaded: bool,
    speech_volume: Ramp,
    music_volume: Ramp,
    duck: Ramp,
    music: Block,
    /// The music gain if it stands still in this block; else `music` holds its course.
    music_still: Option<f32>,
}

impl Zone {
    pub(super) fn new() -> Self {
        Self {
            bus: [0.0; MAX_BLOCK],
            loaded: false,
            speech_volume: Ramp::resting(1.0),
            music_volume: Ramp::resting(1.0),
            duck: Ramp::resting(1.0),
            music: [1.0; MAX_BLOCK],
            music_still: Some(1.0),
        }
    }

    // == realtime below ==

    pub(super) fn set_speech_volume(&mut self, to: f32, rate: SampleRate) {
        self.speech_volume.go(to, volume_ramp(rate), Shape::Smooth);
    }

    pub(super) fn set_music_volume(&mut self, to: f32, rate: SampleRate) {
        self.music_volume.go(to, volume_ramp(rate), Shape::Smooth);
    }

    pub(super) fn duck(&mut self, to: f32, frames: usize) {
        self.duck.go(to, frames, Shape::Smooth);
    }

    /// Ends all ramps at once; only while nothing sounds.
    pub(super) fn settle(&mut self) {
        for ramp in [
            &mut self.speech_volume,
            &mut self.music_volume,
            &mut self.duck,
        ] {
            ramp.jump(ramp.target());
        }
    }

    /// Begins a block of `n` frames.
    pub(super) fn begin(&mut self, n: usize) {
        self.loaded = false;
        let still = self.music_volume.at_rest().zip(self.duck.at_rest());
        self.music_still = still.map(|(volume, duck)| volume * duck);
        if still.is_none() {
            let music = &mut self.music[..n];
            self.music_volume.fill(music);
            self.duck.scale(music);
        }
    }

    /// Adds one source's frames to the speech of this block.
    pub(super) fn add(&mut self, frames: &[f32]) {
        let bus = &mut self.bus[..frames.len()];
        if self.loaded {
            for (sum, x) in bus.iter_mut().zip(frames) {
                *sum += x;
            }
            return;
        }
        bus.copy_from_slice(frames);
        self.loaded = true;
    }

    /// Ends the adding.
    pub(super) fn finish(&mut self, n: usize) {
        if self.loaded {
            self.speech_volume.scale(&mut self.bus[..n]);
        } else {
            self.speech_volume.skip(n);
        }
    }

    /// Whether anything was added in this block.
    pub(super) fn speaks(&self) -> bool {
        self.loaded
    }

    /// The speech of this block, if there is any.
    pub(super) fn speech(&self, n: usize) -> Option<&[f32]> {
        self.loaded.then(|| &self.bus[..n])
    }

    /// The music gain of this block, if it stands still.
    pub(super) fn music_still(&self) -> Option<f32> {
        self.music_still
    }

    /// The course of a music gain that moves.
    pub(super) fn music_course(&self, n: usize) -> &[f32] {
        &self.music[..n]
    }
}

fn volume_ramp(rate: SampleRate) -> usize {
    (u64::from(rate.hz()) * VOLUME_RAMP_MS / 1_000) as usize
}
