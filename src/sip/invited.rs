//! What happens between an INVITE of a peer and our answer to it?

use rsipstack::sip::{Header, Method, StatusCode};
use rsipstack::transaction::transaction::Transaction;

use super::asked::Asked;
use super::dialog::Dialog;
use super::doors::HalfOpen;
use super::established::{Call, Session, Unacked, reply};
use super::event::{Event, HowEnded};
use super::hub::{Command, Input, Refusal};
use super::message;

/// A call that rings here.
pub(super) struct Invited {
    call: Call,
    asked: Asked,
    dialog: Dialog,
    /// The caller takes no provisional response that could get lost; it gets none.
    quiet: bool,
    place: HalfOpen,
}

enum Next {
    On,
    Answered,
    Over(HowEnded),
}

impl Invited {
    /// Enters the call and tells the application.
    pub(super) fn new(
        mut call: Call,
        invite: Transaction,
        user: Option<String>,
        place: HalfOpen,
    ) -> Self {
        let asked = call.host(invite);
        let dialog = Dialog::invited(&asked.request, asked.tag());
        call.seat.take_dialog(&dialog.key);
        let headers = &asked.request.headers;
        call.hub.tell(Event::Incoming {
            call: call.id,
            caller: message::caller(headers),
            dialled: message::dialled(&asked.request),
            account: call.account.as_ref().map(|account| account.name.clone()),
            user,
            source: call.flow.remote,
            offer: asked.offer(),
        });
        Self {
            quiet: message::wants_reliable(headers),
            place,
            call,
            asked,
            dialog,
        }
    }

    /// Runs the call to its end.
    pub(super) async fn run(mut self) {
        loop {
            let input = tokio::select! {
                input = self.call.inbox.recv() => input,
                () = self.call.flow.gone() => {
                    let why = "the caller's connection is gone".to_owned();
                    return self.call.tell_ended(HowEnded::Failed(why));
                }
            };
            let Some(input) = input else {
                return;
            };
            match self.handle(input).await {
                Next::On => {}
                Next::Over(how) => return self.call.tell_ended(how),
                Next::Answered => {
                    let mut unacked = Unacked::new(&self.call.hub, &self.asked, true);
                    unacked.place = Some(self.place);
                    return Session::new(self.call, self.dialog, Some(unacked))
                        .run()
                        .await;
                }
            }
        }
    }

    async fn handle(&mut self, input: Input) -> Next {
        match input {
            Input::Command(command) => self.obey(command),
            Input::Request(request) => self.serve(request).await,
            Input::Cancelled { .. } => {
                self.respond(StatusCode::RequestTerminated, Vec::new(), None);
                Next::Over(HowEnded::Cancelled)
            }
            Input::InviteOver { .. } => {
                Next::Over(HowEnded::Failed("the invitation got lost".to_owned()))
            }
            Input::Acked { .. } | Input::Response(_) | Input::ByeDone => Next::On,
        }
    }

    fn obey(&mut self, command: Command) -> Next {
        match command {
            Command::Ringing => {
                if !self.quiet {
                    self.respond(StatusCode::Ringing, self.contact(), None);
                }
                Next::On
            }
            Command::Answer(sdp) => {
                let mut headers = self.contact();
                headers.extend([
                    Header::Allow(message::ALLOW.into()),
                    Header::Supported(String::new().into()),
                    Header::ContentType(message::SDP.into()),
                ]);
                self.respond(StatusCode::OK, headers, Some(sdp));
                Next::Answered
            }
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
            Command::AnswerOffer(_) => Next::On,
        }
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
                return Next::Over(HowEnded::Cancelled);
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
            | Method::Refer
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
