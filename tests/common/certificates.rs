//! How does a test get certificates?

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::folder::Folder;

/// Vouches for whom it is told to; its own file is `ca`.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub ca: PathBuf,
    folder: Folder,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let title = format!("Authority of {name}");
        params.distinguished_name.push(DnType::CommonName, title);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = Folder::new(&format!("ca-{name}"));
        let ca = folder.write("ca.pem", issuer.pem());
        Self { issuer, ca, folder }
    }

    /// The files of a certificate for `name` and of its key; valid in these years.
    pub fn vouch_for(&self, name: &str, file: &str, years: (i32, i32)) -> (PathBuf, PathBuf) {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let made = params.signed_by(&pair, &self.issuer).unwrap();
        let write = |kind: &str, text| self.folder.write(&format!("{file}.{kind}"), text);
        (write("pem", made.pem()), write("key", pair.serialize_pem()))
    }
}

/// Years in which a test of today runs.
pub const NOW: (i32, i32) = (2020, 2120);

/// The lines of [sip] that name these files.
pub fn identity((cert, key): &(PathBuf, PathBuf)) -> String {
    format!("tls-cert = {}\ntls-key = {}", cert.display(), key.display())
}
