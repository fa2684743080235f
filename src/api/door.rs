//! Who asks, and may they?

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

use super::problem::Problem;
use super::settings::{Settings, User};
use crate::config::TokenHash;
use crate::control::Role;

/// One who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// NAME of `[user:NAME]`; empty for a program on this machine.
    pub name: String,
    pub role: Role,
    /// Names of the zones that it may page; none stands for all.
    pub zones: Vec<String>,
    pub way: Way,
}

/// Over what somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Http,
    Mqtt,
}

/// As log lines name it.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Mqtt => "MQTT",
        })
    }
}

impl Who {
    /// A program on this machine, which could do everything anyhow.
    fn local() -> Self {
        Self {
            name: String::new(),
            role: Role::Admin,
            zones: Vec::new(),
            way: Way::Http,
        }
    }

    /// As a user who has proved it.
    pub(super) fn of(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            role: user.role,
            zones: user.zones.clone(),
            way: Way::Http,
        }
    }

    /// Whether the role is this one or more.
    ///
    /// # Errors
    /// 403 with the role that it takes.
    pub fn needs(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        Err(Problem::role(role))
    }
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) peer: SocketAddr,
    pub(super) here: SocketAddr,
}

/// Who asks: a user with a token, or a program on this machine without one.
///
/// # Errors
/// 401 for whoever is not known.
pub(super) fn admit(settings: &Settings, ends: Ends, headers: &HeaderMap) -> Result<Who, Problem> {
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let text = given.to_str().unwrap_or_default();
        let token = bearer(text).ok_or_else(|| {
            Problem::unauthorized("send the token as authorization: Bearer TOKEN (RFC 6750)")
        })?;
        return known(settings, token).map(Who::of).ok_or_else(|| {
            Problem::unauthorized("no user has this token; paging token NAME makes one")
        });
    }
    if !ends.peer.ip().is_loopback() {
        return Err(Problem::unauthorized(
            "only programs on the machine itself need no token; send authorization: Bearer TOKEN",
        ));
    }
    is_from_here(settings, ends, headers)?;
    Ok(Who::local())
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Compares with every user, so that the time tells nothing.
pub(super) fn known<'a>(settings: &'a Settings, token: &str) -> Option<&'a User> {
    let hash = TokenHash::of(token);
    let mut found = None;
    for user in &settings.users {
        if bool::from(user.token.matches(&hash)) {
            found = Some(user);
        }
    }
    found
}

/// A browser on this machine asks for any web page that it shows, and a proxy for anybody: what
/// comes from there is not trusted for coming from here.
fn is_from_here(settings: &Settings, ends: Ends, headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |why: &str| {
        let detail = format!("{why}, so a token is needed; send authorization: Bearer TOKEN");
        Err(Problem::unauthorized(&detail))
    };
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // A name that points here by DNS rebinding is none of ours.
    let host = text(header::HOST).unwrap_or_default();
    if !is_ours(host_of(host), ends.here.ip()) {
        return refused("the header Host names another machine");
    }
    let proxied = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    if proxied.iter().any(|name| headers.contains_key(*name)) {
        return refused("the request came through a proxy");
    }
    let origin = text(header::ORIGIN).map(str::to_ascii_lowercase);
    let is_known = |origin: &String| is_own_origin(headers) || settings.cors.contains(origin);
    if origin.as_ref().is_some_and(|origin| !is_known(origin)) {
        return refused("the request came from a foreign web page");
    }
    let site = headers.get("sec-fetch-site").map(|it| it.as_bytes());
    let is_foreign = matches!(site, Some(b"cross-site" | b"same-site"));
    if is_foreign && origin.is_none() {
        return refused("the request came from a foreign web page");
    }
    Ok(())
}

/// Whether a page of ours asks: its origin has the name and the port that are asked.
pub(super) fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN).and_then(|it| it.split_once("://"));
    let host = text(header::HOST).unwrap_or_default();
    origin.is_some_and(|(_, from)| !host.is_empty() && from.eq_ignore_ascii_case(host))
}

/// Without the port.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

fn is_ours(host: &str, here: IpAddr) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address: Option<IpAddr> = host.parse().ok();
    address.is_some_and(|address| address.is_loopback() || address == here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let user = |name: &str, role, zones: &[&str]| User {
            name: name.to_owned(),
            token: TokenHash::of(&format!("token of {name}")),
            role,
            zones: zones.iter().map(|it| (*it).to_owned()).collect(),
        };
        Settings {
            listen: Vec::new(),
            tls: None,
            cors: vec!["https://intra.example".to_owned()],
            users: vec![
                user("ann", Role::Viewer, &[]),
                user("bob", Role::Operator, &["yard"]),
            ],
            relays: Vec::new(),
            lines: Vec::new(),
            state_dir: None,
            past: None,
        }
    }

    fn ask(peer: &str, headers: &[(&'static str, &str)]) -> Result<Who, Problem> {
        let ends = Ends {
            peer: peer.parse().unwrap(),
            here: "127.0.0.1:8080".parse().unwrap(),
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        admit(&settings(), ends, &map)
    }

    const HERE: &str = "127.0.0.1:40000";
    const THERE: &str = "192.0.2.7:40000";

    #[test]
    fn a_token_tells_who_asks_from_wherever() {
        for peer in [HERE, THERE] {
            let bob = ask(peer, &[("authorization", "Bearer token of bob")]).unwrap();
            assert_eq!((bob.name.as_str(), bob.role), ("bob", Role::Operator));
            assert_eq!(bob.zones, ["yard"]);
            for wrong in ["Bearer token of eve", "Basic YTpi", "Bearer", "bearer  "] {
                let problem = ask(peer, &[("host", "localhost"), ("authorization", wrong)]);
                assert_eq!(problem.unwrap_err().status(), 401, "{wrong}");
            }
        }
    }

    #[test]
    fn only_a_program_on_this_machine_needs_no_token() {
        for host in [
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "127.0.0.1",
        ] {
            assert_eq!(ask(HERE, &[("host", host)]), Ok(Who::local()), "{host}");
        }
        assert_eq!(
            ask(THERE, &[("host", "localhost")]).unwrap_err().status(),
            401
        );
        for host in [
            "evil.example:8080",
            "",
            "192.0.2.9:8080",
            "localhost.evil.example",
        ] {
            assert_eq!(
                ask(HERE, &[("host", host)]).unwrap_err().status(),
                401,
                "{host}"
            );
        }
        assert_eq!(ask(HERE, &[]).unwrap_err().status(), 401);
    }

    #[test]
    fn web_pages_and_proxies_are_not_this_machine() {
        let host = ("host", "localhost:8080");
        let foreign: [(&str, &str); 6] = [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("x-forwarded-for", "192.0.2.7"),
            ("forwarded", "for=192.0.2.7"),
            ("via", "1.1 proxy"),
        ];
        for header in foreign {
            assert_eq!(
                ask(HERE, &[host, header]).unwrap_err().status(),
                401,
                "{header:?}"
            );
        }
        let own = ("origin", "http://localhost:8080");
        assert_eq!(ask(HERE, &[host, own]), Ok(Who::local()));
        let friend = ("origin", "https://intra.example");
        assert_eq!(ask(HERE, &[host, friend]), Ok(Who::local()));
    }
}
