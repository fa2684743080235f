//! The bench on which the whole program is tested with real parts: what do tests share?
//!
//! ```text
//!  SIPp, baresip, Phone ── SIP, RTP ─► Daemon (the built binary) ── JACK ─► Jackd, dummy driver
//!          │                              ▲          ▲                          │
//!      Kamailio (registrar, proxy)     Notify     Music (a JACK client)     Recorder ─► checks
//!      Mosquitto (broker of MQTT)
//! ```
//!
//! Every part is a process of its own, started here, known by its pid, and killed on drop.
#![allow(dead_code, reason = "each test program uses its own part of the bench")]
#![allow(unreachable_pub, reason = "each test program is a crate of its own")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a failure needs"
)]
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the test")]

pub mod adapter;
pub mod baresip;
pub mod card;
pub mod certificates;
pub mod daemon;
pub mod folder;
pub mod http;
pub mod jack_client;
pub mod jackd;
pub mod kamailio;
pub mod keys;
pub mod linphone;
pub mod measure;
pub mod mosquitto;
pub mod notify;
pub mod ogg;
pub mod phone;
pub mod ports;
pub mod process;
pub mod program;
pub mod signal;
pub mod sipp;

use std::sync::{Mutex, MutexGuard};

/// Waits until no other test of this program needs the machine for itself. Tests that measure time
/// or sound hold it.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|failed| failed.into_inner())
}
