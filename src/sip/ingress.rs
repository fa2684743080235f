//! What does the stack get to see of the bytes that arrived?
//!
//! Every datagram and every framed message of a stream passes here before it is parsed. Common
//! sins of phones and adapters are repaired, what is no SIP at all is dropped.
//!
//! ```text
//! socket ──► datagram() ──► Deliver(bytes) ──► rsipstack
//!                 └───────► Ignore(why)    ──► counted
//! ```

use std::borrow::Cow;

/// What to do with one datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Bytes that a strict parser understands.
    Deliver(Cow<'a, [u8]>),
    /// Nothing that deserves an answer.
    Ignore(Ignored),
}

/// Why a datagram goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Only line ends, blanks or zero bytes: a NAT keep-alive (RFC 5626 §3.5).
    KeepAlive,
    /// The first line is neither a request nor a status line.
    NotSip,
    /// The header ends in the middle of a line.
    Truncated,
}

/// Judges and repairs one datagram.
pub fn datagram(raw: &[u8]) -> Verdict<'_> {
    let Some(start) = raw.iter().position(|b| !is_padding(*b)) else {
        return Verdict::Ignore(Ignored::KeepAlive);
    };
    let raw = &raw[start..];
    let first = raw.split(|&b| b == b'\n').next().unwrap_or_default();
    if !is_start_line(first) {
        return Verdict::Ignore(Ignored::NotSip);
    }
    match Head::of(raw).or_else(|| Head::without_blank_line(raw)) {
        Some(head) => Verdict::Deliver(head.repaired(raw)),
        None => Verdict::Ignore(Ignored::Truncated),
    }
}

/// Repairs one message that the framing of a stream has cut out already.
pub(super) fn framed(raw: &[u8]) -> Cow<'_, [u8]> {
    match Head::of(raw) {
        Some(head) => head.repaired(raw),
        None => Cow::Borrowed(raw),
    }
}

/// The header of a message: where it ends, and what its body length is said to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// The end of the last header line, its line end included.
    end: usize,
    /// The first byte of the body.
    pub(super) body: usize,
}

impl Head {
    /// The header up to its blank line; `None` if there is no blank line yet.
    pub(super) fn of(raw: &[u8]) -> Option<Self> {
        let mut at = 0;
        while let Some(length) = raw[at..].iter().position(|&b| b == b'\n') {
            let next = at + length + 1;
            if trim_cr(&raw[at..next - 1]).is_empty() {
                return Some(Self {
                    end: at,
                    body: next,
                });
            }
            at = next;
        }
        None
    }

    /// A datagram may lack the blank line if it ends with a whole line: some keep-alives do.
    fn without_blank_line(raw: &[u8]) -> Option<Self> {
        raw.ends_with(b"\n").then_some(Self {
            end: raw.len(),
            body: raw.len(),
        })
    }

    /// The value of the first Content-Length; `None` if there is none.
    pub(super) fn content_length(self, raw: &[u8]) -> Option<&[u8]> {
        self.lines(raw).find_map(|line| {
            let colon = line.iter().position(|&b| b == b':')?;
            let name = line[..colon].trim_ascii();
            let named =
                name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l");
            named.then(|| line[colon + 1..].trim_ascii())
        })
    }

    fn lines(self, raw: &[u8]) -> impl Iterator<Item = &[u8]> {
        raw[..self.end]
            .split_inclusive(|&b| b == b'\n')
            .map(|line| trim_cr(line.strip_suffix(b"\n").unwrap_or(line)))
    }

    fn repaired(self, raw: &[u8]) -> Cow<'_, [u8]> {
        let length = self.content_length(raw);
        if length.is_some() && self.is_clean(raw) {
            return Cow::Borrowed(raw);
        }
        let body = &raw[self.body..];
        let mut out = Vec::with_capacity(raw.len() + 64);
        for line in self.lines(raw) {
            out.extend_from_slice(text(line).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if length.is_none() {
            // RFC 3261 §18.3: without it, a datagram's body is all that is left.
            out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(body);
        Cow::Owned(out)
    }

    fn is_clean(self, raw: &[u8]) -> bool {
        let head = &raw[..self.body];
        let bare_lf = head
            .iter()
            .enumerate()
            .any(|(at, &b)| b == b'\n' && (at == 0 || head[at - 1] != b'\r'));
        self.body > self.end && !bare_lf && std::str::from_utf8(head).is_ok()
    }
}

/// UTF-8 as it is; anything else is taken for Latin-1, as old adapters send it.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()),
    }
}

fn is_start_line(line: &[u8]) -> bool {
    let line = trim_cr(line);
    if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
        return true;
    }
    let begins = line.first().is_some_and(u8::is_ascii_alphabetic);
    begins
        && line
            .windows(5)
            .any(|part| part.eq_ignore_ascii_case(b" SIP/"))
}

fn is_padding(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0)
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLEAN: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 2\r\n\r\nhi";

    fn delivered(raw: &[u8]) -> String {
        match datagram(raw) {
            Verdict::Deliver(bytes) => String::from_utf8(bytes.into_owned()).unwrap(),
            Verdict::Ignore(why) => panic!("ignored: {why:?}"),
        }
    }

    #[test]
    fn a_clean_message_passes_untouched() {
        let Verdict::Deliver(Cow::Borrowed(bytes)) = datagram(CLEAN) else {
            panic!("repaired");
        };
        assert_eq!(bytes, CLEAN);
    }

    #[test]
    fn sins_of_phones_are_repaired() {
        let clean = std::str::from_utf8(CLEAN).unwrap();
        let table: [(&str, &[u8]); 5] = [
            (
                clean,
                b"OPTIONS sip:a@b SIP/2.0\nCall-ID: 1\nContent-Length: 2\n\nhi",
            ),
            (
                clean,
                b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 2\r\n\r\nhi",
            ),
            (clean, b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\nhi"),
            (
                "OPTIONS sip:a@b SIP/2.0\r\nSubject: Büro\r\nl: 0\r\n\r\n",
                b"OPTIONS sip:a@b SIP/2.0\r\nSubject: B\xfcro\r\nl: 0\r\n\r\n",
            ),
            (
                "OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\n\r\n",
                b"OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\n",
            ),
        ];
        for (wanted, raw) in table {
            assert_eq!(delivered(raw), wanted);
        }
    }

    #[test]
    fn what_is_no_sip_is_ignored() {
        let table: [(&[u8], Ignored); 7] = [
            (b"", Ignored::KeepAlive),
            (b"\r\n\r\n", Ignored::KeepAlive),
            (b"\0\0\0\0", Ignored::KeepAlive),
            (b"hello", Ignored::NotSip),
            (b"GET / HTTP/1.1\r\n\r\n", Ignored::NotSip),
            (b"\x80\x00\x12\x34", Ignored::NotSip),
            (b"OPTIONS sip:a@b SIP/2.0\r\nCall-I", Ignored::Truncated),
        ];
        for (raw, why) in table {
            assert_eq!(datagram(raw), Verdict::Ignore(why), "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_repair_once_is_enough(
            raw in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let _ = datagram(&raw);
            let mut request = b"INVITE sip:x SIP/2.0\r\n".to_vec();
            request.extend_from_slice(&raw);
            if let Verdict::Deliver(once) = datagram(&request) {
                prop_assert_eq!(datagram(&once), Verdict::Deliver(Cow::Borrowed(&once)));
            }
        }
    }
}
