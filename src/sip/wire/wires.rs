//! How do datagrams reach the stack and leave it?
//!
//! The stack sees one socket to send on. Behind it stand as many as there are addresses to
//! listen on; a datagram leaves by the one that its receiver was last heard on, from the address
//! that was asked there, or else by the one that the route takes. What arrives goes past that socket, whose buffer would cut long datagrams:
//!
//! ```text
//! sockets ─► ingress ─► intake ─► stack
//! sockets ◄───────────┘           │
//! sockets ◄──────────── Socket ◄──┘
//! ```

use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};

use async_trait::async_trait;
use rsipstack::platform::CancellationToken;
use rsipstack::platform::net::UdpSocket as Socket;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::sip::counts::Counters;
use crate::sip::door::doors::Doors;
use crate::sip::entry::ingress::{self, Verdict};
use crate::sip::entry::intake::Intake;
use crate::sip::entry::spelling;
use crate::sip::settings::Transport;
use crate::sip::sight::trace::{Direction, Trace};
use crate::sip::wire::datagram::{self, Arrived, Scratch};
use crate::sip::wire::local;
use crate::sip::wire::mark::Mark;

pub(crate) struct Wires {
    /// Emptied when the endpoint stops, so that the ports are free at once.
    sockets: RwLock<Vec<Arc<Wire>>>,
    /// How each peer was last heard; only kept if there are several ways.
    heard: Mutex<Heard>,
    scratch: Mutex<Scratch>,
    doors: Arc<Doors>,
    trace: Arc<Trace>,
    counters: Arc<Counters>,
}

struct Wire {
    socket: UdpSocket,
    bound: SocketAddr,
}

/// A socket, and which of its addresses if it has several.
#[derive(Clone)]
struct Way {
    wire: Arc<Wire>,
    ours: Option<IpAddr>,
}

/// The ways to the peers that were heard last. Those that are still heard survive when there
/// are too many.
#[derive(Default)]
struct Heard {
    young: HashMap<SocketAddr, Way>,
    old: HashMap<SocketAddr, Way>,
}

impl Wires {
    /// Binds every address, in order; none means one on a free port.
    ///
    /// # Errors
    /// The address that could not be had, and why.
    pub(crate) fn bind(
        addresses: &[SocketAddr],
        mark: &Mark,
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
            .map(|&address| Wire::bind(address, mark).map_err(|why| (address, why)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            sockets: RwLock::new(sockets.into_iter().map(Arc::new).collect()),
            heard: Mutex::default(),
            scratch: Mutex::new(Scratch::new()),
            doors,
            trace,
            counters,
        })
    }

