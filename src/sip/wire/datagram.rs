//! Which of our addresses has a datagram come to, and which does one of ours leave from?
//!
//! A socket for all addresses of a machine would answer from whichever lies towards the peer.
//! A peer that asked another one does not take that answer.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use tokio::net::UdpSocket;

/// Room for one datagram and what the system tells about it.
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    about: Vec<u8>,
}

/// What has arrived; its bytes are in the scratch.
pub(crate) struct Arrived {
    length: usize,
    pub(crate) from: SocketAddr,
    /// The address of ours that it was sent to, if the socket has several.
    pub(crate) to: Option<IpAddr>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; LONGEST],
            about: nix::cmsg_space!(in_pktinfo, in6_pktinfo),
        }
    }

    pub(crate) fn of(&self, arrived: &Arrived) -> &[u8] {
        &self.bytes[..arrived.length]
    }
}

/// Has the system tell for each datagram which address it was sent to.
pub(crate) fn tell_addresses(socket: &socket2::Socket, is_ipv4: bool) -> io::Result<()> {
    if is_ipv4 {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    }
    Ok(())
}

/// Takes a datagram that waits.
pub(crate) fn receive(socket: &UdpSocket, scratch: &mut Scratch) -> io::Result<Arrived> {
    let mut parts = [IoSliceMut::new(&mut scratch.bytes)];
    let got = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut scratch.about),
        MsgFlags::empty(),
    )?;
    let from = got.address.as_ref().and_then(peer);
    Ok(Arrived {
        length: got.bytes,
        from: from.ok_or(io::ErrorKind::InvalidData)?,
        to: got.cmsgs()?.find_map(|about| ours(&about)),
    })
}

/// Sends a datagram, from that address of ours if one is named.
pub(crate) fn send(
    socket: &UdpSocket,
    bytes: &[u8],
    to: SocketAddr,
    from: Option<IpAddr>,
) -> io::Result<()> {
    let (parts, to) = ([IoSlice::new(bytes)], SockaddrStorage::from(to));
    let put = |about: &[ControlMessage<'_>]| {
        let sent = sendmsg(
            socket.as_raw_fd(),
            &parts,
            about,
            MsgFlags::empty(),
            Some(&to),
        );
        sent.map(drop).map_err(io::Error::from)
    };
    match from {
        None => put(&[]),
        Some(IpAddr::V4(ip)) => put(&[ControlMessage::Ipv4PacketInfo(&in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr {
                s_addr: u32::from(ip).to_be(),
            },
            ipi_addr: in_addr { s_addr: 0 },
        })]),
        Some(IpAddr::V6(ip)) => put(&[ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
            ipi6_addr: in6_addr {
                s6_addr: ip.octets(),
            },
            ipi6_ifindex: 0,
        })]),
    }
}

fn peer(address: &SockaddrStorage) -> Option<SocketAddr> {
    let of_ipv4 = address
        .as_sockaddr_in()
        .map(|at| SocketAddr::V4((*at).into()));
    of_ipv4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|at| SocketAddr::V6((*at).into()))
    })
}

fn ours(about: &ControlMessageOwned) -> Option<IpAddr> {
    let ip: IpAddr = if let ControlMessageOwned::Ipv4PacketInfo(info) = about {
        // Of a broadcast this is the address to answer from.
        Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into()
    } else if let ControlMessageOwned::Ipv6PacketInfo(info) = about {
        Ipv6Addr::from(info.ipi6_addr.s6_addr).into()
    } else {
        return None;
    };
    (!ip.is_multicast() && !ip.is_unspecified()).then_some(ip)
}

/// The longest UDP payload.
const LONGEST: usize = 65_535;
