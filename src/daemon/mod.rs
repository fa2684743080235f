//! (being built)

pub mod args;
pub mod call;
pub mod phone;
mod talk;
pub mod tally;
pub mod wav;
