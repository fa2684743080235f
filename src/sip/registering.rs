//! How does an account stay registered, whatever its registrar does?
//!
//! ```text
//! attempt ─ 2xx ──────────► Registered ── before it ends, or the stream breaks ──► attempt
//!    │ ─── 401/407 ───────► again with the password, once
//!    │ ─── 423 ───────────► again with the life the registrar wants
//!    │ ─── refused ───────► long wait
//!    └──── no answer, 5xx ► short wait that doubles
//! ```

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method, Request, Response, Version};
use rsipstack::transaction::random_text;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at, sleep, timeout};

use super::address::{self, NameAddr};
use super::backoff;
use super::event::{AccountState, Event};
use super::flow::Flow;
use super::hub::Hub;
use super::message;
use super::settings::Account;
use super::transact::{Credentials, Outcome, is_challenge};

/// Keeps an account registered until told to stop; then un-registers it.
pub(super) async fn keep(hub: Arc<Hub>, account: Account, mut stop: oneshot::Receiver<()>) {
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
        (AccountState::Unreachable { why: a, .. }, AccountState::Unreachable { why: b, .. }) => {
            a == b
        }
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// What came of one attempt.
enum Attempt {
    Granted(Duration),
    Refused(u16, String),
    Failed {
        why: String,
        retry_after: Option<Duration>,
    },
}

impl Attempt {
    fn failed(why: impl Into<String>) -> Self {
        Self::Failed {
            why: why.into(),
            retry_after: None,
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
    /// The route that an outbound proxy makes.
    route: Option<String>,
    /// The way to the registrar and the Contact that it knows us by.
    bound: Option<(Flow, String)>,
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
            route: None,
            bound: None,
        }
    }

    async fn cycle(&mut self, state: &mut Reported<'_>) {
        let timing = self.hub.timing;
        let (mut n_failed, mut n_refused) = (0, 0);
        loop {
            match self.register().await {
                Attempt::Granted(life) => {
                    (n_failed, n_refused) = (0, 0);
                    state.report(AccountState::Registered { expires: life });
                    self.stay(backoff::refresh_after(life, chance())).await;
                }
                Attempt::Refused(status, reason) => {
                    // What was learnt may be what is wrong.
                    self.credentials.forget();
                    self.bound = None;
                    let (first, longest) = (timing.refused_first, timing.refused_longest);
                    let retry_in = backoff::wait(first, longest, n_refused, chance());
                    n_refused += 1;
                    state.report(AccountState::Refused {
                        status,
                        reason,
                        retry_in,
                    });
                    sleep(retry_in).await;
                }
                Attempt::Failed { why, retry_after } => {
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

    /// Waits for the time to refresh, or for the end of the stream that calls come along.
    async fn stay(&self, refresh_after: Duration) {
        let timing = self.hub.timing;
        let Some((flow, _)) = &self.bound else {
            return sleep(refresh_after).await;
        };
        let mut beat = interval_at(Instant::now() + timing.keep_alive, timing.keep_alive);
        let refresh = sleep(refresh_after);
        tokio::pin!(refresh);
        loop {
            tokio::select! {
                () = &mut refresh => return,
                _ = beat.tick() => flow.keep_alive().await,
                () = flow.gone() => {
                    let (first, longest) = (timing.retry_first, timing.retry_longest);
                    return sleep(backoff::wait(first, longest, 0, chance())).await;
                }
            }
        }
    }

    async fn register(&mut self) -> Attempt {
        let flow = match self.way().await {
            Ok(flow) => flow,
            Err(why) => return Attempt::failed(why),
        };
        let contact = flow.contact(&self.account.user);
        // From now on there may be a binding to take back, whatever we hear of it.
        self.bound = Some((flow.clone(), contact.clone()));
        let mut challenged = false;
        for _ in 0..ROUNDS {
            let request = self.request(&flow, &contact, self.expires);
            let response = match self.hub.transact(&flow, request).await {
                Outcome::Answered(response) => response,
                Outcome::TimedOut => {
                    return Attempt::failed(format!("{} does not answer", flow.remote));
                }
                Outcome::Lost(why) => return Attempt::failed(why),
            };
            match response.status_code.code() {
                200..300 => {
                    let life = granted(&response, &contact).unwrap_or(self.expires);
                    self.hub.registrars.found(&self.account.name, flow.remote);
                    return Attempt::Granted(life.max(SHORTEST));
                }
                _ if is_challenge(&response) => {
                    let learnt = self.credentials.learn(&response);
                    if !learnt || (challenged && !self.credentials.is_stale()) {
                        return refused(&response);
                    }
                    challenged = true;
                }
                423 => match seconds(&response, "Min-Expires") {
                    Some(least) if least > self.expires => self.expires = least,
                    Some(_) | None => return refused(&response),
                },
                _ => return refused(&response),
            }
        }
        Attempt::failed(format!("{} asks again and again", flow.remote))
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
                    if !self.credentials.learn(&response) {
                        return;
                    }
                }
                Outcome::Answered(_) | Outcome::TimedOut | Outcome::Lost(_) => return,
            }
        }
    }

    async fn way(&mut self) -> Result<Flow, String> {
        let (hop, route) = self.account.first_hop()?;
        self.route = route;
        self.hub.flow_to(&hop).await
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
            Header::UserAgent(self.hub.stack.user_agent.as_str().into()),
        ];
        if let Some(route) = &self.route {
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

/// What an answer that is no success means: wait long, or try again soon.
fn refused(response: &Response) -> Attempt {
    let status = response.status_code.code();
    let reason = message::reason(response);
    if !(500..600).contains(&status) {
        return Attempt::Refused(status, reason);
    }
    Attempt::Failed {
        why: format!("{status} {reason}"),
        retry_after: seconds(response, "Retry-After"),
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

/// A number that nobody can foretell.
pub(super) fn chance() -> u64 {
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
            ("Expires: 60\r\n", 60),
        ];
        for (headers, wanted) in table {
            let life = granted(&response(headers), ours);
            assert_eq!(life, Some(Duration::from_secs(wanted)), "{headers}");
        }
        assert_eq!(granted(&response(""), ours), None);
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
