//! What is in a packet of Polycom's group paging?
//!
//! ```text
//!   0           1          2 … 5             6          7 … 19
//!  | what      | channel  | serial number   | length   | caller, zeros behind it   |
//!   20          21         22 … 25           26 …
//!  | codec     | flags    | sample count    | frame before, this frame             |
//! ```
//!
//! Numbers are in network order. The second row is there in audio packets only.

use std::fmt;

/// Who pages whom; it stands in every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// 1 to 25 are the channels of push-to-talk, 26 to 50 the groups 1 to 25 of paging.
    pub channel: u8,
    /// Tells senders apart; telephones take the end of their hardware address.
    pub serial: u32,
    /// Behind a shorter name come zeros.
    pub caller: [u8; CALLER_LEN],
}

/// The bytes of a caller's name.
pub const CALLER_LEN: usize = 13;

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A page is about to begin.
    Alert(Sign),
    Audio(Sign, Audio<'a>),
    /// A page is over.
    End(Sign),
}

/// What an audio packet brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audio<'a> {
    /// A payload type of RFC 3551: 0 is PCMU and 9 G.722.
    pub codec: u8,
    pub flags: u8,
    /// Where this frame begins; most senders count as RTP does for the codec.
    pub samples: u32,
    /// The frame before, if it is repeated, and this one.
    pub frames: &'a [u8],
}

/// Why a datagram is no such packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPolycom {
    /// It ends within its header, or has a name of another length.
    Length,
    /// It is none of the three kinds.
    Kind(u8),
    /// There is no such channel.
    Channel(u8),
}

impl fmt::Display for NotPolycom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "group page packet of a wrong length"),
            Self::Kind(kind) => write!(f, "group page packet of kind {kind:#04x}"),
            Self::Channel(channel) => write!(f, "group page packet for channel {channel}"),
        }
    }
}

impl std::error::Error for NotPolycom {}

impl Sign {
    /// A name of which as much counts as there is room for, cut between characters.
    pub fn new(channel: u8, serial: u32, caller: &str) -> Self {
        let mut bytes = [0; CALLER_LEN];
        let fits = |end: &usize| *end <= CALLER_LEN && caller.is_char_boundary(*end);
        let end = (0..=caller.len()).rev().find(fits).unwrap_or(0);
        bytes[..end].copy_from_slice(&caller.as_bytes()[..end]);
        Self {
            channel,
            serial,
            caller: bytes,
        }
    }

    /// The caller as text, without the zeros and whatever cannot be read.
    pub fn caller_text(&self) -> String {
        let end = self.caller.iter().position(|byte| *byte == 0);
        let name = String::from_utf8_lossy(&self.caller[..end.unwrap_or(CALLER_LEN)]).into_owned();
        name.replace(|c: char| c.is_control(), "")
    }

    fn write(&self, kind: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(&[kind, self.channel]);
        out.extend_from_slice(&self.serial.to_be_bytes());
        out.push(CALLER_LEN as u8);
        out.extend_from_slice(&self.caller);
    }
}

impl<'a> Packet<'a> {
    /// Reads a datagram; frames may be of any length, and of none.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, NotPolycom> {
        let (head, rest) = datagram
            .split_first_chunk::<HEAD_LEN>()
            .ok_or(NotPolycom::Length)?;
        let [kind, channel, a, b, c, d, caller_len] = *head;
        if !matches!(kind, ALERT | AUDIO | END) {
            return Err(NotPolycom::Kind(kind));
        }
        if !(1..=50).contains(&channel) {
            return Err(NotPolycom::Channel(channel));
        }
        let caller_len = usize::from(caller_len);
        // Some write the length of the name, though the field is as long as ever.
        let (caller, rest) = rest
            .split_first_chunk::<CALLER_LEN>()
            .filter(|_| caller_len <= CALLER_LEN)
            .ok_or(NotPolycom::Length)?;
        let sign = Sign {
            channel,
            serial: u32::from_be_bytes([a, b, c, d]),
            caller: *caller,
        };
        match kind {
            ALERT => Ok(Self::Alert(sign)),
            END => Ok(Self::End(sign)),
            _ => Ok(Self::Audio(sign, Audio::parse(rest)?)),
        }
    }

    /// Appends the datagram.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Alert(sign) => sign.write(ALERT, out),
            Self::End(sign) => sign.write(END, out),
            Self::Audio(sign, audio) => {
                sign.write(AUDIO, out);
                out.extend_from_slice(&[audio.codec, audio.flags]);
                out.extend_from_slice(&audio.samples.to_be_bytes());
                out.extend_from_slice(audio.frames);
            }
        }
    }

    /// Who sends it.
    pub fn sign(&self) -> Sign {
        match self {
            Self::Alert(sign) | Self::End(sign) | Self::Audio(sign, _) => *sign,
        }
    }
}

