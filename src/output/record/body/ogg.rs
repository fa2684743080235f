//! How does Opus lie in an Ogg file? (RFC 3533, RFC 7845)

use crate::base::{Encoding, OpusWish};
use crate::codec::Encoder;

/// Packets of mono sound at 48 kHz, on pages of which each ends with what was heard until then.
pub(in crate::output::record) struct Opus {
    encoder: Encoder,
    /// Not enough for a packet yet.
    waiting: Vec<f32>,
    /// Of the page that is being filled.
    packets: Vec<Vec<u8>>,
    n_pages: u32,
    /// In packets that are complete.
    n_frames: u64,
}

impl Opus {
    pub(super) fn new(out: &mut Vec<u8>) -> Self {
        let mut opus = Self {
            encoder: Encoder::new(Encoding::Opus, OpusWish::default()),
            waiting: Vec::new(),
            packets: Vec::new(),
            n_pages: 0,
            n_frames: 0,
        };
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend((PRE_SKIP as u16).to_le_bytes());
        head.extend(48_000u32.to_le_bytes());
        // No gain, and channels as they are.
        head.extend([0, 0, 0]);
        opus.packets.push(head);
        opus.page(0, FIRST, out);
        let vendor = concat!("paging ", env!("CARGO_PKG_VERSION"));
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor.as_bytes());
        tags.extend(0u32.to_le_bytes());
        opus.packets.push(tags);
        opus.page(0, 0, out);
        opus
    }

    pub(super) fn write(&mut self, samples: &[f32], out: &mut Vec<u8>) {
        self.waiting.extend_from_slice(samples);
        while self.waiting.len() >= PACKET {
            let rest = self.waiting.split_off(PACKET);
            let block = std::mem::replace(&mut self.waiting, rest);
            self.encode(&block);
            if self.packets.len() >= MOST_PACKETS {
                self.turn_page(out);
            }
        }
    }

    /// Ends the page if there is anything on it.
    pub(super) fn turn_page(&mut self, out: &mut Vec<u8>) {
        if !self.packets.is_empty() {
            self.page(self.n_frames, 0, out);
        }
    }

    /// The last packet is filled up with silence, and the page tells where the sound ends.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let n_frames = self.n_frames + self.waiting.len() as u64 + PRE_SKIP;
        while self.n_frames < n_frames {
            self.waiting.resize(PACKET, 0.0);
            let block = std::mem::take(&mut self.waiting);
            self.encode(&block);
        }
        self.page(n_frames, LAST, out);
    }

    fn encode(&mut self, block: &[f32]) {
        let mut packet = Vec::new();
        self.encoder.encode(block, &mut packet);
        self.packets.push(packet);
        self.n_frames += PACKET as u64;
    }

    /// A page with all packets that wait (RFC 3533 §6).
    fn page(&mut self, position: u64, flags: u8, out: &mut Vec<u8>) {
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend(position.to_le_bytes());
        page.extend(SERIAL.to_le_bytes());
        page.extend(self.n_pages.to_le_bytes());
        page.extend([0; 4]);
        let pieces: Vec<u8> = self
            .packets
            .iter()
            .flat_map(|it| pieces(it.len()))
            .collect();
        page.push(pieces.len() as u8);
        page.extend(pieces);
        self.packets
            .drain(..)
            .for_each(|packet| page.extend(packet));
        let sum = checksum(&page).to_le_bytes();
        page[22..26].copy_from_slice(&sum);
        out.extend(page);
        self.n_pages += 1;
    }
}

/// How many bytes of the start are whole pages: what a crash has cut ends there.
pub(in crate::output::record) fn whole_pages(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(n) = page_at(&bytes[at..]) {
        at += n;
    }
    at
}

/// The length of the page that begins here, if it is whole and right.
fn page_at(bytes: &[u8]) -> Option<usize> {
    let n_pieces = usize::from(*bytes.get(26)?);
    let pieces = bytes.get(HEAD..HEAD + n_pieces)?;
    let n: usize = pieces.iter().map(|&n| usize::from(n)).sum();
    let mut page = bytes.get(..HEAD + n_pieces + n)?.to_vec();
    let sum = page[22..26].to_vec();
    page[22..26].fill(0);
    let is_right = page.starts_with(b"OggS") && checksum(&page).to_le_bytes() == *sum;
    is_right.then_some(page.len())
}

/// How a packet is told in the table of a page: its last piece is shorter than the others.
fn pieces(n_bytes: usize) -> impl Iterator<Item = u8> {
    let whole = std::iter::repeat_n(255, n_bytes / 255);
    whole.chain([(n_bytes % 255) as u8])
}

/// CRC 32 with the polynomial of RFC 3533 §6.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum << 1) ^ ((sum >> 31) * 0x04C1_1DB7);
    let byte = |sum: u32, &byte: &u8| (0..8).fold(sum ^ u32::from(byte) << 24, step);
    bytes.iter().fold(0, byte)
}

/// 20 ms, in frames.
const PACKET: usize = 960;
/// A second of them has room on a page, which has 255 pieces of 255 bytes.
const MOST_PACKETS: usize = 50;
/// What the encoder looks ahead, in frames.
const PRE_SKIP: u64 = 312;
const HEAD: usize = 27;
/// Streams of a file are told apart by it; there is one.
const SERIAL: u32 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_ends_with_its_last_whole_page() {
        let mut out = Vec::new();
        let mut opus = Opus::new(&mut out);
        let mut ends = vec![out.len()];
        for _ in 0..3 {
            opus.write(&[0.25; 24_000], &mut out);
            opus.turn_page(&mut out);
            ends.push(out.len());
        }
        for cut in [ends[0], ends[1] - 1, ends[1], ends[2] + 100, ends[3]] {
            let last = ends.iter().rev().find(|end| **end <= cut);
            let whole = last.copied().unwrap_or(ends[0]);
            let before = if cut < ends[1] { ends[0] } else { whole };
            assert_eq!(whole_pages(&out[..cut]), before, "{cut}");
        }
        assert_eq!(whole_pages(&[]), 0);
        out[ends[0] + 40] ^= 1;
        assert_eq!(whole_pages(&out), ends[0]);
    }
}
