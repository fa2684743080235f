//! Which INVITE has to go where, when we call somebody?

use rsipstack::sip::{Header, Method, Request, Version};
use rsipstack::transaction::random_text;

use super::address;
use super::auto_answer;
use super::flow::{Flow, Hop};
use super::hub::Hub;
use super::message;
use super::registrar::Binding;
use super::settings::{Account, Transport};
use crate::base::CallId;

/// Whom to call, by which account, with which offer.
pub(super) struct Dial {
    pub(super) call: CallId,
    pub(super) target: String,
    pub(super) account: Option<String>,
    pub(super) offer: String,
    pub(super) wish: Wish,
}

/// What the called phone shall do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Ring until somebody picks up.
    #[default]
    Ring,
    /// Pick up by itself, as an intercom does; a phone that does not know how rings.
    PickUp,
}

/// An INVITE before the way to the peer is known.
pub(super) struct Plan {
    pub(super) hop: Hop,
    uri: String,
    /// The route that an outbound proxy makes.
    route: Option<String>,
    pub(super) user: String,
    pub(super) account: Option<Account>,
}

impl Plan {
    pub(super) fn of(hub: &Hub, dial: &Dial) -> Result<Self, (u16, String)> {
        let account = match &dial.account {
            Some(name) => Some(hub.registrars.account(name).ok_or_else(|| {
                let why = format!("there is no account \"{name}\"");
                (404, why)
            })?),
            None => None,
        };
        if account.is_none()
            && let Ok(found) = hub.doors.find(dial.target.trim())
        {
            return Self::to_user(dial, found);
        }
        let uri = full_uri(&dial.target, account.as_ref().map(|a| a.domain.as_str()));
        if uri
            .chars()
            .any(|c| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"'))
        {
            return Err((416, format!("\"{uri}\" is not a sip address")));
        }
        let first = match &account {
            Some(account) => account.first_hop(),
            None => Hop::parse(&uri, Transport::Udp).map(|hop| (hop, None)),
        };
        let (hop, route) = first.map_err(|why| (416, why))?;
        Ok(Self {
            route,
            hop,
            uri,
            user: account.as_ref().map_or(OUR_NAME, |a| &a.user).to_owned(),
            account,
        })
    }

    /// Towards a user of ours: back along the way that its registration came.
    fn to_user(dial: &Dial, found: Option<Binding>) -> Result<Self, (u16, String)> {
        let Some(binding) = found else {
            return Err((480, format!("\"{}\" is not registered", dial.target.trim())));
        };
        let hop = Hop {
            host: binding.way.remote.ip().to_string(),
            port: Some(binding.way.remote.port()),
            transport: binding.way.transport,
        };
        Ok(Self {
            hop,
            uri: binding.uri,
            route: (!binding.path.is_empty()).then(|| binding.path.join(", ")),
            user: OUR_NAME.to_owned(),
            account: None,
        })
    }

    pub(super) fn invite(&self, hub: &Hub, flow: &Flow, dial: &Dial) -> Request {
        let from = match &self.account {
            Some(account) => account.address(),
            None => format!("<sip:{}@{}>", self.user, flow.local),
        };
        let tag = random_text(TAG_LENGTH);
        let mut headers = vec![
            Header::Via(flow.via().into()),
            Header::MaxForwards(70.into()),
            Header::From(format!("{from};tag={tag}").into()),
            Header::To(format!("<{}>", self.uri).into()),
            Header::CallId(random_text(CALL_ID_LENGTH).into()),
            Header::CSeq("1 INVITE".into()),
            Header::Contact(flow.contact(&self.user).into()),
            Header::Allow(message::ALLOW.into()),
            Header::Supported(message::SUPPORTED.into()),
            Header::ContentType(message::SDP.into()),
        ];
        headers.extend(hub.session_timer.request_headers(None, None));
        if dial.wish == Wish::PickUp {
            headers.extend(auto_answer::request_headers(&flow.local.to_string()));
        }
        if let Some(route) = &self.route {
            headers.push(Header::Route(route.as_str().into()));
        }
        Request {
            method: Method::Invite,
            uri: message::verbatim(&self.uri),
            version: Version::V2,
            headers: headers.into(),
            body: dial.offer.as_bytes().to_vec(),
        }
    }
}

/// The way to an address that a redirection named, and the route that an outbound proxy makes.
pub(super) type Way = (Flow, Option<String>);

impl Hub {
    /// Through the account as far as it reaches; strangers get no proof of its password.
    pub(super) async fn way_to(
        &self,
        uri: &str,
        account: &mut Option<Account>,
    ) -> Result<Way, (u16, String)> {
        let hop = Hop::parse(uri, Transport::Udp).map_err(|why| (416, why))?;
        let reaches = account.as_ref().filter(|account| {
            let home = address::host_port(&account.domain);
            let is_home = home.is_some_and(|(host, port)| {
                host.eq_ignore_ascii_case(&hop.host) && (port == hop.port)
            });
            is_home || account.outbound_proxy.is_some()
        });
        let (hop, route) = match reaches {
            Some(account) => account.first_hop().map_err(|why| (416, why))?,
            None => {
                *account = None;
                (hop, None)
            }
        };
        let flow = self.flow_to(&hop).await.map_err(|why| (503, why))?;
        Ok((flow, route))
    }
}

/// A target may be a URI, `user@host`, or only a number at the account's domain.
fn full_uri(target: &str, domain: Option<&str>) -> String {
    let target = target.trim();
    let bracketed = target
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    let target = bracketed.map_or(target, |(uri, _)| uri.trim());
    let scheme = target.split(':').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
        return target.to_owned();
    }
    match domain {
        Some(domain) if !target.contains('@') => {
            format!("sip:{}@{domain}", address::escaped(target))
        }
        Some(_) | None => format!("sip:{target}"),
    }
}

/// What we are called when no account gives us a name.
const OUR_NAME: &str = "paging";

/// Unique with certainty enough (RFC 3261 §19.3, §8.1.1.4).
const TAG_LENGTH: usize = 12;
const CALL_ID_LENGTH: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_becomes_a_whole_address() {
        let table = [
            ("sip:1@h;transport=tcp", None, "sip:1@h;transport=tcp"),
            ("<sip:1@h>", Some("pbx"), "sip:1@h"),
            ("1@h:5070", Some("pbx"), "sip:1@h:5070"),
            ("1 0", Some("pbx:5070"), "sip:1%200@pbx:5070"),
            ("h", None, "sip:h"),
        ];
        for (target, domain, wanted) in table {
            assert_eq!(full_uri(target, domain), wanted);
        }
    }
}
