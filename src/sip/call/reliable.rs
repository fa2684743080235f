//! Has the caller heard what we said before the answer? (RFC 3262, called side)
//!
//! One response at a time: the next one, and the answer, wait for the PRACK.

use std::time::Duration;

use rsipstack::sip::{Header, Headers, Response};
use tokio::time::Instant;

use crate::sip::message;

/// The reliable provisional responses to one INVITE.
pub(crate) struct Reliable {
    t1: Duration,
    /// The number of the last response.
    rseq: u32,
    sent: Option<Sent>,
}

/// A response that waits for its PRACK.
struct Sent {
    response: Response,
    interval: Duration,
    repeat_at: Instant,
    give_up_at: Instant,
}

/// What time asks for.
pub(crate) enum Due {
    Repeat(Box<Response>),
    /// The caller has gone; 64 × T1 without a PRACK.
    GiveUp,
}

impl Reliable {
    /// `first` is any number; the peer must not be able to guess it.
    pub(crate) fn new(t1: Duration, first: u64) -> Self {
        Self {
            t1,
            // RFC 3262 §3: below 2^31.
            rseq: u32::try_from(first >> 34).unwrap_or_default(),
            sent: None,
        }
    }

    /// The headers that make the next response a reliable one.
    pub(crate) fn headers(&mut self) -> Vec<Header> {
        self.rseq += 1;
        vec![
            Header::Require(message::RELIABLE.into()),
            Header::RSeq(self.rseq.to_string().into()),
        ]
    }

    /// A response with those headers has been sent.
    pub(crate) fn sent(&mut self, response: Response, now: Instant) {
        self.sent = Some(Sent {
            response,
            interval: self.t1,
            repeat_at: now + self.t1,
            give_up_at: now + self.t1 * 64,
        });
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.sent.is_some()
    }

    /// Whether a PRACK is for the response that waits.
    pub(crate) fn handle_prack(&mut self, headers: &Headers, invite_seq: u32) -> bool {
        let value = message::value(headers, "RAck").unwrap_or_default();
        let mut words = value.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
        let is_ours = number() == Some(self.rseq) && number() == Some(invite_seq);
        is_ours && self.sent.take().is_some()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.sent
            .as_ref()
            .map(|sent| sent.repeat_at.min(sent.give_up_at))
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let sent = self.sent.as_mut()?;
        if sent.give_up_at <= now {
            self.sent = None;
            return Some(Due::GiveUp);
        }
        if sent.repeat_at > now {
            return None;
        }
        sent.interval *= 2;
        sent.repeat_at = now + sent.interval;
        Some(Due::Repeat(Box::new(sent.response.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::Request;

    const T1: Duration = Duration::from_millis(500);

    fn prack(rack: &str) -> Headers {
        let text = format!(
            "PRACK sip:7@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:b@d>;tag=1\r\n\
             To: <sip:7@h>;tag=2\r\nCall-ID: x\r\nCSeq: 4 PRACK\r\nRAck: {rack}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        Request::try_from(text.as_str()).unwrap().headers
    }

    fn waiting(now: Instant) -> Reliable {
        let mut reliable = Reliable::new(T1, 0);
        assert_eq!(reliable.headers()[1].to_string(), "RSeq: 1");
        let ringing = "SIP/2.0 180 Ringing\r\nCSeq: 3 INVITE\r\n\r\n";
        reliable.sent(Response::try_from(ringing).unwrap(), now);
        reliable
    }

    #[test]
    fn only_the_right_prack_counts_and_only_once() {
        let mut reliable = waiting(Instant::now());
        for wrong in ["2 3 INVITE", "1 4 INVITE", "1", "", "x 3 INVITE"] {
            assert!(!reliable.handle_prack(&prack(wrong), 3), "{wrong}");
        }
        assert!(reliable.is_waiting());
        assert!(reliable.handle_prack(&prack("1 3 INVITE"), 3));
        assert!(!reliable.handle_prack(&prack("1 3 INVITE"), 3));
        assert_eq!(reliable.headers()[1].to_string(), "RSeq: 2");
    }

    #[test]
    fn a_response_is_repeated_ever_more_seldom_and_then_given_up() {
        let start = Instant::now();
        let mut reliable = waiting(start);
        let mut repeated_at = Vec::new();
        while let Some(at) = reliable.poll_timeout() {
            match reliable.handle_timeout(at) {
                Some(Due::Repeat(_)) => repeated_at.push((at - start).as_millis()),
                Some(Due::GiveUp) => assert_eq!(at - start, T1 * 64),
                None => panic!("woken for nothing"),
            }
        }
        assert_eq!(repeated_at, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut reliable = Reliable::new(T1, u64::MAX);
        reliable.headers();
        assert!(reliable.rseq < 1 << 31);
    }
}
