//! What happens between our INVITE to a peer and its answer?

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, Response, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::sip::call::dialog::Dialog;
use crate::sip::call::early::{self, Earlies};
use crate::sip::call::established::{Call, Session, reply};
use crate::sip::call::plan::{self, Dial, Plan};
use crate::sip::call::reason::Reason;
use crate::sip::call::redirect::Redirects;
use crate::sip::call::renewing::{Begun, Role};
use crate::sip::call::session_timer;
use crate::sip::event::{Event, HowEnded};
use crate::sip::finding::failover::{LeftBehind, silence_due};
use crate::sip::finding::ways::{Way, Ways};
use crate::sip::hub::{Command, Hub, Input, Seat};
use crate::sip::message;
use crate::sip::transact::{self, Credentials, Invitation, is_challenge, other_realm};

/// A call that we make.
pub(crate) struct Dialling {
    pub(crate) call: Call,
    pub(crate) invite: Request,
    invitation: Invitation,
    credentials: Credentials,
    /// What the called phones said before an answer.
    earlies: Earlies,
    /// Where else to call.
    redirects: Redirects,
    rings: bool,
    /// A provisional response has come: from now on a CANCEL may be sent (RFC 3261 §9.1).
    heard: bool,
    pub(crate) cancelled: Option<String>,
    /// When a cancelled INVITE counts as over without an answer, or when a silent server is
    /// left for the next one.
    due: Option<Instant>,
    /// Where the INVITE can still go.
    pub(crate) ways: Ways,
    /// INVITEs that nothing had come of when another server was tried.
    pub(crate) left_behind: Vec<LeftBehind>,
}

/// Starts the task of an outgoing call; from now on it takes commands.
pub(crate) fn start(hub: &Arc<Hub>, dial: Dial) {
    let (inbox, inputs) = mpsc::unbounded_channel();
    let seat = hub.calls.seat(dial.call, inbox);
    tokio::spawn(run(hub.clone(), dial, seat, inputs));
}

async fn run(hub: Arc<Hub>, dial: Dial, seat: Seat, mut inputs: mpsc::UnboundedReceiver<Input>) {
    let plan = match Plan::of(&hub, &dial) {
        Ok(plan) => plan,
        Err((status, reason)) => return refuse(&hub, &dial, status, reason),
    };
    let found = tokio::select! {
        biased;
        () = wants_out(&mut inputs) => {
            let (call, how) = (dial.call, HowEnded::ByUs);
            let reason = None;
            return hub.tell(Event::Ended { call, how, reason });
        }
        found = set_out(&hub, &plan) => found,
    };
    let (way, ways) = match found {
        Ok(found) => found,
        Err(why) => return refuse(&hub, &dial, 503, why),
    };
    let invite = plan.invite(&hub, &way, &dial);
    let call = Call {
        id: dial.call,
        inbox: inputs,
        seat,
        flow: way.0,
        user: plan.user,
        account: plan.account,
        hub,
    };
    if let Some(dialling) = Dialling::start(call, invite, ways) {
        dialling.run().await;
    }
}

pub(crate) async fn set_out(hub: &Arc<Hub>, plan: &Plan) -> Result<(Way, Ways), String> {
    let mut ways = plan.ways(hub).await?;
    let way = ways.next().await?;
    Ok((way, ways))
}

fn refuse(hub: &Hub, dial: &Dial, status: u16, reason: String) {
    hub.tell(Event::Refused {
        call: dial.call,
        status,
        reason,
        retry_after: None,
    });
}

/// Returns once the application does not want the call any more.
pub(crate) async fn wants_out(inputs: &mut mpsc::UnboundedReceiver<Input>) {
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
    /// Called elsewhere.
    Redirected(String),
    /// This server does not serve; the next one may.
    Failed(String),
    Over,
}

