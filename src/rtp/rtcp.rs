//! What do the two ends tell each other about a stream? (RFC 3550 §6)

use std::time::Duration;

use crate::rtp::Malformed;

/// A wallclock time as NTP counts it: seconds since 1900 in 32.32 fixed point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From the time since 1970.
    pub fn from_unix(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs().wrapping_add(SECONDS_1900_TO_1970) << 32;
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        Self(seconds | fraction)
    }

    /// The middle 32 bits: the unit of `last_sr` and `delay_since` is 1/65,536 s.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// What a receiver says about one source (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Of the packets since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Since the start; 24 bits with sign.
    pub lost: i32,
    pub highest: u32,
    /// In timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's time; 0 for none.
    pub last_sr: u32,
    /// Since that report came, in 1/65,536 s.
    pub delay_since: u32,
}

impl ReportBlock {
    /// The round trip, when this block about our stream arrives at `now` (RFC 3550 §6.4.1);
    /// `None` when the peer has had no report of ours, or its figures are impossible.
    pub fn round_trip(&self, now: NtpTime) -> Option<Duration> {
        if self.last_sr == 0 {
            return None;
        }
        let units = now
            .middle()
            .wrapping_sub(self.last_sr)
            .wrapping_sub(self.delay_since);
        // Beyond half the range the clock has stepped back.
        (units < 1 << 31).then(|| Duration::from_secs_f64(f64::from(units) / 65_536.0))
    }
}

/// A sender report's own part, and the blocks of a sender or receiver report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report<'a> {
    pub ssrc: u32,
    /// `None` makes it a receiver report.
    pub sent: Option<Sent>,
    /// At most one: a call has one source.
    pub block: Option<ReportBlock>,
    /// The canonical name; at most 255 bytes of it are sent.
    pub cname: &'a str,
}

/// What a sender says about its stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub ntp: NtpTime,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// One packet of a compound that means something to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rtcp<'a> {
    Sender {
        ssrc: u32,
        sent: Sent,
    },
    /// A block of a sender or receiver report; `from` sent it.
    Block {
        from: u32,
        block: ReportBlock,
    },
    Cname {
        ssrc: u32,
        name: &'a [u8],
    },
    Bye {
        ssrc: u32,
    },
}

impl<'a> Rtcp<'a> {
    /// Hands each part of a compound to `each`; reduced-size compounds (RFC 5506) and packet
    /// types that we do not know are accepted. What came before a malformed part stands.
    pub fn parse(datagram: &'a [u8], mut each: impl FnMut(Self)) -> Result<(), Malformed> {
        let mut rest = datagram;
        if rest.is_empty() {
            return Err(Malformed::TooShort);
        }
        while !rest.is_empty() {
            let (head, body, after) = split(rest)?;
            let count = head[0] & 0x1F;
            match head[1] {
                SR | RR => report(head[1], count, body, &mut each)?,
                SDES => names(count, body, &mut each)?,
                BYE => goodbyes(count, body, &mut each)?,
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }
}

/// Appends SR or RR and SDES with the CNAME.
pub fn compose_report(report: &Report<'_>, out: &mut Vec<u8>) {
    let count = u8::from(report.block.is_some());
    let kind = if report.sent.is_some() { SR } else { RR };
    let start = begin(count, kind, out);
    word(report.ssrc, out);
    if let Some(sent) = &report.sent {
        out.extend_from_slice(&sent.ntp.0.to_be_bytes());
        word(sent.timestamp, out);
        word(sent.packets, out);
        word(sent.octets, out);
    }
    if let Some(block) = &report.block {
        word(block.ssrc, out);
        let lost = block.lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
        word(u32::from(block.fraction_lost) << 24 | lost, out);
        word(block.highest, out);
        word(block.jitter, out);
        word(block.last_sr, out);
        word(block.delay_since, out);
    }
    end(start, out);
    compose_cname(report.ssrc, report.cname, out);
}

/// Appends BYE; it belongs behind a report (RFC 3550 §6.1).
pub fn compose_bye(ssrc: u32, out: &mut Vec<u8>) {
    let start = begin(1, BYE, out);
    word(ssrc, out);
    end(start, out);
}

fn compose_cname(ssrc: u32, name: &str, out: &mut Vec<u8>) {
    let name = &name.as_bytes()[..name.len().min(255)];
    let start = begin(1, SDES, out);
    word(ssrc, out);
    out.push(CNAME);
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    // A chunk ends with at least one zero (RFC 3550 §6.5).
    out.push(0);
    end(start, out);
}

fn begin(count: u8, kind: u8, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count, kind, 0, 0]);
    start
}

