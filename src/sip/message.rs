//! What do the headers and bodies of a message say to us?

use std::borrow::Cow;
use std::time::Duration;

use rsipstack::sip::{
    Header, Headers, HeadersExt, Host, HostWithPort, Method, Request, Response, StatusCode, Uri,
};

use crate::sip::address::{self, NameAddr};
use crate::sip::entry::body;
use crate::sip::event::Caller;

pub(super) use crate::sip::entry::body::SDP;

/// The methods we answer to.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK";

/// The headers that tell what we can do (RFC 3261 §11.2).
pub(super) fn abilities() -> Vec<Header> {
    vec![
        Header::Allow(ALLOW.into()),
        Header::Accept(SDP.into()),
        Header::Supported(SUPPORTED.into()),
    ]
}

/// The value of the first header of that name.
pub(super) fn value<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    values(headers, name).next()
}

/// The values of all headers of that name, in order.
pub(super) fn values<'a>(
    headers: &'a Headers,
    name: &str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let name = name.to_owned();
    headers
        .0
        .iter()
        .filter(move |header| header.name().eq_ignore_ascii_case(&name))
        .map(Header::value)
}

/// The sequence number; zero if there is none to read.
pub(super) fn seq(headers: &Headers) -> u32 {
    value(headers, "CSeq")
        .and_then(|v| v.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// The tag of a From or To header.
pub(super) fn tag(headers: &Headers, name: &str) -> Option<String> {
    tag_of(value(headers, name)?)
}

/// The tag in the value of a From or To header.
pub(super) fn tag_of(value: &str) -> Option<String> {
    NameAddr::parse(value)?.tag().map(str::to_owned)
}

/// The address in the first Contact, without brackets.
pub(super) fn contact(headers: &Headers) -> Option<String> {
    let first = address::list(value(headers, "Contact")?)
        .into_iter()
        .next()?;
    Some(NameAddr::parse(first)?.uri.to_owned())
}

/// The routes of all Record-Route headers, in order.
pub(super) fn recorded_routes(headers: &Headers) -> Vec<String> {
    values(headers, "Record-Route")
        .flat_map(address::list)
        .map(str::to_owned)
        .collect()
}

/// The SDP in a body, alone or as one part of many.
pub(super) fn sdp(headers: &Headers, body: &[u8]) -> Option<String> {
    body::session(value(headers, "Content-Type"), body).map(Cow::into_owned)
}

/// Whether a request brings something that has to be understood and is not (RFC 3261 §8.2.3,
/// §20.11): a body that is no session, and not said to be optional.
pub(super) fn is_foreign(request: &Request) -> bool {
    let disposition = value(&request.headers, "Content-Disposition").unwrap_or_default();
    let handling = address::param(disposition, "handling").unwrap_or_default();
    !request.body.is_empty()
        && !handling.eq_ignore_ascii_case("optional")
        && sdp(&request.headers, &request.body).is_none()
}

/// The required extensions that we do not have (RFC 3261 §8.2.2.3).
pub(super) fn unsupported(headers: &Headers) -> Vec<String> {
    required(headers)
        .filter(|option| {
            address::list(SUPPORTED)
                .iter()
                .all(|known| !option.eq_ignore_ascii_case(known))
        })
        .map(str::to_owned)
        .collect()
}

/// The option of RFC 3262.
pub(super) const RELIABLE: &str = "100rel";

/// The option of RFC 4028.
pub(super) const TIMER: &str = "timer";

/// What we can do beside the plain protocol (RFC 3262, RFC 3891, RFC 4028).
pub(super) const SUPPORTED: &str = "100rel, replaces, timer";

/// Whether the receiver has to know an extension.
pub(super) fn requires(headers: &Headers, option: &str) -> bool {
    required(headers).any(|wanted| wanted.eq_ignore_ascii_case(option))
}

/// Whether the sender says that it knows an extension.
pub(super) fn supports(headers: &Headers, option: &str) -> bool {
    values(headers, "Supported")
        .flat_map(address::list)
        .chain(required(headers))
        .any(|known| known.eq_ignore_ascii_case(option))
}

/// Whether the sender says that it takes a method; who says nothing is not asked for more than
/// the plain protocol.
pub(super) fn allows(headers: &Headers, method: &Method) -> bool {
    let method = method.to_string();
    values(headers, "Allow")
        .flat_map(address::list)
        .any(|allowed| allowed.eq_ignore_ascii_case(&method))
}

fn required(headers: &Headers) -> impl Iterator<Item = &str> {
    values(headers, "Require").flat_map(address::list)
}

/// Who sent the request.
pub(super) fn caller(headers: &Headers) -> Caller {
    let from = value(headers, "From").unwrap_or_default();
    let Some(from) = NameAddr::parse(from) else {
        return Caller::default();
    };
    let user = address::Uri::parse(from.uri).map(|uri| address::unescaped(uri.user));
    Caller {
        uri: from.uri.to_owned(),
        user: user.unwrap_or_default(),
        display: from.display,
    }
}

/// The user part of the Request-URI, or the number of a `tel` one.
pub(super) fn dialled(request: &Request) -> String {
    if let Some(user) = request.uri.user() {
        return address::unescaped(user);
    }
    let uri = request.uri.to_string();
    if let Some(number) = uri.strip_prefix("tel:") {
        return address::unescaped(number.split(';').next().unwrap_or_default());
    }
    // The stack ends the user at a semicolon, where it may go on (RFC 3261 §25.1).
    let user = address::Uri::parse(&uri).map(|uri| uri.user);
    address::unescaped(user.unwrap_or_default())
}

/// A Request-URI that goes out exactly as written: the stack's own form would escape it anew.
pub(super) fn verbatim(uri: &str) -> Uri {
    Uri {
        scheme: None,
        auth: None,
        host_with_port: HostWithPort {
            host: Host::Domain(uri.into()),
            port: None,
        },
        params: Vec::new(),
        headers: Vec::new(),
    }
}

/// A status with a text of our own; an empty text stands for the usual one.
pub(super) fn status(code: u16, reason: &str) -> StatusCode {
    let reason: String = reason.chars().filter(|c| !c.is_control()).collect();
    if reason.is_empty() {
        return StatusCode::from(code);
    }
    StatusCode::Other(code, reason)
}

/// The text of a status line, as the peer sent it.
pub(super) fn reason(response: &Response) -> String {
    let sent = response.wire_reason.as_deref();
    sent.unwrap_or(response.status_code.text()).to_owned()
}

/// What a refusal says to people: its reason, and its warning if that says more.
pub(super) fn complaint(response: &Response) -> String {
    let reason = reason(response);
    let warning = value(&response.headers, "Warning").and_then(|warning| {
        let (_, text) = warning.split_once('"')?;
        let (text, _) = text.rsplit_once('"')?;
        (!text.is_empty()).then(|| text.replace('\\', ""))
    });
    match warning {
        Some(warning) => format!("{reason} ({warning})"),
        None => reason,
    }
}

/// A header that counts seconds; a comment behind the number does not matter.
pub(super) fn seconds(headers: &Headers, name: &str) -> Option<Duration> {
    let digits = value(headers, name)?
        .trim()
        .split(|c: char| !c.is_ascii_digit())
        .next()?;
    digits.parse().ok().map(Duration::from_secs)
}

/// A Warning (RFC 3261 §20.43): a whole value as it is, any other text for people to read.
pub(super) fn warning(host: &str, text: &str) -> Header {
    let code = text.split(' ').next().unwrap_or_default();
    let is_value = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    if is_value && text.ends_with('"') {
        return Header::Warning(text.into());
    }
    Header::Warning(format!("399 {host} {}", address::quoted(text)).into())
}

/// Says along which way a request goes, once that is known.
pub(super) fn set_via(request: &mut Request, via: String) {
    for header in request.headers.iter_mut() {
        if let Header::Via(old) = header {
            old.replace(via.clone());
        }
    }
}

/// The text of Call-ID.
pub(super) fn call_id(message: &impl HeadersExt) -> String {
    value(message.headers(), "Call-ID")
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(extra: &str) -> Request {
        let text = format!(
            "INVITE sip:7%31@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
             From: \"B\\\"\" <sip:b%20c@d>;tag=1\r\nTo: <sip:7@h>\r\nCall-ID: x\r\n\
             CSeq: 3 INVITE\r\n{extra}\r\n"
        );
        Request::try_from(text.as_str()).unwrap()
    }

    #[test]
    fn a_request_says_who_and_what() {
        let request = request("Content-Length: 0\r\n");
        assert_eq!(dialled(&request), "71");
        let mut odd = request.clone();
        for (uri, wanted) in [
            ("sip:a;b=c%40d@h", "a;b=c@d"),
            ("sip:h", ""),
            // RFC 5627 §3.1: a GRUU of ours.
            ("sip:7@h;gr=urn:uuid:1", "7"),
            ("tel:+4930123;phone-context=x", "+4930123"),
        ] {
            odd.uri = Uri::try_from(uri).unwrap();
            assert_eq!(dialled(&odd), wanted);
        }
        let caller = caller(&request.headers);
        assert_eq!(
            (caller.uri.as_str(), caller.user.as_str()),
            ("sip:b%20c@d", "b c")
        );
        assert_eq!(caller.display.as_deref(), Some("B\""));
        assert_eq!(seq(&request.headers), 3);
    }

    #[test]
    fn extensions_and_bodies_are_judged() {
        let odd = request("Require: foo, 100rel\r\nRequire: bar\r\n");
        assert_eq!(unsupported(&odd.headers), ["foo", "bar"]);
        assert!(requires(&odd.headers, RELIABLE));
        let typed = request("Content-Type: Application/SDP;x=1\r\nContent-Length: 0\r\n");
        assert_eq!(sdp(&typed.headers, b"v=0"), Some("v=0".to_owned()));
        assert_eq!(sdp(&typed.headers, b""), None);
        let mut foreign = request("Content-Type: text/plain\r\n");
        assert!(!is_foreign(&foreign));
        foreign.body = b"x".to_vec();
        assert!(is_foreign(&foreign));
        let optional = Header::ContentDisposition("render;handling=optional".into());
        foreign.headers.push(optional);
        assert!(!is_foreign(&foreign));
    }

    #[test]
    fn a_uri_goes_out_as_written() {
        let uri = "sip:a%40b;x@h:5070;transport=tcp";
        assert_eq!(verbatim(uri).to_string(), uri);
    }

    #[test]
    fn a_warning_has_one_code() {
        let text = |warning: Header| warning.value().to_owned();
        assert_eq!(text(warning("h", "too loud")), "399 h \"too loud\"");
        let whole = "305 192.0.2.1 \"no common codec\"";
        assert_eq!(text(warning("h", whole)), whole);
    }

    #[test]
    fn routes_are_listed_in_order() {
        let two = request("Record-Route: <sip:a;lr>, <sip:b;lr>\r\nRecord-Route: <sip:c;lr>\r\n");
        let routes = recorded_routes(&two.headers);
        assert_eq!(routes, ["<sip:a;lr>", "<sip:b;lr>", "<sip:c;lr>"]);
    }
}
