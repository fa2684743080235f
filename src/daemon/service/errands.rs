//! How is what users ask for beside pages and calls told, allowed and done?

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::Service;
use super::http::tell;
use crate::api::{Answer, BellChange, News, OfBells, Unknown, Who};
use crate::config::Schedule;
use crate::control::{Change, Demand, Denied, Role};
use crate::daemon::bells::Shown;
use crate::daemon::http::{Errand, name_of};
use crate::page::Priority;

impl Service {
    /// Looks at bells beside the loop, and lets the core decide everything else.
    pub(super) fn asked_of_bells(&mut self, asked: OfBells, answer: oneshot::Sender<Answer>) {
        match asked {
            OfBells::All => self.tell_of_bells(answer, |bells, now| {
                let schedules = bells.schedules(now);
                Answer::Schedules(schedules)
            }),
            OfBells::Days(wanted) => {
                self.tell_of_bells(answer, move |bells, now| match bells.days(&wanted, now) {
                    Ok(days) => Answer::Rings(days),
                    Err(unknown) => Answer::Unknown(unknown),
                });
            }
            OfBells::Ring { who, bell } => {
                let Some(bell) = self.bell(&bell).cloned() else {
                    return tell(answer, Answer::Unknown(self.no_bell(bell)));
                };
                let told = format!("asked for by {}", name_of(&who));
                match self.start_of(&bell, &told) {
                    Ok(start) => self.order(&who, Demand::Page(Box::new(start)), answer, None),
                    Err(_) => tell(answer, Answer::Denied(Denied::Gone, Vec::new())),
                }
            }
            OfBells::Change { who, bell, change } => self.change_bell(&who, bell, change, answer),
        }
    }

    fn tell_of_bells(
        &mut self,
        answer: oneshot::Sender<Answer>,
        told: impl FnOnce(&Shown, Timestamp) -> Answer + Send + 'static,
    ) {
        let bells = self.bells.shown(&self.config, &self.zones);
        spawn_blocking(move || tell(answer, told(&bells, Timestamp::now())));
    }

    fn change_bell(
        &mut self,
        who: &Who,
        name: String,
        change: BellChange,
        answer: oneshot::Sender<Answer>,
    ) {
        let Some(bell) = self.bell(&name) else {
            return tell(answer, Answer::Unknown(self.no_bell(name)));
        };
        if !self.bells.can_be(&name, change, Timestamp::now()) {
            return tell(answer, Answer::Denied(Denied::Gone, Vec::new()));
        }
        let demand = Change {
            who: name_of(who).to_owned(),
            what: format!("schedule {name}"),
            text: in_words(change),
            needs: Role::Operator,
            priority: Priority(bell.priority),
            zones: self.zones.named(&bell.zones),
            music: None,
        };
        let errand = Errand::Bell { bell: name, change };
        self.order(who, Demand::Change(Box::new(demand)), answer, Some(errand));
    }

    /// The core has allowed it.
    pub(super) fn run_errand(&mut self, errand: Errand, answer: oneshot::Sender<Answer>) {
        match errand {
            Errand::Bell { bell, change } => {
                self.bells.change(&bell, change, Timestamp::now());
                // What was due meanwhile rings.
                self.look_at_bells();
                let shown = self.bells.shown(&self.config, &self.zones);
                let schedule = shown.named(&bell, Timestamp::now());
                if let Some(schedule) = schedule {
                    self.http.publish(News::Schedule { schedule });
                }
                tell(answer, Answer::Done);
            }
            Errand::Files(errand) => self.run_file_errand(errand, answer),
            Errand::Test { call, zones, level } => self.test(call, (zones, level), answer),
            Errand::Trace(span) => {
                let told = self.trace_for(span);
                tell(answer, told);
            }
            Errand::Join { call, format, ear } => {
                let joined = self.join(call, format, ear);
                tell(answer, Answer::Joined(joined));
            }
        }
    }

    fn bell(&self, name: &str) -> Option<&Schedule> {
        self.config.bells.iter().find(|bell| bell.name == name)
    }

    fn no_bell(&self, name: String) -> Unknown {
        let known = self.config.bells.iter();
        let known = known.map(|bell| bell.name.clone()).collect();
        Unknown::Schedule { name, known }
    }
}

/// What becomes of a bell.
fn in_words(change: BellChange) -> String {
    let time = |at: Timestamp| {
        at.to_zoned(TimeZone::system())
            .strftime("%F %T")
            .to_string()
    };
    match change {
        BellChange::Enable => "rings".to_owned(),
        BellChange::Disable { until: None } => "does not ring any more".to_owned(),
        BellChange::Disable { until: Some(until) } => {
            format!("does not ring before {}", time(until))
        }
        BellChange::Skip(at) => format!("does not ring at {}", time(at)),
        BellChange::Restore(at) => format!("rings at {} after all", time(at)),
    }
}
