//! What happens to a second 2xx for one INVITE of ours?
//!
//! A 2xx ends the INVITE's transaction, so what comes after it finds none: the same 2xx again,
//! because our ACK got lost, or the 2xx of another phone, because the INVITE was forked
//! (RFC 3261 §13.2.2.4). Both are caught here, in front of the transactions.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rsipstack::sip::{Method, Request, Response, SipMessage, StatusCodeKind};
use rsipstack::transaction::endpoint::TransportEventInspector;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio::sync::mpsc;

use crate::sip::message;
use crate::sip::wire::flow::Flow;

/// The INVITEs of ours that have been answered lately.
pub(crate) struct Acks {
    answered: Mutex<Answered>,
    forks: mpsc::UnboundedSender<Fork>,
    keep_for: Duration,
}

#[derive(Default)]
struct Answered {
    by_invite: HashMap<Invite, Vec<Answer>>,
    /// When what is too old was last thrown away.
    swept_at: Option<Instant>,
}

/// An INVITE of ours, by Call-ID and sequence number.
type Invite = (String, u32);

struct Answer {
    tag: Option<String>,
    /// `None` while the ACK is being made.
    ack: Option<(Request, Flow)>,
    invite: Request,
    until: Instant,
}

/// An answer of a phone that was not the first; it wants an ACK and a BYE.
pub(crate) struct Fork {
    pub(crate) invite: Request,
    pub(crate) answer: Response,
    pub(crate) connection: SipConnection,
    pub(crate) source: SocketAddr,
}

impl Acks {
    pub(crate) fn new(keep_for: Duration, forks: mpsc::UnboundedSender<Fork>) -> Self {
        Self {
            answered: Mutex::default(),
            forks,
            keep_for,
        }
    }

    /// Keeps the ACK for an answer, to be sent again whenever the answer is.
    pub(crate) fn keep(&self, invite: &Request, answer: &Response, ack: Request, flow: Flow) {
        let now = Instant::now();
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.sweep(now, self.keep_for);
        let key = (message::call_id(invite), message::seq(&invite.headers));
        let answers = answered.by_invite.entry(key).or_default();
        let tag = message::tag(&answer.headers, "To");
        answers.retain(|a| a.tag != tag);
        answers.push(Answer {
            tag,
            ack: Some((ack, flow)),
            invite: invite.clone(),
            until: now + self.keep_for,
        });
    }

    /// What an answer deserves; `None` if it is the first to its INVITE.
    fn judge(
        &self,
        answer: &Response,
        connection: &SipConnection,
        source: &SipAddr,
    ) -> Option<Duty> {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (message::call_id(answer), message::seq(&answer.headers));
        let answers = answered.by_invite.get_mut(&key)?;
        let tag = message::tag(&answer.headers, "To");
        if let Some(known) = answers.iter().find(|a| a.tag == tag) {
            return Some(match known.ack.clone() {
                Some(ack) => Duty::Ack(Box::new(ack)),
                None => Duty::Nothing,
            });
        }
        let first = answers.first()?;
        let (invite, until) = (first.invite.clone(), first.until);
        answers.push(Answer {
            tag,
            ack: None,
            invite: invite.clone(),
            until,
        });
        Some(Duty::Dismiss(Box::new(Fork {
            invite,
            answer: answer.clone(),
            connection: connection.clone(),
            source: source.get_socketaddr().ok()?,
        })))
    }
}

impl Answered {
    /// Often enough to hold at most twice what is needed.
    fn sweep(&mut self, now: Instant, keep_for: Duration) {
        if self.swept_at.is_some_and(|last| now - last < keep_for) {
            return;
        }
        self.swept_at = Some(now);
        self.by_invite
            .retain(|_, answers| answers.iter().any(|a| a.until > now));
    }
}

enum Duty {
    Ack(Box<(Request, Flow)>),
    Dismiss(Box<Fork>),
    Nothing,
}

/// The place in front of the stack where `Acks` looks at what arrives.
pub(crate) struct Watch(pub(crate) std::sync::Arc<Acks>);

#[async_trait]
impl TransportEventInspector for Watch {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        let duty = match &event {
            TransportEvent::Incoming(SipMessage::Response(answer), connection, source)
                if is_invite_success(answer) =>
            {
                self.0.judge(answer, connection, source)
            }
            TransportEvent::Incoming(..) | TransportEvent::New(_) | TransportEvent::Closed(_) => {
                None
            }
        };
        match duty {
            None => return Some(event),
            Some(Duty::Ack(ack)) => {
                let (ack, flow) = *ack;
                flow.send(ack).await;
            }
            Some(Duty::Dismiss(fork)) => drop(self.0.forks.send(*fork)),
            Some(Duty::Nothing) => {}
        }
        None
    }
}

fn is_invite_success(answer: &Response) -> bool {
    let method = message::value(&answer.headers, "CSeq").and_then(|v| v.split_whitespace().nth(1));
    answer.status_code.kind() == StatusCodeKind::Successful
        && method.is_some_and(|name| name.parse::<Method>().is_ok_and(|m| m == Method::Invite))
}
