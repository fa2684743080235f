//! What does a page ask its caller by tones, and may it go on?
//!
//! ```text
//!  Answering ── Answer, ACK ─► Entering a PIN ─► Judging ─► Entering a code ─► the page is asked
//!                                 ▲                │ wrong       ▲    │ wrong
//!                                 └────────────────┤             └────┤
//!                                                  └── three times ───┴──► Farewell ─► hung up
//! ```
//!
//! Until then there is no page: nobody waits for the zones of somebody who may not have them.

use std::time::{Duration, Instant};

use super::call::{Call, Stage, Then, after};
use super::digits::Digits;
use super::lockout::{FIRST_LOCK, Who};
use super::{Asked, Core, Cue, Effect, Level, Note, Refusal, Rule};
use crate::base::{CallId, ZoneSet};
use crate::page::PageId;

/// What a caller has entered so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    typed: Digits,
    n_wrong: u32,
    is_known: bool,
    /// By the code.
    pub(super) zones: Option<ZoneSet>,
}

impl Rule {
    pub(super) fn asks(&self) -> bool {
        self.pin.is_some() || !self.codes.is_empty()
    }
}

/// How somebody comes to the keys.
impl Core {
    /// Why a caller of a page with a PIN is not let in now.
    pub(super) fn shut_out(
        &self,
        rule: &Rule,
        call: &Call,
        now: Instant,
    ) -> Option<(Refusal, &'static str)> {
        rule.pin?;
        let who = who(rule, call);
        if self.lockouts.is_locked(&who, now) {
            return Some((Refusal::Forbidden, "too many wrong PINs came from there"));
        }
        let is_same = |other: &Call| {
            let other = self.policy.rule(&other.wish).ok().flatten();
            other.is_some_and(|it| it.name == rule.name)
        };
        let trying = self.calls.values().filter(|it| it.is_asked(Asked::Pin));
        let n_trying = trying.filter(|it| is_same(it)).count();
        let is_full = !rule.priority.is_emergency() && self.lockouts.is_full(&who, n_trying, now);
        is_full.then_some((Refusal::Busy, "many wrong PINs come, and others try now"))
    }

    /// A call that is to be answered before it is known where it is for.
    pub(super) fn gate_called(&mut self, id: CallId, mut call: Call, now: Instant) {
        let answer_at = match self.is_urgent(&call) {
            true => now,
            false => after(now, self.policy.answer_delay),
        };
        let then = Then::Entry;
        call.enter(Stage::Answering { answer_at, then }, now);
        self.calls.insert(id, call);
    }

    /// Whether the call's number is one of an emergency.
    pub(super) fn is_urgent(&self, call: &Call) -> bool {
        let rule = self.policy.rule_of(call).ok().flatten();
        rule.is_some_and(|it| it.priority.is_emergency())
    }

    /// The caller hears us from now on: the first tone is not lost.
    pub(super) fn gate_confirmed(&mut self, id: CallId, now: Instant) {
        let call = self.calls.get(&id);
        // Who types already has not waited for it.
        let is_waiting = call.filter(|call| call.entry.typed.is_empty());
        if let Some(Stage::Entering { what, .. }) = is_waiting.map(|call| call.stage) {
            self.ask(id, what, now);
        }
    }

    /// New rules: what they do not ask any more is not waited for.
    pub(super) fn gates_revised(&mut self, now: Instant) {
        let asked = |(id, call): (&CallId, &Call)| match call.stage {
            Stage::Entering { what, .. } | Stage::Judging { what, .. } => Some((*id, what)),
            Stage::Queued
            | Stage::Klaxon
            | Stage::Answering { .. }
            | Stage::Dictating
            | Stage::Live
            | Stage::Greeting { .. }
            | Stage::Farewell { .. } => None,
        };
        let asked: Vec<_> = self.calls.iter().filter_map(asked).collect();
        for (id, what) in asked {
            if self.next_question(id) != Ok(Some(what)) {
                self.ask_on(id, now);
            }
        }
    }
}

/// What the keys do.
impl Core {
    pub(super) fn key_entered(&mut self, id: CallId, key: char, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Stage::Entering { what, end, .. } = call.stage else {
            return;
        };
        let is_done = match key {
            '*' => {
                call.entry.typed = Digits::default();
                false
            }
            '#' => !call.entry.typed.is_empty(),
            digit => call.entry.typed.push(digit) && self.is_whole(id, what),
        };
        if is_done {
            return self.judge_after_pause(id, what, now);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            let until = (now + KEY_PATIENCE).min(end);
            call.stage = Stage::Entering { what, until, end };
        }
    }

