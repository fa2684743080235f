//! Does the SIP side hold up against real peers?
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout
)]

mod calls;
mod caps;
mod cases;
mod changes;
mod early;
mod elsewhere;
mod finding;
mod guarding;
mod kamailio;
mod keys;
mod lossy;
mod nameserver;
mod networks;
mod oddities;
mod parts;
mod registrar;
mod registration;
mod scenarios;
mod scenarios_called;
mod sipp;
mod tls;
mod torture;
mod tracing;
mod users;
mod users_called;
mod voices;
mod weather;
