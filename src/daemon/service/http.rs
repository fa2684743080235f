//! How is whoever asks over HTTP answered?

use std::time::Instant;

use tokio::sync::oneshot;

use super::Service;
use crate::api::{Answer, Ask, Line, LiveWanted, Question, Site, Who};
use crate::control::{Demand, Denied, Input, Order, OrderId, Speech};
use crate::daemon::http::{Errand, Lexicon, Sight, name_of, names_of};
use crate::page::PageId;

impl Service {
    /// Looks at once, and lets the core decide everything else.
    pub(super) fn asked(&mut self, ask: Ask, now: Instant) {
        let Ask { question, answer } = ask;
        let (who, demand) = match question {
            Question::Look => {
                let site = self.site(now);
                answer.send(Answer::Site(Box::new(site))).ok();
                return;
            }
            Question::Start { who, wanted } => return self.asked_to_start(who, wanted, answer),
            Question::Speak { who, wanted, line } => {
                return self.asked_to_speak(&who, &wanted, line, answer);
            }
            Question::Stop { who, page } => match self.http.names.page_of(&page) {
                Some(page) => (who, Demand::Stop(page)),
                None => return tell(answer, Answer::Denied(Denied::Gone, Vec::new())),
            },
            Question::HangUp { who, call } => match self.http.names.call_of(&call) {
                Some(call) => (who, Demand::HangUp(call)),
                None => return tell(answer, Answer::Denied(Denied::Gone, Vec::new())),
            },
            Question::Join {
                who,
                call,
                format,
                ear,
            } => return self.asked_to_join(&who, (&call, format), ear, answer),
            Question::Drive { who, what } => match self.steer(what) {
                Ok(demand) => (who, demand),
                Err(reply) => return tell(answer, *reply),
            },
            Question::Test { who, wanted } => {
                return self.asked_to_test(&who, &wanted, answer);
            }
            Question::Trace(asked) => return self.asked_of_trace(asked, answer),
            Question::Bells(asked) => return self.asked_of_bells(asked, answer),
            Question::Music(asked) => return self.asked_of_music(asked, answer),
            Question::Recordings(asked) => return self.asked_of_recordings(asked, answer),
            Question::Sounds(asked) => return self.asked_of_sounds(asked, answer),
        };
        self.order(&who, demand, answer, None);
    }

    /// Lets the core decide; then the errand is run, if there is one, and the answer given.
    pub(super) fn order(
        &mut self,
        who: &Who,
        what: Demand,
        answer: oneshot::Sender<Answer>,
        errand: Option<Errand>,
    ) {
        let by = self.lexicon().rights(who);
        let id = self.http.expect(answer, errand);
        if let Some(call) = what.call() {
            self.http.expect_call(id, call);
        }
        self.inputs.push_back(Input::Order(Order { id, by, what }));
    }

    fn asked_to_speak(
        &mut self,
        who: &Who,
        wanted: &LiveWanted,
        line: Line,
        answer: oneshot::Sender<Answer>,
    ) {
        let rule = match self.lexicon().speech(who, wanted) {
            Ok(rule) => rule,
            Err(unknown) => return tell(answer, Answer::Unknown(unknown)),
        };
        let (call, by) = (self.endpoint.new_call(), self.lexicon().rights(who));
        let id = self.http.expect(answer, None);
        if let Err(why) = self.microphones.begin(call, id, line, self.net_tx.clone()) {
            tracing::error!("nobody speaks over HTTP: no thread: {why}");
            return self.http.decided(id, Err(Denied::TooMany), Vec::new());
        }
        let speaker = name_of(who).to_owned();
        let speech = Speech {
            call,
            speaker,
            rule,
        };
        let what = Demand::Speak(Box::new(speech));
        self.inputs.push_back(Input::Order(Order { id, by, what }));
    }

    /// The core has decided what was asked for.
    pub(super) fn ordered(&mut self, id: OrderId, answer: Result<Option<PageId>, Denied>) {
        if answer.is_ok()
            && let Some((errand, told)) = self.http.errand(id)
        {
            return self.run_errand(errand, told);
        }
        let zones = match &answer {
            Err(Denied::Zones(strange)) => names_of(strange, &self.zones),
            Ok(_) | Err(_) => Vec::new(),
        };
        if answer.is_err() {
            self.microphones.refused(id);
        }
        self.http.decided(id, answer, zones);
    }

    /// Tells subscribers and those who gave orders, once everything is settled.
    pub(super) fn tell_http(&mut self, now: Instant) {
        if !self.http.is_on() {
            return;
        }
        if self.http.wants_levels(now) {
            let meters = self.ears.meters(self.zones.all(), self.console.vitals());
            self.http.take_levels(meters, now);
        }
        if std::mem::take(&mut self.http.is_stale) {
            let site = self.site(now);
            self.http.tell(site);
        }
        self.tell_music();
    }

    fn site(&mut self, now: Instant) -> Site {
        let sight = Sight {
            snapshot: &self.core.snapshot(),
            zones: &self.zones,
            unheard: &self.unheard,
            is_unheard: self.is_unheard,
            vitals: self.console.vitals(),
            door: &self.door,
            counts: self.endpoint.counts(),
        };
        self.http.look(&sight, now)
    }

    pub(super) fn lexicon(&self) -> Lexicon<'_> {
        Lexicon {
            config: &self.config,
            zones: &self.zones,
            stock: &self.stock,
            klaxon: self.klaxon.as_ref().map(|pcm| pcm.duration()),
            gain: self.config.audio.volume_klaxon.level(),
        }
    }
}

/// Whoever has gone away meanwhile does not hear it.
pub(super) fn tell(to: oneshot::Sender<Answer>, answer: Answer) {
    to.send(answer).ok();
}
