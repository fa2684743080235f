//! What happens to a call of ours whose server fails? (RFC 3263 §4.3)

use rsipstack::sip::{Request, Response};
use tokio::time::Instant;

use crate::sip::call::dialling::{Dialling, wants_out};
use crate::sip::call::dialog::Dialog;
use crate::sip::call::reason::Reason;
use crate::sip::event::HowEnded;
use crate::sip::finding::ways::Ways;
use crate::sip::hub::Hub;
use crate::sip::message;
use crate::sip::transact::{self, Invitation};
use crate::sip::wire::flow::Flow;

/// An INVITE to a server that was given up; it may wake up yet.
pub(crate) struct LeftBehind {
    invite: Request,
    flow: Flow,
    _invitation: Invitation,
}

impl Dialling {
    pub(crate) fn can_move_on(&self) -> bool {
        self.cancelled.is_none() && self.ways.has_more()
    }

    /// Tries the next server, with what came of the last one; false if the call is over.
    pub(crate) async fn move_on(&mut self, why: String) -> bool {
        tracing::debug!("a call goes on to the next server: {why}");
        self.ways.failed(why.clone());
        if !self.ways.has_more() {
            self.refused(503, why);
            return false;
        }
        let uri = self.invite.uri.to_string();
        let way = tokio::select! {
            biased;
            () = wants_out(&mut self.call.inbox) => {
                self.call.tell_ended(HowEnded::ByUs);
                return false;
            }
            way = self.ways.next() => way.map_err(|why| (503, why)),
        };
        let (invite, flow) = (self.invite.clone(), self.call.flow.clone());
        match way.and_then(|way| self.call_at_once_more(&uri, way)) {
            Ok(_invitation) => {
                self.left_behind.push(LeftBehind {
                    invite,
                    flow,
                    _invitation,
                });
                true
            }
            Err((status, why)) => {
                self.refused(status, why);
                false
            }
        }
    }

    /// A server that was given up has woken up: nobody waits for it any more.
    pub(crate) fn wakes_up(&self, response: &Response) {
        let seq = message::seq(&response.headers);
        let is_it = |left: &&LeftBehind| message::seq(&left.invite.headers) == seq;
        let Some(left) = self.left_behind.iter().find(is_it) else {
            return;
        };
        let (hub, flow) = (self.call.hub.clone(), left.flow.clone());
        let why = "answered elsewhere";
        match response.status_code.code() {
            0..200 => {
                let cancel = transact::cancel(&left.invite, why);
                tokio::spawn(async move { drop(hub.transact(&flow, cancel).await) });
            }
            200..300 => {
                let (invite, answer) = (left.invite.clone(), response.clone());
                let account = self.call.account.clone();
                tokio::spawn(async move {
                    let dialog = Dialog::answered(&invite, &answer);
                    hub.acknowledge(&invite, &answer, &dialog, &flow).await;
                    let why = Reason::sip(200, why);
                    hub.bye(dialog, &flow, account.as_ref(), &why).await;
                });
            }
            _ => {}
        }
    }
}

/// When a server that says nothing is left for the next one: four datagrams of ours cannot all
/// have got lost. Without another one there is time until the transaction ends.
pub(crate) fn silence_due(hub: &Hub, ways: &Ways) -> Option<Instant> {
    ways.has_more().then(|| Instant::now() + hub.silent_after())
}
