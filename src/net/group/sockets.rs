//! How is a socket made that speaks to a group, or hears one?

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::net::group::{Place, Spoken};

/// A socket that sends to the group and to nobody else.
///
/// # Errors
/// There is no such network, or no way to the group.
pub(super) fn speaking(to: &Spoken) -> io::Result<UdpSocket> {
    let socket = socket(&to.place)?;
    // A wish: a system that refuses it still carries sound.
    let _ = socket.set_send_buffer_size(BUFFER);
    let interface = to.place.interface.as_ref();
    match to.place.address {
        SocketAddr::V4(_) => {
            if let Some(interface) = interface {
                socket.set_multicast_if_v4(&interface.ipv4()?)?;
            }
            socket.set_multicast_ttl_v4(u32::from(to.ttl))?;
            socket.set_multicast_loop_v4(to.is_looped)?;
            let _ = socket.set_tos_v4(to.dscp.traffic_class());
        }
        SocketAddr::V6(_) => {
            if let Some(interface) = interface {
                socket.set_multicast_if_v6(interface.index()?)?;
            }
            socket.set_multicast_hops_v6(u32::from(to.ttl))?;
            socket.set_multicast_loop_v6(to.is_looped)?;
            let _ = socket.set_tclass_v6(to.dscp.traffic_class());
        }
    }
    // So it is known at once when no route leads there.
    socket.connect(&to.place.address.into())?;
    Ok(socket.into())
}

/// A socket that gets what is sent to the group, and nothing that is sent to others on its port.
///
/// # Errors
/// There is no such network, or the group cannot be joined now.
pub(super) fn hearing(place: &Place) -> io::Result<UdpSocket> {
    let socket = socket(place)?;
    socket.set_reuse_address(true)?;
    let _ = socket.set_recv_buffer_size(BUFFER);
    let index = place.interface.as_ref().map(|it| it.index()).transpose()?;
    match place.address {
        SocketAddr::V4(group) => {
            // Only what this socket itself has joined.
            let _ = socket.set_multicast_all_v4(false);
            socket.bind(&place.address.into())?;
            let nowhere = InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED);
            let at = index.map_or(nowhere, InterfaceIndexOrAddress::Index);
            socket.join_multicast_v4_n(group.ip(), &at)?;
        }
        SocketAddr::V6(group) => {
            let _ = socket.set_multicast_all_v6(false);
            socket.set_only_v6(true)?;
            let scope = index.unwrap_or(group.scope_id());
            let at = SocketAddrV6::new(*group.ip(), group.port(), 0, scope);
            socket.bind(&SocketAddr::V6(at).into())?;
            socket.join_multicast_v6(group.ip(), scope)?;
        }
    }
    Ok(socket.into())
}

/// Joins again, should the network have gone and come back; what is joined already stays so.
pub(super) fn join_again(socket: &UdpSocket, place: &Place) -> io::Result<()> {
    let socket = socket2::SockRef::from(socket);
    let index = place.interface.as_ref().map(|it| it.index()).transpose()?;
    let joined = match place.address.ip() {
        IpAddr::V4(group) => {
            let nowhere = InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED);
            let at = index.map_or(nowhere, InterfaceIndexOrAddress::Index);
            socket.join_multicast_v4_n(&group, &at)
        }
        IpAddr::V6(group) => socket.join_multicast_v6(&group, index.unwrap_or(0)),
    };
    match joined {
        Err(why) if why.kind() != io::ErrorKind::AddrInUse => Err(why),
        Err(_) | Ok(()) => Ok(()),
    }
}

fn socket(place: &Place) -> io::Result<Socket> {
    let domain = Domain::for_address(place.address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Room for what a flood brings while its socket is left alone; the system may grant less.
const BUFFER: usize = 256 * 1024;
