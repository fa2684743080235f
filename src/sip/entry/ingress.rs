//! What does the stack get to see of the bytes that arrived?
//!
//! Every datagram and every framed message of a stream passes here before it is parsed. What
//! phones and adapters commonly get wrong is put right, what nobody can serve is answered on
//! the spot, and what is no SIP at all is dropped.
//!
//! ```text
//!                        ┌──► Deliver ──► rsipstack
//! datagram() ─┬► head ─► judge ─► Answer ──► back to the peer
//! framed()  ──┘          └──► Ignore ──► counted
//! ```

use std::borrow::Cow;

use crate::sip::entry::head::{CALL_ID, CONTENT_LENGTH, CSEQ, Extent, FROM, Field, Head, VIA};
use crate::sip::entry::judge::{self, Asking, Fault, Line};
use crate::sip::entry::spelling;

pub use crate::sip::entry::echo::{Answer, SLACK};

/// What to do with one message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Bytes that a strict parser understands.
    Deliver(Cow<'a, [u8]>),
    /// A request that can be refused without a second look.
    Answer(Answer<'a>),
    /// Nothing that deserves an answer.
    Ignore(Ignored),
}

/// Why a message goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Only line ends, blanks or zero bytes: a NAT keep-alive (RFC 5626 §3.5).
    KeepAlive,
    /// The first line is neither a request nor a status line.
    NotSip,
    /// The header ends in the middle of a line.
    Truncated,
    /// An answer or an ACK that belongs to nothing, or a request that names no way back.
    Malformed,
}

/// Judges and repairs one datagram.
pub fn datagram(raw: &[u8]) -> Verdict<'_> {
    let raw = match begin(raw) {
        Ok(raw) => raw,
        Err(why) => return Verdict::Ignore(why),
    };
    match Extent::of(raw).or_else(|| Extent::without_blank_line(raw)) {
        Some(extent) => verdict(raw, extent, Some(raw.len() - extent.body)),
        None => Verdict::Ignore(Ignored::Truncated),
    }
}

/// Judges and repairs one whole message that the framing of a stream has cut out.
pub fn framed(raw: &[u8]) -> Verdict<'_> {
    datagram(raw)
}

/// What to say to a peer whose stream cannot be followed any more; `head` is the last header
/// that came.
pub(crate) fn last_words(head: &[u8]) -> Verdict<'_> {
    match (begin(head), Extent::of(head)) {
        (Ok(raw), Some(extent)) if raw.len() == head.len() => verdict(raw, extent, None),
        _ => Verdict::Ignore(Ignored::NotSip),
    }
}

/// The answer to a delivered message that the stack cannot make sense of after all.
pub(crate) fn not_understood(raw: &[u8]) -> Verdict<'_> {
    let Some(extent) = Extent::of(raw) else {
        return Verdict::Ignore(Ignored::Malformed);
    };
    let head = Head::read(raw, extent);
    let fault = Fault {
        status: 400,
        reason: "Bad Request",
        hint: None,
    };
    refused(head, fault, raw.len())
}

/// The message without line ends in front, which are allowed (RFC 3261 §7.5).
fn begin(raw: &[u8]) -> Result<&[u8], Ignored> {
    let start = raw.iter().position(|b| !is_padding(*b));
    let raw = &raw[start.ok_or(Ignored::KeepAlive)?..];
    let first = raw.split(|&b| b == b'\n').next().unwrap_or_default();
    if is_start_line(first) {
        return Ok(raw);
    }
    Err(Ignored::NotSip)
}

fn verdict(raw: &[u8], extent: Extent, body: Option<usize>) -> Verdict<'_> {
    let head = Head::read(raw, extent);
    if is_response(&head.start) {
        return match is_answer(&head) {
            true => Verdict::Deliver(repaired(raw, extent, &head)),
            false => Verdict::Ignore(Ignored::Malformed),
        };
    }
    let fault = judge::fault(&Asking {
        head: &head,
        line: Line::read(&head.start),
        body,
    });
    match fault {
        Some(fault) => refused(head, fault, raw.len()),
        None => Verdict::Deliver(repaired(raw, extent, &head)),
    }
}

fn refused(head: Head<'_>, fault: Fault, asked: usize) -> Verdict<'_> {
    let is_ack = Line::read(&head.start).method.eq_ignore_ascii_case("ACK");
    // RFC 3261 §17.1.1.3: an ACK is never answered; without Via no answer finds its way.
    if is_ack || is_response(&head.start) || head.value(VIA).is_none() {
        return Verdict::Ignore(Ignored::Malformed);
    }
    Verdict::Answer(Answer { fault, head, asked })
}

/// Whether a response can belong to anything (RFC 4475 §3.1.2.5 and 19).
fn is_answer(head: &Head<'_>) -> bool {
    let code = head.start.split(' ').nth(1).unwrap_or_default();
    let seq = head.value(CSEQ).and_then(|v| v.split_whitespace().next());
    code.len() == 3
        && code.parse().is_ok_and(|code| (100..700).contains(&code))
        && seq.is_some_and(|seq| seq.parse::<u32>().is_ok())
        && [VIA, FROM, CALL_ID]
            .iter()
            .all(|&name| head.value(name).is_some())
}

/// The message as the stack needs it.
fn repaired<'a>(raw: &'a [u8], extent: Extent, head: &Head<'a>) -> Cow<'a, [u8]> {
    let body = &raw[extent.body..];
    let length = head.value(CONTENT_LENGTH).and_then(|l| l.parse().ok());
    // What follows a message in its datagram is no part of it (RFC 3261 §18.3).
    let body = &body[..length.unwrap_or(body.len()).min(body.len())];
    let start = spelling::start(&head.start);
    let is_spelt = head.is_plain
        && start == head.start
        && head
            .fields
            .iter()
            .all(|field| matches!(spelling::respelt(field), Cow::Borrowed(_)));
    if is_spelt && length.is_some() {
        return Cow::Borrowed(&raw[..extent.body + body.len()]);
    }
    let mut out = Vec::with_capacity(raw.len() + 64);
    let mut line = |parts: [&str; 3]| {
        parts
            .iter()
            .for_each(|part| out.extend_from_slice(part.as_bytes()));
        out.extend_from_slice(b"\r\n");
    };
    line([&start, "", ""]);
    // One that is no number would contradict the one below.
    let is_kept = |field: &&Field<'_>| length.is_some() || !field.is(CONTENT_LENGTH);
    for field in head.fields.iter().filter(is_kept) {
        line([&field.name, ": ", &spelling::respelt(field)]);
    }
    if length.is_none() {
        // RFC 3261 §18.3: without it, a datagram's body is all that is left.
        line(["Content-Length: ", &body.len().to_string(), ""]);
    }
    line(["", "", ""]);
    out.extend_from_slice(body);
    Cow::Owned(out)
}

fn is_start_line(line: &[u8]) -> bool {
    if is_version(line) {
        return true;
    }
    let begins = line.first().is_some_and(|&b| judge::is_token_byte(b));
    begins
        && line
            .windows(5)
            .any(|part| part[0] == b' ' && is_version(&part[1..]))
}

fn is_version(text: &[u8]) -> bool {
    text.len() >= 4 && text[..4].eq_ignore_ascii_case(b"SIP/")
}

fn is_response(start: &str) -> bool {
    is_version(start.as_bytes())
}

fn is_padding(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0)
}

#[cfg(test)]
mod tests;