    /// Our address and port as `remote` sees them, but for a NAT.
    ///
    /// # Errors
    /// There is no way to the peer, or no socket of its family.
    pub(crate) fn local(&self, remote: SocketAddr) -> io::Result<SocketAddr> {
        let Way { wire, ours } = self.way_to(remote).ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, "no udp address of that family")
        })?;
        let ip = match ours {
            Some(ip) => ip,
            None if wire.is_any() => local::towards(remote)?,
            None => wire.bound.ip(),
        };
        Ok(SocketAddr::new(ip, wire.bound.port()))
    }

    /// The addresses that are listened on, with their real ports.
    pub(crate) fn bound(&self) -> Vec<SocketAddr> {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        sockets.iter().map(|wire| wire.bound).collect()
    }

    /// Marks what is sent from now on.
    pub(crate) fn mark(&self, mark: &Mark) {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        for wire in sockets.iter() {
            mark.put_on((&wire.socket).into(), wire.bound);
        }
    }

    /// Gives the ports back; what is still sent goes nowhere.
    pub(crate) fn close(&self) {
        self.sockets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Heard::default();
    }

    fn way_to(&self, remote: SocketAddr) -> Option<Way> {
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = heard.get(&remote) {
            return Some(way);
        }
        let of_family = || sockets.iter().filter(|wire| wire.reaches(remote));
        let first = of_family().next();
        let wire = if sockets.len() == 1 {
            first
        } else {
            let ip = local::towards(remote).ok();
            of_family()
                .find(|wire| Some(wire.bound.ip()) == ip)
                .or_else(|| of_family().find(|wire| wire.is_any()))
                .or(first)
        };
        wire.cloned().map(|wire| Way { wire, ours: None })
    }

    /// Takes datagrams until `closing`.
    pub(crate) async fn serve(self: Arc<Self>, intake: Intake, closing: CancellationToken) {
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
            let Some((wire, arrived)) = poll_any(&sockets, cx, &mut scratch) else {
                return Poll::Pending;
            };
            let (from, raw) = (arrived.from, scratch.of(&arrived));
            if !self.doors.admits(from.ip(), raw) {
                continue;
            }
            self.saw(Direction::Received, wire, from, raw);
            let verdict = ingress::datagram(raw);
            if (sockets.len() > 1 || wire.is_any()) && matches!(verdict, Verdict::Deliver(_)) {
                self.remember(from, wire, arrived.to);
            }
            if let Some(answer) = intake.take(verdict, from) {
                if !self.doors.may_send(from.ip(), answer.len()) {
                    continue;
                }
                self.saw(Direction::Sent, wire, from, &answer);
                if wire.try_send(&answer, from, arrived.to).is_err() {
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

    fn remember(&self, peer: SocketAddr, wire: &Arc<Wire>, ours: Option<IpAddr>) {
        let wire = wire.clone();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.insert(peer, Way { wire, ours });
    }
}

impl Heard {
    fn get(&self, peer: &SocketAddr) -> Option<Way> {
        let way = self.young.get(peer).or_else(|| self.old.get(peer));
        way.cloned()
    }

    fn insert(&mut self, peer: SocketAddr, way: Way) {
        if self.young.len() >= PEERS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(peer, way);
    }
}

/// The first datagram that any of the sockets has; `None` once all of them wait.
fn poll_any<'a>(
    sockets: &'a [Arc<Wire>],
    cx: &mut Context<'_>,
    scratch: &mut Scratch,
) -> Option<(&'a Arc<Wire>, Arrived)> {
    let mut all = sockets.iter();
    all.find_map(|wire| Some((wire, wire.poll(cx, scratch)?)))
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
        if !self.doors.may_send(to.ip(), bytes.len()) {
            return Ok(bytes.len());
        }
        let message = spelling::without_stand_in(bytes);
        let sent = match self.way_to(to) {
            Some(Way { wire, ours }) => {
                self.saw(Direction::Sent, &wire, to, &message);
                wire.send(&message, to, ours).await.is_ok()
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
    fn bind(address: SocketAddr, mark: &Mark) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        if address.is_ipv6() {
            // IPv4 peers shall look like IPv4 peers; they have a socket of their own.
            socket.set_only_v6(true)?;
        }
        if address.ip().is_unspecified() {
            datagram::tell_addresses(&socket, address.is_ipv4())?;
        }
        socket.set_nonblocking(true)?;
        // As much as the system grants: a burst must fit while other tasks have their turn.
        let _ = socket.set_recv_buffer_size(BUFFER);
        mark.put_on((&socket).into(), address);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let bound = socket.local_addr()?;
        Ok(Self { socket, bound })
    }

    /// The next datagram, if there is one.
    fn poll(&self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Option<Arrived> {
        while let Poll::Ready(Ok(())) = self.socket.poll_recv_ready(cx) {
            let take = || datagram::receive(&self.socket, scratch);
            // An error is one that a peer caused (ICMP), which does not affect the next datagram,
            // or that there is none; then the socket is no longer ready.
            if let Ok(arrived) = self.socket.try_io(Interest::READABLE, take) {
                return Some(arrived);
            }
        }
        None
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        let put = || self.put(bytes, to, from);
        self.socket.async_io(Interest::WRITABLE, put).await
    }

    /// As `send`, but without waiting for room.
    fn try_send(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        let put = || self.put(bytes, to, from);
        self.socket.try_io(Interest::WRITABLE, put)
    }

    /// From an address that is ours no longer, nothing leaves: then the route decides.
    fn put(&self, bytes: &[u8], to: SocketAddr, from: Option<IpAddr>) -> io::Result<()> {
        match datagram::send(&self.socket, bytes, to, from) {
            Err(why) if from.is_some() && why.kind() != io::ErrorKind::WouldBlock => {
                datagram::send(&self.socket, bytes, to, None)
            }
            done => done,
        }
    }

    /// Whether it stands for all addresses of the machine.
    fn is_any(&self) -> bool {
        self.bound.ip().is_unspecified()
    }

    fn reaches(&self, remote: SocketAddr) -> bool {
        self.bound.is_ipv4() == remote.is_ipv4()
    }
}

/// About a thousand INVITEs.
const BUFFER: usize = 2 << 20;

/// Datagrams looked at before other tasks get their turn, so that a flood of garbage cannot
/// hold the thread.
const BATCH: usize = 64;

/// Peers remembered before the oldest are forgotten; more is a scan of the address space.
const PEERS: usize = 8_192;
