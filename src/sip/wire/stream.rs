//! How do messages travel over TCP and TLS?
//!
//! The stack's own TCP is not used: it hides why a connection failed and shuts one down for
//! a single bad message. Each connection has a reader and a writer task of ours and shows
//! itself to the stack as a channel.
//!
//! ```text
//! TcpStream (─► TLS) ─► framing ─► ingress ─► intake ─► channel ─► stack
//! TcpStream (◄─ TLS) ◄─ bytes ◄──────────────────────── channel ◄─ stack
//! ```

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use rsipstack::transport::connection::TransportReceiver;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent, channel::ChannelConnection};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use crate::sip::counts::Counters;
use crate::sip::door::doors::Doors;
use crate::sip::entry::ingress;
use crate::sip::entry::intake::Intake;
use crate::sip::entry::spelling;
use crate::sip::settings::{Caps, Transport};
use crate::sip::sight::trace::{Direction, Trace};
use crate::sip::wire::framing::{self, Frame};
use crate::sip::wire::mark::Mark;
use crate::sip::wire::pong::Pong;
use crate::sip::wire::tls::Identity;

/// A connection that the stack may send on.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) connection: SipConnection,
    pub(crate) local: SocketAddr,
    pub(crate) transport: Transport,
    /// The host that the peer's certificate has proved it to be.
    proved: Option<String>,
    /// Cancelled once the connection is gone; cancelling it closes the connection.
    pub(crate) gone: CancellationToken,
    /// Tells whether the peer answers keep-alives.
    pub(crate) pong: Pong,
    aside: mpsc::Sender<Aside>,
}

impl Stream {
    /// Sends a keep-alive that wants an answer.
    pub(crate) fn ping(&self) {
        self.pong.expect();
        // One that does not fit follows much else.
        let _ = self.aside.try_send(Aside::More(b"\r\n\r\n".to_vec()));
    }
}

/// All connections, by the peer's address.
#[derive(Clone)]
pub(crate) struct Streams {
    open: Arc<Mutex<HashMap<SocketAddr, Stream>>>,
    doors: Arc<Doors>,
    trace: Arc<Trace>,
    counters: Arc<Counters>,
    closing: CancellationToken,
    identity: Arc<Identity>,
    mark: Arc<Mark>,
    caps: Caps,
    /// Strangers that may be busy proving themselves at the same time.
    handshakes: Arc<Semaphore>,
}

impl Streams {
    pub(crate) fn new(
        doors: Arc<Doors>,
        trace: Arc<Trace>,
        counters: Arc<Counters>,
        closing: CancellationToken,
        identity: Arc<Identity>,
        mark: Arc<Mark>,
        caps: Caps,
    ) -> Self {
        Self {
            open: Arc::default(),
            doors,
            trace,
            counters,
            closing,
            identity,
            mark,
            caps,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
        }
    }

