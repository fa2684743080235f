//! How does a call get its turn, onto the speakers, and off them again?

use std::time::{Duration, Instant};

use super::call::{Call, Due, RING_INTERVAL, Rivals, Stage, Then, after};
use super::health::seconds;
use super::{About, Core, Cue, Cues, Effect, Fate, Level, Note, Refusal};
use crate::base::{CallId, Db, ZoneSet};
use crate::page::{self, Outcome, PageId};

/// What pages come to.
impl Core {
    pub(super) fn follow_pages(&mut self, now: Instant) {
        while let Some(event) = self.pages.poll() {
            self.follow(event, now);
        }
    }

    fn follow(&mut self, event: page::Event, now: Instant) {
        match event {
            page::Event::Queued { page, n_before } => self.queued(page, n_before, now),
            page::Event::Advanced { page, n_before } => self.tell_place(page, n_before, now),
            page::Event::Granted { page, zones } => self.granted(page, zones, now),
            page::Event::Play {
                page,
                play,
                tone,
                zones,
                longest,
            } => self.play(page, play, tone, zones, longest, now),
            page::Event::Moved { play, zones } => {
                self.effects.push_back(Effect::MovePlay { play, zones });
            }
            page::Event::StopPlay { play } => self.effects.push_back(Effect::StopPlay { play }),
            page::Event::Open { page } => self.opened(page, now),
            page::Event::Voice { page, zones } => self.voiced(page, zones, now),
            page::Event::Warned { page } => self.tell(page, Cue::NearlyOver),
            page::Event::TimeUp { page } => self.time_up(page, now),
            page::Event::Over { page, how, hearing } => self.page_over(page, how, hearing, now),
            page::Event::Ducked { zones } => {
                self.tape_zones(&zones);
                self.duck(zones);
            }
            page::Event::Released { zones } => {
                self.tape_released(&zones);
                self.release(zones);
            }
        }
    }

    fn queued(&mut self, page: PageId, n_before: usize, now: Instant) {
        self.note_page(page, &format!("waits in the queue behind {n_before}"));
        if let Some((_, call)) = self.of_page(page) {
            call.enter(Stage::Queued, now);
        }
        self.tell_place(page, n_before, now);
    }

    /// Tells a caller who waits for how many, now and every while.
    fn tell_place(&mut self, page: PageId, n_before: usize, now: Instant) {
        let is_told = self.records.get(&page).map(|it| it.cues) == Some(Cues::Told);
        if let Some((_, call)) = self.of_page(page) {
            call.place = is_told.then_some((n_before, now + PLACE_INTERVAL));
        }
        self.tell(page, Cue::Queued { n_before });
    }

    fn tell_place_again(&mut self, id: CallId, now: Instant) {
        let call = self.calls.get(&id);
        let place = call.and_then(|call| Some((call.page, call.place?.0)));
        if let Some((page, n_before)) = place {
            self.tell_place(page, n_before, now);
        }
    }

    fn granted(&mut self, page: PageId, zones: ZoneSet, now: Instant) {
        let greeting = self.is_to_be_greeted(page);
        // Whoever is told something first is answered first.
        let klaxon_first = self.policy.klaxon_before_answer && !greeting;
        let answer_at = self.answer_at(page, now);
        self.tell_extent(page, &zones);
        let Some((id, call)) = self.of_page(page) else {
            self.pages.handle_begin(page, now);
            return;
        };
        let is_first = call.granted_at.replace(now).is_none();
        if let Some(answered) = call.answered.filter(|_| greeting && is_first) {
            call.enter(Stage::Greeting { until: None }, now);
            if answered.confirmed {
                self.greet(id, now);
            }
            return;
        }
        if klaxon_first || call.answered.is_some() {
            call.enter(Stage::Klaxon, now);
            self.pages.handle_begin(page, now);
            return;
        }
        let then = match greeting {
            true => Then::Greeting,
            false => Then::Klaxon,
        };
        call.enter(Stage::Answering { answer_at, then }, now);
    }

    fn opened(&mut self, page: PageId, now: Instant) {
        let answer_at = self.answer_at(page, now);
        let Some((_, call)) = self.of_page(page) else {
            return;
        };
        if call.answered.is_some() {
            self.pages.handle_speak(page, now);
            return;
        }
        let then = Then::Voice;
        call.enter(Stage::Answering { answer_at, then }, now);
    }

    /// Nothing delays an emergency.
    fn answer_at(&self, page: PageId, now: Instant) -> Instant {
        if self.is_emergency(page) {
            return now;
        }
        after(now, self.policy.answer_delay)
    }

