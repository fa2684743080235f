//! Which of the datagrams on a call's port are its sound and its keys?

use std::time::{Duration, Instant};

use crate::base::Encoding;
use crate::media::Report;
use crate::media::inband::InBand;
use crate::media::playout::{About, Content, Playout};
use crate::rtp::{Arrival, Event, EventRx, Key, Malformed, Packet, Source, Unwrap};

/// What was agreed for the way from the peer to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverSettings {
    pub encoding: Encoding,
    pub payload_type: u8,
    /// Keys as RFC 4733 events, if agreed; if not, they are listened for in the sound.
    pub event_payload_type: Option<u8>,
    /// Ticks a second by which keys are timed.
    pub event_clock_rate: u32,
}

/// Turns the datagrams of one call into an even flow of sound and into keys.
///
/// After each `handle_rtp` and at each `poll_timeout`: `poll` and push to the feed until `None`.
pub struct Receiver {
    settings: ReceiverSettings,
    stream: Option<Stream>,
    /// The SSRC and the sequence number of the last packet that was not of the stream.
    candidate: Option<(u32, u16)>,
    playout: Playout,
    events: EventRx,
    in_band: Option<InBand>,
    last_rtp: Option<Instant>,
    report: Report,
    /// Of streams that are over.
    lost_before: u64,
    /// Where arrival times are counted from.
    epoch: Option<Instant>,
}

/// One SSRC and its counters.
struct Stream {
    ssrc: u32,
    source: Source,
    sequence: Unwrap,
    timestamp: Unwrap,
    heard_at: Instant,
}

impl Receiver {
    /// A receiver that waits for its first packet.
    pub fn new(settings: ReceiverSettings) -> Self {
        Self {
            settings,
            stream: None,
            candidate: None,
            playout: Playout::new(settings.encoding),
            events: EventRx::new(settings.event_clock_rate),
            in_band: in_band(&settings),
            last_rtp: None,
            report: Report::default(),
            lost_before: 0,
            epoch: None,
        }
    }

    /// Takes another agreement for the packets to come. What waits is still played, unless the
    /// audio rate is another: then the sound from here on is for another feed.
    pub fn set_settings(&mut self, settings: ReceiverSettings) {
        let (old, new) = (self.settings, settings);
        if old.event_clock_rate != new.event_clock_rate {
            self.events.set_clock_rate(new.event_clock_rate);
        }
        if old.encoding.clock_rate() != new.encoding.clock_rate() {
            // The same source now counts otherwise.
            self.forget_stream();
        }
        if old.encoding.audio_rate() != new.encoding.audio_rate() {
            self.playout = Playout::new(new.encoding);
            self.in_band = in_band(&new);
        }
        if old.event_payload_type.is_some() != new.event_payload_type.is_some() {
            self.in_band = in_band(&new);
        }
        self.settings = settings;
    }

    /// Takes one datagram from the RTP socket; a bad one is counted.
    pub fn handle_rtp(&mut self, datagram: &[u8], now: Instant) {
        match Packet::parse(datagram) {
            Ok(packet) => self.handle_packet(&packet, now),
            Err(Malformed::Rtcp) => self.report.rtcp += 1,
            Err(Malformed::TooShort | Malformed::Version(_) | Malformed::Padding(_)) => {
                self.report.malformed += 1;
            }
        }
    }

    /// What must go into the feed now, which holds `fill` frames; call until `None`.
    pub fn poll(&mut self, now: Instant, fill: usize) -> Option<&[f32]> {
        self.events.handle_timeout(now);
        let frames = self.playout.poll(now, fill, &mut self.report)?;
        if let Some(in_band) = &mut self.in_band {
            in_band.listen(frames);
        }
        Some(frames)
    }

