//! How are addresses, origins and users of the HTTP interface written?

use std::net::SocketAddr;

use crate::config::form::network::socket_address;
use crate::config::form::{Form, items};
use crate::config::token::TokenHash;
use crate::control::Role;

/// Each once; none turns the interface off.
pub(in crate::config) const HTTP_LISTEN: Form<Vec<SocketAddr>> = Form {
    parse: |text| {
        let mut all = Vec::new();
        for item in items(text) {
            let address = socket_address(item, HTTP_PORT).ok_or_else(|| {
                format!(
                    "\"{item}\" is not an address to listen at; write e.g. 127.0.0.1:8080 or \
                     [::]:8443, or nothing for none"
                )
            })?;
            if all.contains(&address) {
                return Err(format!("names {item} twice; write each address once"));
            }
            all.push(address);
        }
        Ok(all)
    },
    show: |all| {
        let texts: Vec<String> = all.iter().map(SocketAddr::to_string).collect();
        texts.join(" ")
    },
};

/// As browsers send them in `Origin` (RFC 6454 section 7).
pub(in crate::config) const ORIGINS: Form<Vec<String>> = Form {
    parse: |text| items(text).map(origin).collect(),
    show: |all| all.join(" "),
};

pub(in crate::config) const ROLE: Form<Role> = Form {
    parse: |text| {
        let text = text.to_ascii_lowercase();
        let role = Role::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| "no such role; write viewer, operator or admin".to_owned())
    },
    show: |role| role.name().to_owned(),
};

/// Says nothing of the text, which may be the token itself.
pub(in crate::config) const TOKEN: Form<Option<TokenHash>> = Form {
    parse: |text| {
        if text.is_empty() {
            return Ok(None);
        }
        let hash = text.parse().map(Some);
        hash.map_err(|_| {
            "not the hash of a token; run paging token NAME and write the line that it prints"
                .to_owned()
        })
    },
    show: |token| token.as_ref().map(TokenHash::written).unwrap_or_default(),
};

fn origin(item: &str) -> Result<String, String> {
    let plain = item.to_ascii_lowercase();
    let host = plain
        .strip_prefix("https://")
        .or_else(|| plain.strip_prefix("http://"));
    let is_origin = host.is_some_and(|host| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        !host.is_empty() && host.chars().all(allowed)
    });
    if !is_origin {
        return Err(format!(
            "\"{item}\" is not the origin of web pages; write e.g. https://intranet.example.com"
        ));
    }
    Ok(plain)
}

/// Of an address without a port.
const HTTP_PORT: u16 = 8080;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_written_alike() {
        for text in ["", "127.0.0.1:8080", "0.0.0.0:8080 [::]:8443"] {
            assert_eq!(
                (HTTP_LISTEN.show)(&(HTTP_LISTEN.parse)(text).unwrap()),
                text
            );
        }
        assert_eq!(
            (HTTP_LISTEN.parse)("::1, 127.0.0.1").unwrap(),
            [
                "[::1]:8080".parse().unwrap(),
                "127.0.0.1:8080".parse().unwrap()
            ]
        );
        assert_eq!(
            (ORIGINS.parse)("https://A.example http://[::1]:3000").unwrap(),
            ["https://a.example", "http://[::1]:3000"]
        );
        assert_eq!((ROLE.parse)("Operator"), Ok(Role::Operator));
        assert_eq!((TOKEN.parse)(""), Ok(None));
    }

    #[test]
    fn what_is_wrong_gets_a_remedy() {
        for text in ["localhost:8080", "127.0.0.1:x", "1.2.3.4 1.2.3.4:8080"] {
            assert!((HTTP_LISTEN.parse)(text).is_err(), "{text}");
        }
        for text in ["*", "example.com", "https://a.example/", "https://"] {
            assert!((ORIGINS.parse)(text).is_err(), "{text}");
        }
        assert!((ROLE.parse)("root").unwrap_err().contains("operator"));
        let why = (TOKEN.parse)("hunter2").unwrap_err();
        assert!(why.contains("paging token") && !why.contains("hunter2"));
    }
}
