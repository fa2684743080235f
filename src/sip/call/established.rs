//! What happens in a call once it is answered?
//!
//! One task owns the call. Nothing here waits for the network: whatever takes time is a task
//! of its own that reports to the inbox, so that a BYE is answered at any moment.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::base::CallId;
use crate::sip::call::asked::{Asked, End};
use crate::sip::call::dialog::Dialog;
use crate::sip::call::pressing::Pressing;
use crate::sip::call::reason::{self, Reason};
use crate::sip::call::renewing::{Begun, Renewing, Role};
use crate::sip::door::half_open::HalfOpen;
use crate::sip::event::{Event, HowEnded};
use crate::sip::hub::{Command, Hub, Input, Refusal, Seat};
use crate::sip::message;
use crate::sip::settings::Account;
use crate::sip::wire::flow::{self, Flow};

/// What a call's task holds whatever its state.
pub(crate) struct Call {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: CallId,
    pub(crate) inbox: mpsc::UnboundedReceiver<Input>,
    pub(crate) seat: Seat,
    pub(crate) flow: Flow,
    /// The user part of our Contact.
    pub(crate) user: String,
    /// The account that the call belongs to, with what its registrar asked for.
    pub(crate) account: Option<Account>,
}

impl Call {
    pub(crate) fn contact(&self) -> String {
        self.flow.contact(&self.user)
    }

    /// Takes an INVITE of the peer over.
    pub(crate) fn host(&self, request: Transaction) -> Asked {
        let doors = self.hub.doors.clone();
        Asked::host(request, self.seat.inbox(), doors, self.hub.lost_after() * 2)
    }

    pub(crate) fn tell_ended(&self, how: HowEnded) {
        self.tell_ended_for(how, None);
    }

    /// With what the peer gave as the reason.
    pub(crate) fn tell_ended_for(&self, how: HowEnded, reason: Option<Reason>) {
        let call = self.id;
        self.hub.tell(Event::Ended { call, how, reason });
    }

    /// Refuses for a reason of our own.
    pub(crate) fn tell_refused(&self, status: u16, reason: String) {
        self.tell_refused_until(status, reason, None);
    }

    pub(crate) fn tell_refused_until(
        &self,
        status: u16,
        reason: String,
        retry_after: Option<Duration>,
    ) {
        self.hub.tell(Event::Refused {
            call: self.id,
            status,
            reason,
            retry_after,
        });
    }
}

/// An answered call.
pub(crate) struct Session {
    pub(crate) call: Call,
    pub(crate) dialog: Dialog,
    /// Our own requests.
    pub(crate) renewing: Renewing,
    pub(crate) pressing: Pressing,
    /// Our 2xx that waits for its ACK.
    unacked: Option<Unacked>,
    /// An offer of the peer that the application has not answered yet.
    reoffer: Option<Reoffer>,
    leaving: Leaving,
}

/// A 2xx of ours on its way to being confirmed.
pub(crate) struct Unacked {
    seq: u32,
    /// The offer was in our 2xx, the answer comes with the ACK.
    late: bool,
    /// The stack notices a lost ACK earlier, if it notices at all.
    due: Instant,
    /// The first INVITE, whose confirmation the application waits for.
    first: bool,
    /// Given back with the ACK.
    pub(crate) place: Option<HalfOpen>,
    end: End,
}

enum Reoffer {
    Invite(Box<Asked>, Instant),
    Update(Box<Transaction>, Instant),
    /// Another phone wants to take the peer's place.
    Replace(Box<Successor>, Instant),
}

/// Who wants to take the peer's place.
struct Successor {
    asked: Asked,
    dialog: Dialog,
    flow: Flow,
}

