//! How is a station heard over HTTP, and what if it goes away?
//!
//! ```text
//!  GET ─► playlist? ─► GET ─► Icy ─► Piece ══ bounded channel ══► Program
//!   ▲                                   │ stalled, ended, refused
//!   └──────────── wait (Backoff) ◄──────┘
//! ```
//!
//! A thread of its own, for it waits for the network. While nobody takes what it has, it hangs up.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, DefaultConnector};
use ureq::{Agent, Body};

use crate::base::{Backoff, Frame, SampleRate};
use crate::music::{Item, Kind, parse};
use crate::sounds::music::icy::Icy;
use crate::sounds::music::shoutcast::Shoutcast;
use crate::sounds::piece::Piece;

/// A station that sends nothing for so long is gone.
const STALLED: Duration = Duration::from_secs(10);
/// What nobody has taken for so long nobody wants now.
const UNWANTED: Duration = Duration::from_secs(10);
/// How often a wait looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);
/// Sound that waits to be taken: what a station gives in advance, and what a clock that runs faster
/// than ours has sent more. What has to wait at the station is lost there one day.
const MOST_WAITING: Duration = Duration::from_secs(30);
/// Packets of it: of 10 ms at least.
const N_WAITING: usize = 4_096;
/// A station may name a list that names the stream; nobody needs more lists in lists.
const DEEPEST: usize = 3;
/// The longest list that a station may send.
const LONGEST_LIST: u64 = 64 << 10;

/// The receiving end of a station.
pub(super) struct Radio {
    heard: Receiver<Heard>,
    is_stopping: Arc<AtomicBool>,
    waiting: Arc<Waiting>,
}

/// How much sound waits to be taken, in microseconds.
#[derive(Default)]
struct Waiting(AtomicU64);

impl Waiting {
    fn span(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn come(&self, heard: &Heard) {
        self.0.fetch_add(heard.micros(), Ordering::Relaxed);
    }

    fn go(&self, heard: &Heard) {
        self.0.fetch_sub(heard.micros(), Ordering::Relaxed);
    }
}

/// What comes from a station.
pub(super) enum Heard {
    Music(SampleRate, Vec<Frame>),
    /// It is gone and will be tried again.
    Lost(String),
}

impl Heard {
    fn micros(&self) -> u64 {
        match self {
            Self::Music(rate, frames) => frames.len() as u64 * 1_000_000 / u64::from(rate.hz()),
            Self::Lost(_) => 0,
        }
    }
}

impl Radio {
    /// Begins to listen; never blocks.
    ///
    /// # Errors
    /// The thread does not start.
    pub(super) fn tune(address: &str) -> std::io::Result<Self> {
        let (tx, heard) = sync_channel(N_WAITING);
        let is_stopping = Arc::new(AtomicBool::new(false));
        let waiting = Arc::new(Waiting::default());
        let tuner = Tuner {
            address: address.to_owned(),
            agent: agent(),
            tx,
            is_stopping: is_stopping.clone(),
            waiting: waiting.clone(),
        };
        std::thread::Builder::new()
            .name("radio".to_owned())
            .spawn(move || tuner.until_stopped())?;
        Ok(Self {
            heard,
            is_stopping,
            waiting,
        })
    }

    /// How much sound waits to be taken.
    pub(super) fn waiting(&self) -> Duration {
        self.waiting.span()
    }

    /// What came, if anything did.
    pub(super) fn poll(&self) -> Option<Heard> {
        match self.heard.try_recv() {
            Ok(heard) => {
                self.waiting.go(&heard);
                Some(heard)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Heard::Lost("its thread has ended".to_owned())),
        }
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        // The thread sees it at its next packet, or when it has waited for one in vain.
        self.is_stopping.store(true, Ordering::Relaxed);
    }
}

struct Tuner {
    address: String,
    agent: Agent,
    tx: SyncSender<Heard>,
    is_stopping: Arc<AtomicBool>,
    waiting: Arc<Waiting>,
}

/// Why listening ended.
enum End {
    /// The station failed, in these words.
    Lost(String),
    /// Nobody listens any more.
    Unheard,
    Stopped,
}

impl Tuner {
    fn until_stopped(self) {
        let mut backoff = Backoff::default();
        loop {
            match self.listen(&mut backoff) {
                End::Stopped => return,
                End::Unheard => self.wait_for_listeners(),
                End::Lost(why) => {
                    if let End::Stopped = self.send(Heard::Lost(why)).err().unwrap_or(End::Unheard)
                    {
                        return;
                    }
                    let began = Instant::now();
                    let wait = backoff.failed(chance());
                    while began.elapsed() < wait && !self.is_stopping() {
                        sleep(LOOK);
                    }
                }
            }
        }
    }

