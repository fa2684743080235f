//! What is wrong with a request, as far as its header alone tells?
//!
//! A request that breaks a rule below never reaches the stack; it is answered on the spot and
//! forgotten (RFC 3261 §8.2.7). Whatever a peer can have meant without doubt passes: see
//! RFC 4475 §3.1.2 for what may be forgiven. What depends on the state of a call is not judged
//! here.

use crate::sip::address;
use crate::sip::entry::head::{
    ACCEPT, CALL_ID, CONTACT, CONTENT_ENCODING, CONTENT_LENGTH, CSEQ, FROM, Head, MAX_FORWARDS,
    Name, TO, VIA,
};
use crate::sip::entry::spelling::Sent;
use crate::sip::message::{ALLOW, SDP};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    /// The header that tells what would have been right.
    pub(crate) hint: Option<(&'static str, &'static str)>,
}

/// The parts of a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    version: &'a str,
}

/// A request as far as it is known here.
pub(crate) struct Asking<'a> {
    pub(crate) head: &'a Head<'a>,
    pub(crate) line: Line<'a>,
    /// The bytes behind the header; `None` if a stream has yet to bring them.
    pub(crate) body: Option<usize>,
}

/// The first rule that a request breaks.
pub(crate) fn fault(asking: &Asking<'_>) -> Option<Fault> {
    RULES.iter().find_map(|rule| rule(asking))
}

