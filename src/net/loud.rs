//! Does a voice say something?

use std::time::{Duration, Instant};

/// Whether more than silence has come, and when that was last told.
#[derive(Debug, Default)]
pub(super) struct Loud {
    /// Since it was looked for.
    is_heard: bool,
    told_at: Option<Instant>,
}

impl Loud {
    pub(super) fn listen(&mut self, frames: &[f32]) {
        self.is_heard |= frames.iter().any(|frame| frame.abs() > AUDIBLE);
    }

    /// Whether there was sound and that is to be told now.
    pub(super) fn is_news(&mut self, now: Instant) -> bool {
        let is_told = self.told_at.is_some_and(|at| now < at + INTERVAL);
        if !std::mem::take(&mut self.is_heard) || is_told {
            return false;
        }
        self.told_at = Some(now);
        true
    }
}

/// −60 dBFS: the noise of a muted phone is below, that of a room is above.
const AUDIBLE: f32 = 0.001;

/// So often at most it is told that there is sound.
const INTERVAL: Duration = Duration::from_secs(1);
