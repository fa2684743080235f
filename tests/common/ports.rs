//! Which network ports are free for a test?

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A loopback address whose port is free for UDP and for TCP.
pub fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_block(1)))
}

/// The first of `n` free neighbouring ports, even; below the range that the kernel hands out, and
/// never the same twice in one test program.
pub fn free_block(n: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = n.next_multiple_of(2);
    for _ in 0..2_000 {
        let place = NEXT.fetch_add(span, Ordering::Relaxed);
        // Test programs that run side by side start at different places.
        let own = (std::process::id() as u16 % 97).wrapping_mul(220);
        let first = 10_000 + own.wrapping_add(place) % 21_000 / 2 * 2;
        if (first..first + span).all(is_free) {
            return first;
        }
    }
    panic!("no {n} neighbouring ports are free");
}

/// At an even port whose neighbour stays empty: what another call reports to the neighbour of its
/// own port cannot arrive here.
pub fn sound_socket(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, free_block(2))).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}
