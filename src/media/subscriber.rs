//! What is a listener's own in a sound that many hear? The numbers of the stream (RFC 3550 §5.1).

use crate::media::{SenderReport, SenderSettings};
use crate::rtp::{Header, NtpTime, Sent};

/// The stream to one listener: payloads are made elsewhere.
pub struct Subscriber {
    settings: SenderSettings,
    /// Ticks of the timestamp in a packet.
    ticks: u32,
    sequence: u16,
    timestamp: u32,
    /// The next packet is the first after a pause.
    fresh: bool,
    report: SenderReport,
}

impl Subscriber {
    /// A stream of which nothing was sent yet.
    pub fn new(settings: SenderSettings) -> Self {
        Self {
            settings,
            ticks: ticks(&settings),
            sequence: settings.first_sequence,
            timestamp: settings.first_timestamp,
            fresh: true,
            report: SenderReport::default(),
        }
    }

    /// Takes another agreement; sequence, timestamp and SSRC go on, and those of `to` do not
    /// count.
    pub fn set_agreement(&mut self, to: SenderSettings) {
        self.settings = SenderSettings {
            ssrc: self.settings.ssrc,
            first_sequence: self.settings.first_sequence,
            first_timestamp: self.settings.first_timestamp,
            ..to
        };
        self.ticks = ticks(&to);
        self.fresh = true;
    }

    /// Writes the next datagram into `out`; with an empty payload nothing, and time passes.
    pub fn packet(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        out.clear();
        if payload.is_empty() {
            return self.pause(1);
        }
        let header = Header {
            marker: std::mem::take(&mut self.fresh),
            payload_type: self.settings.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.settings.ssrc,
        };
        header.write(out);
        out.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.ticks);
        self.report.packets += 1;
        self.report.octets += payload.len() as u64;
    }

    /// Lets the time of `n_packets` pass; the next carries the marker.
    pub fn pause(&mut self, n_packets: u64) {
        let ticks = self.ticks.wrapping_mul(n_packets as u32);
        self.timestamp = self.timestamp.wrapping_add(ticks);
        self.fresh = true;
    }

    /// What was agreed, with the numbers that the stream began with.
    pub fn settings(&self) -> &SenderSettings {
        &self.settings
    }

    /// Counts so far.
    pub fn report(&self) -> SenderReport {
        self.report
    }

    /// What a sender report says at `ntp`, when the next packet is about to go (RFC 3550 §6.4.1).
    pub fn sent(&self, ntp: NtpTime) -> Sent {
        Sent {
            ntp,
            timestamp: self.timestamp,
            packets: self.report.packets as u32,
            octets: self.report.octets as u32,
        }
    }
}

fn ticks(settings: &SenderSettings) -> u32 {
    let rate = u128::from(settings.encoding.clock_rate());
    (settings.ptime.as_micros() * rate / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::{Encoding, OpusWish};
    use crate::rtp::Packet;

    fn settings(encoding: Encoding) -> SenderSettings {
        SenderSettings {
            encoding,
            payload_type: 9,
            event_payload_type: None,
            event_clock_rate: 8_000,
            opus: OpusWish::default(),
            ptime: Duration::from_millis(20),
            ssrc: 7,
            first_sequence: u16::MAX,
            first_timestamp: u32::MAX - 159,
        }
    }

    #[test]
    fn each_packet_goes_on_where_the_last_was_and_a_pause_shows_in_the_time() {
        let mut one = Subscriber::new(settings(Encoding::G722));
        let mut out = Vec::new();
        one.packet(&[1, 2], &mut out);
        let first = Packet::parse(&out).unwrap();
        assert_eq!(
            (first.sequence, first.timestamp),
            (u16::MAX, u32::MAX - 159)
        );
        assert!(first.marker && first.payload == [1, 2]);
        one.packet(&[3], &mut out);
        let second = Packet::parse(&out).unwrap();
        assert_eq!((second.sequence, second.timestamp), (0, 0));
        assert!(!second.marker);
        one.packet(&[], &mut out);
        assert!(out.is_empty());
        one.pause(2);
        one.packet(&[4], &mut out);
        let last = Packet::parse(&out).unwrap();
        assert_eq!((last.sequence, last.timestamp, last.marker), (1, 640, true));
        assert_eq!((one.report().packets, one.report().octets), (3, 4));
    }

    #[test]
    fn another_codec_goes_on_with_the_same_numbers() {
        let mut one = Subscriber::new(settings(Encoding::Pcmu));
        let mut out = Vec::new();
        one.packet(&[1], &mut out);
        one.set_agreement(SenderSettings {
            payload_type: 111,
            ssrc: 99,
            ..settings(Encoding::Opus)
        });
        one.packet(&[2], &mut out);
        one.packet(&[3], &mut out);
        let last = Packet::parse(&out).unwrap();
        assert_eq!((last.ssrc, last.payload_type), (7, 111));
        assert_eq!((last.sequence, last.timestamp), (1, 960));
    }
}
