//! How do uncompressed samples travel? In network order, the channels in turn (RFC 3551 §4.5.11).

use crate::base::Channels;
use crate::codec::{from_16_bits, to_16_bits};

/// Appends the mean of the channels; half a frame at the end is passed over.
pub(super) fn decode(payload: &[u8], channels: Channels, out: &mut Vec<f32>) {
    let sample = |bytes: &[u8]| from_16_bits(i16::from_be_bytes([bytes[0], bytes[1]]));
    match channels {
        Channels::Mono => out.extend(payload.chunks_exact(2).map(sample)),
        Channels::Stereo => {
            let mean = |frame: &[u8]| (sample(&frame[..2]) + sample(&frame[2..])) / 2.0;
            out.extend(payload.chunks_exact(4).map(mean));
        }
    }
}

/// Appends every sample once for each channel.
pub(super) fn encode(pcm: &[f32], channels: Channels, out: &mut Vec<u8>) {
    for &sample in pcm {
        let bytes = to_16_bits(sample).to_be_bytes();
        for _ in 0..channels.count() {
            out.extend_from_slice(&bytes);
        }
    }
}
