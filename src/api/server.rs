//! How does the server start, change and end?
//!
//! It has a thread and a runtime of its own: whatever comes in here never delays SIP or sound.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::app::App;
use super::ask::Ask;
use super::connection;
use super::layers;
use super::news::News;
use super::settings::Settings;

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    orders: UnboundedSender<Settings>,
    thread: Option<JoinHandle<()>>,
    /// Those of the start.
    listening: Vec<SocketAddr>,
}

/// What keeps the server from starting.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be listened at.
    Listen(SocketAddr, io::Error),
    /// The certificate or its key cannot be used; names the file.
    Tls(String),
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, why) => f.write_str(&in_words(*address, why)),
            Self::Tls(why) => f.write_str(why),
            Self::Thread(why) => write!(f, "the thread does not start: {why}"),
        }
    }
}

/// What to do with an address that cannot be listened at when the server starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlucky {
    /// The start fails: somebody has asked for that address.
    Fails,
    /// It is told and tried again: nobody has asked for it.
    Waits,
}

impl Server {
    /// Listens, and answers by what whoever receives `asks` knows.
    ///
    /// # Errors
    /// An address in use, a certificate that cannot be read.
    pub fn start(
        settings: Settings,
        asks: mpsc::Sender<Ask>,
        unlucky: Unlucky,
    ) -> Result<Self, StartError> {
        let tls = acceptor(&settings).map_err(StartError::Tls)?;
        let mut sockets = BTreeMap::new();
        for address in &settings.listen {
            match bind(*address) {
                Ok(socket) => {
                    sockets.insert(*address, socket);
                }
                Err(why) if unlucky == Unlucky::Fails => {
                    return Err(StartError::Listen(*address, why));
                }
                // The listener tries again, and tells.
                Err(_) => {}
            }
        }
        let bound = sockets.values().filter_map(|it| it.local_addr().ok());
        let listening = bound.collect();
        let app = Arc::new(App::new(settings, asks, Timestamp::now()));
        let (orders, ordered) = unbounded_channel();
        let site = Arc::clone(&app);
        let thread = std::thread::Builder::new().name("http".to_owned());
        let thread = thread
            .spawn(move || run(&site, sockets, tls, ordered))
            .map_err(StartError::Thread)?;
        Ok(Self {
            app,
            orders,
            thread: Some(thread),
            listening,
        })
    }

    /// Where it listens since the start, for those who listen at port 0.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    /// Tells all subscribers.
    pub fn publish(&self, what: News) {
        self.app.bulletin.publish(what, Timestamp::now());
    }

    /// Users change at once; only addresses that come or go are touched, and connections stay.
    pub fn adapt(&self, settings: Settings) {
        self.orders.send(settings).ok();
    }

    /// Takes no more, lets what is being answered end, and waits for that, but not for long.
    pub fn stop(&mut self) {
        self.app.ending.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("http: the thread has panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    app: &Arc<App>,
    sockets: BTreeMap<SocketAddr, std::net::TcpListener>,
    tls: Option<TlsAcceptor>,
    ordered: UnboundedReceiver<Settings>,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(Listeners::new(app, tls).run(sockets, ordered));
            runtime.shutdown_timeout(LINGER);
        }
        Err(why) => tracing::error!("http: nobody is answered: {why}"),
    }
}

/// Those that run, by the address that was asked for.
struct Listeners {
    app: Arc<App>,
    routes: Router,
    /// The identity towards those who come over TLS; changes with the configuration.
    tls: watch::Sender<Option<TlsAcceptor>>,
    running: BTreeMap<SocketAddr, AbortHandle>,
}

impl Listeners {
    fn new(app: &Arc<App>, tls: Option<TlsAcceptor>) -> Self {
        Self {
            app: Arc::clone(app),
            routes: layers::service(app),
            tls: watch::Sender::new(tls),
            running: BTreeMap::new(),
        }
    }

