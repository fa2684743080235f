//! How do home automation and other programs see and control the daemon, over MQTT?
//!
//! ```text
//!  broker ◄── wire ◄── Board: what is there and should be ◄── picture, discovery ◄── Site, Music
//!    │         ▲                                                                        ▲
//!    │       Clerk, the only loop ◄── News ── daemon                                    │ Look
//!    └► wire ──┴─► carrier ─► wish ── Ask ──► daemon::service ─► control                │
//!                     ▲                            └── Answer ──────────────────────────┘
//!                     └────────────────────────────────┘
//! ```
//!
//! Nothing is decided here: a command becomes the same question as a request over HTTP, asked as
//! the one user that the configuration names, and gets the same answer. A thread of its own runs it
//! all, and every queue is bounded: a broker that stalls holds up neither calls nor sound. What is
//! published under which topic, and what a message means, is pure; `wire` alone knows the crate.

mod board;
mod discovery;
mod picture;
mod settings;
mod topics;
mod wish;

mod carrier;
mod clerk;
mod client;
mod counts;
mod tls;
mod why;
mod wire;

pub use client::{Client, State};
pub use settings::Settings;
