//! How do the parts become one program?
//!
//! ```text
//!  main ─► args ─► look and exit (dump, check, lists, history) · call · demo
//!               └► run: config ─► logging, reports ─► service ─► until a signal
//! ```

pub mod args;
pub mod call;

mod bells;
mod by_hand;
mod chance;
mod cues;
mod desks;
mod dictation;
mod door;
mod exit;
mod groups;
mod history;
mod http;
mod jukebox;
mod keeper;
mod klaxon;
mod library;
mod lines;
mod lives;
mod log_file;
mod logging;
mod memory;
mod mqtt;
mod notify;
mod players;
mod reports;
mod selftest;
mod settings;
mod speech;
mod token;
mod trial;
mod uploads;
mod words;
mod zones;

mod fetch;
mod legs;
mod listeners;
mod service;
mod wav;

mod demo;
mod look;
mod run;
mod support;

use std::process::ExitCode;

use args::{Args, Task};
use clap::Parser;

/// The whole program; the code to exit with is 0, 1 (failure) or 2 (wrong use).
pub fn main() -> ExitCode {
    let args = Args::parse();
    // Two crates bring TLS; without one provider chosen here they would refuse to choose.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a TLS provider was already installed");
    }
    match args.task() {
        Task::DumpConfDefaults => look::dump_defaults(),
        Task::DumpConf => look::dump(&args),
        Task::Check => look::check(&args),
        Task::DumpDevices => look::devices(),
        Task::DumpConfPorts => look::conference_ports(),
        Task::DumpJackPorts => look::jack_ports(&args),
        Task::TestAudioFile(path) => look::test_audio_file(&args, path),
        Task::Call(asked) => call::main(asked, &args),
        Task::Demo(asked) => demo::main(asked),
        Task::Bells(asked) => bells::list(asked, &args),
        Task::History(asked) => history::list(asked, &args),
        Task::Token(asked) => token::print(&asked.name),
        Task::Support(asked) => support::main(asked, &args),
        Task::Run => run::run(&args),
    }
}
