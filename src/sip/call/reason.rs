//! Why did the peer end the call, and how do we say it? (RFC 3326)

use std::fmt;

use rsipstack::sip::{Header, Headers, StatusCode};

use crate::sip::address;
use crate::sip::message;

/// What one side gives as the reason for its CANCEL or BYE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `SIP` with a status, `Q.850` with a cause of the telephone network, or another.
    pub protocol: String,
    /// The number, if there is one.
    pub cause: Option<u16>,
    /// Words for people; may be empty.
    pub text: String,
}

/// `Call completed elsewhere`, or what the number stands for when there are no words.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cause) = self.cause.filter(|_| self.text.is_empty()) else {
            let told = if self.text.is_empty() {
                &self.protocol
            } else {
                &self.text
            };
            return f.write_str(told);
        };
        if self.is_sip() {
            return match cause {
                // In a CANCEL: another phone was quicker (RFC 3326 §3.1).
                200 => f.write_str("answered elsewhere"),
                status => write!(f, "{status} {}", StatusCode::from(status).text()),
            };
        }
        let known = CAUSES.iter().find(|(number, _)| *number == cause);
        match known.filter(|_| self.protocol.eq_ignore_ascii_case("Q.850")) {
            Some((_, words)) => f.write_str(words),
            None => write!(f, "{} cause {cause}", self.protocol),
        }
    }
}

/// What a phone is told that another one was quicker than; it shows no missed call (RFC 3326 §3.1).
pub(crate) const ELSEWHERE: &str = "Call completed elsewhere";

impl Reason {
    /// A SIP status, and words of our own.
    pub(crate) fn sip(status: u16, text: &str) -> Self {
        Self {
            protocol: "SIP".to_owned(),
            cause: Some(status),
            text: text.to_owned(),
        }
    }

    /// As a header; who has no words for it sends none.
    pub(crate) fn header(&self) -> Option<Header> {
        let cause = self.cause.filter(|_| !self.text.is_empty())?;
        let (protocol, text) = (&self.protocol, address::quoted(&self.text));
        Some(Header::Reason(
            format!("{protocol};cause={cause};text={text}").into(),
        ))
    }

    fn is_sip(&self) -> bool {
        self.protocol.eq_ignore_ascii_case("SIP")
    }

    fn parse(entry: &str) -> Option<Self> {
        let mut parts = address::split(entry, ';').into_iter();
        let protocol = parts.next().unwrap_or_default().trim();
        let params: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let param = |name: &str| {
            let found = params
                .iter()
                .find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            found.map(|(_, value)| address::unquote(value.trim()))
        };
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
        if protocol.is_empty() || !protocol.chars().all(is_token) {
            return None;
        }
        let text = param("text").unwrap_or_default();
        Some(Self {
            protocol: protocol.to_owned(),
            cause: param("cause").and_then(|cause| cause.parse().ok()),
            text: text.chars().filter(|c| !c.is_control()).collect(),
        })
    }
}

/// The reason that says most to people: the first with words, else the first.
pub(crate) fn given(headers: &Headers) -> Option<Reason> {
    let mut reasons: Vec<_> = message::values(headers, "Reason")
        .flat_map(address::list)
        .filter_map(Reason::parse)
        .collect();
    if reasons.is_empty() {
        return None;
    }
    let telling = reasons.iter().position(|reason| !reason.text.is_empty());
    Some(reasons.swap_remove(telling.unwrap_or_default()))
}

/// The causes of ITU-T Q.850 that callers meet.
const CAUSES: [(u16, &str); 16] = [
    (1, "unassigned number"),
    (16, "normal call clearing"),
    (17, "user busy"),
    (18, "no user responding"),
    (19, "no answer from user"),
    (20, "subscriber absent"),
    (21, "call rejected"),
    (26, "answered elsewhere"),
    (27, "destination out of order"),
    (28, "invalid number"),
    (31, "normal, unspecified"),
    (34, "no circuit available"),
    (38, "network out of order"),
    (41, "temporary failure"),
    (88, "incompatible destination"),
    (102, "recovery on timer expiry"),
];

#[cfg(test)]
mod tests {
    use rsipstack::sip::Request;

    use super::*;

    fn told(lines: &str) -> Option<String> {
        let text = format!(
            "BYE sip:7@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:b@d>;tag=1\r\n\
             To: <sip:7@h>;tag=2\r\nCall-ID: x\r\nCSeq: 3 BYE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let request = Request::try_from(text.as_str()).unwrap();
        given(&request.headers).map(|reason| reason.to_string())
    }

    #[test]
    fn what_peers_say_is_told_in_words() {
        let table = [
            ("", None),
            ("Reason: \r\n", None),
            ("Reason: SIP;cause=200\r\n", Some("answered elsewhere")),
            (
                "Reason: SIP ;cause=200 ;text=\"Call completed elsewhere\"\r\n",
                Some("Call completed elsewhere"),
            ),
            ("Reason: Q.850;cause=17\r\n", Some("user busy")),
            (
                "Reason: Q.850 ; cause=16 ; text=\"Terminated, \\\"so\\\"\"\r\n",
                Some("Terminated, \"so\""),
            ),
            ("Reason: Q.850;cause=99\r\n", Some("Q.850 cause 99")),
            ("Reason: SIP;cause=486\r\n", Some("486 Busy Here")),
            ("Reason: preemption;cause=1\r\n", Some("preemption cause 1")),
            ("Reason: elsewhere\r\n", Some("elsewhere")),
            (
                "Reason: Q.850;cause=31, SIP;cause=600;text=\"no\"\r\n",
                Some("no"),
            ),
            (
                "Reason: Q.850;cause=19\r\nReason: SIP;cause=480\r\n",
                Some("no answer from user"),
            ),
            ("Reason: SIP;cause=many\r\n", Some("SIP")),
        ];
        for (lines, wanted) in table {
            assert_eq!(told(lines).as_deref(), wanted, "{lines}");
        }
    }

    #[test]
    fn what_we_write_is_what_we_read() {
        assert!(Reason::sip(200, "").header().is_none());
        let written = Reason::sip(487, "too \"long\"").header().unwrap();
        let line = format!("Reason: {}\r\n", written.value());
        assert_eq!(told(&line).as_deref(), Some("too \"long\""));
    }
}
