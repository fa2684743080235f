//! What is said about a call's sound when it ends, and while it lasts?

use std::time::Duration;

/// Counts and delays of what came from the peer; nothing here is ever reset during a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// RTP packets of the call's streams that were accepted, duplicates and late ones too.
    pub received: u64,
    /// Expected less received, as RFC 3550 A.3 counts it; never below 0.
    pub lost: u64,
    /// Packets that came when their sound had been replaced already, or was not needed any more.
    pub late: u64,
    pub duplicate: u64,
    /// Packets that came after one with a higher sequence number and were still in time.
    pub reordered: u64,
    /// Datagrams that are no RTP.
    pub malformed: u64,
    /// RTP packets of a payload type that was not agreed.
    pub unknown_payload: u64,
    /// Packets of a source that was not (yet) believed.
    pub stray: u64,
    /// RTCP packets that came to the RTP port.
    pub rtcp: u64,
    /// How often the source, its sequence or its timestamps started anew.
    pub restarts: u64,
    /// Frames of sound that went into the feed.
    pub frames: u64,
    /// Of these, made up because nothing had come.
    pub concealed: u64,
    /// Lost packets whose sound the next one brought along (Opus).
    pub restored: u64,
    /// Frames of noise that the peer asked for in place of its silence (RFC 3389).
    pub noise: u64,
    /// Frames added to or taken from the caller's sound to change the delay.
    pub stretched: u64,
    pub squeezed: u64,
    /// Frames thrown away because the sound card did not keep up.
    pub skipped: u64,
    /// From the arrival of the fastest packets to their sound leaving the feed.
    pub delay: Duration,
    pub delay_min: Duration,
    pub delay_max: Duration,
    /// Interarrival jitter (RFC 3550 A.8).
    pub jitter: Duration,
}
