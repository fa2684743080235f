//! How does the payload of an RTP packet become sound, and sound a payload?
//!
//! ```text
//!  payload ─► Decoder ─► mono frames at the encoding's audio rate ─► Encoder ─► payload
//! ```

mod g711;
mod g722;
mod l16;
mod opus;

#[cfg(test)]
mod tests;

use crate::base::{Encoding, OpusWish};

/// Turns payloads of one stream into mono sound.
pub struct Decoder {
    encoding: Encoding,
    kind: DecoderKind,
}

enum DecoderKind {
    G711(g711::Law),
    G722(Box<g722::Decoder>),
    Opus(Box<opus::Decoder>),
    L16,
}

impl Decoder {
    /// A decoder without history.
    pub fn new(encoding: Encoding) -> Self {
        let kind = match encoding {
            Encoding::Pcmu => DecoderKind::G711(g711::MU_LAW),
            Encoding::Pcma => DecoderKind::G711(g711::A_LAW),
            Encoding::G722 => DecoderKind::G722(Box::default()),
            Encoding::Opus => DecoderKind::Opus(Box::new(opus::Decoder::new())),
            Encoding::L16(_) => DecoderKind::L16,
        };
        Self { encoding, kind }
    }

    /// The encoding it was made for.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Appends the sound of `payload` at the encoding's audio rate, −1.0 to 1.0. A payload that
    /// cannot be decoded adds nothing.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) {
        match &mut self.kind {
            DecoderKind::G711(law) => law.decode(payload, out),
            DecoderKind::G722(decoder) => decoder.decode(payload, out),
            DecoderKind::Opus(decoder) => decoder.decode(payload, out),
            DecoderKind::L16 => l16::decode(payload, self.encoding.rtp_channels(), out),
        }
    }

    /// A packet of `frames` was lost, and `next` is the one after it: appends the sound of the
    /// lost one as far as `next` tells it or the codec can guess it. Codecs that know nothing of
    /// it add nothing, and keep their state. Call `decode` for `next` all the same.
    pub fn restore(&mut self, frames: usize, next: &[u8], out: &mut Vec<f32>) -> Restored {
        match &mut self.kind {
            DecoderKind::Opus(decoder) => decoder.restore(frames, next, out),
            DecoderKind::G711(_) | DecoderKind::G722(_) | DecoderKind::L16 => Restored::Nothing,
        }
    }
}

/// What is known of a lost packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    Nothing,
    /// What the codec made up.
    Guessed,
    /// The sender's own sound at a lower quality: forward error correction.
    Told,
}

/// Turns mono sound into payloads of one stream.
pub struct Encoder {
    encoding: Encoding,
    kind: EncoderKind,
}

enum EncoderKind {
    G711(g711::Law),
    G722(Box<g722::Encoder>),
    Opus(Box<opus::Encoder>),
    L16,
}

impl Encoder {
    /// An encoder without history; `wish` is for Opus.
    pub fn new(encoding: Encoding, wish: OpusWish) -> Self {
        let kind = match encoding {
            Encoding::Pcmu => EncoderKind::G711(g711::MU_LAW),
            Encoding::Pcma => EncoderKind::G711(g711::A_LAW),
            Encoding::G722 => EncoderKind::G722(Box::default()),
            Encoding::Opus => EncoderKind::Opus(Box::new(opus::Encoder::new(wish))),
            Encoding::L16(_) => EncoderKind::L16,
        };
        Self { encoding, kind }
    }

    /// So much of what is sent gets lost, 0.0 to 1.0: a codec that can protects itself, if the peer
    /// has agreed. Nothing is lost until this is called.
    pub fn expect_loss(&mut self, lost: f32) {
        match &mut self.kind {
            EncoderKind::Opus(encoder) => encoder.expect_loss(lost),
            EncoderKind::G711(_) | EncoderKind::G722(_) | EncoderKind::L16 => {}
        }
    }

    /// Appends the payload for `pcm`, which is at the encoding's audio rate and as long as a
    /// packet; what exceeds full scale is clipped and what is no number is silence.
    pub fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) {
        match &mut self.kind {
            EncoderKind::G711(law) => law.encode(pcm, out),
            EncoderKind::G722(encoder) => encoder.encode(pcm, out),
            EncoderKind::Opus(encoder) => encoder.encode(pcm, out),
            EncoderKind::L16 => l16::encode(pcm, self.encoding.rtp_channels(), out),
        }
    }
}

/// A sample of 16 bits; `as` saturates, and makes a zero of what is no number.
fn to_16_bits(sample: f32) -> i16 {
    (sample * FULL_SCALE).round() as i16
}

fn from_16_bits(sample: i16) -> f32 {
    f32::from(sample) / FULL_SCALE
}

/// The value that 16-bit samples are measured against.
const FULL_SCALE: f32 = 32_768.0;
