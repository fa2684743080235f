//! How do messages travel over TCP?
//!
//! The stack's own TCP is not used: it hides why a connection failed and shuts one down for
//! a single bad message. Each connection has a reader and a writer task of ours and shows
//! itself to the stack as a channel.
//!
//! ```text
//! TcpStream ─► framing ─► ingress ─► parse ─► channel ─► stack
//! TcpStream ◄─ bytes ◄─────────────────────── channel ◄─ stack
//! ```

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transport::connection::{TransportReceiver, TransportSender};
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent, channel::ChannelConnection};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::counts::Counters;
use super::doors::Doors;
use super::framing::{self, Frame};
use super::ingress;
use super::settings;
use super::trace::{Direction, Trace};

/// A TCP connection that the stack may send on.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) connection: SipConnection,
    pub(super) local: SocketAddr,
    /// Cancelled once the connection is gone; cancelling it closes the connection.
    pub(super) gone: CancellationToken,
}

/// All TCP connections, by the peer's address.
#[derive(Clone)]
pub(super) struct Streams {
    open: Arc<Mutex<HashMap<SocketAddr, Stream>>>,
    doors: Arc<Doors>,
    trace: Arc<Trace>,
    counters: Arc<Counters>,
    closing: CancellationToken,
}

impl Streams {
    pub(super) fn new(
        doors: Arc<Doors>,
        trace: Arc<Trace>,
        counters: Arc<Counters>,
        closing: CancellationToken,
    ) -> Self {
        Self {
            open: Arc::default(),
            doors,
            trace,
            counters,
            closing,
        }
    }

    /// The connection to a peer, if one is open.
    pub(super) fn to(&self, remote: SocketAddr) -> Option<Stream> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&remote)
            .filter(|stream| !stream.gone.is_cancelled())
            .cloned()
    }

    /// Opens a connection; the caller gives it to the stack.
    ///
    /// # Errors
    /// What the system says, or that nobody answered in time.
    pub(super) async fn connect(&self, remote: SocketAddr) -> io::Result<Stream> {
        let stream = timeout(CONNECT_FOR, TcpStream::connect(remote))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        self.adopt(stream, None).await
    }

    /// Takes an open connection in; it is closed after `idle_for` without a byte.
    pub(super) async fn adopt(
        &self,
        stream: TcpStream,
        idle_for: Option<Duration>,
    ) -> io::Result<Stream> {
        let (local, remote) = (stream.local_addr()?, stream.peer_addr()?);
        prepare(&stream)?;
        let gone = self.closing.child_token();
        let (to_stack, from_reader) = mpsc::unbounded_channel();
        let (to_writer, from_stack) = mpsc::unbounded_channel();
        let address = SipAddr {
            r#type: Some(Transport::Tcp),
            addr: remote.into(),
        };
        let channel = ChannelConnection::create_connection(
            from_reader,
            to_writer,
            address,
            Some(gone.clone()),
        )
        .await
        .map_err(io::Error::other)?;
        let open = Stream {
            connection: SipConnection::Channel(channel),
            local,
            gone,
        };
        let (read, writer) = stream.into_split();
        let (pong, pongs) = mpsc::channel(PONGS);
        let reader = Reader {
            stream: open.clone(),
            remote,
            to_stack,
            pong,
            doors: self.doors.clone(),
            trace: self.trace.clone(),
            counters: self.counters.clone(),
            idle_for,
        };
        let (trace, ends) = (self.trace.clone(), (local, remote));
        let (gone, streams) = (open.gone.clone(), self.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = reader.run(read) => {}
                () = write(writer, from_stack, pongs, &trace, ends) => {}
                () = gone.cancelled() => {}
            }
            gone.cancel();
            streams.forget(remote);
        });
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(remote, open.clone());
        Ok(open)
    }

    /// Whether one more connection of that peer fits in; counted if not.
    fn has_room(&self, peer: SocketAddr) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = || open.keys().filter(|other| other.ip() == peer.ip()).count();
        let fits = open.len() < MOST && (open.len() < FEW || of_peer() < MOST_OF_ONE);
        if !fits {
            self.counters.beyond_cap();
        }
        fits
    }

    fn forget(&self, remote: SocketAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open
            .get(&remote)
            .is_some_and(|stream| stream.gone.is_cancelled())
        {
            open.remove(&remote);
        }
    }
}

/// Binds a listener; `serve` has to be called with it.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    // A restart must not wait for connections of the last run to time out.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // IPv4 peers shall look like IPv4 peers; they have a listener of their own.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections until the endpoint closes.
pub(super) async fn serve(
    listener: TcpListener,
    streams: Streams,
    opened: mpsc::UnboundedSender<Stream>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = streams.closing.cancelled() => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, mostly: trying again at once would only spin.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if !streams.has_room(peer) || !streams.doors.admits_stream(peer.ip()) {
            // Dropping it closes it.
            continue;
        }
        let adopted = streams.adopt(stream, Some(IDLE_FOR)).await;
        if adopted.is_ok_and(|stream| opened.send(stream).is_err()) {
            return;
        }
    }
}

