//! For how many others does a page wait?

use super::announcement::Announcement;

/// The pages that stand before the one at this place and want some of its zones: those that hold
/// them, and those that wait and come first.
pub(super) fn n_before(pages: &[Announcement], at: usize) -> usize {
    let ask = &pages[at].ask;
    let is_before = |(i, it): &(usize, &Announcement)| {
        let earlier = !it.is_queued() || *i < at || it.ask.priority > ask.priority;
        let stands = it.ask.priority >= ask.priority && earlier;
        *i != at && stands && it.ask.zones.intersects(&ask.zones)
    };
    pages.iter().enumerate().filter(is_before).count()
}

/// The waiting pages whose number of others has changed since it was told, with that number.
pub(super) fn advanced(pages: &[Announcement]) -> Vec<(usize, usize)> {
    let waiting = pages.iter().enumerate().filter(|(_, it)| it.is_queued());
    let moved = waiting.filter_map(|(at, it)| {
        let (told, now) = (it.told?, n_before(pages, at));
        (told != now).then_some((at, now))
    });
    moved.collect()
}
