//! What becomes of a call that is held for a program?
//!
//! ```text
//!  in:  Waiting ── at once, or when the program says so ─► Answered ── ACK ──► Talking ──► over
//!  out: Dialling ── the other side picks up ─────────────────────────────────► Talking ──► over
//! ```
//!
//! Such calls have nothing to do with pages: no zone hears them, and they need no sound hardware.
//! Each ends once, with a reason; those of a program that is gone end with it.

mod rhythm;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::call::{ACK_PATIENCE, RING_INTERVAL, after};
use super::desk::{Answering, Desk, DeskCall, DeskKind, DeskNews, DriverId, Parting, Party, Way};
use super::health::seconds;
use super::keys::Keypad;
use super::ringing::{Pattern, Ringing};
use super::{About, CallState, CallStatus, Core, Effect, Fate, KeyWay, Level, Note, Refusal, Who};
use crate::base::{CallId, RecordingId};
use crate::page::Wish;

/// All calls that are held, and the programs that are there.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// With the desk that each is at.
    drivers: BTreeMap<DriverId, String>,
    calls: BTreeMap<CallId, HeldCall>,
}

/// A call of ours that is about to begin.
#[derive(Debug)]
pub(super) struct Dialling {
    pub(super) desk: Desk,
    pub(super) party: Party,
    pub(super) number: String,
    /// How the telephone rings; as usual without one.
    pub(super) pattern: Option<Pattern>,
    /// How long it may ring.
    pub(super) patience: Duration,
}

#[derive(Debug)]
struct HeldCall {
    way: Way,
    who: Who,
    desk: Desk,
    /// Of the other side.
    number: String,
    party: Party,
    /// Programs that talk with it beside the party.
    joined: BTreeSet<DriverId>,
    /// When a program was there last, or wanted something of it.
    attended_at: Instant,
    arrived_at: Instant,
    stage: Stage,
    /// Of one that we have dialled.
    ringing: Option<Ringing>,
    since: Instant,
    ring_at: Instant,
    keypad: Keypad,
    recording: Option<RecordingId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// For a word of the program.
    Waiting {
        until: Instant,
    },
    /// For the other side.
    Dialling {
        until: Instant,
    },
    /// For the next ring of a rhythm; then for a call to ring it by.
    Pausing {
        until: Option<Instant>,
    },
    /// For the ACK.
    Answered {
        at: Instant,
    },
    Talking {
        since: Instant,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The program has not said anything.
    Unwanted,
    /// The other side has not picked up.
    NoAnswer,
    Unconfirmed,
    /// A ring of a rhythm is over.
    Pause,
    /// A silence of a rhythm is over.
    RingAgain,
    /// No program talks with it.
    Alone,
    /// It has lasted as long as it may.
    TooLong,
    Ring,
}

impl HeldCall {
    fn due(&self) -> Option<(Instant, Due)> {
        match self.stage {
            Stage::Waiting { until } => Some((until, Due::Unwanted).min((self.ring_at, Due::Ring))),
            Stage::Dialling { until } => {
                let is_last = self.ringing.as_ref().is_none_or(|it| it.until <= until);
                let due = if is_last { Due::NoAnswer } else { Due::Pause };
                Some((until, due))
            }
            Stage::Pausing { until } => {
                let last = self.ringing.as_ref().map(|it| (it.until, Due::NoAnswer));
                let next = until.map(|at| (at, Due::RingAgain));
                next.into_iter().chain(last).min()
            }
            Stage::Answered { at } => Some((at + ACK_PATIENCE, Due::Unconfirmed)),
            Stage::Talking { since } => {
                let is_alone = self.party == Party::Nobody && self.joined.is_empty();
                let alone = is_alone.then_some((self.attended_at + ALONE, Due::Alone));
                let longest = self
                    .desk
                    .longest
                    .map(|span| (after(since, span), Due::TooLong));
                alone.into_iter().chain(longest).min()
            }
        }
    }

    fn is_answered(&self) -> bool {
        match self.stage {
            Stage::Waiting { .. } | Stage::Dialling { .. } | Stage::Pausing { .. } => false,
            Stage::Answered { .. } | Stage::Talking { .. } => true,
        }
    }

