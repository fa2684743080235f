//! Who is heard where, and when? Announcements compete for zones here; nothing else is known.

mod announcement;
mod ask;
mod event;
mod extension;
mod machine;
mod outcome;
mod plan;
mod queue;
mod share;
#[cfg(test)]
mod tests;

pub use announcement::Phase;
pub use ask::{Ask, Busy, Extent, Klaxon, Limit, PageId, Priority, Source, Warning};
pub use event::{Event, Output, Over, Tone};
pub use extension::{Extension, NotAnExtension};
pub use machine::Machine;
pub use outcome::{Hearing, Outcome};
pub use plan::{Choice, Entry, Overlap, Wish, choose};
