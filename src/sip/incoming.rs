//! Who gets a request that arrives?

use std::sync::Arc;
use std::time::Instant;

use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc;

use crate::sip::call::dialog::Key;
use crate::sip::call::established::Call;
use crate::sip::call::invited::Invited;
use crate::sip::call::replaces::Replaces;
use crate::sip::entry::merged::Lately;
use crate::sip::entry::once;
use crate::sip::hub::{Hub, Input};
use crate::sip::message;
use crate::sip::user::enrolling::{self, Held};
use crate::sip::wire::acks::Fork;
use crate::sip::wire::flow;
use crate::sip::wire::stream::Stream;

/// Hands out requests, new streams and late answers until the endpoint closes.
pub(crate) async fn run(
    hub: Arc<Hub>,
    mut requests: TransactionReceiver,
    mut streams: mpsc::UnboundedReceiver<Stream>,
    mut forks: mpsc::UnboundedReceiver<Fork>,
) {
    let mut lately = Lately::new(hub.lost_after(), Instant::now());
    loop {
        tokio::select! {
            () = hub.closing.cancelled() => return,
            Some(request) = requests.recv() => {
                if lately.is_merged(&request.original, Instant::now()) {
                    once::spawn(&hub, request, StatusCode::LoopDetected, Vec::new());
                } else {
                    take(&hub, request);
                }
            }
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

fn take(hub: &Arc<Hub>, request: Transaction) {
    // Dropping it leaves nothing behind; the peer asks again.
    if hub.stack.get_stats().running_transactions > hub.caps.transactions {
        return hub.counters.beyond_cap();
    }
    if let Some((status, headers)) = fault(&request.original) {
        return once::spawn(hub, request, status, headers);
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
    once::spawn(hub, request, status, headers);
}

/// What we lack for a request, whatever it is for.
fn fault(request: &Request) -> Option<(StatusCode, Vec<Header>)> {
    let unsupported = message::unsupported(&request.headers);
    if !unsupported.is_empty() {
        let header = Header::Unsupported(unsupported.join(", ").into());
        return Some((StatusCode::BadExtension, vec![header]));
    }
    None
}

fn inside(hub: &Arc<Hub>, key: &Key, request: Transaction) {
    let source = request.connection.as_ref();
    let source = source.and_then(|connection| flow::source(connection, &request.original));
    if let Some(source) = source.filter(|_| hub.calls.of_dialog(key).is_some()) {
        hub.doors.reached(source.ip());
    }
    hand_to(hub, key, request, Input::Request);
}

/// Who names the dialog knows both tags, which nobody can guess; whoever took part in the call
/// or was told by one who did may pass it on (RFC 3891 §4).
fn replace(hub: &Arc<Hub>, replaces: &Replaces, request: Transaction) {
    let early_only = replaces.early_only;
    hand_to(hub, &replaces.dialog, request, |invite| Input::Replace {
        invite,
        early_only,
    });
}

/// Gives a request to the call that owns a dialog.
fn hand_to(
    hub: &Arc<Hub>,
    key: &Key,
    mut request: Transaction,
    input: impl Fn(Box<Transaction>) -> Input,
) {
    if let Some(inbox) = hub.calls.of_dialog(key) {
        match inbox.send(input(Box::new(request))) {
            Ok(()) => return,
            Err(mpsc::error::SendError(
                Input::Request(back) | Input::Replace { invite: back, .. },
            )) => request = *back,
            Err(_) => return,
        }
    }
    let status = StatusCode::CallTransactionDoesNotExist;
    once::spawn(hub, request, status, Vec::new());
}

fn invited(hub: &Arc<Hub>, request: Transaction) {
    let original = &request.original;
    if message::is_foreign(original) {
        let accept = vec![Header::Accept(message::SDP.into())];
        return once::spawn(hub, request, StatusCode::UnsupportedMediaType, accept);
    }
    match Replaces::read(&original.headers) {
        Ok(None) => {}
        Ok(Some(replaces)) => return replace(hub, &replaces, request),
        Err(status) => return once::spawn(hub, request, status, Vec::new()),
    }
    if let Err(least) = hub.session_timer().asked(&original.headers, None) {
        let status = StatusCode::SessionIntervalTooSmall;
        return once::spawn(hub, request, status, vec![least]);
    }
    let flow = request.connection.as_ref().and_then(|connection| {
        let peer = flow::source(connection, original)?;
        hub.flow_back(connection, peer)
    });
    let Some(flow) = flow else {
        return once::spawn(hub, request, StatusCode::ServerInternalError, Vec::new());
    };
    let caller = match enrolling::caller(hub, &request, flow.remote) {
        Ok(user) => user,
        Err(Held::Asked(challenges)) => {
            let hub = hub.clone();
            tokio::spawn(async move { enrolling::ask(&hub, &request, challenges).await });
            return;
        }
        Err(Held::Silenced) => return,
    };
    let (inbox, inputs) = mpsc::unbounded_channel();
    let Some(place) = hub.doors.half_open(flow.remote, &inbox) else {
        return once::spawn(hub, request, StatusCode::ServiceUnavailable, Vec::new());
    };
    let user = message::dialled(original);
    let account = hub.registrars.account_of(&user, flow.remote);
    let account = account.and_then(|name| hub.registrars.account(&name));
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