    fn state(&self) -> CallState {
        match self.stage {
            Stage::Waiting { .. } | Stage::Dialling { .. } | Stage::Pausing { .. } => {
                CallState::Ringing
            }
            Stage::Answered { .. } | Stage::Talking { .. } => CallState::Held,
        }
    }

    fn enter(&mut self, stage: Stage, now: Instant) {
        self.stage = stage;
        self.since = now;
    }

    /// Since the answer, or since it began.
    fn lasted(&self, now: Instant) -> Duration {
        let since = match self.stage {
            Stage::Waiting { .. } | Stage::Dialling { .. } | Stage::Pausing { .. } => {
                self.arrived_at
            }
            Stage::Answered { at } => at,
            Stage::Talking { since } => since,
        };
        now.saturating_duration_since(since)
    }
}

impl Held {
    /// When something is due, and why.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let why = |due| match due {
            Due::Unwanted => "a caller has waited for a program",
            Due::NoAnswer => "nobody picks up",
            Due::Unconfirmed => "an answer was not acknowledged",
            Due::Pause => "a ring of a telephone is over",
            Due::RingAgain => "a telephone rings again",
            Due::Alone => "no program talks with a caller",
            Due::TooLong => "a call has lasted long enough",
            Due::Ring => "a waiting caller needs a sign of life",
        };
        self.next_due().map(|(at, due, _)| (at, why(due)))
    }

    fn next_due(&self) -> Option<(Instant, Due, CallId)> {
        let due_of = |(id, call): (&CallId, &HeldCall)| {
            let (at, due) = call.due()?;
            Some((at, due, *id))
        };
        self.calls.iter().filter_map(due_of).min()
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = CallStatus> {
        // One that pauses is no call to anybody.
        let calls = self.calls.iter().filter(|(_, call)| !call.is_pausing());
        calls.map(|(id, call)| CallStatus {
            call: *id,
            caller: call.who.caller.clone(),
            dialled: call.who.dialled.clone(),
            way: call.way,
            desk: Some(call.desk.name.clone()),
            state: call.state(),
            since: call.since,
        })
    }

    /// The calls of a desk: with each, whether both sides hear each other.
    pub(super) fn of_desk(&self, desk: &str) -> impl Iterator<Item = (CallId, bool)> {
        let of_desk = move |(_, call): &(&CallId, &HeldCall)| call.desk.name == desk;
        let calls = self.calls.iter().filter(of_desk);
        calls.map(|(id, call)| (*id, call.is_answered()))
    }

    /// Calls that ring at a relay while no program is there.
    fn unwanted(&self, desk: &str) -> Vec<CallId> {
        let is_unwanted = |(_, call): &(&CallId, &HeldCall)| {
            let waits = matches!(call.stage, Stage::Waiting { .. });
            waits && call.party == Party::Nobody && call.desk.name == desk
        };
        let calls = self.calls.iter().filter(is_unwanted);
        calls.map(|(id, _)| *id).collect()
    }

    /// The program with the fewest calls; of several the one that came first.
    fn next_driver(&self, desk: &str) -> Option<DriverId> {
        let n_calls = |driver: DriverId| {
            let theirs = self.calls.values();
            theirs.filter(|it| it.party == Party::One(driver)).count()
        };
        let there = self.drivers.iter().filter(|(_, at)| *at == desk);
        let counted = there.map(|(driver, _)| (n_calls(*driver), *driver));
        counted.min().map(|(_, driver)| driver)
    }
}

/// What happens outside.
impl Core {
    /// A program is there from now on; what rings there and is for nobody is for it.
    pub(super) fn driver_came(&mut self, driver: DriverId, desk: String, now: Instant) {
        for id in self.held.unwanted(&desk) {
            if let Some(call) = self.held.calls.get_mut(&id) {
                call.party = Party::One(driver);
                let until = now + PATIENCE;
                call.stage = Stage::Waiting { until };
                self.report(id, DeskNews::Rings);
            }
        }
        self.held.drivers.insert(driver, desk);
    }

