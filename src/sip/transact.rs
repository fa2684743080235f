//! How is a request of ours brought to its final answer?

use rsipstack::sip::{Header, Method, Request, Response, SipMessage};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::random_text;
use rsipstack::transaction::transaction::{Transaction, TransactionEvent};

use crate::sip::call::reason::{ELSEWHERE, Reason};
use crate::sip::digest::{Challenge, Proof};
use crate::sip::hub::{Hub, Inbox, Input};
use crate::sip::message;
use crate::sip::settings::Account;
use crate::sip::wire::flow::Flow;

/// What became of a request.
pub(super) enum Outcome {
    Answered(Box<Response>),
    /// Nobody answered in time.
    TimedOut,
    /// There is no way any more.
    Lost(String),
}

impl Hub {
    /// Sends a request that is no INVITE, and waits for its final answer.
    pub(super) async fn transact(&self, flow: &Flow, request: Request) -> Outcome {
        let mut transaction = match self.client(flow, request) {
            Ok(transaction) => transaction,
            Err(why) => return Outcome::Lost(why),
        };
        if let Err(why) = transaction.send().await {
            return Outcome::Lost(why.to_string());
        }
        // Dropping the transaction half-way only forgets it, which is what is wanted here.
        tokio::select! {
            outcome = final_answer(&mut transaction) => outcome,
            () = flow.gone() => Outcome::Lost(format!("{} has closed the connection", flow.remote)),
            () = self.closing.cancelled() => Outcome::Lost("the endpoint has stopped".to_owned()),
        }
    }

    fn client(&self, flow: &Flow, request: Request) -> Result<Transaction, String> {
        let key = TransactionKey::from_request(&request, TransactionRole::Client);
        let key = key.map_err(|why| why.to_string())?;
        let connection = Some(flow.connection.clone());
        let mut transaction = Transaction::new_client(key, request, self.stack.clone(), connection);
        transaction.destination = Some(flow.sip_addr());
        Ok(transaction)
    }

    /// Sends an INVITE; its answers go to the inbox. The returned handle ends it early.
    pub(super) fn invite(
        &self,
        flow: &Flow,
        request: Request,
        inbox: Inbox,
    ) -> Result<Invitation, String> {
        let mut transaction = self.client(flow, request)?;
        let (sender, key) = (transaction.tu_sender.clone(), transaction.key.clone());
        let seq = message::seq(&transaction.original.headers);
        tokio::spawn(async move {
            if transaction.send().await.is_ok() {
                while let Some(received) = transaction.receive().await {
                    if let SipMessage::Response(response) = received {
                        let _ = inbox.send(Input::Response(Box::new(response)));
                    }
                }
            }
            let _ = inbox.send(Input::InviteOver { seq });
        });
        Ok(Invitation { sender, key })
    }
}

async fn final_answer(transaction: &mut Transaction) -> Outcome {
    while let Some(received) = transaction.receive().await {
        let SipMessage::Response(response) = received else {
            continue;
        };
        match response.status_code.code() {
            0..200 => {}
            // The stack's own word for a request that nobody answers.
            408 => return Outcome::TimedOut,
            _ => return Outcome::Answered(Box::new(response)),
        }
    }
    Outcome::TimedOut
}

/// The transaction of an INVITE of ours.
pub(super) struct Invitation {
    sender: rsipstack::transaction::transaction::TransactionEventSender,
    key: TransactionKey,
}

impl Drop for Invitation {
    /// A transaction that nobody waits for any more is forgotten; one that is over does not
    /// notice.
    fn drop(&mut self) {
        let _ = self
            .sender
            .send(TransactionEvent::Terminate(self.key.clone()));
    }
}

/// The knowledge that proves an account's password, kept between requests so that the next one
/// need not be challenged.
#[derive(Default)]
pub(super) struct Credentials {
    challenge: Option<(Challenge, Asker)>,
}

/// Who asks for a password decides the header it is given in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asker {
    Server,
    Proxy,
}

impl Credentials {
    /// Learns from a 401 or 407; false if it asks for something that we cannot do, or in the
    /// name of a realm that is not the account's.
    pub(super) fn learn(&mut self, response: &Response, account: &Account) -> bool {
        let (asker, name) = asked_by(response);
        let challenges = message::values(&response.headers, name);
        let challenge = Challenge::choose(challenges, |realm| account.proves_to(realm));
        self.challenge = challenge.map(|challenge| (challenge, asker));
        self.challenge.is_some()
    }

    /// Whether the last challenge only wanted a fresher nonce.
    pub(super) fn is_stale(&self) -> bool {
        self.challenge
            .as_ref()
            .is_some_and(|(challenge, _)| challenge.stale)
    }

    pub(super) fn forget(&mut self) {
        self.challenge = None;
    }

    /// Adds the proof to a request, if one was ever asked for.
    pub(super) fn prove(&mut self, account: &Account, request: &mut Request) {
        let Some((challenge, asker)) = &mut self.challenge else {
            return;
        };
        let (method, uri) = (request.method.to_string(), request.uri.to_string());
        let proof = challenge.answer(Proof {
            user: account.proof_user(),
            password: account.password.reveal(),
            method: &method,
            uri: &uri,
            cnonce: &random_text(CNONCE_LENGTH),
        });
        request.headers.push(match asker {
            Asker::Server => Header::Authorization(proof.into()),
            Asker::Proxy => Header::ProxyAuthorization(proof.into()),
        });
    }
}

/// The realm of a challenge that the account does not answer, because its own is another.
pub(super) fn other_realm(response: &Response, account: &Account) -> Option<String> {
    let challenges = || message::values(&response.headers, asked_by(response).1);
    let is_ours = |realm: &str| account.proves_to(realm);
    if !is_challenge(response) || Challenge::choose(challenges(), is_ours).is_some() {
        return None;
    }
    Challenge::choose(challenges(), |_| true).map(|other| other.realm().to_owned())
}

/// Who asks for a password, and in which header.
fn asked_by(response: &Response) -> (Asker, &'static str) {
    match response.status_code.code() {
        407 => (Asker::Proxy, "Proxy-Authenticate"),
        _ => (Asker::Server, "WWW-Authenticate"),
    }
}

/// Whether an answer asks for a password.
pub(super) fn is_challenge(response: &Response) -> bool {
    matches!(response.status_code.code(), 401 | 407)
}

/// The CANCEL for an INVITE of ours, on its branch (RFC 3261 §9.1). A phone that rang shall show a
/// missed call, which it would not after the cause 200 (RFC 3326 §3.1).
pub(super) fn cancel(invite: &Request, text: &str) -> Request {
    let mut headers = invite.headers.clone();
    headers.retain(|header| {
        matches!(
            header,
            Header::Via(_)
                | Header::From(_)
                | Header::To(_)
                | Header::CallId(_)
                | Header::MaxForwards(_)
                | Header::Route(_)
        )
    });
    let seq = message::seq(&invite.headers);
    headers.push(Header::CSeq(format!("{seq} CANCEL").into()));
    let cause = if text == ELSEWHERE { 200 } else { 487 };
    headers.extend(Reason::sip(cause, text).header().into_iter().collect());
    Request {
        method: Method::Cancel,
        uri: invite.uri.clone(),
        headers,
        body: Vec::new(),
        version: invite.version,
    }
}

/// Long enough that a chosen-plaintext table does not pay.
const CNONCE_LENGTH: usize = 16;
