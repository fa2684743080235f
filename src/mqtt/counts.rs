//! What has passed since the start?

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::api::BrokerFigures;

/// Counted by the thread, read by anybody.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) is_connected: AtomicBool,
    pub(super) published: AtomicU64,
    /// Events and answers that had no room.
    pub(super) lost: AtomicU64,
    pub(super) commands: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Counts {
    pub(super) fn figures(&self) -> BrokerFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BrokerFigures {
            is_connected: self.is_connected.load(Ordering::Relaxed),
            published: read(&self.published),
            lost: read(&self.lost),
            commands: read(&self.commands),
            refused: read(&self.refused),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
