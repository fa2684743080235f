//! Which of our addresses does a peer see?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The address that this machine sends from towards `remote`, as the routing table says.
///
/// # Errors
/// The network is unreachable, or has no address of that family.
pub(crate) fn towards(remote: SocketAddr) -> io::Result<IpAddr> {
    // Connecting a datagram socket sends nothing; it only asks for the route.
    let any: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(remote)?;
    Ok(socket.local_addr()?.ip())
}

/// Like `towards`, with the loopback address where there is no way.
pub(crate) fn towards_or_loopback(remote: SocketAddr) -> IpAddr {
    towards(remote).unwrap_or(match remote {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    })
}

/// Whether a peer named an address that nobody can reach from where it was heard: a private
/// one, from behind a NAT.
pub(crate) fn is_hidden(named: IpAddr, source: IpAddr) -> bool {
    is_private(named) && !is_private(source)
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || is_shared(ip)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// The range of carriers' NATs (RFC 6598).
fn is_shared(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    a == 100 && b & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_seen_from_loopback() {
        let remote = "127.0.0.1:5060".parse().unwrap();
        assert_eq!(towards(remote).unwrap(), Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn a_private_contact_of_a_public_peer_is_hidden() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(is_hidden(ip("192.168.1.2"), ip("203.0.113.9")));
        assert!(is_hidden(ip("100.64.0.9"), ip("203.0.113.9")));
        assert!(!is_hidden(ip("192.168.1.2"), ip("10.0.0.1")));
        assert!(!is_hidden(ip("203.0.113.8"), ip("203.0.113.9")));
    }
}