    /// Whether nothing that could follow would change the verdict.
    fn is_whole(&self, id: CallId, what: Asked) -> bool {
        let call = &self.calls[&id];
        let typed = &call.entry.typed;
        let Ok(Some(rule)) = self.policy.rule(&call.wish) else {
            return true;
        };
        match what {
            Asked::Pin => rule.pin.is_none_or(|pin| typed.len() >= pin.len()),
            Asked::Zones => {
                let goes_on = |(code, _): &&(Digits, ZoneSet)| typed.begin(code);
                let mut open = rule.codes.iter().filter(goes_on);
                open.all(|(code, _)| typed.is_same(code))
            }
        }
    }

    /// Who guesses must not learn sooner that it was wrong than others that it was right.
    fn judge_after_pause(&mut self, id: CallId, what: Asked, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let rule = self.policy.rule(&call.wish).ok().flatten();
        let pause = match (what, rule) {
            (Asked::Pin, Some(rule)) => self.lockouts.pause(&rule.name, now),
            (Asked::Pin | Asked::Zones, _) => Duration::ZERO,
        };
        if let Some(call) = self.calls.get_mut(&id) {
            let at = now + pause;
            call.enter(Stage::Judging { what, at }, now);
        }
    }

    /// The verdict on what was entered.
    pub(super) fn judge_entry(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Stage::Judging { what, .. } = call.stage else {
            return;
        };
        let typed = std::mem::take(&mut call.entry.typed);
        match what {
            Asked::Pin => self.judge_pin(id, typed, now),
            Asked::Zones => self.judge_code(id, typed, now),
        }
    }

    fn judge_pin(&mut self, id: CallId, typed: Digits, now: Instant) {
        let call = &self.calls[&id];
        let Ok(Some(rule)) = self.policy.rule(&call.wish) else {
            return self.ask_on(id, now);
        };
        let Some(pin) = rule.pin else {
            return self.ask_on(id, now);
        };
        let (who, name) = (who(rule, call), rule.name.clone());
        let is_right = typed.is_same(&pin);
        let is_locked = self.lockouts.is_locked(&who, now);
        if is_right && !is_locked {
            self.lockouts.right(&who);
            if let Some(call) = self.calls.get_mut(&id) {
                call.entry.is_known = true;
                call.entry.n_wrong = 0;
            }
            return self.ask_on(id, now);
        }
        if is_locked {
            return self.part(id, "too many wrong PINs", now);
        }
        if let Some(span) = self.lockouts.wrong(&who, now) {
            let text = format!(
                "page \"{name}\": {FIRST_LOCK} or more wrong PINs in a row from {}, which is not \
                 listened to for {} min",
                who.1,
                span.as_secs() / 60
            );
            self.log(Some(Note::new(Some(id), Level::Warn, &text)));
            return self.part(id, "too many wrong PINs", now);
        }
        self.wrong(id, Asked::Pin, now);
    }

    fn judge_code(&mut self, id: CallId, typed: Digits, now: Instant) {
        let call = &self.calls[&id];
        let rule = self.policy.rule(&call.wish).ok().flatten();
        let mut codes = rule.iter().flat_map(|rule| &rule.codes);
        let found = codes.find(|(code, _)| typed.is_same(code));
        let Some((_, zones)) = found else {
            return self.wrong(id, Asked::Zones, now);
        };
        let (zones, names) = (*zones, self.policy.names(zones));
        if let Some(call) = self.calls.get_mut(&id) {
            call.entry.zones = Some(zones);
        }
        self.note_call(id, Level::Info, &format!("has chosen {names}"));
        self.ask_on(id, now);
    }

    fn wrong(&mut self, id: CallId, what: Asked, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.entry.n_wrong += 1;
        let is_last = call.entry.n_wrong >= MOST_TRIES;
        self.note_call(
            id,
            Level::Info,
            match what {
                Asked::Pin => "a wrong PIN",
                Asked::Zones => "no such code of zones",
            },
        );
        if is_last {
            return self.part(
                id,
                match what {
                    Asked::Pin => "three wrong PINs",
                    Asked::Zones => "three wrong codes of zones",
                },
                now,
            );
        }
        self.enter(id, what, now);
        self.effects.push_back(Effect::Tell {
            call: id,
            cue: Cue::Wrong,
        });
    }

