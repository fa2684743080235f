//! Who are we towards peers over TLS, and whom do we believe?
//!
//! Certificates are read again when their files change, so that a renewed one counts from the
//! next connection on. One that cannot be read leaves the old one in place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate and those that link it to an authority, ours first; needed to listen.
    pub cert: Option<PathBuf>,
    /// The key of our certificate.
    pub key: Option<PathBuf>,
    /// Authorities to believe besides those of the system.
    pub ca: Option<PathBuf>,
}

/// Why certificates cannot be used; names the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What both sides of TLS are made with.
pub(super) struct Identity {
    files: Tls,
    server: Mutex<Option<Read<ServerConfig>>>,
    client: Mutex<Option<Read<ClientConfig>>>,
}

/// What came of files, and what they looked like then.
struct Read<T> {
    config: Arc<T>,
    stamps: Vec<Stamp>,
    looked_at: Instant,
}

/// A file as far as it can be told apart from a changed one.
type Stamp = Option<(SystemTime, u64)>;

impl Identity {
    pub(super) fn new(files: Tls) -> Self {
        Self {
            files,
            server: Mutex::default(),
            client: Mutex::default(),
        }
    }

    /// Whether we could listen.
    ///
    /// # Errors
    /// What is missing or wrong, in words for an operator.
    pub(super) fn check(&self) -> Result<(), Unusable> {
        self.server().map(drop)
    }

    /// Takes the peer's side of the handshake on a connection that it has opened.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.server().map_err(|why| io::Error::other(why.0))?;
        let accepted = timeout(HANDSHAKE_FOR, TlsAcceptor::from(config).accept(stream));
        let accepted = accepted.await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(accepted.into())
    }

    /// Opens TLS on a connection of ours to `host`, whose certificate must name it.
    ///
    /// # Errors
    /// What is wrong with the peer's certificate, in words for an operator.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = self.client().map_err(|why| io::Error::other(why.0))?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let opened = timeout(
            HANDSHAKE_FOR,
            TlsConnector::from(config).connect(name, stream),
        );
        match opened.await {
            Ok(Ok(opened)) => Ok(opened.into()),
            Ok(Err(why)) => Err(io::Error::other(explained(&why, host))),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "no answer to the TLS handshake",
            )),
        }
    }

    fn server(&self) -> Result<Arc<ServerConfig>, Unusable> {
        let Tls { cert, key, .. } = &self.files;
        let (Some(cert), Some(key)) = (cert, key) else {
            return Err(Unusable(
                "tls needs both tls-cert and tls-key to listen".to_owned(),
            ));
        };
        current(&self.server, &[cert, key], || server(cert, key))
    }

    fn client(&self) -> Result<Arc<ClientConfig>, Unusable> {
        let ca = self.files.ca.as_deref();
        let files: Vec<&Path> = ca.into_iter().collect();
        current(&self.client, &files, || client(ca))
    }
}

/// What was read last, or what `read` makes of the files if they have changed since.
fn current<T>(
    last: &Mutex<Option<Read<T>>>,
    files: &[&(impl AsRef<Path> + ?Sized)],
    read: impl Fn() -> Result<T, Unusable>,
) -> Result<Arc<T>, Unusable> {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let fresh = |last: &&mut Read<T>| now.duration_since(last.looked_at) < LOOK_INTERVAL;
    if let Some(last) = last.as_mut().filter(fresh) {
        return Ok(last.config.clone());
    }
    let stamps: Vec<Stamp> = files.iter().map(|file| stamp(file.as_ref())).collect();
    if let Some(last) = last.as_mut() {
        last.looked_at = now;
        if last.stamps == stamps {
            return Ok(last.config.clone());
        }
    }
    match (read(), last.as_mut()) {
        (Ok(config), _) => {
            let config = Arc::new(config);
            *last = Some(Read {
                config: config.clone(),
                stamps,
                looked_at: now,
            });
            Ok(config)
        }
        (Err(why), Some(last)) => {
            // Half written, mostly: told once, and looked at again when it has changed again.
            tracing::error!("tls keeps its old certificates: {why}");
            last.stamps = stamps;
            Ok(last.config.clone())
        }
        (Err(why), None) => Err(why),
    }
}

fn stamp(file: &Path) -> Stamp {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn server(cert: &Path, key: &Path) -> Result<ServerConfig, Unusable> {
    let chain = certificates(cert)?;
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|why| unusable(key, "a private key", &why))?;
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| Unusable(why.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|why| {
            let (cert, key) = (cert.display(), key.display());
            Unusable(format!("\"{cert}\" and \"{key}\" do not fit: {why}"))
        })
}

fn client(ca: Option<&Path>) -> Result<ClientConfig, Unusable> {
    let mut roots = RootCertStore::empty();
    // A system without a store is one where tls-ca is needed; the handshake will say so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = ca {
        for authority in certificates(ca)? {
            roots
                .add(authority)
                .map_err(|why| unusable(ca, "certificates", &why))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| Unusable(why.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|why| unusable(file, "certificates", &why))?;
    if read.is_empty() {
        return Err(Unusable(format!(
            "\"{}\" holds no certificate",
            file.display()
        )));
    }
    Ok(read)
}

fn unusable(file: &Path, what: &str, why: &impl fmt::Display) -> Unusable {
    Unusable(format!("no {what} in \"{}\": {why}", file.display()))
}

/// Why a handshake of ours failed, and what to do about it.
fn explained(why: &io::Error, host: &str) -> String {
    let inner = why.get_ref().and_then(|why| why.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(wrong)) = inner else {
        return format!("TLS fails: {why}");
    };
    let what = if matches!(wrong, CertificateError::UnknownIssuer) {
        "is from an authority that is not known here; write the authority's file as tls-ca"
            .to_owned()
    } else if is_expired(wrong) {
        "has expired".to_owned()
    } else if is_of_others(wrong) {
        format!("is for other names: {wrong}")
    } else {
        format!("is not good: {wrong}")
    };
    format!("the certificate of \"{host}\" {what}")
}

fn is_expired(wrong: &CertificateError) -> bool {
    matches!(
        wrong,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    )
}

fn is_of_others(wrong: &CertificateError) -> bool {
    matches!(
        wrong,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    )
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A handshake is three round trips at most; people wait behind ours, and strangers' cost.
const HANDSHAKE_FOR: Duration = Duration::from_secs(5);

/// How long a look at the files counts: a rush of connections must not be one of file look-ups.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
