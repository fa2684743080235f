//! How do the audio packets of a group page become RTP packets?
//!
//! Makers differ in how much sound a packet holds and in how they count samples, so both are
//! learnt: the first packet has one frame and the next two, and what a packet repeats tells how
//! far the count goes in one frame.

use crate::rtp::Header;
use crate::rtp::polycom::{Audio, Sign};

/// The row of audio packets of one sender.
#[derive(Debug, Default)]
pub struct Hearing {
    /// Bytes of one frame.
    frame_len: usize,
    /// By how much the count of samples grows from frame to frame, once that was seen.
    step: Option<u32>,
    /// The newest frame.
    newest: Vec<u8>,
    samples: u32,
    /// Where the newest frame stands as RTP counts.
    sequence: u16,
    timestamp: u32,
    has_heard: bool,
}

impl Hearing {
    /// A sender that was not heard yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one audio packet and gives the frames in it, as RTP packets, to `take`: one that is
    /// only repeated too, since the packet before may be missing. They have the codec as their
    /// payload type and the sender's number as their SSRC.
    pub fn handle(&mut self, sign: Sign, audio: Audio<'_>, mut take: impl FnMut(&[u8])) {
        let frames = audio.frames;
        if frames.is_empty() || frames.len() > MOST_BYTES {
            return;
        }
        let (before, frame) = self.part(frames);
        let n_frames = self.distance(audio.samples, before);
        let sequence = self.sequence.wrapping_add_signed(n_frames);
        let ticks = i32::from(n_frames) * frame.len() as i32;
        let timestamp = self.timestamp.wrapping_add_signed(ticks);
        let mut out = Vec::with_capacity(frames.len() + 12);
        let mut give = |sequence, timestamp, payload: &[u8]| {
            let header = Header {
                marker: false,
                payload_type: audio.codec & 0x7F,
                sequence,
                timestamp,
                ssrc: sign.serial,
            };
            out.clear();
            header.write(&mut out);
            out.extend_from_slice(payload);
            take(&out);
        };
        if let Some(before) = before.filter(|_| n_frames > 1) {
            let timestamp = timestamp.wrapping_sub(before.len() as u32);
            give(sequence.wrapping_sub(1), timestamp, before);
        }
        give(sequence, timestamp, frame);
        if n_frames > 0 || !self.has_heard {
            self.has_heard = true;
            (self.sequence, self.timestamp) = (sequence, timestamp);
            self.samples = audio.samples;
            self.newest.clear();
            self.newest.extend_from_slice(frame);
        }
    }

    /// The frame that is repeated, if one is, and the new one.
    fn part<'a>(&mut self, frames: &'a [u8]) -> (Option<&'a [u8]>, &'a [u8]) {
        let (len, half) = (frames.len(), frames.len() / 2);
        let repeats = |end: &[u8]| end.ends_with(&frames[..half]) && tells(&frames[..half]);
        let is_known = len == self.frame_len || (len == 2 * self.frame_len);
        if len % 2 == 0 && repeats(&self.newest) {
            self.frame_len = half;
        } else if !is_known {
            let has_two = len % 2 == 0 && len >= 2 * USUAL_FRAME;
            self.frame_len = if has_two { half } else { len };
        }
        if len == self.frame_len {
            return (None, frames);
        }
        let (before, frame) = frames.split_at(half);
        (Some(before), frame)
    }

    /// How many frames behind the newest one this one stands; below zero it comes late.
    fn distance(&mut self, samples: u32, before: Option<&[u8]>) -> i16 {
        if !self.has_heard {
            return 0;
        }
        let ahead = samples.wrapping_sub(self.samples).cast_signed();
        let follows = before.is_some_and(|before| before == self.newest && tells(before));
        if follows && ahead > 0 {
            self.step = Some(ahead.cast_unsigned());
            return 1;
        }
        let usual = self.frame_len as i32;
        // Of G.722 some count what is heard, which is twice what RTP counts.
        let step = self.step.map_or(usual, |step| step as i32).max(1);
        if self.step.is_none() && ahead == 2 * usual {
            return 1;
        }
        let whole = (i64::from(ahead) + i64::from(step / 2)).div_euclid(i64::from(step));
        i16::try_from(whole).unwrap_or(FAR)
    }
}

