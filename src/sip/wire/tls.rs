//! Who are we towards peers over TLS, and whom do we believe?
//!
//! Certificates are read again when their files change, so that a renewed one counts from the
//! next connection on. One that cannot be read leaves the old one in place.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
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
    /// Whether those who connect to us must have a certificate of those authorities.
    pub verify_clients: bool,
}

/// Why certificates cannot be used; names the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What both sides of TLS are made with.
pub(crate) struct Identity {
    files: RwLock<Tls>,
    server: Mutex<Option<Read<ServerConfig>>>,
    client: Mutex<Option<Read<ClientConfig>>>,
}

/// What came of files, and what they looked like then.
struct Read<T> {
    config: Arc<T>,
    stamp: Stamp,
}

/// The files and what they were asked for, as far as changed ones can be told apart.
#[derive(PartialEq)]
struct Stamp {
    files: Tls,
    looks: Vec<Option<Look>>,
}

/// When a file was written, its number and its length.
type Look = (SystemTime, u64, u64);

impl Identity {
    pub(crate) fn new(files: Tls) -> Self {
        Self {
            files: RwLock::new(files),
            server: Mutex::default(),
            client: Mutex::default(),
        }
    }

    /// Takes other files from the next connection on; until they can be used, the old ones stay.
    pub(crate) fn change(&self, files: Tls, listens: bool) {
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = files;
        if listens {
            // What is wrong with them is told now rather than when somebody connects.
            let _ = self.server();
        }
    }

    /// Whether we could listen.
    ///
    /// # Errors
    /// What is missing or wrong, in words for an operator.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        self.server().map(drop)
    }

    /// Takes the peer's side of the handshake on a connection that it has opened.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.server().map_err(|why| io::Error::other(why.0))?;
        let accepted = timeout(HANDSHAKE_FOR, TlsAcceptor::from(config).accept(stream));
        let accepted = accepted.await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(accepted.into())
    }

    /// Opens TLS on a connection of ours to `host`, whose certificate must name it.
    ///
    /// # Errors
    /// What is wrong with the peer's certificate, in words for an operator.
    pub(crate) async fn connect(
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
        current(&self.server, &self.files(), server)
    }

    fn client(&self) -> Result<Arc<ClientConfig>, Unusable> {
        current(&self.client, &self.files(), client)
    }

    fn files(&self) -> Tls {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.clone()
    }
}

/// What was read last, or what `read` makes of the files if they have changed since. A look at
/// them costs far less than the handshake that follows.
fn current<T>(
    last: &Mutex<Option<Read<T>>>,
    files: &Tls,
    read: impl Fn(&Tls) -> Result<T, Unusable>,
) -> Result<Arc<T>, Unusable> {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let stamp = Stamp::of(files);
    if let Some(last) = last.as_ref().filter(|last| last.stamp == stamp) {
        return Ok(last.config.clone());
    }
    match (read(files), last.as_mut()) {
        (Ok(config), before) => {
            if before.is_some() {
                tracing::info!("tls: the certificates were read anew");
            }
            let config = Arc::new(config);
            *last = Some(Read {
                config: config.clone(),
                stamp,
            });
            Ok(config)
        }
        (Err(why), Some(last)) => {
            // Half written, mostly: told once, and looked at again when it has changed again.
            tracing::error!("tls keeps its old certificates: {why}");
            last.stamp = stamp;
            Ok(last.config.clone())
        }
        (Err(why), None) => Err(why),
    }
}

impl Stamp {
    fn of(files: &Tls) -> Self {
        let all = [&files.cert, &files.key, &files.ca];
        let look = |file: &Option<PathBuf>| look(file.as_deref()?);
        Self {
            looks: all.into_iter().map(look).collect(),
            files: files.clone(),
        }
    }
}

fn look(file: &Path) -> Option<Look> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.ino(), about.len()))
}

fn server(files: &Tls) -> Result<ServerConfig, Unusable> {
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
        return Err(Unusable(
            "tls needs both tls-cert and tls-key to listen".to_owned(),
        ));
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| Unusable(why.to_string()))?;
    let builder = match &files.ca {
        _ if !files.verify_clients => builder.with_no_client_auth(),
        Some(ca) => builder.with_client_cert_verifier(verifier(ca)?),
        None => {
            return Err(Unusable(
                "tls-verify-clients needs tls-ca, the authority of the phones".to_owned(),
            ));
        }
    };
    let (chain, secret) = (certificates(cert)?, secret(key)?);
    let made = builder.with_single_cert(chain, secret);
    made.map_err(|why| do_not_fit(cert, key, &why))
}

/// Believes none but those authorities: everybody can have a certificate of the system's.
fn verifier(ca: &Path) -> Result<Arc<dyn ClientCertVerifier>, Unusable> {
    let mut roots = RootCertStore::empty();
    add(&mut roots, ca)?;
    let made = WebPkiClientVerifier::builder_with_provider(roots.into(), provider()).build();
    made.map_err(|why| unusable(ca, "certificates", &why))
}

fn client(files: &Tls) -> Result<ClientConfig, Unusable> {
    let mut roots = RootCertStore::empty();
    // A system without a store is one where tls-ca is needed; the handshake will say so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(ca) = &files.ca {
        add(&mut roots, ca)?;
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| Unusable(why.to_string()))?
        .with_root_certificates(roots);
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let made = builder.with_client_auth_cert(certificates(cert)?, secret(key)?);
    made.map_err(|why| do_not_fit(cert, key, &why))
}

fn add(roots: &mut RootCertStore, ca: &Path) -> Result<(), Unusable> {
    for authority in certificates(ca)? {
        let added = roots.add(authority);
        added.map_err(|why| unusable(ca, "certificates", &why))?;
    }
    Ok(())
}

fn secret(key: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    PrivateKeyDer::from_pem_file(key).map_err(|why| unusable(key, "a private key", &why))
}

fn do_not_fit(cert: &Path, key: &Path, why: &rustls::Error) -> Unusable {
    let (cert, key) = (cert.display(), key.display());
    Unusable(format!("\"{cert}\" and \"{key}\" do not fit: {why}"))
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
    } else if is_early(wrong) {
        "counts only later; is the clock of this machine right?".to_owned()
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

fn is_early(wrong: &CertificateError) -> bool {
    matches!(
        wrong,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
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
