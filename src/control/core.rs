//! Which effects follow from which input?

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::audience::Audience;
use super::call::{Call, Stage};
use super::dictation::Dictations;
use super::groups::Kind;
use super::health::{Health, seconds};
use super::held::Held;
use super::lockout::Lockouts;
use super::pages::Record;
use super::recordings::Recordings;
use super::verdict::Voice;
use super::{
    CallStatus, Effect, Fate, Input, Level, PageStatus, Policy, Refusal, Snapshot, Way, Who,
};
use crate::base::CallId;
use crate::music::Hand;
use crate::page::{self, Choice, Machine, PageId};

/// The only decision maker: inputs in, effects out, in virtual time. One input, then drain.
#[derive(Debug)]
pub struct Core {
    pub(super) policy: Policy,
    pub(super) pages: Machine,
    pub(super) calls: BTreeMap<CallId, Call>,
    audience: Audience,
    pub(super) health: Health,
    /// What is set of the music by hand.
    pub(super) by_hand: Hand,
    /// What is known of each page that is not over.
    pub(super) records: BTreeMap<PageId, Record>,
    pub(super) recordings: Recordings,
    pub(super) lockouts: Lockouts,
    /// Somebody measures what is heard.
    pub(super) is_measured: bool,
    pub(super) dictations: Dictations,
    pub(super) held: Held,
    pub(super) stopping: bool,
    n_pages: u64,
    pub(super) effects: VecDeque<Effect>,
}

impl Core {
    /// Begins without calls and, until the first `Input::SoundUp`, without sound.
    pub fn new(policy: Policy, now: Instant) -> Self {
        Self {
            policy,
            pages: Machine::new(page::Output::Down),
            calls: BTreeMap::new(),
            audience: Audience::default(),
            health: Health::new(now),
            by_hand: Hand::default(),
            records: BTreeMap::new(),
            recordings: Recordings::default(),
            lockouts: Lockouts::default(),
            is_measured: false,
            dictations: Dictations::default(),
            held: Held::default(),
            stopping: false,
            n_pages: 0,
            effects: VecDeque::new(),
        }
    }

