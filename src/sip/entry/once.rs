//! How is a request answered that nobody needs to remember? (RFC 3261 §8.2.7)
//!
//! The answer is sent once; a peer that did not get it asks again. So a flood leaves nothing
//! behind, and a victim in whose name somebody else asks gets no repeats.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rsipstack::sip::{Header, HeadersExt, SipMessage, StatusCode};
use rsipstack::transaction::transaction::Transaction;

use crate::sip::entry::echo::SLACK;
use crate::sip::hub::Hub;
use crate::sip::message;
use crate::sip::wire::flow;

/// Answers in a task of its own.
pub(crate) fn spawn(
    hub: &Arc<Hub>,
    request: Transaction,
    status: StatusCode,
    headers: Vec<Header>,
) {
    let hub = hub.clone();
    tokio::spawn(async move { answer(&hub, &request, status, headers).await });
}

/// Sends the response; to a stranger only as many of the headers, in order, as make it hardly
/// longer than what came.
pub(crate) async fn answer(
    hub: &Hub,
    request: &Transaction,
    status: StatusCode,
    headers: Vec<Header>,
) {
    let (Some(connection), original) = (&request.connection, &request.original) else {
        return;
    };
    let mut response = hub.stack.make_response(original, status, None);
    if let Ok(to) = response.to_header_mut()
        && message::tag_of(to.value()).is_none()
    {
        to.replace(format!("{};tag={:x}", to.value(), tag(request)));
    }
    let source = flow::source(connection, original);
    let is_stranger =
        !connection.is_reliable() && source.is_none_or(|source| hub.doors.is_limited(source.ip()));
    if is_stranger {
        // Who has shown nothing need not know what we are either.
        response
            .headers
            .retain(|header| !matches!(header, Header::UserAgent(_)));
    }
    let mut length = SipMessage::Response(response.clone()).to_bytes().len();
    let most = SipMessage::Request(original.clone()).to_bytes().len() + SLACK;
    for header in headers {
        length += header.to_string().len() + "\r\n".len();
        if is_stranger && length > most {
            break;
        }
        response.headers.push(header);
    }
    let to = match connection.is_reliable() {
        true => None,
        false => hub.stack.get_destination_from_request(original).await,
    };
    // One that is lost is asked for again.
    let _ = connection.send(response.into(), to.as_ref()).await;
}

/// The same for a request that comes again (RFC 3261 §8.2.7).
fn tag(request: &Transaction) -> u64 {
    let mut hash = DefaultHasher::new();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        message::value(&request.original.headers, name).hash(&mut hash);
    }
    hash.finish() >> 24
}
