//! How does sound become the packets that we send?

use std::time::Duration;

use crate::base::{Encoding, OpusWish};
use crate::codec::Encoder;
use crate::rtp::{EventPacket, EventTx, Header, Sent};

/// What was agreed for the way from us to the peer, and where its counters start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderSettings {
    pub encoding: Encoding,
    pub payload_type: u8,
    /// Keys as RFC 4733 events, if agreed.
    pub event_payload_type: Option<u8>,
    /// Ticks a second by which keys are timed.
    pub event_clock_rate: u32,
    pub ptime: Duration,
    /// What the peer asks if the encoding is Opus.
    pub opus: OpusWish,
    /// The three below should be random (RFC 3550 §5.1).
    pub ssrc: u32,
    pub first_sequence: u16,
    pub first_timestamp: u32,
}

/// Counts of what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    pub packets: u64,
    /// Of payload.
    pub octets: u64,
    pub keys: u64,
}

/// Makes one RTP packet for every `ptime` of sound.
pub struct Sender {
    settings: SenderSettings,
    encoder: Encoder,
    events: EventTx,
    sequence: u16,
    timestamp: u32,
    /// The next packet of sound is the first after a pause.
    fresh: bool,
    datagram: Vec<u8>,
    silence: Vec<f32>,
    report: SenderReport,
}

impl Sender {
    /// A sender that has sent nothing yet.
    pub fn new(settings: SenderSettings) -> Self {
        Self {
            settings,
            encoder: Encoder::new(settings.encoding, settings.opus),
            events: EventTx::default(),
            sequence: settings.first_sequence,
            timestamp: settings.first_timestamp,
            fresh: true,
            datagram: Vec::new(),
            silence: vec![0.0; frames_per_packet(&settings)],
            report: SenderReport::default(),
        }
    }

    /// Frames at the encoding's audio rate that make one packet.
    pub fn frames_per_packet(&self) -> usize {
        self.silence.len()
    }

    /// The next datagram; empty if nothing need be sent. While a key is going out it takes the
    /// place of `pcm`, which should be `frames_per_packet` long and counts for the time either way.
    pub fn packet(&mut self, pcm: &[f32]) -> &[u8] {
        let rate = self.settings.encoding.audio_rate();
        let events = u64::from(self.settings.event_clock_rate);
        let event_ticks = (pcm.len() as u64 * events / u64::from(rate.hz())) as u32;
        let pause = self.event_ticks(PAUSE);
        match self.events.step(self.timestamp, event_ticks, pause) {
            Some(event) => self.write_event(&event),
            None => self.write_sound(pcm),
        }
        self.timestamp = self.timestamp.wrapping_add(self.ticks_of(pcm.len()));
        if !self.datagram.is_empty() {
            self.sequence = self.sequence.wrapping_add(1);
            self.report.packets += 1;
        }
        &self.datagram
    }

    /// The next datagram with silence, or with the key that is going out.
    pub fn silence(&mut self) -> &[u8] {
        let silence = std::mem::take(&mut self.silence);
        self.packet(&silence);
        self.silence = silence;
        &self.datagram
    }

    /// Lets the time of `n_frames` pass without a packet; the next carries the marker.
    pub fn pause(&mut self, n_frames: usize) {
        self.timestamp = self.timestamp.wrapping_add(self.ticks_of(n_frames));
        self.fresh = true;
    }

    /// Queues a key (`0` to `9`, `*`, `#`, `A` to `D`); `false` if it is none of these or the peer
    /// takes no keys.
    pub fn press(&mut self, digit: char, held_for: Duration) -> bool {
        let ticks = self.event_ticks(held_for);
        let sent = self.settings.event_payload_type.is_some() && self.events.press(digit, ticks);
        self.report.keys += u64::from(sent);
        sent
    }

    /// Whether keys are going out or wait.
    pub fn is_sending_keys(&self) -> bool {
        self.events.is_busy()
    }

    /// The peer reports that so much of this is lost, 0.0 to 1.0.
    pub fn expect_loss(&mut self, lost: f32) {
        self.encoder.expect_loss(lost);
    }

    /// Takes another agreement; sequence, timestamp and SSRC go on, and those of `to` do not
    /// count.
    pub fn set_agreement(&mut self, to: SenderSettings) {
        let now = &self.settings;
        if (to.encoding, to.opus) != (now.encoding, now.opus) {
            self.encoder = Encoder::new(to.encoding, to.opus);
        }
        self.settings = SenderSettings {
            ssrc: now.ssrc,
            first_sequence: now.first_sequence,
            first_timestamp: now.first_timestamp,
            ..to
        };
        self.silence = vec![0.0; frames_per_packet(&self.settings)];
        self.fresh = true;
    }

    /// The SSRC that the packets carry.
    pub fn ssrc(&self) -> u32 {
        self.settings.ssrc
    }

    /// Counts so far.
    pub fn report(&self) -> SenderReport {
        self.report
    }

    /// What a sender report says at `ntp`, when the next packet is about to go (RFC 3550 §6.4.1).
    pub fn sent(&self, ntp: crate::rtp::NtpTime) -> Sent {
        Sent {
            ntp,
            timestamp: self.timestamp,
            packets: self.report.packets as u32,
            octets: self.report.octets as u32,
        }
    }

    fn write_sound(&mut self, pcm: &[f32]) {
        let header = Header {
            marker: std::mem::take(&mut self.fresh),
            payload_type: self.settings.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.settings.ssrc,
        };
        self.datagram.clear();
        header.write(&mut self.datagram);
        let start = self.datagram.len();
        self.encoder.encode(pcm, &mut self.datagram);
        let octets = self.datagram.len() - start;
        self.report.octets += octets as u64;
        if octets == 0 {
            self.datagram.clear();
            self.fresh = true;
        }
    }

    fn write_event(&mut self, packet: &EventPacket) {
        let header = Header {
            marker: packet.marker,
            payload_type: self.settings.event_payload_type.unwrap_or_default(),
            sequence: self.sequence,
            timestamp: packet.timestamp,
            ssrc: self.settings.ssrc,
        };
        self.datagram.clear();
        header.write(&mut self.datagram);
        self.datagram.extend_from_slice(&packet.event.to_bytes());
        self.report.octets += 4;
        self.fresh = true;
    }

    fn ticks_of(&self, n_frames: usize) -> u32 {
        let encoding = self.settings.encoding;
        let ticks = n_frames as u64 * u64::from(encoding.clock_rate());
        (ticks / u64::from(encoding.audio_rate().hz())) as u32
    }

    fn event_ticks(&self, span: Duration) -> u32 {
        (span.as_secs_f64() * f64::from(self.settings.event_clock_rate)) as u32
    }
}

fn frames_per_packet(settings: &SenderSettings) -> usize {
    settings
        .encoding
        .audio_rate()
        .frames_in(settings.ptime)
        .max(1)
}

/// Between two keys: receivers want at least 40 ms (ITU-T Q.24).
const PAUSE: Duration = Duration::from_millis(60);
