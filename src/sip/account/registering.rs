//! How does an account stay registered, whatever its registrar does?
//!
//! ```text
//! attempt ─ 2xx ──────────► Registered ── before it ends, or the server is gone ──► attempt
//!    │ ─── 401/407 ───────► again with the password, once
//!    │ ─── 423 ───────────► again with the life the registrar wants
//!    │ ─── no answer, 503 ► the next server
//!    │ ─── refused ───────► long wait
//!    └──── no server left ► short wait that doubles
//! ```
//!
//! Each attempt begins with the first server, so that it is used again once it lives again.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method, Request, Response, Version};
use rsipstack::transaction::random_text;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::sip::account::backoff;
use crate::sip::account::pulse::Pulse;
use crate::sip::account::registrars::Serving;
use crate::sip::account::staying::Stay;
use crate::sip::address::{self, NameAddr};
use crate::sip::event::{AccountState, Event};
use crate::sip::finding::servers::Server;
use crate::sip::finding::ways;
use crate::sip::hub::Hub;
use crate::sip::message;
use crate::sip::settings::{Account, Transport};
use crate::sip::transact::{Credentials, Outcome, is_challenge, other_realm};
use crate::sip::wire::flow::Flow;

/// Keeps an account registered until told to stop; then un-registers it.
pub(crate) async fn keep(hub: Arc<Hub>, account: Account, mut stop: oneshot::Receiver<()>) {
    let mut state = Reported::new(&hub, &account.name);
    let mut binding = Binding::new(&hub, &account);
    state.report(AccountState::Registering);
    tokio::select! {
        () = binding.cycle(&mut state) => {}
        _ = &mut stop => {}
    }
    // A registrar that does not answer forgets us by itself.
    let _ = timeout(REMOVE_FOR, binding.remove()).await;
    state.report(AccountState::Gone);
}

/// Tells only what has changed.
struct Reported<'a> {
    hub: &'a Hub,
    name: &'a str,
    last: Option<AccountState>,
}

impl<'a> Reported<'a> {
    fn new(hub: &'a Hub, name: &'a str) -> Self {
        Self {
            hub,
            name,
            last: None,
        }
    }

    fn report(&mut self, state: AccountState) {
        let same = self.last.as_ref().is_some_and(|last| is_same(last, &state));
        if !same {
            self.hub.tell(Event::Account {
                name: self.name.to_owned(),
                state: state.clone(),
            });
        }
        self.last = Some(state);
    }
}

