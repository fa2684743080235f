//! How does SIPp call the daemon, and what did it count?

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::folder::{Folder, in_repository};
use super::ports::free_block;
use super::process::Process;
use super::signal::ulaw;

/// One run of SIPp.
pub struct Sipp {
    process: Process,
    folder: Folder,
}

/// What SIPp counted over its whole run.
#[derive(Debug)]
pub struct Score {
    pub exit: Option<i32>,
    pub n_made: u64,
    pub n_succeeded: u64,
    pub n_failed: u64,
    pub n_retransmissions: u64,
}

impl Sipp {
    /// A scenario of `tests/sipp`, by file name, or one of SIPp's own as `-sn uac`. `arguments`
    /// follow as they are; files in `sounds` (8 kHz) lie beside the scenario as raw µ-law.
    pub fn start(
        scenario: &str,
        server: SocketAddr,
        arguments: &[&str],
        sounds: &[(&str, &[f32])],
    ) -> Self {
        let encoded = |sound: &[f32]| sound.iter().map(|&s| ulaw(s)).collect();
        let files: Vec<(&str, Vec<u8>)> = sounds
            .iter()
            .map(|(name, sound)| (*name, encoded(sound)))
            .collect();
        Self::start_with(scenario, server, arguments, &files)
    }

    /// As `start`, with these files beside the scenario.
    pub fn start_with(
        scenario: &str,
        server: SocketAddr,
        arguments: &[&str],
        files: &[(&str, Vec<u8>)],
    ) -> Self {
        let folder = Folder::new("sipp");
        for (name, bytes) in files {
            folder.write(name, bytes);
        }
        let scenario: Vec<String> = match scenario.strip_prefix("-sn ") {
            Some(own) => vec!["-sn".into(), own.into()],
            None => vec!["-sf".into(), copy_of(scenario, &folder)],
        };
        let port = free_block(1).to_string();
        let media = free_block(64).to_string();
        let process = Process::spawn("sipp", |command| {
            command
                .current_dir(folder.path())
                .arg(server.to_string())
                .args(scenario)
                .args([
                    "-i",
                    "127.0.0.1",
                    "-p",
                    &port,
                    "-mi",
                    "127.0.0.1",
                    "-mp",
                    &media,
                ])
                .args(["-nostdin", "-trace_stat", "-stf", "stat.csv", "-fd", "1"])
                .args(["-trace_err", "-error_file", "errors.log"])
                .args(arguments)
                .env("TERM", "dumb");
        });
        Self { process, folder }
    }

    /// Waits for the end of the run.
    pub fn finish(mut self, longest: Duration) -> Score {
        let status = self.process.wait(longest);
        let score = Score::read(&self.folder.join("stat.csv"), status.and_then(|s| s.code()));
        if score.n_failed > 0 || status.is_none() {
            let errors = std::fs::read_to_string(self.folder.join("errors.log"));
            let errors = errors.unwrap_or_default();
            eprintln!("SIPp says:\n{}", &errors[..errors.len().min(4_000)]);
        }
        score
    }
}

impl Score {
    /// The last line of SIPp's statistics file.
    fn read(path: &Path, exit: Option<i32>) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap_or("").split(';').collect();
        let values: Vec<&str> = lines.last().unwrap_or("").split(';').collect();
        let value = |name: &str| {
            let place = names.iter().position(|n| *n == name);
            let value = place.and_then(|at| values.get(at)?.parse().ok());
            value.unwrap_or_else(|| panic!("SIPp counted no {name}: {text}"))
        };
        Self {
            exit,
            n_made: value("TotalCallCreated"),
            n_succeeded: value("SuccessfulCall(C)"),
            n_failed: value("FailedCall(C)"),
            n_retransmissions: value("Retransmissions(C)"),
        }
    }
}

fn copy_of(scenario: &str, folder: &Folder) -> String {
    let text = std::fs::read(in_repository("tests/sipp").join(scenario)).unwrap();
    let path = folder.write(scenario, text);
    path.to_str().unwrap().to_owned()
}
