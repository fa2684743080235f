//! Whose packets do we take for a call, and where do we send ours?
//!
//! Behind a NAT the session description may name an address that nobody can reach, so we send to
//! where valid packets come from (symmetric RTP). A stranger must not take a call over: the
//! address in the session description beats all others at once, its host beats other hosts, and
//! an equal gets in only when the present source has fallen silent. The stream that was there
//! first, known by its SSRC, which a stranger cannot see, may always come back.

use std::net::{IpAddr, SocketAddr};
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
    /// The stream that was there first, wherever it comes from by now.
    first: Option<Stream>,
}

/// What tells a stream from that of a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    from: SocketAddr,
    ssrc: u32,
}

impl Latch {
    pub(super) fn new(signalled: Option<SocketAddr>) -> Self {
        Self {
            signalled,
            heard: None,
            first: None,
        }
    }

    /// A new session description: what was heard before counts no longer if the address moved.
    pub(super) fn redirect(&mut self, signalled: Option<SocketAddr>) {
        if self.signalled != signalled {
            *self = Self::new(signalled);
        }
    }

    /// Whether a packet from there may be taken now, if it is valid.
    pub(super) fn admits(&self, from: SocketAddr, ssrc: u32, now: Instant) -> bool {
        let Some((present, at)) = self.heard else {
            return true;
        };
        let silent = now.saturating_duration_since(at) >= RELATCH_AFTER;
        let (rank, present_rank) = (self.rank(from), self.rank(present));
        let is_back = self.first == Some(Stream { from, ssrc }) && rank >= present_rank;
        from == present || silent || is_back || rank > present_rank
    }

    /// A valid packet came from there; true if it is a new source.
    pub(super) fn accept(&mut self, from: SocketAddr, ssrc: u32, now: Instant) -> bool {
        let is_new = self.heard.is_none_or(|(present, _)| present != from);
        self.heard = Some((from, now));
        // A stream keeps its SSRC when its NAT changes its mind, and its address when it restarts.
        let is_first = |first: Stream| first.ssrc == ssrc || first.from == from;
        if self.first.is_none_or(is_first) {
            self.first = Some(Stream { from, ssrc });
        }
        is_new
    }

    /// Whether valid packets come from there.
    pub(super) fn is_peer(&self, from: SocketAddr) -> bool {
        self.heard.is_some_and(|(present, _)| present == from)
    }

    /// Whether the peer's reports come from that host; `None` while no sound has shown where it
    /// is, and the session description names another host.
    pub(super) fn is_host(&self, host: IpAddr) -> Option<bool> {
        let is_remote = self.remote().is_some_and(|remote| remote.ip() == host);
        if is_remote {
            return Some(true);
        }
        self.heard.map(|_| false)
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

    const SSRC: u32 = 77;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_valid_source_is_the_peer_until_it_falls_silent() {
        let t0 = Instant::now();
        let mut latch = Latch::new(Some(at("10.0.0.1:4000")));
        assert_eq!(latch.remote(), Some(at("10.0.0.1:4000")));

        let (nat, stranger) = (at("198.51.100.1:999"), at("203.0.113.6:1"));
        assert!(latch.admits(nat, SSRC, t0));
        assert!(latch.accept(nat, SSRC, t0));
        assert!(!latch.accept(nat, SSRC, t0));
        assert_eq!(latch.remote(), Some(nat));
        assert!(!latch.admits(stranger, SSRC, t0 + RELATCH_AFTER / 2));
        assert!(latch.admits(stranger, SSRC, t0 + RELATCH_AFTER));
    }

    #[test]
    fn the_signalled_address_wins_over_whoever_was_first() {
        let now = Instant::now();
        let signalled = at("10.0.0.1:4000");
        let mut latch = Latch::new(Some(signalled));
        let (stranger, same_host) = (at("203.0.113.6:1"), at("10.0.0.1:4002"));
        latch.accept(stranger, SSRC, now);
        assert!(latch.admits(same_host, SSRC, now));
        latch.accept(same_host, SSRC, now);
        assert!(!latch.admits(stranger, SSRC, now));
        assert!(latch.admits(signalled, SSRC, now));
        latch.accept(signalled, SSRC, now);
        assert!(!latch.admits(same_host, SSRC, now));
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
        latch.accept(nat, SSRC, now);
        latch.redirect(Some(old));
        assert_eq!(latch.remote(), Some(nat));
        latch.redirect(Some(new));
        assert_eq!(latch.remote(), Some(new));
        assert!(latch.admits(new, SSRC, now));
    }

    #[test]
    fn the_first_stream_comes_back_at_once_after_a_stranger_used_its_silence() {
        let t0 = Instant::now();
        let (nat, stranger) = (at("198.51.100.1:999"), at("203.0.113.6:1"));
        let mut latch = Latch::new(Some(at("10.0.0.1:4000")));
        latch.accept(nat, SSRC, t0);
        let later = t0 + RELATCH_AFTER;
        assert!(latch.admits(stranger, 4_711, later));
        latch.accept(stranger, 4_711, later);
        // Neither the address alone nor the SSRC alone is proof.
        assert!(!latch.admits(nat, 5, later));
        assert!(!latch.admits(at("203.0.113.7:1"), SSRC, later));
        assert!(latch.admits(nat, SSRC, later));
        latch.accept(nat, SSRC, later);
        assert!(!latch.admits(stranger, 4_711, later));
    }

    /// Phones with several addresses name one and send from another, reports first.
    #[test]
    fn who_reports_before_any_sound_is_no_stranger_yet() {
        let mut latch = Latch::new(Some(at("192.0.2.2:4000")));
        let host = |text: &str| at(text).ip();
        assert_eq!(latch.is_host(host("192.0.2.2:4001")), Some(true));
        assert_eq!(latch.is_host(host("10.0.0.1:4001")), None);
        latch.accept(at("10.0.0.1:4000"), SSRC, Instant::now());
        assert_eq!(latch.is_host(host("10.0.0.1:4001")), Some(true));
        assert_eq!(latch.is_host(host("192.0.2.2:4001")), Some(false));
        assert_eq!(Latch::new(None).is_host(host("10.0.0.1:4001")), None);
    }

    #[test]
    fn a_stream_that_moved_is_still_the_first() {
        let t0 = Instant::now();
        let (old, new) = (at("198.51.100.1:999"), at("198.51.100.1:1000"));
        let stranger = at("203.0.113.6:1");
        let mut latch = Latch::new(Some(at("10.0.0.1:4000")));
        latch.accept(old, SSRC, t0);
        latch.accept(new, SSRC, t0 + RELATCH_AFTER);
        latch.accept(stranger, 4_711, t0 + 2 * RELATCH_AFTER);
        assert!(!latch.admits(old, SSRC, t0 + 2 * RELATCH_AFTER));
        assert!(latch.admits(new, SSRC, t0 + 2 * RELATCH_AFTER));
    }
}