    /// A program talks with that call from now on, whoever has it.
    pub(super) fn driver_joined(&mut self, driver: DriverId, call: CallId) {
        if let Some(call) = self.held.calls.get_mut(&call) {
            call.joined.insert(driver);
        }
    }

    /// A program is gone: nobody is there for its calls.
    pub(super) fn driver_gone(&mut self, driver: DriverId, now: Instant) {
        self.held.drivers.remove(&driver);
        for call in self.held.calls.values_mut() {
            if call.joined.remove(&driver) {
                call.attended_at = now;
            }
        }
        let theirs = self.held.calls.iter();
        let theirs = theirs.filter(|(_, call)| call.party == Party::One(driver));
        let theirs: Vec<CallId> = theirs.map(|(id, _)| *id).collect();
        for id in theirs {
            self.part_held(id, "its program is gone", Refusal::Unattended, now);
        }
    }

    /// Whether the call is for a desk; it is taken or refused then.
    pub(super) fn held_called(&mut self, id: CallId, who: &Who, wish: &Wish, now: Instant) -> bool {
        let Some(desk) = self.policy.desk(wish).filter(|_| !self.stopping).cloned() else {
            return false;
        };
        if self.held.calls.contains_key(&id) {
            return true;
        }
        if let DeskKind::Line { .. } = desk.kind {
            self.clear_line(&desk.name, now);
        }
        let n = self.held.of_desk(&desk.name).count();
        let driver = self.held.next_driver(&desk.name);
        let is_full = n >= desk.most;
        let party = match desk.kind {
            DeskKind::Relay => driver.map_or(Party::Nobody, Party::One),
            DeskKind::Line { .. } | DeskKind::Test => Party::Desk,
        };
        // One that rings may be answered by whoever asks for it.
        let is_unattended = party == Party::Nobody && desk.answering == Answering::AtOnce;
        let patience = match party {
            Party::Nobody => ALONE,
            Party::One(_) | Party::Desk => PATIENCE,
        };
        if is_full || is_unattended {
            let (why, reason) = match is_full {
                true => (
                    Refusal::Busy,
                    format!("{} has {n} calls already", desk.name),
                ),
                false => (
                    Refusal::Unattended,
                    format!("no program is there for {}", desk.name),
                ),
            };
            self.refuse_held(id, who, why, &reason, Duration::ZERO);
            return true;
        }
        let answering = desk.answering;
        let call = HeldCall {
            way: Way::In,
            who: who.clone(),
            party,
            joined: BTreeSet::new(),
            attended_at: now,
            desk,
            number: wish.caller.clone(),
            arrived_at: now,
            stage: Stage::Waiting {
                until: now + patience,
            },
            ringing: None,
            since: now,
            // Who is answered at once need not be told that it rings.
            ring_at: now,
            keypad: Keypad::default(),
            recording: None,
        };
        self.held.calls.insert(id, call);
        match answering {
            Answering::AtOnce => self.answer_held(id, now),
            Answering::ByProgram => self.report(id, DeskNews::Rings),
        }
        true
    }

    /// The caller has confirmed our answer: it hears us from now on.
    pub(super) fn held_confirmed(&mut self, id: CallId, now: Instant) {
        let call = self.held.calls.get(&id);
        if let Some(Stage::Answered { at }) = call.map(|call| call.stage) {
            self.talk(id, at, now);
        }
    }

    /// The called side has picked up, and its sound is open.
    pub(super) fn held_answered(&mut self, id: CallId, now: Instant) {
        let call = self.held.calls.get(&id);
        if let Some(Stage::Dialling { .. }) = call.map(|call| call.stage) {
            self.talk(id, now, now);
        }
    }

    /// The called side, or the way to it, has refused.
    pub(super) fn held_refused(&mut self, id: CallId, status: u16, reason: &str, now: Instant) {
        let call = self.held.calls.get(&id).filter(|it| !it.is_pausing());
        let Some(call) = call else {
            return;
        };
        let text = format!("not answered, {status} {reason}");
        let end = call.who.end(Fate::Unanswered, call.lasted(now));
        let reason = reason.to_owned();
        let parting = Parting::Refused { status, reason };
        self.forget_held(id, Level::Info, &text, end, parting);
    }

