//! How does what happens get into the history, and before the eyes of people?
//!
//! ```text
//!  control::Note ─► entries ─► Chronicle ─► store::History ─► events, once it is on the disk
//!  paging history ─► listing ◄─ moment          └─► store::Archive
//! ```

mod entries;
mod keeping;
mod listing;
mod moment;

pub(super) use entries::BELL;
pub(super) use keeping::Chronicle;
pub(super) use listing::{FILE, list};
pub(super) use moment::Moment;
