//! How do keys that we press reach the peer as INFO, in order and each once?

use std::collections::VecDeque;
use std::time::Duration;

use rsipstack::sip::{Header, Method, Request, StatusCode};

use crate::sip::call::established::{Session, reply};
use crate::sip::call::keys::{self, Press};
use crate::sip::event::Event;
use crate::sip::hub::Input;
use crate::sip::message;
use crate::sip::transact::{Credentials, Outcome, is_challenge};
use rsipstack::transaction::transaction::Transaction;

/// The keys that are on their way.
#[derive(Default)]
pub(crate) struct Pressing {
    queue: VecDeque<Press>,
    /// The one under way, and how often it was tried.
    sent: Option<(Press, u32)>,
    credentials: Credentials,
}

impl Session {
    /// A key shall be told to the peer, behind those that wait.
    pub(crate) fn press(&mut self, digit: char, length: Duration) {
        match Press::new(digit, length) {
            Some(press) if self.pressing.queue.len() < MOST => {
                self.pressing.queue.push_back(press);
                self.press_next();
            }
            Some(_) | None => self.tell_untold(digit, 400),
        }
    }

    /// Our INFO has its answer.
    pub(crate) fn pressed(&mut self, outcome: Outcome) {
        let Some((press, n_tries)) = self.pressing.sent.take() else {
            return;
        };
        let status = match outcome {
            Outcome::Answered(answer) => {
                let may_prove = n_tries == 0 && is_challenge(&answer);
                let credentials = &mut self.pressing.credentials;
                let account = self.call.account.as_ref().filter(|_| may_prove);
                if account.is_some_and(|account| credentials.learn(&answer, account)) {
                    return self.send_key(press, n_tries + 1);
                }
                answer.status_code.code()
            }
            Outcome::TimedOut => 408,
            Outcome::Lost(_) => 503,
        };
        if status >= 300 {
            self.tell_untold(press.digit, status);
        }
        self.press_next();
    }

    /// The peer tells of a key, or of something else.
    pub(crate) async fn informed(&mut self, mut request: Box<Transaction>) {
        let original = &request.original;
        match keys::pressed(&original.headers, &original.body) {
            Ok(press) => {
                reply(&mut request, StatusCode::OK, Vec::new()).await;
                if let Some(Press { digit, length }) = press.filter(|_| !self.is_leaving()) {
                    let call = self.call.id;
                    self.call.hub.tell(Event::Key {
                        call,
                        digit,
                        length,
                    });
                }
            }
            Err((status, headers)) => reply(&mut request, status, headers).await,
        }
    }

    fn press_next(&mut self) {
        if self.pressing.sent.is_some() || self.is_leaving() {
            return;
        }
        if let Some(press) = self.pressing.queue.pop_front() {
            self.send_key(press, 0);
        }
    }

    fn send_key(&mut self, press: Press, n_tries: u32) {
        self.pressing.sent = Some((press, n_tries));
        let mut request = self.info(press);
        let (hub, flow) = (self.call.hub.clone(), self.call.flow.clone());
        let (dialog, inbox) = (self.dialog.clone(), self.call.seat.inbox());
        tokio::spawn(async move {
            let flow = hub.way_inside(&dialog, &flow).await;
            message::set_via(&mut request, flow.via());
            let outcome = hub.transact(&flow, request).await;
            let _ = inbox.send(Input::Pressed(outcome));
        });
    }

    fn info(&mut self, press: Press) -> Request {
        let mut request = self.dialog.request(Method::Info, self.call.flow.via());
        request
            .headers
            .push(Header::ContentType(keys::RELAY.into()));
        request.body = press.body().into_bytes();
        if let Some(account) = &self.call.account {
            self.pressing.credentials.prove(account, &mut request);
        }
        request
    }

    fn tell_untold(&self, digit: char, status: u16) {
        let call = self.call.id;
        if !self.is_leaving() {
            self.call.hub.tell(Event::KeyRefused {
                call,
                digit,
                status,
            });
        }
    }
}

/// Keys that may wait; more than anybody types while one is on its way.
const MOST: usize = 64;
