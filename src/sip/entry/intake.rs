//! How does a message that ingress lets pass get to the stack?
//!
//! The stack parses what ingress has put right. Should it still not understand a message, the
//! peer hears of it from here: the stack itself would say nothing.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::connection::TransportSender;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};

use crate::sip::counts::Counters;
use crate::sip::entry::ingress::{self, Verdict};

/// The way into the stack of one stream, or of all datagrams.
pub(crate) struct Intake {
    /// The connection that answers leave by.
    pub(crate) connection: SipConnection,
    pub(crate) transport: Transport,
    pub(crate) to_stack: TransportSender,
    pub(crate) counters: Arc<Counters>,
}

impl Intake {
    /// Does what the verdict says; what comes back has to be sent to the peer.
    pub(crate) fn take(&self, verdict: Verdict<'_>, peer: SocketAddr) -> Option<Vec<u8>> {
        match verdict {
            Verdict::Ignore(why) => {
                self.counters.ignored(why);
                None
            }
            Verdict::Answer(answer) => {
                let bytes = answer.to(peer);
                self.counters.refused(bytes.is_some());
                bytes
            }
            Verdict::Deliver(bytes) => match understood(&bytes, peer, self.transport) {
                Some(message) => {
                    self.deliver(message, peer, matches!(bytes, Cow::Owned(_)));
                    None
                }
                None => self.take(ingress::not_understood(&bytes), peer),
            },
        }
    }

    /// Whether the stack still listens.
    pub(crate) fn is_open(&self) -> bool {
        !self.to_stack.is_closed()
    }

    fn deliver(&self, message: SipMessage, peer: SocketAddr, repaired: bool) {
        self.counters.delivered(repaired);
        let from = SipAddr {
            r#type: Some(self.transport),
            addr: peer.into(),
        };
        let event = TransportEvent::Incoming(message, self.connection.clone(), from);
        // A stack that has stopped listens no more.
        let _ = self.to_stack.send(event);
    }
}

/// The message, if the stack can tell what it belongs to.
pub(crate) fn understood(
    bytes: &[u8],
    peer: SocketAddr,
    transport: Transport,
) -> Option<SipMessage> {
    let message = SipMessage::try_from(bytes).ok()?;
    let message = SipConnection::update_msg_received(message, peer, transport).ok()?;
    let key = match &message {
        SipMessage::Request(request) => {
            TransactionKey::from_request(request, TransactionRole::Server)
        }
        SipMessage::Response(response) => {
            TransactionKey::from_response(response, TransactionRole::Client)
        }
    };
    key.is_ok().then_some(message)
}
