//! Where do requests inside a call go, and how are they numbered? (RFC 3261 §12)

use rsipstack::sip::{Header, Method, Request, Response, Version};

use crate::sip::address::{self, NameAddr};
use crate::sip::message;

/// What two parties have agreed on by an INVITE and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) key: Key,
    /// Our From or To value, with our tag.
    local: String,
    /// The peer's From or To value, with its tag.
    remote: String,
    local_seq: u32,
    remote_seq: Option<u32>,
    /// The address in the peer's Contact.
    target: String,
    routes: Vec<String>,
}

/// What a message names its dialog by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: String,
}

impl Key {
    /// The dialog that a request of the peer is meant for.
    pub(crate) fn of_request(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: message::call_id(request),
            local_tag: message::tag(&request.headers, "To")?,
            remote_tag: message::tag(&request.headers, "From").unwrap_or_default(),
        })
    }
}

impl Dialog {
    /// The dialog that answering `invite` under `local_tag` makes (§12.1.1).
    pub(crate) fn invited(invite: &Request, local_tag: &str) -> Self {
        let value = |name| message::value(&invite.headers, name).unwrap_or_default();
        let (from, to) = (value("From").to_owned(), value("To"));
        let target = message::contact(&invite.headers)
            .or_else(|| Some(NameAddr::parse(&from)?.uri.to_owned()))
            .unwrap_or_default();
        Self {
            key: Key {
                call_id: message::call_id(invite),
                local_tag: local_tag.to_owned(),
                remote_tag: message::tag(&invite.headers, "From").unwrap_or_default(),
            },
            local: format!("{to};tag={local_tag}"),
            remote: from,
            local_seq: 0,
            remote_seq: Some(message::seq(&invite.headers)),
            target,
            routes: message::recorded_routes(&invite.headers),
        }
    }

    /// The dialog that `answer` to our `invite` makes (§12.1.2).
    pub(crate) fn answered(invite: &Request, answer: &Response) -> Self {
        let value = |name| message::value(&answer.headers, name).unwrap_or_default();
        let mut routes = message::recorded_routes(&answer.headers);
        routes.reverse();
        let target = message::contact(&answer.headers);
        Self {
            key: Key {
                call_id: message::call_id(invite),
                local_tag: message::tag(&invite.headers, "From").unwrap_or_default(),
                remote_tag: message::tag(&answer.headers, "To").unwrap_or_default(),
            },
            local: value("From").to_owned(),
            remote: value("To").to_owned(),
            local_seq: message::seq(&invite.headers),
            remote_seq: None,
            target: target.unwrap_or_else(|| invite.uri.to_string()),
            routes,
        }
    }

    /// Leaves out numbers that requests of ours may have used already.
    pub(crate) fn skip(&mut self, n: u32) {
        self.local_seq += n;
    }

    /// Goes on counting where the early dialog has got to.
    pub(crate) fn continue_from(&mut self, early: &Self) {
        self.local_seq = self.local_seq.max(early.local_seq);
        self.remote_seq = self.remote_seq.max(early.remote_seq);
    }

    /// Our next request, without body (§12.2.1.1).
    pub(crate) fn request(&mut self, method: Method, via: String) -> Request {
        self.local_seq += 1;
        self.build(method, self.local_seq, via)
    }

    /// The ACK for a 2xx to our INVITE of that number (§13.2.2.4).
    pub(crate) fn ack(&self, seq: u32, via: String) -> Request {
        self.build(Method::Ack, seq, via)
    }

    /// Whether a request of the peer is newer than all before it (§12.2.2).
    pub(crate) fn is_in_order(&mut self, request: &Request) -> bool {
        let seq = message::seq(&request.headers);
        if self.remote_seq.is_some_and(|last| seq <= last) {
            return false;
        }
        self.remote_seq = Some(seq);
        true
    }

    /// Takes a new address of the peer from a request or response that may change it.
    pub(crate) fn retarget(&mut self, contact: Option<String>) {
        if let Some(contact) = contact {
            self.target = contact;
        }
    }

    /// The address that the next request has to be sent to: the first route, else the target.
    pub(crate) fn next_hop(&self) -> &str {
        match self.routes.first().and_then(|route| NameAddr::parse(route)) {
            Some(route) => route.uri,
            None => &self.target,
        }
    }

    /// Whether the peer is reached directly.
    pub(crate) fn is_direct(&self) -> bool {
        self.routes.is_empty()
    }