    /// Lets the caller hear that it was wrong, and hangs up.
    fn part(&mut self, id: CallId, why: &'static str, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let (until, level) = (now + LAST_TONE, Level::Warn);
        call.enter(Stage::Farewell { until, why, level }, now);
        self.effects.push_back(Effect::Tell {
            call: id,
            cue: Cue::Wrong,
        });
    }
}

/// What is asked next.
impl Core {
    /// Asks the next thing, or for the page itself when nothing is left.
    pub(super) fn ask_on(&mut self, id: CallId, now: Instant) {
        match self.next_question(id) {
            Err(reason) => self.turn_away(id, Refusal::NoSuchNumber, reason, now),
            Ok(Some(what)) => {
                self.enter(id, what, now);
                let is_there = |call: &Call| call.answered.is_some_and(|it| it.confirmed);
                if self.calls.get(&id).is_some_and(is_there) {
                    self.ask(id, what, now);
                }
            }
            Ok(None) => {
                self.effects.push_back(Effect::Tell {
                    call: id,
                    cue: Cue::Accepted,
                });
                if let Some(call) = self.calls.get_mut(&id) {
                    call.enter(Stage::Queued, now);
                    call.arrived_at = now;
                }
                self.ask_for_page(id, now);
            }
        }
    }

    fn next_question(&self, id: CallId) -> Result<Option<Asked>, &'static str> {
        let call = &self.calls[&id];
        let rule = self
            .policy
            .rule(&call.wish)
            .map_err(|_| "its page is gone")?;
        let Some(rule) = rule else {
            return Ok(None);
        };
        if rule.pin.is_some() && !call.entry.is_known {
            return Ok(Some(Asked::Pin));
        }
        let has_chosen = rule.codes.is_empty() || call.entry.zones.is_some();
        Ok((!has_chosen).then_some(Asked::Zones))
    }

    fn enter(&mut self, id: CallId, what: Asked, now: Instant) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.entry.typed = Digits::default();
            let (until, end) = (now + FIRST_PATIENCE, now + WHOLE_PATIENCE);
            call.enter(Stage::Entering { what, until, end }, now);
        }
    }

    fn ask(&mut self, id: CallId, what: Asked, now: Instant) {
        self.enter(id, what, now);
        let cue = Cue::Enter { what };
        self.effects.push_back(Effect::Tell { call: id, cue });
    }

    pub(super) fn entry_too_late(&mut self, id: CallId, now: Instant) {
        let stage = self.calls.get(&id).map(|call| call.stage);
        let why = match stage {
            Some(Stage::Entering {
                what: Asked::Zones, ..
            }) => "no zones were chosen in time",
            _ => "no PIN was entered in time",
        };
        self.hang_up(id, why, Level::Warn, now);
    }
}

/// How pages are ended by a number.
impl Core {
    /// Ends the pages that the call's number ends, at once, and says which.
    pub(super) fn stop_pages(&mut self, id: CallId, now: Instant) {
        let call = &self.calls[&id];
        let Ok(Some(rule)) = self.policy.rule(&call.wish) else {
            return;
        };
        let Some(stops) = &rule.stops else {
            return;
        };
        let (label, rank) = (call.label(id), rule.priority);
        let records = self.records.iter();
        let ended = records.filter(|(_, it)| stops.end(&it.name, it.priority, rank));
        let ended: Vec<(PageId, String)> =
            ended.map(|(page, it)| (*page, it.label.clone())).collect();
        if ended.is_empty() {
            return self.note_call(id, Level::Info, "nothing was there to be ended");
        }
        for (page, name) in ended {
            self.note_call(id, Level::Info, &format!("ends {name}"));
            self.end_page(page, &format!("ended by {label}"), now);
        }
        self.follow_pages(now);
    }

    fn note_call(&mut self, id: CallId, level: Level, text: &str) {
        let label = self.calls.get(&id).map(|call| call.label(id));
        self.log(label.map(|label| Note::new(Some(id), level, &format!("{label}: {text}"))));
    }
}

/// Who counts for lock-outs.
fn who(rule: &Rule, call: &Call) -> Who {
    (rule.name.clone(), call.wish.origin.clone())
}

/// As at cash machines.
const MOST_TRIES: u32 = 3;
/// From the tone to the first key: a person looks for the PIN.
const FIRST_PATIENCE: Duration = Duration::from_secs(15);
/// From key to key.
const KEY_PATIENCE: Duration = Duration::from_secs(8);
/// However the keys come.
const WHOLE_PATIENCE: Duration = Duration::from_secs(60);
/// Until who has entered wrong digits is hung up on.
const LAST_TONE: Duration = Duration::from_secs(1);
