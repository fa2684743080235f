//! How does Opus carry a voice? (RFC 6716, RFC 7587)
//!
//! The codec itself is opus-rs, at 48 kHz and mono in both directions: stereo is folded by the
//! decoder. What a packet says of itself is read here.

use opus_rs::{Application, OpusDecoder, OpusEncoder};

use crate::base::OpusWish;
use crate::codec::Restored;

/// Sound from packets.
pub(super) struct Decoder {
    inner: OpusDecoder,
    sound: Vec<f32>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            inner: OpusDecoder::new(RATE as i32, 1).expect("Opus knows 48 kHz and mono"),
            sound: vec![0.0; LONGEST],
        }
    }

    /// A packet that is none adds nothing.
    pub(super) fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) {
        if payload.is_empty() {
            return;
        }
        if let Ok(n) = self.inner.decode(payload, LONGEST, &mut self.sound) {
            out.extend(self.sound[..n].iter().map(|&x| finite(x)));
        }
    }

    /// The sound of the `frames` before `next`, which carries them along if it was so agreed.
    pub(super) fn restore(&mut self, frames: usize, next: &[u8], out: &mut Vec<f32>) -> Restored {
        let frames = frames.min(LONGEST) / STEP * STEP;
        if frames == 0 {
            return Restored::Nothing;
        }
        let Ok(n) = self.inner.decode_fec(next, frames, &mut self.sound) else {
            return Restored::Nothing;
        };
        out.extend(self.sound[..n].iter().map(|&x| finite(x)));
        if carries_the_last(next) {
            Restored::Told
        } else {
            Restored::Guessed
        }
    }
}

/// Whether the packet holds the one before it a second time: the LBRR flag of SILK, behind a flag
/// of voice for each of its frames (RFC 6716 §4.2.3 and 4.2.4).
fn carries_the_last(packet: &[u8]) -> bool {
    let &[toc, flags, ..] = packet else {
        return false;
    };
    // Modes 0 to 15 have SILK; packets with several frames are not sent with it by anyone.
    let (mode, is_single) = (toc >> 3, toc & 3 == 0);
    if mode >= 16 || !is_single {
        return false;
    }
    let n_frames = match (mode, mode & 3) {
        (0..12, 2) => 2,
        (0..12, 3) => 3,
        _ => 1,
    };
    flags >> (7 - n_frames) & 1 == 1
}

/// Packets from sound.
pub(super) struct Encoder {
    inner: OpusEncoder,
    wish: OpusWish,
    packet: Vec<u8>,
    /// Packets of digital silence in a row.
    n_silent: u32,
}

impl Encoder {
    pub(super) fn new(wish: OpusWish) -> Self {
        Self {
            inner: made_for(wish),
            wish,
            packet: vec![0; MOST_BYTES],
            n_silent: 0,
        }
    }

    /// Adds nothing if nothing need be sent: silence, to a peer who wants none.
    pub(super) fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) {
        if self.is_long_silent(pcm) {
            if !self.wish.dtx || self.n_silent.is_multiple_of(DTX_EVERY) {
                write_silence(pcm.len(), out);
            }
            return;
        }
        if let Ok(n) = self.inner.encode(pcm, pcm.len(), &mut self.packet) {
            out.extend_from_slice(&self.packet[..n]);
        }
    }

    /// Whether this is silence, and before it was. What comes after that starts afresh, since the
    /// peer's decoder knows nothing of what we had before.
    fn is_long_silent(&mut self, pcm: &[f32]) -> bool {
        let is_silent = pcm.iter().all(|&x| x == 0.0);
        if !is_silent {
            if self.n_silent > LAST_WORD {
                self.inner = made_for(self.wish);
            }
            self.n_silent = 0;
            return false;
        }
        self.n_silent = self.n_silent.saturating_add(1);
        self.n_silent > LAST_WORD
    }
}

fn made_for(wish: OpusWish) -> OpusEncoder {
    let mut inner =
        OpusEncoder::new(RATE as i32, 1, Application::Voip).expect("Opus knows 48 kHz and mono");
    let most = wish.max_bitrate.unwrap_or(BITRATE).max(LEAST_BITRATE);
    inner.bitrate_bps = BITRATE.min(most) as i32;
    inner.use_cbr = wish.cbr;
    inner.use_inband_fec = wish.fec;
    inner.packet_loss_perc = if wish.fec { EXPECTED_LOSS } else { 0 };
    inner.complexity = COMPLEXITY;
    inner
}

/// Packets that say "silence" in the fullband CELT mode: three bytes, and no work for anyone.
fn write_silence(frames: usize, out: &mut Vec<u8>) {
    match frames {
        480 => out.extend([0xF0, 0xFF, 0xFE]),
        960 => out.extend([0xF8, 0xFF, 0xFE]),
        // Code 3: so many frames of 20 ms, all of one length (RFC 6716 §3.2.5).
        _ => {
            let n = (frames / 960) as u8;
            out.extend([0xFB, n]);
            for _ in 0..n {
                out.extend([0xFF, 0xFE]);
            }
        }
    }
}

/// A bitstream gone wrong must not poison the filters behind us.
fn finite(x: f32) -> f32 {
    if x.is_finite() {
        x.clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

const RATE: usize = 48_000;
/// 120 ms, the most that a packet may hold.
const LONGEST: usize = RATE * 120 / 1_000;
/// 2.5 ms: what is made up comes in multiples of this.
const STEP: usize = RATE / 400;
const MOST_BYTES: usize = 1_276;
/// Speech in full band, with room for the copy of the last packet (RFC 7587 §3.1.1).
const BITRATE: u32 = 32_000;
const LEAST_BITRATE: u32 = 6_000;
/// From here on the encoder spends enough on the copy to be of use.
const EXPECTED_LOSS: i32 = 10;
/// Of 0 to 10; beyond this speech sounds no better for twice the work.
const COMPLEXITY: i32 = 5;
/// Packets of silence that still go through the encoder, so that its last word fades.
const LAST_WORD: u32 = 3;
/// 400 ms of 20: how often silence is confirmed to a peer who wants it unsent (RFC 7587 §3.1.3).
const DTX_EVERY: u32 = 20;
