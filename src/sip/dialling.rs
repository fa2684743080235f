//! What happens between our INVITE to a peer and its answer?

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, Response, Version};
use rsipstack::transaction::random_text;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::address;
use super::dialog::Dialog;
use super::established::{Call, Session, reply};
use super::event::{Event, HowEnded};
use super::flow::{Flow, Hop};
use super::hub::{Command, Hub, Input, Seat};
use super::message;
use super::registrar::{Binding, Way};
use super::settings::{Account, Transport};
use super::transact::{self, Credentials, Invitation, is_challenge};
use crate::base::CallId;

/// Whom to call, by which account, with which offer.
pub(super) struct Dial {
    pub(super) call: CallId,
    pub(super) target: String,
    pub(super) account: Option<String>,
    pub(super) offer: String,
}

/// A call that we make.
struct Dialling {
    call: Call,
    invite: Request,
    invitation: Invitation,
    credentials: Credentials,
    rings: bool,
    /// A provisional response has come: from now on a CANCEL may be sent (RFC 3261 §9.1).
    heard: bool,
    cancelled: Option<String>,
    /// When a cancelled INVITE counts as over without an answer.
    due: Option<Instant>,
}

/// Starts the task of an outgoing call; from now on it takes commands.
pub(super) fn start(hub: &Arc<Hub>, dial: Dial) {
    let (inbox, inputs) = mpsc::unbounded_channel();
    let seat = hub.calls.seat(dial.call, inbox);
    tokio::spawn(run(hub.clone(), dial, seat, inputs));
}

async fn run(hub: Arc<Hub>, dial: Dial, seat: Seat, mut inputs: mpsc::UnboundedReceiver<Input>) {
    let plan = Plan::of(&hub, &dial);
    let found = match &plan {
        Ok(plan) => tokio::select! {
            biased;
            () = wants_out(&mut inputs) => {
                let (call, how) = (dial.call, HowEnded::ByUs);
                return hub.tell(Event::Ended { call, how });
            }
            flow = hub.flow_to(&plan.hop) => flow.map_err(|why| (503, why)),
        },
        Err(why) => Err(why.clone()),
    };
    let (plan, flow) = match (plan, found) {
        (Ok(plan), Ok(flow)) => (plan, flow),
        (_, Err((status, reason))) | (Err((status, reason)), _) => {
            return hub.tell(Event::Refused {
                call: dial.call,
                status,
                reason,
            });
        }
    };
    let invite = plan.invite(&flow, &dial.offer);
    let call = Call {
        id: dial.call,
        inbox: inputs,
        seat,
        flow,
        user: plan.user,
        account: plan.account,
        hub,
    };
    if let Some(dialling) = Dialling::start(call, invite) {
        dialling.run().await;
    }
}

/// Returns once the application does not want the call any more.
async fn wants_out(inputs: &mut mpsc::UnboundedReceiver<Input>) {
    loop {
        match inputs.recv().await {
            Some(Input::Command(Command::HangUp(_) | Command::Stop)) | None => return,
            Some(_) => {}
        }
    }
}

enum Next {
    On,
    Answered(Box<Response>),
    Over,
}

/// An INVITE before the way to the peer is known.
struct Plan {
    hop: Hop,
    uri: String,
    /// The route that an outbound proxy makes.
    route: Option<String>,
    user: String,
    account: Option<Account>,
}

impl Plan {
    fn of(hub: &Hub, dial: &Dial) -> Result<Self, (u16, String)> {
        let account = match &dial.account {
            Some(name) => Some(hub.registrars.account(name).ok_or_else(|| {
                let why = format!("there is no account \"{name}\"");
                (404, why)
            })?),
            None => None,
        };
        if account.is_none()
            && let Ok(found) = hub.doors.find(dial.target.trim())
        {
            return Self::to_user(dial, found);
        }
        let uri = full_uri(&dial.target, account.as_ref().map(|a| a.domain.as_str()));
        if uri
            .chars()
            .any(|c| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"'))
        {
            return Err((416, format!("\"{uri}\" is not a sip address")));
        }
        let first = match &account {
            Some(account) => account.first_hop(),
            None => Hop::parse(&uri, Transport::Udp).map(|hop| (hop, None)),
        };
        let (hop, route) = first.map_err(|why| (416, why))?;
        Ok(Self {
            route,
            hop,
            uri,
            user: account.as_ref().map_or(OUR_NAME, |a| &a.user).to_owned(),
            account,
        })
    }

    /// Towards a user of ours: back along the way that its registration came.
    fn to_user(dial: &Dial, found: Option<Binding>) -> Result<Self, (u16, String)> {
        let Some(binding) = found else {
            return Err((480, format!("\"{}\" is not registered", dial.target.trim())));
        };
        let Way { transport, remote } = binding.way;
        let hop = Hop {
            host: remote.ip().to_string(),
            port: Some(remote.port()),
            transport,
        };
        Ok(Self {
            hop,
            uri: binding.uri,
            route: (!binding.path.is_empty()).then(|| binding.path.join(", ")),
            user: OUR_NAME.to_owned(),
            account: None,
        })
    }

    fn invite(&self, flow: &Flow, offer: &str) -> Request {
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
            Header::Supported(String::new().into()),
            Header::ContentType(message::SDP.into()),
        ];
        if let Some(route) = &self.route {
            headers.push(Header::Route(route.as_str().into()));
        }
        Request {
            method: Method::Invite,
            uri: message::verbatim(&self.uri),
            version: Version::V2,
            headers: headers.into(),
            body: offer.as_bytes().to_vec(),
        }
    }
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

impl Dialling {
    fn start(call: Call, mut invite: Request) -> Option<Self> {
        let agent = call.hub.stack.user_agent.as_str();
        invite.headers.push(Header::UserAgent(agent.into()));
        match call
            .hub
            .invite(&call.flow, invite.clone(), call.seat.inbox())
        {
            Ok(invitation) => Some(Self {
                call,
                invite,
                invitation,
                credentials: Credentials::default(),
                rings: false,
                heard: false,
                cancelled: None,
                due: None,
            }),
            Err(why) => {
                call.tell_refused(503, why);
                None
            }
        }
    }

