//! Does the whole program bear what the worst day brings: floods of calls, of connections, of
//! registrations, and of garbage?
//!
//! ```text
//!  SIPp, UDP and TCP ─┐                                   ┌─ Recorder ─► is the voice unbroken?
//!  Callers over TLS ──┼─► Daemon (release build) ── JACK ─┤
//!  2,000 Phones ──────┤         ▲                         └─ Jackd, dummy driver
//!  one who talks ─────┘         └── Flood: garbage from invented addresses
//! ```
//!
//! `scripts/soak`, or `cargo bench --bench soak`. With `--short` every step takes seconds; with
//! words such as `flood` only the steps whose name holds one of them. Ends with 1 when a limit is
//! missed.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the report is what it is for"
)]
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the run")]
#![allow(unreachable_pub, reason = "a program of its own")]

#[path = "../../tests/common/mod.rs"]
mod common;
mod flood;
#[path = "../whole/meter.rs"]
mod meter;
mod phones;
#[path = "../whole/report.rs"]
mod report;
mod site;
mod steps;
mod tls;

use std::process::ExitCode;

use site::Site;
use steps::Span;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|word| word == common::jack_client::PROCESS)
    {
        common::jack_client::be_client();
        return ExitCode::SUCCESS;
    }
    let span = match arguments.iter().any(|word| word == "--short") {
        true => Span::Short,
        false => Span::Full,
    };
    let site = Site::start();
    report::run(&steps::ALL, &arguments, |take, report| {
        take(&site, span, report)
    })
}
