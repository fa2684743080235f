//! Which voices and sounds go the same way?
//!
//! Sources of one kind that are for the same zones are summed once. An output then takes each sum once,
//! however many of those zones it carries, so that nobody is louder where zones overlap. What is
//! picked up for recordings goes by here too.

use crate::base::{RecordingId, ZoneSet};
use crate::mix::engine::{Block, MAX_BLOCK};
use crate::mix::pickup::Pickups;
use crate::mix::zone::Kind;

/// The sums of one block, one for each kind and set of zones that is spoken to.
pub(super) struct Buses {
    keys: Vec<(ZoneSet, Kind)>,
    sums: Vec<Block>,
    /// How many are in use.
    n: usize,
    pub(super) pickups: Pickups,
}

impl Buses {
    /// Room for as many sets: one for each source, and two while it moves.
    pub(super) fn new(n_sets: usize, n_recordings: usize) -> Self {
        Self {
            keys: vec![(ZoneSet::EMPTY, Kind::Speech); n_sets],
            sums: vec![[0.0; MAX_BLOCK]; n_sets],
            n: 0,
            pickups: Pickups::new(n_recordings),
        }
    }

    // == realtime below ==

    /// Begins a block of `n` frames.
    pub(super) fn begin(&mut self, n: usize) {
        self.n = 0;
        self.pickups.begin(n);
    }

    /// Adds one source's frames; all sources of a block are as long.
    pub(super) fn add(
        &mut self,
        zones: ZoneSet,
        kind: Kind,
        frames: &[f32],
        recording: Option<RecordingId>,
    ) {
        if !zones.is_empty() {
            self.pickups.hear_page(recording, frames);
        }
        let key = (zones, kind);
        let known = self.keys[..self.n].iter().position(|other| *other == key);
        if let Some(known) = known {
            for (sum, x) in self.sums[known].iter_mut().zip(frames) {
                *sum += x;
            }
            return;
        }
        if let Some(sum) = self.sums.get_mut(self.n) {
            sum[..frames.len()].copy_from_slice(frames);
            self.keys[self.n] = key;
            self.n += 1;
        }
    }

    /// The sums, each with what it is for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ZoneSet, Kind, &Block)> {
        let keys = self.keys[..self.n].iter().zip(&self.sums);
        keys.map(|(&(zones, kind), sum)| (zones, kind, sum))
    }
}
