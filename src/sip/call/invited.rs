//! What happens between an INVITE of a peer and our answer to it?

use rsipstack::sip::{Header, Headers, Method, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tokio::time::{Instant, sleep_until};

use crate::sip::account::registering::chance;
use crate::sip::call::asked::Asked;
use crate::sip::call::auto_answer;
use crate::sip::call::dialog::Dialog;
use crate::sip::call::established::{Call, Session, Unacked, reply};
use crate::sip::call::reason::{self, Reason};
use crate::sip::call::reliable::{Due, Reliable};
use crate::sip::call::renewing::{Begun, Role};
use crate::sip::door::half_open::HalfOpen;
use crate::sip::event::{Event, HowEnded, Reach};
use crate::sip::hub::{Command, Input, Refusal};
use crate::sip::message;

/// A call that rings here.
pub(crate) struct Invited {
    call: Call,
    asked: Asked,
    dialog: Dialog,
    reliable: Reliable,
    reach: Reach,
    /// What to say before the answer, and the answer, once the caller has heard the last.
    next: Option<Provisional>,
    answer: Option<String>,
    place: HalfOpen,
}

/// A sign of life before the answer.
enum Provisional {
    Ringing,
    Sound(String),
}

enum Next {
    On,
    Answered(Begun),
    Over(HowEnded),
    /// The caller does not want us any more, for this reason.
    GaveUp(Option<Reason>),
}

impl Invited {
    /// Enters the call and tells the application.
    pub(crate) fn new(
        mut call: Call,
        invite: Transaction,
        user: Option<String>,
        place: HalfOpen,
    ) -> Self {
        let asked = call.host(invite);
        let dialog = Dialog::invited(&asked.request, asked.tag());
        call.seat.take_dialog(&dialog.key);
        let headers = &asked.request.headers;
        let reach = reach(&call, headers);
        call.hub.tell(Event::Incoming {
            call: call.id,
            caller: message::caller(headers),
            dialled: message::dialled(&asked.request),
            account: call.account.as_ref().map(|account| account.name.clone()),
            user,
            source: call.flow.remote,
            reach,
            here: call.flow.here(),
            offer: asked.offer(),
            auto_answer: auto_answer::wish(&asked.request),
        });
        Self {
            reliable: Reliable::new(call.hub.timing.t1, chance()),
            reach,
            next: None,
            answer: None,
            place,
            call,
            asked,
            dialog,
        }
    }

    /// Runs the call to its end.
    pub(crate) async fn run(self) {
        if let Some(session) = self.until_answered().await {
            session.run().await;
        }
    }

    /// The call once it is answered, if it ever is.
    async fn until_answered(mut self) -> Option<Session> {
        loop {
            let due = self.reliable.poll_timeout();
            let input = tokio::select! {
                input = self.call.inbox.recv() => input,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    match self.handle_due(Instant::now()) {
                        Next::Over(how) => {
                            self.call.tell_ended(how);
                            return None;
                        }
                        Next::On | Next::Answered(_) | Next::GaveUp(_) => continue,
                    }
                }
                () = self.call.flow.gone() => {
                    let why = "the caller's connection is gone".to_owned();
                    self.call.tell_ended(HowEnded::Failed(why));
                    return None;
                }
            };
            // A call waits nearly always: room for what it does is taken when it does it.
            match Box::pin(self.handle(input?)).await {
                Next::On => {}
                Next::Over(how) => {
                    self.call.tell_ended(how);
                    return None;
                }
                Next::GaveUp(reason) => {
                    self.call.tell_ended_for(HowEnded::Cancelled, reason);
                    return None;
                }
                Next::Answered(begun) => {
                    let mut unacked = Unacked::new(&self.call.hub, &self.asked, true);
                    self.place.answered(Instant::now().into_std());
                    unacked.place = Some(self.place);
                    let unacked = Some(unacked);
                    return Some(Session::new(self.call, self.dialog, unacked, begun));
                }
            }
        }
    }

    fn handle_due(&mut self, now: Instant) -> Next {
        match self.reliable.handle_timeout(now) {
            Some(Due::Repeat(response)) => self.asked.send(*response),
            Some(Due::GiveUp) => {
                self.respond(StatusCode::ServerTimeOut, Vec::new(), None);
                let why = "the caller never confirmed the ringing".to_owned();
                return Next::Over(HowEnded::Failed(why));
            }
            None => {}
        }
        Next::On
    }

    async fn handle(&mut self, input: Input) -> Next {
        match input {
            Input::Command(command) => self.obey(command),
            Input::Request(request) => self.serve(request).await,
            Input::Cancelled { reason, .. } => {
                self.respond(StatusCode::RequestTerminated, Vec::new(), None);
                Next::GaveUp(reason)
            }
            Input::InviteOver { .. } => {
                Next::Over(HowEnded::Failed("the invitation got lost".to_owned()))
            }
            Input::Replace { mut invite, .. } => {
                // RFC 3891 §3: it rings here, not there; there is nothing to take over yet.
                let status = StatusCode::CallTransactionDoesNotExist;
                reply(&mut invite, status, Vec::new()).await;
                Next::On
            }
            Input::Acked { .. }
            | Input::Response(_)
            | Input::Renewed { .. }
            | Input::Pressed(_)
            | Input::Forsaken
            | Input::ByeDone => Next::On,
        }
    }

    fn obey(&mut self, command: Command) -> Next {
        match command {
            Command::Ringing => {
                self.say(Provisional::Ringing);
                Next::On
            }
            // The caller answers a late offer with its ACK, so there is no sound before.
            Command::EarlyMedia(_) if self.asked.offer().is_none() => {
                self.say(Provisional::Ringing);
                Next::On
            }
            Command::EarlyMedia(sdp) => {
                self.say(Provisional::Sound(sdp));
                Next::On
            }
            Command::Answer(sdp) => self.answer(sdp),
            Command::Refuse(refusal) => self.refuse(refusal),
            Command::HangUp(why) => self.refuse(Refusal {
                status: 480,
                reason: why,
                ..Refusal::default()
            }),
            Command::Stop => self.refuse(Refusal {
                status: 503,
                ..Refusal::default()
            }),
            Command::AnswerOffer(_) | Command::Offer(_) | Command::Press(..) => Next::On,
        }
    }

    /// Sends a provisional response, so that it cannot get lost if the caller wants that.
    fn say(&mut self, what: Provisional) {
        if self.reliable.is_waiting() {
            self.next = Some(what);
            return;
        }
        let headers = &self.asked.request.headers;
        let is_reliable = message::requires(headers, message::RELIABLE)
            || (matches!(what, Provisional::Sound(_))
                && message::supports(headers, message::RELIABLE));
        let mut headers = self.contact();
        headers.push(Header::Allow(message::ALLOW.into()));
        let (status, body) = match what {
            Provisional::Ringing => (StatusCode::Ringing, None),
            Provisional::Sound(sdp) => {
                headers.push(Header::ContentType(message::SDP.into()));
                (StatusCode::SessionProgress, Some(sdp))
            }
        };
        if is_reliable {
            headers.extend(self.reliable.headers());
        }
        let response = self.asked.response(&self.call.hub, status, headers, body);
        if is_reliable {
            self.reliable.sent(response.clone(), Instant::now());
        }
        self.asked.send(response);
    }

    /// Answers, but not before the caller has heard what came before (RFC 3262 §3).
    fn answer(&mut self, sdp: String) -> Next {
        if self.reliable.is_waiting() {
            self.answer = Some(sdp);
            return Next::On;
        }
        let asked = &self.asked.request.headers;
        let timer = self.call.hub.session_timer().asked(asked, None);
        let timer = timer.unwrap_or_default();
        let mut headers = self.contact();
        headers.extend([
            Header::Allow(message::ALLOW.into()),
            Header::Supported(message::SUPPORTED.into()),
            Header::ContentType(message::SDP.into()),
        ]);
        headers.extend(timer.map_or_else(Vec::new, |timer| timer.response_headers(asked)));
        let begun = Begun {
            timer,
            takes_update: message::allows(asked, &Method::Update),
            role: Role::Called,
            sdp: sdp.clone(),
        };
        self.respond(StatusCode::OK, headers, Some(sdp));
        Next::Answered(begun)
    }

    async fn acknowledged(&mut self, mut request: Box<Transaction>) -> Next {
        let headers = &request.original.headers;
        if !self.reliable.handle_prack(headers, self.asked.seq) {
            let status = StatusCode::CallTransactionDoesNotExist;
            reply(&mut request, status, Vec::new()).await;
            return Next::On;
        }
        if self.reach != Reach::Shown {
            self.reach = Reach::Shown;
            let call = self.call.id;
            self.call.hub.tell(Event::Reached { call });
        }
        // Our answer to the first offer is on its way; another offer is too early for us.
        let status = if request.original.body.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::NotAcceptableHere
        };
        reply(&mut request, status, Vec::new()).await;
        if let Some(sdp) = self.answer.take() {
            return self.answer(sdp);
        }
        if let Some(next) = self.next.take() {
            self.say(next);
        }
        Next::On
    }

    fn refuse(&mut self, refusal: Refusal) -> Next {
        if matches!(refusal.status, 404 | 604) {
            self.call.hub.doors.missed(self.call.flow.remote.ip());
        }
        let mut headers = Vec::new();
        if let Some(text) = &refusal.warning {
            headers.push(message::warning(&self.call.flow.local.to_string(), text));
        }
        if let Some(after) = refusal.retry_after {
            headers.push(Header::RetryAfter(after.as_secs().to_string().into()));
        }
        // Anything below 300 would not end the call.
        let status = if refusal.status < 300 {
            500
        } else {
            refusal.status
        };
        self.respond(message::status(status, &refusal.reason), headers, None);
        Next::Over(HowEnded::ByUs)
    }

    async fn serve(&mut self, mut request: Box<Transaction>) -> Next {
        if !self.dialog.is_in_order(&request.original) {
            reply(&mut request, StatusCode::ServerInternalError, Vec::new()).await;
            return Next::On;
        }
        match request.original.method {
            Method::Bye => {
                // RFC 3261 §15.1.2: it ends an early dialog too.
                reply(&mut request, StatusCode::OK, Vec::new()).await;
                self.respond(StatusCode::RequestTerminated, Vec::new(), None);
                return Next::GaveUp(reason::given(&request.original.headers));
            }
            Method::Options => reply(&mut request, StatusCode::OK, message::abilities()).await,
            Method::Info => reply(&mut request, StatusCode::OK, Vec::new()).await,
            Method::Update if request.original.body.is_empty() => {
                let contact = self.contact();
                reply(&mut request, StatusCode::OK, contact).await;
            }
            Method::Invite | Method::Update => {
                // RFC 3261 §14.2, RFC 3311 §5.2: the first offer is still open.
                let later = vec![Header::RetryAfter("2".into())];
                reply(&mut request, StatusCode::ServerInternalError, later).await;
            }
            Method::PRack => return self.acknowledged(request).await,
            Method::Refer => reply(&mut request, StatusCode::Decline, Vec::new()).await,
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

    fn contact(&self) -> Vec<Header> {
        vec![Header::Contact(self.call.contact().into())]
    }

    fn respond(&self, status: StatusCode, headers: Vec<Header>, body: Option<String>) {
        self.asked.respond(&self.call.hub, status, headers, body);
    }
}

/// What is known of the caller when it calls.
fn reach(call: &Call, headers: &Headers) -> Reach {
    if call.flow.is_stream() || !call.hub.doors.is_limited(call.flow.remote.ip()) {
        return Reach::Shown;
    }
    let is_reliable = message::requires(headers, message::RELIABLE)
        || message::supports(headers, message::RELIABLE);
    if is_reliable {
        Reach::Confirms
    } else {
        Reach::Unknown
    }
}
