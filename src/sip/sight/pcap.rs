//! How does a message become a packet that Wireshark and sngrep show?
//!
//! The headers around it are made up: only addresses, ports and, for streams, the numbers that
//! put the pieces in order mean something.

use std::net::{IpAddr, SocketAddr};

/// What a capture file begins with: microseconds, Ethernet.
pub(crate) fn file_header() -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    out.extend(0xa1b2_c3d4_u32.to_le_bytes());
    out.extend(2_u16.to_le_bytes());
    out.extend(4_u16.to_le_bytes());
    out.extend([0; 8]);
    out.extend(LONGEST_RECORD.to_le_bytes());
    out.extend(ETHERNET.to_le_bytes());
    out
}

/// One piece of a stream, or a whole datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// Since 1970.
    pub(crate) micros: u64,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// The numbers of the first byte, and of the first byte that the other side will send;
    /// `None` for a datagram.
    pub(crate) stream: Option<(u32, u32)>,
    pub(crate) payload: &'a [u8],
}

impl Packet<'_> {
    /// The record of it in a file; a payload that fits no packet is cut.
    pub(crate) fn record(&self) -> Vec<u8> {
        let payload = &self.payload[..self.payload.len().min(LONGEST_PAYLOAD)];
        let inner = self.transport(payload);
        let mut frame = Vec::with_capacity(inner.len() + payload.len() + 54);
        frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
        self.network(inner.len() + payload.len(), &mut frame);
        frame.extend(inner);
        frame.extend(payload);
        let mut out = Vec::with_capacity(frame.len() + 16);
        out.extend(((self.micros / 1_000_000) as u32).to_le_bytes());
        out.extend(((self.micros % 1_000_000) as u32).to_le_bytes());
        out.extend((frame.len() as u32).to_le_bytes());
        out.extend((frame.len() as u32).to_le_bytes());
        out.extend(frame);
        out
    }

    /// The UDP or TCP header, its checksum right.
    fn transport(&self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(20);
        out.extend(self.from.port().to_be_bytes());
        out.extend(self.to.port().to_be_bytes());
        let sum_at = match self.stream {
            None => {
                out.extend((8 + payload.len() as u16).to_be_bytes());
                6
            }
            Some((seq, ack)) => {
                out.extend(seq.to_be_bytes());
                out.extend(ack.to_be_bytes());
                // Five words of header; PSH and ACK; a window as large as it goes.
                out.extend([0x50, 0x18, 0xff, 0xff]);
                16
            }
        };
        out.extend([0, 0]);
        if self.stream.is_some() {
            out.extend([0, 0]);
        }
        let length = (out.len() + payload.len()) as u16;
        let mut sum = Sum::default();
        sum.address(self.from.ip());
        sum.address(self.to.ip());
        sum.bytes(&[0, self.protocol()]);
        sum.bytes(&length.to_be_bytes());
        sum.bytes(&out);
        sum.bytes(payload);
        let sum = match sum.end() {
            // Zero would say that there is none (RFC 768).
            0 => 0xffff_u16,
            sum => sum,
        };
        out[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
        out
    }

    fn network(&self, length: usize, out: &mut Vec<u8>) {
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                out.extend([0x08, 0x00]);
                let mut head = vec![0x45, 0];
                head.extend((20 + length as u16).to_be_bytes());
                head.extend([0, 0, 0x40, 0, 64, self.protocol(), 0, 0]);
                head.extend(from.octets());
                head.extend(to.octets());
                let mut sum = Sum::default();
                sum.bytes(&head);
                head[10..12].copy_from_slice(&sum.end().to_be_bytes());
                out.extend(head);
            }
            (from, to) => {
                out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                out.extend((length as u16).to_be_bytes());
                out.extend([self.protocol(), 64]);
                out.extend(six(from));
                out.extend(six(to));
            }
        }
    }

    fn protocol(&self) -> u8 {
        if self.stream.is_some() { 6 } else { 17 }
    }
}

/// The sum of 16-bit words in ones' complement (RFC 1071).
#[derive(Default)]
struct Sum(u32);

impl Sum {
    fn bytes(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks(2) {
            let low = pair.get(1).copied().unwrap_or_default();
            self.0 += u32::from(u16::from_be_bytes([pair[0], low]));
            self.0 = (self.0 & 0xffff) + (self.0 >> 16);
        }
    }

    fn address(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.bytes(&ip.octets()),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
    }

    fn end(self) -> u16 {
        let folded = (self.0 & 0xffff) + (self.0 >> 16);
        !(folded as u16)
    }
}

fn six(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

const ETHERNET: u32 = 1;
const LONGEST_RECORD: u32 = 65_535 + 14;

/// What an IPv4 packet has room for behind its headers.
const LONGEST_PAYLOAD: usize = 65_535 - 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet<'a>(
        from: &str,
        to: &str,
        stream: Option<(u32, u32)>,
        payload: &'a [u8],
    ) -> Packet<'a> {
        Packet {
            micros: 1_700_000_000_123_456,
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            stream,
            payload,
        }
    }

    /// The sum over a packet with its pseudo header is zero when its checksum is right.
    fn is_right(record: &[u8]) -> bool {
        let frame = &record[16..];
        let (ip, addresses, protocol) = match frame[12..14] {
            [8, 0] => (34, &frame[26..34], frame[23]),
            _ => (54, &frame[22..54], frame[20]),
        };
        let mut sum = Sum::default();
        sum.bytes(addresses);
        sum.bytes(&[0, protocol]);
        sum.bytes(&((frame.len() - ip) as u16).to_be_bytes());
        sum.bytes(&frame[ip..]);
        sum.end() == 0
    }

    #[test]
    fn sums_and_lengths_are_right() {
        for payload in [&b"OPTIONS"[..], b"even", b""] {
            for stream in [None, Some((7, 9))] {
                let four = packet("192.0.2.1:5060", "192.0.2.2:1", stream, payload).record();
                let six = packet("[2001:db8::1]:5060", "[::1]:1", stream, payload).record();
                assert!(is_right(&four) && is_right(&six));
                let mut head = Sum::default();
                head.bytes(&four[30..50]);
                assert_eq!(head.end(), 0);
                for record in [&four, &six] {
                    assert!(record.ends_with(payload));
                    let length = u32::from_le_bytes(record[8..12].try_into().unwrap());
                    assert_eq!(length as usize, record.len() - 16);
                }
            }
        }
    }

    #[test]
    fn what_fits_no_packet_is_cut() {
        let payload = vec![b'x'; 70_000];
        let record = packet("192.0.2.1:5060", "192.0.2.2:1", Some((0, 0)), &payload).record();
        assert_eq!(record.len(), 16 + 14 + 65_535);
        assert_eq!(file_header().len(), 24);
    }
}
