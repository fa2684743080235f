//! How does sound lie in a WAV file?

use crate::base::SampleRate;
use crate::output::record::body::Patch;

/// Samples of 16 bits behind a head that tells how many bytes they take.
pub(in crate::output::record) struct Wav {
    head: Vec<u8>,
    n_bytes: u64,
}

impl Wav {
    pub(super) fn new(rate: SampleRate, channels: usize, out: &mut Vec<u8>) -> Self {
        let frame = channels as u32 * SAMPLE;
        let mut head = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
        head.extend(16u32.to_le_bytes());
        // Samples as they are.
        head.extend(1u16.to_le_bytes());
        head.extend((channels as u16).to_le_bytes());
        head.extend(rate.hz().to_le_bytes());
        head.extend((rate.hz() * frame).to_le_bytes());
        head.extend((frame as u16).to_le_bytes());
        head.extend((SAMPLE as u16 * 8).to_le_bytes());
        head.extend(b"data\0\0\0\0");
        let wav = Self { head, n_bytes: 0 };
        out.extend(wav.length().bytes);
        wav
    }

    pub(super) fn write(&mut self, samples: &[f32], out: &mut Vec<u8>) {
        out.extend(samples.iter().flat_map(|&x| sixteen(x).to_le_bytes()));
        self.n_bytes += samples.len() as u64 * u64::from(SAMPLE);
    }

    pub(super) fn length(&self) -> Patch {
        told(&self.head, self.n_bytes)
    }
}

/// The head, with so many bytes of sound behind it.
fn told(head: &[u8], n_bytes: u64) -> Patch {
    let n = |n_bytes| u32::try_from(n_bytes).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = head.to_vec();
    bytes[4..8].copy_from_slice(&n(n_bytes + HEAD as u64 - 8));
    bytes[HEAD - 4..].copy_from_slice(&n(n_bytes));
    Patch { at: 0, bytes }
}

/// What the head must be in a file of so many bytes; `None` for what is no file of ours.
pub(super) fn length_of(start: &[u8], n_bytes: u64) -> Option<Patch> {
    let head = start.get(..HEAD)?;
    let frame = u64::from(u16::from_le_bytes([head[32], head[33]])).max(1);
    let n_bytes = n_bytes.checked_sub(HEAD as u64)?;
    let is_ours = head.starts_with(b"RIFF") && &head[36..40] == b"data";
    is_ours.then(|| told(head, n_bytes / frame * frame))
}

/// What exceeds full scale is clipped, since `as` saturates.
pub(super) fn sixteen(x: f32) -> i16 {
    (x * 32_768.0).round() as i16
}

const HEAD: usize = 44;
/// Bytes.
const SAMPLE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_file_is_told_its_length() {
        let mut out = Vec::new();
        let mut wav = Wav::new(SampleRate::HZ_16000, 2, &mut out);
        wav.write(&[0.5, -0.5, 2.0, -2.0, 0.0, 0.25], &mut out);
        assert_eq!(out.len(), HEAD + 12);
        assert_eq!(out[HEAD..HEAD + 8], [0, 0x40, 0, 0xC0, 0xFF, 0x7F, 0, 0x80]);
        let whole = wav.length();
        assert_eq!(whole.bytes[40..], [12, 0, 0, 0]);
        assert_eq!(whole.bytes[4..8], [48, 0, 0, 0]);
        assert_eq!(length_of(&out, out.len() as u64), Some(whole));
        // Cut within a frame.
        let cut = length_of(&out, out.len() as u64 - 1).unwrap();
        assert_eq!(cut.bytes[40..], [8, 0, 0, 0]);
        assert_eq!(length_of(&out[..43], 43), None);
        assert_eq!(length_of(&[b'x'; 60], 60), None);
    }
}
