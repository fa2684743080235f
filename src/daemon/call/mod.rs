//! `paging call`: a phone for tests, and a generator of load.
//!
//! ```text
//!  command ─► Phone ─┬─ sip::Endpoint ── events ─┐
//!  (the demo)        └─ net::Media ───── events ─┴─► Talk (one a call) ─► Outcome ─► Tally
//! ```

mod command;
pub(super) mod marks;
mod measure;
mod phone;
mod talk;
mod tally;

#[cfg(test)]
mod tests;

pub use command::{main, run};
pub use phone::{End, Moment, Outcome, Phone, PhoneSettings, Script, Step};
pub use tally::Tally;
