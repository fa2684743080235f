//! Which two neighbouring ports carry the RTP and RTCP of a call?

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Protocol, Socket, Type};

use crate::base::Dscp;

/// The range of ports that calls may use, in pairs of an even and the next odd port (RFC 3550
/// section 11). Pairs rotate from a random start, so a call seldom meets the late packets of
/// another.
pub struct PortPairs {
    first: u32,
    n_pairs: u32,
    /// From one pair to the next.
    step: u32,
    next: AtomicU32,
    dscp: Dscp,
    ports: RangeInclusive<u16>,
}

impl PortPairs {
    /// An odd port at the start and an even one at the end stay unused.
    pub fn new(ports: RangeInclusive<u16>) -> Self {
        let first = u32::from(*ports.start()).next_multiple_of(2);
        let end = u32::from(*ports.end()) + 1;
        Self {
            first,
            n_pairs: end.saturating_sub(first) / PAIR,
            step: PAIR,
            next: AtomicU32::new(RandomState::new().hash_one("first pair") as u32),
            dscp: Dscp::EF,
            ports,
        }
    }

    /// The same, with packets of another class than sound usually has.
    pub fn marked(self, dscp: Dscp) -> Self {
        Self { dscp, ..self }
    }

    /// The same, with this many ports from the first of a pair to the first of the next, two or more.
    pub fn spaced(self, step: u16) -> Self {
        let step = u32::from(step).max(PAIR).next_multiple_of(PAIR);
        let room = self.n_pairs * PAIR;
        // Behind the last pair nothing need be free.
        let n_pairs = (room + step - PAIR) / step;
        Self {
            n_pairs,
            step,
            ..self
        }
    }

    /// How many calls the range can carry at once.
    pub fn capacity(&self) -> usize {
        self.n_pairs as usize
    }

    /// Takes the next pair that is free at `ip`; an error says that none is, or why `ip` cannot
    /// be used. Dropping the pair frees it.
    pub fn bind(&self, ip: IpAddr) -> io::Result<PortPair> {
        for _ in 0..self.n_pairs {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.n_pairs;
            match PortPair::bind(ip, (self.first + self.step * turn) as u16, self.dscp) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
                done => return done,
            }
        }
        let (first, last) = (self.ports.start(), self.ports.end());
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("no free pair of rtp ports in {first}-{last}"),
        ))
    }
}

/// Two bound, non-blocking sockets: RTP on an even port and RTCP on the next.
#[derive(Debug)]
pub struct PortPair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    rtp_port: u16,
}

impl PortPair {
    fn bind(ip: IpAddr, rtp_port: u16, dscp: Dscp) -> io::Result<Self> {
        Ok(Self {
            rtp: socket(SocketAddr::new(ip, rtp_port), RTP_BUFFER, dscp)?,
            rtcp: socket(SocketAddr::new(ip, rtp_port + 1), RTCP_BUFFER, dscp)?,
            rtp_port,
        })
    }

    /// The port to write into the session description.
    pub fn rtp_port(&self) -> u16 {
        self.rtp_port
    }
}

fn socket(address: SocketAddr, buffer: usize, dscp: Dscp) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    // The two below are a wish: a system that refuses them still carries calls.
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let _ = if address.is_ipv4() {
        socket.set_tos_v4(dscp.traffic_class())
    } else {
        socket.set_tclass_v6(dscp.traffic_class())
    };
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Ports of a call: an even one and the next.
const PAIR: u32 = 2;