    /// Listens until something ends it.
    fn listen(&self, backoff: &mut Backoff) -> End {
        if self.is_stopping() {
            return End::Stopped;
        }
        let response = match self.open(&self.address, DEEPEST) {
            Ok(response) => response,
            Err(why) => return End::Lost(why),
        };
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let interval = header("icy-metaint").and_then(|n| n.trim().parse().ok());
        let extension = header("content-type").and_then(extension);
        let body = response.into_body().into_with_config().limit(u64::MAX);
        let source = Box::new(Icy::new(body.reader(), interval));
        let mut piece = match Piece::stream(&self.address, source, extension) {
            Ok(piece) => piece,
            Err(why) => return End::Lost(why.to_string()),
        };
        loop {
            match piece.decode() {
                Ok(Some((rate, frames))) => {
                    backoff.succeeded();
                    if let Err(end) = self.send(Heard::Music(rate, frames.to_vec())) {
                        return end;
                    }
                }
                Ok(None) => return End::Lost("the station has ended its stream".to_owned()),
                Err(why) => return End::Lost(why.to_string()),
            }
        }
    }

    /// The stream itself; a playlist is followed to the first address that it names.
    fn open(&self, address: &str, depth: usize) -> Result<Response<Body>, String> {
        let request = self.agent.get(address).header("Icy-MetaData", "1");
        let mut response = request.call().map_err(|why| why.to_string())?;
        let media_type = response.headers().get("content-type");
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let Some(kind) = media_type.and_then(Kind::of_media_type) else {
            return Ok(response);
        };
        let mut bytes = Vec::new();
        let mut list = response.body_mut().as_reader().take(LONGEST_LIST);
        list.read_to_end(&mut bytes)
            .map_err(|why| why.to_string())?;
        let items = parse(kind, &bytes, Path::new("")).map_err(|why| why.to_string())?;
        let address = items.into_iter().find_map(|item| match item {
            Item::Address(address) => Some(address),
            Item::Path { .. } => None,
        });
        match address.filter(|_| depth > 0) {
            Some(address) => self.open(&address, depth - 1),
            None => Err("its playlist names no stream".to_owned()),
        }
    }

    /// Waits for room, but not for ever.
    fn send(&self, mut heard: Heard) -> Result<(), End> {
        let began = Instant::now();
        loop {
            if self.is_stopping() {
                return Err(End::Stopped);
            }
            heard = match self.try_send(heard) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(End::Stopped),
                Err(TrySendError::Full(heard)) => heard,
            };
            if began.elapsed() > UNWANTED {
                return Err(End::Unheard);
            }
            sleep(LOOK);
        }
    }

    fn try_send(&self, heard: Heard) -> Result<(), TrySendError<Heard>> {
        if self.waiting.span() >= MOST_WAITING {
            return Err(TrySendError::Full(heard));
        }
        // Before it can be taken, so that it never counts as less than nothing.
        self.waiting.come(&heard);
        let sent = self.tx.try_send(heard);
        if let Err(TrySendError::Full(heard) | TrySendError::Disconnected(heard)) = &sent {
            self.waiting.go(heard);
        }
        sent
    }

    /// Until somebody takes what is old by now; then it is time for what is new.
    fn wait_for_listeners(&self) {
        while !self.is_stopping() {
            let nothing = Heard::Music(SampleRate::HZ_48000, Vec::new());
            match self.try_send(nothing) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(_)) => sleep(LOOK),
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

/// Speaks HTTP and HTTPS, trusting whom the system trusts.
fn agent() -> Agent {
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<_> = roots
        .iter()
        .map(|cert| Certificate::from_der(cert).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .build();
    let config = Agent::config_builder()
        .user_agent(concat!("paging/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .timeout_resolve(Some(STALLED))
        .timeout_connect(Some(STALLED))
        .timeout_recv_response(Some(STALLED))
        .timeout_per_read(Some(STALLED))
        .build();
    let connector = DefaultConnector::new().chain(Shoutcast);
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(RandomState::new().hash_one(STALLED) as u32) / f64::from(u32::MAX)
}

/// The end that a file of this media type would have.
fn extension(media_type: &str) -> Option<&'static str> {
    let media_type = media_type.split(';').next().unwrap_or_default();
    match media_type.trim().to_ascii_lowercase().as_str() {
        "audio/mpeg" | "audio/mp3" => Some("mp3"),
        "audio/aac" | "audio/aacp" => Some("aac"),
        "audio/ogg" | "application/ogg" => Some("ogg"),
        "audio/flac" | "audio/x-flac" => Some("flac"),
        "audio/wav" | "audio/x-wav" => Some("wav"),
        _ => None,
    }
}
