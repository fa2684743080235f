//! What do the datagrams of a media stream say? (RFC 3550, RFC 4733)
//!
//! ```text
//!  datagram ─► Packet::parse ─► Unwrap (16 and 32 bits to 64) ─► Source (loss, jitter)
//!                                      └─► Reorder (waits for what is missing) ─► media
//!                                      └─► EventRx (keys)
//! ```
//!
//! Where a call is protected, `Srtp` stands before the datagram. What is paged to a group may come
//! in another form, which `polycom` makes RTP of.

mod event;
mod packet;
pub mod polycom;
mod reorder;
mod rtcp;
mod sequence;
mod source;
mod srtp;

pub use event::{Event, EventPacket, EventRx, EventTx, Key};
pub use packet::{Header, Malformed, Packet, is_rtcp};
pub use reorder::{Insert, Reorder, Waiting};
pub use rtcp::{NtpTime, Report, ReportBlock, Rtcp, Sent, compose_bye, compose_report};
pub use sequence::Unwrap;
pub use source::{Arrival, Source};
pub use srtp::{Srtp, Unusable};
