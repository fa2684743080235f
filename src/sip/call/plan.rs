//! Which INVITE has to go where, when we call somebody?

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, Version};
use rsipstack::transaction::random_text;

use crate::base::CallId;
use crate::sip::address;
use crate::sip::call::auto_answer;
use crate::sip::finding::ways::{Way, Ways};
use crate::sip::hub::Hub;
use crate::sip::message;
use crate::sip::settings::Account;
use crate::sip::user::registrar::Binding;
use crate::sip::wire::flow::{Flow, Hop};

/// Whom to call, by which account, with which offer.
#[derive(Clone)]
pub(crate) struct Dial {
    pub(crate) call: CallId,
    pub(crate) target: String,
    pub(crate) account: Option<String>,
    pub(crate) offer: String,
    pub(crate) wish: Wish,
    /// The one of a user's phones that is meant.
    pub(crate) phone: Option<Binding>,
}

/// What the called phone shall do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Ring until somebody picks up.
    #[default]
    Ring,
    /// The same, in a way that the phone knows by that name: letters, digits, dots and dashes.
    RingAs(String),
    /// Pick up by itself, as an intercom does; a phone that does not know how rings.
    PickUp,
}

/// An INVITE before the way to the peer is known.
pub(crate) struct Plan {
    /// Where the address leads to; an account has ways of its own.
    hop: Option<Hop>,
    uri: String,
    pub(crate) user: String,
    pub(crate) account: Option<Account>,
}

impl Plan {
    pub(crate) fn of(hub: &Hub, dial: &Dial) -> Result<Self, (u16, String)> {
        let account = match &dial.account {
            Some(name) => Some(hub.registrars.account(name).ok_or_else(|| {
                let why = format!("there is no account \"{name}\"");
                (404, why)
            })?),
            None => None,
        };
        if let Some(phone) = &dial.phone {
            return Ok(Self::to_phone(phone.clone()));
        }
        if account.is_none()
            && let Ok(found) = hub.doors.find(dial.target.trim())
        {
            let none = || (480, format!("\"{}\" is not registered", dial.target.trim()));
            return found
                .into_iter()
                .next()
                .map(Self::to_phone)
                .ok_or_else(none);
        }
        let uri = full_uri(&dial.target, account.as_ref().map(|a| a.domain.as_str()));
        if uri
            .chars()
            .any(|c| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"'))
        {
            return Err((416, format!("\"{uri}\" is not a sip address")));
        }
        let hop = match &account {
            Some(_) => None,
            None => Some(Hop::parse(&uri, None).map_err(|why| (416, why))?),
        };
        Ok(Self {
            hop,
            uri,
            user: account.as_ref().map_or(OUR_NAME, |a| &a.user).to_owned(),
            account,
        })
    }

    /// The servers that the INVITE may be sent to.
    ///
    /// # Errors
    /// What cannot be found.
    pub(crate) async fn ways(&self, hub: &Arc<Hub>) -> Result<Ways, String> {
        match (&self.account, &self.hop) {
            (_, Some(hop)) => Ways::to(hub, hop).await,
            (Some(account), None) => Ways::through(hub, account).await,
            (None, None) => Err("no account and no address".to_owned()),
        }
    }

    /// Towards a user of ours: back along the way that its registration came.
    fn to_phone(binding: Binding) -> Self {
        let hop = Hop {
            host: binding.way.remote.ip().to_string(),
            port: Some(binding.way.remote.port()),
            transport: Some(binding.way.transport),
            route: (!binding.path.is_empty()).then(|| binding.path.join(", ")),
        };
        Self {
            hop: Some(hop),
            uri: binding.uri,
            user: OUR_NAME.to_owned(),
            account: None,
        }
    }

    pub(crate) fn invite(&self, hub: &Hub, way: &Way, dial: &Dial) -> Request {
        let (flow, route): (&Flow, _) = (&way.0, &way.1);
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
        headers.extend(hub.session_timer().request_headers(None, None));
        match &dial.wish {
            Wish::Ring => {}
            Wish::RingAs(tone) => headers.push(distinctive(&flow.local.to_string(), tone)),
            Wish::PickUp => headers.extend(auto_answer::request_headers(&flow.local.to_string())),
        }
        if let Some(route) = route {
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

/// Both customs in one: some look at the end of the address (Yealink, Cisco), some at what follows
/// it (Grandstream, Fanvil).
fn distinctive(host: &str, tone: &str) -> Header {
    let is_fit = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    let tone: String = tone.chars().filter(is_fit).collect();
    Header::AlertInfo(format!("<http://{host}/{tone}>;info={tone}").into())
}

/// The ways to an address that a redirection named: through the account as far as it reaches;
/// strangers get no proof of its password.
///
/// # Errors
/// The status that says why there are none, and what is wrong.
pub(crate) async fn ways_to(
    hub: &Arc<Hub>,
    uri: &str,
    account: &mut Option<Account>,
) -> Result<Ways, (u16, String)> {
    let hop = Hop::parse(uri, None).map_err(|why| (416, why))?;
    let reaches = account.as_ref().filter(|account| {
        let home = address::host_port(&account.domain);
        let is_home = home
            .is_some_and(|(host, port)| host.eq_ignore_ascii_case(&hop.host) && (port == hop.port));
        is_home || !account.outbound_proxies.is_empty()
    });
    let ways = match reaches {
        Some(account) => Ways::through(hub, account).await,
        None => {
            *account = None;
            Ways::to(hub, &hop).await
        }
    };
    ways.map_err(|why| (503, why))
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
