//! How do datagrams reach the stack and leave it?
//!
//! The stack sees one socket to send on. Behind it stand as many as there are addresses to
//! listen on; a datagram leaves by the one that its receiver was last heard on, or that the
//! route takes. What arrives goes past that socket, whose buffer would cut long datagrams:
//!
//! ```text
//! sockets ─► ingress ─► intake ─► stack
//! sockets ◄───────────┘           │
//! sockets ◄──────────── Socket ◄──┘
//! ```

use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};

use async_trait::async_trait;
use rsipstack::platform::CancellationToken;
use rsipstack::platform::net::UdpSocket as Socket;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

use super::counts::Counters;
use super::doors::Doors;
use super::ingress::{self, Verdict};
use super::intake::Intake;
use super::local;
use super::settings::Transport;
use super::spelling;
use super::trace::{Direction, Trace};

pub(super) struct Wires {
    /// Emptied when the endpoint stops, so that the ports are free at once.
    sockets: RwLock<Vec<Arc<Wire>>>,
    /// The socket that each peer was last heard on; only kept if there are several.
    heard: Mutex<HashMap<SocketAddr, Arc<Wire>>>,
    scratch: Mutex<Vec<u8>>,
    doors: Arc<Doors>,
    trace: Arc<Trace>,
    counters: Arc<Counters>,
}

struct Wire {
    socket: UdpSocket,
    bound: SocketAddr,
}

impl Wires {
    /// Binds every address, in order; none means one on a free port.
    ///
    /// # Errors
    /// The address that could not be had, and why.
    pub(super) fn bind(
        addresses: &[SocketAddr],
        doors: Arc<Doors>,
        trace: Arc<Trace>,
        counters: Arc<Counters>,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let any = [SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))];
        let addresses = if addresses.is_empty() {
            &any
        } else {
            addresses
        };
        let sockets = addresses
            .iter()
            .map(|&address| Wire::bind(address).map_err(|why| (address, why)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            sockets: RwLock::new(sockets.into_iter().map(Arc::new).collect()),
            heard: Mutex::default(),
            scratch: Mutex::new(vec![0; LONGEST]),
            doors,
            trace,
            counters,
        })
    }

    /// Our address and port as `remote` sees them, but for a NAT.
    ///
    /// # Errors
    /// There is no way to the peer, or no socket of its family.
    pub(super) fn local(&self, remote: SocketAddr) -> io::Result<SocketAddr> {
        let wire = self.wire_to(remote).ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, "no udp address of that family")
        })?;
        if wire.bound.ip().is_unspecified() {
            return Ok(SocketAddr::new(local::towards(remote)?, wire.bound.port()));
        }
        Ok(wire.bound)
    }

    /// The addresses that are listened on, with their real ports.
    pub(super) fn bound(&self) -> Vec<SocketAddr> {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        sockets.iter().map(|wire| wire.bound).collect()
    }

    /// Gives the ports back; what is still sent goes nowhere.
    pub(super) fn close(&self) {
        self.sockets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn wire_to(&self, remote: SocketAddr) -> Option<Arc<Wire>> {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        if let [only] = sockets.as_slice() {
            return only.reaches(remote).then(|| only.clone());
        }
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wire) = heard.get(&remote) {
            return Some(wire.clone());
        }
        let ip = local::towards(remote).ok();
        let of_family = || sockets.iter().filter(|wire| wire.reaches(remote));
        of_family()
            .find(|wire| Some(wire.bound.ip()) == ip)
            .or_else(|| of_family().find(|wire| wire.bound.ip().is_unspecified()))
            .or_else(|| of_family().next())
            .cloned()
    }

    /// Takes datagrams until `closing`.
    pub(super) async fn serve(self: Arc<Self>, intake: Intake, closing: CancellationToken) {
        tokio::select! {
            () = poll_fn(|cx| self.poll_take(cx, &intake)) => {}
            () = closing.cancelled() => {}
        }
    }

    /// Takes what there is, a batch at a time; garbage costs no more than this loop. Ready once
    /// the stack takes no more.
    fn poll_take(&self, cx: &mut Context<'_>, intake: &Intake) -> Poll<()> {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        if !intake.is_open() {
            return Poll::Ready(());
        }
        for _ in 0..BATCH {
            let Some((wire, length, from)) = poll_any(&sockets, cx, &mut scratch) else {
                return Poll::Pending;
            };
            let raw = &scratch[..length];
            if !self.doors.admits(from.ip(), raw) {
                continue;
            }
            self.saw(Direction::Received, wire, from, raw);
            let verdict = ingress::datagram(raw);
            if sockets.len() > 1 && matches!(verdict, Verdict::Deliver(_)) {
                self.remember(from, wire);
            }
            if let Some(answer) = intake.take(verdict, from) {
                self.saw(Direction::Sent, wire, from, &answer);
                if wire.socket.try_send_to(&answer, from).is_err() {
                    self.counters.unsent();
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn saw(&self, direction: Direction, wire: &Wire, peer: SocketAddr, message: &[u8]) {
        self.trace
            .saw(direction, Transport::Udp, wire.bound, peer, message);
    }

    fn remember(&self, peer: SocketAddr, wire: &Arc<Wire>) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() >= PEERS {
            heard.clear();
        }
        heard.insert(peer, wire.clone());
    }
}

/// The first datagram that any of the sockets has; `None` once all of them wait.
fn poll_any<'a>(
    sockets: &'a [Arc<Wire>],
    cx: &mut Context<'_>,
    scratch: &mut [u8],
) -> Option<(&'a Arc<Wire>, usize, SocketAddr)> {
    sockets.iter().find_map(|wire| {
        let (length, from) = wire.poll(cx, scratch)?;
        Some((wire, length, from))
    })
}

