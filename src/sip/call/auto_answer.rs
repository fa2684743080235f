//! Does the caller want the phone to pick up by itself, and how do we ask a phone for that?
//!
//! There is a standard (RFC 5373) and about a dozen older customs, each with its own phones.

use std::time::Duration;

use rsipstack::sip::{Header, Headers, Request};

use crate::sip::address;
use crate::sip::message;

/// How long to ring before picking up; `None` if the caller does not ask for it.
///
/// An explicit `answer-after` decides, then the standard, then the rest.
pub(crate) fn wish(request: &Request) -> Option<Duration> {
    let headers = &request.headers;
    if let Some(after) = answer_after(headers) {
        return Some(after);
    }
    let mode = message::value(headers, "Priv-Answer-Mode");
    match mode.or_else(|| message::value(headers, "Answer-Mode")) {
        Some(mode) if word(mode).eq_ignore_ascii_case("auto") => return Some(Duration::ZERO),
        Some(mode) if word(mode).eq_ignore_ascii_case("manual") => return None,
        Some(_) | None => {}
    }
    let by_custom = alert_delay(headers)
        .or_else(|| auto_answer_header(headers).then_some(Duration::ZERO))
        .or_else(|| is_intercom(&request.uri.to_string()).then_some(Duration::ZERO));
    by_custom.or_else(|| {
        let alerting = message::value(headers, "P-Alerting-Mode")?;
        word(alerting)
            .eq_ignore_ascii_case("auto")
            .then_some(Duration::ZERO)
    })
}

/// The headers that make most phones pick up at once; each ignores what it does not know.
pub(crate) fn request_headers(host: &str) -> Vec<Header> {
    vec![
        // Cisco, Snom, Grandstream, Mitel, AudioCodes and most others.
        Header::CallInfo(format!("<sip:{host}>;answer-after=0").into()),
        // Yealink, Aastra, Grandstream, Fanvil, Gigaset.
        Header::AlertInfo(format!("<http://{host}>;info=alert-autoanswer;delay=0").into()),
        // Polycom looks for the text that its own files name; this is the usual one.
        Header::AlertInfo("Auto Answer".into()),
        Header::Other("Answer-Mode".to_owned(), "Auto".to_owned()),
        Header::Other("P-Auto-Answer".to_owned(), "normal".to_owned()),
    ]
}

/// Call-Info of most phones; some write it into Alert-Info.
fn answer_after(headers: &Headers) -> Option<Duration> {
    ["Call-Info", "Alert-Info"]
        .into_iter()
        .flat_map(|name| message::values(headers, name))
        .flat_map(address::list)
        .find_map(|entry| seconds(parameter(outside(entry), "answer-after")?))
}

/// Alert-Info of Yealink, Polycom, Grandstream, Panasonic and others: a known word, and maybe
/// a delay.
fn alert_delay(headers: &Headers) -> Option<Duration> {
    message::values(headers, "Alert-Info")
        .flat_map(address::list)
        .map(outside)
        .find(|entry| {
            let letters = entry.chars().filter(char::is_ascii_alphanumeric);
            let letters = letters.collect::<String>().to_ascii_lowercase();
            WORDS.iter().any(|word| letters.contains(word))
        })
        .map(|entry| {
            let delay = parameter(entry, "delay").and_then(seconds);
            delay.unwrap_or_default()
        })
}

/// P-Auto-Answer, with any value that does not say no.
fn auto_answer_header(headers: &Headers) -> bool {
    message::value(headers, "P-Auto-Answer").is_some_and(|value| {
        let value = word(value).to_ascii_lowercase();
        !matches!(value.as_str(), "no" | "off" | "false" | "none" | "0")
    })
}

/// Cisco SPA and Linksys: a parameter of the Request-URI.
fn is_intercom(uri: &str) -> bool {
    address::Uri::parse(uri)
        .and_then(|uri| address::param(uri.params, "intercom"))
        .is_some_and(|value| value.is_empty() || value.eq_ignore_ascii_case("true"))
}

