//! How do we change a session, or keep it alive, from our side? (RFC 3261 §14.1, RFC 4028 §10)
//!
//! One request at a time, and none while the peer's own change is open. A refresh is an UPDATE
//! without a body where the peer takes one, else a re-INVITE with what we said last.

use std::time::Duration;

use rsipstack::sip::{Header, Method, Request, Response};
use tokio::time::{Instant, timeout};

use crate::sip::account::registering::chance;
use crate::sip::call::established::Session;
use crate::sip::call::reason::Reason;
use crate::sip::call::session_timer::{self, Agreed, Side};
use crate::sip::event::{Event, HowEnded};
use crate::sip::hub::Input;
use crate::sip::message;
use crate::sip::transact::{Credentials, Outcome, is_challenge};

/// Who made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Caller,
    Called,
}

/// How a session stands when it begins.
pub(crate) struct Begun {
    pub(crate) role: Role,
    pub(crate) timer: Option<Agreed>,
    pub(crate) takes_update: bool,
    /// Our session description.
    pub(crate) sdp: String,
}

/// Our own requests inside a call.
pub(crate) struct Renewing {
    pub(crate) begun: Begun,
    /// The last request that kept the session alive.
    alive_at: Instant,
    /// The shortest life that the peer allows, if it told.
    least: Option<Duration>,
    credentials: Credentials,
    wanted: Option<Wanted>,
    sent: Option<Sent>,
}

struct Wanted {
    /// The application's; without one it is a mere refresh.
    offer: Option<String>,
    at: Instant,
    n_tries: u32,
}

struct Sent {
    request: Request,
    wanted: Wanted,
}

impl Renewing {
    pub(crate) fn new(begun: Begun, now: Instant) -> Self {
        Self {
            begun,
            alive_at: now,
            least: None,
            credentials: Credentials::default(),
            wanted: None,
            sent: None,
        }
    }

    /// The session has been refreshed, by whomever.
    pub(crate) fn refreshed(&mut self, timer: Option<Agreed>, now: Instant) {
        self.begun.timer = timer;
        self.alive_at = now;
    }

    /// Whether an offer of the peer crosses one of ours (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(crate) fn crosses(&self) -> bool {
        self.sent
            .as_ref()
            .is_some_and(|sent| !sent.request.body.is_empty())
    }

    /// `may_send`: nothing of the peer is open.
    pub(crate) fn poll_timeout(&self, may_send: bool) -> Option<Instant> {
        let over = self.begun.timer.map(|t| self.alive_at + t.over_after());
        let next = match &self.wanted {
            Some(wanted) => Some(wanted.at),
            None => self.refresh_at(),
        };
        let next = next.filter(|_| may_send && self.sent.is_none());
        over.into_iter().chain(next).min()
    }

    fn refresh_at(&self) -> Option<Instant> {
        let timer = self.begun.timer.filter(|t| t.refresher == Side::Us)?;
        Some(self.alive_at + timer.due_after())
    }

    fn is_over(&self, now: Instant) -> bool {
        self.begun
            .timer
            .is_some_and(|timer| now >= self.alive_at + timer.over_after())
    }

    fn want(&mut self, offer: Option<String>, at: Instant) {
        self.wanted = Some(Wanted {
            offer,
            at,
            n_tries: 0,
        });
    }

    /// What has to be sent now.
    fn take_due(&mut self, now: Instant) -> Option<Wanted> {
        if self.sent.is_some() {
            return None;
        }
        if self.wanted.is_none() && self.refresh_at().is_some_and(|at| at <= now) {
            self.want(None, now);
        }
        self.wanted.take_if(|wanted| wanted.at <= now)
    }

    /// The same again later, unless the application wants something newer by now.
    fn again(&mut self, mut wanted: Wanted, at: Instant) {
        wanted.n_tries += 1;
        wanted.at = at;
        self.wanted.get_or_insert(wanted);
    }
}

impl Session {
    /// The application wants another session.
    pub(crate) fn change(&mut self, offer: String) {
        self.renewing.want(Some(offer), Instant::now());
    }

    /// Sends what is due of ours, or gives a session up that nobody has refreshed.
    pub(crate) fn renew(&mut self, now: Instant) {
        if self.is_leaving() {
            return;
        }
        if self.renewing.is_over(now) {
            let why = "the session expired: the other side has vanished".to_owned();
            return self.leave(HowEnded::Failed(why), Reason::sip(408, "session expired"));
        }
        if !self.is_settled() {
            return;
        }
        if let Some(wanted) = self.renewing.take_due(now) {
            self.send(wanted);
        }
    }

    fn send(&mut self, wanted: Wanted) {
        let request = self.request(&wanted);
        let seq = message::seq(&request.headers);
        let (hub, flow) = (self.call.hub.clone(), self.call.flow.clone());
        let (dialog, inbox) = (self.dialog.clone(), self.call.seat.inbox());
        let mut to_send = request.clone();
        tokio::spawn(async move {
            let flow = hub.way_inside(&dialog, &flow).await;
            message::set_via(&mut to_send, flow.via());
            // One that is for ever under way is no sign of life either.
            let answered = timeout(hub.lost_after() * 2, hub.transact(&flow, to_send)).await;
            let outcome = answered.unwrap_or(Outcome::TimedOut);
            let _ = inbox.send(Input::Renewed { seq, outcome });
        });
        self.renewing.sent = Some(Sent { request, wanted });
    }

