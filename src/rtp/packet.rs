//! How does an RTP packet lie in a datagram? (RFC 3550 §5.1)
//!
//! ```text
//!   0                   1                   2                   3
//!  |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//!  |                           timestamp                           |
//!  |                             SSRC                              |
//!  |                      CSRC × CC, extension                     |
//!  |                      payload, padding if P                    |
//! ```

use std::fmt;

/// Why a datagram is no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Less than the fixed header, or less than its CSRC count and extension promise.
    TooShort,
    /// The version is not 2.
    Version(u8),
    /// The padding count is zero or more than there is.
    Padding(u8),
    /// A sender or receiver report (RFC 5761 §4), for another parser.
    Rtcp,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "rtp packet ends within its header"),
            Self::Version(version) => write!(f, "rtp version {version} is not 2"),
            Self::Padding(count) => write!(f, "rtp padding of {count} bytes does not fit"),
            Self::Rtcp => write!(f, "rtcp packet where rtp was expected"),
        }
    }
}

impl std::error::Error for Malformed {}

/// The fields of the fixed header that a receiver needs, and the payload without its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Checks version, CSRC list, extension and padding, and passes over them.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (head, rest) = datagram
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(Malformed::TooShort)?;
        if head[0] >> 6 != VERSION {
            return Err(Malformed::Version(head[0] >> 6));
        }
        if is_rtcp(datagram) {
            return Err(Malformed::Rtcp);
        }
        let csrc_len = usize::from(head[0] & 0x0F) * 4;
        let mut payload = rest.get(csrc_len..).ok_or(Malformed::TooShort)?;
        if head[0] & EXTENSION != 0 {
            payload = without_extension(payload)?;
        }
        if head[0] & PADDING != 0 {
            payload = without_padding(payload)?;
        }
        Ok(Self {
            marker: head[1] & MARKER != 0,
            payload_type: head[1] & !MARKER,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            payload,
        })
    }
}

/// What goes in front of a payload that we send: no CSRC, no extension, no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Header {
    /// Appends the 12 bytes of the fixed header.
    pub fn write(&self, out: &mut Vec<u8>) {
        let marker = if self.marker { MARKER } else { 0 };
        out.push(VERSION << 6);
        out.push(marker | self.payload_type & !MARKER);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// Whether a datagram on a shared port is RTCP: packet types 192 to 223 (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == VERSION)
}

fn without_extension(payload: &[u8]) -> Result<&[u8], Malformed> {
    let (head, rest) = payload
        .split_first_chunk::<4>()
        .ok_or(Malformed::TooShort)?;
    let words = u16::from_be_bytes([head[2], head[3]]);
    rest.get(usize::from(words) * 4..)
        .ok_or(Malformed::TooShort)
}

fn without_padding(payload: &[u8]) -> Result<&[u8], Malformed> {
    let count = *payload.last().ok_or(Malformed::Padding(0))?;
    let len = payload.len().checked_sub(usize::from(count));
    match len {
        Some(len) if count > 0 => Ok(&payload[..len]),
        _ => Err(Malformed::Padding(count)),
    }
}

const HEADER_LEN: usize = 12;
const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Header = Header {
        marker: true,
        payload_type: 8,
        sequence: 0xABCD,
        timestamp: 0x0102_0304,
        ssrc: 0xDEAD_BEEF,
    };

    fn written(first: u8, tail: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        PLAIN.write(&mut bytes);
        bytes[0] = first;
        bytes.extend_from_slice(tail);
        bytes
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = written(0x80, b"sound");
        assert_eq!(bytes[..4], [0x80, 0x88, 0xAB, 0xCD]);
        let packet = Packet::parse(&bytes).unwrap();
        assert!(packet.marker);
        assert_eq!(packet.payload_type, 8);
        assert_eq!(packet.sequence, 0xABCD);
        assert_eq!(packet.timestamp, 0x0102_0304);
        assert_eq!(packet.ssrc, 0xDEAD_BEEF);
        assert_eq!(packet.payload, b"sound");
    }

    #[test]
    fn csrc_extension_and_padding_are_passed_over() {
        let csrc = [1, 1, 1, 1, 2, 2, 2, 2];
        let extension = [0xBE, 0xDE, 0, 1, 9, 9, 9, 9];
        let table: [(u8, Vec<u8>, &[u8]); 6] = [
            (0x82, [&csrc[..], b"ab"].concat(), b"ab"),
            (0x90, [&extension[..], b"ab"].concat(), b"ab"),
            (0x90, vec![0, 0, 0, 0], b""),
            (0xA0, vec![b'a', b'b', 0, 0, 3], b"ab"),
            (0xA0, vec![1], b""),
            (
                0xB2,
                [&csrc[..], &extension, b"ab", &[0, 2]].concat(),
                b"ab",
            ),
        ];
        for (first, tail, want) in table {
            let bytes = written(first, &tail);
            assert_eq!(Packet::parse(&bytes).unwrap().payload, want, "{first:#x}");
        }
    }

    #[test]
    fn what_does_not_hold_what_it_promises_is_refused() {
        let table: [(u8, &[u8], Malformed); 8] = [
            (0x00, b"", Malformed::Version(0)),
            (0x40, b"", Malformed::Version(1)),
            (0xC0, b"", Malformed::Version(3)),
            (0x81, &[0; 3], Malformed::TooShort),
            (0x90, &[0; 3], Malformed::TooShort),
            (0x90, &[0, 0, 0xFF, 0xFF, 0], Malformed::TooShort),
            (0xA0, b"", Malformed::Padding(0)),
            (0xA0, &[1, 0], Malformed::Padding(0)),
        ];
        for (first, tail, want) in table {
            assert_eq!(Packet::parse(&written(first, tail)), Err(want));
        }
        let too_much = written(0xA0, &[1, 4]);
        assert_eq!(Packet::parse(&too_much), Err(Malformed::Padding(4)));
        assert_eq!(Packet::parse(&[0x80; 11]), Err(Malformed::TooShort));
    }

    #[test]
    fn rtcp_on_the_same_port_is_told_apart() {
        let mut bytes = written(0x80, &[0; 16]);
        for kind in 200..=204 {
            bytes[1] = kind;
            assert!(is_rtcp(&bytes));
            assert_eq!(Packet::parse(&bytes), Err(Malformed::Rtcp));
        }
        // Payload type 0 with the marker is 128, and dynamic types with it start at 224.
        for kind in [0, 8, 128, 136, 96, 224, 255] {
            bytes[1] = kind;
            assert!(Packet::parse(&bytes).is_ok());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Packet::parse(&bytes);
        }

        #[test]
        fn the_payload_is_never_larger_than_the_datagram(
            first in 0x80u8..=0xBF,
            tail in proptest::collection::vec(any::<u8>(), 0..96),
        ) {
            let bytes = written(first, &tail);
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload.len() <= tail.len());
            }
        }
    }
}
