//! Does the whole program keep its promises of speed and memory on this machine?
//!
//! ```text
//!  SIPp, Phone ── SIP, RTP ─► Daemon (release build) ── JACK ─► Jackd, dummy driver, 256 frames
//!                             Baresip, IdleClient ─────────────┘   the same job by others
//! ```
//!
//! `scripts/measure`, or `cargo bench --bench whole`. With `--quick` each figure is taken once and
//! over a short span, and the wait for the memory to come back is left out; with words such as
//! `idle` only the figures whose name holds one of them. Ends with 1 when a limit is missed.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the report is what it is for"
)]
#![allow(unreachable_pub, reason = "a program of its own")]

mod api;
mod clear;
mod codecs;
#[path = "../../tests/common/mod.rs"]
mod common;
mod crowds;
mod drift;
mod figures;
mod history;
mod hold;
mod meter;
mod peers;
mod report;
mod voice;

use std::process::ExitCode;

use common::jack_client;
use figures::Effort;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|word| word == peers::IDLE_CLIENT) {
        peers::be_idle();
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|word| word == jack_client::PROCESS) {
        jack_client::be_client();
        return ExitCode::SUCCESS;
    }
    let effort = match arguments.iter().any(|word| word == "--quick") {
        true => Effort::Quick,
        false => Effort::Full,
    };
    figures::settle_files();
    // What takes long must be asked for by its word.
    let is_told_what = arguments.iter().any(|word| !word.starts_with("--"));
    let steps = if is_told_what {
        [&figures::ALL[..], &figures::LONG[..]].concat()
    } else {
        figures::ALL.to_vec()
    };
    report::run(&steps, &arguments, |take, report| take(effort, report))
}
