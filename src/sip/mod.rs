//! The SIP side: listeners, registrations and calls, over rsipstack, which nothing else names.
//!
//! ```text
//!            wires (UDP) ─┐                          ┌─ incoming ─► invited ─┐
//!  network ◄──►           ├─ ingress ◄─► rsipstack ◄─┤                       ├─► established
//!            stream (TCP)─┘              transactions└─ dialling ────────────┘
//!                                                    └─ registering
//! ```
//!
//! Of rsipstack the parser and the transactions are used. Dialogs, digest, registration and the
//! choice of addresses are our own: there it guesses where a PBX must not be guessed about.

pub mod ingress;

mod address;
mod backoff;
mod counts;
mod digest;
mod error;
mod event;
mod framing;
mod local;
mod settings;

mod dialog;
mod message;

mod acks;
mod flow;
mod hub;
mod inside;
mod stream;
mod tls;
mod transact;
mod wires;

mod asked;
mod dialling;
mod established;
mod incoming;
mod invited;
mod registering;

mod endpoint;

pub use counts::Counts;
pub use endpoint::Endpoint;
pub use error::Error;
pub use event::{AccountState, Caller, Event, HowEnded};
pub use settings::{Account, Listen, Secret, Settings, Timing, Transport};
pub use tls::Tls;
