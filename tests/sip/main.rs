//! Does the SIP side hold up against real peers?
#![allow(clippy::unwrap_used)]

mod calls;
mod kamailio;
mod oddities;
mod parts;
mod registrar;
mod registration;
