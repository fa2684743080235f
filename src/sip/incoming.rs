//! Who gets a request that arrives?

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc;

use super::acks::Fork;
use super::dialog::Key;
use super::enrolling;
use super::established::{Call, reply};
use super::hub::{Hub, Input};
use super::invited::Invited;
use super::message;
use super::stream::Stream;

/// Hands out requests, new streams and late answers until the endpoint closes.
pub(super) async fn run(
    hub: Arc<Hub>,
    mut requests: TransactionReceiver,
    mut streams: mpsc::UnboundedReceiver<Stream>,
    mut forks: mpsc::UnboundedReceiver<Fork>,
) {
    loop {
        tokio::select! {
            () = hub.closing.cancelled() => return,
            Some(request) = requests.recv() => take(&hub, request),
            Some(stream) = streams.recv() => {
                hub.stack.transport_layer.add_connection(stream.connection);
            }
            Some(fork) = forks.recv() => {
                let hub = hub.clone();
                tokio::spawn(async move { hub.dismiss(fork).await });
            }
        }
    }
}

fn take(hub: &Arc<Hub>, mut request: Transaction) {
    // Dropping it leaves nothing behind; the peer asks again.
    if hub.stack.get_stats().running_transactions > MOST_TRANSACTIONS {
        return hub.counters.beyond_cap();
    }
    if let Some((status, headers)) = fault(&request.original) {
        tokio::spawn(async move { reply(&mut request, status, headers).await });
        return;
    }
    if let Some(key) = Key::of_request(&request.original) {
        return inside(hub, &key, request);
    }
    let is_invite = request.original.method == Method::Invite;
    if is_invite && !hub.is_stopping() {
        return invited(hub, request);
    }
    let is_register = request.original.method == Method::Register;
    if is_register && hub.doors.has_users() && !hub.is_stopping() {
        tokio::spawn(enrolling::register(hub.clone(), request));
        return;
    }
    let (status, headers) = match request.original.method {
        Method::Options if !hub.is_stopping() => (StatusCode::OK, message::abilities()),
        Method::Invite | Method::Options => (StatusCode::ServiceUnavailable, Vec::new()),
        Method::Bye | Method::Update | Method::PRack | Method::Info => {
            (StatusCode::CallTransactionDoesNotExist, Vec::new())
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
            (StatusCode::MethodNotAllowed, allow)
        }
    };
    tokio::spawn(async move { reply(&mut request, status, headers).await });
}

/// What is wrong with a request, whatever it is for.
fn fault(request: &Request) -> Option<(StatusCode, Vec<Header>)> {
    if message::is_cut_short(request) || !message::is_numbered_rightly(request) {
        return Some((StatusCode::BadRequest, Vec::new()));
    }
    let unsupported = message::unsupported(&request.headers);
    if !unsupported.is_empty() {
        let header = Header::Unsupported(unsupported.join(", ").into());
        return Some((StatusCode::BadExtension, vec![header]));
    }
    None
}

fn inside(hub: &Arc<Hub>, key: &Key, mut request: Transaction) {
    if let Some(inbox) = hub.calls.of_dialog(key) {
        match inbox.send(Input::Request(Box::new(request))) {
            Ok(()) => return,
            Err(mpsc::error::SendError(Input::Request(back))) => request = *back,
            Err(_) => return,
        }
    }
    tokio::spawn(async move {
        let status = StatusCode::CallTransactionDoesNotExist;
        reply(&mut request, status, Vec::new()).await;
    });
}

fn invited(hub: &Arc<Hub>, mut request: Transaction) {
    let original = &request.original;
    if !original.body.is_empty() && !message::is_sdp(&original.headers) {
        let accept = vec![Header::Accept(message::SDP.into())];
        tokio::spawn(async move {
            reply(&mut request, StatusCode::UnsupportedMediaType, accept).await;
        });
        return;
    }
    let flow = request.connection.as_ref().and_then(|c| hub.flow_back(c));
    let Some(flow) = flow else {
        tokio::spawn(async move {
            reply(&mut request, StatusCode::ServerInternalError, Vec::new()).await;
        });
        return;
    };
    let caller = match enrolling::caller(hub, &request, flow.remote) {
        Ok(user) => user,
        Err(challenges) => {
            let hub = hub.clone();
            tokio::spawn(async move { enrolling::ask(&hub, &request, challenges).await });
            return;
        }
    };
    let Some(place) = hub.doors.half_open(flow.remote) else {
        tokio::spawn(async move {
            reply(&mut request, StatusCode::ServiceUnavailable, Vec::new()).await;
        });
        return;
    };
    let user = message::dialled(original);
    let account = hub.registrars.account_of(&user, flow.remote);
    let account = account.and_then(|name| hub.registrars.account(&name));
    let (inbox, inputs) = mpsc::unbounded_channel();
    let id = hub.new_call();
    let call = Call {
        id,
        seat: hub.calls.seat(id, inbox),
        inbox: inputs,
        flow,
        user,
        account,
        hub: hub.clone(),
    };
    tokio::spawn(Invited::new(call, request, caller, place).run());
}

/// Transactions in progress; a thousand calls a second leave room for as much again.
const MOST_TRANSACTIONS: usize = 50_000;
