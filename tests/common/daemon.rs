//! How does a test run the daemon as systemd would?

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::jackd::Jackd;
use super::notify::Notify;
use super::phone::Phone;
use super::ports::{free_address, free_block};
use super::process::Process;

/// Long enough for a loaded machine; the real figure has a test of its own.
pub const READY: Duration = Duration::from_secs(20);

/// The built binary with a configuration of its own.
pub struct Daemon {
    pub process: Process,
    pub notify: Notify,
    /// Where it listens for SIP, UDP and TCP.
    pub sip: SocketAddr,
    pub folder: Folder,
}

/// What to start it with, section by section; lines as they stand in the file.
#[derive(Clone, Default)]
pub struct Conf {
    pub sip: String,
    pub audio: String,
    pub calls: String,
    /// Whole further sections.
    pub more: String,
}

impl Conf {
    /// No sound hardware: the engine runs on a timer.
    pub fn timer() -> Self {
        Self {
            audio: "backend = timer\n".into(),
            ..Self::default()
        }
    }

    /// Sound through `jackd`, music from the legacy default client name.
    pub fn jack(jackd: &Jackd) -> Self {
        let audio = format!(
            // Without the pattern, the recorder's inputs would be speakers too.
            "backend = jack\njack-server-name = {}\njack-client-name = paging\n\
             jack-autostart = no\njack-output-ports = ^system:playback_\n",
            jackd.name
        );
        Self {
            audio,
            ..Self::default()
        }
    }

    pub fn sip(mut self, lines: &str) -> Self {
        self.sip += &format!("{lines}\n");
        self
    }

    pub fn audio(mut self, lines: &str) -> Self {
        self.audio += &format!("{lines}\n");
        self
    }

    pub fn calls(mut self, lines: &str) -> Self {
        self.calls += &format!("{lines}\n");
        self
    }

    pub fn more(mut self, lines: &str) -> Self {
        self.more += &format!("{lines}\n");
        self
    }

    /// As a file, listening at `sip` with the RTP ports from `rtp` on.
    pub fn text(&self, sip: SocketAddr, rtp: u16) -> String {
        // Daemons side by side would want the same port.
        let http = match self.more.contains("[http]") {
            true => "",
            false => "[http]\nlisten =\n",
        };
        format!(
            "[sip]\nlisten = udp:{sip} tcp:{sip}\nrtp-ports = {rtp}-{}\n{}\n\
             [audio]\n{}\n[calls]\n{}\n{http}[server]\ndebug = no\n{}\n",
            rtp + N_RTP_PORTS - 1,
            self.sip,
            self.audio,
            self.calls,
            self.more
        )
    }
}

const N_RTP_PORTS: u16 = 300;

impl Daemon {
    /// Starts it and waits until it says that it is ready.
    pub fn start(conf: &Conf) -> Self {
        let mut daemon = Self::spawn(conf);
        daemon.wait_ready();
        daemon
    }

    /// Starts it and does not wait.
    pub fn spawn(conf: &Conf) -> Self {
        Self::spawn_at(conf, free_address())
    }

    pub fn spawn_at(conf: &Conf, sip: SocketAddr) -> Self {
        Self::spawn_under(&[], conf, sip)
    }

    /// As the end of a command line that goes over into it, such as one of `unshare`.
    pub fn spawn_under(before: &[&str], conf: &Conf, sip: SocketAddr) -> Self {
        let folder = Folder::new("daemon");
        let file = folder.write("test.conf", conf.text(sip, free_block(N_RTP_PORTS)));
        let notify = Notify::open();
        let words = [before, &[env!("CARGO_BIN_EXE_paging")]].concat();
        let process = Process::spawn(words[0], |command| {
            command
                .current_dir(folder.path())
                .args(&words[1..])
                .arg(&file)
                .env("NOTIFY_SOCKET", &notify.path)
                .env("STATE_DIRECTORY", folder.path())
                .env_remove("RUST_LOG");
        });
        Self {
            process,
            notify,
            sip,
            folder,
        }
    }

    pub fn wait_ready(&mut self) -> Instant {
        let until = Instant::now() + READY;
        while Instant::now() < until && self.process.is_running() {
            let soon = Duration::from_millis(200);
            if let Some(at) = self.notify.wait_for("READY=1", past(), soon) {
                return at;
            }
        }
        panic!("the daemon did not become ready:\n{}", self.process.log());
    }

    /// Rewrites the configuration file; `reload` makes the daemon read it.
    pub fn write_conf(&self, conf: &Conf) {
        // The port range may not change while calls run; take it from the file that is there.
        let file = self.folder.join("test.conf");
        let old = std::fs::read_to_string(&file).unwrap();
        let line = old.lines().find(|l| l.starts_with("rtp-ports")).unwrap();
        let first = line.split(['=', '-']).nth(2).unwrap().trim();
        std::fs::write(file, conf.text(self.sip, first.parse().unwrap())).unwrap();
    }

    pub fn reload(&self) {
        self.process.signal("HUP");
    }

    /// Ends it with SIGTERM; returns its exit code and how long that took.
    pub fn stop(&mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.process.signal("TERM");
        let status = self.process.wait(Duration::from_secs(10));
        let status = status.expect("the daemon does not end");
        (status.code(), asked.elapsed())
    }

    /// Resident memory of its own (not shared), in kilobytes.
    pub fn own_memory_kb(&self) -> u64 {
        self.memory_kb("Private_")
    }

    /// Heap, stacks and what else is no file, in kilobytes: without the pages of the program
    /// itself, which come with the first use of each function and which the kernel may drop.
    pub fn anonymous_memory_kb(&self) -> u64 {
        self.memory_kb("Anonymous:")
    }

    fn memory_kb(&self, kind: &str) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.process.pid());
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| line.starts_with(kind));
        let size = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
        lines.map(|line| size(line).unwrap()).sum()
    }

    /// Processor time used so far, all threads.
    pub fn cpu_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.process.pid());
        let text = std::fs::read_to_string(path).unwrap();
        // The name in brackets may hold anything; user and system time are fields 14 and 15.
        let fields: Vec<&str> = text
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // Linux reports in hundredths of a second.
        Duration::from_millis(10 * ticks)
    }

    pub fn phone(&self) -> Phone {
        Phone::new(self.sip)
    }
}

/// Runs the binary with `arguments` to its end; returns the exit code and all that it printed.
pub fn run(folder: &Folder, arguments: &[&str], longest: Duration) -> (Option<i32>, String) {
    run_with(folder, arguments, longest, &[])
}

/// `run`, with more in its environment, such as `jackd::client_environment`.
pub fn run_with(
    folder: &Folder,
    arguments: &[&str],
    longest: Duration,
    environment: &[(&'static str, String)],
) -> (Option<i32>, String) {
    let mut process = Process::spawn(env!("CARGO_BIN_EXE_paging"), |command| {
        command.current_dir(folder.path()).args(arguments);
        command.env_remove("NOTIFY_SOCKET").env_remove("RUST_LOG");
        command.envs(environment.iter().cloned());
    });
    process.close_stdin();
    let status = process.wait(longest);
    // What is still in the pipes arrives within a moment of the end.
    std::thread::sleep(Duration::from_millis(100));
    let log = process.log();
    match status {
        Some(status) => (status.code(), log),
        None => panic!("paging {arguments:?} did not end within {longest:?}:\n{log}"),
    }
}

/// A moment before any test began.
fn past() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(3_600)).unwrap_or(now)
}