/// In the order in which they are named to the peer: who speaks another version of SIP is told
/// that, and not that its header is odd.
const RULES: &[fn(&Asking<'_>) -> Option<Fault>] = &[
    version,
    request_line,
    missing,
    doubled,
    vias,
    number,
    method,
    own_number,
    length,
    parties,
    target,
    hops,
    coding,
    accepted,
];

impl<'a> Line<'a> {
    /// The parts of a first line that mentions SIP behind something; a part that is not there
    /// is empty. Blanks at the end are forgiven.
    pub(crate) fn read(start: &'a str) -> Self {
        let (method, rest) = start.trim_end().split_once(' ').unwrap_or((start, ""));
        let (uri, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        Self {
            method,
            uri,
            version,
        }
    }
}

fn bad(reason: &'static str) -> Fault {
    Fault {
        status: 400,
        reason,
        hint: None,
    }
}

fn version(asking: &Asking<'_>) -> Option<Fault> {
    let version = asking.line.version;
    let numbers = version.get(4..).unwrap_or_default();
    let is_other = version
        .get(..4)
        .is_some_and(|sip| sip.eq_ignore_ascii_case("SIP/"))
        && numbers.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && numbers != "2.0";
    is_other.then_some(Fault {
        status: 505,
        reason: "Version Not Supported",
        hint: None,
    })
}

/// One blank between the parts, and none inside of them (RFC 4475 §3.1.2.8 and 9).
fn request_line(asking: &Asking<'_>) -> Option<Fault> {
    let Line {
        method,
        uri,
        version,
    } = asking.line;
    let is_whole = !method.is_empty()
        && !uri.is_empty()
        && !uri.contains(|c: char| c.is_whitespace() || c.is_control())
        && version.eq_ignore_ascii_case("SIP/2.0");
    (!is_whole).then_some(bad("Malformed Request-Line"))
}

/// The fields without which no answer finds its request (RFC 3261 §8.1.1). Max-Forwards and
/// Contact can be done without; peers of RFC 2543 send none.
fn missing(asking: &Asking<'_>) -> Option<Fault> {
    let needed = [
        (VIA, "Missing Via Header"),
        (FROM, "Missing From Header"),
        (TO, "Missing To Header"),
        (CALL_ID, "Missing Call-ID Header"),
        (CSEQ, "Missing CSeq Header"),
    ];
    let is_missing = |name| asking.head.value(name).is_none_or(str::is_empty);
    let (_, reason) = needed.into_iter().find(|&(name, _)| is_missing(name))?;
    Some(bad(reason))
}

/// The fields that there must be one of (RFC 4475 §3.3.8 and 9). Saying the same thing twice
/// is forgiven.
fn doubled(asking: &Asking<'_>) -> Option<Fault> {
    let single = [FROM, TO, CALL_ID, CSEQ, MAX_FORWARDS, CONTENT_LENGTH];
    let is_doubled = |name: &Name| {
        let mut values = asking.head.values(*name);
        let first = values.next();
        values.any(|other| Some(other) != first)
    };
    single
        .iter()
        .any(is_doubled)
        .then_some(bad("Contradicting Headers"))
}

/// The first Via is where the answer goes to; of those behind it only their number matters.
fn vias(asking: &Asking<'_>) -> Option<Fault> {
    let hops = asking.head.values(VIA).flat_map(|v| address::split(v, ','));
    let mut sent = hops.map(|hop| address::behind(hop, ';').0.trim());
    let is_place = sent.next().and_then(Sent::parse).is_some_and(|sent| {
        let by: String = sent.by.split_whitespace().collect();
        is_token(sent.transport) && address::host_port(&by).is_some()
    });
    (!is_place || sent.any(str::is_empty)).then_some(bad("Malformed Via Header"))
}

/// RFC 3261 §8.1.1.5; the RFC wants less than 2³¹ and what we can count to is 2³².
fn number(asking: &Asking<'_>) -> Option<Fault> {
    let mut words = asking.head.value(CSEQ)?.split_whitespace();
    let number = words.next().filter(|n| is_digits(n));
    let is_whole = number.is_some_and(|n| n.parse::<u32>().is_ok())
        && words.next().is_some_and(is_token)
        && words.next().is_none();
    (!is_whole).then_some(bad("Malformed CSeq Header"))
}

/// Methods are told apart by case (RFC 3261 §7.1).
fn method(asking: &Asking<'_>) -> Option<Fault> {
    let is_known = METHODS.contains(&asking.line.method);
    (!is_known).then_some(Fault {
        status: 501,
        reason: "Not Implemented",
        hint: Some(("Allow", ALLOW)),
    })
}

fn own_number(asking: &Asking<'_>) -> Option<Fault> {
    let method = asking.head.value(CSEQ)?.split_whitespace().nth(1);
    (method != Some(asking.line.method)).then_some(bad("CSeq Method Mismatch"))
}

/// RFC 3261 §18.3.
fn length(asking: &Asking<'_>) -> Option<Fault> {
    let length = asking.head.value(CONTENT_LENGTH)?;
    let length = Some(length).filter(|l| is_digits(l));
    let Some(length) = length.and_then(|l| l.parse::<usize>().ok()) else {
        return Some(bad("Malformed Content-Length Header"));
    };
    match asking.body {
        Some(body) if length > body => Some(bad("Content-Length Exceeds Message")),
        Some(_) => None,
        // Whoever cuts streams asks only about what it cannot take.
        None => Some(Fault {
            status: 513,
            reason: "Message Too Large",
            hint: None,
        }),
    }
}

fn parties(asking: &Asking<'_>) -> Option<Fault> {
    let malformed = |name| {
        let mut values = asking.head.values(name);
        values.any(|value| !address::is_well_formed(value))
    };
    if malformed(FROM) {
        return Some(bad("Malformed From Header"));
    }
    if malformed(TO) {
        return Some(bad("Malformed To Header"));
    }
    // Elsewhere nobody looks at it, least of all in a BYE.
    let is_read = ["INVITE", "UPDATE", "REGISTER", "SUBSCRIBE"].contains(&asking.line.method);
    let mut contacts = asking.head.values(CONTACT).flat_map(address::list);
    let is_bad = |contact: &str| contact != "*" && !address::is_well_formed(contact);
    (is_read && contacts.any(is_bad)).then_some(bad("Malformed Contact Header"))
}

fn target(asking: &Asking<'_>) -> Option<Fault> {
    let uri = asking.line.uri;
    let malformed = Some(bad("Malformed Request-URI"));
    let Some((scheme, rest)) = uri.split_once(':') else {
        return malformed;
    };
    if !address::is_scheme(scheme) {
        return malformed;
    }
    match scheme.to_ascii_lowercase().as_str() {
        "sip" | "sips" => {
            let has_headers = rest.rsplit('@').next().is_some_and(|at| at.contains('?'));
            let is_uri = address::Uri::parse(uri).is_some() && !uri.contains(['<', '>', '"']);
            // Headers in it are for a Contact or a web page (RFC 3261 §19.1.1).
            (!is_uri || has_headers).then_some(bad("Malformed Request-URI"))
        }
        "tel" => rest.is_empty().then_some(bad("Malformed Request-URI")),
        _ => Some(Fault {
            status: 416,
            reason: "Unsupported URI Scheme",
            hint: None,
        }),
    }
}

/// What goes round in circles ends here before it starts anything. OPTIONS asks just that
/// (RFC 3261 §11), and inside a call the request has found its place.
fn hops(asking: &Asking<'_>) -> Option<Fault> {
    let left = asking.head.value(MAX_FORWARDS)?;
    let is_used_up = is_digits(left) && left.bytes().all(|b| b == b'0');
    let is_first = asking
        .head
        .value(TO)
        .and_then(address::NameAddr::parse)
        .is_some_and(|to| to.tag().is_none());
    let may_start = !["OPTIONS", "ACK", "CANCEL"].contains(&asking.line.method);
    (is_used_up && is_first && may_start).then_some(Fault {
        status: 483,
        reason: "Too Many Hops",
        hint: None,
    })
}

/// RFC 3261 §8.2.3. Who hangs up is not asked what it has written on the door.
fn coding(asking: &Asking<'_>) -> Option<Fault> {
    let coding = asking.head.value(CONTENT_ENCODING)?;
    let is_plain = coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    let is_read = !["ACK", "BYE", "CANCEL"].contains(&asking.line.method);
    (!is_plain && is_read && asking.body != Some(0)).then_some(Fault {
        status: 415,
        reason: "Unsupported Media Type",
        hint: Some(("Accept-Encoding", "identity")),
    })
}

/// A caller that takes no SDP cannot be answered with it (RFC 4475 §3.3.15).
fn accepted(asking: &Asking<'_>) -> Option<Fault> {
    if asking.line.method != "INVITE" {
        return None;
    }
    let ranges: Vec<_> = asking
        .head
        .values(ACCEPT)
        .flat_map(address::list)
        .map(|range| address::behind(range, ';').0.trim())
        .collect();
    let takes_sdp = ranges.iter().any(|range| {
        ["*", "*/*", "application/*", SDP]
            .iter()
            .any(|ours| range.eq_ignore_ascii_case(ours))
    });
    (!ranges.is_empty() && !takes_sdp).then_some(Fault {
        status: 406,
        reason: "Not Acceptable",
        hint: None,
    })
}

/// RFC 3261 §25.1.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The methods that the stack knows; which of them we serve is decided where calls are known.
const METHODS: &[&str] = &[
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "REGISTER",
    "INFO",
    "UPDATE",
    "PRACK",
    "MESSAGE",
    "NOTIFY",
    "SUBSCRIBE",
    "PUBLISH",
    "REFER",
];
