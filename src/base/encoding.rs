//! Which audio encodings do we speak, and what does RTP call them?

use crate::base::SampleRate;

/// An audio encoding as SDP and RTP name it (RFC 3551, RFC 7587).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    Pcmu,
    Pcma,
}

impl Encoding {
    pub const ALL: [Self; 2] = [Self::Pcmu, Self::Pcma];

    /// The encoding name in `a=rtpmap`, compared without case.
    pub fn rtp_name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// Ticks a second of the RTP timestamp; not always the rate of the audio.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// Frames a second of the decoded audio.
    pub fn audio_rate(self) -> SampleRate {
        match self {
            Self::Pcmu | Self::Pcma => SampleRate::HZ_8000,
        }
    }

    /// The payload type that RFC 3551 table 4 assigns.
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
        }
    }

    /// The name used in the configuration's `codecs` list, lower case.
    pub fn from_config_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|e| e.rtp_name().eq_ignore_ascii_case(name))
    }
}