/// Whether bytes are more than silence, which says nothing of where they stand.
fn tells(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte != bytes[0])
}

/// 20 ms of any of the codecs.
const USUAL_FRAME: usize = 160;
/// Of one packet; more than Ethernet carries.
const MOST_BYTES: usize = 2_048;
/// The sender counts anew: far enough for whoever hears it to see that.
const FAR: i16 = 4_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Packet;

    const SERIAL: u32 = 77;

    /// The sequence numbers, timestamps and first bytes of what comes of these packets.
    fn heard(packets: &[(u32, Vec<u8>)]) -> Vec<(u16, u32, u8)> {
        let mut hearing = Hearing::new();
        let mut all = Vec::new();
        for (samples, frames) in packets {
            let audio = Audio {
                codec: 9,
                flags: 0,
                samples: *samples,
                frames,
            };
            hearing.handle(Sign::new(26, SERIAL, "x"), audio, |datagram| {
                let packet = Packet::parse(datagram).unwrap();
                assert_eq!((packet.ssrc, packet.payload_type), (SERIAL, 9));
                all.push((packet.sequence, packet.timestamp, packet.payload[0]));
            });
        }
        all
    }

    /// Frame `n`, which begins with its number.
    fn frame(n: u8, len: usize) -> Vec<u8> {
        (0..len).map(|at| n.wrapping_add((at * 7) as u8)).collect()
    }

    /// As telephones send it: the first alone, then each with the one before.
    fn page(n: u8, len: usize, step: u32) -> Vec<(u32, Vec<u8>)> {
        let packet = |at: u8| {
            let mut frames = if at == 0 {
                Vec::new()
            } else {
                frame(at - 1, len)
            };
            frames.extend(frame(at, len));
            (u32::from(at) * step, frames)
        };
        (0..n).map(packet).collect()
    }

    fn expected(numbers: &[u8], len: u32) -> Vec<(u16, u32, u8)> {
        let one = |n: &u8| (u16::from(*n), u32::from(*n) * len, *n);
        numbers.iter().map(one).collect()
    }

    #[test]
    fn frames_of_any_length_and_count_come_out_in_their_places() {
        for (len, step) in [
            (160, 160),
            (80, 160),
            (240, 240),
            (240, 480),
            (160, 320),
            (80, 80),
        ] {
            let heard = heard(&page(6, len, step));
            assert_eq!(
                heard,
                expected(&[0, 1, 2, 3, 4, 5], len as u32),
                "{len} {step}"
            );
        }
    }

    #[test]
    fn a_lost_packet_is_in_the_next_one() {
        let mut packets = page(8, 160, 160);
        packets.remove(4);
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(heard(&packets), expected(&all, 160));
        // Of two the first is missing.
        packets.remove(4);
        assert_eq!(heard(&packets), expected(&[0, 1, 2, 3, 5, 6, 7], 160));
    }

    #[test]
    fn a_late_packet_and_one_that_comes_twice_keep_their_places() {
        let mut packets = page(6, 160, 160);
        packets.swap(3, 4);
        let again = packets[4].clone();
        packets.push(again);
        // The fourth is first heard as what the fifth repeats.
        assert_eq!(heard(&packets), expected(&[0, 1, 2, 3, 4, 3, 5, 3], 160));
    }

    #[test]
    fn whoever_comes_in_the_middle_hears_what_follows() {
        let packets = page(6, 160, 320).split_off(2);
        let heard = heard(&packets);
        let numbers: Vec<u8> = heard.iter().map(|(.., number)| *number).collect();
        assert_eq!(numbers, [2, 3, 4, 5]);
        let ticks: Vec<u32> = heard.iter().map(|(_, timestamp, _)| *timestamp).collect();
        assert_eq!(ticks, [0, 160, 320, 480]);
    }

    #[test]
    fn silence_repeats_nothing_and_a_sender_without_copies_is_heard_too() {
        let single = |n: u32| (n * 160, vec![0xFF; 160]);
        let packets: Vec<_> = (0..4).map(single).collect();
        let places: Vec<u32> = heard(&packets).iter().map(|(_, at, _)| *at).collect();
        assert_eq!(places, [0, 160, 320, 480]);
    }
}
