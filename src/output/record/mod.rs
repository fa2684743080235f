//! How does sound get into files that outlive a power cut and never fill the disk?
//!
//! ```text
//!  mix::Pickup ══TrackRx══► Worker: body (wav, flac, opus) ─► Writing ─► DAY/TIME-PAGE-CALLER.wav
//!                             │  each half second on the disk        (.part until it is whole)
//!                             ├─ Room: no recording below the reserve
//!                             └─ Keeper: deletes the oldest, a thread of its own
//! ```
//!
//! All of it is off the audio path: the sound callback fills a ring, and what finds no room there
//! is silence in the file.

mod body;
mod keep;
mod mend;
mod name;
mod order;
mod recorder;
mod room;
mod shelf;
mod take;
mod worker;
mod writing;

pub use keep::Limits;
pub use name::Format;
pub use order::{Event, Order, Settings};
pub use recorder::Recorder;
pub use shelf::{Shelved, Wanted, find, remove, seconds, shelf};
