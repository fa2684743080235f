//! Who gets which zones? Pages are ranked by priority, and within one by their turn.

use super::announcement::Announcement;
use super::{Busy, Extent};
use crate::base::ZoneSet;

/// What is decided about pages that wait, by their places.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// In the order of their turns.
    pub(super) granted: Vec<usize>,
    pub(super) rejected: Vec<usize>,
}

/// Hands zones out to those who wait. A page waits only for pages of its rank or above: those that
/// hold its zones, and those that asked for them before; so nobody is overtaken within a rank.
pub(super) fn decide(pages: &[Announcement]) -> Decision {
    let mut decision = Decision::default();
    let mut above = ZoneSet::EMPTY;
    for rank in ranks(pages, |_| 0).chunk_by(|a, b| is_same_rank(pages, *a, *b)) {
        let active = rank.iter().filter(|at| !pages[**at].is_queued());
        let mut level = active.fold(ZoneSet::EMPTY, |all, at| all.union(&pages[*at].ask.zones));
        for &at in rank.iter().filter(|at| pages[**at].is_queued()) {
            let ask = &pages[at].ask;
            let taken = match ask.busy {
                Busy::Mix => above,
                Busy::Queue | Busy::Reject => above.union(&level),
            };
            let free = ask.zones.difference(&taken);
            let is_enough = match ask.extent {
                Extent::Whole => free == ask.zones,
                Extent::Partial => !free.is_empty() || ask.zones.is_empty(),
            };
            if is_enough {
                decision.granted.push(at);
            } else if ask.busy == Busy::Reject {
                decision.rejected.push(at);
                continue;
            }
            level = level.union(&ask.zones);
        }
        above = above.union(&level);
    }
    decision
}

/// Where each page that holds zones is to be heard, by its place: in its zones less those of pages
/// above it, and of pages of its rank that had their turn before unless it mixes with them.
pub(super) fn shares(pages: &[Announcement]) -> Vec<(usize, ZoneSet)> {
    let mut shares = Vec::new();
    let mut above = ZoneSet::EMPTY;
    for rank in ranks(pages, |page| page.turn).chunk_by(|a, b| is_same_rank(pages, *a, *b)) {
        let mut level = ZoneSet::EMPTY;
        for &at in rank.iter().filter(|at| !pages[**at].is_queued()) {
            let ask = &pages[at].ask;
            let taken = match ask.busy {
                Busy::Mix => above,
                Busy::Queue | Busy::Reject => above.union(&level),
            };
            shares.push((at, ask.zones.difference(&taken)));
            level = level.union(&ask.zones);
        }
        above = above.union(&level);
    }
    shares
}

/// The places of all pages: the highest priority first, within one by `key` and then by asking.
fn ranks(pages: &[Announcement], key: impl Fn(&Announcement) -> u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pages.len()).collect();
    order.sort_by_key(|at| {
        let page = &pages[*at];
        (std::cmp::Reverse(page.ask.priority), key(page))
    });
    order
}

fn is_same_rank(pages: &[Announcement], a: usize, b: usize) -> bool {
    pages[a].ask.priority == pages[b].ask.priority
}