fn word(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Pads to whole words and writes the length: words less one.
fn end(start: usize, out: &mut Vec<u8>) {
    while !(out.len() - start).is_multiple_of(4) {
        out.push(0);
    }
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// A packet's head and body, and what follows it in the compound.
type Parts<'a> = (&'a [u8; 4], &'a [u8], &'a [u8]);

/// The head of the first packet of a compound, its body without padding, and what follows.
fn split(bytes: &[u8]) -> Result<Parts<'_>, Malformed> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed::TooShort)?;
    if head[0] >> 6 != 2 {
        return Err(Malformed::Version(head[0] >> 6));
    }
    let len = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
    let (mut body, after) = rest.split_at_checked(len).ok_or(Malformed::TooShort)?;
    if head[0] & 0x20 != 0 {
        let count = body.last().copied().unwrap_or(0);
        let kept = body.len().checked_sub(usize::from(count));
        let kept = kept
            .filter(|_| count > 0)
            .ok_or(Malformed::Padding(count))?;
        body = &body[..kept];
    }
    Ok((head, body, after))
}

fn report<'a>(
    kind: u8,
    count: u8,
    body: &[u8],
    each: &mut impl FnMut(Rtcp<'a>),
) -> Result<(), Malformed> {
    let mut read = Words(body);
    let from = read.next()?;
    if kind == SR {
        let ntp = NtpTime(u64::from(read.next()?) << 32 | u64::from(read.next()?));
        let (timestamp, packets, octets) = (read.next()?, read.next()?, read.next()?);
        let sent = Sent {
            ntp,
            timestamp,
            packets,
            octets,
        };
        each(Rtcp::Sender { ssrc: from, sent });
    }
    for _ in 0..count {
        let (ssrc, loss) = (read.next()?, read.next()?);
        let block = ReportBlock {
            ssrc,
            fraction_lost: (loss >> 24) as u8,
            // The shift carries the sign of 24 bits into 32.
            lost: (loss << 8) as i32 >> 8,
            highest: read.next()?,
            jitter: read.next()?,
            last_sr: read.next()?,
            delay_since: read.next()?,
        };
        each(Rtcp::Block { from, block });
    }
    Ok(())
}

fn names<'a>(count: u8, body: &'a [u8], each: &mut impl FnMut(Rtcp<'a>)) -> Result<(), Malformed> {
    let mut rest = body;
    for _ in 0..count {
        let (ssrc, items) = rest.split_first_chunk::<4>().ok_or(Malformed::TooShort)?;
        let ssrc = u32::from_be_bytes(*ssrc);
        let mut at = 0;
        loop {
            let kind = *items.get(at).ok_or(Malformed::TooShort)?;
            if kind == 0 {
                break;
            }
            let len = usize::from(*items.get(at + 1).ok_or(Malformed::TooShort)?);
            let name = items.get(at + 2..at + 2 + len).ok_or(Malformed::TooShort)?;
            if kind == CNAME {
                each(Rtcp::Cname { ssrc, name });
            }
            at += 2 + len;
        }
        // The next chunk starts at a whole word, after at least one zero.
        rest = items.get(at / 4 * 4 + 4..).unwrap_or_default();
    }
    Ok(())
}

fn goodbyes<'a>(count: u8, body: &[u8], each: &mut impl FnMut(Rtcp<'a>)) -> Result<(), Malformed> {
    let mut read = Words(body);
    for _ in 0..count {
        each(Rtcp::Bye { ssrc: read.next()? });
    }
    Ok(())
}

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Result<u32, Malformed> {
        let (word, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed::TooShort)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*word))
    }
}

