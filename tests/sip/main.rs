//! Does the SIP side hold up against real peers?
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod calls;
mod guarding;
mod kamailio;
mod oddities;
mod parts;
mod registrar;
mod registration;
mod sipp;
mod tracing;
mod users;
