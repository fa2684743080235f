//! How do messages travel over TCP?
//!
//! The stack's own TCP is not used: it hides why a connection failed and shuts one down for
//! a single bad message. Each connection has a reader and a writer task of ours and shows
//! itself to the stack as a channel.
//!
//! ```text
//! TcpStream ─► framing ─► ingress ─► intake ─► channel ─► stack
//! TcpStream ◄─ bytes ◄──────────────────────── channel ◄─ stack
//! ```

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use rsipstack::sip::Transport;
use rsipstack::transport::connection::TransportReceiver;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent, channel::ChannelConnection};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::counts::Counters;
use super::framing::{self, Frame};
use super::ingress;
use super::intake::Intake;
use super::spelling;

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
    counters: Arc<Counters>,
    closing: CancellationToken,
}

impl Streams {
    pub(super) fn new(counters: Arc<Counters>, closing: CancellationToken) -> Self {
        Self {
            open: Arc::default(),
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
        let (aside, asides) = mpsc::channel(ASIDES);
        let reader = Reader {
            intake: Intake {
                connection: open.connection.clone(),
                transport: Transport::Tcp,
                to_stack,
                counters: self.counters.clone(),
            },
            remote,
            aside,
            idle_for,
        };
        let (gone, streams) = (open.gone.clone(), self.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = reader.run(read) => {}
                () = write(writer, from_stack, asides) => {}
                () = gone.cancelled() => {}
            }
            gone.cancel();
            streams.forget(remote);
        });
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(remote, open.clone());
        Ok(open)
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
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, mostly: trying again at once would only spin.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let adopted = streams.adopt(stream, Some(IDLE_FOR)).await;
        if adopted.is_ok_and(|stream| opened.send(stream).is_err()) {
            return;
        }
    }
}

struct Reader {
    intake: Intake,
    remote: SocketAddr,
    aside: mpsc::Sender<Aside>,
    idle_for: Option<Duration>,
}

/// What is sent without the stack.
enum Aside {
    More(Vec<u8>),
    /// The stream is closed behind it.
    Last(Vec<u8>),
}

impl Reader {
    async fn run(&self, mut read: OwnedReadHalf) {
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            let patience = self.patience(&buffer);
            let more = read.read_buf(&mut buffer);
            let read = match patience {
                Some(longest) => timeout(longest, more).await.unwrap_or(Ok(0)),
                None => more.await,
            };
            if !matches!(read, Ok(n) if n > 0) {
                return;
            }
            match self.take(&mut buffer) {
                Going::On => {}
                Going::Off(None) => return,
                Going::Off(Some(words)) => {
                    // The writer closes the stream, or its peer does.
                    let _ = self.aside.send(Aside::Last(words)).await;
                    return pending().await;
                }
            }
        }
    }

    /// How long the peer may be silent: not for long in the middle of a message.
    fn patience(&self, begun: &[u8]) -> Option<Duration> {
        match begun {
            [] => self.idle_for,
            [..] => Some(PART_FOR),
        }
    }

    /// Takes all whole messages out of the buffer.
    fn take(&self, buffer: &mut Vec<u8>) -> Going {
        let mut at = 0;
        let going = loop {
            match framing::next(&buffer[at..]) {
                Frame::Wait => break Going::On,
                Frame::Broken(n) => {
                    let verdict = ingress::last_words(&buffer[at..at + n]);
                    break Going::Off(self.intake.take(verdict, self.remote));
                }
                Frame::Skip(n) => at += n,
                Frame::Ping(n) => {
                    at += n;
                    self.intake.counters.ignored(ingress::Ignored::KeepAlive);
                    self.say(b"\r\n".to_vec());
                }
                Frame::Message(n) => {
                    let verdict = ingress::framed(&buffer[at..at + n]);
                    at += n;
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
    mut stream: OwnedWriteHalf,
    mut messages: TransportReceiver,
    mut asides: mpsc::Receiver<Aside>,
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
        let written = timeout(WRITE_FOR, stream.write_all(&bytes)).await;
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

/// A message that began that long ago and has not ended is given up, and its stream with it.
const PART_FOR: Duration = Duration::from_secs(30);

/// Answers to keep-alives and to bad messages that may wait to be sent.
const ASIDES: usize = 8;

/// Bytes read at once; longer messages grow the buffer.
const CHUNK: usize = 8_192;
