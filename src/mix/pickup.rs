//! What is picked up of the sound in here, to be written down elsewhere?
//!
//! ```text
//!  Voice ─► caller ───────────┐
//!  Place ─► page, where heard ┼─► one block ─► TrackTx ══ring══► whoever writes it down
//!  Outlet ► outputs ──────────┘
//! ```
//!
//! Every block is as long as the engine's, whether anything sounds or not: the time of a recording
//! is that of the sound card.

use crate::base::{RecordingId, SampleRate, TrackTx};
use crate::mix::engine::MAX_BLOCK;

/// Where a recording is picked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The voice of a caller as it comes, whoever hears it; mono.
    Caller,
    /// What is said and sounded for a page wherever a zone hears it, without music; mono.
    Page,
    /// What leaves by these outputs, a channel each.
    Outputs(Vec<usize>),
}

impl Spot {
    /// Samples a frame.
    pub fn channels(&self) -> usize {
        match self {
            Self::Caller | Self::Page => 1,
            Self::Outputs(outputs) => outputs.len(),
        }
    }
}

/// One recording. Made outside, lent to the engine, sent back when it has ended.
pub(super) struct Pickup {
    pub(super) id: RecordingId,
    /// Tells pick-ups of the same recording apart.
    pub(super) serial: u64,
    spot: Spot,
    track: TrackTx,
    /// Interleaved.
    block: Vec<f32>,
    is_over: bool,
}

impl Pickup {
    pub(super) fn new(id: RecordingId, serial: u64, spot: Spot, track: TrackTx) -> Self {
        Self {
            id,
            serial,
            block: vec![0.0; MAX_BLOCK * track.channels()],
            spot,
            track,
            is_over: false,
        }
    }
}

/// All that are under way.
pub(super) struct Pickups {
    /// Close together: on a large site each output of each block asks all of them.
    #[allow(
        clippy::vec_box,
        reason = "the boxes come from outside and go back there"
    )]
    live: Vec<Box<Pickup>>,
}

impl Pickups {
    /// Room for so many.
    pub(super) fn new(n: usize) -> Self {
        Self {
            live: Vec::with_capacity(n),
        }
    }

    /// The clock goes on at another rate, which a track cannot: those of the old one end.
    pub(super) fn set_rate(&mut self, rate: SampleRate) {
        let others = self.live.iter_mut();
        let others = others.filter(|pickup| pickup.track.rate() != rate);
        others.for_each(|pickup| pickup.is_over = true);
    }

    // == realtime below ==

    /// Takes one more; gives back one that is for another rate, or for which there is no place.
    pub(super) fn take(&mut self, pickup: Box<Pickup>, rate: SampleRate) -> Option<Box<Pickup>> {
        if pickup.track.rate() != rate || self.live.len() == self.live.capacity() {
            return Some(pickup);
        }
        self.live.push(pickup);
        None
    }

    /// Ends one.
    pub(super) fn finish(&mut self, id: RecordingId) {
        let meant = self.live.iter_mut().filter(|pickup| pickup.id == id);
        meant.for_each(|pickup| pickup.is_over = true);
    }

    /// One that has ended.
    pub(super) fn take_spent(&mut self) -> Option<Box<Pickup>> {
        let over = self.live.iter().position(|pickup| pickup.is_over)?;
        Some(self.live.swap_remove(over))
    }

    /// Begins a block of `n` frames.
    pub(super) fn begin(&mut self, n: usize) {
        for pickup in &mut self.live {
            let n_samples = n * pickup.track.channels();
            pickup.block[..n_samples].fill(0.0);
        }
    }

    /// Frames of a caller's voice.
    pub(super) fn hear_caller(&mut self, id: Option<RecordingId>, frames: &[f32]) {
        self.hear(id, &Spot::Caller, frames);
    }

    /// Frames that a page lets zones hear.
    pub(super) fn hear_page(&mut self, id: Option<RecordingId>, frames: &[f32]) {
        self.hear(id, &Spot::Page, frames);
    }

    /// Frames that leave by an output.
    pub(super) fn hear_output(&mut self, output: usize, frames: &[f32]) {
        for pickup in &mut self.live {
            let Spot::Outputs(outputs) = &pickup.spot else {
                continue;
            };
            if let Some(channel) = outputs.iter().position(|it| *it == output) {
                let places = pickup.block.iter_mut().skip(channel);
                let places = places.step_by(outputs.len());
                places.zip(frames).for_each(|(place, x)| *place = *x);
            }
        }
    }

    /// Hands the block of `n` frames on.
    pub(super) fn end(&mut self, n: usize) {
        for pickup in &mut self.live {
            let n_samples = n * pickup.track.channels();
            if !pickup.is_over {
                pickup.track.push(&pickup.block[..n_samples]);
            }
        }
    }

    fn hear(&mut self, id: Option<RecordingId>, spot: &Spot, frames: &[f32]) {
        let Some(id) = id else { return };
        let meant = self.live.iter_mut();
        for pickup in meant.filter(|it| it.id == id && it.spot == *spot) {
            let sums = pickup.block.iter_mut().zip(frames);
            sums.for_each(|(sum, x)| *sum += x);
        }
    }
}
