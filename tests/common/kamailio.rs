//! How does a test get a registrar and proxy with digest?

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::folder::{Folder, in_repository};
use super::phone::Phone;
use super::ports::free_address;
use super::process::Process;

/// Kamailio that registers anyone who knows the password, and relays calls to who is registered.
pub struct Kamailio {
    pub address: SocketAddr,
    /// Where it also listens, for TLS, and its certificate and key.
    secure: Option<(SocketAddr, (PathBuf, PathBuf))>,
    algorithm: &'static str,
    password: String,
    process: Process,
    folder: Folder,
}

impl Kamailio {
    /// `algorithm` is `MD5` or `SHA-256`; every user has the same `password`.
    pub fn start(algorithm: &'static str, password: &str) -> Self {
        Self::start_at(free_address(), None, algorithm, password)
    }

    /// As `start`, and listens for TLS at `secure` with that certificate and key.
    pub fn start_secure(secure: SocketAddr, files: (PathBuf, PathBuf), password: &str) -> Self {
        Self::start_at(free_address(), Some((secure, files)), "SHA-256", password)
    }

    fn start_at(
        address: SocketAddr,
        secure: Option<(SocketAddr, (PathBuf, PathBuf))>,
        algorithm: &'static str,
        password: &str,
    ) -> Self {
        let folder = Folder::new("kamailio");
        let process = serve(address, secure.as_ref(), algorithm, password, &folder);
        Self {
            address,
            secure,
            algorithm,
            password: password.into(),
            process,
            folder,
        }
    }

    /// Stops it at once, as a power cut would.
    pub fn kill(&mut self) {
        // The first process forks the others. They should end with it on SIGTERM; now and then one
        // does not, and would keep the port.
        if !self.process.is_running() {
            return;
        }
        self.process.signal("TERM");
        if self.process.wait(Duration::from_secs(5)).is_none() {
            self.process.kill();
        }
        if let Ok(group) = i32::try_from(self.process.pid()) {
            killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
    }

    /// Starts it again at the same address with nobody registered.
    pub fn restart(&mut self) {
        self.kill();
        // Its children may hold the port for a moment longer.
        let until = Instant::now() + Duration::from_secs(5);
        while std::net::TcpListener::bind(self.address).is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let secure = self.secure.as_ref();
        self.process = serve(
            self.address,
            secure,
            self.algorithm,
            &self.password,
            &self.folder,
        );
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until it registers (`REGISTERED user`) or releases (`RELEASED user`) somebody.
    pub fn wait_for(&self, text: &str, longest: Duration) -> Instant {
        self.process.wait_for(text, longest)
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(
    address: SocketAddr,
    secure: Option<&(SocketAddr, (PathBuf, PathBuf))>,
    algorithm: &str,
    password: &str,
    folder: &Folder,
) -> Process {
    let (listen, load) = secure.map(tls_lines).unwrap_or_default();
    let template = std::fs::read_to_string(in_repository("tests/data/kamailio.cfg")).unwrap();
    let text = template
        .replace("@LISTEN_TLS@", &listen)
        .replace("@LOAD_TLS@", &load)
        .replace("@ADDRESS@", &address.to_string())
        .replace("@ALGORITHM@", algorithm)
        .replace("@PASSWORD@", password);
    let file = folder.write("kamailio.cfg", text);
    let runtime = folder.path().to_owned();
    let process = Process::spawn("kamailio", |command| {
        command
            .process_group(0)
            .arg("-f")
            .arg(file)
            .args([
                "-DD", "-E", "-m", "32", "-M", "8", "-n", "2", "-N", "1", "-Y",
            ])
            .arg(runtime);
    });
    let until = Instant::now() + Duration::from_secs(10);
    let mut probe = Phone::new(address);
    while probe.options(Duration::from_millis(200)).is_none() {
        assert!(
            Instant::now() < until,
            "kamailio is silent:\n{}",
            process.log()
        );
    }
    process
}

/// What its configuration says about TLS, before the modules and among them.
fn tls_lines((at, (cert, key)): &(SocketAddr, (PathBuf, PathBuf))) -> (String, String) {
    let (cert, key) = (cert.display(), key.display());
    (
        format!("enable_tls=yes\nlisten=tls:{at}"),
        format!(
            "loadmodule \"tls.so\"\nmodparam(\"tls\", \"certificate\", \"{cert}\")\n\
             modparam(\"tls\", \"private_key\", \"{key}\")\n\
             modparam(\"tls\", \"tls_method\", \"TLSv1.2+\")"
        ),
    )
}
