//! How does a caller leave words that are played when their zones are free?
//!
//! ```text
//!  ACK ─► beep ─► Speaking ── # or time up ─► Preparing ─► Hearing ──► Deciding ── # ─► sent
//!           ▲      │ *                           │           │ # sends    │ *, nobody decides
//!           │      ▼                             │           │ *          ▼
//!           │   cancelled                        │           │         cancelled
//!           └─────────────────── nothing said ───┴───────────┘  (* speaks again)
//! ```
//!
//! Whoever hangs up before `#` has sent it has cancelled it. What was sent is a page like any
//! other: it waits for its zones, and the call is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::call::{Call, Stage, Then, after};
use super::health::seconds;
use super::pages::Record;
use super::{Clip, Core, Cue, Effect, Level, Refusal, Rule, Sound};
use crate::base::CallId;
use crate::page::{Hearing, PageId};

/// Those who speak, and what has been spoken or made for a page.
#[derive(Debug, Default)]
pub(super) struct Dictations {
    of_calls: BTreeMap<CallId, Dictation>,
    /// Of pages that are not over.
    sent: BTreeMap<PageId, Clip>,
}

#[derive(Debug)]
struct Dictation {
    rule: Rule,
    /// How long it may be.
    longest: Duration,
    step: Step,
    /// When time alone brings the next step.
    due_at: Option<Instant>,
    n_takes: u32,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Is not there yet.
    Waiting,
    Speaking {
        until: Instant,
    },
    /// The sound is being made ready.
    Preparing,
    Hearing(Clip),
    /// Has heard it, and was asked so often what is to be done.
    Deciding(Clip, u32),
}

impl Dictation {
    fn clip(&self) -> Option<Clip> {
        match self.step {
            Step::Waiting | Step::Speaking { .. } | Step::Preparing => None,
            Step::Hearing(clip) | Step::Deciding(clip, _) => Some(clip),
        }
    }
}

impl Dictations {
    /// When the next step is due.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let due = self.of_calls.values().filter_map(|it| it.due_at).min();
        due.map(|at| (at, "somebody speaks a delayed page"))
    }

    fn due(&self, now: Instant) -> Option<CallId> {
        let is_due = |it: &Dictation| it.due_at.is_some_and(|at| at <= now);
        let mut all = self.of_calls.iter();
        all.find(|(_, it)| is_due(it)).map(|(id, _)| *id)
    }

    /// How much is or may come to be in memory.
    fn held(&self) -> Duration {
        let longest = self.of_calls.values().map(|it| it.longest);
        longest
            .chain(self.sent.values().map(|it| it.duration))
            .sum()
    }
}

/// What a caller does.
impl Core {
    /// A call for a page that is spoken first: it is answered without waiting for any zone.
    pub(super) fn dictation_called(&mut self, id: CallId, now: Instant) {
        let rule = self.policy.rule(&self.calls[&id].wish).ok().flatten();
        let Some((rule, delayed)) = rule.and_then(|rule| Some((rule.clone(), rule.delayed?)))
        else {
            return;
        };
        if self.dictations.held() + delayed.longest > MOST_HELD {
            let reason = "too many delayed pages are in memory";
            return self.turn_away(id, Refusal::Busy, reason, now);
        }
        let is_emergency = rule.priority.is_emergency();
        let dictation = Dictation {
            rule,
            longest: delayed.longest,
            step: Step::Waiting,
            due_at: None,
            n_takes: 0,
        };
        let delay = self.policy.answer_delay;
        let answer_at = if is_emergency { now } else { after(now, delay) };
        let then = Then::Dictation;
        self.dictations.of_calls.insert(id, dictation);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Some(answered) = &mut call.answered else {
            return call.enter(Stage::Answering { answer_at, then }, now);
        };
        // It has entered a PIN or a code. A dictation has limits of its own.
        answered.hang_up_at = None;
        let is_there = answered.confirmed;
        call.enter(Stage::Dictating, now);
        if is_there {
            self.take_down(id, now);
        }
    }

    /// The caller is there, and is asked to speak.
    pub(super) fn dictation_confirmed(&mut self, id: CallId, now: Instant) {
        let steps = self.dictations.of_calls.get(&id).map(|it| it.step);
        if let Some(Step::Waiting) = steps {
            self.take_down(id, now);
        }
    }

