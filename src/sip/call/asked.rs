//! How is an INVITE of a peer answered?
//!
//! Its transaction must not be interrupted while it works, so it lives in a task of its own
//! that hands ACK and CANCEL to the call and takes responses from it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, HeadersExt, Method, Request, Response, SipMessage, StatusCode};
use rsipstack::transaction::key::TransactionKey;
use rsipstack::transaction::random_text;
use rsipstack::transaction::transaction::{Transaction, TransactionEvent, TransactionEventSender};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::sip::call::reason;
use crate::sip::door::doors::Doors;
use crate::sip::hub::{Hub, Inbox, Input};
use crate::sip::message;
use crate::sip::wire::flow;

/// An INVITE that waits for our answer.
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) seq: u32,
    /// Our tag of the dialog; the To of the INVITE carries none when it is the first.
    tag: String,
    answers: TransactionEventSender,
    key: TransactionKey,
    /// Its end is the sign that nobody waits any more.
    _awaited: oneshot::Sender<Infallible>,
}

impl Asked {
    /// Starts the task that owns the transaction. Once nobody waits for it any more, it has
    /// `forget_after` to end by itself.
    pub(crate) fn host(
        transaction: Transaction,
        inbox: Inbox,
        doors: Arc<Doors>,
        forget_after: Duration,
    ) -> Self {
        let request = transaction.original.clone();
        let (awaited, forgotten) = oneshot::channel::<Infallible>();
        let asked = Self {
            tag: message::tag(&request.headers, "To").unwrap_or_else(|| random_text(TAG_LENGTH)),
            answers: transaction.tu_sender.clone(),
            key: transaction.key.clone(),
            seq: message::seq(&request.headers),
            _awaited: awaited,
            request,
        };
        let tag = asked.tag.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = own(transaction, inbox, &doors, &tag) => {}
                // The stack keeps one for ever whose response it cannot send or place.
                () = async {
                    let _ = forgotten.await;
                    sleep(forget_after).await;
                } => {}
            }
        });
        asked
    }

    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// What ends the transaction before its time.
    pub(crate) fn end(&self) -> End {
        End {
            answers: self.answers.clone(),
            key: self.key.clone(),
        }
    }

    /// The SDP offer; `None` if ours is wanted.
    pub(crate) fn offer(&self) -> Option<String> {
        message::sdp(&self.request.headers, &self.request.body)
    }

    /// Sends a response.
    pub(crate) fn respond(
        &self,
        hub: &Hub,
        status: StatusCode,
        headers: Vec<Header>,
        body: Option<String>,
    ) {
        self.send(self.response(hub, status, headers, body));
    }

    /// Sends a response that `response` has made, for the first time or again.
    pub(crate) fn send(&self, response: Response) {
        // A transaction that is gone was cancelled; the call hears of it.
        let _ = self.answers.send(TransactionEvent::Respond(response));
    }

    pub(crate) fn response(
        &self,
        hub: &Hub,
        status: StatusCode,
        headers: Vec<Header>,
        body: Option<String>,
    ) -> Response {
        let makes_dialog = (101..300).contains(&status.code());
        let body = body.map(String::into_bytes);
        let mut response = hub.stack.make_response(&self.request, status, body);
        if let Ok(to) = response.to_header_mut()
            && message::tag_of(to.value()).is_none()
        {
            to.replace(format!("{};tag={}", to.value(), self.tag));
        }
        if makes_dialog {
            // RFC 3261 §12.1.1: the peer finds its route in them.
            let routes = message::values(&self.request.headers, "Record-Route");
            let routes = routes.map(|route| Header::RecordRoute(route.into()));
            response.headers.extend(routes.collect());
        }
        response.headers.extend(headers);
        response
    }
}

/// The early end of a transaction whose answer nobody will ever confirm.
pub(crate) struct End {
    answers: TransactionEventSender,
    key: TransactionKey,
}

impl End {
    pub(crate) fn now(self) {
        // One that is over does not notice.
        let _ = self.answers.send(TransactionEvent::Terminate(self.key));
    }
}

async fn own(mut transaction: Transaction, inbox: Inbox, doors: &Doors, tag: &str) {
    let seq = message::seq(&transaction.original.headers);
    // The caller stops asking and can cancel, however long the application thinks.
    let _ = transaction.send_trying().await;
    while let Some(received) = transaction.receive().await {
        let SipMessage::Request(request) = received else {
            continue;
        };
        if request.method == Method::Ack {
            let is_told = message::tag(&request.headers, "To").as_deref() == Some(tag);
            let source = transaction.connection.as_ref();
            let source = source.and_then(|connection| flow::source(connection, &request));
            if let Some(source) = source.filter(|_| is_told) {
                doors.reached(source.ip());
            }
            let answer = message::sdp(&request.headers, &request.body);
            let _ = inbox.send(Input::Acked { seq, answer });
        } else if request.method == Method::Cancel {
            let reason = reason::given(&request.headers);
            let _ = inbox.send(Input::Cancelled { seq, reason });
        }
    }
    let _ = inbox.send(Input::InviteOver { seq });
}

/// Unique with certainty enough (RFC 3261 §19.3).
const TAG_LENGTH: usize = 12;
