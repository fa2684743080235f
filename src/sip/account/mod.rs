//! How does an account stay registered with its exchange?

pub(crate) mod backoff;
pub(crate) mod pulse;
pub(crate) mod registering;
pub(crate) mod registrars;
pub(crate) mod staying;
