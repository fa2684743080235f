//! Who takes what zones hear, besides loudspeakers?
//!
//! ```text
//!  voices, sounds, music of some zones ─► an outlet of its own ─► FeedTx ══ring══ FeedRx ─► network, disk
//! ```
//!
//! A tap is an output that no clock has: what it plays goes into a ring, and whoever holds the
//! other end keeps up or misses something; the callback never waits.

use std::collections::BTreeMap;

use crate::base::{FeedTx, SampleRate, ZoneSet};
use crate::mix::engine::Ports;

/// What is heard at a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// As of an output: who speaks in any of them is heard once.
    pub zones: ZoneSet,
    pub music: TapMusic,
}

/// Whether a tap has the music of its zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapMusic {
    /// Speech, klaxons and tones only.
    Without,
    /// With the music, both sides of it.
    With,
}

/// What the taps are, by number; as the console knows them.
pub(super) type Tapped = BTreeMap<usize, Tap>;

/// A ring for a tap, or none any more; on its way back what the tap had before.
pub(super) struct Change {
    pub(super) tap: usize,
    pub(super) feed: Option<FeedTx>,
}

/// The rings of all taps.
pub(super) struct Taps {
    /// The outputs below are those of the clock.
    n_outputs: usize,
    feeds: Vec<Option<FeedTx>>,
}

impl Taps {
    /// Room for `n` behind the outputs of the clock.
    pub(super) fn new(n_outputs: usize, n: usize) -> Self {
        Self {
            n_outputs,
            feeds: (0..n).map(|_| None).collect(),
        }
    }

    pub(super) fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// Rings for another rate end. Not for the sound callback: drops them.
    pub(super) fn set_rate(&mut self, rate: SampleRate) {
        for feed in &mut self.feeds {
            feed.take_if(|feed| feed.rate() != rate);
        }
    }

    // == realtime below ==

    /// Gives a tap what `change` has, unless that is for another rate, and leaves in `change` what
    /// is not needed any more.
    pub(super) fn take(&mut self, change: &mut Change, rate: SampleRate) {
        let is_fit = change.feed.as_ref().is_none_or(|feed| feed.rate() == rate);
        if let Some(feed) = self.feeds.get_mut(change.tap).filter(|_| is_fit) {
            std::mem::swap(feed, &mut change.feed);
        }
    }

    /// Writes the frames of an output to where they go.
    pub(super) fn write(
        &mut self,
        ports: &mut impl Ports,
        output: usize,
        at: usize,
        frames: &[f32],
    ) {
        let Some(tap) = output.checked_sub(self.n_outputs) else {
            return ports.write(output, at, frames);
        };
        if let Some(Some(feed)) = self.feeds.get_mut(tap) {
            feed.push(frames);
        }
    }
}