/// Whether an operator would see no difference: waits and lives do not count.
fn is_same(a: &AccountState, b: &AccountState) -> bool {
    match (a, b) {
        (AccountState::Refused { status: a, .. }, AccountState::Refused { status: b, .. }) => {
            a == b
        }
        (
            AccountState::Registered { server: a, .. },
            AccountState::Registered { server: b, .. },
        ) => a == b,
        (AccountState::Unreachable { why: a, .. }, AccountState::Unreachable { why: b, .. }) => {
            a == b
        }
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// What came of one attempt.
enum Attempt {
    Granted {
        life: Duration,
        server: String,
        /// What is wrong with the servers before it.
        left: Option<String>,
    },
    /// Granted, but for an address of ours that a NAT hides; that binding is taken back.
    Hidden,
    Refused {
        status: u16,
        reason: String,
        other_realm: Option<String>,
    },
    Failed {
        why: String,
        retry_after: Option<Duration>,
        /// Whether another server may do better (RFC 3263 §4.3).
        try_next: bool,
    },
}

impl Attempt {
    fn failed(why: impl Into<String>) -> Self {
        Self::Failed {
            why: why.into(),
            retry_after: None,
            try_next: true,
        }
    }
}

struct Binding<'a> {
    hub: &'a Hub,
    account: &'a Account,
    credentials: Credentials,
    call_id: String,
    tag: String,
    seq: u32,
    /// The life to ask for; a registrar may have raised it.
    expires: Duration,
    /// The server that was asked last, whose challenge the credentials know.
    asked: Option<Server>,
    pulse: Pulse,
    /// The way to the registrar and the Contact that it knows us by.
    bound: Option<(Flow, String)>,
    /// Where the registrar sees us, if that is not where we are.
    seen: Option<SocketAddr>,
    /// Whether the last attempt has found that out; a NAT that changes its mind each time must
    /// not keep us busy.
    has_moved: bool,
}

impl<'a> Binding<'a> {
    fn new(hub: &'a Hub, account: &'a Account) -> Self {
        Self {
            hub,
            account,
            credentials: Credentials::default(),
            call_id: random_text(CALL_ID_LENGTH),
            tag: random_text(TAG_LENGTH),
            seq: 0,
            expires: account.wanted_expires(),
            asked: None,
            pulse: Pulse::new(false),
            bound: None,
            seen: None,
            has_moved: false,
        }
    }

    async fn cycle(&mut self, state: &mut Reported<'_>) {
        let timing = self.hub.timing;
        let (mut n_failed, mut n_refused) = (0, 0);
        loop {
            match self.register().await {
                Attempt::Hidden => self.has_moved = true,
                Attempt::Granted { life, server, left } => {
                    (n_failed, n_refused) = (0, 0);
                    self.has_moved = false;
                    let expires = life;
                    state.report(AccountState::Registered {
                        expires,
                        server,
                        left,
                    });
                    self.stay(backoff::refresh_after(life, chance())).await;
                }
                Attempt::Refused {
                    status,
                    reason,
                    other_realm,
                } => {
                    self.hub.registrars.lost(&self.account.name);
                    // What was learnt may be what is wrong.
                    self.credentials.forget();
                    self.bound = None;
                    let (first, longest) = (timing.refused_first, timing.refused_longest);
                    let retry_in = backoff::wait(first, longest, n_refused, chance());
                    n_refused += 1;
                    state.report(AccountState::Refused {
                        status,
                        reason,
                        other_realm,
                        retry_in,
                    });
                    sleep(retry_in).await;
                }
                Attempt::Failed {
                    why, retry_after, ..
                } => {
                    self.hub.registrars.lost(&self.account.name);
                    let (first, longest) = (timing.retry_first, timing.retry_longest);
                    let retry_in = backoff::wait(first, longest, n_failed, chance());
                    let retry_in = retry_in.max(retry_after.unwrap_or_default());
                    n_failed += 1;
                    state.report(AccountState::Unreachable { why, retry_in });
                    sleep(retry_in).await;
                }
            }
        }
    }

    /// Waits until the registration has to be renewed.
    async fn stay(&mut self, refresh_after: Duration) {
        let (Some((flow, contact)), Some(server)) = (&self.bound, &self.asked) else {
            return sleep(refresh_after).await;
        };
        let stay = Stay {
            hub: self.hub,
            account: self.account,
            flow,
            contact,
            route: server.route.as_deref(),
        };
        stay.hold(refresh_after, &mut self.pulse).await;
    }

    /// Registers with the first server that takes us.
    async fn register(&mut self) -> Attempt {
        let (servers, mut whys) = match self.servers().await {
            Ok(found) => found,
            Err(why) => return Attempt::failed(why),
        };
        let n_servers = servers.len();
        for (n, server) in servers.into_iter().enumerate() {
            let has_more = n + 1 < n_servers;
            let attempt = self.register_at(&server, has_more).await;
            match attempt {
                Attempt::Granted {
                    life, server: name, ..
                } => {
                    self.hub.unwell().handle_success(&server);
                    let left = (!whys.is_empty()).then(|| whys.join("; "));
                    return Attempt::Granted {
                        life,
                        server: name,
                        left,
                    };
                }
                Attempt::Failed {
                    why,
                    retry_after,
                    try_next,
                } => {
                    self.hub.unwell().handle_failure(&server, now());
                    whys.push(why);
                    if !(try_next && has_more) {
                        let why = whys.join("; ");
                        return Attempt::Failed {
                            why,
                            retry_after,
                            try_next,
                        };
                    }
                }
                Attempt::Hidden | Attempt::Refused { .. } => return attempt,
            }
        }
        Attempt::failed(whys.join("; "))
    }

    async fn servers(&self) -> Result<(Vec<Server>, Vec<String>), String> {
        let (found, whys) = self.hub.names.locate_all(&self.account.hops()?).await?;
        Ok((self.hub.registrars.rank(&self.account.name, found), whys))
    }

    async fn register_at(&mut self, server: &Server, has_more: bool) -> Attempt {
        let flow = match self.way(server).await {
            Ok(flow) => flow,
            Err(why) => return Attempt::failed(why),
        };
        let contact = flow.contact(&self.account.user);
        // From now on there may be a binding to take back, whatever we hear of it.
        self.bound = Some((flow.clone(), contact.clone()));
        let mut challenged = false;
        for _ in 0..ROUNDS {
            let request = self.request(&flow, &contact, self.expires);
            let answer = self.hub.transact(&flow, request);
            let outcome = match has_more {
                true => timeout(self.hub.silent_after(), answer).await,
                false => Ok(answer.await),
            };
            let response = match outcome.unwrap_or(Outcome::TimedOut) {
                Outcome::Answered(response) => response,
                Outcome::TimedOut => return Attempt::failed(format!("{server} does not answer")),
                Outcome::Lost(why) => return Attempt::failed(why),
            };
            match response.status_code.code() {
                200..300 if self.learns_place(&flow, &response) => {
                    self.remove().await;
                    return Attempt::Hidden;
                }
                200..300 => {
                    let life = granted(&response, &contact).unwrap_or(self.expires);
                    let serving = Serving {
                        server: server.clone(),
                        routes: ways::loose(message::values(&response.headers, "Service-Route")),
                    };
                    self.hub.registrars.serves(&self.account.name, serving);
                    return Attempt::Granted {
                        life: life.max(SHORTEST),
                        server: server.to_string(),
                        left: None,
                    };
                }
                _ if is_challenge(&response) => {
                    let learnt = self.credentials.learn(&response, self.account);
                    if !learnt || (challenged && !self.credentials.is_stale()) {
                        return self.refused(&response, server);
                    }
                    challenged = true;
                }
                423 => match seconds(&response, "Min-Expires") {
                    Some(least) if least > self.expires => self.expires = least,
                    Some(_) | None => return self.refused(&response, server),
                },
                _ => return self.refused(&response, server),
            }
        }
        Attempt::failed(format!("{server} asks again and again"))
    }

    /// Takes the registration back, if there is one.
    async fn remove(&mut self) {
        let Some((flow, contact)) = self.bound.take() else {
            return;
        };
        for _ in 0..2 {
            let request = self.request(&flow, &contact, Duration::ZERO);
            match self.hub.transact(&flow, request).await {
                Outcome::Answered(response) if is_challenge(&response) => {
                    if !self.credentials.learn(&response, self.account) {
                        return;
                    }
                }
                Outcome::Answered(_) | Outcome::TimedOut | Outcome::Lost(_) => return,
            }
        }
    }

    async fn way(&mut self, server: &Server) -> Result<Flow, String> {
        if self.asked.as_ref().is_none_or(|asked| !asked.is_at(server)) {
            // Its nonces mean nothing to another one, which would count them as guesses.
            self.credentials.forget();
            self.pulse = Pulse::new(server.transport != Transport::Udp);
        }
        self.asked = Some(server.clone());
        let mut flow = self.hub.open(server).await?;
        if let Some(seen) = self.seen.filter(|_| !flow.is_stream()) {
            flow.local = seen;
        }
        Ok(flow)
    }

    /// Whether the registrar sees us elsewhere than we say, and calls would not find us
    /// (RFC 3581). What the configuration says of our address counts more.
    fn learns_place(&mut self, flow: &Flow, response: &Response) -> bool {
        if self.has_moved || flow.is_stream() || self.hub.external().is_some() {
            return false;
        }
        let seen = seen(response, flow.local).filter(|seen| *seen != flow.local);
        self.seen = seen.or(self.seen);
        seen.is_some()
    }

    /// What an answer that is no success means: wait long, or try again soon.
    fn refused(&self, response: &Response, server: &Server) -> Attempt {
        let status = response.status_code.code();
        let reason = message::reason(response);
        if !(500..600).contains(&status) {
            return Attempt::Refused {
                status,
                reason,
                other_realm: other_realm(response, self.account),
            };
        }
        Attempt::Failed {
            why: format!("{server} says {status} {reason}"),
            retry_after: seconds(response, "Retry-After"),
            try_next: status == 503,
        }
    }

    fn request(&mut self, flow: &Flow, contact: &str, expires: Duration) -> Request {
        self.seq += 1;
        let address = self.account.address();
        let mut headers = vec![
            Header::Via(flow.via().into()),
            Header::MaxForwards(70.into()),
            Header::From(format!("{address};tag={}", self.tag).into()),
            Header::To(address.into()),
            Header::CallId(self.call_id.as_str().into()),
            Header::CSeq(format!("{} REGISTER", self.seq).into()),
            Header::Contact(contact.into()),
            Header::Expires(expires.as_secs().to_string().into()),
            Header::Allow(message::ALLOW.into()),
            // RFC 3327 §5.1: proxies on the way may ask to be gone through.
            Header::Supported("path".into()),
            Header::UserAgent(self.hub.stack.user_agent.as_str().into()),
        ];
        if let Some(route) = self.asked.as_ref().and_then(|server| server.route.as_ref()) {
            headers.push(Header::Route(route.as_str().into()));
        }
        let mut request = Request {
            method: Method::Register,
            uri: message::verbatim(&format!("sip:{}", self.account.domain)),
            version: Version::V2,
            headers: headers.into(),
            body: Vec::new(),
        };
        self.credentials.prove(self.account, &mut request);
        request
    }
}

/// The life that the registrar gives to our Contact (RFC 3261 §10.2.4).
fn granted(response: &Response, contact: &str) -> Option<Duration> {
    let ours = place(contact)?;
    let of_ours = message::values(&response.headers, "Contact")
        .flat_map(address::list)
        .filter(|listed| place(listed).as_ref() == Some(&ours))
        .find_map(|listed| address::param(NameAddr::parse(listed)?.params, "expires"))
        .and_then(|value| value.parse().ok())
        .map(Duration::from_secs);
    of_ours.or_else(|| seconds(response, "Expires"))
}

/// Where the sender of a request of ours is, as the answer's first Via tells who said to be at
/// `local`.
fn seen(response: &Response, local: SocketAddr) -> Option<SocketAddr> {
    let via = message::values(&response.headers, "Via")
        .flat_map(address::list)
        .next()?;
    let params = &via[via.find(';')?..];
    let ip =
        address::param(params, "received").and_then(|ip| ip.trim_matches(['[', ']']).parse().ok());
    let port = address::param(params, "rport").and_then(|port| port.parse().ok());
    let seen = SocketAddr::new(ip.unwrap_or(local.ip()), port.unwrap_or(local.port()));
    (seen.is_ipv4() == local.is_ipv4()).then_some(seen)
}

/// What two spellings of one Contact have in common.
fn place(contact: &str) -> Option<(String, String, Option<u16>)> {
    let uri = address::Uri::parse(NameAddr::parse(contact)?.uri)?;
    Some((
        address::unescaped(uri.user),
        uri.host.to_ascii_lowercase(),
        uri.port,
    ))
}

fn seconds(response: &Response, name: &str) -> Option<Duration> {
    message::seconds(&response.headers, name)
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A number that nobody can foretell.
pub(crate) fn chance() -> u64 {
    RandomState::new().hash_one(0)
}

/// A challenge, a fresher nonce, a longer life and a challenge for that, and one to spare.
const ROUNDS: usize = 5;

/// A life that leaves time to refresh.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long a goodbye may take; less than the endpoint's own stop.
const REMOVE_FOR: Duration = Duration::from_millis(1_400);

/// Unique with certainty enough (RFC 3261 §19.3, §8.1.1.4).
const TAG_LENGTH: usize = 12;
const CALL_ID_LENGTH: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn response(extra: &str) -> Response {
        let text =
            format!("SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n{extra}Content-Length: 0\r\n\r\n");
        Response::try_from(text.as_str()).unwrap()
    }

    #[test]
    fn the_life_of_our_own_contact_counts() {
        let ours = "<sip:7@1.2.3.4:5060>";
        let table = [
            (
                "Contact: <sip:7@9.9.9.9>;expires=9, <sip:7@1.2.3.4:5060;ob>;q=1;expires=40\r\n",
                40,
            ),
            ("Contact: <sip:7@1.2.3.4:5060>\r\nExpires: 50\r\n", 50),
            (
                "Contact: <sip:7@1.2.3.4:5060>;+sip.instance=\"<urn:uuid:1>\";\
                 pub-gruu=\"sip:7@h;gr=urn:uuid:1;expires=9\";temp-gruu=\"sip:t,x@h;gr\";\
                 expires=45\r\n",
                45,
            ),
            ("Expires: 60\r\n", 60),
        ];
        for (headers, wanted) in table {
            let life = granted(&response(headers), ours);
            assert_eq!(life, Some(Duration::from_secs(wanted)), "{headers}");
        }
        assert_eq!(granted(&response(""), ours), None);
    }

    #[test]
    fn the_first_via_tells_where_we_are_seen() {
        let local = "192.168.1.2:5060".parse().unwrap();
        let table = [
            (";rport;branch=z", Some("192.168.1.2:5060")),
            (";rport=4242;received=203.0.113.9", Some("203.0.113.9:4242")),
            (";received=203.0.113.9", Some("203.0.113.9:5060")),
            (
                ";rport=4242, SIP/2.0/UDP x;rport=1",
                Some("192.168.1.2:4242"),
            ),
            (";received=2001:db8::1", None),
            (";received=nonsense;rport=x", Some("192.168.1.2:5060")),
        ];
        for (params, wanted) in table {
            let response = response(&format!("Via: SIP/2.0/UDP 192.168.1.2:5060{params}\r\n"));
            let wanted = wanted.map(|at| at.parse().unwrap());
            assert_eq!(seen(&response, local), wanted, "{params}");
        }
    }

    #[test]
    fn seconds_may_carry_a_comment() {
        let header = response("Retry-After: 18000;duration=3600\r\n");
        assert_eq!(
            seconds(&header, "Retry-After"),
            Some(Duration::from_secs(18_000))
        );
    }
}
