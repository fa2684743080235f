//! How are the broker of MQTT and topics written?

use crate::config::form::Form;
use crate::config::mqtt::Broker;

/// `mqtt:` or `mqtts:`, a host, and a port unless it is the usual one; empty for none.
pub(in crate::config) const BROKER: Form<Option<Broker>> = Form {
    parse: |text| {
        if text.is_empty() {
            return Ok(None);
        }
        broker(text).map(Some).ok_or_else(|| {
            "not a broker; write mqtts://HOST, or mqtt://HOST:1883 without encryption".to_owned()
        })
    },
    show: |broker| broker.as_ref().map(Broker::to_string).unwrap_or_default(),
};

/// What our topics begin with.
pub(in crate::config) const TOPIC: Form<String> = Form {
    parse: topic,
    show: String::clone,
};

/// What topics of the discovery begin with; `None` is no discovery.
pub(in crate::config) const DISCOVERY: Form<Option<String>> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "no" | "off" => Ok(None),
        _ => topic(text).map(Some).map_err(|why| format!("{why}, or no")),
    },
    show: |prefix| prefix.clone().unwrap_or_else(|| "no".to_owned()),
};

fn broker(text: &str) -> Option<Broker> {
    let (scheme, rest) = text.split_once("://")?;
    let is_secure = match scheme.to_ascii_lowercase().as_str() {
        "mqtt" => false,
        "mqtts" => true,
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let usual = if is_secure { MQTTS } else { MQTT };
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':'))
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(is_host) {
        return None;
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => usual,
    };
    Some(Broker {
        host: host.to_owned(),
        port,
        is_secure,
    })
}

/// As names of topics are (MQTT 5.0 section 4.7), without what needs care elsewhere.
fn topic(text: &str) -> Result<String, String> {
    let is_level = |level: &str| {
        let allowed = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        !level.is_empty() && level.chars().all(allowed)
    };
    if !text.split('/').all(is_level) || text.len() > LONGEST {
        return Err(
            "not a topic; write letters, digits, - and _, with / between, e.g. paging/school"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// The ports that IANA has assigned.
const MQTT: u16 = 1883;
const MQTTS: u16 = 8883;

/// Leaves room in the 65,535 bytes of a whole name.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_read_as_they_are_written() {
        for (text, host, port, is_secure) in [
            ("mqtt://broker", "broker", 1883, false),
            ("MQTTS://a.example/", "a.example", 8883, true),
            ("mqtts://10.0.0.5:8884", "10.0.0.5", 8884, true),
            ("mqtt://[::1]:1884", "::1", 1884, false),
            ("mqtts://[fe80::1]", "fe80::1", 8883, true),
        ] {
            let broker = (BROKER.parse)(text).unwrap().unwrap();
            let wanted = Broker {
                host: host.to_owned(),
                port,
                is_secure,
            };
            assert_eq!(broker, wanted, "{text}");
            let again = (BROKER.parse)(&(BROKER.show)(&Some(broker.clone()))).unwrap();
            assert_eq!(again, Some(broker));
        }
        assert_eq!((BROKER.parse)(""), Ok(None));
        for text in [
            "broker",
            "http://broker",
            "mqtt://",
            "mqtt://a b",
            "mqtt://a:0",
            "mqtt://a:99999",
            "mqtt://me:secret@a",
            "mqtt://[::1",
        ] {
            let why = (BROKER.parse)(text).unwrap_err();
            assert!(why.contains("mqtts://HOST"), "{text}: {why}");
        }
    }

    #[test]
    fn topics_are_plain() {
        assert_eq!((TOPIC.parse)("paging/süd-1"), Ok("paging/süd-1".to_owned()));
        for text in ["", "a/", "/a", "a//b", "a/#", "a/+/b", "$SYS", "a b"] {
            assert!((TOPIC.parse)(text).is_err(), "{text}");
        }
        assert_eq!((DISCOVERY.parse)("No"), Ok(None));
        assert_eq!((DISCOVERY.show)(&None), "no");
        assert!((DISCOVERY.parse)("a#").unwrap_err().ends_with(", or no"));
    }
}
