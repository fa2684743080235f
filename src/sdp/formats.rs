//! What does a peer mean by the payload types of a stream?

use sdp_types::Media;

use crate::base::Encoding;

/// The encoding name of DTMF digits in RTP (RFC 4733).
pub(super) const EVENT_NAME: &str = "telephone-event";

/// One payload type of an audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    name: String,
    /// Ticks a second; a missing one is taken to be right.
    clock_rate: Option<u32>,
    channels: u32,
}

/// The formats of the stream in the peer's order of preference.
pub(super) fn formats(media: &Media) -> Vec<Format> {
    media
        .fmt
        .split_whitespace()
        .filter_map(|word| word.parse().ok().filter(|&pt: &u8| pt < 128))
        .filter_map(|pt| mapped(media, pt).or_else(|| assigned(pt)))
        .collect()
}

impl Format {
    pub(super) fn is(&self, encoding: Encoding) -> bool {
        self.channels == 1
            && self.name.eq_ignore_ascii_case(encoding.rtp_name())
            && self.is_at(encoding.clock_rate())
    }

    /// Whether it carries DTMF beside `encoding`; both must tick alike (RFC 4733 section 2.1).
    pub(super) fn is_event_beside(&self, encoding: Encoding) -> bool {
        self.name.eq_ignore_ascii_case(EVENT_NAME) && self.is_at(encoding.clock_rate())
    }

    fn is_at(&self, clock_rate: u32) -> bool {
        self.clock_rate.is_none_or(|rate| rate == clock_rate)
    }
}

/// What `a=rtpmap:<pt> <name>/<clock>[/<channels>]` says of this payload type.
fn mapped(media: &Media, payload_type: u8) -> Option<Format> {
    media
        .attributes
        .iter()
        .filter(|a| a.attribute.trim().eq_ignore_ascii_case("rtpmap"))
        .filter_map(|a| a.value.as_deref())
        .find_map(|value| {
            let (pt, map) = value.trim().split_once(char::is_whitespace)?;
            (pt.parse() == Ok(payload_type)).then(|| read_map(payload_type, map))
        })
}

fn read_map(payload_type: u8, map: &str) -> Format {
    let mut parts = map.split('/').map(str::trim);
    Format {
        payload_type,
        name: parts.next().unwrap_or_default().to_owned(),
        clock_rate: parts.next().and_then(|rate| rate.parse().ok()),
        channels: parts.next().map_or(1, |n| n.parse().unwrap_or(1)),
    }
}

/// What RFC 3551 table 4 assigns; a map is optional for these.
fn assigned(payload_type: u8) -> Option<Format> {
    Encoding::ALL
        .into_iter()
        .find(|e| e.static_payload_type() == Some(payload_type))
        .map(|e| Format {
            payload_type,
            name: e.rtp_name().to_owned(),
            clock_rate: Some(e.clock_rate()),
            channels: 1,
        })
}
