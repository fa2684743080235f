//! Are SIP messages written down, by whose wish, and until when?

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Service;
use super::http::tell;
use crate::api::{Answer, OfTrace, Trace, Who};
use crate::base::ZoneSet;
use crate::control::{Change, Demand, Role};
use crate::daemon::http::{Errand, name_of};
use crate::daemon::settings;
use crate::page::Priority;

/// What becomes of SIP messages.
#[derive(Debug)]
pub(super) struct Tracing {
    /// Each is written down.
    is_on: bool,
    /// When that ends; never if the configuration wants it.
    until: Option<Instant>,
}

impl Tracing {
    /// As the configuration has it.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, until: None }
    }
}

impl Service {
    /// Has SIP messages written down from now on, or not; tells why not.
    pub(super) fn trace(&mut self, wanted: bool) -> Option<String> {
        let file = settings::trace_file(&self.config);
        let path = wanted.then_some(file.as_path());
        self.tracing = Tracing::new(wanted);
        match self.endpoint.set_trace(path) {
            Ok(()) if wanted => {
                tracing::info!("sip: every message is written to {}", file.display());
                None
            }
            Ok(()) => {
                tracing::info!("sip: messages are not written down any more");
                None
            }
            Err(why) => {
                self.tracing.is_on = false;
                tracing::error!("{why}");
                Some(why.to_string())
            }
        }
    }

    /// As it was not, whatever the configuration says.
    pub(super) fn turn_trace(&mut self) {
        self.trace(!self.tracing.is_on);
    }

    /// Ends what was wanted for a while only.
    pub(super) fn look_at_trace(&mut self, now: Instant) {
        if self.tracing.until.is_some_and(|until| until <= now) {
            self.trace(false);
        }
    }

    /// Looks at once; the core says who may turn it.
    pub(super) fn asked_of_trace(&mut self, asked: OfTrace, answer: oneshot::Sender<Answer>) {
        match asked {
            OfTrace::Look => tell(answer, Answer::Trace(self.trace_now())),
            OfTrace::Turn { who, span } => self.order_trace(&who, span, answer),
        }
    }

    fn order_trace(&mut self, who: &Who, span: Option<Duration>, answer: oneshot::Sender<Answer>) {
        let text = match span {
            Some(span) => format!("on for {} min", span.as_secs_f64() / 60.0),
            None => "off".to_owned(),
        };
        let change = Change {
            who: name_of(who).to_owned(),
            what: "sip trace".to_owned(),
            text,
            needs: Role::Admin,
            priority: Priority::LOWEST,
            zones: ZoneSet::EMPTY,
            music: None,
        };
        let demand = Demand::Change(Box::new(change));
        self.order(who, demand, answer, Some(Errand::Trace(span)));
    }

    /// The core has allowed it. What is on goes on in the same file.
    pub(super) fn trace_for(&mut self, span: Option<Duration>) -> Answer {
        let failure = match span.is_some() == self.tracing.is_on {
            true => None,
            false => self.trace(span.is_some()),
        };
        if let Some(why) = failure {
            return Answer::Untraced(why);
        }
        let ends = span.filter(|_| !self.config.sip.trace);
        self.tracing.until = ends.map(|span| Instant::now() + span);
        Answer::Trace(self.trace_now())
    }

    fn trace_now(&self) -> Trace {
        let until = self.tracing.until;
        Trace {
            on: self.tracing.is_on,
            file: settings::trace_file(&self.config).display().to_string(),
            until: until.map(|at| self.http.names.time(at)),
            size_bytes: None,
            dropped: self.endpoint.counts().untraced,
        }
    }
}