impl Reoffer {
    fn due(&self) -> Instant {
        match self {
            Self::Invite(_, due) | Self::Update(_, due) | Self::Replace(_, due) => *due,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Leaving {
    No,
    /// The BYE has to wait for the ACK (RFC 3261 §15).
    OnAck(Reason),
    /// The BYE is on its way.
    Sent,
}

impl Unacked {
    pub(crate) fn new(hub: &Hub, asked: &Asked, first: bool) -> Self {
        Self {
            seq: asked.seq,
            late: asked.offer().is_none(),
            first,
            place: None,
            end: asked.end(),
            due: Instant::now() + hub.lost_after() * 2,
        }
    }
}

impl Session {
    pub(crate) fn new(call: Call, dialog: Dialog, unacked: Option<Unacked>, begun: Begun) -> Self {
        Self {
            renewing: Renewing::new(begun, Instant::now()),
            pressing: Pressing::default(),
            call,
            dialog,
            unacked,
            reoffer: None,
            leaving: Leaving::No,
        }
    }

    /// Runs the call to its end.
    pub(crate) async fn run(mut self) {
        loop {
            let due = self.due();
            let input = tokio::select! {
                input = self.call.inbox.recv() => input,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    Box::pin(self.handle_due(Instant::now())).await;
                    continue;
                }
            };
            let Some(input) = input else {
                return;
            };
            // A call waits nearly always: room for what it does is taken when it does it.
            if Box::pin(self.handle(input)).await == Next::Over {
                return;
            }
            self.renew(Instant::now());
        }
    }

    fn due(&self) -> Option<Instant> {
        let reoffer = self.reoffer.as_ref().map(Reoffer::due);
        let unacked = self.unacked.as_ref().map(|unacked| unacked.due);
        let renewing = self.renewing.poll_timeout(self.is_settled());
        let renewing = renewing.filter(|_| !self.is_leaving());
        reoffer.into_iter().chain(unacked).chain(renewing).min()
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving != Leaving::No
    }

    /// Whether nothing of the peer waits for an answer or a confirmation.
    pub(crate) fn is_settled(&self) -> bool {
        self.reoffer.is_none() && self.unacked.is_none()
    }

    async fn handle_due(&mut self, now: Instant) {
        if self
            .reoffer
            .as_ref()
            .is_some_and(|reoffer| reoffer.due() <= now)
        {
            let late = Refusal {
                status: 500,
                ..Refusal::default()
            };
            self.answer_offer(Err(late)).await;
        }
        if let Some(seq) = self
            .unacked
            .as_ref()
            .filter(|u| u.due <= now)
            .map(|u| u.seq)
        {
            self.give_up_on(seq);
        }
        self.renew(now);
    }

    async fn handle(&mut self, input: Input) -> Next {
        match input {
            Input::Command(command) => self.obey(command).await,
            Input::Request(request) => return self.serve(request).await,
            Input::Acked { seq, answer } => self.confirm(seq, answer),
            Input::InviteOver { seq } => self.give_up_on(seq),
            Input::Cancelled { seq, .. } => self.cancelled(seq),
            Input::Renewed { seq, outcome } => self.renewed(seq, outcome),
            Input::Replace { invite, early_only } => self.replace(*invite, early_only).await,
            Input::Pressed(outcome) => self.pressed(outcome),
            Input::Forsaken => return self.forsaken(),
            Input::ByeDone => return Next::Over,
            Input::Response(_) => {}
        }
        Next::On
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::HangUp(why) => self.leave(HowEnded::ByUs, Reason::sip(200, &why)),
            Command::Stop => {
                self.unacked = None;
                self.leave(HowEnded::ByUs, Reason::sip(200, "shutting down"));
            }
            Command::AnswerOffer(answer) => self.answer_offer(answer).await,
            Command::Offer(sdp) => self.change(sdp),
            Command::Press(digit, length) => self.press(digit, length),
            // They came too late: the call is answered.
            Command::Ringing | Command::EarlyMedia(_) | Command::Answer(_) | Command::Refuse(_) => {
            }
        }
    }

    /// Says goodbye, at once or as soon as the ACK is there.
    pub(crate) fn leave(&mut self, how: HowEnded, reason: Reason) {
        match self.leaving {
            Leaving::No => self.call.tell_ended(how),
            Leaving::OnAck(_) => {}
            Leaving::Sent => return,
        }
        if self.unacked.is_some() {
            self.leaving = Leaving::OnAck(reason);
            return;
        }
        self.bye(reason);
    }

    fn bye(&mut self, reason: Reason) {
        self.leaving = Leaving::Sent;
        let (hub, dialog) = (self.call.hub.clone(), self.dialog.clone());
        let (flow, account) = (self.call.flow.clone(), self.call.account.clone());
        let done = self.call.seat.inbox();
        tokio::spawn(async move {
            hub.bye(dialog, &flow, account.as_ref(), &reason).await;
            let _ = done.send(Input::ByeDone);
        });
    }

    fn confirm(&mut self, seq: u32, answer: Option<String>) {
        let Some(unacked) = self.unacked.take_if(|unacked| unacked.seq == seq) else {
            return;
        };
        if let Leaving::OnAck(reason) = &self.leaving {
            let reason = reason.clone();
            self.bye(reason);
        } else if unacked.first || unacked.late {
            let answer = answer.filter(|_| unacked.late);
            let call = self.call.id;
            self.call.hub.tell(Event::Confirmed { call, answer });
        }
    }

    /// No BYE: whoever is there has never heard of the call.
    fn forsaken(&mut self) -> Next {
        let Some(unacked) = self.unacked.take() else {
            return Next::On;
        };
        unacked.end.now();
        if self.leaving == Leaving::No {
            let why = "the answer was not confirmed, and others called".to_owned();
            self.call.tell_ended(HowEnded::Failed(why));
        }
        Next::Over
    }

    fn cancelled(&mut self, seq: u32) {
        let open = match &self.reoffer {
            Some(Reoffer::Invite(asked, _)) => Some(asked.as_ref()),
            Some(Reoffer::Replace(successor, _)) => Some(&successor.asked),
            Some(Reoffer::Update(..)) | None => None,
        };
        if let Some(asked) = open.filter(|asked| asked.seq == seq) {
            let status = StatusCode::RequestTerminated;
            asked.respond(&self.call.hub, status, Vec::new(), None);
            self.reoffer = None;
        } else if self
            .unacked
            .as_ref()
            .is_some_and(|u| u.seq == seq && u.first)
        {
            // It crossed our 2xx and has no effect there (RFC 3261 §9.2), but who cancels
            // does not want the call.
            self.leave(HowEnded::Cancelled, Reason::sip(487, "cancelled"));
        }
    }

    /// The ACK never came (RFC 3261 §13.3.1.4).
    fn give_up_on(&mut self, seq: u32) {
        if self.unacked.take_if(|unacked| unacked.seq == seq).is_some() {
            self.leave(HowEnded::NoAck, Reason::sip(408, "no ACK"));
        }
    }

    async fn serve(&mut self, mut request: Box<Transaction>) -> Next {
        if !self.dialog.is_in_order(&request.original) {
            reply(&mut request, StatusCode::ServerInternalError, Vec::new()).await;
            return Next::On;
        }
        match request.original.method {
            Method::Bye => {
                reply(&mut request, StatusCode::OK, Vec::new()).await;
                if self.leaving == Leaving::No {
                    let given = reason::given(&request.original.headers);
                    self.call.tell_ended_for(HowEnded::HungUp, given);
                }
                return Next::Over;
            }
            Method::Invite | Method::Update => self.offered(request).await,
            Method::Options => reply(&mut request, StatusCode::OK, message::abilities()).await,
            Method::Info => self.informed(request).await,
            // Understood, but nobody here can be sent elsewhere; the call goes on.
            Method::Refer => reply(&mut request, StatusCode::Decline, Vec::new()).await,
            Method::PRack => {
                reply(
                    &mut request,
                    StatusCode::CallTransactionDoesNotExist,
                    Vec::new(),
                )
                .await;
            }
            Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Notify
            | Method::Publish
            | Method::Register
            | Method::Subscribe => {
                let allow = vec![Header::Allow(message::ALLOW.into())];
                reply(&mut request, StatusCode::MethodNotAllowed, allow).await;
            }
        }
        Next::On
    }

    /// A re-INVITE or an UPDATE.
    async fn offered(&mut self, mut request: Box<Transaction>) {
        let original = &request.original;
        let offer = message::sdp(&original.headers, &original.body);
        let is_update = original.method == Method::Update;
        if message::is_foreign(original) {
            let accept = vec![Header::Accept(message::SDP.into())];
            return reply(&mut request, StatusCode::UnsupportedMediaType, accept).await;
        }
        if self.renewing.crosses() && (offer.is_some() || !is_update) {
            return reply(&mut request, StatusCode::RequestPending, Vec::new()).await;
        }
        let busy = self.reoffer.is_some() || self.leaving != Leaving::No;
        let unconfirmed = self.unacked.is_some() && (offer.is_some() || !is_update);
        if busy || unconfirmed {
            // RFC 3261 §14.2, RFC 3311 §5.2: one change at a time.
            let later = vec![Header::RetryAfter("2".into())];
            return reply(&mut request, StatusCode::ServerInternalError, later).await;
        }
        let before = self.renewing.begun.timer;
        let asked = self
            .call
            .hub
            .session_timer()
            .asked(&original.headers, before);
        if let Err(least) = asked {
            let status = StatusCode::SessionIntervalTooSmall;
            return reply(&mut request, status, vec![least]).await;
        }
        self.dialog.retarget(message::contact(&original.headers));
        if is_update && offer.is_none() {
            let headers = self.accepting(&request.original);
            return reply(&mut request, StatusCode::OK, headers).await;
        }
        let due = Instant::now() + ANSWER_FOR;
        self.reoffer = Some(if is_update {
            Reoffer::Update(request, due)
        } else {
            Reoffer::Invite(Box::new(self.call.host(*request)), due)
        });
        let call = self.call.id;
        self.call.hub.tell(Event::Reoffer { call, offer });
    }

    /// The headers of a 2xx to a request of the peer that keeps the session alive.
    fn accepting(&mut self, request: &Request) -> Vec<Header> {
        let before = self.renewing.begun.timer;
        let asked = self
            .call
            .hub
            .session_timer()
            .asked(&request.headers, before);
        let timer = asked.unwrap_or(before);
        self.renewing.refreshed(timer, Instant::now());
        let mut headers = vec![
            Header::Contact(self.call.contact().into()),
            Header::Allow(message::ALLOW.into()),
            Header::Supported(message::SUPPORTED.into()),
        ];
        headers.extend(timer.map_or_else(Vec::new, |t| t.response_headers(&request.headers)));
        headers
    }

    /// Another phone wants the peer's place: for the application it is a changed session.
    async fn replace(&mut self, mut invite: Transaction, early_only: bool) {
        let flow = invite.connection.as_ref().and_then(|connection| {
            let peer = flow::source(connection, &invite.original)?;
            self.call.hub.flow_back(connection, peer)
        });
        let status = match &flow {
            _ if self.is_leaving() => StatusCode::Decline,
            // RFC 3891 §3: too late, it is answered.
            _ if early_only => StatusCode::BusyHere,
            _ if !self.is_settled() || self.renewing.crosses() => StatusCode::RequestPending,
            Some(_) => StatusCode::OK,
            None => StatusCode::ServerInternalError,
        };
        let (StatusCode::OK, Some(flow)) = (&status, flow) else {
            return reply(&mut invite, status, Vec::new()).await;
        };
        let asked = self.call.host(invite);
        let dialog = Dialog::invited(&asked.request, asked.tag());
        let call = self.call.id;
        let offer = asked.offer();
        let successor = Successor {
            asked,
            dialog,
            flow,
        };
        let due = Instant::now() + ANSWER_FOR;
        self.reoffer = Some(Reoffer::Replace(Box::new(successor), due));
        self.call.hub.tell(Event::Reoffer { call, offer });
    }

    /// The old dialog ends and the new one is the call's.
    fn succeed(&mut self, successor: &Successor) {
        let old = std::mem::replace(&mut self.dialog, successor.dialog.clone());
        self.call.seat.take_dialog(&self.dialog.key);
        self.renewing.begun.role = Role::Called;
        let request = &successor.asked.request.headers;
        let (call, caller) = (self.call.id, message::caller(request));
        self.call.hub.tell(Event::Replaced { call, caller });
        self.renewing.begun.takes_update = message::allows(request, &Method::Update);
        self.unacked = Some(Unacked::new(&self.call.hub, &successor.asked, false));
        let (hub, account) = (self.call.hub.clone(), self.call.account.clone());
        let flow = std::mem::replace(&mut self.call.flow, successor.flow.clone());
        tokio::spawn(async move {
            hub.bye(old, &flow, account.as_ref(), &Reason::sip(200, "replaced"))
                .await;
        });
    }

    async fn answer_offer(&mut self, answer: Result<String, Refusal>) {
        let Some(reoffer) = self.reoffer.take() else {
            return;
        };
        let mut headers = Vec::new();
        let (status, body) = match answer {
            Ok(sdp) => (StatusCode::OK, Some(sdp)),
            Err(refusal) => {
                let host = self.call.flow.local.to_string();
                let warning = refusal.warning.as_deref();
                headers.extend(warning.map(|text| message::warning(&host, text)));
                (StatusCode::from(refusal.status), None)
            }
        };
        let request = match &reoffer {
            Reoffer::Invite(asked, _) => &asked.request,
            Reoffer::Update(request, _) => &request.original,
            Reoffer::Replace(successor, _) => &successor.asked.request,
        };
        if let Some(sdp) = &body {
            if let Reoffer::Replace(successor, _) = &reoffer {
                self.succeed(successor);
            }
            headers = self.accepting(request);
            headers.push(Header::ContentType(message::SDP.into()));
            self.renewing.begun.sdp.clone_from(sdp);
        }
        match reoffer {
            Reoffer::Replace(successor, _) => {
                let hub = &self.call.hub;
                successor.asked.respond(hub, status, headers, body);
            }
            Reoffer::Invite(asked, _) => {
                if body.is_some() {
                    self.unacked = Some(Unacked::new(&self.call.hub, &asked, false));
                }
                asked.respond(&self.call.hub, status, headers, body);
            }
            Reoffer::Update(mut request, _) => {
                let body = body.map(String::into_bytes);
                // A failure to send leaves it to the peer to ask again.
                let _ = request.reply_with(status, headers, body).await;
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    On,
    Over,
}

/// Answers a request that is no INVITE; a failure to send leaves it to the peer to ask again.
pub(crate) async fn reply(request: &mut Transaction, status: StatusCode, headers: Vec<Header>) {
    let _ = request.reply_with(status, headers, None).await;
}

/// How long the application may take to answer a changed offer; it computes, nobody is asked.
const ANSWER_FOR: Duration = Duration::from_secs(5);
