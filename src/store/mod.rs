//! What happened, when, and who was there?
//!
//! ```text
//!  daemon ── add(Entry) ──► queue ──► thread "history", the only writer ──► history.sqlite (WAL)
//!         ◄── State: working or failing, and how much was lost                    │
//!                                                                 events ◄── Kept ─┤
//!  paging history, /v1/history ────────────────── Archive::find ◄──────────────────┘
//! ```
//!
//! Whoever adds never waits for the disk. What cannot be written now is kept and tried again; what
//! does not fit any more is counted, and told. Each lot of entries is on the disk before the next
//! is taken (`synchronous=FULL`), so neither a crash nor a power cut loses more than the moment.

mod archive;
mod book;
mod csv;
mod entry;
mod error;
mod query;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

pub use archive::Archive;
pub use csv::Csv;
pub use entry::{Entry, Kept, Kind};
pub use error::Error;
pub use query::Query;
pub use writer::{History, State};
