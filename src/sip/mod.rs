//! The SIP side: listeners, registrations and calls, over rsipstack, which nothing else names.
//!
//! ```text
//!            wires (UDP) ─┐                                 ┌─ incoming ─► invited ─┐
//!  network ◄──►           ├─ ingress ─ intake ◄─► rsipstack ◄┤                      ├─► established
//!            stream (TCP)─┘                     transactions └─ dialling ───────────┘
//!                                                            └─ registering
//! ```
//!
//! `doors` decides at every entry who is listened to; `trace` writes down what passes.
//!
//! Of rsipstack the parser and the transactions are used. Dialogs, digest, registration and the
//! choice of addresses are our own: there it guesses where a PBX must not be guessed about.

pub mod ingress;

mod address;
mod backoff;
mod challenge;
mod counts;
mod digest;
mod echo;
mod error;
mod event;
mod framing;
mod guard;
mod head;
mod judge;
mod keys;
mod limits;
mod local;
mod mark;
mod mask;
mod pcap;
mod peek;
mod pong;
mod pulse;
mod puzzled;
mod registrar;
mod servers;
mod settings;
mod sources;
mod spelling;

mod body;
mod dialog;
mod message;

mod acks;
mod datagram;
mod flow;
mod hub;
mod inside;
mod intake;
mod locating;
mod names;
mod stream;
mod tls;
mod trace;
mod transact;
mod ways;
mod wires;

mod asked;
mod auto_answer;
mod chorus;
mod dialling;
mod doors;
mod early;
mod enrolling;
mod established;
mod failover;
mod half_open;
mod incoming;
mod invited;
mod merged;
mod once;
mod plan;
mod pressing;
mod reason;
mod redirect;
mod registering;
mod registrars;
mod reliable;
mod renewing;
mod replaces;
mod session_timer;
mod staying;

mod endpoint;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;

pub use counts::Counts;
pub use endpoint::Endpoint;
pub use error::Error;
pub use event::{AccountState, Caller, Event, Here, HowEnded, UserState};
pub use guard::{Notice, Offence};
pub use plan::Wish;
pub use reason::Reason;
pub use session_timer::SessionTimer;
pub use settings::{Account, Callers, Caps, Listen, Presence, Secret, Settings, Timing};
pub use settings::{Transport, User};
pub use tls::Tls;
