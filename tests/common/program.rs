//! How does a test hold a program that others could have written against the interface over HTTP?

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::folder::in_repository;
use super::process::Process;

/// One of `tests/clients`, by Python and its websockets.
pub struct Program {
    pub process: Process,
}

impl Program {
    /// Starts it towards that path of the daemon, and waits until it is connected.
    pub fn start(name: &str, at: SocketAddr, path: &str) -> Self {
        let file = in_repository("tests/clients").join(name);
        let process = Process::spawn("/usr/bin/python3", |command| {
            command.arg(&file).arg(format!("ws://{at}{path}"));
        });
        process.wait_for("connected", SOON);
        Self { process }
    }

    pub fn say(&mut self, line: &str) {
        self.process.say(line);
    }

    pub fn wait_for(&self, text: &str) {
        self.process.wait_for(text, SOON);
    }

    /// What follows `beginning` in the newest line that has it, once there are `n` such lines.
    pub fn told(&self, beginning: &str, n: usize) -> String {
        let until = Instant::now() + SOON;
        loop {
            let log = self.process.log();
            let rest = |line: &str| line.split_once(beginning).map(|it| it.1.to_owned());
            let all: Vec<String> = log.lines().filter_map(rest).collect();
            if let Some(last) = all.last().filter(|_| all.len() >= n) {
                return last.clone();
            }
            assert!(Instant::now() < until, "no {beginning}:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Generous: the machine may be loaded.
const SOON: Duration = Duration::from_secs(20);
