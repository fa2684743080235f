//! What does a sound file hold? Short sounds are decoded once, whole, into memory; music is
//! streamed.
//!
//! ```text
//!  klaxon.ogg ─► load (symphonia: probe, demux, decode) ─► base::Pcm ─► mix::Console
//!  folders, stations ─► music::Player (the same, packet by packet) ─► base::stereo ─► mix
//!  music.mp3 … ─► record ─► base::Tape ─► media::Broadcast
//! ```

mod error;
mod load;
pub mod music;
mod piece;
mod tape;

pub use error::Error;
pub use load::{LONGEST, MOST_BYTES, load};
pub use tape::{MOST_TAPE_BYTES, Shape, record};
