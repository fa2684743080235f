//! How does somebody at a microphone, who is no caller, get a page to speak into?

use std::time::{Duration, Instant};

use super::groups::Kind;
use super::rights::{Denied, Rights};
use super::{Alert, Core, Cues, Policy, Rule, Who};
use crate::base::CallId;
use crate::page::PageId;

/// A page that is to be spoken; ends as a call does.
#[derive(Clone, Debug, PartialEq)]
pub struct Speech {
    /// The voice, known as that of a call is; never given before.
    pub call: CallId,
    /// As log lines name who speaks.
    pub speaker: String,
    /// How the page is; what asks callers for something, or speaks for them, is passed over.
    pub rule: Rule,
}

impl Core {
    pub(super) fn order_speech(
        &mut self,
        speech: Speech,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        let Speech {
            call,
            speaker,
            rule,
        } = speech;
        by.allow(rule.priority, &rule.zones)?;
        self.has_room(rule.priority)?;
        let is_speech = |kind: &Kind| matches!(kind, Kind::Speech(_));
        let n = self.calls.values().filter(|it| is_speech(&it.kind)).count();
        if n >= MOST_SPEAKERS && !rule.priority.is_emergency() {
            return Err(Denied::TooMany);
        }
        if self.calls.contains_key(&call) {
            return Err(Denied::Gone);
        }
        let rule = self.policy.spoken(rule);
        let who = Who {
            caller: speaker,
            dialled: self.policy.names(&rule.zones),
        };
        let kind = Kind::Speech(Box::new(rule.clone()));
        let page = self.speak(call, who, kind, &rule, now);
        self.follow_pages(now);
        if !self.records.contains_key(&page) {
            return Err(Denied::Busy);
        }
        Ok(Some(page))
    }
}

impl Policy {
    /// The rule as it is for who speaks at once, and is told by signs how things stand. No page
    /// but an emergency lasts longer than a call may.
    fn spoken(&self, rule: Rule) -> Rule {
        let usual = self.hang_up_after.filter(|_| !rule.priority.is_emergency());
        let max_duration = rule.max_duration.or(usual);
        let warning = Alert {
            before: WARNING,
            clip: None,
        };
        let is_long = max_duration.is_some_and(|span| span > WARNING * 2);
        Rule {
            max_duration,
            warning: rule.warning.or(is_long.then_some(warning)),
            cues: Cues::Told,
            message: None,
            delayed: None,
            greeting: None,
            pin: None,
            codes: Vec::new(),
            stops: None,
            ..rule
        }
    }
}

/// Each has a thread of its own; more people than that do not page at the same time.
const MOST_SPEAKERS: usize = 32;

/// Long enough to end a sentence.
const WARNING: Duration = Duration::from_secs(10);
