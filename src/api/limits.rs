//! How often may one source ask?

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// Requests and connections of each source. A source is an IPv4 address or an IPv6 network of 64
/// bits, which one household or attacker has for itself.
#[derive(Debug, Default)]
pub(super) struct Limits {
    sources: HashMap<IpAddr, Source>,
}

#[derive(Debug)]
struct Source {
    /// Requests that it may still make at once.
    left: f64,
    at: Instant,
    n_connections: usize,
}

impl Limits {
    /// Whether one more request is served.
    pub(super) fn request(&mut self, peer: IpAddr, now: Instant) -> bool {
        let source = self.source(peer, now);
        if source.left < 1.0 {
            return false;
        }
        source.left -= 1.0;
        true
    }

    /// Whether one more connection is taken; `closed` has to follow.
    pub(super) fn connected(&mut self, peer: IpAddr, now: Instant) -> bool {
        // What runs on this machine shares one address.
        let most = if peer.is_loopback() {
            usize::MAX
        } else {
            MOST_CONNECTIONS
        };
        let source = self.source(peer, now);
        if source.n_connections >= most {
            return false;
        }
        source.n_connections += 1;
        true
    }

    pub(super) fn closed(&mut self, peer: IpAddr) {
        if let Some(source) = self.sources.get_mut(&network(peer)) {
            source.n_connections = source.n_connections.saturating_sub(1);
        }
    }

    fn source(&mut self, peer: IpAddr, now: Instant) -> &mut Source {
        if self.sources.len() >= MOST_SOURCES {
            self.sources.retain(|_, it| it.n_connections > 0);
        }
        let source = self.sources.entry(network(peer)).or_insert(Source {
            left: BURST,
            at: now,
            n_connections: 0,
        });
        let passed = now.saturating_duration_since(source.at);
        source.left = (source.left + passed.as_secs_f64() * RATE).min(BURST);
        source.at = now;
        source
    }
}

fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

/// Requests a second that one source may make; programs that follow everything need a few.
const RATE: f64 = 1_000.0;
const BURST: f64 = 1_000.0;

/// Of one source at the same time.
const MOST_CONNECTIONS: usize = 256;

/// Sources without a connection are forgotten when there are more.
const MOST_SOURCES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_flood_is_cut_to_the_rate_and_others_are_served_meanwhile() {
        let now = Instant::now();
        let mut limits = Limits::default();
        let flood = address("192.0.2.7");
        let served = (0..5_000).filter(|_| limits.request(flood, now)).count();
        assert_eq!(served, 1_000);
        assert!(limits.request(address("192.0.2.8"), now));
        let later = now + Duration::from_millis(100);
        let served = (0..5_000).filter(|_| limits.request(flood, later)).count();
        assert_eq!(served, 100);
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let now = Instant::now();
        let mut limits = Limits::default();
        let served = |limits: &mut Limits, text: &str| {
            (0..1_000)
                .filter(|_| limits.request(address(text), now))
                .count()
        };
        assert_eq!(served(&mut limits, "2001:db8::1"), 1_000);
        assert_eq!(served(&mut limits, "2001:db8::2"), 0);
        assert_eq!(served(&mut limits, "2001:db8:0:1::2"), 1_000);
        assert_eq!(served(&mut limits, "::ffff:192.0.2.7"), 1_000);
        assert_eq!(served(&mut limits, "192.0.2.7"), 0);
    }

    #[test]
    fn connections_are_counted_until_they_are_closed() {
        let now = Instant::now();
        let mut limits = Limits::default();
        let far = address("192.0.2.7");
        let taken = (0..300).filter(|_| limits.connected(far, now)).count();
        assert_eq!(taken, MOST_CONNECTIONS);
        limits.closed(far);
        assert!(limits.connected(far, now) && !limits.connected(far, now));
        let here = address("127.0.0.1");
        assert_eq!(
            (0..300).filter(|_| limits.connected(here, now)).count(),
            300
        );
    }
}