    async fn run(mut self) {
        loop {
            let due = self.due;
            let input = tokio::select! {
                input = self.call.inbox.recv() => input,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
                () = self.call.flow.gone(), if self.cancelled.is_none() => {
                    let why = "the connection is gone".to_owned();
                    return self.call.tell_refused(503, why);
                }
            };
            let Some(input) = input else {
                return;
            };
            match self.handle(input).await {
                Next::On => {}
                Next::Over => return,
                Next::Answered(answer) => return self.answered(*answer).await,
            }
        }
    }

    async fn handle(&mut self, input: Input) -> Next {
        match input {
            Input::Command(Command::HangUp(why)) => self.give_up(&why),
            Input::Command(Command::Stop) => self.give_up("shutting down"),
            Input::Response(response) => return self.respond(response),
            Input::InviteOver { seq } if seq == message::seq(&self.invite.headers) => {
                self.refused(408, "no answer".to_owned());
                return Next::Over;
            }
            Input::Request(mut request) => {
                let status = rsipstack::sip::StatusCode::CallTransactionDoesNotExist;
                reply(&mut request, status, Vec::new()).await;
            }
            Input::Command(_)
            | Input::Acked { .. }
            | Input::Cancelled { .. }
            | Input::InviteOver { .. }
            | Input::ByeDone => {}
        }
        Next::On
    }

    fn respond(&mut self, response: Box<Response>) -> Next {
        if message::seq(&response.headers) != message::seq(&self.invite.headers) {
            return Next::On;
        }
        match response.status_code.code() {
            0..200 => {
                self.provisional(response.status_code.code());
                Next::On
            }
            200..300 => Next::Answered(response),
            _ if is_challenge(&response) && self.try_again(&response) => Next::On,
            status => {
                self.refused(status, message::reason(&response));
                Next::Over
            }
        }
    }

    fn provisional(&mut self, status: u16) {
        let first = !self.heard;
        self.heard = true;
        if let Some(why) = self.cancelled.clone().filter(|_| first) {
            self.send_cancel(&why);
        } else if status > 100 && !self.rings && self.cancelled.is_none() {
            self.rings = true;
            self.call.hub.tell(Event::Ringing { call: self.call.id });
        }
    }

    /// Asks again with a password; false if that leads nowhere.
    fn try_again(&mut self, response: &Response) -> bool {
        let Some(account) = self
            .call
            .account
            .as_ref()
            .filter(|_| self.cancelled.is_none())
        else {
            return false;
        };
        let tried = self.invite.headers.iter().any(is_proof);
        if !self.credentials.learn(response) || (tried && !self.credentials.is_stale()) {
            return false;
        }
        let seq = message::seq(&self.invite.headers) + 1;
        let mut invite = self.invite.clone();
        invite.headers.retain(|header| !is_proof(header));
        for header in invite.headers.iter_mut() {
            if let Header::Via(via) = header {
                via.replace(self.call.flow.via());
            } else if let Header::CSeq(number) = header {
                number.replace(format!("{seq} INVITE"));
            }
        }
        self.credentials.prove(account, &mut invite);
        let call = &self.call;
        let Ok(invitation) = call
            .hub
            .invite(&call.flow, invite.clone(), call.seat.inbox())
        else {
            return false;
        };
        self.invite = invite;
        self.invitation = invitation;
        self.heard = false;
        true
    }

    /// The application does not want the call any more; it is over for it at once.
    fn give_up(&mut self, why: &str) {
        if self.cancelled.is_some() {
            return;
        }
        self.cancelled = Some(why.to_owned());
        self.due = Some(Instant::now() + self.call.hub.lost_after());
        self.call.tell_ended(HowEnded::ByUs);
        if self.heard {
            self.send_cancel(why);
        }
    }

    fn send_cancel(&self, why: &str) {
        let cancel = transact::cancel(&self.invite, why);
        let (hub, flow) = (self.call.hub.clone(), self.call.flow.clone());
        // The answer that counts is the INVITE's own.
        tokio::spawn(async move { drop(hub.transact(&flow, cancel).await) });
    }

    fn refused(&self, status: u16, reason: String) {
        if self.cancelled.is_none() {
            self.call.tell_refused(status, reason);
        }
    }

    async fn answered(self, answer: Response) {
        let mut call = self.call;
        let dialog = Dialog::answered(&self.invite, &answer);
        call.seat.take_dialog(&dialog.key);
        let hub = call.hub.clone();
        hub.acknowledge(&self.invite, &answer, &dialog, &call.flow)
            .await;
        if let Some(why) = self.cancelled {
            // It crossed our CANCEL (RFC 3261 §9.1).
            return hub
                .bye(dialog, &call.flow, call.account.as_ref(), &why)
                .await;
        }
        hub.tell(Event::Answered {
            call: call.id,
            answer: message::sdp(&answer.headers, &answer.body),
        });
        Session::new(call, dialog, None).run().await;
    }
}

fn is_proof(header: &Header) -> bool {
    matches!(
        header,
        Header::Authorization(_) | Header::ProxyAuthorization(_)
    )
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