#[async_trait]
impl Socket for Wires {
    /// Nothing comes this way: see `serve`.
    async fn recv_from(&self, _: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        pending().await
    }

    /// A failure is counted only: to the stack a datagram that cannot leave is one that got
    /// lost, and it sends again.
    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        let message = spelling::without_stand_in(bytes);
        let sent = match self.wire_to(to) {
            Some(wire) => {
                self.saw(Direction::Sent, &wire, to, &message);
                wire.socket.send_to(&message, to).await.is_ok()
            }
            None => false,
        };
        if !sent {
            self.counters.unsent();
        }
        Ok(bytes.len())
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        let bound = self.bound().into_iter().next();
        bound.ok_or_else(|| rsipstack::Error::Error("the endpoint has stopped".to_owned()))
    }
}

impl Wire {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        if address.is_ipv6() {
            // IPv4 peers shall look like IPv4 peers; they have a socket of their own.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // As much as the system grants: a burst must fit while other tasks have their turn.
        let _ = socket.set_recv_buffer_size(BUFFER);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let bound = socket.local_addr()?;
        Ok(Self { socket, bound })
    }

    /// The next datagram, if there is one.
    fn poll(&self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Option<(usize, SocketAddr)> {
        loop {
            let mut buffer = ReadBuf::new(scratch);
            match self.socket.poll_recv_from(cx, &mut buffer) {
                Poll::Ready(Ok(from)) => return Some((buffer.filled().len(), from)),
                // One that a peer caused (ICMP); the next datagram is not affected.
                Poll::Ready(Err(_)) => {}
                Poll::Pending => return None,
            }
        }
    }

    fn reaches(&self, remote: SocketAddr) -> bool {
        self.bound.is_ipv4() == remote.is_ipv4()
    }
}

/// About a thousand INVITEs.
const BUFFER: usize = 2 << 20;

/// The longest UDP payload.
const LONGEST: usize = 65_535;

/// Datagrams looked at before other tasks get their turn, so that a flood of garbage cannot
/// hold the thread.
const BATCH: usize = 64;

/// Peers remembered before the memory starts over; more is a scan of the address space.
const PEERS: usize = 4_096;
