//! How are the fields spelt that the stack has to understand?
//!
//! RFC 3261 §25.1 lets blanks stand nearly everywhere. The stack's parser wants Via, From, To
//! and CSeq without them, and an empty name for a caller that has none.

use std::borrow::Cow;

use crate::sip::address::{self, NameAddr};
use crate::sip::entry::head::{CSEQ, FROM, Field, TO, VIA};

/// Stands for the tag of a caller that sets none, as RFC 2543 allowed. It never leaves.
pub(crate) const NO_TAG: &str = ";tag=rfc2543-without";

/// The first line of a message, without blanks at its end and with SIP in capitals.
pub(crate) fn start(line: &str) -> Cow<'_, str> {
    const VERSION: &str = " SIP/2.0";
    let line = line.trim_end();
    match line
        .len()
        .checked_sub(VERSION.len())
        .and_then(|at| line.split_at_checked(at))
    {
        Some((begun, version)) if version.eq_ignore_ascii_case(VERSION) && version != VERSION => {
            Cow::Owned(format!("{begun}{VERSION}"))
        }
        Some(_) | None => Cow::Borrowed(line),
    }
}

/// The value of a field as the stack needs it.
pub(crate) fn respelt<'a>(field: &'a Field<'_>) -> Cow<'a, str> {
    if field.is(VIA) {
        return via(&field.value);
    }
    if field.is(FROM) {
        return tagged(party(&field.value));
    }
    if field.is(TO) {
        return party(&field.value);
    }
    if field.is(CSEQ) {
        return words(&field.value);
    }
    Cow::Borrowed(&field.value)
}

/// Takes the stand-in of `respelt` out of a message that leaves.
pub(crate) fn without_stand_in(message: &[u8]) -> Cow<'_, [u8]> {
    let mark = NO_TAG.as_bytes();
    let find = |rest: &[u8]| rest.windows(mark.len()).position(|part| part == mark);
    let Some(mut at) = find(message) else {
        return Cow::Borrowed(message);
    };
    let (mut out, mut rest) = (Vec::with_capacity(message.len()), message);
    loop {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + mark.len()..];
        match find(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// `SIP/2.0/UDP host:port;name=value`, with one blank only.
fn via(value: &str) -> Cow<'_, str> {
    let mut blanks = value.bytes().filter(u8::is_ascii_whitespace);
    if blanks.next() == Some(b' ') && blanks.next().is_none() {
        return Cow::Borrowed(value);
    }
    let hops: Vec<_> = address::list(value).into_iter().map(hop).collect();
    Cow::Owned(hops.join(", "))
}

fn hop(text: &str) -> String {
    let (sent, params) = address::behind(text, ';');
    let Some(parts) = Sent::parse(sent) else {
        return text.to_owned();
    };
    let Sent {
        protocol,
        version,
        transport,
        by,
    } = parts;
    let by: String = by.split_whitespace().collect();
    format!(
        "{protocol}/{version}/{transport} {by}{}",
        closed_up(params, ';')
    )
}

/// What stands in a Via before its parameters.
pub(crate) struct Sent<'a> {
    protocol: &'a str,
    version: &'a str,
    pub(crate) transport: &'a str,
    pub(crate) by: &'a str,
}

impl<'a> Sent<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(3, '/').map(str::trim);
        let (protocol, version, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let (transport, by) = rest.split_once([' ', '\t'])?;
        let by = by.trim();
        let whole = [protocol, version, transport, by];
        whole.iter().all(|part| !part.is_empty()).then_some(Self {
            protocol,
            version,
            transport,
            by,
        })
    }
}

/// A From or To whose parameters have no blanks.
fn party(value: &str) -> Cow<'_, str> {
    let (who, params) = address::behind(value, ';');
    if !params.contains([' ', '\t']) && !who.ends_with([' ', '\t']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("{}{}", who.trim_end(), closed_up(params, ';')))
}

fn tagged(value: Cow<'_, str>) -> Cow<'_, str> {
    let needs_tag = NameAddr::parse(&value).is_some_and(|from| from.tag().is_none());
    if needs_tag && !value.ends_with(NO_TAG) {
        return Cow::Owned(format!("{value}{NO_TAG}"));
    }
    value
}

/// Words with one blank in between.
fn words(value: &str) -> Cow<'_, str> {
    if !value.contains("  ") && !value.contains('\t') {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Parameters, each with its separator in front, without blanks and empty ones.
fn closed_up(params: &str, separator: char) -> String {
    let mut out = String::with_capacity(params.len());
    for part in address::split(params, separator) {
        let (name, value) = address::behind(part, '=');
        if name.trim().is_empty() {
            continue;
        }
        out.push(separator);
        out.push_str(name.trim());
        if let Some(value) = value.strip_prefix('=') {
            out.push('=');
            out.push_str(value.trim());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(name: &str, value: &str) -> String {
        let field = Field {
            name: name.into(),
            value: value.into(),
        };
        respelt(&field).into_owned()
    }

    #[test]
    fn blanks_that_the_grammar_allows_go() {
        let table = [
            ("Via", "SIP/2.0/UDP a;branch=b", "SIP/2.0/UDP a;branch=b"),
            (
                "v",
                "SIP / 2.0 / UDP  a : 5060 ; branch = b ;rport",
                "SIP/2.0/UDP a:5060;branch=b;rport",
            ),
            (
                "Via",
                "SIP/2.0/UDP a;x=\"; ,\" ,SIP/2.0/TCP b ;c",
                "SIP/2.0/UDP a;x=\"; ,\", SIP/2.0/TCP b;c",
            ),
            ("To", "sip:a@b ;   tag    = 1", "sip:a@b;tag=1"),
            (
                "f",
                "\"A ; \\\"\" <sip:a@b;x> ; tag = 1",
                "\"A ; \\\"\" <sip:a@b;x>;tag=1",
            ),
            ("CSeq", "0009   INVITE", "0009 INVITE"),
            ("Subject", "a  b", "a  b"),
        ];
        for (name, value, wanted) in table {
            assert_eq!(spelt(name, value), wanted);
        }
    }

    #[test]
    fn a_caller_without_a_tag_gets_one_that_never_leaves() {
        let from = spelt("From", "<sip:a@b>");
        assert_eq!(from, format!("<sip:a@b>{NO_TAG}"));
        let empty = spelt("From", "<sip:a@b>;tag");
        assert_eq!(spelt("From", &empty), empty);
        let twice = format!("x{from}y{from}");
        assert_eq!(
            &*without_stand_in(twice.as_bytes()),
            b"x<sip:a@b>y<sip:a@b>"
        );
        assert!(matches!(without_stand_in(b"plain"), Cow::Borrowed(_)));
        assert_eq!(spelt("To", "<sip:a@b>"), "<sip:a@b>");
    }
}
