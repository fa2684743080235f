//! How does sound that comes in order, and whole, become an even voice?
//!
//! A connection neither loses nor swaps frames, but it holds them up, and the clock of the other
//! end is not ours. So frames are numbered as packets of RTP are, and served as those are.

use std::time::Instant;

use crate::base::{Channels, Encoding, L16, SampleRate};
use crate::media::{Receiver, ReceiverSettings, Report};
use crate::rtp::Header;

/// A voice that comes as plain samples.
pub struct Microphone {
    receiver: Receiver,
    next: Header,
    packet: Vec<u8>,
}

impl Microphone {
    /// One that has said nothing yet, of one channel.
    pub fn new(rate: SampleRate) -> Self {
        let channels = Channels::Mono;
        let encoding = Encoding::L16(L16 { rate, channels });
        Self {
            receiver: Receiver::new(ReceiverSettings {
                encoding,
                payload_type: PAYLOAD_TYPE,
                event_payload_type: Some(NO_PAYLOAD_TYPE),
                event_clock_rate: encoding.clock_rate(),
            }),
            next: Header {
                marker: false,
                payload_type: PAYLOAD_TYPE,
                sequence: 0,
                timestamp: 0,
                ssrc: 0,
            },
            packet: Vec::new(),
        }
    }

    /// Takes samples of 16 bits, the low byte first, that came at `now`; half a sample at the end
    /// is passed over.
    pub fn handle(&mut self, pcm: &[u8], now: Instant) {
        let n = pcm.len() / 2;
        if n == 0 {
            return;
        }
        self.packet.clear();
        self.next.write(&mut self.packet);
        for sample in pcm.chunks_exact(2) {
            self.packet.extend([sample[1], sample[0]]);
        }
        self.receiver.handle_rtp(&self.packet, now);
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(n as u32);
    }

    /// What must go into the feed now, which holds `fill` frames; call until `None`.
    pub fn poll(&mut self, now: Instant, fill: usize) -> Option<&[f32]> {
        self.receiver.poll(now, fill)
    }

    /// When to poll again even if nothing comes, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.receiver.poll_timeout()
    }

    /// The mean fill of the feed, in frames.
    pub fn target(&self) -> usize {
        self.receiver.target()
    }

    /// The figures of the voice so far.
    pub fn report(&self) -> Report {
        self.receiver.report()
    }
}

/// The first of those that anybody may use (RFC 3551 §6).
const PAYLOAD_TYPE: u8 = 96;
/// One that no packet has: nobody sends keys here, so nobody need listen for them.
const NO_PAYLOAD_TYPE: u8 = 255;

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;
    use std::time::Duration;

    use super::*;

    /// A sine of 440 Hz in frames of 20 ms.
    fn frame(n: usize, rate: usize) -> Vec<u8> {
        let from = n * rate / 50;
        let sample = |at: usize| (at as f32 * 440.0 * TAU / rate as f32).sin() * 8_192.0;
        (from..from + rate / 50)
            .flat_map(|at| (sample(at) as i16).to_le_bytes())
            .collect()
    }

    /// Frames that come so many milliseconds late, to a card that takes 5 ms at a time; the frames
    /// that the card found missing in the last second, and the greatest delay.
    fn played(late_ms: impl Fn(usize) -> u64) -> (usize, Duration) {
        const RATE: usize = 16_000;
        let start = Instant::now();
        let mut voice = Microphone::new(SampleRate::HZ_16000);
        let (mut fill, mut n_missing, mut n_taken) = (0_usize, 0, 0);
        let mut n_sent = 0;
        for ms in 0..4_000_u64 {
            let now = start + Duration::from_millis(ms);
            while n_sent as u64 * 20 + late_ms(n_sent) <= ms {
                voice.handle(&frame(n_sent, RATE), now);
                n_sent += 1;
            }
            while let Some(frames) = voice.poll(now, fill) {
                fill += frames.len();
            }
            if ms % 5 == 0 && ms >= 200 {
                let n = fill.min(RATE / 200);
                n_missing += if ms >= 3_000 { RATE / 200 - n } else { 0 };
                fill -= n;
                n_taken += n;
            }
        }
        assert!(n_taken > RATE * 3, "only {n_taken} frames were played");
        (n_missing, voice.report().delay_max)
    }

    #[test]
    fn an_even_voice_is_played_without_a_gap_and_with_little_delay() {
        let (n_missing, delay) = played(|_| 0);
        assert_eq!(n_missing, 0);
        assert!(delay < Duration::from_millis(60), "{delay:?}");
    }

    #[test]
    fn a_connection_that_holds_frames_up_costs_delay_and_no_gap() {
        let (n_missing, delay) = played(|n| if n % 4 == 0 { 45 } else { 30 });
        assert_eq!(n_missing, 0);
        assert!(delay < Duration::from_millis(120), "{delay:?}");
    }

    #[test]
    fn half_a_sample_is_no_sound() {
        let mut voice = Microphone::new(SampleRate::HZ_48000);
        voice.handle(&[1], Instant::now());
        assert_eq!(voice.report().received, 0);
        voice.handle(&[1, 0, 2], Instant::now());
        assert_eq!(voice.next.timestamp, 1);
    }
}