    /// The call is over and was not ended by us; false if it is none of these.
    pub(super) fn held_ended(&mut self, id: CallId, how: &str, now: Instant) -> bool {
        let Some(call) = self.held.calls.get(&id) else {
            return false;
        };
        if call.is_pausing() {
            return true;
        }
        let span = call.lasted(now);
        let (verb, fate, parting) = match (call.is_answered(), call.way) {
            (true, _) => ("ended", Fate::Answered, Parting::HungUp(how.to_owned())),
            (false, Way::In) => ("ended unanswered", Fate::Unanswered, Parting::Ignored),
            (false, Way::Out) => {
                let (status, reason) = (SERVER_ERROR, how.to_owned());
                let parting = Parting::Refused { status, reason };
                ("ended unanswered", Fate::Unanswered, parting)
            }
        };
        let text = format!("{verb}: {how} after {}", seconds(span));
        let end = call.who.end(fate, span);
        self.forget_held(id, Level::Info, &text, end, parting);
        true
    }

    /// Nothing has come from the other side for too long.
    pub(super) fn held_silent(&mut self, id: CallId, now: Instant) {
        if self.held.calls.get(&id).is_some_and(HeldCall::is_answered) {
            let why = "nothing came from the other side";
            self.part_held(id, why, Refusal::Busy, now);
        }
    }

    /// The other side has pressed a key.
    pub(super) fn held_key(&mut self, id: CallId, key: char, way: KeyWay) {
        let call = self.held.calls.get_mut(&id);
        if call.is_some_and(|call| call.is_answered() && call.keypad.takes(way)) {
            self.report(id, DeskNews::Key(key));
        }
    }

    pub(super) fn held_shut_down(&mut self, now: Instant) {
        let all: Vec<CallId> = self.held.calls.keys().copied().collect();
        for id in all {
            self.part_held(id, "shutting down", Refusal::ShuttingDown, now);
        }
    }

    pub(super) fn run_held(&mut self, now: Instant) {
        while let Some((_, due, id)) = self.held.next_due().filter(|(at, ..)| *at <= now) {
            match due {
                Due::Unwanted => {
                    let why = "the program did not answer it";
                    self.part_held(id, why, Refusal::Unattended, now);
                }
                Due::NoAnswer => self.part_held(id, NOBODY, Refusal::Unattended, now),
                Due::Unconfirmed => {
                    self.part_held(id, "answer not acknowledged", Refusal::Unattended, now);
                }
                Due::Alone => {
                    let why = "no program talks with it";
                    self.part_held(id, why, Refusal::Unattended, now);
                }
                Due::TooLong => {
                    self.part_held(id, "the time limit", Refusal::Unattended, now);
                }
                Due::Pause => self.pause_held(id, now),
                Due::RingAgain => self.pause_over(id),
                Due::Ring => self.ring_held(id, now),
            }
        }
    }
}

/// What follows.
impl Core {
    fn answer_held(&mut self, id: CallId, now: Instant) {
        if let Some(call) = self.held.calls.get_mut(&id) {
            call.enter(Stage::Answered { at: now }, now);
            let desk = call.desk.name.clone();
            self.effects.push_back(Effect::Hold { call: id, desk });
        }
    }

    /// Both sides are there.
    fn talk(&mut self, id: CallId, since: Instant, now: Instant) {
        let Some(call) = self.held.calls.get_mut(&id) else {
            return;
        };
        call.enter(Stage::Talking { since }, now);
        call.attended_at = now;
        let (desk, number) = (call.desk.clone(), call.number.clone());
        let label = call.who.label(id);
        self.note_held(id, &format!("talks with {}", desk.name));
        if desk.records {
            let recording = self.tape_held(id, label, desk.name, number);
            if let Some(call) = self.held.calls.get_mut(&id) {
                call.recording = Some(recording);
            }
        }
        self.report(id, DeskNews::Answered);
        let greet = desk.greeting.map(|clip| Effect::Greet {
            call: id,
            sound: clip.sound,
        });
        self.effects.extend(greet);
    }

    fn ring_held(&mut self, id: CallId, now: Instant) {
        if let Some(call) = self.held.calls.get_mut(&id) {
            call.ring_at = now + RING_INTERVAL;
            self.effects.push_back(Effect::Ring { call: id });
        }
    }