    fn request(&mut self, wanted: &Wanted) -> Request {
        let by_update = wanted.offer.is_none() && self.renewing.begun.takes_update;
        let (method, body) = if by_update {
            (Method::Update, None)
        } else {
            let last = &self.renewing.begun.sdp;
            let offer = wanted.offer.as_ref().unwrap_or(last);
            (Method::Invite, Some(offer.clone()))
        };
        let mut request = self.dialog.request(method, self.call.flow.via());
        let hub = &self.call.hub;
        let headers = &mut request.headers;
        headers.push(Header::Contact(self.call.contact().into()));
        headers.push(Header::Allow(message::ALLOW.into()));
        headers.push(Header::Supported(message::SUPPORTED.into()));
        headers.push(Header::UserAgent(hub.stack.user_agent.as_str().into()));
        let now = self.renewing.begun.timer;
        headers.extend(
            hub.session_timer()
                .request_headers(now, self.renewing.least),
        );
        if let Some(body) = body {
            headers.push(Header::ContentType(message::SDP.into()));
            request.body = body.into_bytes();
        }
        if let Some(account) = &self.call.account {
            self.renewing.credentials.prove(account, &mut request);
        }
        request
    }

    /// Our request has its answer.
    pub(crate) fn renewed(&mut self, seq: u32, outcome: Outcome) {
        let is_it = |sent: &mut Sent| message::seq(&sent.request.headers) == seq;
        let Some(sent) = self.renewing.sent.take_if(is_it) else {
            return;
        };
        match outcome {
            Outcome::Answered(answer) if answer.status_code.code() < 300 => {
                self.accepted(sent, *answer);
            }
            Outcome::Answered(answer) => self.refused(sent, &answer),
            Outcome::TimedOut => self.lose("the other side does not answer any more"),
            Outcome::Lost(_) => self.try_later(sent.wanted, 503),
        }
    }

    fn accepted(&mut self, sent: Sent, answer: Response) {
        let timer = self.call.hub.session_timer().answered(&answer.headers);
        self.renewing.refreshed(timer, Instant::now());
        self.dialog.retarget(message::contact(&answer.headers));
        if sent.request.method != Method::Invite {
            return;
        }
        let sdp = message::sdp(&answer.headers, &answer.body);
        let (hub, flow) = (self.call.hub.clone(), self.call.flow.clone());
        let dialog = self.dialog.clone();
        let invite = sent.request;
        tokio::spawn(async move { hub.acknowledge(&invite, &answer, &dialog, &flow).await });
        if let Some(offer) = sent.wanted.offer {
            self.renewing.begun.sdp = offer;
            self.tell_reanswered(sdp.ok_or(NO_ANSWER));
        } else if let Some(sdp) = sdp {
            self.tell_reanswered(Ok(sdp));
        }
    }

    fn refused(&mut self, sent: Sent, answer: &Response) {
        let now = Instant::now();
        let Sent { request, wanted } = sent;
        let status = answer.status_code.code();
        if matches!(status, 408 | 481) {
            // RFC 3261 §12.2.1.2: the peer has forgotten the call.
            return self.lose("the other side does not know the call any more");
        }
        let may_try = wanted.n_tries < MOST_TRIES;
        let is_update = request.method == Method::Update;
        let again_at = match status {
            _ if !may_try => None,
            401 | 407 => self.learn(answer).then_some(now),
            422 => {
                self.renewing.least = session_timer::least_wanted(&answer.headers);
                self.renewing.least.is_some().then_some(now)
            }
            491 => Some(now + self.back_off()),
            405 | 501 if is_update => {
                self.renewing.begun.takes_update = false;
                Some(now)
            }
            500 | 503 => message::seconds(&answer.headers, "Retry-After")
                .filter(|wait| *wait <= LONGEST_WAIT)
                .map(|wait| now + wait),
            _ => None,
        };
        match again_at {
            Some(at) => self.renewing.again(wanted, at),
            None => self.try_later(wanted, status),
        }
    }

    fn learn(&mut self, answer: &Response) -> bool {
        let account = self.call.account.as_ref().filter(|_| is_challenge(answer));
        account.is_some_and(|account| self.renewing.credentials.learn(answer, account))
    }

    /// A refresh is tried once more before the session expires; an offer is given up.
    fn try_later(&mut self, wanted: Wanted, status: u16) {
        if wanted.offer.is_some() {
            return self.tell_reanswered(Err(status));
        }
        let now = Instant::now();
        if let Some(timer) = self.renewing.begun.timer {
            let left = (self.renewing.alive_at + timer.over_after()).duration_since(now);
            self.renewing.again(wanted, now + left / 2);
        }
    }

    fn lose(&mut self, why: &str) {
        self.leave(HowEnded::Failed(why.to_owned()), Reason::sip(408, why));
    }

    /// RFC 3261 §14.1: who made the call waits longer, so that the two do not meet again.
    fn back_off(&self) -> Duration {
        let part = (chance() % 191) as f64 / 190.0;
        let seconds = match self.renewing.begun.role {
            Role::Caller => 2.1 + 1.9 * part,
            Role::Called => 2.0 * part,
        };
        // With the usual T1 of half a second these are the seconds of the RFC.
        self.call.hub.timing.t1.mul_f64(seconds * 2.0)
    }

    fn tell_reanswered(&self, answer: Result<String, u16>) {
        let call = self.call.id;
        if !self.is_leaving() {
            self.call.hub.tell(Event::Reanswered { call, answer });
        }
    }
}

/// What stands for a 2xx without the answer that it had to bring.
const NO_ANSWER: u16 = 500;

/// Glare, a challenge and a longer life may all happen to one request; more is a quarrel.
const MOST_TRIES: u32 = 8;

/// RFC 3261 §14.2 gives up to ten seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
