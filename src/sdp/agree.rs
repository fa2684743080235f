//! How do two descriptions become one stream?

use sdp_types::{Attribute, Connection, Media, MediaType, Origin, Session, Time, TransportProto};

use crate::base::{Channels, Encoding};
use crate::sdp::crypto;
use crate::sdp::formats::{
    COMFORT_NOISE, EVENT_NAME, Events, Format, TELEPHONE, events, formats, opus_wish,
};
use crate::sdp::lenient::{self, Place};
use crate::sdp::{Agreed, Direction, Ours, Refusal, Srtp};

/// The payload type for telephone-event at 8 kHz in our offers; the one nearly every phone uses.
const EVENT_PAYLOAD_TYPE: u8 = 101;
/// The first dynamic payload type (RFC 3551 section 6).
const FIRST_DYNAMIC: u8 = 96;
/// Shorter packets are mostly header, longer ones lose too much at once.
const PTIME_MS: std::ops::RangeInclusive<u32> = 10..=60;

/// Answers an offer (RFC 3264 section 6): the best audio stream is kept, all others get port 0.
pub fn answer(offer: &str, ours: &Ours) -> Result<(String, Agreed), Refusal> {
    let theirs = lenient::parse(offer)?;
    let (kept, choice) = best_stream(&theirs, ours)?;
    let protection = choice.crypto.zip(ours.srtp.keyring());
    let protection = protection.map(|(line, ring)| crypto::taken(&line, ring));
    let agreed = agreed(&theirs, &theirs.medias[kept], ours, choice);

    let mut session = skeleton(ours);
    session.medias = theirs.medias.iter().map(refused).collect();
    let event = agreed.event_payload_type.map(|payload_type| Events {
        payload_type,
        clock_rate: agreed.event_clock_rate,
    });
    let described = Described {
        encodings: vec![(agreed.payload_type, agreed.encoding)],
        noise: takes_noise(&theirs.medias[kept], agreed.encoding),
        events: event.into_iter().collect(),
    };
    let mut attributes = described.attributes(agreed.ptime_ms, agreed.direction);
    attributes.extend(protection);
    session.medias[kept] = Media {
        port: ours.port,
        fmt: described.fmt(),
        attributes,
        ..refused(&theirs.medias[kept])
    };
    Ok((session.to_string(), agreed))
}

/// Offers one audio stream with all our encodings, both ways (RFC 3264 section 5).
pub fn offer(ours: &Ours) -> String {
    let offered = offered(ours);
    let proto = match ours.srtp {
        // A plain stream with keys is taken either way (RFC 8643 section 3.1).
        Srtp::Off | Srtp::Optional(_) => TransportProto::RtpAvp,
        Srtp::Required(_) => TransportProto::RtpSavp,
    };
    let mut media = Media::new(MediaType::Audio, ours.port, proto, offered.fmt());
    media.attributes = offered.attributes(ours.ptime_ms, Direction::SendRecv);
    if let Some(ring) = ours.srtp.keyring() {
        media.attributes.extend(crypto::offered(ring));
    }
    let mut session = skeleton(ours);
    session.medias.push(media);
    session.to_string()
}

/// Reads the answer to the offer that `made` gave (RFC 3264 section 7). The payload types may
/// differ each way: we receive by our numbers and send by theirs.
pub fn accept(made: &Ours, answer: &str) -> Result<Agreed, Refusal> {
    let theirs = lenient::parse(answer)?;
    let media = theirs.medias.first().ok_or(Refusal::NoAudio)?;
    let crypto = check_stream(media, made)?;
    let answers_ours = |line| {
        let ring = made.srtp.keyring();
        ring.is_some_and(|ring| crypto::is_of_ours(&line, ring))
    };
    if crypto.is_some_and(|line| !answers_ours(line)) {
        return Err(Refusal::NoCommonCipher);
    }
    let choice = formats(media)
        .into_iter()
        .find_map(|format| {
            let encoding = made.encodings.iter().copied().find(|&e| format.is(e))?;
            Some(Choice {
                encoding,
                format,
                crypto,
            })
        })
        .ok_or(Refusal::NoCommonCodec)?;
    let offered = offered(made);
    let encodings = &mut offered.encodings.iter();
    let payload_type = encodings
        .find(|&&(_, e)| e == choice.encoding)
        .map_or(choice.format.payload_type, |&(pt, _)| pt);
    let agreed = agreed(&theirs, media, made, choice);
    let event = offered
        .events
        .iter()
        .find(|e| e.clock_rate == agreed.event_clock_rate);
    Ok(Agreed {
        payload_type,
        event_payload_type: agreed
            .tx_event_payload_type
            .and(event)
            .map(|e| e.payload_type),
        ..agreed
    })
}

