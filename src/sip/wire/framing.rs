//! Where does a message end in a stream of bytes? (RFC 3261 §18.3, RFC 5626 §3.5.1)

use crate::sip::entry::head::{CONTENT_LENGTH, Extent, Head};

/// What stands at the start of a stream's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// More bytes are needed.
    Wait,
    /// A keep-alive of this many bytes that wants a line end back.
    Ping(usize),
    /// This many bytes without meaning.
    Skip(usize),
    /// A whole message of this many bytes.
    Message(usize),
    /// Nobody can tell any more where the next message begins, and the stream has to be
    /// closed. So many bytes are a header that deserves to be told why.
    Broken(usize),
}

/// Looks at the bytes received so far.
pub(crate) fn next(buffer: &[u8]) -> Frame {
    match buffer {
        [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Frame::Wait,
        [b'\r', b'\n', b'\r', b'\n', ..] => return Frame::Ping(4),
        [b'\r', b'\n', ..] => return Frame::Skip(2),
        [b'\n' | b'\r', ..] => return Frame::Skip(1),
        [..] => {}
    }
    let Some(extent) = Extent::of(buffer) else {
        return if buffer.len() > LONGEST {
            Frame::Broken(0)
        } else {
            Frame::Wait
        };
    };
    if extent.body > LONGEST {
        return Frame::Broken(0);
    }
    match body_length(&Head::read(buffer, extent)) {
        Some(length) if buffer.len() < extent.body + length => Frame::Wait,
        Some(length) => Frame::Message(extent.body + length),
        None => Frame::Broken(extent.body),
    }
}

/// The length that the header gives its body; `None` if that is no length, or two, or one too
/// long to wait for.
fn body_length(head: &Head<'_>) -> Option<usize> {
    let mut lengths = head.values(CONTENT_LENGTH);
    let Some(first) = lengths.next() else {
        return Some(0);
    };
    let is_plain = first.bytes().all(|b| b.is_ascii_digit()) && lengths.all(|l| l == first);
    let length = first.parse().ok().filter(|_| is_plain);
    length.filter(|&length: &usize| length <= LONGEST)
}

/// The longest header and the longest body a stream may bring: what a datagram could carry.
const LONGEST: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PING: &[u8] = b"\r\n\r\n";
    const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

    #[test]
    fn a_stream_is_cut_into_messages() {
        let table: [(&[u8], Frame); 12] = [
            (b"", Frame::Wait),
            (b"\r\n", Frame::Wait),
            (PING, Frame::Ping(4)),
            (b"\r\nOPTIONS", Frame::Skip(2)),
            (&MESSAGE[..MESSAGE.len() - 1], Frame::Wait),
            (MESSAGE, Frame::Message(MESSAGE.len())),
            (b"BYE sip:a SIP/2.0\n\nrest", Frame::Message(19)),
            (b"BYE sip:a SIP/2.0\r\nl: x\r\n\r\n", Frame::Broken(27)),
            (b"BYE sip:a SIP/2.0\r\nl: -1\r\n\r\n", Frame::Broken(28)),
            (
                b"BYE sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n",
                Frame::Broken(33),
            ),
            (
                b"BYE sip:a SIP/2.0\r\nl:\r\n 1\r\n\r\nxrest",
                Frame::Message(30),
            ),
            (
                b"BYE sip:a SIP/2.0\r\nl: 18446744073709551615\r\n\r\n",
                Frame::Broken(46),
            ),
        ];
        for (buffer, wanted) in table {
            assert_eq!(
                next(buffer),
                wanted,
                "{:?}",
                String::from_utf8_lossy(buffer)
            );
        }
    }

    proptest! {
        #[test]
        fn a_frame_never_claims_more_than_there_is(
            buffer in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            match next(&buffer) {
                Frame::Ping(n) | Frame::Skip(n) | Frame::Message(n) => {
                    prop_assert!(n > 0 && n <= buffer.len());
                }
                Frame::Broken(n) => prop_assert!(n <= buffer.len()),
                Frame::Wait => {}
            }
        }
    }
}
