//! Who is let in, and how much of each is borne?

pub(crate) mod doors;
pub(crate) mod guard;
pub(crate) mod half_open;
pub(crate) mod limits;
pub(crate) mod sources;