    fn build(&self, method: Method, seq: u32, via: String) -> Request {
        let (uri, routes) = self.aim();
        let mut headers = vec![
            Header::Via(via.into()),
            Header::MaxForwards(70.into()),
            Header::From(self.local.clone().into()),
            Header::To(self.remote.clone().into()),
            Header::CallId(self.key.call_id.clone().into()),
            Header::CSeq(format!("{seq} {method}").into()),
        ];
        headers.extend(routes.into_iter().map(|route| Header::Route(route.into())));
        Request {
            method,
            uri: message::verbatim(&uri),
            version: Version::V2,
            headers: headers.into(),
            body: Vec::new(),
        }
    }

    /// Request-URI and routes; a first route without `lr` is a strict router's (§12.2.1.1).
    fn aim(&self) -> (String, Vec<String>) {
        let first = self.routes.first().and_then(|route| NameAddr::parse(route));
        let strict = first.filter(|route| {
            address::Uri::parse(route.uri)
                .is_some_and(|uri| address::param(uri.params, "lr").is_none())
        });
        let Some(strict) = strict else {
            return (self.target.clone(), self.routes.clone());
        };
        let mut routes = self.routes[1..].to_vec();
        routes.push(format!("<{}>", self.target));
        (strict.uri.to_owned(), routes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:7@us SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n\
        Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr>\r\n\
        From: <sip:b@d>;tag=f\r\nTo: <sip:7@us>\r\nCall-ID: x\r\nCSeq: 3 INVITE\r\n\
        Contact: <sip:b%20c@1.2.3.4:5070;ob>\r\nContent-Length: 0\r\n\r\n";

    fn invite() -> Request {
        Request::try_from(INVITE).unwrap()
    }

    #[test]
    fn a_called_party_answers_along_the_recorded_route() {
        let mut dialog = Dialog::invited(&invite(), "t");
        let bye = dialog.request(Method::Bye, "SIP/2.0/UDP us;branch=z9hG4bK2".into());
        assert_eq!(bye.uri.to_string(), "sip:b%20c@1.2.3.4:5070;ob");
        assert_eq!(message::value(&bye.headers, "To"), Some("<sip:b@d>;tag=f"));
        assert_eq!(
            message::value(&bye.headers, "From"),
            Some("<sip:7@us>;tag=t")
        );
        let routes: Vec<_> = message::values(&bye.headers, "Route").collect();
        assert_eq!(routes, ["<sip:p2;lr>", "<sip:p1;lr>"]);
        assert_eq!(
            (dialog.next_hop(), dialog.is_direct()),
            ("sip:p2;lr", false)
        );
    }

    #[test]
    fn a_caller_turns_the_route_round() {
        let answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n\
            Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nFrom: <sip:b@d>;tag=f\r\n\
            To: <sip:7@us>;tag=t\r\nCall-ID: x\r\nCSeq: 3 INVITE\r\nContact: <sip:us2>\r\n\r\n";
        let mut dialog = Dialog::answered(&invite(), &Response::try_from(answer).unwrap());
        let ack = dialog.ack(3, "SIP/2.0/UDP us;branch=z9hG4bK2".into());
        assert_eq!(message::value(&ack.headers, "CSeq"), Some("3 ACK"));
        let routes: Vec<_> = message::values(&ack.headers, "Route").collect();
        assert_eq!(routes, ["<sip:p1;lr>", "<sip:p2;lr>"]);
        let next = dialog.request(Method::Info, "SIP/2.0/UDP us;branch=z9hG4bK3".into());
        assert_eq!(message::value(&next.headers, "CSeq"), Some("4 INFO"));
        assert_eq!(dialog.key.remote_tag, "t");
    }

    #[test]
    fn a_strict_router_gets_its_own_address() {
        let text = INVITE.replace("<sip:p2;lr>", "<sip:p2>");
        let mut dialog = Dialog::invited(&Request::try_from(text.as_str()).unwrap(), "t");
        let bye = dialog.request(Method::Bye, "SIP/2.0/UDP us;branch=z9hG4bK2".into());
        assert_eq!(bye.uri.to_string(), "sip:p2");
        let routes: Vec<_> = message::values(&bye.headers, "Route").collect();
        assert_eq!(routes, ["<sip:p1;lr>", "<sip:b%20c@1.2.3.4:5070;ob>"]);
    }

    #[test]
    fn old_requests_are_out_of_order() {
        let mut dialog = Dialog::invited(&invite(), "t");
        let numbered = |n: u32| {
            Request::try_from(INVITE.replace("CSeq: 3", &format!("CSeq: {n}")).as_str()).unwrap()
        };
        assert!(!dialog.is_in_order(&numbered(3)));
        assert!(dialog.is_in_order(&numbered(9)));
        assert!(!dialog.is_in_order(&numbered(4)));
    }
}