    /// A key of somebody who may be speaking a delayed page.
    pub(super) fn dictation_key(&mut self, id: CallId, key: char, now: Instant) {
        let Some(step) = self.dictations.of_calls.get(&id).map(|it| it.step) else {
            return;
        };
        match (step, key) {
            (Step::Speaking { .. }, '#') => self.prepare(id, now),
            (Step::Speaking { .. }, '*') => self.drop_dictation(id, "cancelled by *", now),
            (Step::Hearing(clip) | Step::Deciding(clip, _), '#') => self.send(id, clip, now),
            (Step::Hearing(clip) | Step::Deciding(clip, _), '*') => {
                self.forget(clip);
                self.take_down(id, now);
            }
            (Step::Waiting | Step::Preparing | Step::Speaking { .. }, _)
            | (Step::Hearing(_) | Step::Deciding(..), _) => {}
        }
    }

    /// The words of a caller are ready to be heard; there may be none.
    pub(super) fn dictated(&mut self, id: CallId, clip: Option<Clip>, now: Instant) {
        let dictation = self.dictations.of_calls.get_mut(&id);
        let Some(dictation) = dictation.filter(|it| matches!(it.step, Step::Preparing)) else {
            clip.into_iter().for_each(|clip| self.forget(clip));
            return;
        };
        let Some(clip) = clip else {
            self.note_of(id, "said nothing");
            return self.take_down(id, now);
        };
        dictation.step = Step::Hearing(clip);
        dictation.due_at = Some(after(now, clip.duration + LATE));
        self.note_of(id, &format!("hears back its {}", seconds(clip.duration)));
        let sound = clip.sound;
        self.effects.push_back(Effect::PlayBack { call: id, sound });
    }

    /// The caller has heard to its end what was played to it.
    pub(super) fn dictation_heard(&mut self, id: CallId, now: Instant) {
        let step = self.dictations.of_calls.get(&id).map(|it| it.step);
        if let Some(Step::Hearing(clip)) = step {
            self.ask_what_next(id, clip, 0, now);
        }
    }

    /// The call is over; what was not sent is gone.
    pub(super) fn dictation_ended(&mut self, id: CallId, call: &Call, now: Instant) {
        let Some(dictation) = self.dictations.of_calls.remove(&id) else {
            return;
        };
        dictation
            .clip()
            .into_iter()
            .for_each(|clip| self.forget(clip));
        let mut record = Record::of_call(id, call, Some(&dictation.rule), now);
        record.is_asked_at(call.arrived_at);
        let hearing = Hearing {
            zones: call.entry.zones.unwrap_or(dictation.rule.zones),
            ..Hearing::default()
        };
        self.tell_outcome(call.page, &record, hearing, now);
    }
}

/// What time brings, and what follows.
impl Core {
    pub(super) fn run_dictations(&mut self, now: Instant) {
        while let Some(id) = self.dictations.due(now) {
            let Some(dictation) = self.dictations.of_calls.get_mut(&id) else {
                return;
            };
            dictation.due_at = None;
            match dictation.step {
                Step::Speaking { until } if until > now => {
                    dictation.due_at = Some(until);
                    self.say(id, Cue::NearlyOver);
                }
                Step::Speaking { .. } => {
                    self.note_of(id, "has spoken for as long as it may");
                    self.prepare(id, now);
                }
                Step::Hearing(clip) => self.ask_what_next(id, clip, 0, now),
                Step::Deciding(_, n) if n >= MOST_ASKED => {
                    self.drop_dictation(id, "nobody decided about it", now);
                }
                Step::Deciding(clip, n) => self.ask_what_next(id, clip, n, now),
                Step::Preparing => self.drop_dictation(id, "its sound did not come", now),
                Step::Waiting => {}
            }
        }
    }

    /// Whether one more sound that is nobody else's may be in memory.
    pub(super) fn has_room_for(&self, clip: Clip) -> bool {
        self.dictations.held() + clip.duration <= MOST_HELD
    }

    /// The sound goes with the page, which is not over.
    pub(super) fn hold(&mut self, page: PageId, clip: Clip) {
        self.dictations.sent.insert(page, clip);
    }

    /// What is not played any more needs no memory.
    pub(super) fn forget_sent(&mut self, page: PageId) {
        if let Some(clip) = self.dictations.sent.remove(&page) {
            self.forget(clip);
        }
    }

