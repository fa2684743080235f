//! What does a peer mean by the payload types of a stream?

use sdp_types::Media;

use crate::base::{Encoding, OpusWish};

/// The encoding name of DTMF digits in RTP (RFC 4733).
pub(super) const EVENT_NAME: &str = "telephone-event";

/// RFC 3551 table 4.
pub(super) const COMFORT_NOISE: u8 = 13;

/// The keys that go with a stream, and how they are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) payload_type: u8,
    pub(super) clock_rate: u32,
}

/// The keys beside `encoding`. Both should tick alike (RFC 4733 section 2.1); phones that speak
/// Opus and time their keys by 8 kHz all the same are understood.
pub(super) fn events(formats: &[Format], encoding: Encoding) -> Option<Events> {
    let rates = [encoding.clock_rate(), TELEPHONE];
    rates.into_iter().find_map(|clock_rate| {
        let format = formats.iter().find(|f| f.is_event_at(clock_rate))?;
        Some(Events {
            payload_type: format.payload_type,
            clock_rate,
        })
    })
}

/// What the peer asks of the Opus that it receives under `payload_type`, if that is Opus.
pub(super) fn opus_wish(media: &Media, payload_type: u8) -> OpusWish {
    let mut wish = OpusWish::default();
    let parameters = parameters(media, payload_type).unwrap_or_default();
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match name.as_str() {
            "useinbandfec" => wish.fec = value == "1",
            "cbr" => wish.cbr = value == "1",
            "usedtx" => wish.dtx = value == "1",
            "maxplaybackrate" => wish.max_rate = value.parse().ok(),
            "maxaveragebitrate" => wish.max_bitrate = value.parse().ok(),
            _ => {}
        }
    }
    wish
}

/// What `a=fmtp:<pt> <parameters>` says of this payload type.
fn parameters(media: &Media, payload_type: u8) -> Option<&str> {
    values(media, "fmtp").find_map(|value| {
        let (pt, parameters) = value.trim().split_once(char::is_whitespace)?;
        (pt.parse() == Ok(payload_type)).then_some(parameters)
    })
}

fn values<'a>(media: &'a Media, name: &'static str) -> impl Iterator<Item = &'a str> {
    media
        .attributes
        .iter()
        .filter(move |a| a.attribute.trim().eq_ignore_ascii_case(name))
        .filter_map(|a| a.value.as_deref())
}

/// The clock of telephones.
pub(super) const TELEPHONE: u32 = 8_000;

/// One payload type of an audio stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    name: String,
    /// Ticks a second; a missing one is taken to be right.
    clock_rate: Option<u32>,
    channels: usize,
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
        self.channels == encoding.rtp_channels().count()
            && self.name.eq_ignore_ascii_case(encoding.rtp_name())
            && self.is_at(encoding.clock_rate())
    }

    /// Whether it carries keys that are timed by a clock of so many ticks a second.
    pub(super) fn is_event_at(&self, clock_rate: u32) -> bool {
        self.name.eq_ignore_ascii_case(EVENT_NAME) && self.is_at(clock_rate)
    }

    /// Whether it is comfort noise (RFC 3389), which for us is timed like a telephone.
    pub(super) fn is_comfort_noise(&self) -> bool {
        self.payload_type == COMFORT_NOISE
    }

    fn is_at(&self, clock_rate: u32) -> bool {
        self.clock_rate.is_none_or(|rate| rate == clock_rate)
    }
}

/// What `a=rtpmap:<pt> <name>/<clock>[/<channels>]` says of this payload type.
fn mapped(media: &Media, payload_type: u8) -> Option<Format> {
    values(media, "rtpmap").find_map(|value| {
        let (pt, map) = value.trim().split_once(char::is_whitespace)?;
        (pt.parse() == Ok(payload_type)).then(|| read_map(payload_type, map))
    })
}

fn read_map(payload_type: u8, map: &str) -> Format {
    let mut parts = map.split('/').map(str::trim);
    let mut format = Format {
        payload_type,
        name: parts.next().unwrap_or_default().to_owned(),
        clock_rate: parts.next().and_then(|rate| rate.parse().ok()),
        channels: parts.next().map_or(1, |n| n.parse().unwrap_or(1)),
    };
    // Some write Opus without its two channels.
    if format.name.eq_ignore_ascii_case(Encoding::Opus.rtp_name()) {
        format.channels = 2;
    }
    format
}

/// What RFC 3551 table 4 assigns; a map is optional for these.
fn assigned(payload_type: u8) -> Option<Format> {
    if payload_type == COMFORT_NOISE {
        return Some(Format {
            payload_type,
            name: "CN".to_owned(),
            clock_rate: Some(TELEPHONE),
            channels: 1,
        });
    }
    Encoding::ALL
        .into_iter()
        .find(|e| e.static_payload_type() == Some(payload_type))
        .map(|e| Format {
            payload_type,
            name: e.rtp_name().to_owned(),
            clock_rate: Some(e.clock_rate()),
            channels: e.rtp_channels().count(),
        })
}
