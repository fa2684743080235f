//! How long does a registration hold?

use std::time::Duration;

use rsipstack::sip::{Header, Method, Request, Version};
use rsipstack::transaction::random_text;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

use crate::sip::account::backoff;
use crate::sip::account::pulse::{Beat, Pulse};
use crate::sip::account::registering::chance;
use crate::sip::hub::Hub;
use crate::sip::message;
use crate::sip::settings::Account;
use crate::sip::transact::Outcome;
use crate::sip::wire::flow::Flow;

/// A registration that is not to be renewed yet.
pub(crate) struct Stay<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) account: &'a Account,
    pub(crate) flow: &'a Flow,
    pub(crate) contact: &'a str,
    pub(crate) route: Option<&'a str>,
}

impl Stay<'_> {
    /// Waits for the time to refresh, for the end of the stream that calls come along, or for
    /// the silence of the registrar.
    pub(crate) async fn hold(&self, refresh_after: Duration, pulse: &mut Pulse) {
        let timing = self.hub.timing;
        let refresh = sleep(refresh_after);
        tokio::select! {
            () = refresh => {}
            () = self.hub.registrars.doubted(&self.account.name) => {}
            () = self.flow.gone() => {
                let (first, longest) = (timing.retry_first, timing.retry_longest);
                sleep(backoff::wait(first, longest, 0, chance())).await;
            }
            () = self.beat(pulse) => {
                let remote = self.flow.remote;
                tracing::debug!("account {}: {remote} does not answer any more", self.account.name);
                // The next attempt shall not wait for what this stream swallows.
                self.flow.close();
            }
        }
    }

    /// Keeps the way open; returns once the registrar is gone.
    async fn beat(&self, pulse: &mut Pulse) {
        let every = self
            .account
            .keep_alive
            .unwrap_or(self.hub.timing.keep_alive);
        if every.is_zero() {
            return std::future::pending().await;
        }
        let mut time = beats(every);
        loop {
            time.tick().await;
            let has_answered = match pulse.poll_beat() {
                Beat::LineEnds => {
                    self.flow.keep_alive().await;
                    continue;
                }
                Beat::Ping => self.flow.ping(self.hub.timing.t1 * PONG).await,
                Beat::Options => {
                    self.flow.keep_alive().await;
                    self.answers().await
                }
            };
            if has_answered {
                pulse.handle_answer();
            } else if pulse.handle_silence() {
                return;
            }
        }
    }

    /// Whether the registrar says anything to an OPTIONS.
    async fn answers(&self) -> bool {
        let answer = self.hub.transact(self.flow, self.options());
        let outcome = timeout(self.hub.silent_after(), answer).await;
        matches!(outcome, Ok(Outcome::Answered(_)))
    }

    fn options(&self) -> Request {
        let address = self.account.address();
        let tag = random_text(TAG_LENGTH);
        let mut headers = vec![
            Header::Via(self.flow.via().into()),
            Header::MaxForwards(70.into()),
            Header::From(format!("{address};tag={tag}").into()),
            Header::To(format!("<sip:{}>", self.account.domain).into()),
            Header::CallId(random_text(CALL_ID_LENGTH).into()),
            Header::CSeq("1 OPTIONS".into()),
            Header::Contact(self.contact.into()),
            Header::Accept(message::SDP.into()),
            Header::UserAgent(self.hub.stack.user_agent.as_str().into()),
        ];
        if let Some(route) = self.route {
            headers.push(Header::Route(route.into()));
        }
        Request {
            method: Method::Options,
            uri: message::verbatim(&format!("sip:{}", self.account.domain)),
            version: Version::V2,
            headers: headers.into(),
            body: Vec::new(),
        }
    }
}

fn beats(every: Duration) -> Interval {
    let mut beats = interval_at(Instant::now() + every, every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats
}

/// Times T1 until an answer to a ping counts as missing: RFC 5626 §4.4.1 has ten seconds.
const PONG: u32 = 20;

/// Unique with certainty enough (RFC 3261 §19.3, §8.1.1.4).
const TAG_LENGTH: usize = 12;
const CALL_ID_LENGTH: usize = 24;
