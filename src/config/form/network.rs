//! How are hosts, addresses and ports written?

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use crate::base::{Dscp, Network, NotANetwork};
use crate::config::form::{Form, items, one_line, optional};
use crate::config::model::{Listen, Srtp, Transport};

const TRANSPORT: Form<Transport> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        "tls" => Ok(Transport::Tls),
        _ => Err("no such transport; write udp, tcp or tls".to_owned()),
    },
    show: |transport| {
        match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
        .to_owned()
    },
};

pub(in crate::config) const SRTP: Form<Srtp> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "off" | "no" => Ok(Srtp::Off),
        "optional" => Ok(Srtp::Optional),
        "required" | "yes" => Ok(Srtp::Required),
        _ => Err("no such choice; write off, optional or required".to_owned()),
    },
    show: |srtp| {
        match srtp {
            Srtp::Off => "off",
            Srtp::Optional => "optional",
            Srtp::Required => "required",
        }
        .to_owned()
    },
};

/// `TRANSPORT`, or the choice of the DNS.
pub(in crate::config) const AUTO_TRANSPORT: Form<Option<Transport>> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "" | "auto" => Ok(None),
        _ => (TRANSPORT.parse)(text)
            .map(Some)
            .map_err(|_| "no such transport; write udp, tcp, tls or auto".to_owned()),
    },
    show: |transport| match transport {
        Some(transport) => (TRANSPORT.show)(transport),
        None => "auto".to_owned(),
    },
};

/// Registrars, empty for none.
pub(in crate::config) const DOMAINS: Form<Vec<String>> = Form {
    parse: |text| {
        if text == "<sip server>" {
            return Err("still the placeholder of the example; \
                        write the address of your PBX, or nothing to go without"
                .to_owned());
        }
        hosts(text)
    },
    show: |hosts| hosts.join(" "),
};

pub(in crate::config) const PROXIES: Form<Vec<String>> = Form {
    parse: |text| {
        let bare = items(text).map(|item| {
            let item = item.strip_prefix("sip:").unwrap_or(item);
            item.strip_suffix(";lr").unwrap_or(item)
        });
        hosts(&bare.collect::<Vec<_>>().join(" "))
    },
    show: DOMAINS.show,
};

/// Several, each once.
fn hosts(text: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for item in items(text) {
        let host = host(item)?;
        if all.contains(&host) {
            return Err(format!("names {host} twice; write each host once"));
        }
        all.push(host);
    }
    Ok(all)
}

pub(in crate::config) const USER: Form<String> = Form {
    parse: |text| {
        let text = one_line(text)?;
        if text.starts_with("sip:") || text.contains(|c: char| " \t@<>\"".contains(c)) {
            return Err("not a user name; write only what stands before the @ \
                        of the SIP address, e.g. 100"
                .to_owned());
        }
        Ok(text)
    },
    show: String::clone,
};

/// The realm of a challenge, empty for any.
pub(in crate::config) const REALM: Form<String> = Form {
    parse: |text| {
        let text = one_line(text)?;
        if text.starts_with('"') {
            return Err(
                "begins with a quotation mark; write what stands between the marks of \
                        realm=\"…\" in the PBX's answer, e.g. asterisk"
                    .to_owned(),
            );
        }
        // So the stack of the old program wrote "any".
        Ok(if text == "*" { String::new() } else { text })
    },
    show: String::clone,
};

pub(in crate::config) const ADDRESS: Form<Option<IpAddr>> = Form {
    parse: |text| {
        optional(text, |text| {
            text.parse()
                .map_err(|_| "not an IP address; write e.g. 203.0.113.7".to_owned())
        })
    },
    show: |address| {
        address
            .map(|address| address.to_string())
            .unwrap_or_default()
    },
};

pub(in crate::config) const PORTS: Form<RangeInclusive<u16>> = Form {
    parse: ports,
    show: |ports| format!("{}-{}", ports.start(), ports.end()),
};

pub(in crate::config) const DSCP: Form<Dscp> = Form {
    parse: |text| {
        text.parse()
            .map_err(|_| "no such class; write e.g. cs3, ef, af31 or a number up to 63".to_owned())
    },
    show: Dscp::to_string,
};

pub(in crate::config) const NUMBERS: Form<Vec<String>> = Form {
    parse: |text| items(text).map(USER.parse).collect(),
    show: |numbers| numbers.join(" "),
};