/// An encoding that both speak, the format in which the peer names it, and how it is protected.
struct Choice {
    encoding: Encoding,
    format: Format,
    crypto: Option<crypto::Line>,
}

/// The first audio stream that we can take, a protected one before any other; if none, the
/// reason of the one that came nearest.
fn best_stream(theirs: &Session, ours: &Ours) -> Result<(usize, Choice), Refusal> {
    let mut nearest = Refusal::NoAudio;
    let mut plain = None;
    for (i, media) in theirs.medias.iter().enumerate() {
        match check_stream(media, ours).and_then(|crypto| preferred(media, ours, crypto)) {
            Ok(choice) if choice.crypto.is_some() => return Ok((i, choice)),
            Ok(choice) => plain = plain.or(Some((i, choice))),
            Err(Refusal::NoAudio) => {}
            Err(why) if nearest == Refusal::NoAudio => nearest = why,
            Err(_) => {}
        }
    }
    plain.ok_or(nearest)
}

/// The line to protect the stream by; `None` if it goes unprotected.
fn check_stream(media: &Media, ours: &Ours) -> Result<Option<crypto::Line>, Refusal> {
    if !media.media.eq_ignore_ascii_case("audio") || media.port == 0 {
        return Err(Refusal::NoAudio);
    }
    // AVPF differs from AVP by feedback that nobody is obliged to send (RFC 4585 section 3).
    let is = |names: [&str; 2]| names.iter().any(|n| media.proto.eq_ignore_ascii_case(n));
    let must_be_protected = is(["RTP/SAVP", "RTP/SAVPF"]);
    if !must_be_protected && !is(["RTP/AVP", "RTP/AVPF"]) {
        return Err(Refusal::UnsupportedTransport);
    }
    if ours.srtp.keyring().is_none() {
        return match must_be_protected {
            true => Err(Refusal::UnsupportedTransport),
            false => Ok(None),
        };
    }
    match crypto::lines(media).into_iter().next() {
        Some(line) => Ok(Some(line)),
        None if must_be_protected => Err(Refusal::NoCommonCipher),
        None if ours.srtp.is_required() => Err(Refusal::NotProtected),
        None => Ok(None),
    }
}

/// The encoding that we like best among those offered.
fn preferred(media: &Media, ours: &Ours, crypto: Option<crypto::Line>) -> Result<Choice, Refusal> {
    let formats = formats(media);
    ours.encodings
        .iter()
        .find_map(|&encoding| {
            let format = formats.iter().find(|f| f.is(encoding))?.clone();
            Some(Choice {
                encoding,
                format,
                crypto,
            })
        })
        .ok_or(Refusal::NoCommonCodec)
}

/// The agreement when both directions use the peer's payload types.
fn agreed(theirs: &Session, media: &Media, ours: &Ours, choice: Choice) -> Agreed {
    let event = events(&formats(media), choice.encoding);
    let event_payload_type = event.map(|e| e.payload_type);
    let wished = lenient::direction(theirs, media).mirrored();
    let place = lenient::place(theirs, media);
    let (remote, direction) = match place {
        Place::At(remote) => (Some(remote), wished),
        Place::Held => (None, wished.without_sending()),
        Place::Unknown => (None, wished),
    };
    Agreed {
        remote,
        encoding: choice.encoding,
        payload_type: choice.format.payload_type,
        tx_payload_type: choice.format.payload_type,
        event_payload_type,
        tx_event_payload_type: event_payload_type,
        event_clock_rate: event.map_or(choice.encoding.clock_rate(), |e| e.clock_rate),
        ptime_ms: choice.encoding.ptime_ms(ptime_ms(theirs, media, ours)),
        opus: opus_wish(media, choice.format.payload_type),
        direction,
        srtp: choice
            .crypto
            .zip(ours.srtp.keyring())
            .map(|(line, ring)| line.keys(ring)),
    }
}

/// The packet length that the peer would like to receive, within its `maxptime` and our range.
fn ptime_ms(theirs: &Session, media: &Media, ours: &Ours) -> u32 {
    let number = |name| {
        lenient::attribute(theirs, media, name)
            .and_then(|value| value.split('.').next()?.trim().parse::<u32>().ok())
            .filter(|&ms| ms > 0)
    };
    let wished = number("ptime").unwrap_or(ours.ptime_ms);
    let longest = number("maxptime").unwrap_or(u32::MAX);
    wished
        .min(longest)
        .clamp(*PTIME_MS.start(), *PTIME_MS.end())
}