impl Dialling {
    fn start(call: Call, mut invite: Request, ways: Ways) -> Option<Self> {
        let agent = call.hub.stack.user_agent.as_str();
        invite.headers.push(Header::UserAgent(agent.into()));
        let redirects = Redirects::from(&invite.uri.to_string());
        match call
            .hub
            .invite(&call.flow, invite.clone(), call.seat.inbox())
        {
            Ok(invitation) => Some(Self {
                due: silence_due(&call.hub, &ways),
                ways,
                left_behind: Vec::new(),
                call,
                invite,
                invitation,
                credentials: Credentials::default(),
                earlies: Earlies::default(),
                redirects,
                rings: false,
                heard: false,
                cancelled: None,
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
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if self.cancelled.is_some() {
                        return;
                    }
                    let why = format!("{} does not answer", self.ways.tried());
                    if !self.move_on(why).await {
                        return;
                    }
                    continue;
                }
                () = self.call.flow.gone(), if self.cancelled.is_none() => {
                    let why = "the connection is gone".to_owned();
                    if self.heard {
                        return self.call.tell_refused(503, why);
                    }
                    if !self.move_on(why).await {
                        return;
                    }
                    continue;
                }
            };
            let Some(input) = input else {
                return;
            };
            let goes_on = match self.handle(input).await {
                Next::On => true,
                Next::Over => false,
                Next::Answered(answer) => return self.answered(*answer).await,
                Next::Redirected(uri) => self.redirect(uri).await,
                Next::Failed(why) => self.move_on(why).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn handle(&mut self, input: Input) -> Next {
        match input {
            Input::Command(Command::HangUp(why)) => self.give_up(&why),
            Input::Command(Command::Stop) => self.give_up("shutting down"),
            Input::Response(response) => return self.respond(response),
            Input::InviteOver { seq } if seq == message::seq(&self.invite.headers) => {
                if !self.heard && self.can_move_on() {
                    return Next::Failed(format!("{} does not answer", self.ways.tried()));
                }
                self.refused(408, "no answer".to_owned());
                return Next::Over;
            }
            Input::Request(request) => self.serve(request).await,
            Input::Replace { mut invite, .. } => {
                // Nobody here can hear the one who would take over before the answer.
                reply(&mut invite, StatusCode::Decline, Vec::new()).await;
            }
            Input::Command(_)
            | Input::Renewed { .. }
            | Input::Acked { .. }
            | Input::Cancelled { .. }
            | Input::InviteOver { .. }
            | Input::Pressed(_)
            | Input::Forsaken
            | Input::ByeDone => {}
        }
        Next::On
    }

    fn respond(&mut self, response: Box<Response>) -> Next {
        if message::seq(&response.headers) != message::seq(&self.invite.headers) {
            self.wakes_up(&response);
            return Next::On;
        }
        if !self.heard && response.status_code.code() != 503 {
            self.ways.worked();
        }
        match response.status_code.code() {
            0..200 => {
                self.provisional(&response);
                Next::On
            }
            200..300 => Next::Answered(response),
            _ if is_challenge(&response) && self.try_again(&response) => Next::On,
            422 if self.last_longer(&response) => Next::On,
            // RFC 3263 §4.3.
            503 if self.can_move_on() => {
                let why = message::complaint(&response);
                Next::Failed(format!("{}: 503 {why}", self.ways.tried()))
            }
            status => self.elsewhere(&response).unwrap_or_else(|| {
                let reason = self.complaint(&response);
                let retry_after = message::seconds(&response.headers, "Retry-After");
                if self.cancelled.is_none() {
                    self.call.tell_refused_until(status, reason, retry_after);
                }
                Next::Over
            }),
        }
    }

    /// Why we are refused, in words.
    fn complaint(&self, response: &Response) -> String {
        let text = message::complaint(response);
        let account = self.call.account.as_ref();
        match account.and_then(|account| other_realm(response, account)) {
            Some(realm) => format!("{text}; it asks for the password of the realm {realm:?}"),
            None => text,
        }
    }

    /// The next address of a redirection; nobody else is tried once somebody has declined for
    /// all (6xx).
    fn elsewhere(&mut self, response: &Response) -> Option<Next> {
        if self.cancelled.is_some() || response.status_code.code() >= 600 {
            return None;
        }
        self.redirects.handle(response);
        self.redirects.next().map(Next::Redirected)
    }

    fn provisional(&mut self, response: &Response) {
        let first = !self.heard;
        self.heard = true;
        if self.cancelled.is_none() {
            self.due = None;
        }
        if let Some(why) = self.cancelled.clone().filter(|_| first) {
            self.send_cancel(&why);
        }
        if response.status_code.code() == 100 {
            return;
        }
        let news = self.earlies.handle(&self.invite, response);
        if let Some(dialog) = news.dialog {
            self.call.seat.take_early_dialog(&dialog.key);
        }
        if let Some((dialog, rack)) = news.prack {
            self.acknowledge(dialog, &rack);
        }
        if self.cancelled.is_some() {
            return;
        }
        let call = self.call.id;
        if let Some(answer) = news.answer {
            self.call.hub.tell(Event::EarlyMedia { call, answer });
        } else if !self.rings {
            self.rings = true;
            self.call.hub.tell(Event::Ringing { call });
        }
    }

    /// Confirms a reliable provisional response (RFC 3262 §4).
    fn acknowledge(&mut self, dialog: Dialog, rack: &str) {
        let (hub, flow) = (self.call.hub.clone(), self.call.flow.clone());
        let mut request = early::prack(dialog.clone(), rack, flow.via());
        if let Some(account) = &self.call.account {
            self.credentials.prove(account, &mut request);
        }
        tokio::spawn(async move {
            let flow = hub.way_inside(&dialog, &flow).await;
            message::set_via(&mut request, flow.via());
            // Without it the response comes again, and we are back here.
            drop(hub.transact(&flow, request).await);
        });
    }

    /// A request of a phone that has not answered yet.
    async fn serve(&mut self, mut request: Box<Transaction>) {
        let original = &request.original;
        let has_offer = message::sdp(&original.headers, &original.body).is_some();
        let (status, headers) = match original.method {
            Method::Update if has_offer && self.earlies.is_answered() => {
                let later = vec![Header::RetryAfter("2".into())];
                (StatusCode::ServerInternalError, later)
            }
            // RFC 3311 §5.2: our own offer is open.
            Method::Update if has_offer => (StatusCode::RequestPending, Vec::new()),
            Method::Update => {
                let contact = Header::Contact(self.call.contact().into());
                (StatusCode::OK, vec![contact])
            }
            Method::Options => (StatusCode::OK, message::abilities()),
            Method::Info => (StatusCode::OK, Vec::new()),
            Method::Refer => (StatusCode::Decline, Vec::new()),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Invite
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Register
            | Method::Subscribe => (StatusCode::CallTransactionDoesNotExist, Vec::new()),
        };
        reply(&mut request, status, headers).await;
    }

    /// Asks again for a session that lasts as long as the other side wants (RFC 4028 §7.3).
    fn last_longer(&mut self, response: &Response) -> bool {
        let has_asked = message::value(&self.invite.headers, "Min-SE").is_some();
        let least = session_timer::least_wanted(&response.headers);
        if has_asked || least.is_none() || self.cancelled.is_some() {
            return false;
        }
        let timer = self.call.hub.session_timer().request_headers(None, least);
        self.ask_again(|invite| {
            let is_timer = |h: &Header| matches!(h, Header::SessionExpires(_) | Header::MinSE(_));
            invite.headers.retain(|header| !is_timer(header));
            invite.headers.extend(timer);
        })
        .is_some()
    }

    /// Calls the next address that there is a way to; false if the call is over.
    async fn redirect(&mut self, mut uri: String) -> bool {
        loop {
            let hub = self.call.hub.clone();
            let way = tokio::select! {
                biased;
                () = wants_out(&mut self.call.inbox) => {
                    self.call.tell_ended(HowEnded::ByUs);
                    return false;
                }
                way = async {
                    let mut ways = plan::ways_to(&hub, &uri, &mut self.call.account).await?;
                    let way = ways.next().await.map_err(|why| (503, why))?;
                    self.ways = ways;
                    Ok(way)
                } => way,
            };
            let Err((status, why)) = way.and_then(|way| self.call_at(&uri, way)) else {
                return true;
            };
            let Some(next) = self.redirects.next() else {
                self.refused(status, why);
                return false;
            };
            uri = next;
        }
    }

    fn call_at(&mut self, uri: &str, way: Way) -> Result<(), (u16, String)> {
        self.call_at_once_more(uri, way).map(drop)
    }

    /// As `call_at`; gives the INVITE that it stands for.
    pub(crate) fn call_at_once_more(
        &mut self,
        uri: &str,
        way: Way,
    ) -> Result<Invitation, (u16, String)> {
        let (flow, route) = way;
        self.call.flow = flow;
        let contact = Header::Contact(self.call.contact().into());
        let before = self.ask_again(|invite| {
            let is_old = |h: &Header| matches!(h, Header::Contact(_) | Header::Route(_));
            invite.headers.retain(|header| !is_old(header));
            invite.headers.push(contact);
            if let Some(route) = route {
                invite.headers.push(Header::Route(route.into()));
            }
            invite.uri = message::verbatim(uri);
        });
        before.ok_or_else(|| (503, format!("no way to {uri}")))
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
        if !self.credentials.learn(response, account) || (tried && !self.credentials.is_stale()) {
            return false;
        }
        self.ask_again(|_| {}).is_some()
    }

    /// Sends the INVITE once more, changed and under the next number; gives the one that it
    /// stands for.
    fn ask_again(&mut self, change: impl FnOnce(&mut Request)) -> Option<Invitation> {
        let seq = message::seq(&self.invite.headers) + 1;
        let mut invite = self.invite.clone();
        invite.headers.retain(|header| !is_proof(header));
        change(&mut invite);
        for header in invite.headers.iter_mut() {
            if let Header::Via(via) = header {
                via.replace(self.call.flow.via());
            } else if let Header::CSeq(number) = header {
                number.replace(format!("{seq} INVITE"));
            }
        }
        if let Some(account) = &self.call.account {
            self.credentials.prove(account, &mut invite);
        }
        let call = &self.call;
        let invitation = call
            .hub
            .invite(&call.flow, invite.clone(), call.seat.inbox())
            .ok()?;
        self.invite = invite;
        self.earlies = Earlies::default();
        self.heard = false;
        self.due = silence_due(&self.call.hub, &self.ways);
        Some(std::mem::replace(&mut self.invitation, invitation))
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

    pub(crate) fn refused(&self, status: u16, reason: String) {
        if self.cancelled.is_none() {
            self.call.tell_refused(status, reason);
        }
    }

    async fn answered(self, answer: Response) {
        let mut call = self.call;
        let (dialog, sdp) = self.earlies.settle(&self.invite, &answer);
        call.seat.take_dialog(&dialog.key);
        let hub = call.hub.clone();
        hub.acknowledge(&self.invite, &answer, &dialog, &call.flow)
            .await;
        if let Some(why) = self.cancelled {
            // It crossed our CANCEL (RFC 3261 §9.1).
            return hub
                .bye(
                    dialog,
                    &call.flow,
                    call.account.as_ref(),
                    &Reason::sip(200, &why),
                )
                .await;
        }
        hub.tell(Event::Answered {
            call: call.id,
            answer: sdp,
        });
        let begun = Begun {
            role: Role::Caller,
            timer: hub.session_timer().answered(&answer.headers),
            takes_update: message::allows(&answer.headers, &Method::Update),
            sdp: String::from_utf8_lossy(&self.invite.body).into_owned(),
        };
        Session::new(call, dialog, None, begun).run().await;
    }
}

fn is_proof(header: &Header) -> bool {
    matches!(
        header,
        Header::Authorization(_) | Header::ProxyAuthorization(_)
    )
}