pub(in crate::config) const NETWORKS: Form<Vec<Network>> = Form {
    parse: |text| items(text).map(network).collect(),
    show: |networks| {
        let texts: Vec<String> = networks.iter().map(Network::to_string).collect();
        texts.join(" ")
    },
};

pub(in crate::config) const LISTEN: Form<Vec<Listen>> = Form {
    parse: listen,
    show: listen_text,
};

/// `host`, `host:port`, and IPv6 addresses in brackets.
fn host(text: &str) -> Result<String, String> {
    let wrong = |text: &str| Err(text.to_owned());
    if text.starts_with("sip:") || text.starts_with("sips:") {
        return wrong("has a scheme; write only the host, e.g. pbx.example.com");
    }
    if text.contains('@') {
        return wrong("has a user; write only what stands after the @");
    }
    if text.contains(';') {
        return wrong("has parameters; write only the host, and the transport as transport = tcp");
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return wrong("has no valid port; write host:port with a port from 1 to 65535");
    }
    let bracketed = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let allowed = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let is_valid = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.chars().all(allowed),
    };
    if !is_valid {
        return wrong("not a host; write e.g. pbx.example.com, 192.0.2.1:5060 or [2001:db8::1]");
    }
    Ok(text.to_owned())
}

fn network(item: &str) -> Result<Network, String> {
    item.parse().map_err(|why: NotANetwork| {
        format!("\"{item}\" is {why}; write e.g. 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32")
    })
}

fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || "not a range of ports; write e.g. 10000-20000".to_owned();
    let (low, high) = text.split_once('-').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
    let (low, high) = (number(low)?, number(high)?);
    if low == 0 || pairs(&(low..=high)) == 0 {
        return Err(
            "holds no pair of an even port and the next; write e.g. 10000-20000".to_owned(),
        );
    }
    Ok(low..=high)
}

/// How many pairs of an even port and the next one lie in the range.
pub(in crate::config) fn pairs(ports: &RangeInclusive<u16>) -> usize {
    let first_even = usize::from(*ports.start()).next_multiple_of(2);
    (usize::from(*ports.end()) + 1).saturating_sub(first_even) / 2
}

fn listen(text: &str) -> Result<Vec<Listen>, String> {
    let mut all = Vec::new();
    for item in items(text) {
        for socket in sockets(item)? {
            if all.contains(&socket) {
                return Err(format!("names {item} twice; write each address once"));
            }
            all.push(socket);
        }
    }
    if all.is_empty() {
        return Err("names no address; write e.g. 0.0.0.0:5060".to_owned());
    }
    Ok(all)
}

/// An address without a scheme means UDP and TCP (RFC 3261 section 18.2.1 wants both).
fn sockets(item: &str) -> Result<Vec<Listen>, String> {
    let (transports, rest) = match item.split_once(':') {
        Some(("udp", rest)) => (vec![Transport::Udp], rest),
        Some(("tcp", rest)) => (vec![Transport::Tcp], rest),
        Some(("tls", rest)) => (vec![Transport::Tls], rest),
        _ => (vec![Transport::Udp, Transport::Tcp], item),
    };
    let port = match transports.as_slice() {
        [Transport::Tls] => SIPS_PORT,
        _ => SIP_PORT,
    };
    let address = socket_address(rest, port).ok_or_else(|| {
        format!(
            "\"{item}\" is not an address to listen at; \
             write e.g. 0.0.0.0:5060, udp:192.0.2.1:5060 or tls:[::]:5061"
        )
    })?;
    let socket = |transport| Listen { transport, address };
    Ok(transports.into_iter().map(socket).collect())
}

pub(in crate::config::form) fn socket_address(text: &str, default_port: u16) -> Option<SocketAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_default_port = || Some(SocketAddr::new(bare.parse().ok()?, default_port));
    text.parse().ok().or_else(with_default_port)
}

fn listen_text(all: &Vec<Listen>) -> String {
    let mut out = Vec::new();
    let mut rest = all.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let is_pair = first.transport == Transport::Udp
            && after.first().is_some_and(|next| {
                next.transport == Transport::Tcp && next.address == first.address
            });
        if is_pair {
            out.push(first.address.to_string());
            rest = &after[1..];
        } else {
            let scheme = (TRANSPORT.show)(&first.transport);
            out.push(format!("{scheme}:{}", first.address));
            rest = after;
        }
    }
    out.join(" ")
}

/// RFC 3261 section 19.1.2.
const SIP_PORT: u16 = 5060;
const SIPS_PORT: u16 = 5061;
