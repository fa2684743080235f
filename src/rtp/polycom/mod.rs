//! How do Polycom's telephones page a group? (Engineering Advisory 70568; Spectralink CS-12-30)
//!
//! ```text
//!  31 alerts, one each 30 ms ─► audio, a packet each 20 ms ─► 50 ms of nothing ─► 12 ends, each 30 ms
//! ```
//!
//! Each audio packet but the first repeats the frame of the packet before it, so that one that is
//! lost is not missed.

mod hearing;
mod packet;

pub use hearing::Hearing;
pub use packet::{Audio, CALLER_LEN, NotPolycom, Packet, Sign};
