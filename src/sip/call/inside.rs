//! How do our own requests inside a dialog reach the peer?

use rsipstack::sip::{Header, Method, Request, Response};

use crate::sip::call::dialog::Dialog;
use crate::sip::call::reason::Reason;
use crate::sip::hub::Hub;
use crate::sip::message;
use crate::sip::settings::Account;
use crate::sip::transact::{Credentials, Outcome, is_challenge};
use crate::sip::wire::acks::Fork;
use crate::sip::wire::flow::{Flow, Hop};
use crate::sip::wire::local;

impl Hub {
    /// Confirms the answer to an INVITE of ours, now and whenever the answer comes again.
    pub(crate) async fn acknowledge(
        &self,
        invite: &Request,
        answer: &Response,
        dialog: &Dialog,
        flow: &Flow,
    ) {
        let flow = self.way_inside(dialog, flow).await;
        let mut ack = dialog.ack(message::seq(&invite.headers), flow.via());
        ack.headers.push(Header::ContentLength(0.into()));
        self.acks.keep(invite, answer, ack.clone(), flow.clone());
        flow.send(ack).await;
    }

    /// Ends a dialog; returns once the peer has answered, or never will.
    pub(crate) async fn bye(
        &self,
        mut dialog: Dialog,
        flow: &Flow,
        account: Option<&Account>,
        reason: &Reason,
    ) {
        let flow = self.way_inside(&dialog, flow).await;
        let mut credentials = Credentials::default();
        for _ in 0..2 {
            let mut request = dialog.request(Method::Bye, flow.via());
            request
                .headers
                .extend(reason.header().into_iter().collect());
            if let Some(account) = account {
                credentials.prove(account, &mut request);
            }
            match self.transact(&flow, request).await {
                Outcome::Answered(response) if is_challenge(&response) => {
                    if !account.is_some_and(|account| credentials.learn(&response, account)) {
                        return;
                    }
                }
                Outcome::Answered(_) | Outcome::TimedOut | Outcome::Lost(_) => return,
            }
        }
    }

    /// A phone that answered later than another one is thanked and sent away.
    pub(crate) async fn dismiss(&self, fork: Fork) {
        let Some(flow) = self.flow_back(&fork.connection, fork.source) else {
            return;
        };
        let mut dialog = Dialog::answered(&fork.invite, &fork.answer);
        self.acknowledge(&fork.invite, &fork.answer, &dialog, &flow)
            .await;
        // It may have rung reliably, and each PRACK took a number.
        dialog.skip(PRACKS);
        self.bye(dialog, &flow, None, &Reason::sip(200, "answered elsewhere"))
            .await;
    }

    /// Along the stream that made the call while it is open; else where the dialog points to.
    pub(crate) async fn way_inside(&self, dialog: &Dialog, flow: &Flow) -> Flow {
        if flow.is_stream() && !flow.is_gone() {
            return flow.clone();
        }
        let Ok(hop) = Hop::parse(dialog.next_hop(), Some(flow.transport)) else {
            return flow.clone();
        };
        let is_hidden = hop
            .host
            .parse()
            .is_ok_and(|named| dialog.is_direct() && local::is_hidden(named, flow.remote.ip()));
        if is_hidden {
            return flow.clone();
        }
        if !self.doors.is_proven(flow.remote.ip()) {
            // Where a stranger says that it is may be somebody else.
            return flow.clone();
        }
        let way = self.flow_to(&hop).await;
        way.unwrap_or_else(|_| flow.clone())
    }
}

/// More reliable ringing than any phone sends.
const PRACKS: u32 = 1_000;
