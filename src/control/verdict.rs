//! What is told of a page that is over: whether it was heard, where, and why not?

use std::time::Instant;

use super::health::seconds;
use super::pages::Record;
use super::{About, Core, Level, Note, PageEnd};
use crate::base::{CallId, ZoneSet};
use crate::page::{Hearing, Outcome, PageId};

/// What has come from whoever speaks for a page, in the order in which it becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Voice {
    /// Not one packet.
    Missing,
    Silent,
    /// More than silence.
    Sounds,
    /// Nobody speaks, or nobody listens to what comes.
    Unknown,
}

impl Voice {
    /// Of one who calls, before the page.
    pub(super) fn of_caller(is_heard: bool) -> Self {
        if is_heard {
            Self::Silent
        } else {
            Self::Missing
        }
    }

    /// Completes "not heard: …".
    fn why_not_heard(self) -> &'static str {
        match self {
            Self::Missing => "the caller sent no sound",
            Self::Silent => "the caller sent only silence",
            Self::Sounds | Self::Unknown => "nothing came out of its zones",
        }
    }
}

impl Core {
    /// That has come from a caller.
    pub(super) fn voice_came(&mut self, id: CallId, voice: Voice) {
        let page = self.calls.get(&id).map(|call| call.page);
        if let Some(record) = page.and_then(|page| self.records.get_mut(&page)) {
            record.voice = record.voice.max(voice);
        }
    }

    /// One line that says what became of the page, where, and how long it was.
    pub(super) fn tell_outcome(
        &mut self,
        page: PageId,
        record: &Record,
        hearing: Hearing,
        now: Instant,
    ) {
        let hearing = self.as_measured(hearing, record);
        let outcome = match (record.verdict, hearing.outcome()) {
            (Some(outcome), _) if !hearing.was_live() => outcome,
            (_, Outcome::Heard) if record.is_cut => Outcome::PartlyHeard,
            (_, outcome) => outcome,
        };
        let n = hearing.zones.len();
        let since = record.live_at.unwrap_or(record.asked_at);
        let span = now.saturating_duration_since(since);
        let lasted = seconds(span);
        let text = match outcome {
            Outcome::Heard => format!(
                "{outcome} in {}, {lasted}",
                self.policy.names(&hearing.zones)
            ),
            Outcome::PartlyHeard if hearing.missed.is_empty() => {
                format!(
                    "{outcome}, cut after {lasted} in {}",
                    self.policy.names(&hearing.zones)
                )
            }
            Outcome::PartlyHeard => format!(
                "{outcome}, in {} of {n} zones, not all the time in {}, {lasted}",
                hearing.reached.len(),
                self.policy.names(&hearing.missed),
            ),
            Outcome::NotHeard => format!("{outcome}: {}, {lasted}", record.voice.why_not_heard()),
            Outcome::Cancelled | Outcome::Expired | Outcome::Refused => {
                let names = self.policy.names(&hearing.zones);
                format!("{outcome} after {lasted}, not heard in {names}")
            }
        };
        let level = match outcome {
            Outcome::Heard | Outcome::Cancelled => Level::Info,
            Outcome::PartlyHeard | Outcome::NotHeard | Outcome::Expired | Outcome::Refused => {
                Level::Warn
            }
        };
        let recorded = self.told_recording(&record.taping);
        let text = format!("{}: {text}{recorded}", record.label);
        let note = Note::new(record.call, level, &text);
        let end = PageEnd {
            page,
            name: record.name.clone(),
            caller: record.caller.clone(),
            zones: hearing.zones,
            missed: if hearing.was_live() {
                hearing.missed
            } else {
                hearing.zones
            },
            outcome,
            span,
            files: self.files_of(&record.taping),
        };
        self.log(Some(note.about(About::Page(end))));
    }

    /// Where nothing was measured, nothing was heard.
    fn as_measured(&self, hearing: Hearing, record: &Record) -> Hearing {
        if !self.is_measured || !hearing.was_live() {
            return hearing;
        }
        // The klaxon alone is no page.
        let measured = match record.voice {
            Voice::Missing | Voice::Silent => ZoneSet::EMPTY,
            Voice::Sounds | Voice::Unknown => record.measured,
        };
        Hearing {
            zones: hearing.zones,
            reached: hearing.reached.intersection(&measured),
            missed: hearing.missed.union(&hearing.zones.difference(&measured)),
        }
    }
}
