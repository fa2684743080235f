//! Sockets, and the thread that moves sound between them and the calls.
//!
//! ```text
//!  control ─ Command ─► Media ═► Run: poll ─► Running (one a call)
//!  control ◄── Event ──────────────┘             Inlet ─► Latch ─► media::Receiver ─► FeedTx
//!                                                Inlet ◄─ Outgoing ◄─ media::Sender
//!  control ─ Command ─► Hall, a thread of its own for those who only listen
//!  control ─ Command ─► Groups, a thread of its own for multicast
//!  control ◄─ Event ─ microphone, a thread of its own for each who speaks over a connection
//! ```

pub mod group;
mod hall;
mod idle;
mod media;
pub mod microphone;
mod notebook;
mod run;
mod running;
mod spoken;

mod batch;
mod due;
mod inlet;
mod latch;
mod listener;
mod loud;
mod outgoing;
mod ports;
mod priority;
mod reports;

#[cfg(test)]
mod tests;

pub use crate::media::Repeat;
pub use group::Groups;
pub use hall::{Flow, Hall, Hearing, Whereabouts};
pub use media::{Event, Leg, Media, Redirect, Rx, Tx};
pub use ports::{PortPair, PortPairs};