const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;
const SECONDS_1900_TO_1970: u64 = 2_208_988_800;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 2,
        fraction_lost: 25,
        lost: -3,
        highest: 0x0001_0005,
        jitter: 77,
        last_sr: 0x1122_3344,
        delay_since: 65_536,
    };
    const SENT: Sent = Sent {
        ntp: NtpTime(0x0123_4567_89AB_CDEF),
        timestamp: 160,
        packets: 50,
        octets: 8_000,
    };

    fn parsed(bytes: &[u8]) -> Result<Vec<Rtcp<'_>>, Malformed> {
        let mut all = Vec::new();
        Rtcp::parse(bytes, |part| all.push(part)).map(|()| all)
    }

    #[test]
    fn a_compound_is_read_as_it_was_written() {
        for cname in ["", "a", "ab", "abc", "paging@192.0.2.1"] {
            let mut bytes = Vec::new();
            let report = Report {
                ssrc: 1,
                sent: Some(SENT),
                block: Some(BLOCK),
                cname,
            };
            compose_report(&report, &mut bytes);
            compose_bye(1, &mut bytes);
            let name = cname.as_bytes();
            let want = [
                Rtcp::Sender {
                    ssrc: 1,
                    sent: SENT,
                },
                Rtcp::Block {
                    from: 1,
                    block: BLOCK,
                },
                Rtcp::Cname { ssrc: 1, name },
                Rtcp::Bye { ssrc: 1 },
            ];
            assert_eq!(parsed(&bytes).unwrap(), want);
            assert!(bytes.len().is_multiple_of(4));
        }
    }

    #[test]
    fn a_receiver_report_on_the_wire_is_as_the_rfc_draws_it() {
        let mut bytes = Vec::new();
        let report = Report {
            ssrc: 9,
            sent: None,
            block: Some(BLOCK),
            cname: "x",
        };
        compose_report(&report, &mut bytes);
        assert_eq!(bytes[..8], [0x81, 201, 0, 7, 0, 0, 0, 9]);
        assert_eq!(bytes[12..16], [25, 0xFF, 0xFF, 0xFD]);
        assert_eq!(bytes[32..], [0x81, 202, 0, 2, 0, 0, 0, 9, 1, 1, b'x', 0]);
    }

    #[test]
    fn unknown_types_are_passed_over_and_padding_is_removed() {
        let bytes = [
            0x80, 207, 0, 0, // extended report
            0xA1, 203, 0, 2, 0, 0, 0, 5, 0, 0, 0, 4,
        ];
        assert_eq!(parsed(&bytes).unwrap(), [Rtcp::Bye { ssrc: 5 }]);
    }

    #[test]
    fn what_ends_too_early_is_refused() {
        let table: [&[u8]; 6] = [
            &[],
            &[0x80, 200, 0],
            &[0x80, 200, 0, 1, 0],
            &[0x81, 201, 0, 1, 0, 0, 0, 1],
            &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, b'x', 0],
            &[0xA0, 203, 0, 0],
        ];
        for bytes in table {
            assert!(parsed(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn the_round_trip_leaves_out_the_time_at_the_peer() {
        let sent = NtpTime::from_unix(Duration::from_secs(1_000));
        let back = NtpTime::from_unix(Duration::from_millis(1_001_250));
        let block = ReportBlock {
            last_sr: sent.middle(),
            delay_since: 65_536,
            ..BLOCK
        };
        let trip = block.round_trip(back).unwrap();
        assert!((trip.as_secs_f64() - 0.25).abs() < 1e-4);
        assert_eq!(block.round_trip(sent), None);
        let none = ReportBlock {
            last_sr: 0,
            ..block
        };
        assert_eq!(none.round_trip(back), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let _ = parsed(&bytes);
        }

        #[test]
        fn damaged_compounds_never_panic(
            at in 0usize..72, value: u8, cut in 0usize..72,
        ) {
            let mut bytes = Vec::new();
            let report = Report {
                ssrc: 1,
                sent: Some(SENT),
                block: Some(BLOCK),
                cname: "someone",
            };
            compose_report(&report, &mut bytes);
            let n = bytes.len();
            bytes[at % n] = value;
            let _ = parsed(&bytes[..n - cut % n]);
        }
    }
}
