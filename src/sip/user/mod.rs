//! How do phones register with us and prove who they are?

pub(crate) mod challenge;
pub(crate) mod enrolling;
pub(crate) mod registrar;
