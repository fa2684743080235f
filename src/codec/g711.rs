//! How does a telephone line of 1972 carry sound? One byte a sample, and no memory (ITU-T G.711).

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use crate::codec::{from_16_bits, to_16_bits};

/// One of the two ways to spread 256 codes over 16 bits.
#[derive(Clone, Copy)]
pub(super) struct Law {
    decode: fn(u8) -> i16,
    encode: fn(i16) -> u8,
}

pub(super) const MU_LAW: Law = Law {
    decode: decode_ulaw,
    encode: encode_ulaw,
};

pub(super) const A_LAW: Law = Law {
    decode: decode_alaw,
    encode: encode_alaw,
};

impl Law {
    pub(super) fn decode(self, payload: &[u8], out: &mut Vec<f32>) {
        out.extend(payload.iter().map(|&c| from_16_bits((self.decode)(c))));
    }

    pub(super) fn encode(self, pcm: &[f32], out: &mut Vec<u8>) {
        out.extend(pcm.iter().map(|&s| (self.encode)(to_16_bits(s))));
    }
}
