//! Which part of a body is the session description? (RFC 2046 §5.1, RFC 5621)

use std::borrow::Cow;

use crate::sip::address;
use crate::sip::entry::head::text;

/// The media type of the sessions we speak.
pub(crate) const SDP: &str = "application/sdp";

/// The session description in a body of that type; a body without a type is taken for one.
pub(crate) fn session<'a>(kind: Option<&str>, body: &'a [u8]) -> Option<Cow<'a, str>> {
    part(kind.unwrap_or(SDP), body, DEPTH).map(text)
}

fn part<'a>(kind: &str, body: &'a [u8], depth: usize) -> Option<&'a [u8]> {
    let (name, params) = address::behind(kind, ';');
    let name = name.trim();
    if name.eq_ignore_ascii_case(SDP) {
        return (!body.is_empty()).then_some(body);
    }
    let is_many = name
        .get(..MULTIPART.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART));
    if !is_many || depth == 0 {
        return None;
    }
    let boundary = address::param(params, "boundary")?.trim_matches('"');
    let delimiter = format!("--{boundary}");
    Parts {
        rest: body,
        delimiter: delimiter.as_bytes(),
    }
    .find_map(|bytes| of_part(bytes, depth - 1))
}

/// What one part of many holds; its header is read as leniently as that of a message.
fn of_part(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let mut kind: Option<String> = None;
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|&b| b == b'\n')?;
        let line = text(rest[..end].trim_ascii_end()).into_owned();
        rest = &rest[end + 1..];
        if line.is_empty() {
            return part(&kind?, rest, depth);
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => kind = Some(value.trim().to_owned()),
            // Early media and rings are described in the same type (RFC 3959 §4).
            "content-disposition" if !is_session(value) => return None,
            "content-transfer-encoding" if !is_verbatim(value) => return None,
            _ => {}
        }
    }
}

fn is_session(disposition: &str) -> bool {
    let (what, _) = address::behind(disposition, ';');
    what.trim().eq_ignore_ascii_case("session")
}

fn is_verbatim(coding: &str) -> bool {
    ["7bit", "8bit", "binary"]
        .iter()
        .any(|plain| coding.trim().eq_ignore_ascii_case(plain))
}

/// The parts of a body between the lines that begin with the delimiter.
struct Parts<'a, 'b> {
    rest: &'a [u8],
    delimiter: &'b [u8],
}

impl<'a> Iterator for Parts<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = delimiter(self.rest, self.delimiter)?;
        let behind = &self.rest[start + self.delimiter.len()..];
        if behind.starts_with(b"--") {
            return None;
        }
        let line = behind.iter().position(|&b| b == b'\n')?;
        let part = &behind[line + 1..];
        // One whose end got lost goes on to the end of the body.
        let end = delimiter(part, self.delimiter).unwrap_or(part.len());
        self.rest = &part[end..];
        // The line end in front of a delimiter belongs to it.
        let part = &part[..end];
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

/// Where a line begins with the delimiter.
fn delimiter(bytes: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        if bytes[at..].starts_with(delimiter) {
            return Some(at);
        }
        at += bytes[at..].iter().position(|&b| b == b'\n')? + 1;
    }
}

const MULTIPART: &str = "multipart/";

/// Parts in parts: signed ones hold mixed ones, and nobody goes further.
const DEPTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(kind: &str, body: &str) -> Option<String> {
        session(Some(kind), body.as_bytes()).map(Cow::into_owned)
    }

    #[test]
    fn a_description_is_found_alone_and_among_others() {
        assert_eq!(session(None, b"v=0").as_deref(), Some("v=0"));
        assert_eq!(found("Application/SDP;x=1", "v=0").as_deref(), Some("v=0"));
        assert_eq!(found("application/sdp", ""), None);
        assert_eq!(found("text/plain", "v=0"), None);
        let mixed = "preamble\r\n--b1\r\nContent-Type: application/isup\r\n\r\n\x01\r\n\
            --b1\r\ncontent-type : application/sdp\r\n\
            Content-Disposition: session;handling=required\r\n\r\nv=0\r\ns=-\r\n\r\n--b1--\r\n";
        let kind = "multipart/mixed; boundary=\"b1\"";
        assert_eq!(found(kind, mixed).as_deref(), Some("v=0\r\ns=-\r\n"));
        let bare = mixed.replace("\r\n", "\n");
        assert_eq!(found(kind, &bare).as_deref(), Some("v=0\ns=-\n"));
        assert_eq!(found("multipart/mixed", mixed), None);
        assert_eq!(found("multipart/mixed;boundary=x", mixed), None);
    }

    #[test]
    fn parts_for_another_purpose_are_passed_over() {
        let kind = "multipart/alternative;boundary=b";
        let early = "--b\r\nContent-Type: application/sdp\r\n\
            Content-Disposition: early-session\r\n\r\nv=1\r\n--b\r\n\
            Content-Type: application/sdp\r\n\r\nv=0\r\n--b--";
        assert_eq!(found(kind, early).as_deref(), Some("v=0"));
        let coded = "--b\r\nContent-Type: application/sdp\r\n\
            Content-Transfer-Encoding: base64\r\n\r\ndj0w\r\n--b--";
        assert_eq!(found(kind, coded), None);
    }

    #[test]
    fn parts_may_hold_parts_and_lose_their_end() {
        let nested = "--o\r\nContent-Type: multipart/mixed;boundary=i\r\n\r\n--i\r\n\
            Content-Type: application/sdp\r\n\r\nv=0\r\n--i--\r\n--o\r\n";
        let kind = "multipart/signed;boundary=o";
        assert_eq!(found(kind, nested).as_deref(), Some("v=0"));
        let cut = "--o\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
        assert_eq!(found(kind, cut).as_deref(), Some("v=0"));
    }

    proptest! {
        #[test]
        fn arbitrary_parts_never_panic(body in "(--b|\r\n|Content-Type:|multipart/x|;boundary=b|x){0,40}") {
            let _ = found("multipart/mixed;boundary=b", &body);
        }
    }
}
