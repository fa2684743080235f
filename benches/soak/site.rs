//! What stands on the bench: one daemon for the whole run, and what it is asked about itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::common::daemon::Daemon;
use crate::common::folder::Folder;
use crate::common::jackd::Jackd;
use crate::common::notify::Notify;
use crate::common::phone::Phone;
use crate::common::ports::{free_address, free_block};
use crate::common::process::Process;
use crate::phones::{N_PHONES, password, user};

/// A daemon that listens on UDP, TCP and TLS and plays to JACK.
pub struct Site {
    pub jackd: Jackd,
    pub daemon: Daemon,
    pub tls: SocketAddr,
    /// The certificate of the authority, as a file.
    pub authority: PathBuf,
    /// Memory before the first call, in megabytes.
    pub fresh_mb: f64,
}

impl Site {
    pub fn start() -> Self {
        // A long period: what is looked for is lost sound, not late sound.
        let jackd = Jackd::start(48_000, 1_024);
        let folder = Folder::new("soak");
        let authority = certify(&folder);
        let (sip, tls) = (free_address(), free_address());
        let file = folder.write("soak.conf", conf(&jackd, sip, tls));
        let notify = Notify::open();
        let process = Process::spawn("sh", |command| {
            // 200,000 calls have a million lines to tell.
            let line = "exec \"$0\" \"$1\" > daemon.log 2>&1";
            command
                .current_dir(folder.path())
                .args(["-c", line, env!("CARGO_BIN_EXE_paging")])
                .arg(&file)
                .env("NOTIFY_SOCKET", &notify.path)
                .env_remove("RUST_LOG");
        });
        let mut daemon = Daemon {
            process,
            notify,
            sip,
            folder,
        };
        daemon.wait_ready();
        jackd.wait_until_fed("system:playback_1", "paging:", Duration::from_secs(10));
        let mut site = Self {
            jackd,
            daemon,
            tls,
            authority,
            fresh_mb: 0.0,
        };
        let mut phone = site.phone();
        phone.call("100", Duration::from_secs(5));
        phone.hang_up();
        site.fresh_mb = site.memory_mb();
        site
    }

    pub fn pid(&self) -> u32 {
        self.daemon.process.pid()
    }

    pub fn phone(&self) -> Phone {
        self.daemon.phone()
    }

    /// Heap, stacks and what else is no file, in megabytes.
    pub fn memory_mb(&self) -> f64 {
        self.daemon.anonymous_memory_kb() as f64 / 1_024.0
    }

    /// Lines of the daemon's log that hold all of these words.
    pub fn logged(&self, words: &[&str]) -> Vec<String> {
        let log = std::fs::read(self.daemon.folder.join("daemon.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        log.lines().filter(has_all).map(str::to_owned).collect()
    }

    /// Waits until no call is left, so that the next step finds a quiet house.
    pub fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until && self.phone().options(Duration::from_secs(1)).is_none() {
            std::thread::sleep(Duration::from_millis(200));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn conf(jackd: &Jackd, sip: SocketAddr, tls: SocketAddr) -> String {
    let rtp = free_block(N_RTP_PORTS);
    let last = rtp + N_RTP_PORTS - 1;
    let users: String = (0..N_PHONES)
        .map(|n| format!("[user:{}]\npass = {}\n", user(n), password(n)))
        .collect();
    format!(
        "[sip]\nlisten = udp:{sip} tcp:{sip} tls:{tls}\nrtp-ports = {rtp}-{last}\n\
         max-calls = {MOST_CALLS}\ntls-cert = site.pem\ntls-key = site.key\n\
         [audio]\nbackend = jack\njack-server-name = {}\njack-client-name = paging\n\
         jack-autostart = no\njack-output-ports = ^system:playback_\n\
         [calls]\nhold-concurrent = no\n[server]\ndebug = no\n{users}",
        jackd.name
    )
}

/// Makes an authority and a certificate of the site for 127.0.0.1; returns the authority's file.
fn certify(folder: &Folder) -> PathBuf {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pair = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let made = params.signed_by(&pair, &issuer).unwrap();
    folder.write("site.pem", made.pem());
    folder.write("site.key", pair.serialize_pem());
    folder.write("authority.pem", issuer.pem())
}

/// Calls of SIPp last milliseconds; when the machine stands still for a moment, they pile up.
const MOST_CALLS: usize = 2_000;
const N_RTP_PORTS: u16 = 4_400;
