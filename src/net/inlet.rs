//! How is a socket read so that a flood on it costs little?
//!
//! At most `BUDGET` datagrams are read at a time. A socket that has more is left alone for
//! `PAUSE`, also by the poll, so the kernel drops the excess and the other calls get their turn.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

/// Datagrams that are read at a time; telephone audio is one each 10 to 60 ms, and after a hiccup
/// of the network come a dozen. Garbage is passed over at about a million a second.
const BUDGET: usize = 128;
/// Bounds a flooded socket to 128,000 datagrams a second; the kernel keeps what comes meanwhile.
const PAUSE: Duration = Duration::from_millis(1);
/// 20 ms of uncompressed stereo at 48 kHz; no telephone audio is longer.
const LONGEST: usize = 4_096;

/// A socket in the poll.
pub(super) struct Inlet {
    socket: UdpSocket,
    is_ipv6: bool,
    token: Token,
    paused_until: Option<Instant>,
}

/// Room for one datagram; one is enough for all sockets of a thread.
pub(super) struct Buffer(Box<[u8; LONGEST]>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(Box::new([0; LONGEST]))
    }
}

impl Inlet {
    pub(super) fn new(socket: StdSocket, token: Token, registry: &Registry) -> io::Result<Self> {
        let is_ipv6 = socket.local_addr()?.is_ipv6();
        let mut socket = UdpSocket::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Self {
            socket,
            is_ipv6,
            token,
            paused_until: None,
        })
    }

    /// Hands every waiting datagram to `take`, up to the budget, unless the socket is paused.
    pub(super) fn read(
        &mut self,
        now: Instant,
        registry: &Registry,
        buffer: &mut Buffer,
        mut take: impl FnMut(&[u8], SocketAddr),
    ) {
        if !self.resume(now, registry) {
            return;
        }
        for _ in 0..BUDGET {
            match self.socket.recv_from(&mut buffer.0[..]) {
                Ok((LONGEST.., _)) => {}
                Ok((n, from)) => take(&buffer.0[..n], canonical(from)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
        self.pause(now, registry);
    }

    /// When to read again although the poll says nothing.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.paused_until
    }

    pub(super) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.socket.send_to(datagram, self.mapped(to))
    }

    /// The address as this socket takes it.
    pub(super) fn mapped(&self, to: SocketAddr) -> SocketAddr {
        match to.ip() {
            IpAddr::V4(ip) if self.is_ipv6 => (ip.to_ipv6_mapped(), to.port()).into(),
            IpAddr::V4(_) | IpAddr::V6(_) => to,
        }
    }

    /// For system calls of another kind.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Takes the socket out of the poll.
    pub(super) fn close(mut self, registry: &Registry) {
        // A paused socket is out already; then this fails, which is right.
        let _ = registry.deregister(&mut self.socket);
    }

    fn pause(&mut self, now: Instant, registry: &Registry) {
        if registry.deregister(&mut self.socket).is_ok() {
            self.paused_until = Some(now + PAUSE);
        }
    }

    /// Whether the socket may be read now.
    fn resume(&mut self, now: Instant, registry: &Registry) -> bool {
        let Some(until) = self.paused_until else {
            return true;
        };
        if now < until {
            return false;
        }
        match registry.register(&mut self.socket, self.token, Interest::READABLE) {
            Ok(()) => self.paused_until = None,
            // Out of kernel memory: read now all the same and try again after the next pause.
            Err(_) => self.paused_until = Some(now + PAUSE),
        }
        true
    }
}

/// An IPv4 peer on an IPv6 socket is the IPv4 peer that the session description names.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