    /// The connection to a peer, if one is open.
    pub(crate) fn to(&self, remote: SocketAddr) -> Option<Stream> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&remote)
            .filter(|stream| !stream.gone.is_cancelled())
            .cloned()
    }

    /// The connection to the peer that new requests to `host` may take. Over TLS it must have
    /// proved to be that host, or have come from there if the host is an address: then whoever
    /// is there has been answered all along.
    pub(crate) fn towards(
        &self,
        remote: SocketAddr,
        transport: Transport,
        host: &str,
    ) -> Option<Stream> {
        let is_right = |stream: &Stream| match (transport, &stream.proved) {
            (Transport::Udp | Transport::Tcp, _) => true,
            (Transport::Tls, Some(proved)) => proved.eq_ignore_ascii_case(host),
            (Transport::Tls, None) => host.parse() == Ok(remote.ip()),
        };
        self.to(remote)
            .filter(|stream| stream.transport == transport && is_right(stream))
    }

    /// Opens a connection to `host`, which is at `remote`; the caller gives it to the stack.
    ///
    /// # Errors
    /// What the system says, that nobody answered in time, or what is wrong with the peer's
    /// certificate.
    pub(crate) async fn connect(
        &self,
        remote: SocketAddr,
        transport: Transport,
        host: &str,
    ) -> io::Result<Stream> {
        let stream = timeout(CONNECT_FOR, self.open_to(remote))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if transport == Transport::Tls {
            let end = End::of(&stream, transport, Some(host.to_owned()))?;
            let stream = self.identity.connect(stream, host).await?;
            return self.adopt(stream, end, None).await;
        }
        let end = End::of(&stream, transport, None)?;
        self.adopt(stream, end, None).await
    }

    /// A connection that is marked from its first packet on.
    async fn open_to(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        let socket = match remote {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        self.mark.put_on((&socket).into(), remote);
        socket.connect(remote).await
    }

    /// Takes a connection in that somebody has opened to us.
    async fn take_in(&self, stream: TcpStream, transport: Transport) -> io::Result<Stream> {
        let end = End::of(&stream, transport, None)?;
        self.mark.put_on((&stream).into(), end.local);
        if transport == Transport::Tls {
            let stream = self.identity.accept(stream).await?;
            return self.adopt(stream, end, Some(IDLE_FOR)).await;
        }
        self.adopt(stream, end, Some(IDLE_FOR)).await
    }

    /// Gives an open connection its tasks; it is closed after `idle_for` without a byte.
    async fn adopt(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        end: End,
        idle_for: Option<Duration>,
    ) -> io::Result<Stream> {
        let End {
            local,
            remote,
            transport,
            proved,
        } = end;
        let gone = self.closing.child_token();
        let (to_stack, from_reader) = mpsc::unbounded_channel();
        let (to_writer, from_stack) = mpsc::unbounded_channel();
        let address = SipAddr {
            r#type: Some(transport.of_stack()),
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
        let (aside, asides) = mpsc::channel(ASIDES);
        let open = Stream {
            connection: SipConnection::Channel(channel),
            local,
            transport,
            proved,
            gone,
            pong: Pong::default(),
            aside: aside.clone(),
        };
        let witness = Witness {
            trace: self.trace.clone(),
            transport,
            local,
            remote,
        };
        let (read, writer) = tokio::io::split(stream);
        let reader = Reader {
            intake: Intake {
                connection: open.connection.clone(),
                transport: transport.of_stack(),
                to_stack,
                counters: self.counters.clone(),
            },
            remote,
            aside,
            pong: open.pong.clone(),
            doors: self.doors.clone(),
            witness: witness.clone(),
            idle_for,
            whole_for: self.caps.whole_for,
        };
        let (gone, streams) = (open.gone.clone(), self.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = reader.run(read) => {}
                () = write(writer, from_stack, asides, &witness) => {}
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
        let Caps {
            streams,
            streams_of_one,
            ..
        } = self.caps;
        // While there are few, nobody's share is looked at.
        let fits =
            open.len() < streams && (open.len() < streams_of_one || of_peer() < streams_of_one);
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

/// Where a connection begins and ends.
struct End {
    local: SocketAddr,
    remote: SocketAddr,
    transport: Transport,
    proved: Option<String>,
}

impl End {
    /// Of a connection that is not wrapped yet, which is made ready for messages.
    fn of(stream: &TcpStream, transport: Transport, proved: Option<String>) -> io::Result<Self> {
        prepare(stream)?;
        Ok(Self {
            local: stream.local_addr()?,
            remote: stream.peer_addr()?,
            transport,
            proved,
        })
    }
}

/// Binds a listener; `serve` has to be called with it.
pub(crate) fn bind(address: SocketAddr, mark: &Mark) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    // A restart must not wait for connections of the last run to time out.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // IPv4 peers shall look like IPv4 peers; they have a listener of their own.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    mark.put_on((&socket).into(), address);
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections until the endpoint closes.
pub(crate) async fn serve(
    listener: TcpListener,
    transport: Transport,
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
        if transport != Transport::Tls {
            let adopted = streams.take_in(stream, transport).await;
            if adopted.is_ok_and(|stream| opened.send(stream).is_err()) {
                return;
            }
            continue;
        }
        // Beyond the limit they are turned away at once: it is a flood.
        let Ok(place) = streams.handshakes.clone().try_acquire_owned() else {
            streams.counters.beyond_cap();
            continue;
        };
        let (streams, opened) = (streams.clone(), opened.clone());
        tokio::spawn(async move {
            match streams.take_in(stream, transport).await {
                // Nobody takes it only when the endpoint stops.
                Ok(stream) => drop(opened.send(stream)),
                Err(why) => tracing::debug!("tls from {peer} came to nothing: {why}"),
            }
            drop(place);
        });
    }
}

/// Tells the trace what passes on one stream.
#[derive(Clone)]
struct Witness {
    trace: Arc<Trace>,
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Witness {
    fn saw(&self, direction: Direction, message: &[u8]) {
        let Self {
            transport,
            local,
            remote,
            ..
        } = *self;
        self.trace.saw(direction, transport, local, remote, message);
    }
}

struct Reader {
    intake: Intake,
    remote: SocketAddr,
    aside: mpsc::Sender<Aside>,
    pong: Pong,
    doors: Arc<Doors>,
    witness: Witness,
    idle_for: Option<Duration>,
    whole_for: Duration,
}

/// What is sent without the stack.
enum Aside {
    More(Vec<u8>),
    /// The stream is closed behind it.
    Last(Vec<u8>),
}

impl Reader {
    async fn run(&self, mut read: impl AsyncRead + Unpin) {
        let mut buffer = Vec::with_capacity(CHUNK);
        // When what has begun must be whole; who connects must have something to say.
        let mut due = self.idle_for.map(|_| Instant::now() + self.whole_for);
        loop {
            let more = read.read_buf(&mut buffer);
            let read = match (due, self.idle_for) {
                (Some(due), _) => match timeout_at(due, more).await {
                    Ok(read) => read,
                    Err(_) => return self.intake.counters.unfinished(),
                },
                (None, Some(longest)) => timeout(longest, more).await.unwrap_or(Ok(0)),
                (None, None) => more.await,
            };
            if let Err(why) = &read {
                self.tell(why);
            }
            if !matches!(read, Ok(n) if n > 0) {
                return;
            }
            let came = buffer.len();
            match self.take(&mut buffer) {
                Going::On => {}
                Going::Off(None) => return,
                Going::Off(Some(words)) => {
                    // The writer closes the stream, or its peer does.
                    let _ = self.aside.send(Aside::Last(words)).await;
                    return pending().await;
                }
            }
            due = match buffer.len() {
                // Line ends are nothing that has begun.
                _ if buffer.iter().all(|b| b"\r\n".contains(b)) => None,
                left if left < came => Some(Instant::now() + self.whole_for),
                _ => due.or_else(|| Some(Instant::now() + self.whole_for)),
            };
        }
    }

    /// A PBX that wants another certificate of ours says so only after the handshake (TLS 1.3).
    fn tell(&self, why: &io::Error) {
        let is_ours = self.idle_for.is_none();
        if is_ours && why.get_ref().is_some_and(|why| why.is::<rustls::Error>()) {
            tracing::warn!("{} ends TLS with us: {why}; check tls-cert", self.remote);
        } else {
            tracing::debug!("the connection with {} broke: {why}", self.remote);
        }
    }

    /// Takes all whole messages out of the buffer.
    fn take(&self, buffer: &mut Vec<u8>) -> Going {
        let mut at = 0;
        let going = loop {
            match framing::next(&buffer[at..]) {
                Frame::Wait => {
                    // What may begin a ping is the answer to ours, if there was one.
                    if &buffer[at..] == b"\r\n" && self.pong.take() {
                        at += 2;
                    }
                    break Going::On;
                }
                Frame::Broken(n) => {
                    let verdict = ingress::last_words(&buffer[at..at + n]);
                    break Going::Off(self.intake.take(verdict, self.remote));
                }
                Frame::Skip(n) => {
                    self.pong.take();
                    at += n;
                }
                Frame::Ping(n) => {
                    at += n;
                    self.intake.counters.ignored(ingress::Ignored::KeepAlive);
                    self.say(b"\r\n".to_vec());
                }
                Frame::Message(n) => {
                    let raw = &buffer[at..at + n];
                    at += n;
                    if !self.doors.admits(self.remote.ip(), raw) {
                        break Going::Off(None);
                    }
                    self.witness.saw(Direction::Received, raw);
                    let verdict = ingress::framed(raw);
                    if let Some(answer) = self.intake.take(verdict, self.remote) {
                        self.say(answer);
                    }
                    if !self.intake.is_open() {
                        break Going::Off(None);
                    }
                }
            }
        };
        buffer.drain(..at);
        going
    }

    /// What does not fit is part of a flood.
    fn say(&self, bytes: Vec<u8>) {
        let _ = self.aside.try_send(Aside::More(bytes));
    }
}

/// Whether a stream goes on, and the last words if not.
enum Going {
    On,
    Off(Option<Vec<u8>>),
}

/// Sends what the stack and the reader want sent; ends when the peer takes no more.
async fn write(
    mut stream: impl AsyncWrite + Unpin,
    mut messages: TransportReceiver,
    mut asides: mpsc::Receiver<Aside>,
    witness: &Witness,
) {
    loop {
        let (bytes, is_last) = tokio::select! {
            event = messages.recv() => match event {
                Some(TransportEvent::Incoming(message, ..)) => {
                    let bytes = message.to_bytes();
                    (spelling::without_stand_in(&bytes).into_owned(), false)
                }
                Some(TransportEvent::New(_) | TransportEvent::Closed(_)) => continue,
                None => return,
            },
            Some(aside) = asides.recv() => match aside {
                Aside::More(bytes) => (bytes, false),
                Aside::Last(bytes) => (bytes, true),
            },
        };
        witness.saw(Direction::Sent, &bytes);
        let written = async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        };
        let written = timeout(WRITE_FOR, written).await;
        if is_last || !matches!(written, Ok(Ok(()))) {
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

/// Handshakes of strangers at the same time; each costs a millisecond of computing.
const HANDSHAKES: usize = 256;

/// How long a peer may take to make room for one message.
const WRITE_FOR: Duration = Duration::from_secs(10);

/// An accepted connection without a byte for that long is nobody's; it also outlives the usual
/// refresh of a registration.
const IDLE_FOR: Duration = Duration::from_secs(2 * 3_600);

/// Probing starts after that much silence, to find a dead peer within about two minutes.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Answers to keep-alives and to bad messages that may wait to be sent.
const ASIDES: usize = 8;

/// Bytes read at once; longer messages grow the buffer.
const CHUNK: usize = 8_192;