/// What we offer, with the payload types that we receive it under.
fn offered(ours: &Ours) -> Described {
    let mut dynamic = (FIRST_DYNAMIC..).filter(|&pt| pt != EVENT_PAYLOAD_TYPE);
    let encodings: Vec<(u8, Encoding)> = ours
        .encodings
        .iter()
        .filter(|e| e.is_offered())
        .filter_map(|&e| Some((e.static_payload_type().or_else(|| dynamic.next())?, e)))
        .collect();
    let mut rates: Vec<u32> = encodings.iter().map(|(_, e)| e.clock_rate()).collect();
    rates.sort_unstable();
    rates.dedup();
    let events = rates.into_iter().filter_map(|clock_rate| {
        let payload_type = match clock_rate {
            TELEPHONE => EVENT_PAYLOAD_TYPE,
            _ => dynamic.next()?,
        };
        Some(Events {
            payload_type,
            clock_rate,
        })
    });
    Described {
        events: events.collect(),
        encodings,
        noise: false,
    }
}

/// Whether comfort noise is agreed: the peer has it, and the audio ticks like it.
fn takes_noise(media: &Media, encoding: Encoding) -> bool {
    encoding.clock_rate() == TELEPHONE && formats(media).iter().any(Format::is_comfort_noise)
}

/// The formats of one stream as we describe them.
struct Described {
    encodings: Vec<(u8, Encoding)>,
    noise: bool,
    events: Vec<Events>,
}

impl Described {
    /// The payload types of the `m=` line.
    fn fmt(&self) -> String {
        let audio = self.encodings.iter().map(|&(pt, _)| pt);
        let noise = self.noise.then_some(COMFORT_NOISE);
        let events = self.events.iter().map(|e| e.payload_type);
        let all = audio.chain(noise).chain(events);
        let all: Vec<String> = all.map(|pt| pt.to_string()).collect();
        all.join(" ")
    }

    fn attributes(&self, ptime_ms: u32, direction: Direction) -> Vec<Attribute> {
        let mut out = Vec::new();
        for &(pt, encoding) in &self.encodings {
            out.push(Attribute::with_value("rtpmap", rtpmap(pt, encoding)));
            if encoding == Encoding::Opus {
                out.push(Attribute::with_value("fmtp", format!("{pt} {OPUS}")));
            }
        }
        if self.noise {
            let map = format!("{COMFORT_NOISE} CN/{TELEPHONE}");
            out.push(Attribute::with_value("rtpmap", map));
        }
        for Events {
            payload_type: pt,
            clock_rate,
        } in &self.events
        {
            let map = format!("{pt} {EVENT_NAME}/{clock_rate}");
            out.push(Attribute::with_value("rtpmap", map));
            // The twelve keys and A to D (RFC 4733 section 3.2).
            out.push(Attribute::with_value("fmtp", format!("{pt} 0-15")));
        }
        out.push(Attribute::with_value("ptime", ptime_ms));
        out.push(Attribute::new(direction.name()));
        out
    }
}

fn rtpmap(payload_type: u8, encoding: Encoding) -> String {
    let (name, rate) = (encoding.rtp_name(), encoding.clock_rate());
    match encoding.rtp_channels() {
        Channels::Mono => format!("{payload_type} {name}/{rate}"),
        Channels::Stereo => format!("{payload_type} {name}/{rate}/2"),
    }
}

/// What we ask of the Opus that we get: loudspeakers in a yard are mono, and a lost packet can be
/// taken from the next (RFC 7587 section 6.1).
const OPUS: &str = "useinbandfec=1;stereo=0;sprop-stereo=0";

/// A description of ours without streams.
fn skeleton(ours: &Ours) -> Session {
    let mut session = Session::new(
        Origin::with_ip_addr(ours.session, ours.version, ours.address),
        "-",
    );
    session.connection = Some(Connection::from_ip_addr(ours.address));
    session.times = vec![Time::new(0, 0)];
    session
}

/// The stream with port 0, which refuses it (RFC 3264 section 6).
fn refused(media: &Media) -> Media {
    Media {
        media: media.media.clone(),
        port: 0,
        num_ports: None,
        proto: media.proto.clone(),
        fmt: media.fmt.clone(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}
