//! How much arrived, and what became of it?

use std::sync::atomic::{AtomicU64, Ordering};

use super::ingress::Ignored;

/// Messages and datagrams since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that reached the stack.
    pub delivered: u64,
    /// Those of them that had to be repaired first.
    pub repaired: u64,
    /// NAT keep-alives.
    pub keep_alives: u64,
    /// Datagrams that were no SIP at all.
    pub not_sip: u64,
    /// Datagrams that ended inside their header.
    pub truncated: u64,
    /// Messages that make no sense, and of which nobody can be told.
    pub malformed: u64,
    /// Requests that were refused before the stack saw them.
    pub refused: u64,
    /// Those of them that got no answer, because it would have been longer than they were.
    pub unanswered: u64,
    /// Datagrams that the system refused to send.
    pub unsent: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    delivered: AtomicU64,
    repaired: AtomicU64,
    keep_alives: AtomicU64,
    not_sip: AtomicU64,
    truncated: AtomicU64,
    malformed: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
    unsent: AtomicU64,
}

impl Counters {
    pub(super) fn delivered(&self, repaired: bool) {
        count(&self.delivered);
        if repaired {
            count(&self.repaired);
        }
    }

    pub(super) fn ignored(&self, why: Ignored) {
        count(match why {
            Ignored::KeepAlive => &self.keep_alives,
            Ignored::NotSip => &self.not_sip,
            Ignored::Truncated => &self.truncated,
            Ignored::Malformed => &self.malformed,
        });
    }

    pub(super) fn refused(&self, answered: bool) {
        count(&self.refused);
        if !answered {
            count(&self.unanswered);
        }
    }

    pub(super) fn unsent(&self) {
        count(&self.unsent);
    }

    pub(super) fn snapshot(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            delivered: read(&self.delivered),
            repaired: read(&self.repaired),
            keep_alives: read(&self.keep_alives),
            not_sip: read(&self.not_sip),
            truncated: read(&self.truncated),
            malformed: read(&self.malformed),
            refused: read(&self.refused),
            unanswered: read(&self.unanswered),
            unsent: read(&self.unsent),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
