//! How does the payload of an RTP packet become sound, and sound a payload?
//!
//! One table row per encoding; a further codec is a further row.

#[cfg(test)]
mod tests;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use crate::base::Encoding;

/// Turns payloads of one stream into mono sound.
pub struct Decoder {
    row: &'static Row,
}

impl Decoder {
    /// A decoder without history.
    pub fn new(encoding: Encoding) -> Self {
        Self { row: row(encoding) }
    }

    /// The encoding it was made for.
    pub fn encoding(&self) -> Encoding {
        self.row.encoding
    }

    /// Appends the sound of `payload` at the encoding's audio rate, −1.0 to 1.0.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) {
        let decode = self.row.decode;
        out.extend(payload.iter().map(|&c| f32::from(decode(c)) / FULL_SCALE));
    }
}

/// Turns mono sound into payloads of one stream.
pub struct Encoder {
    row: &'static Row,
}

impl Encoder {
    /// An encoder without history.
    pub fn new(encoding: Encoding) -> Self {
        Self { row: row(encoding) }
    }

    /// Appends the payload for `pcm`, which is at the encoding's audio rate; what exceeds full
    /// scale is clipped and what is no number is silence.
    pub fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) {
        let encode = self.row.encode;
        // `as` saturates, and makes a zero of what is no number.
        out.extend(pcm.iter().map(|s| encode((s * FULL_SCALE).round() as i16)));
    }
}

/// G.711 has no memory and one byte a sample, so a row needs no more than this.
struct Row {
    encoding: Encoding,
    decode: fn(u8) -> i16,
    encode: fn(i16) -> u8,
}

const TABLE: [Row; Encoding::ALL.len()] = [
    Row {
        encoding: Encoding::Pcmu,
        decode: decode_ulaw,
        encode: encode_ulaw,
    },
    Row {
        encoding: Encoding::Pcma,
        decode: decode_alaw,
        encode: encode_alaw,
    },
];

fn row(encoding: Encoding) -> &'static Row {
    TABLE
        .iter()
        .find(|row| row.encoding == encoding)
        .expect("every encoding has a row: a test looks")
}

/// The value that 16-bit samples are measured against.
const FULL_SCALE: f32 = 32_768.0;
