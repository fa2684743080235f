//! How does music get from disks and stations into the engine's rings?
//!
//! ```text
//!  folder, playlist ─► list ─► Order ─► Piece (decode) ─┐
//!  station ─► radio (HTTP, ICY, its own thread) ────────┴► Stage (level, resample, join)
//!                        fallback: the same once more            │
//!  Player, one thread a source, keeps two seconds ahead ◄────────┘ ══ base::stereo ══► mix
//! ```
//!
//! Only the sound card decides how fast music goes: the ring is filled when there is room.

mod book;
mod chase;
mod icy;
mod list;
mod player;
mod program;
mod radio;
mod shoutcast;
mod stage;

#[cfg(test)]
mod tests;

pub use book::Book;
pub use player::{Event, From, Player, Settings};