/// Room for what a flood brings while its socket is left alone, so that the peer's packets among
/// it are not lost; the system may grant less.
const RTP_BUFFER: usize = 256 * 1024;
/// A packet for each of some hundred listeners leaves at once.
const SEND_BUFFER: usize = 1024 * 1024;
/// A report each few seconds needs little.
const RTCP_BUFFER: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A loopback address of these tests' own, so that other tests do not take their ports.
    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 80, 79, 82));

    /// An even port with `n` − 1 free ones behind it, taken from what the system hands out.
    fn free_ports(n: u16) -> u16 {
        loop {
            let probe = UdpSocket::bind((LOCALHOST, 0)).unwrap();
            let port = probe.local_addr().unwrap().port().next_multiple_of(2);
            drop(probe);
            let all: Vec<_> = (port..port.saturating_add(n))
                .map_while(|p| UdpSocket::bind((LOCALHOST, p)).ok())
                .collect();
            if all.len() == usize::from(n) {
                return port;
            }
        }
    }

    #[test]
    fn pairs_are_even_and_odd_and_never_handed_out_twice() {
        let start = free_ports(8);
        let pairs = PortPairs::new(start..=start + 7);
        assert_eq!(pairs.capacity(), 4);
        let mut held: Vec<_> = (0..4).map(|_| pairs.bind(LOCALHOST).unwrap()).collect();
        let mut ports: Vec<u16> = held.iter().map(PortPair::rtp_port).collect();
        ports.sort_unstable();
        assert_eq!(ports, [start, start + 2, start + 4, start + 6]);
        for pair in &held {
            let odd = pair.rtcp.local_addr().unwrap().port();
            assert_eq!(odd, pair.rtp_port() + 1);
            assert_eq!(pair.rtp.local_addr().unwrap().port(), pair.rtp_port());
        }

        let full = pairs.bind(LOCALHOST).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(
            full.to_string(),
            format!("no free pair of rtp ports in {start}-{}", start + 7)
        );

        let freed = held.remove(2).rtp_port();
        assert_eq!(pairs.bind(LOCALHOST).unwrap().rtp_port(), freed);
    }

    #[test]
    fn a_pair_is_not_used_again_at_once() {
        let start = free_ports(8);
        let pairs = PortPairs::new(start..=start + 7);
        let first = pairs.bind(LOCALHOST).unwrap().rtp_port();
        let second = pairs.bind(LOCALHOST).unwrap().rtp_port();
        assert_ne!(first, second);
    }

    #[test]
    fn a_taken_odd_port_costs_its_pair_and_leaks_nothing() {
        let start = free_ports(4);
        let taken = UdpSocket::bind((LOCALHOST, start + 1)).unwrap();
        let pairs = PortPairs::new(start..=start + 3);
        let only = pairs.bind(LOCALHOST).unwrap();
        assert_eq!(only.rtp_port(), start + 2);
        assert!(pairs.bind(LOCALHOST).is_err());
        drop(taken);
        assert_eq!(pairs.bind(LOCALHOST).unwrap().rtp_port(), start);
    }

    #[test]
    fn ranges_without_a_pair_are_an_error_and_the_last_port_can_be_used() {
        for (first, last) in [(5_001, 5_002), (5_000, 5_000), (65_535, 65_535), (10, 9)] {
            let pairs = PortPairs::new(first..=last);
            assert_eq!(pairs.capacity(), 0);
            assert!(pairs.bind(LOCALHOST).is_err());
        }
        assert_eq!(PortPairs::new(65534..=65535).capacity(), 1);
        assert_eq!(PortPairs::new(0..=65535).capacity(), 32_768);
    }

    #[test]
    fn an_address_that_is_not_ours_is_an_error_at_once() {
        let pairs = PortPairs::new(10_000..=20_000);
        let error = pairs.bind("192.0.2.1".parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn pairs_may_stand_apart() {
        let start = free_ports(12);
        let pairs = PortPairs::new(start..=start + 10).spaced(4);
        let held: Vec<_> = (0..3).map(|_| pairs.bind(LOCALHOST).unwrap()).collect();
        let mut ports: Vec<u16> = held.iter().map(PortPair::rtp_port).collect();
        ports.sort_unstable();
        assert_eq!(ports, [start, start + 4, start + 8]);
        assert!(pairs.bind(LOCALHOST).is_err());
        for (last, n) in [
            (31_001, 1),
            (31_003, 1),
            (31_005, 2),
            (31_010, 3),
            (31_000, 0),
        ] {
            assert_eq!(
                PortPairs::new(31_000..=last).spaced(4).capacity(),
                n,
                "{last}"
            );
        }
    }

    #[test]
    fn packets_are_marked_for_expedited_forwarding_or_as_configured() {
        let start = free_ports(2);
        let pairs = || PortPairs::new(start..=start + 1);
        let class = |pair: &PortPair| {
            let sockets = [&pair.rtp, &pair.rtcp];
            sockets.map(|socket| socket2::SockRef::from(socket).tos_v4().unwrap())
        };
        assert_eq!(class(&pairs().bind(LOCALHOST).unwrap()), [46 << 2; 2]);
        let af31 = Dscp::new(26).unwrap();
        let pair = pairs().marked(af31).bind(LOCALHOST).unwrap();
        assert_eq!(class(&pair), [26 << 2; 2]);
        drop(pair);
        let pair = PortPairs::new(20_000..=29_999).bind("::1".parse().unwrap());
        let of_ipv6 = socket2::SockRef::from(&pair.unwrap().rtp).tclass_v6();
        assert_eq!(of_ipv6.unwrap(), 46 << 2);
    }
}
