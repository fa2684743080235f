//! How is a request answered that nobody will remember? (RFC 3261 §8.2.7)
//!
//! The answer is made of the request's own fields. It goes to where the request came from,
//! whoever that says it is, so it must not be worth forging one: it is about as long as the
//! request at most.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use crate::sip::address::{self, NameAddr};
use crate::sip::entry::head::{CALL_ID, CSEQ, FROM, Head, TO, VIA};
use crate::sip::entry::judge::Fault;
use crate::sip::entry::spelling::Sent;

/// An answer on the spot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub(crate) fault: Fault,
    pub(crate) head: Head<'a>,
    /// The bytes that came.
    pub(crate) asked: usize,
}

/// How many bytes an answer may have more than its request: our tag, where the request came
/// from, and one header with a hint.
pub const SLACK: usize = 128;

impl Answer<'_> {
    /// The status that is given.
    pub fn status(&self) -> u16 {
        self.fault.status
    }

    /// The bytes for the peer that asked; `None` if they would be too many.
    pub fn to(&self, peer: SocketAddr) -> Option<Vec<u8>> {
        let most = self.asked + SLACK;
        let fits = |text: &String| text.len() <= most;
        let with_hint = self.text(peer, self.fault.hint);
        let text = Some(with_hint)
            .filter(fits)
            .or_else(|| Some(self.text(peer, None)).filter(fits))?;
        Some(text.into_bytes())
    }

    fn text(&self, peer: SocketAddr, hint: Option<(&str, &str)>) -> String {
        let Fault { status, reason, .. } = self.fault;
        let mut out = format!("SIP/2.0 {status} {reason}\r\n");
        for (n, via) in self.head.values(VIA).enumerate() {
            if n == 0 {
                line(&mut out, "Via", &received(via, peer));
            } else {
                line(&mut out, "Via", via);
            }
        }
        for (name, key) in [
            ("From", FROM),
            ("To", TO),
            ("Call-ID", CALL_ID),
            ("CSeq", CSEQ),
        ] {
            let Some(value) = self.head.value(key) else {
                continue;
            };
            if key == TO && needs_tag(value) {
                line(&mut out, name, &format!("{value};tag={:x}", self.tag()));
            } else {
                line(&mut out, name, value);
            }
        }
        if let Some((name, value)) = hint {
            line(&mut out, name, value);
        }
        out.push_str("Content-Length: 0\r\n\r\n");
        out
    }

    /// The same for a request that comes again.
    fn tag(&self) -> u32 {
        let mut hash = DefaultHasher::new();
        for key in [VIA, FROM, CALL_ID, CSEQ] {
            self.head.value(key).hash(&mut hash);
        }
        // Half of it is unique enough, and shorter.
        (hash.finish() >> 32) as u32
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    // A String takes all that is written to it.
    let _ = write!(out, "{name}: {value}\r\n");
}

fn needs_tag(to: &str) -> bool {
    address::is_well_formed(to) && NameAddr::parse(to).is_some_and(|to| to.tag().is_none())
}

/// The first Via value with the place that the request came from (RFC 3261 §18.2.1, RFC 3581).
fn received(via: &str, peer: SocketAddr) -> String {
    let (hop, others) = address::behind(via, ',');
    let (sent, params) = address::behind(hop, ';');
    let Some(by) = Sent::parse(sent.trim()).map(|sent| sent.by) else {
        return via.to_owned();
    };
    let mut out = sent.trim_end().to_owned();
    let mut wants_port = false;
    for param in address::split(params, ';').into_iter().skip(1) {
        let name = address::behind(param, '=').0.trim();
        wants_port |= name.eq_ignore_ascii_case("rport");
        if !["rport", "received"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
        {
            out.push(';');
            out.push_str(param.trim());
        }
    }
    let is_there = address::host_port(by)
        .and_then(|(host, _)| host.parse().ok())
        .is_some_and(|ip: std::net::IpAddr| ip == peer.ip());
    if !is_there || wants_port {
        let _ = write!(out, ";received={}", peer.ip());
    }
    if wants_port {
        let _ = write!(out, ";rport={}", peer.port());
    }
    out + others
}
