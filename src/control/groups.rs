//! How does a voice that rings nowhere become a page, and can multicast groups be reached?

use std::time::Instant;

use super::call::Call;
use super::health::Health;
use super::pages::Record;
use super::{Core, Effect, Note, Part, Policy, Rule, Who};
use crate::base::CallId;
use crate::page::{Choice, PageId};

/// Whether somebody calls, speaks to a group without asking anybody, or was given a page to speak
/// into, which is by a rule of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Call,
    Stream,
    Speech(Box<Rule>),
}

impl Kind {
    /// How a note begins.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Stream => "stream",
            Self::Speech(_) => "microphone",
        }
    }

    /// What we do when we have enough.
    pub(super) fn parted(&self) -> &'static str {
        match self {
            Self::Call => "hung up",
            Self::Stream | Self::Speech(_) => "not heard any more",
        }
    }
}

impl Policy {
    /// The rule for what comes by a group.
    pub(super) fn stream(&self, group: &str) -> Option<&Rule> {
        self.streams.iter().find(|rule| rule.name == group)
    }

    /// The rule that holds for somebody who waits.
    pub(super) fn rule_of<'a>(&'a self, call: &'a Call) -> Result<Option<&'a Rule>, Choice> {
        match &call.kind {
            Kind::Call => self.rule(&call.wish),
            Kind::Stream => self
                .stream(&call.who.dialled)
                .map(Some)
                .ok_or(Choice::Unknown),
            Kind::Speech(rule) => Ok(Some(rule)),
        }
    }
}

impl Core {
    /// Somebody speaks to a group: as one who calls and is answered already.
    pub(super) fn stream_began(
        &mut self,
        id: CallId,
        group: String,
        speaker: String,
        now: Instant,
    ) {
        if self.calls.contains_key(&id) {
            return;
        }
        let rule = self.policy.stream(&group).filter(|_| !self.stopping);
        let Some(rule) = rule.cloned() else {
            let why = "nobody is to hear it".to_owned();
            return self.effects.push_back(Effect::HangUp { call: id, why });
        };
        let who = Who {
            caller: speaker,
            dialled: group,
        };
        self.speak(id, who, Kind::Stream, &rule, now);
    }

    /// Asks for the page of somebody who speaks already.
    pub(super) fn speak(
        &mut self,
        id: CallId,
        who: Who,
        kind: Kind,
        rule: &Rule,
        now: Instant,
    ) -> PageId {
        let page = self.next_page();
        let call = Call::new(who, page, now).speaking(kind, now);
        let record = Record::of_call(id, &call, Some(rule), now);
        let ask = self.policy.ask(Some(rule), &call, now);
        self.calls.insert(id, call);
        self.records.insert(page, record);
        self.pages.handle_ask(page, ask, now);
        page
    }
}

impl Health {
    /// A note if this is news.
    pub(super) fn group_changed(
        &mut self,
        name: String,
        ok: bool,
        text: String,
        now: Instant,
    ) -> Option<Note> {
        let group = Part::news(self.groups.get(&name), ok, &text, now)?;
        let note = group.note(&name);
        self.groups.insert(name, group);
        Some(note)
    }
}
