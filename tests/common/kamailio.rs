//! How does a test get a registrar and proxy with digest?

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::folder::{Folder, in_repository};
use super::phone::Phone;
use super::ports::free_address;
use super::process::Process;

/// Kamailio that registers anyone who knows the password, and relays calls to who is registered.
pub struct Kamailio {
    pub address: SocketAddr,
    algorithm: &'static str,
    password: String,
    process: Process,
    folder: Folder,
}

impl Kamailio {
    /// `algorithm` is `MD5` or `SHA-256`; every user has the same `password`.
    pub fn start(algorithm: &'static str, password: &str) -> Self {
        let (address, folder) = (free_address(), Folder::new("kamailio"));
        let process = serve(address, algorithm, password, &folder);
        Self {
            address,
            algorithm,
            password: password.into(),
            process,
            folder,
        }
    }

    /// Stops it at once, as a power cut would.
    pub fn kill(&mut self) {
        // The first process forks the others; they end with it on SIGTERM only.
        if !self.process.is_running() {
            return;
        }
        self.process.signal("TERM");
        if self.process.wait(Duration::from_secs(5)).is_none() {
            self.process.kill();
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
        self.process = serve(self.address, self.algorithm, &self.password, &self.folder);
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

fn serve(address: SocketAddr, algorithm: &str, password: &str, folder: &Folder) -> Process {
    let template = std::fs::read_to_string(in_repository("tests/data/kamailio.cfg")).unwrap();
    let text = template
        .replace("@ADDRESS@", &address.to_string())
        .replace("@ALGORITHM@", algorithm)
        .replace("@PASSWORD@", password);
    let file = folder.write("kamailio.cfg", text);
    let runtime = folder.path().to_owned();
    let process = Process::spawn("kamailio", |command| {
        command
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
