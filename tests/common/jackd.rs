//! How does a test get a JACK server of its own?

use std::fs::File;
use std::process::Command;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use super::process::Process;
use super::turn;

/// A JACK server with the dummy driver (two ports each way, unless it is wide) under a name of its own. Tests that
/// hold one run one after another, so that they do not steal each other's processor time.
pub struct Jackd {
    pub name: String,
    pub rate: u32,
    pub period: u32,
    /// Speakers.
    pub n_ports: usize,
    server: Process,
    _name: File,
    _turn: MutexGuard<'static, ()>,
}

impl Jackd {
    pub fn start(rate: u32, period: u32) -> Self {
        Self::wide(rate, period, 2)
    }

    /// With so many speakers.
    pub fn wide(rate: u32, period: u32, n_ports: usize) -> Self {
        let turn = turn();
        let (name, held) = free_name();
        let server = serve(&name, rate, period, n_ports);
        Self {
            name,
            rate,
            period,
            n_ports,
            server,
            _name: held,
            _turn: turn,
        }
    }

    /// `kill -9`: clients see their server vanish.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// A new server under the old name, after `kill`.
    pub fn restart(&mut self) {
        self.server.kill();
        self.server = serve(&self.name, self.rate, self.period, self.n_ports);
    }

    /// Names of all ports, each followed by its connections, as `jack_lsp -c` prints them.
    pub fn ports(&self) -> String {
        let mut command = Command::new("jack_lsp");
        let output = command
            .arg("-c")
            .envs(client_environment(&self.name))
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }

    /// What `port` is connected to.
    pub fn connections(&self, port: &str) -> Vec<String> {
        let ports = self.ports();
        let below = ports.lines().skip_while(|line| *line != port).skip(1);
        let indented = below.take_while(|line| line.starts_with(' '));
        indented.map(|line| line.trim().to_owned()).collect()
    }

    pub fn is_connected(&self, from: &str, to: &str) -> bool {
        self.connections(from).iter().any(|name| name == to)
    }

    /// Waits until a port whose name starts with `source` feeds `speaker`.
    pub fn wait_until_fed(&self, speaker: &str, source: &str, longest: Duration) {
        let until = Instant::now() + longest;
        while !self
            .connections(speaker)
            .iter()
            .any(|name| name.starts_with(source))
        {
            assert!(
                Instant::now() < until,
                "{source} does not feed {speaker} after {longest:?}:\n{}",
                self.ports()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes from `speaker` what is fed to it by ports whose names start with `source`.
    pub fn part(&self, speaker: &str, source: &str) {
        let fed = self.connections(speaker).into_iter();
        for port in fed.filter(|name| name.starts_with(source)) {
            let mut command = Command::new("jack_disconnect");
            command.args([port.as_str(), speaker]);
            let status = command.envs(client_environment(&self.name)).status();
            assert!(status.unwrap().success(), "{port} stays with {speaker}");
        }
    }

    pub fn wait_until_connected(&self, from: &str, to: &str, longest: Duration) {
        let until = Instant::now() + longest;
        while !self.is_connected(from, to) {
            assert!(
                Instant::now() < until,
                "{from} is not connected to {to} after {longest:?}:\n{}",
                self.ports()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        self.server.log()
    }

    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}

impl Drop for Jackd {
    /// Asked first, so that it clears its place in the table of servers.
    fn drop(&mut self) {
        if self.server.is_running() {
            self.server.signal("TERM");
            self.server.wait(Duration::from_secs(5));
        }
    }
}

/// A server name that nobody else uses while the file is open. There are few: a server that is
/// killed keeps one of the eight places in JACK's table until one of the same name comes.
fn free_name() -> (String, File) {
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        for number in 0..4 {
            let name = format!("paging-test-{number}");
            let path = std::env::temp_dir().join(format!("{name}.lock"));
            match File::create(path) {
                Ok(file) if file.try_lock().is_ok() => return (name, file),
                Ok(_) | Err(_) => {}
            }
        }
        assert!(Instant::now() < until, "all names of servers are in use");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a JACK client needs in its environment to find `server`.
pub fn client_environment(server: &str) -> [(&'static str, String); 2] {
    [
        ("JACK_DEFAULT_SERVER", server.to_owned()),
        ("JACK_NO_START_SERVER", "1".to_owned()),
    ]
}

fn serve(name: &str, rate: u32, period: u32, n_ports: usize) -> Process {
    // The table of servers in shared memory is small; others may hold its places for a moment.
    for _ in 0..20 {
        let mut server = Process::spawn("jackd", |command| {
            // Synchronous: a client that is late makes an xrun, but no hole in the recording.
            command.args(["-S", "-n", name, "-d", "dummy"]);
            command.args(["-r", &rate.to_string(), "-p", &period.to_string()]);
            command.args(["-P", &n_ports.to_string()]);
        });
        if answers(name, &mut server) {
            return server;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    panic!("jackd does not start");
}

fn answers(name: &str, server: &mut Process) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until && server.is_running() {
        let mut command = Command::new("jack_lsp");
        let output = command.envs(client_environment(name)).output().unwrap();
        if String::from_utf8_lossy(&output.stdout).contains("system:playback_1") {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    eprintln!("jackd printed:\n{}", server.log());
    false
}
