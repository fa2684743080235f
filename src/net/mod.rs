//! Sockets and the thread that moves sound between them and the calls.

mod latch;
mod ports;

pub use ports::{PortPair, PortPairs};
