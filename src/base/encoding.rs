//! Which audio encodings do we speak, and what does RTP call them?

use crate::base::SampleRate;

/// An audio encoding as SDP and RTP name it (RFC 3551, RFC 7587).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    Opus,
    G722,
    Pcmu,
    Pcma,
    L16(L16),
}

/// Uncompressed 16-bit samples (RFC 3551 §4.5.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct L16 {
    pub rate: SampleRate,
    pub channels: Channels,
}

/// What a packet holds of each instant; we hear and speak the mean of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channels {
    Mono,
    Stereo,
}

impl Channels {
    /// Samples a frame.
    pub fn count(self) -> usize {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }
}

impl Encoding {
    /// All of them; those that sound best come first.
    pub const ALL: [Self; 14] = [
        Self::Opus,
        Self::G722,
        Self::Pcmu,
        Self::Pcma,
        l16(48_000, Channels::Mono),
        l16(44_100, Channels::Mono),
        l16(32_000, Channels::Mono),
        l16(16_000, Channels::Mono),
        l16(8_000, Channels::Mono),
        l16(48_000, Channels::Stereo),
        l16(44_100, Channels::Stereo),
        l16(32_000, Channels::Stereo),
        l16(16_000, Channels::Stereo),
        l16(8_000, Channels::Stereo),
    ];

    /// The encoding name in `a=rtpmap`, compared without case.
    pub fn rtp_name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "G722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::L16(_) => "L16",
        }
    }

    /// Ticks a second of the RTP timestamp; not always the rate of the audio: that of G.722 is
    /// half, by an old mistake that stands (RFC 3551 §4.5.2).
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
            Self::L16(l16) => l16.rate.hz(),
        }
    }

    /// Frames a second of the decoded audio.
    pub fn audio_rate(self) -> SampleRate {
        match self {
            Self::Pcmu | Self::Pcma => SampleRate::HZ_8000,
            Self::G722 => SampleRate::HZ_16000,
            Self::Opus => SampleRate::HZ_48000,
            Self::L16(l16) => l16.rate,
        }
    }

    /// The channels that `a=rtpmap` names: two for Opus, whatever it carries (RFC 7587 §7).
    pub fn rtp_channels(self) -> Channels {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => Channels::Mono,
            Self::Opus => Channels::Stereo,
            Self::L16(l16) => l16.channels,
        }
    }

    /// The payload type that RFC 3551 table 4 assigns.
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
            Self::L16(l16) => match (l16.rate.hz(), l16.channels) {
                (44_100, Channels::Stereo) => Some(10),
                (44_100, Channels::Mono) => Some(11),
                _ => None,
            },
        }
    }

    /// Whether we name it when we speak first. Of L16 only what a telephone may have; the rest is
    /// for those who ask.
    pub fn is_offered(self) -> bool {
        match self {
            Self::Opus | Self::G722 | Self::Pcmu | Self::Pcma => true,
            Self::L16(l16) => {
                l16.channels == Channels::Mono && matches!(l16.rate.hz(), 16_000 | 44_100 | 48_000)
            }
        }
    }

    /// The milliseconds that a packet of ours may hold, up to the `wished`: Opus has few lengths
    /// (RFC 7587 §4.2), and L16 has to fit into an Ethernet frame.
    pub fn ptime_ms(self, wished: u32) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => wished,
            Self::Opus => [60, 40, 20]
                .into_iter()
                .find(|&ms| ms <= wished)
                .unwrap_or(10),
            Self::L16(l16) => {
                let bytes_per_ms = l16.rate.hz() * 2 * l16.channels.count() as u32 / 1_000;
                // Whole tens: 44,100 Hz has no whole frames in less.
                wished.min(MOST_BYTES / bytes_per_ms / 10 * 10).max(10)
            }
        }
    }

    /// The name used in the configuration's `codecs` list, lower case; L16 has one for all rates.
    pub fn config_name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "g722",
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
            Self::L16(_) => "l16",
        }
    }

    /// The encodings of that name, in our order of preference; empty if there are none.
    pub fn from_config_name(name: &str) -> Vec<Self> {
        let named = |e: &Self| e.config_name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().filter(named).collect()
    }
}

const fn l16(hz: u32, channels: Channels) -> Encoding {
    match SampleRate::new(hz) {
        Some(rate) => Encoding::L16(L16 { rate, channels }),
        None => panic!("a rate above zero"),
    }
}

/// The payload of an Ethernet frame, less the headers of IPv6, UDP, RTP and SRTP.
const MOST_BYTES: u32 = 1_400;

/// What a peer asks of the Opus that we send (RFC 7587 §6.1); the default is what one means that
/// says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpusWish {
    /// `maxaveragebitrate`, in bits a second.
    pub max_bitrate: Option<u32>,
    /// `maxplaybackrate`, in frames a second: it renders nothing that a higher rate would add.
    pub max_rate: Option<u32>,
    /// `useinbandfec`: it can restore a lost packet from the next.
    pub fec: bool,
    /// `cbr`: each packet shall be as long as the last.
    pub cbr: bool,
    /// `usedtx`: silence need not be sent.
    pub dtx: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_ours_fits_into_an_ethernet_frame_where_ten_milliseconds_do() {
        for encoding in Encoding::ALL {
            for wished in [10, 20, 30, 60] {
                let ms = encoding.ptime_ms(wished);
                assert!((10..=wished).contains(&ms), "{encoding:?} {wished}: {ms}");
                let Encoding::L16(l16) = encoding else {
                    continue;
                };
                let bytes = l16.rate.hz() / 1_000 * ms * 2 * l16.channels.count() as u32;
                assert!(
                    bytes <= MOST_BYTES || ms == 10,
                    "{encoding:?} {wished}: {bytes}"
                );
            }
        }
        assert_eq!(Encoding::Opus.ptime_ms(30), 20);
        assert_eq!(Encoding::Opus.ptime_ms(60), 60);
    }

    #[test]
    fn every_encoding_is_found_by_its_name() {
        for encoding in Encoding::ALL {
            assert!(Encoding::from_config_name(encoding.config_name()).contains(&encoding));
        }
        assert_eq!(Encoding::from_config_name("L16").len(), 10);
        assert!(Encoding::from_config_name("g729").is_empty());
    }
}
