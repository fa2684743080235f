//! Whom do we believe to be the broker, and how do we prove who we are?

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::settings::Link;

/// Files are read anew for each connection, so that a renewed certificate counts.
///
/// # Errors
/// Which file cannot be used and why.
pub(super) fn config(link: &Link) -> Result<Arc<ClientConfig>, String> {
    let roots = match &link.ca {
        Some(file) => authorities(file)?,
        None => of_the_system(),
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?
        .with_root_certificates(roots);
    let config = match &link.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let secret = PrivateKeyDer::from_pem_file(key);
            let secret = secret.map_err(|why| unusable(key, "a private key", &why))?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|why| unusable(cert, "the certificate of that key", &why))?
        }
    };
    Ok(Arc::new(config))
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for cert in certificates(file)? {
        let added = roots.add(cert);
        added.map_err(|why| unusable(file, "an authority", &why))?;
    }
    Ok(roots)
}

/// One that cannot be used leaves the others.
fn of_the_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let found = found.map_err(|why| unusable(file, "a certificate", &why))?;
    if found.is_empty() {
        return Err(format!("{} has no certificate in it", file.display()));
    }
    Ok(found)
}

fn unusable(file: &Path, what: &str, why: &dyn fmt::Display) -> String {
    format!("{} is not {what} that can be used: {why}", file.display())
}
