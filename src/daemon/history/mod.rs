//! How does what happens get into the history, and before the eyes of people?

mod listing;
mod moment;

pub(super) use listing::list;
pub use moment::Moment;
