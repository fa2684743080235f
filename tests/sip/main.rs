//! Does the SIP side hold up against real peers?
#![allow(clippy::unwrap_used)]

mod calls;
mod oddities;
mod parts;
mod registration;