    /// When to poll again even if nothing arrives, and why; from the last poll's fill.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let key = self.events.due_at().map(|at| (at, "a key has no end"));
        [self.playout.due_at(), key]
            .into_iter()
            .flatten()
            .min_by_key(|&(at, _)| at)
    }

    /// The mean fill of the feed, in frames, as seen before each block that the card takes.
    pub fn target(&self) -> usize {
        self.playout.target()
    }

    /// A key that the peer pressed and let go; each once.
    pub fn poll_key(&mut self) -> Option<Key> {
        let in_band = self.in_band.as_mut();
        self.events.poll().or_else(|| in_band?.poll())
    }

    /// When the last RTP packet of the call's stream came.
    pub fn last_rtp(&self) -> Option<Instant> {
        self.last_rtp
    }

    /// The SSRC and the RFC 3550 figures of the current stream, for reports to the peer.
    pub fn source(&mut self) -> Option<(u32, &mut Source)> {
        self.stream.as_mut().map(|s| (s.ssrc, &mut s.source))
    }

    /// The figures of the call so far.
    pub fn report(&self) -> Report {
        let source = self.stream.as_ref().map(|s| &s.source);
        let lost = source.map_or(0, |s| s.lost().max(0) as u64);
        let clock = f64::from(self.settings.encoding.clock_rate());
        let jitter = source.map_or(0.0, |s| f64::from(s.jitter()) / clock);
        Report {
            lost: self.lost_before + lost,
            jitter: Duration::from_secs_f64(jitter),
            ..self.report
        }
    }

    fn handle_packet(&mut self, packet: &Packet<'_>, now: Instant) {
        let known = self.content(packet.payload_type);
        if known.is_none() {
            self.report.unknown_payload += 1;
            // Of our stream it still takes a sequence number; of another it means nothing.
            if self.stream.as_ref().is_none_or(|s| s.ssrc != packet.ssrc) {
                return;
            }
        }
        let content = known.unwrap_or(Content::Nothing);
        if !self.belongs(packet, now) {
            self.report.stray += 1;
            return;
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        match stream.source.update(packet.sequence) {
            Arrival::Valid => {}
            Arrival::Suspect => {
                self.report.stray += 1;
                return;
            }
            Arrival::Restarted => {
                (stream.sequence, stream.timestamp) = (Unwrap::default(), Unwrap::default());
                self.playout.restart();
                self.events.restart();
                self.report.restarts += 1;
            }
        }
        stream.heard_at = now;
        self.last_rtp = Some(now);
        self.report.received += 1;
        self.take(packet, content, now);
    }

    /// What a payload type brings: what was agreed, what RFC 3551 assigns, comfort noise (RFC 3389).
    fn content(&self, payload_type: u8) -> Option<Content> {
        if payload_type == self.settings.payload_type {
            return Some(Content::Sound(self.settings.encoding));
        }
        if Some(payload_type) == self.settings.event_payload_type {
            return Some(Content::Nothing);
        }
        if payload_type == COMFORT_NOISE {
            return Some(Content::Noise);
        }
        let rate = self.settings.encoding.audio_rate();
        Encoding::ALL
            .into_iter()
            .find(|e| e.static_payload_type() == Some(payload_type) && e.audio_rate() == rate)
            .map(Content::Sound)
    }

    /// Whether a packet is of the call's stream. Another SSRC takes over when it sends two in a
    /// row, or at once when the old one is silent.
    fn belongs(&mut self, packet: &Packet<'_>, now: Instant) -> bool {
        if let Some(stream) = &self.stream {
            if stream.ssrc == packet.ssrc {
                self.candidate = None;
                return true;
            }
            let silent_for = now.saturating_duration_since(stream.heard_at);
            let follows = self.candidate == Some((packet.ssrc, packet.sequence.wrapping_sub(1)));
            if silent_for < TAKEOVER && !follows {
                self.candidate = Some((packet.ssrc, packet.sequence));
                return false;
            }
            self.forget_stream();
            self.report.restarts += 1;
        }
        self.candidate = None;
        self.playout.change_source();
        self.events.restart();
        self.stream = Some(Stream {
            ssrc: packet.ssrc,
            source: Source::new(),
            sequence: Unwrap::default(),
            timestamp: Unwrap::default(),
            heard_at: now,
        });
        true
    }

    /// Its losses stay in the report.
    fn forget_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.lost_before += stream.source.lost().max(0) as u64;
        }
        self.candidate = None;
    }

    fn take(&mut self, packet: &Packet<'_>, content: Content, now: Instant) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let sequence = stream.sequence.sequence(packet.sequence);
        let timestamp = stream.timestamp.timestamp(packet.timestamp);
        let encoding = self.settings.encoding;
        if content == Content::Nothing {
            if let Some(event) = self.event(packet) {
                self.events.handle(event, packet.marker, timestamp, now);
            }
        } else {
            let clock = f64::from(encoding.clock_rate());
            let since = now.saturating_duration_since(*self.epoch.get_or_insert(now));
            let arrival = (since.as_secs_f64() * clock) as u64;
            stream.source.update_jitter(arrival, timestamp);
        }
        let scale = u64::from(encoding.audio_rate().hz() / encoding.clock_rate()).max(1);
        let about = About {
            position: timestamp * scale,
            content,
        };
        self.playout
            .handle(sequence, about, packet.payload, now, &mut self.report);
    }

    fn event(&self, packet: &Packet<'_>) -> Option<Event> {
        if Some(packet.payload_type) != self.settings.event_payload_type {
            return None;
        }
        Event::parse(packet.payload)
    }
}

/// An ear for keys in the sound, if no other way was agreed.
fn in_band(settings: &ReceiverSettings) -> Option<InBand> {
    let is_needed = settings.event_payload_type.is_none();
    is_needed.then(|| InBand::new(settings.encoding.audio_rate()))
}

/// RFC 3551 table 4.
const COMFORT_NOISE: u8 = 13;
/// Longer than a packet: a stream that pauses so long while another sends is over.
const TAKEOVER: Duration = Duration::from_millis(100);
