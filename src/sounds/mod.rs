//! What does a sound file hold? Files are decoded once, whole, into memory.
//!
//! ```text
//!  klaxon.ogg ─► load (symphonia: probe, demux, decode) ─► base::Pcm ─► mix::Console
//! ```

mod error;
mod load;

pub use error::Error;
pub use load::{LONGEST, MOST_BYTES, load};