    /// Ends a call ourselves; an incoming one that is not answered gets that refusal.
    pub(super) fn part_held(&mut self, id: CallId, why: &str, refusal: Refusal, now: Instant) {
        let Some(call) = self.held.calls.get(&id) else {
            return;
        };
        let span = call.lasted(now);
        if let Stage::Waiting { .. } = call.stage {
            let who = call.who.clone();
            self.report(id, DeskNews::Over(Parting::Ignored));
            self.held.calls.remove(&id);
            return self.refuse_held(id, &who, refusal, why, span);
        }
        let (fate, parting) = match call.stage {
            Stage::Dialling { .. } | Stage::Pausing { .. } => {
                let (status, reason) = match why == NOBODY {
                    true => (NO_ANSWER, "No Answer".to_owned()),
                    false => (GIVEN_UP, why.to_owned()),
                };
                (Fate::Unanswered, Parting::Refused { status, reason })
            }
            Stage::Waiting { .. } | Stage::Answered { .. } | Stage::Talking { .. } => {
                (Fate::Answered, Parting::HungUp(why.to_owned()))
            }
        };
        let text = format!("hung up: {why} after {}", seconds(span));
        let end = call.who.end(fate, span);
        let is_called = !call.is_pausing();
        self.forget_held(id, Level::Info, &text, end, parting);
        let why = why.to_owned();
        let hangs_up = is_called.then_some(Effect::HangUp { call: id, why });
        self.effects.extend(hangs_up);
    }

    fn refuse_held(&mut self, id: CallId, who: &Who, why: Refusal, reason: &str, span: Duration) {
        let level = match why {
            Refusal::ShuttingDown => Level::Info,
            Refusal::Busy
            | Refusal::NoSound
            | Refusal::NoSuchNumber
            | Refusal::Forbidden
            | Refusal::Unattended => Level::Warn,
        };
        let label = who.label(id);
        let text = format!(
            "{label}: refused, {} {}: {reason}",
            why.status(),
            why.phrase()
        );
        let end = who.end(Fate::Refused, span);
        self.log(Some(Note::new(Some(id), level, &text).about(end)));
        self.effects.push_back(Effect::Refuse { call: id, why });
    }

    /// The last word about a call, to the log and to its program.
    fn forget_held(&mut self, id: CallId, level: Level, text: &str, end: About, parting: Parting) {
        self.report(id, DeskNews::Over(parting));
        let Some(call) = self.held.calls.remove(&id) else {
            return;
        };
        let recording = call.recording;
        let ends = recording.map(|recording| Effect::EndRecording { recording });
        self.effects.extend(ends);
        let text = format!("{}: {text}", call.who.label(id));
        self.log(Some(Note::new(Some(id), level, &text).about(end)));
    }

    /// Tells those that the call is for.
    fn report(&mut self, id: CallId, news: DeskNews) {
        let Some(call) = self.held.calls.get(&id) else {
            return;
        };
        self.effects.push_back(Effect::Report {
            desk: call.desk.name.clone(),
            to: call.party,
            call: DeskCall {
                call: id,
                way: call.way,
                number: call.number.clone(),
                dialled: call.who.dialled.clone(),
            },
            news,
        });
    }

    fn note_held(&mut self, id: CallId, text: &str) {
        let label = self.held.calls.get(&id).map(|call| call.who.label(id));
        let note = label.map(|label| Note::new(Some(id), Level::Info, &format!("{label}: {text}")));
        self.log(note);
    }
}

/// Longer than proxies let it ring (timer C, RFC 3261 §16.6), so that they may be the ones who say it.
const PATIENCE: Duration = Duration::from_secs(200);

/// How long a call waits or goes on without any program: one that lost its connection is back by
/// then, and nobody pays for a call that was forgotten.
const ALONE: Duration = Duration::from_secs(60);

/// Why a call that was dialled is given up.
const NOBODY: &str = "nobody picked up";
const NO_ANSWER: u16 = 408;
const GIVEN_UP: u16 = 487;
const SERVER_ERROR: u16 = 500;
