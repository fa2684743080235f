//! How is a session description read that is not quite what RFC 8866 asks for?
//!
//! Phones and ATAs send bare LF, stray blanks, fractions in `b=`, names with blanks in `o=`,
//! several `c=` lines, or forget `s=` and `t=`. We need `c=`, `m=` and `a=` only, so the others
//! are left out before the strict parser sees the text.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Media, Session};

use crate::sdp::{Direction, Refusal};

/// Longer texts are not read: an honest description has under 4 kB.
const MAX_LEN: usize = 64 * 1024;

/// Reads a description; an error says what is missing.
pub(super) fn parse(text: &str) -> Result<Session, Refusal> {
    if text.len() > MAX_LEN {
        return Err(Refusal::Malformed("too long".into()));
    }
    Session::parse(tidied(text)?.as_bytes())
        .map_err(|e| Refusal::Malformed(e.to_string().to_lowercase()))
}

/// The lines that matter, in the form the parser wants.
fn tidied(text: &str) -> Result<String, Refusal> {
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .split(['\r', '\n', '\0'])
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let version = lines.next().unwrap_or_default();
    if split_line(version) != Some(('v', "0")) {
        return Err(Refusal::Malformed(
            "the first line is not \"v=0\"".to_owned(),
        ));
    }

    let mut out = String::from("v=0\r\n");
    let mut in_media = false;
    let mut has_session_connection = false;
    for (key, value) in lines.filter_map(split_line) {
        let keep = match key {
            'm' => {
                in_media = true;
                true
            }
            'c' => in_media || !std::mem::replace(&mut has_session_connection, true),
            'a' => true,
            _ => false,
        };
        if !keep {
            continue;
        }
        out.push(key);
        out.push('=');
        if key == 'a' {
            out.push_str(value);
        } else {
            push_words(&mut out, value);
        }
        out.push_str("\r\n");
    }
    Ok(out)
}

/// Key and value of a line; some peers put blanks around the equals sign or write the key large.
fn split_line(line: &str) -> Option<(char, &str)> {
    let (key, value) = line.split_once('=')?;
    let mut key = key.trim().chars();
    match (key.next(), key.next()) {
        (Some(key), None) => Some((key.to_ascii_lowercase(), value.trim())),
        _ => None,
    }
}

fn push_words(out: &mut String, value: &str) {
    for (i, word) in value.split_whitespace().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// The value of the first attribute `name` of the stream, or of the session if it has none.
pub(super) fn attribute<'a>(session: &'a Session, media: &'a Media, name: &str) -> Option<&'a str> {
    media
        .attributes
        .iter()
        .chain(&session.attributes)
        .find(|a| a.attribute.trim().eq_ignore_ascii_case(name))
        .and_then(|a| a.value.as_deref())
        .map(str::trim)
}

/// The direction the peer gives the stream: its own, else the session's, else both ways.
pub(super) fn direction(session: &Session, media: &Media) -> Direction {
    media
        .attributes
        .iter()
        .chain(&session.attributes)
        .find_map(|a| Direction::from_name(a.attribute.trim()))
        .unwrap_or(Direction::SendRecv)
}

/// Where the peer receives a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    At(SocketAddr),
    /// 0.0.0.0 or ::, which was "hold" before RFC 3264 (section 8.4).
    Held,
    /// A host name, a multicast group, or nothing readable; its packets will show where it is.
    Unknown,
}

/// Where the peer receives the stream: its own `c=`, else the session's.
pub(super) fn place(session: &Session, media: &Media) -> Place {
    let address = media
        .connections
        .first()
        .or(session.connection.as_ref())
        .and_then(|c| ip(&c.connection_address));
    match address {
        None => Place::Unknown,
        Some(ip) if ip.is_unspecified() => Place::Held,
        Some(ip) if ip.is_multicast() => Place::Unknown,
        Some(ip) => Place::At(SocketAddr::new(ip, media.port)),
    }
}

/// The address without TTL, brackets or the zone of a link-local address.
fn ip(text: &str) -> Option<IpAddr> {
    text.split(['/', '%'])
        .next()?
        .trim_matches(['[', ']'])
        .parse()
        .ok()
}