impl<'a> Audio<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, NotPolycom> {
        let (head, frames) = bytes.split_first_chunk::<6>().ok_or(NotPolycom::Length)?;
        let [codec, flags, a, b, c, d] = *head;
        Ok(Self {
            codec,
            flags,
            samples: u32::from_be_bytes([a, b, c, d]),
            frames,
        })
    }
}

/// Up to the caller.
const HEAD_LEN: usize = 7;
const ALERT: u8 = 0x0F;
const AUDIO: u8 = 0x10;
const END: u8 = 0xFF;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(packet: &Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        packet.write(&mut out);
        out
    }

    #[test]
    fn every_byte_is_where_telephones_look_for_it() {
        let sign = Sign::new(26, 0x0004_F2AB, "Front desk");
        #[rustfmt::skip]
        let head = [
            26, 0x00, 0x04, 0xF2, 0xAB, 13,
            b'F', b'r', b'o', b'n', b't', b' ', b'd', b'e', b's', b'k', 0, 0, 0,
        ];
        let alert = written(&Packet::Alert(sign));
        assert_eq!((alert[0], &alert[1..]), (0x0F, &head[..]));
        let end = written(&Packet::End(sign));
        assert_eq!((end[0], &end[1..]), (0xFF, &head[..]));
        let audio = Audio {
            codec: 9,
            flags: 0,
            samples: 0x0102_0304,
            frames: &[0xA0, 0xA1, 0xB0, 0xB1],
        };
        let bytes = written(&Packet::Audio(sign, audio));
        assert_eq!((bytes[0], &bytes[1..20]), (0x10, &head[..]));
        let tail = [9, 0, 1, 2, 3, 4, 0xA0, 0xA1, 0xB0, 0xB1];
        assert_eq!(bytes[20..], tail);
        assert_eq!(Packet::parse(&bytes), Ok(Packet::Audio(sign, audio)));
        assert_eq!(sign.caller_text(), "Front desk");
    }

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(
            Sign::new(26, 1, "Lehrerzimmer 2").caller_text(),
            "Lehrerzimmer "
        );
        assert_eq!(
            Sign::new(26, 1, "Grüße vom Tür").caller_text(),
            "Grüße vom T"
        );
        assert_eq!(Sign::new(26, 1, "").caller_text(), "");
    }

    #[test]
    fn what_is_no_such_packet_is_refused() {
        let good = written(&Packet::Alert(Sign::new(50, 7, "x")));
        assert!(Packet::parse(&good).is_ok());
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            bytes
        };
        assert_eq!(Packet::parse(&good[..19]), Err(NotPolycom::Length));
        assert_eq!(
            Packet::parse(&changed(0, 0x80)),
            Err(NotPolycom::Kind(0x80))
        );
        assert_eq!(Packet::parse(&changed(1, 51)), Err(NotPolycom::Channel(51)));
        assert_eq!(Packet::parse(&changed(1, 0)), Err(NotPolycom::Channel(0)));
        assert_eq!(Packet::parse(&changed(6, 14)), Err(NotPolycom::Length));
        assert_eq!(Packet::parse(&changed(0, 0x10)), Err(NotPolycom::Length));
        // Of a shorter name some write its own length.
        assert!(Packet::parse(&changed(6, 1)).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(
            bytes in proptest::collection::vec(any::<u8>(), 0..64), kind in 0..4_usize,
        ) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = [ALERT, AUDIO, END, *first][kind];
            }
            if let Ok(packet) = Packet::parse(&bytes) {
                let again = written(&packet);
                prop_assert_eq!(Packet::parse(&again), Ok(packet));
            }
        }
    }
}