    async fn run(
        mut self,
        mut sockets: BTreeMap<SocketAddr, std::net::TcpListener>,
        mut ordered: UnboundedReceiver<Settings>,
    ) {
        for address in self.app.settings().listen.clone() {
            self.listen(address, sockets.remove(&address));
        }
        let app = Arc::clone(&self.app);
        loop {
            tokio::select! {
                Some(settings) = ordered.recv() => self.adapt(settings),
                () = app.ended() => break,
            }
        }
        for listener in self.running.values() {
            listener.abort();
        }
        let served = async {
            while self.app.connections.available_permits() < self.app.all_connections() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // Who still reads then is cut off.
        tokio::time::timeout(LINGER, served).await.ok();
    }

    fn adapt(&mut self, settings: Settings) {
        match acceptor(&settings) {
            Ok(tls) => {
                self.tls.send_replace(tls);
            }
            Err(why) => tracing::error!("http: {why}; the old certificate stays"),
        }
        let wanted = settings.listen.clone();
        self.app.adapt(settings);
        let gone = |address: &SocketAddr| !wanted.contains(address);
        for address in self
            .running
            .keys()
            .copied()
            .filter(gone)
            .collect::<Vec<_>>()
        {
            if let Some(listener) = self.running.remove(&address) {
                listener.abort();
                self.app.trouble(address, None);
                tracing::info!("http: {address} is closed");
            }
        }
        for address in wanted {
            if !self.running.contains_key(&address) {
                self.listen(address, None);
            }
        }
    }

    fn listen(&mut self, address: SocketAddr, socket: Option<std::net::TcpListener>) {
        let (app, routes, tls) = (
            Arc::clone(&self.app),
            self.routes.clone(),
            self.tls.subscribe(),
        );
        let listener = Listener {
            app,
            routes,
            tls,
            address,
        };
        let task = tokio::spawn(listener.run(socket));
        self.running.insert(address, task.abort_handle());
    }
}

/// One address.
struct Listener {
    app: Arc<App>,
    routes: Router,
    tls: watch::Receiver<Option<TlsAcceptor>>,
    address: SocketAddr,
}

impl Listener {
    async fn run(self, mut socket: Option<std::net::TcpListener>) {
        loop {
            let bound = match socket.take() {
                Some(socket) => Ok(socket),
                None => bind(self.address),
            };
            match bound.and_then(TcpListener::from_std) {
                Ok(listener) => {
                    self.app.trouble(self.address, None);
                    self.tell(&listener);
                    self.accept(listener).await;
                }
                Err(why) => self.unlucky(&why),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn tell(&self, listener: &TcpListener) {
        let scheme = if self.app.settings().is_secure(self.address) {
            "https"
        } else {
            "http"
        };
        let address = listener.local_addr().unwrap_or(self.address);
        tracing::info!("http: answering at {scheme}://{address}/");
    }

    fn unlucky(&self, why: &io::Error) {
        let text = in_words(self.address, why);
        if self.app.trouble(self.address, Some(text.clone())) {
            tracing::warn!("http: {text}; trying again every {} s", RETRY.as_secs());
        }
    }

    /// Never ends but by an abort: what ails the listener passes, such as too many open files.
    async fn accept(&self, listener: TcpListener) {
        // Connections end with the runtime, not with the listener.
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let is_secure = self.app.settings().is_secure(self.address);
                    let tls = self.tls.borrow().clone().filter(|_| is_secure);
                    let (app, routes) = (Arc::clone(&self.app), self.routes.clone());
                    tokio::spawn(connection::serve(app, routes, stream, peer, tls));
                }
                Err(why) => {
                    tracing::warn!("http: nobody can come in at {}: {why}", self.address);
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart need not wait for old connections.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // 0.0.0.0 and [::] may stand beside each other.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn in_words(address: SocketAddr, why: &io::Error) -> String {
    let kind = why.kind();
    if kind == io::ErrorKind::AddrInUse {
        return format!(
            "another program listens at {address}; end it, or write another port as listen = \
             ADDRESS:PORT into [http]"
        );
    }
    if kind == io::ErrorKind::AddrNotAvailable {
        return format!(
            "{address} is no address of this machine; write one of its own, or 0.0.0.0 for all"
        );
    }
    if kind == io::ErrorKind::PermissionDenied {
        return format!("{address} needs rights that this user has not; write a port above 1023");
    }
    format!("cannot listen at {address}: {why}")
}

fn acceptor(settings: &Settings) -> Result<Option<TlsAcceptor>, String> {
    let Some((cert, key)) = &settings.tls else {
        return Ok(None);
    };
    let unusable = |file: &Path, what: &str, why: &dyn fmt::Display| {
        format!("{} is not {what} that can be used: {why}", file.display())
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|why| unusable(cert, "a certificate", &why))?;
    if chain.is_empty() {
        return Err(format!("{} has no certificate in it", cert.display()));
    }
    let secret = PrivateKeyDer::from_pem_file(key);
    let secret = secret.map_err(|why| unusable(key, "a private key", &why))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|why| unusable(cert, "the certificate of that key", &why))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

const BACKLOG: i32 = 1_024;

/// How often to try an address that another program has.
const RETRY: Duration = Duration::from_secs(5);

/// After a connection that could not be taken.
const AGAIN: Duration = Duration::from_millis(200);

/// How long those who are being answered hold up the end.
const LINGER: Duration = Duration::from_millis(500);
