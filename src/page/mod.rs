//! Who is heard where, and when? Announcements compete for zones here; nothing else is known.

mod announcement;
mod extension;
mod machine;
mod plan;
#[cfg(test)]
mod tests;

pub use announcement::{Ask, Busy, Klaxon, PageId};
pub use extension::{Extension, NotAnExtension};
pub use machine::{Event, Machine, Output};
pub use plan::{Choice, Entry, Overlap, Wish, choose};
