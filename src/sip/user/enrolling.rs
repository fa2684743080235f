//! How is somebody answered who registers, or who has to say who it is?
//!
//! A question for a password is sent once and remembered by nobody: the peer asks again, and a
//! victim in whose name somebody else asks gets no repeats (RFC 3261 §8.2.7).

use std::net::SocketAddr;
use std::sync::Arc;

use rsipstack::sip::{Header, HeadersExt, SipMessage, StatusCode};
use rsipstack::transaction::random_text;
use rsipstack::transaction::transaction::Transaction;

use crate::sip::address::{self, NameAddr, Uri};
use crate::sip::call::established::reply;
use crate::sip::door::doors::Who;
use crate::sip::finding::puzzled;
use crate::sip::hub::Hub;
use crate::sip::message;
use crate::sip::user::registrar::{Enrolment, LEAST, Refused, Way};
use crate::sip::wire::flow;

/// Answers a REGISTER.
pub(crate) async fn register(hub: Arc<Hub>, mut request: Transaction) {
    let Some(way) = way_of(&hub, &request) else {
        return;
    };
    let user = match identify(&hub, &request, way.remote) {
        Who::User(user) => user,
        Who::Unproven(challenges) => return ask(&hub, &request, challenges).await,
        Who::Silenced => return,
    };
    let (status, headers) = enrol(&hub, &request, &user, way);
    reply(&mut request, status, headers).await;
}

/// Why a call does not come in.
pub(crate) enum Held {
    /// Its user has to prove a password; the values of the WWW-Authenticate headers.
    Asked([String; 2]),
    /// It gets no answer.
    Silenced,
}

/// Whether a call may come in: the name of its user, if it needs one.
pub(crate) fn caller(
    hub: &Hub,
    request: &Transaction,
    from: SocketAddr,
) -> Result<Option<String>, Held> {
    let is_proven = message::value(&request.original.headers, "Authorization").is_some();
    let is_ours = || hub.registrars.account_of("", from).is_some();
    // A PBX that we are registered at does not know our users.
    let is_line = || {
        hub.doors
            .is_line(&message::caller(&request.original.headers).user)
    };
    let is_needed = (hub.doors.require_auth() || is_line()) && !is_ours();
    let is_offered = is_proven && hub.doors.has_users();
    if !(is_needed || is_offered) {
        return Ok(None);
    }
    match identify(hub, request, from) {
        Who::User(user) => Ok(Some(user)),
        Who::Unproven(_) | Who::Silenced if !is_needed => Ok(None),
        Who::Unproven(challenges) => Err(Held::Asked(challenges)),
        Who::Silenced => Err(Held::Silenced),
    }
}

/// Sends a 401 that leaves nothing behind here.
pub(crate) async fn ask(hub: &Hub, request: &Transaction, challenges: [String; 2]) {
    hub.counters.challenged();
    let Some(connection) = &request.connection else {
        return;
    };
    let original = &request.original;
    let mut response = hub
        .stack
        .make_response(original, StatusCode::Unauthorized, None);
    if let Ok(to) = response.to_header_mut() {
        to.replace(format!("{};tag={}", to.value(), random_text(TAG_LENGTH)));
    }
    // Who knows no password need not know what we are either.
    response
        .headers
        .retain(|header| !matches!(header, Header::UserAgent(_)));
    let bare = SipMessage::Response(response.clone()).to_bytes().len();
    let room = SipMessage::Request(original.clone()).to_bytes().len();
    let mut length = bare;
    // A question must not be much longer than what it answers; all phones know the last one.
    let [first, last] = challenges;
    let needs_md5 = flow::source(connection, original).is_some_and(|from| {
        let user = message::caller(&original.headers).user;
        hub.doors.needs_md5(from.ip(), &user)
    });
    let agent = message::value(&original.headers, "User-Agent").unwrap_or_default();
    let has_room = |length: usize| length <= room + room / 4 || connection.is_reliable();
    let line = |value: &str| "WWW-Authenticate: \r\n".len() + value.len();
    length += line(&first) + line(&last);
    if has_room(length) && !needs_md5 && !puzzled::gives_up(agent) {
        response.headers.push(Header::WwwAuthenticate(first.into()));
    }
    response.headers.push(Header::WwwAuthenticate(last.into()));
    let to = match connection.is_reliable() {
        true => None,
        false => hub.stack.get_destination_from_request(original).await,
    };
    // One that is lost is asked for again.
    let _ = connection.send(response.into(), to.as_ref()).await;
}

fn identify(hub: &Hub, request: &Transaction, from: SocketAddr) -> Who {
    let headers = &request.original.headers;
    let proofs = message::values(headers, "Authorization");
    let method = request.original.method.to_string();
    if message::value(headers, "Authorization").is_some() {
        let user = message::caller(headers).user;
        hub.doors.understood(from.ip(), &user);
    }
    hub.doors.identify(proofs, &method, from.ip())
}

fn enrol(hub: &Hub, request: &Transaction, user: &str, way: Way) -> (StatusCode, Vec<Header>) {
    let headers = &request.original.headers;
    let to = message::value(headers, "To").and_then(NameAddr::parse);
    let to = to.and_then(|to| Uri::parse(to.uri));
    if to.is_none_or(|to| address::unescaped(to.user) != user) {
        return (StatusCode::Forbidden, Vec::new());
    }
    let contacts = message::values(headers, "Contact").flat_map(address::list);
    let path: Vec<&str> = message::values(headers, "Path")
        .flat_map(address::list)
        .collect();
    let call_id = message::call_id(&request.original);
    let asked = Enrolment {
        contacts: contacts.collect(),
        expires: message::value(headers, "Expires"),
        path: path.clone(),
        call_id: &call_id,
        seq: message::seq(headers),
        way,
    };
    match hub.doors.register(user, &asked) {
        Ok(bound) => {
            let bound = bound
                .into_iter()
                .map(|contact| Header::Contact(contact.into()));
            let path = path
                .into_iter()
                .map(|p| Header::Other("Path".into(), p.into()));
            (StatusCode::OK, bound.chain(path).collect())
        }
        Err(Refused::Nonsense) => (StatusCode::BadRequest, Vec::new()),
        Err(Refused::TooBrief) => {
            let least = Header::MinExpires(LEAST.as_secs().to_string().into());
            (StatusCode::IntervalTooBrief, vec![least])
        }
        Err(Refused::OutOfOrder) => (StatusCode::ServerInternalError, Vec::new()),
    }
}

fn way_of(hub: &Hub, request: &Transaction) -> Option<Way> {
    let connection = request.connection.as_ref()?;
    let remote = flow::source(connection, &request.original)?;
    let flow = hub.flow_back(connection, remote)?;
    Some(Way {
        transport: flow.transport,
        remote,
    })
}

/// Nobody compares it: the ACK for such an answer is for nothing we remember.
const TAG_LENGTH: usize = 8;