    fn voiced(&mut self, page: PageId, zones: ZoneSet, now: Instant) {
        let gain = self.policy.volume_call;
        let Some((id, call)) = self.of_page(page) else {
            return;
        };
        let was_live = call.stage == Stage::Live;
        if !was_live {
            call.enter(Stage::Live, now);
            let granted_at = call.granted_at.unwrap_or(now);
            let queued_for = granted_at.saturating_duration_since(call.arrived_at);
            let text = format!("on the speakers after {} in the queue", seconds(queued_for));
            self.note_page(page, &text);
            self.announce(page, now);
        }
        self.tape_voice(page);
        self.effects.push_back(Effect::Connect {
            call: id,
            zones,
            gain,
        });
        self.listen_for_silence(id, &zones, now);
        self.tell_voice(page, &zones, was_live, now);
    }

    /// Tells the caller, once, that the page begins. That is a sign of life too: a phone that is
    /// told to ring after it plays a ringing tone of its own over it.
    pub(super) fn announce(&mut self, page: PageId, now: Instant) {
        if !self.policy.announce {
            return;
        }
        let Some((id, call)) = self.of_page(page) else {
            return;
        };
        if !std::mem::replace(&mut call.announced, true) {
            call.ring_at = now + RING_INTERVAL;
            self.effects.push_back(Effect::Announce { call: id });
        }
    }

    fn duck(&mut self, zones: ZoneSet) {
        self.effects.push_back(Effect::Duck {
            zones,
            to: self.policy.duck,
            ramp: self.policy.duck_attack,
        });
    }

    pub(super) fn release(&mut self, zones: ZoneSet) {
        if zones.is_empty() {
            return;
        }
        self.effects.push_back(Effect::Duck {
            zones,
            to: Db::UNITY,
            ramp: self.policy.duck_release,
        });
    }

    pub(super) fn of_page(&mut self, page: PageId) -> Option<(CallId, &mut Call)> {
        let id = self.records.get(&page)?.call?;
        self.calls.get_mut(&id).map(|call| (id, call))
    }
}

/// What time brings.
impl Core {
    /// Does everything due by `now`. It ends: each step ends a call, moves it to its next stage,
    /// or lies later than `now`.
    pub(super) fn run_due(&mut self, now: Instant) {
        self.pages.handle_timeout(now);
        self.follow_pages(now);
        while let Some((_, due, id)) = self.next_due().filter(|(at, ..)| *at <= now) {
            self.expire(id, due, now);
            self.follow_pages(now);
        }
    }

    pub(super) fn next_due(&self) -> Option<(Instant, Due, CallId)> {
        let due_of = |(id, call): (&CallId, &Call)| {
            let rivals = match self.pages.is_in_the_way(call.page) {
                true => Rivals::Wait,
                false => Rivals::None,
            };
            let (at, due) = call.due(&self.health, rivals)?;
            Some((at, due, *id))
        };
        self.calls.iter().filter_map(due_of).min()
    }

    fn expire(&mut self, id: CallId, due: Due, now: Instant) {
        match due {
            Due::Answer => self.answer(id, now),
            Due::Greeted => self.greeted(id, now),
            Due::Done => self.farewell_over(id, now),
            Due::Verdict => self.judge_entry(id, now),
            Due::Entry => self.entry_too_late(id, now),
            Due::Silence => self.silence_over(id, now),
            Due::Hush => self.silence_warned(id),
            Due::Place => self.tell_place_again(id, now),
            Due::NoSound => {
                self.judge(id, Outcome::Refused);
                self.turn_away(id, Refusal::NoSound, "the sound did not return", now);
            }
            Due::Waited => {
                self.judge(id, Outcome::Expired);
                self.turn_away(id, Refusal::Busy, "the queue did not move", now);
            }
            Due::Unconfirmed => self.hang_up(id, "answer not acknowledged", Level::Warn, now),
            Due::Limit => self.hang_up(id, "call duration limit", Level::Info, now),
            Due::Ring => self.ring(id, now),
        }
    }

    fn answer(&mut self, id: CallId, now: Instant) {
        let longest = self.longest(id);
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Stage::Answering { then, .. } = call.stage else {
            return;
        };
        let page = call.page;
        // A dictation has limits of its own.
        call.answer(longest.filter(|_| then != Then::Dictation), now);
        call.enter(
            match then {
                Then::Klaxon | Then::Voice | Then::Entry => Stage::Klaxon,
                Then::Dictation => Stage::Dictating,
                Then::Greeting => Stage::Greeting { until: None },
            },
            now,
        );
        self.effects.push_back(Effect::Answer { call: id });
        // The voice goes in with the answer, not with the ACK: no first word may be lost.
        match then {
            Then::Klaxon => self.pages.handle_begin(page, now),
            Then::Voice => self.pages.handle_speak(page, now),
            // It begins when the caller is known to hear us.
            Then::Greeting | Then::Dictation => {}
            Then::Entry => self.ask_on(id, now),
        }
    }