    /// Takes in one thing that happened at `now`, then does what is due by then: news that comes
    /// with a late tick counts already, so nobody is answered who has just hung up.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.apply(input, now);
        self.follow_pages(now);
        self.run_dictations(now);
        self.run_due(now);
        self.run_held(now);
        self.audience.run_due(now);
        self.effects.append(&mut self.audience.effects);
    }

    /// The next thing to do; call until `None`.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to send `Input::Tick`, and why; later than the last `now` once everything is drained.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let of_calls = self.next_due().map(|(at, due, _)| (at, due.why()));
        let of_others = [
            self.pages.poll_timeout(),
            self.audience.poll_timeout(),
            self.dictations.poll_timeout(),
            self.held.poll_timeout(),
        ];
        of_calls
            .into_iter()
            .chain(of_others.into_iter().flatten())
            .min()
    }

    /// How things stand; valid whenever everything is drained.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            stopping: self.stopping,
            sound: self.health.sound.clone(),
            calls: self.calls_now(),
            pages: self.pages_now(),
            accounts: self.health.accounts.clone(),
            music: self.health.music.clone(),
            disk: self.health.disk.clone(),
            groups: self.health.groups.clone(),
            cards: self.health.cards.clone(),
            broker: self.health.broker.clone(),
            ducked: self.pages.ducked(),
            n_listeners: self.audience.n_calls(),
            n_howls: self.health.n_howls,
        }
    }

    fn calls_now(&self) -> Vec<CallStatus> {
        let calls = self.calls.iter().map(|(id, it)| status(*id, it));
        let mut all: Vec<CallStatus> = calls.chain(self.held.statuses()).collect();
        all.sort_by_key(|it| it.call);
        all
    }

    fn pages_now(&self) -> Vec<PageStatus> {
        let status = |(id, it): (&PageId, &Record)| it.status(*id, &self.pages);
        self.records.iter().map(status).collect()
    }

    fn apply(&mut self, input: Input, now: Instant) {
        match input {
            Input::CallArrived {
                call,
                caller,
                dialled,
                wish,
                auto_answer,
            } => {
                let who = Who { caller, dialled };
                if self.held_called(call, &who, &wish, now) {
                    return;
                }
                let player = self.policy.player(&wish).filter(|_| !self.stopping);
                if let Some(player) = player {
                    return self.audience.arrived(call, who, player, now);
                }
                let page = self.next_page();
                let arrived = Call::new(who, page, now);
                self.call_arrived(call, arrived.asking(wish, auto_answer), now);
            }
            Input::CallConfirmed { call } => {
                self.audience.confirmed(call, now);
                self.call_confirmed(call, now);
                self.greet(call, now);
                self.dictation_confirmed(call, now);
                self.held_confirmed(call, now);
            }
            Input::CallAnswered { call } => self.held_answered(call, now),
            Input::CallRefused {
                call,
                status,
                reason,
            } => self.held_refused(call, status, &reason, now),
            Input::RingsAgain { before, call } => self.held_rings_again(before, call, now),
            Input::DriverCame { driver, desk } => self.driver_came(driver, desk, now),
            Input::DriverJoined { driver, call } => self.driver_joined(driver, call),
            Input::DriverGone { driver } => self.driver_gone(driver, now),
            Input::PlayerLoaded { player, is_there } => self.audience.loaded(player, is_there),
            Input::Performed { call } => {
                self.audience.performed(call, now);
                self.dictation_heard(call, now);
            }
            Input::Howled { call, n, hz, level } => self.howled(call, n, hz, level),
            Input::Dictated { call, clip } => self.dictated(call, clip, now),
            Input::CallHeard { call } => self.call_heard(call),
            Input::StreamBegan {
                call,
                group,
                speaker,
            } => self.stream_began(call, group, speaker, now),
            Input::CallSounds { call } => self.call_sounded(call, now),
            Input::Key { call, key, way } => {
                self.key_pressed(call, key, way, now);
                self.held_key(call, key, way);
            }
            Input::CallEnded { call, how } => {
                if !self.audience.ended(call, &how, now) && !self.held_ended(call, &how, now) {
                    self.call_ended(call, &how, now);
                }
            }
            Input::CallSilent { call } => {
                self.call_silent(call, now);
                self.held_silent(call, now);
            }
            Input::PlayEnded { play } => self.pages.handle_play_ended(play, now),
            Input::SoundUp => self.sound_up(now),
            Input::SoundDown { why } => self.sound_down(why, now),
            Input::AccountChanged { name, ok, text } => {
                let note = self.health.account(name, ok, text, now);
                self.log(note);
            }
            Input::AccountGone { name } => {
                self.health.accounts.remove(&name);
            }
            Input::MusicChanged { name, ok, text } => {
                let note = self.health.music_changed(name, ok, text, now);
                self.log(note);
            }
            Input::MusicSkipped { name, what, why } => {
                let note = self.health.music_skipped(name, &what, &why, now);
                self.log(Some(note));
            }
            Input::MusicGone { name } => {
                self.health.music.remove(&name);
            }
            Input::RecordingOpened { recording, file } => self.recording_opened(recording, file),
            Input::RecordingFinished {
                recording,
                file,
                length,
                lost,
            } => self.recording_finished(recording, file, length, lost),
            Input::RecordingOver { recording } => self.recording_over(recording),
            Input::DiskChanged { ok, text } => {
                let note = self.health.disk_changed(ok, text, now);
                self.log(note);
            }
            Input::Music { demand, at } => self.demand(&demand, at),
            Input::MusicByHand { hand } => self.remember(hand),
            Input::GroupChanged { name, ok, text } => {
                let note = self.health.group_changed(name, ok, text, now);
                self.log(note);
            }
            Input::GroupGone { name } => {
                self.health.groups.remove(&name);
            }
            Input::CardChanged { name, ok, text } => {
                let note = self.health.card_changed(name, ok, text, now);
                self.log(note);
            }
            Input::CardGone { name } => {
                self.health.cards.remove(&name);
            }
            Input::BrokerChanged { ok, text } => {
                let note = self.health.broker_changed(ok, text, now);
                self.log(note);
            }
            Input::BrokerGone => self.health.broker = None,
            Input::Start(start) => {
                self.start_page(start, now);
            }
            Input::Order(order) => self.order(order, now),
            Input::Cancel { page } => self.cancel_page(page, now),
            Input::Measured { zones } => self.measured(&zones),
            Input::Configure(policy) => self.configure(policy, now),
            Input::Tick => {}
            Input::Shutdown => self.shut_down(now),
        }
    }

    // What callers do.

    pub(super) fn next_page(&mut self) -> PageId {
        self.n_pages += 1;
        PageId(self.n_pages)
    }

    fn call_arrived(&mut self, id: CallId, call: Call, now: Instant) {
        if self.calls.contains_key(&id) {
            return;
        }
        let rule = match self.policy.rule(&call.wish) {
            Ok(rule) => rule,
            Err(Choice::Forbidden) => {
                return self.refuse(id, &call, Refusal::Forbidden, "not one of its callers");
            }
            Err(Choice::Unknown | Choice::Entry(_)) => {
                return self.refuse(id, &call, Refusal::NoSuchNumber, "no page has the number");
            }
        };
        let is_emergency = rule.is_some_and(|it| it.priority.is_emergency());
        if let Some((why, reason)) = self.refusal(is_emergency) {
            self.refuse(id, &call, why, &reason);
            return;
        }
        if let Some(rule) = rule.filter(|it| it.asks()) {
            if let Some((why, reason)) = self.shut_out(rule, &call, now) {
                return self.refuse(id, &call, why, reason);
            }
            return self.gate_called(id, call, now);
        }
        self.calls.insert(id, call);
        self.ask_for_page(id, now);
    }

    /// Why nobody is let in now; for an emergency there is always room.
    fn refusal(&self, is_emergency: bool) -> Option<(Refusal, String)> {
        if self.stopping {
            return Some((Refusal::ShuttingDown, "shutting down".to_owned()));
        }
        let calls = self.calls.values();
        let n = calls.filter(|it| it.kind == Kind::Call).count();
        if n >= self.policy.max_calls && !is_emergency {
            return Some((Refusal::Busy, format!("there are {n} calls already")));
        }
        if !self.health.has_sound() {
            return Some((Refusal::NoSound, "there is no sound".to_owned()));
        }
        None
    }

    fn call_confirmed(&mut self, id: CallId, now: Instant) {
        let call = self.calls.get_mut(&id);
        let answered = call.and_then(|call| call.answered.as_mut());
        if let Some(answered) = answered.filter(|it| !it.confirmed) {
            answered.confirmed = true;
            self.gate_confirmed(id, now);
        }
    }

    fn call_heard(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.heard = true;
        }
        self.voice_came(id, Voice::Silent);
    }

    fn call_ended(&mut self, id: CallId, how: &str, now: Instant) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        let span = match call.answered {
            Some(answered) => now.saturating_duration_since(answered.at),
            None => now.saturating_duration_since(call.arrived_at),
        };
        let (verb, fate) = match call.answered {
            Some(_) => ("ended", Fate::Answered),
            None => ("ended unanswered", Fate::Unanswered),
        };
        let text = format!("{verb}: {how} after {}", seconds(span));
        self.over(id, &call, Level::Info, &text, call.who.end(fate, span));
        self.clear(id, &call, now);
    }

    fn call_silent(&mut self, id: CallId, now: Instant) {
        if self.calls.get(&id).is_some_and(|it| it.answered.is_some()) {
            self.hang_up(id, "nothing came from the caller", Level::Warn, now);
        }
    }

    // What the machinery does.

    /// Orders the whole state of the engine anew, so that whoever carries the effects out needs
    /// no memory: then the queue moves.
    fn sound_up(&mut self, now: Instant) {
        let note = self.health.sound_up(now);
        self.log(note);
        self.restate();
        self.pages.handle_output(page::Output::Up, now);
    }

    /// Calls stay: who is answered keeps the line, who waits waits a little longer.
    fn sound_down(&mut self, why: String, now: Instant) {
        let note = self.health.sound_down(why, now);
        self.log(note);
        self.pages.handle_output(page::Output::Down, now);
    }

    fn configure(&mut self, policy: Policy, now: Instant) {
        if policy == self.policy {
            return;
        }
        self.policy = policy;
        self.tidy_by_hand();
        for call in self.calls.values().filter(|it| it.stage == Stage::Queued) {
            // A number that is gone was right when it was dialled, and who wants to speak is not
            // served by a message: the page keeps what it asked for.
            if let Ok(rule) = self.policy.rule_of(call)
                && rule.is_none_or(|it| it.message.is_none())
                && let Some(record) = self.records.get_mut(&call.page)
            {
                record.revise(rule);
                let ask = self.policy.ask(rule, call, call.arrived_at);
                self.pages.handle_revised(call.page, ask, now);
            }
        }
        self.gates_revised(now);
        self.restate();
    }

    fn restate(&mut self) {
        let rest = self.policy.zones.difference(&self.pages.ducked());
        self.release(rest);
        self.pages.restate();
    }

    fn shut_down(&mut self, now: Instant) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        let calls: Vec<_> = self.calls.keys().copied().collect();
        for id in calls {
            if self.calls[&id].answered.is_some() {
                self.hang_up(id, "shutting down", Level::Info, now);
            } else {
                self.refuse_waiting(id, Refusal::ShuttingDown, "shutting down", now);
            }
        }
        let pages: Vec<_> = self.records.keys().copied().collect();
        for page in pages {
            self.cut(page);
            self.pages.handle_end(page, now);
        }
        self.follow_pages(now);
        self.held_shut_down(now);
        self.audience.shut_down(now);
        self.effects.append(&mut self.audience.effects);
        self.effects.push_back(Effect::Stopped);
    }
}

fn status(call: CallId, it: &Call) -> CallStatus {
    CallStatus {
        call,
        caller: it.who.caller.clone(),
        dialled: it.who.dialled.clone(),
        way: Way::In,
        desk: None,
        state: it.state(),
        since: it.stage_since,
    }
}
