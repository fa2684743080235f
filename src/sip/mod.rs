//! The SIP side: listeners, registrations and calls, over rsipstack, which nothing else names.
//!
//! ```text
//!            wires (UDP) ─┐                                 ┌─ incoming ─► invited ─┐
//!  network ◄──►           ├─ ingress ─ intake ◄─► rsipstack ◄┤                      ├─► established
//!            stream (TCP)─┘                     transactions └─ dialling ───────────┘
//!                                                            └─ registering
//! ```
//!
//! | room | the question it answers |
//! |---|---|
//! | `wire` | how do bytes travel between us and a peer? |
//! | `entry` | which arriving bytes become a message that the stack may see? |
//! | `door` | who is let in, and how much of each is borne? |
//! | `incoming` | who gets a request that arrives? |
//! | `call` | what happens in a call, from its INVITE to its BYE? |
//! | `account` | how does an account stay registered with its exchange? |
//! | `finding` | which server is asked, and which one when that is silent? |
//! | `user` | how do phones register with us and prove who they are? |
//! | `sight` | what do we write down of the messages that pass? |
//! | `transact` | how is a request of ours brought to its final answer? |
//!
//! Of rsipstack the parser and the transactions are used. Dialogs, digest, registration and the
//! choice of addresses are our own: there it guesses where a PBX must not be guessed about.

mod address;
mod counts;
mod digest;
mod error;
mod event;
mod message;
mod settings;

mod account;
mod call;
mod door;
mod entry;
mod finding;
mod sight;
mod user;
mod wire;

mod endpoint;
mod hub;
mod incoming;
mod transact;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;

pub use call::plan::Wish;
pub use call::reason::Reason;
pub use call::session_timer::SessionTimer;
pub use entry::ingress;

pub use counts::Counts;
pub use door::guard::{Notice, Offence};
pub use endpoint::Endpoint;
pub use error::Error;
pub use event::{AccountState, Caller, Event, Here, HowEnded, Reach, UserState};
pub use settings::{Account, Callers, Caps, Listen, Presence, Secret, Settings, Timing};
pub use settings::{Transport, User};
pub use wire::tls::Tls;