    /// Beeps, and takes down what follows.
    fn take_down(&mut self, id: CallId, now: Instant) {
        let Some(dictation) = self.dictations.of_calls.get_mut(&id) else {
            return;
        };
        dictation.n_takes += 1;
        if dictation.n_takes > MOST_TAKES {
            return self.drop_dictation(id, "tried too often", now);
        }
        let longest = dictation.longest;
        let until = after(now, longest + BEEP);
        dictation.step = Step::Speaking { until };
        let warning = dictation.rule.delayed.and_then(|it| it.warning);
        dictation.due_at = Some(warning.map_or(until, |before| until - before.min(longest)));
        self.note_of(id, "speaks");
        self.say(id, Cue::SpeakNow);
        self.effects.push_back(Effect::TakeDown {
            call: id,
            after: BEEP,
            longest,
        });
    }

    fn prepare(&mut self, id: CallId, now: Instant) {
        if let Some(dictation) = self.dictations.of_calls.get_mut(&id) {
            dictation.step = Step::Preparing;
            dictation.due_at = Some(now + PREPARATION);
            self.effects.push_back(Effect::Dictated { call: id });
        }
    }

    fn ask_what_next(&mut self, id: CallId, clip: Clip, n_asked: u32, now: Instant) {
        if let Some(dictation) = self.dictations.of_calls.get_mut(&id) {
            dictation.step = Step::Deciding(clip, n_asked + 1);
            dictation.due_at = Some(now + DECISION);
            self.say(id, Cue::Decide);
        }
    }

    /// Now it is a page; whoever spoke it is told so, and hung up on.
    fn send(&mut self, id: CallId, clip: Clip, now: Instant) {
        let Some(dictation) = self.dictations.of_calls.remove(&id) else {
            return;
        };
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let times = dictation.rule.delayed.map_or(1, |it| it.times);
        let rule = Rule {
            message: Some((clip, times)),
            max_duration: None,
            ..dictation.rule
        };
        let page = call.page;
        let record = Record::of_call(id, call, Some(&rule), now).alone();
        let ask = self.policy.ask(Some(&rule), call, now);
        self.note_of(id, &format!("sent its {}", seconds(clip.duration)));
        self.dictations.sent.insert(page, clip);
        self.records.insert(page, record);
        self.pages.handle_ask(page, ask, now);
        self.follow_pages(now);
        // Refused at once, or on its way.
        let is_there = self.records.contains_key(&page);
        let cue = if is_there {
            Cue::Accepted
        } else {
            Cue::Cancelled
        };
        self.say_farewell(id, cue, now);
    }

    fn drop_dictation(&mut self, id: CallId, why: &str, now: Instant) {
        self.note_of(id, why);
        if let Some(call) = self.calls.remove(&id) {
            self.dictation_ended(id, &call, now);
            self.calls.insert(id, call);
            self.say_farewell(id, Cue::Cancelled, now);
        }
    }

    pub(super) fn forget(&mut self, clip: Clip) {
        if let Sound::Stored(sound) = clip.sound {
            self.effects.push_back(Effect::Forget { sound });
        }
    }

    fn say(&mut self, call: CallId, cue: Cue) {
        self.effects.push_back(Effect::Tell { call, cue });
    }

    fn note_of(&mut self, id: CallId, text: &str) {
        if let Some(call) = self.calls.get(&id) {
            let text = format!("{}: {text}", call.label(id));
            self.log(Some(super::Note::new(Some(id), Level::Info, &text)));
        }
    }
}

/// Of all that is spoken and not played yet: 230 MB at 48 kHz, 40 MB as most phones have it.
const MOST_HELD: Duration = Duration::from_secs(20 * 60);
/// Its own beep shall not be in it, should the phone hear it.
const BEEP: Duration = Duration::from_millis(200);
/// How long a sound may take to be made ready.
const PREPARATION: Duration = Duration::from_secs(15);
/// For a player that does not say when it has ended.
const LATE: Duration = Duration::from_secs(3);
/// How long a caller thinks before it is asked again.
const DECISION: Duration = Duration::from_secs(6);
/// Then nobody is there.
const MOST_ASKED: u32 = 4;
/// Who cannot say it in so many attempts should not keep the memory.
const MOST_TAKES: u32 = 8;
