//! How is the engine wired into a JACK graph?
//!
//! ```text
//!  server's cycle ─► callback ─► Engine        notifications ─► flags ─► supervisor
//!                       ▲ ports, engine                                     │ relink
//!                       └───────────────────── rings ───────────────────────┘
//! ```
//! Notifications only raise flags: libjack must not be called from them, nor from the callback.

mod callback;
mod client;
mod ear;
mod graph;
mod open;

pub use callback::{Back, Callback, Remote, rig};
pub(crate) use client::{Closing, Jack};
pub use ear::Ear;
pub(crate) use graph::list;
pub use open::{Autostart, open};
