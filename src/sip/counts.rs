//! How much arrived, and what became of it?

use std::sync::atomic::{AtomicU64, Ordering};

use crate::sip::door::guard::Dropped;
use crate::sip::entry::ingress::Ignored;

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
    /// Messages and connections from outside of the allowed networks.
    pub not_allowed: u64,
    /// Messages and connections of silenced sources.
    pub silenced: u64,
    /// Messages that were too many of their kind.
    pub too_much: u64,
    /// Requests that were asked for a password.
    pub challenged: u64,
    /// Proofs with a wrong password.
    pub wrong_passwords: u64,
    /// Calls, requests and connections beyond what is kept at the same time.
    pub beyond_caps: u64,
    /// Connections that were closed because a message did not come whole in time.
    pub unfinished: u64,
    /// Datagrams that were not sent, because a stranger had been told more than it had asked for.
    pub withheld: u64,
    /// Messages that the trace was too slow for.
    pub untraced: u64,
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
    not_allowed: AtomicU64,
    silenced: AtomicU64,
    too_much: AtomicU64,
    challenged: AtomicU64,
    wrong_passwords: AtomicU64,
    beyond_caps: AtomicU64,
    unfinished: AtomicU64,
    withheld: AtomicU64,
    untraced: AtomicU64,
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

    pub(super) fn dropped(&self, why: Dropped) {
        count(match why {
            Dropped::NotAllowed => &self.not_allowed,
            Dropped::Silenced => &self.silenced,
            Dropped::TooMuch => &self.too_much,
        });
    }

    pub(super) fn challenged(&self) {
        count(&self.challenged);
    }

    pub(super) fn wrong_password(&self) {
        count(&self.wrong_passwords);
    }

    pub(super) fn beyond_cap(&self) {
        count(&self.beyond_caps);
    }

    pub(super) fn unfinished(&self) {
        count(&self.unfinished);
    }

    pub(super) fn withheld(&self) {
        count(&self.withheld);
    }

    pub(super) fn untraced(&self) {
        count(&self.untraced);
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
            not_allowed: read(&self.not_allowed),
            silenced: read(&self.silenced),
            too_much: read(&self.too_much),
            challenged: read(&self.challenged),
            wrong_passwords: read(&self.wrong_passwords),
            beyond_caps: read(&self.beyond_caps),
            unfinished: read(&self.unfinished),
            withheld: read(&self.withheld),
            untraced: read(&self.untraced),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
