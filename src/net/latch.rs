//! Whose packets do we take for a call, and where do we send ours?
//!
//! Behind a NAT the session description may name an address that nobody can reach, so we send to
//! where valid packets come from (symmetric RTP). A stranger must not take a call over: the
//! address in the session description beats all others at once, its host beats other hosts, and
//! an equal gets in only when the present source has fallen silent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the present source must be silent before another of its rank replaces it: longer than
/// any jitter, short enough that a NAT which changes its mind costs one syllable.
const RELATCH_AFTER: Duration = Duration::from_secs(1);

/// The state of one socket's peer.
pub(super) struct Latch {
    /// What the session description says.
    signalled: Option<SocketAddr>,
    /// Where the last accepted packet came from, and when.
    heard: Option<(SocketAddr, Instant)>,
}

impl Latch {
    pub(super) fn new(signalled: Option<SocketAddr>) -> Self {
        Self {
            signalled,
            heard: None,
        }
    }

    /// A new session description: what was heard before counts no longer if the address moved.
    pub(super) fn redirect(&mut self, signalled: Option<SocketAddr>) {
        if self.signalled != signalled {
            *self = Self::new(signalled);
        }
    }

    /// Whether a packet from there may be taken now, if it is valid.
    pub(super) fn admits(&self, from: SocketAddr, now: Instant) -> bool {
        let Some((present, at)) = self.heard else {
            return true;
        };
        let silent = now.saturating_duration_since(at) >= RELATCH_AFTER;
        from == present || silent || self.rank(from) > self.rank(present)
    }

    /// A valid packet came from there; true if it is a new source.
    pub(super) fn accept(&mut self, from: SocketAddr, now: Instant) -> bool {
        let is_new = self.heard.is_none_or(|(present, _)| present != from);
        self.heard = Some((from, now));
        is_new
    }

    /// Whether valid packets come from there.
    pub(super) fn is_peer(&self, from: SocketAddr) -> bool {
        self.heard.is_some_and(|(present, _)| present == from)
    }

    /// Where to send: where we hear from, else where the session description says.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.heard.map(|(from, _)| from).or(self.signalled)
    }

    fn rank(&self, from: SocketAddr) -> u8 {
        match self.signalled {
            Some(signalled) if signalled == from => 2,
            Some(signalled) if signalled.ip() == from.ip() => 1,
            Some(_) | None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_valid_source_is_the_peer_until_it_falls_silent() {
        let t0 = Instant::now();
        let mut latch = Latch::new(Some(at("10.0.0.1:4000")));
        assert_eq!(latch.remote(), Some(at("10.0.0.1:4000")));

        let (nat, stranger) = (at("198.51.100.1:999"), at("203.0.113.6:1"));
        assert!(latch.admits(nat, t0));
        assert!(latch.accept(nat, t0));
        assert!(!latch.accept(nat, t0));
        assert_eq!(latch.remote(), Some(nat));
        assert!(!latch.admits(stranger, t0 + RELATCH_AFTER / 2));
        assert!(latch.admits(stranger, t0 + RELATCH_AFTER));
    }

    #[test]
    fn the_signalled_address_wins_over_whoever_was_first() {
        let now = Instant::now();
        let signalled = at("10.0.0.1:4000");
        let mut latch = Latch::new(Some(signalled));
        let (stranger, same_host) = (at("203.0.113.6:1"), at("10.0.0.1:4002"));
        latch.accept(stranger, now);
        assert!(latch.admits(same_host, now));
        latch.accept(same_host, now);
        assert!(!latch.admits(stranger, now));
        assert!(latch.admits(signalled, now));
        latch.accept(signalled, now);
        assert!(!latch.admits(same_host, now));
        assert_eq!(latch.remote(), Some(signalled));
    }

    #[test]
    fn a_new_description_forgets_the_old_source_only_if_the_address_moved() {
        let now = Instant::now();
        let (old, nat, new) = (
            at("10.0.0.1:4000"),
            at("198.51.100.1:9"),
            at("10.0.0.2:4000"),
        );
        let mut latch = Latch::new(Some(old));
        latch.accept(nat, now);
        latch.redirect(Some(old));
        assert_eq!(latch.remote(), Some(nat));
        latch.redirect(Some(new));
        assert_eq!(latch.remote(), Some(new));
        assert!(latch.admits(new, now));
    }
}
