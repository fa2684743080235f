//! What do we bring to an agreement, and what comes out of it?

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::base::{Encoding, OpusWish, SrtpKeyring, SrtpKeys};

/// Our side of a session: where we receive and what we speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub address: IpAddr,
    /// The RTP port; RTCP is the next one.
    pub port: u16,
    /// The one we like best first; never empty.
    pub encodings: Vec<Encoding>,
    /// Milliseconds of audio in a packet of ours when the peer has no wish.
    pub ptime_ms: u32,
    /// The session id in `o=`, the same for the whole call.
    pub session: u64,
    /// The version in `o=`, one more for each description that differs from the last.
    pub version: u64,
    /// Whether the sound is protected.
    pub srtp: Srtp,
}

/// Whether a stream is protected by SRTP with keys in the description (RFC 4568).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Srtp {
    /// Never.
    Off,
    /// If the peer can (RFC 8643); with the keys of ours for this session.
    Optional(SrtpKeyring),
    /// Always; who cannot is refused.
    Required(SrtpKeyring),
}

impl Srtp {
    /// Our keys, unless it is off.
    pub(super) fn keyring(&self) -> Option<&SrtpKeyring> {
        match self {
            Self::Off => None,
            Self::Optional(ring) | Self::Required(ring) => Some(ring),
        }
    }

    pub(super) fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }
}

/// The audio stream that both sides now mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where the peer wants our RTP; `None` while it wants none or gave a name instead of an
    /// address.
    pub remote: Option<SocketAddr>,
    pub encoding: Encoding,
    /// The payload type in the packets that we receive.
    pub payload_type: u8,
    /// The payload type in the packets that we send.
    pub tx_payload_type: u8,
    /// The payload type of telephone-event (RFC 4733) in what we receive.
    pub event_payload_type: Option<u8>,
    /// The payload type of telephone-event in what we send.
    pub tx_event_payload_type: Option<u8>,
    /// Ticks a second by which telephone-event is timed; not always those of the audio.
    pub event_clock_rate: u32,
    /// Milliseconds of audio in the packets that we send, 10 to 60.
    pub ptime_ms: u32,
    /// What the peer asks of the Opus that we send.
    pub opus: OpusWish,
    /// As seen from us: `SendOnly` means that the peer only listens.
    pub direction: Direction,
    /// The keys of both sides if the stream is protected.
    pub srtp: Option<SrtpKeys>,
}

/// Which way a stream flows, seen from the side that says it (RFC 8866 section 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same flow seen from the other side.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }

    /// Whether the side that says it sends audio.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the side that says it wants to receive audio.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|d| d.name().eq_ignore_ascii_case(name))
    }

    /// What is left when the side that says it can no longer send.
    pub(super) fn without_sending(self) -> Self {
        if self.receives() {
            Self::RecvOnly
        } else {
            Self::Inactive
        }
    }
}

/// Why there is no agreement; the call is refused with `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The text is no session description; says what is wrong with it.
    Malformed(String),
    /// No audio stream, or only streams that are switched off.
    NoAudio,
    /// Audio streams, but none with an encoding that we speak.
    NoCommonCodec,
    /// Audio streams, but only over transports that we do not speak or may not.
    UnsupportedTransport,
    /// Audio streams, but none that is protected, and that is required.
    NotProtected,
    /// Protected audio streams, but none with a cipher suite that we have.
    NoCommonCipher,
}

impl Refusal {
    /// The SIP status that says so: 400 or 488 (RFC 3261 section 21.4.26).
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NoAudio
            | Self::NoCommonCodec
            | Self::UnsupportedTransport
            | Self::NotProtected
            | Self::NoCommonCipher => 488,
        }
    }

    /// The value of the Warning header that explains it (RFC 3261 section 20.43); `agent` is our
    /// host name or address.
    pub fn warning(&self, agent: &str) -> String {
        let code = match self {
            Self::Malformed(_) => 399,
            Self::NoAudio => 304,
            Self::NoCommonCodec => 305,
            Self::UnsupportedTransport | Self::NotProtected => 302,
            Self::NoCommonCipher => 306,
        };
        let text: String = self
            .to_string()
            .chars()
            .filter(|c| !c.is_control() && !matches!(c, '"' | '\\'))
            .collect();
        format!("{code} {agent} \"{text}\"")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed session description: {why}"),
            Self::NoAudio => f.write_str("no audio stream offered"),
            Self::NoCommonCodec => f.write_str("no common audio codec"),
            Self::UnsupportedTransport => f.write_str("audio only over an unsupported transport"),
            Self::NotProtected => f.write_str("SRTP is required here, but not offered"),
            Self::NoCommonCipher => f.write_str("no common SRTP cipher suite"),
        }
    }
}

impl std::error::Error for Refusal {}
