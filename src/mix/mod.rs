//! The mixer: the engine lives in the sound callback, the console is its handle outside.
//!
//! ```text
//!  control ─► Console ══commands, boxed things══► Engine ◄─► Ports (the clock's music in, sound out)
//!             Console ◄══what is finished═══════ Engine
//!             Console ◄──────── Vitals (atomics) ── Engine
//! ```
//!
//! Whatever the engine works with is made by the console, sent in boxed and sent back to be
//! dropped, so that the callback neither allocates nor frees. The signal path is drawn in
//! `engine.rs`.

mod buses;
mod engine;
mod howls;
mod outlet;
mod pickup;
mod picture;
mod place;
mod play;
mod routing;
mod schedule;
mod tap;
mod treatment;
mod tune;
mod voice;
mod zone;

mod command;
mod console;
mod ears;
mod routes;
mod sounds;
mod tuning;
mod vitals;

#[cfg(test)]
mod tests;

pub use command::{Event, VoiceReport};
pub use console::{Console, Refusal};
pub use ears::{Ears, Listening, Loudness};
pub use engine::{Engine, EngineSettings, MAX_BLOCK, Ports, engine};
pub use pickup::Spot;
pub use routes::{Link, Route, Routes};
pub use tap::{Tap, TapMusic};
pub use treatment::Treatment;
pub use tuning::Tuning;
pub use vitals::Vitals;
pub use zone::Fitting;
