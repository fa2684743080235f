//! What kind of message has arrived, as far as a look that costs nothing tells?
//!
//! The guard has to judge before anything is parsed; a message that lies here only comes under
//! another limit.

/// What a message asks of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No SIP at all, or a keep-alive.
    Noise,
    /// An answer to a request of ours.
    Answer,
    /// Something about a call or request that we know: ACK, BYE, CANCEL, or anything with our tag.
    Inside,
    /// A new call.
    Call,
    /// OPTIONS of a stranger.
    Probe,
    /// REGISTER, or any other request of a stranger.
    Attempt,
    /// A tool for finding and breaking into telephone systems says so itself.
    Scan,
}

/// Looks at the first line and the headers.
pub(crate) fn kind(raw: &[u8]) -> Kind {
    let raw = raw.trim_ascii_start();
    let head = &raw[..raw.len().min(LOOKED_AT)];
    let mut lines = head.split(|&b| b == b'\n');
    let first = lines.next().unwrap_or_default();
    if starts_with(first, b"SIP/") {
        return Kind::Answer;
    }
    let Some(blank) = first.iter().position(|&b| b == b' ') else {
        return Kind::Noise;
    };
    let kind = match &first[..blank] {
        _ if !first
            .windows(5)
            .any(|part| part.eq_ignore_ascii_case(b" SIP/")) =>
        {
            return Kind::Noise;
        }
        b"ACK" | b"BYE" | b"CANCEL" | b"PRACK" => return Kind::Inside,
        b"INVITE" => Kind::Call,
        b"OPTIONS" => Kind::Probe,
        _ => Kind::Attempt,
    };
    closer(lines, kind)
}

/// A tag in To makes a request one inside a dialog; the name of a scanner makes it one.
fn closer<'a>(lines: impl Iterator<Item = &'a [u8]>, kind: Kind) -> Kind {
    let mut kind = kind;
    for line in lines {
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            continue;
        };
        let (name, value) = (line[..colon].trim_ascii_end(), &line[colon + 1..]);
        if is(name, &["user-agent", "from", "f"]) && names_scanner(value) {
            return Kind::Scan;
        }
        if is(name, &["to", "t"]) && holds(value, b";tag=") {
            kind = Kind::Inside;
        }
    }
    kind
}

/// Whether the text has the name that a scanner gives itself, in User-Agent or From.
fn names_scanner(value: &[u8]) -> bool {
    SCANNERS.iter().any(|name| holds(value, name.as_bytes()))
}

fn is(name: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
}

fn starts_with(line: &[u8], start: &[u8]) -> bool {
    line.get(..start.len())
        .is_some_and(|part| part.eq_ignore_ascii_case(start))
}

fn holds(value: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0].to_ascii_lowercase();
    value
        .windows(wanted.len())
        .any(|part| part[0].to_ascii_lowercase() == first && part.eq_ignore_ascii_case(wanted))
}

/// Names that tools for attacking telephone systems go by when nobody has changed them.
const SCANNERS: [&str; 11] = [
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sundayddr",
    "sipcli",
    "sip-scan",
    "sipscan",
    "siparmyknife",
    "pplsip",
    "svcrack",
    "sivus",
];

/// Scanners name themselves early, and To stands there as well.
const LOOKED_AT: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let table: [(&str, Kind); 15] = [
            ("", Kind::Noise),
            ("\r\n\r\n", Kind::Noise),
            ("GET / HTTP/1.1\r\n\r\n", Kind::Noise),
            ("SIP/2.0 200 OK\r\n\r\n", Kind::Answer),
            (
                "INVITE sip:a@b SIP/2.0\r\nTo: <sip:a@b>\r\n\r\n",
                Kind::Call,
            ),
            ("\r\nINVITE sip:a@b SIP/2.0\r\n", Kind::Call),
            (
                "INVITE sip:a@b SIP/2.0\r\nt: <sip:a@b>;tag=1\r\n\r\n",
                Kind::Inside,
            ),
            ("ACK sip:a@b SIP/2.0\r\n\r\n", Kind::Inside),
            ("BYE sip:a@b SIP/2.0\r\n\r\n", Kind::Inside),
            ("OPTIONS sip:a@b SIP/2.0\r\n\r\n", Kind::Probe),
            ("REGISTER sip:b SIP/2.0\r\n\r\n", Kind::Attempt),
            ("SUBSCRIBE sip:b SIP/2.0\r\n\r\n", Kind::Attempt),
            (
                "OPTIONS sip:a@b SIP/2.0\r\nUser-Agent: friendly-scanner\r\n\r\n",
                Kind::Scan,
            ),
            (
                "OPTIONS sip:a@b SIP/2.0\r\nFrom: \"SIPVicious\"<sip:100@1.1.1.1>;tag=1\r\n\r\n",
                Kind::Scan,
            ),
            (
                "OPTIONS sip:a@b SIP/2.0\r\n\r\nUser-Agent: sipvicious\r\n",
                Kind::Probe,
            ),
        ];
        for (raw, wanted) in table {
            assert_eq!(kind(raw.as_bytes()), wanted, "{raw}");
        }
    }
}
