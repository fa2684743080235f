//! How loud, frame by frame, is the loudest of the outputs that are limited together?
//!
//! Two speakers of one zone make one picture: were only one of them turned down, the sound would
//! move to the other.

use crate::mix::MAX_BLOCK;

/// Outputs that are limited together.
#[derive(Clone)]
pub(super) struct Picture {
    is_loud: bool,
    heights: [f32; MAX_BLOCK],
}

impl Picture {
    pub(super) const EMPTY: Self = Self {
        is_loud: false,
        heights: [0.0; MAX_BLOCK],
    };

    // == realtime below ==

    pub(super) fn clear(&mut self) {
        self.is_loud = false;
    }

    /// Adds an output whose peaks, frame by frame, are `heights`.
    pub(super) fn raise(&mut self, heights: &[f32]) {
        if !self.is_loud {
            self.is_loud = true;
            self.heights[..heights.len()].copy_from_slice(heights);
            return;
        }
        for (highest, height) in self.heights.iter_mut().zip(heights) {
            *highest = highest.max(*height);
        }
    }

    /// The highest peaks of the first `n` frames; `None` when no output has a say.
    pub(super) fn heights(&self, n: usize) -> Option<&[f32]> {
        self.is_loud.then_some(&self.heights[..n])
    }
}