    fn farewell_over(&mut self, id: CallId, now: Instant) {
        let stage = self.calls.get(&id).map(|call| call.stage);
        if let Some(Stage::Farewell { why, level, .. }) = stage {
            self.hang_up(id, why, level, now);
        }
    }

    fn ring(&mut self, id: CallId, now: Instant) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.ring_at = now + RING_INTERVAL;
            self.effects.push_back(Effect::Ring { call: id });
        }
    }
}

/// How calls end.
impl Core {
    pub(super) fn hang_up(&mut self, id: CallId, why: &str, level: Level, now: Instant) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        let since = call.answered.map_or(now, |answered| answered.at);
        let span = now.saturating_duration_since(since);
        let text = format!("{}: {why} after {}", call.kind.parted(), seconds(span));
        self.over(id, &call, level, &text, call.who.end(Fate::Answered, span));
        let why = why.to_owned();
        self.effects.push_back(Effect::HangUp { call: id, why });
        self.clear(id, &call, now);
    }

    /// Ends a call that is not on the speakers, answered or not.
    pub(super) fn turn_away(&mut self, id: CallId, why: Refusal, reason: &str, now: Instant) {
        let call = self.calls.get(&id);
        if call.is_some_and(|call| call.answered.is_some()) {
            return self.hang_up(id, reason, Level::Warn, now);
        }
        self.refuse_waiting(id, why, reason, now);
    }

    pub(super) fn refuse_waiting(&mut self, id: CallId, why: Refusal, reason: &str, now: Instant) {
        if let Some(call) = self.calls.remove(&id) {
            self.refuse(id, &call, why, reason);
            self.clear(id, &call, now);
        }
    }

    pub(super) fn refuse(&mut self, id: CallId, call: &Call, why: Refusal, reason: &str) {
        let level = match why {
            Refusal::Busy | Refusal::NoSuchNumber | Refusal::Forbidden | Refusal::Unattended => {
                Level::Warn
            }
            Refusal::NoSound => Level::Error,
            Refusal::ShuttingDown => Level::Info,
        };
        let text = format!("refused, {} {}: {reason}", why.status(), why.phrase());
        let span = call.stage_since.saturating_duration_since(call.arrived_at);
        self.over(id, call, level, &text, call.who.end(Fate::Refused, span));
        self.effects.push_back(Effect::Refuse { call: id, why });
    }

    /// Takes what a forgotten call has left behind.
    pub(super) fn clear(&mut self, id: CallId, call: &Call, now: Instant) {
        if call.stage == Stage::Live {
            self.effects.push_back(Effect::Disconnect { call: id });
        }
        self.dictation_ended(id, call, now);
        // A message goes on without whoever asked for it.
        let record = self.records.get(&call.page);
        match record.filter(|it| it.call == Some(id)) {
            Some(record) if record.is_cut => self.pages.handle_end(call.page, now),
            Some(_) => self.pages.handle_close(call.page, now),
            None => {}
        }
    }
}

/// What a technician reads.
impl Core {
    /// The engine has done what there is to do.
    pub(super) fn howled(&mut self, id: CallId, n: u32, hz: f32, level: Db) {
        self.health.n_howls += 1;
        let Some(label) = self.calls.get(&id).map(|call| call.label(id)) else {
            return;
        };
        let text = format!(
            "{label}: howls at {hz:.0} Hz, {:.0} dBFS ({n} by now): its phone hears a loudspeaker; \
             page from further away, or with mode = delayed",
            level.0
        );
        self.log(Some(Note::new(Some(id), Level::Warn, &text)));
    }

    pub(super) fn log(&mut self, note: Option<Note>) {
        self.effects.extend(note.map(Effect::Log));
    }

    /// The last word about a call.
    pub(super) fn over(&mut self, id: CallId, call: &Call, level: Level, text: &str, end: About) {
        let text = format!("{}: {text}", call.label(id));
        let note = Note::new(Some(id), level, &text);
        self.log(Some(note.about(end)));
    }

    pub(super) fn note_page(&mut self, page: PageId, text: &str) {
        let label = self.of_page(page).map(|(id, call)| (id, call.label(id)));
        self.log(
            label.map(|(id, label)| Note::new(Some(id), Level::Info, &format!("{label}: {text}"))),
        );
    }
}

/// Often enough for a person who waits, and seldom enough to be no nuisance.
const PLACE_INTERVAL: Duration = Duration::from_secs(15);