struct Reader {
    stream: Stream,
    remote: SocketAddr,
    to_stack: TransportSender,
    pong: mpsc::Sender<()>,
    doors: Arc<Doors>,
    trace: Arc<Trace>,
    counters: Arc<Counters>,
    idle_for: Option<Duration>,
}

impl Reader {
    async fn run(&self, mut read: OwnedReadHalf) {
        let mut buffer = Vec::with_capacity(CHUNK);
        // When what has begun must be whole; who connects must have something to say.
        let mut due = self.idle_for.map(|_| Instant::now() + WHOLE_FOR);
        loop {
            let more = read.read_buf(&mut buffer);
            let read = match (due, self.idle_for) {
                (Some(due), _) => timeout_at(due, more).await.unwrap_or(Ok(0)),
                (None, Some(longest)) => timeout(longest, more).await.unwrap_or(Ok(0)),
                (None, None) => more.await,
            };
            if !matches!(read, Ok(n) if n > 0) || !self.take(&mut buffer) {
                return;
            }
            due = match buffer.is_empty() {
                true => None,
                false => due.or_else(|| Some(Instant::now() + WHOLE_FOR)),
            };
        }
    }

    /// Takes all whole messages out of the buffer; false if the stream has to be closed.
    fn take(&self, buffer: &mut Vec<u8>) -> bool {
        let mut at = 0;
        let alive = loop {
            match framing::next(&buffer[at..]) {
                Frame::Wait => break true,
                Frame::Broken => break false,
                Frame::Skip(n) => at += n,
                Frame::Ping(n) => {
                    at += n;
                    self.counters.ignored(ingress::Ignored::KeepAlive);
                    // One that does not fit is one of a flood.
                    let _ = self.pong.try_send(());
                }
                Frame::Message(n) => {
                    let going = self.deliver(&buffer[at..at + n]);
                    at += n;
                    if !going {
                        break false;
                    }
                }
            }
        };
        buffer.drain(..at);
        alive
    }

    /// False if the peer is not listened to any more.
    fn deliver(&self, raw: &[u8]) -> bool {
        if !self.doors.admits(self.remote.ip(), raw) {
            return false;
        }
        self.trace.saw(
            Direction::Received,
            settings::Transport::Tcp,
            self.stream.local,
            self.remote,
            raw,
        );
        let bytes = ingress::framed(raw);
        let message = SipMessage::try_from(&*bytes).ok().and_then(|message| {
            SipConnection::update_msg_received(message, self.remote, Transport::Tcp).ok()
        });
        let Some(message) = message else {
            self.counters.malformed();
            return true;
        };
        self.counters
            .delivered(matches!(bytes, std::borrow::Cow::Owned(_)));
        let from = SipAddr {
            r#type: Some(Transport::Tcp),
            addr: self.remote.into(),
        };
        let connection = self.stream.connection.clone();
        let event = TransportEvent::Incoming(message, connection, from);
        self.to_stack.send(event).is_ok()
    }
}

/// Sends what the stack and the reader want sent; ends when the peer takes no more.
async fn write(
    mut stream: OwnedWriteHalf,
    mut messages: TransportReceiver,
    mut pongs: mpsc::Receiver<()>,
    trace: &Trace,
    (local, remote): (SocketAddr, SocketAddr),
) {
    loop {
        let bytes = tokio::select! {
            event = messages.recv() => match event {
                Some(TransportEvent::Incoming(message, ..)) => message.to_bytes(),
                Some(TransportEvent::New(_) | TransportEvent::Closed(_)) => continue,
                None => return,
            },
            Some(()) = pongs.recv() => b"\r\n".to_vec(),
        };
        trace.saw(
            Direction::Sent,
            settings::Transport::Tcp,
            local,
            remote,
            &bytes,
        );
        if !matches!(
            timeout(WRITE_FOR, stream.write_all(&bytes)).await,
            Ok(Ok(()))
        ) {
            return;
        }
    }
}

/// No waiting for full segments, and a probe that finds out about peers that vanished.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let probe = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_INTERVAL)
        .with_retries(PROBES);
    SockRef::from(stream).set_tcp_keepalive(&probe)
}

/// How long a peer may take to accept a connection; people wait behind it.
const CONNECT_FOR: Duration = Duration::from_secs(4);

/// How long a peer may take to make room for one message.
const WRITE_FOR: Duration = Duration::from_secs(10);

/// How long a message may take to arrive, and how long one who connects may be silent: many who
/// do neither must not take all places.
const WHOLE_FOR: Duration = Duration::from_secs(30);

/// An accepted connection without a byte for that long is nobody's; it also outlives the usual
/// refresh of a registration.
const IDLE_FOR: Duration = Duration::from_secs(2 * 3_600);

/// Probing starts after that much silence, to find a dead peer within about two minutes.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

/// Connections at the same time. Each costs a descriptor, and calls need two more.
const MOST: usize = 4_096;

/// Below that many nobody's share is looked at.
const FEW: usize = 512;

/// One peer's share once there are many.
const MOST_OF_ONE: usize = 512;

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Answers to keep-alives that may wait to be sent.
const PONGS: usize = 4;

/// Bytes read at once; longer messages grow the buffer.
const CHUNK: usize = 8_192;