/// An entry without its address: words in a host name mean nothing.
fn outside(entry: &str) -> &str {
    match entry.split_once('>') {
        Some((_, behind)) => behind,
        None if entry.contains("://") => entry.split_once(';').map_or("", |(_, behind)| behind),
        None => entry,
    }
}

/// The value of a parameter that may also stand first, as old examples have it.
fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
}

/// No number stands for at once; a number that cannot be read is no wish.
fn seconds(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return Some(Duration::ZERO);
    }
    let seconds: u16 = text.parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// A value without its parameters.
fn word(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Letters and digits only, so that blanks, dashes and case do not matter.
const WORDS: [&str; 3] = ["autoanswer", "ringanswer", "intercom"];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, lines: &str) -> Option<u64> {
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:b@d>;tag=1\r\n\
             To: <sip:7@h>\r\nCall-ID: x\r\nCSeq: 3 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let request = Request::try_from(text.as_str()).unwrap();
        wish(&request).map(|after| after.as_secs())
    }

    #[test]
    fn every_custom_is_understood() {
        let table = [
            ("Call-Info: <sip:pbx>;answer-after=0", Some(0)),
            ("Call-Info: <sip:broadworks.net>; Answer-After = 3", Some(3)),
            ("Call-Info: \\;answer-after=0", Some(0)),
            (
                "Call-Info: <sip:x>;purpose=icon, <sip:y>;answer-after=2",
                Some(2),
            ),
            ("Alert-Info: <http://a/b.wav>;answer-after=5", Some(5)),
            ("Alert-Info: answer-after=0", Some(0)),
            (
                "Alert-Info: <http://www.notused.com>;info=alert-autoanswer;delay=2",
                Some(2),
            ),
            ("Alert-Info: ;info=alert-autoanswer", Some(0)),
            ("Alert-Info: info=Auto Answer", Some(0)),
            ("Alert-Info: Auto Answer", Some(0)),
            ("Alert-Info: Ring Answer", Some(0)),
            ("Alert-Info: ring-answer", Some(0)),
            (
                "Alert-Info: <http://www.sangoma.com>;info=external;info=RingAnswer",
                Some(0),
            ),
            ("Alert-Info: Intercom", Some(0)),
            ("Answer-Mode: Auto", Some(0)),
            ("Answer-Mode: auto;require", Some(0)),
            ("Priv-Answer-Mode: Auto", Some(0)),
            ("P-Auto-Answer: normal", Some(0)),
            ("P-Alerting-Mode: Auto", Some(0)),
            // What only looks like one.
            ("Alert-Info: <http://intercom.example.com/ring.wav>", None),
            ("Alert-Info: http://intercom.example.com/ring.wav", None),
            ("Alert-Info: <urn:alert:service:normal>", None),
            ("Call-Info: <sip:x>;purpose=icon", None),
            ("Call-Info: <sip:x>;answer-after=soon", None),
            ("P-Auto-Answer: no", None),
            ("Answer-Mode: Manual", None),
            ("Subject: Auto Answer", None),
        ];
        for (line, wanted) in table {
            assert_eq!(asked("sip:7@h", &format!("{line}\r\n")), wanted, "{line}");
        }
        assert_eq!(asked("sip:7@h;intercom=true", ""), Some(0));
        assert_eq!(asked("sip:7@h;intercom=false", ""), None);
    }

    #[test]
    fn the_more_explicit_wish_decides() {
        let manual = "Answer-Mode: Manual\r\nAlert-Info: Auto Answer\r\n";
        assert_eq!(asked("sip:7@h;intercom=true", manual), None);
        let both = "Answer-Mode: Manual\r\nCall-Info: <sip:x>;answer-after=4\r\n";
        assert_eq!(asked("sip:7@h", both), Some(4));
    }

    #[test]
    fn what_we_write_is_what_we_read() {
        for header in request_headers("192.0.2.1:5060") {
            let line = format!("{}: {}\r\n", header.name(), header.value());
            assert_eq!(asked("sip:7@h", &line), Some(0), "{line}");
        }
    }
}
