//! Where does a message end in a stream of bytes? (RFC 3261 §18.3, RFC 5626 §3.5.1)

use super::ingress::Head;

/// What stands at the start of a stream's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// More bytes are needed.
    Wait,
    /// A keep-alive of this many bytes that wants a line end back.
    Ping(usize),
    /// This many bytes without meaning.
    Skip(usize),
    /// A whole message of this many bytes.
    Message(usize),
    /// Nobody can tell any more where a message begins; the stream has to be closed.
    Broken,
}

/// Looks at the bytes received so far.
pub(super) fn next(buffer: &[u8]) -> Frame {
    match buffer {
        [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Frame::Wait,
        [b'\r', b'\n', b'\r', b'\n', ..] => return Frame::Ping(4),
        [b'\r', b'\n', ..] => return Frame::Skip(2),
        [b'\n' | b'\r', ..] => return Frame::Skip(1),
        [..] => {}
    }
    let Some(head) = Head::of(buffer) else {
        return if buffer.len() > LONGEST {
            Frame::Broken
        } else {
            Frame::Wait
        };
    };
    let length = match head.content_length(buffer) {
        None => Some(0),
        Some(digits) => std::str::from_utf8(digits)
            .ok()
            .and_then(|d| d.parse().ok()),
    };
    match length {
        Some(length) if length <= LONGEST && head.body <= LONGEST => {
            let end = head.body + length;
            if buffer.len() < end {
                Frame::Wait
            } else {
                Frame::Message(end)
            }
        }
        _ => Frame::Broken,
    }
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
        let table: [(&[u8], Frame); 9] = [
            (b"", Frame::Wait),
            (b"\r\n", Frame::Wait),
            (PING, Frame::Ping(4)),
            (b"\r\nOPTIONS", Frame::Skip(2)),
            (&MESSAGE[..MESSAGE.len() - 1], Frame::Wait),
            (MESSAGE, Frame::Message(MESSAGE.len())),
            (b"BYE sip:a SIP/2.0\n\nrest", Frame::Message(19)),
            (b"BYE sip:a SIP/2.0\r\nl: x\r\n\r\n", Frame::Broken),
            (
                b"BYE sip:a SIP/2.0\r\nl: 18446744073709551615\r\n\r\n",
                Frame::Broken,
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
                Frame::Wait | Frame::Broken => {}
            }
        }
    }
}
