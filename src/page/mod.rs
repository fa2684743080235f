//! Who is heard where, and when? Announcements compete for zones here; nothing else is known.

mod announcement;
mod machine;
#[cfg(test)]
mod tests;

pub use announcement::{Ask, Busy, Klaxon, PageId};
pub use machine::{Event, Machine, Output};
