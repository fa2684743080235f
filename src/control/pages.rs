//! What is known of each page, and what becomes of it?

use std::time::{Duration, Instant};

use super::call::{Call, Stage, after};
use super::recordings::Taping;
use super::verdict::Voice;
use super::words::Start;
use super::{Clip, Core, Cue, Cues, Effect, Level, PageStatus, Refusal, Rule, Sound, Volume};
use crate::base::{CallId, Db, PlayId, ZoneSet};
use crate::page::{Ask, Hearing, Machine, Outcome, Over, PageId, Phase, Priority, Source, Tone};

/// A page that is not over.
#[derive(Debug)]
pub(super) struct Record {
    /// How a note names it.
    pub(super) label: String,
    /// Of the `[page:NAME]`, or of what was started; empty for that of every caller.
    pub(super) name: String,
    /// Who called for it; empty if nobody did.
    pub(super) caller: String,
    /// Who speaks.
    pub(super) call: Option<CallId>,
    pub(super) priority: Priority,
    pub(super) cues: Cues,
    sounds: Sounds,
    pub(super) asked_at: Instant,
    /// The first word.
    pub(super) live_at: Option<Instant>,
    /// What it comes to, whatever is heard.
    pub(super) verdict: Option<Outcome>,
    /// It was not said to its end.
    pub(super) is_cut: bool,
    pub(super) measured: ZoneSet,
    pub(super) voice: Voice,
    pub(super) taping: Taping,
}

/// What its tones are.
#[derive(Clone, Copy, Debug)]
struct Sounds {
    klaxon: Sound,
    message: Sound,
    /// That of speech unless set.
    message_gain: Option<Db>,
    warning: Sound,
    end: Sound,
}

impl Sounds {
    fn of(rule: Option<&Rule>) -> Self {
        let or_klaxon = |clip: Option<Clip>| clip.map_or(Sound::Klaxon, |it| it.sound);
        Self {
            klaxon: or_klaxon(rule.and_then(|it| it.klaxon)),
            message: or_klaxon(rule.and_then(|it| it.message).map(|(clip, _)| clip)),
            message_gain: None,
            warning: or_klaxon(rule.and_then(|it| it.warning).and_then(|it| it.clip)),
            end: or_klaxon(rule.and_then(|it| it.end_tone)),
        }
    }
}

impl Record {
    pub(super) fn of_call(id: CallId, call: &Call, rule: Option<&Rule>, now: Instant) -> Self {
        let mut record = Self {
            label: match rule {
                Some(rule) => format!("page \"{}\" of {}", rule.name, call.label(id)),
                None => format!("page of {}", call.label(id)),
            },
            name: rule.map(|it| it.name.clone()).unwrap_or_default(),
            caller: call.who.caller.clone(),
            call: Some(id),
            priority: Priority::default(),
            cues: Cues::Silent,
            sounds: Sounds::of(rule),
            asked_at: now,
            live_at: None,
            verdict: None,
            is_cut: false,
            measured: ZoneSet::EMPTY,
            voice: Voice::Unknown,
            taping: Taping::of_call(call, rule),
        };
        record.revise(rule);
        record
    }

    fn of_start(start: &Start, now: Instant) -> Self {
        let or_klaxon = |clip: Option<Clip>| clip.map_or(Sound::Klaxon, |it| it.sound);
        Self {
            label: format!("page {}", start.name),
            name: start.name.clone(),
            caller: String::new(),
            call: None,
            priority: start.priority,
            cues: Cues::Silent,
            sounds: Sounds {
                klaxon: or_klaxon(start.klaxon),
                message: start.clip.sound,
                message_gain: Some(start.gain),
                warning: Sound::Klaxon,
                end: or_klaxon(start.end_tone),
            },
            asked_at: now,
            live_at: None,
            verdict: None,
            is_cut: false,
            measured: ZoneSet::EMPTY,
            voice: Voice::Unknown,
            taping: Taping::of_start(start),
        }
    }

    /// Nobody speaks for it.
    pub(super) fn alone(self) -> Self {
        Self { call: None, ..self }
    }

    /// It was asked for before now.
    pub(super) fn is_asked_at(&mut self, at: Instant) {
        self.asked_at = at;
    }

    pub(super) fn priority(&self) -> Priority {
        self.priority
    }

    /// As shown to people.
    pub(super) fn status(&self, page: PageId, pages: &Machine) -> PageStatus {
        let phase = pages.phase_of(page);
        let heard = match phase {
            Phase::Queued | Phase::Granted => ZoneSet::EMPTY,
            Phase::Klaxon | Phase::Open | Phase::Live | Phase::Ending => pages.zones_of(page),
        };
        PageStatus {
            page,
            label: self.label.clone(),
            call: self.call,
            priority: self.priority,
            phase,
            wanted: pages.wanted_by(page),
            heard,
            asked_at: self.asked_at,
            live_at: self.live_at,
        }
    }

    /// Other rules hold for a page that waits.
    pub(super) fn revise(&mut self, rule: Option<&Rule>) {
        self.sounds = Sounds::of(rule);
        if let Some(rule) = rule {
            self.priority = rule.priority;
            self.cues = rule.cues;
        }
    }
}

/// What is asked about pages from outside.
impl Core {
    pub(super) fn start_page(&mut self, start: Start, now: Instant) -> PageId {
        let page = self.next_page();
        let mut record = Record::of_start(&start, now);
        if self.stopping {
            record.verdict = Some(Outcome::Refused);
            self.tell_outcome(page, &record, Hearing::default(), now);
            return page;
        }
        let ask = Ask {
            zones: start.zones,
            priority: start.priority,
            busy: start.busy,
            extent: start.extent,
            source: Source::Message {
                duration: start.clip.duration,
                times: start.times.max(1),
            },
            pre_roll: start.pre_roll,
            klaxon: start.klaxon.map(|it| self.policy.warned(it.duration)),
            end_tone: start.end_tone.map(|it| it.duration),
            limit: None,
            expires_at: start.queue_timeout.map(|span| after(now, span)),
        }
        .bounded(now);
        self.records.insert(page, record);
        self.pages.handle_ask(page, ask, now);
        page
    }

    /// Nothing more is asked of a caller: what it has called for begins.
    pub(super) fn ask_for_page(&mut self, id: CallId, now: Instant) {
        let call = &self.calls[&id];
        let Ok(rule) = self.policy.rule(&call.wish) else {
            return;
        };
        let ends_others = rule.is_some_and(|it| it.stops.is_some());
        let is_message = rule.is_some_and(|it| it.message.is_some());
        let is_delayed = rule.is_some_and(|it| it.delayed.is_some());
        if ends_others {
            self.stop_pages(id, now);
        }
        if is_message {
            return self.message_called(id, now);
        }
        if ends_others {
            return self.say_farewell(id, Cue::Accepted, now);
        }
        if is_delayed {
            return self.dictation_called(id, now);
        }
        self.voice_called(id, now);
    }

    fn voice_called(&mut self, id: CallId, now: Instant) {
        let call = &self.calls[&id];
        let rule = self.policy.rule(&call.wish).ok().flatten();
        let mut record = Record::of_call(id, call, rule, now);
        record.voice = Voice::of_caller(call.heard);
        let (page, ask) = (call.page, self.policy.ask(rule, call, now));
        self.records.insert(page, record);
        self.pages.handle_ask(page, ask, now);
    }

    /// A call for a message: it is told that it is done as asked, and the message goes on alone.
    fn message_called(&mut self, id: CallId, now: Instant) {
        let call = &self.calls[&id];
        let Ok(Some(rule)) = self.policy.rule(&call.wish) else {
            return;
        };
        let page = call.page;
        let record = Record::of_call(id, call, Some(rule), now).alone();
        let ask = self.policy.ask(Some(rule), call, now);
        self.records.insert(page, record);
        self.pages.handle_ask(page, ask, now);
        self.follow_pages(now);
        if !self.records.contains_key(&page) {
            let reason = "others are heard in its zones";
            return self.turn_away(id, Refusal::Busy, reason, now);
        }
        self.say_farewell(id, Cue::Accepted, now);
    }

    /// Answers a call, if nobody has, tells it what came of it, and hangs up soon.
    pub(super) fn say_farewell(&mut self, id: CallId, cue: Cue, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        if call.answered.is_none() {
            call.answer(None, now);
            self.effects.push_back(Effect::Answer { call: id });
        }
        let until = now + FAREWELL;
        let (why, level) = ("done as asked", Level::Info);
        call.enter(Stage::Farewell { until, why, level }, now);
        self.effects.push_back(Effect::Tell { call: id, cue });
    }

    /// Ends a page; whoever speaks for it is hung up on.
    pub(super) fn cancel_page(&mut self, page: PageId, now: Instant) {
        self.end_page(page, "the page was cancelled", now);
    }

    /// As `cancel_page`; its caller is turned away for that reason, if it has one.
    pub(super) fn end_page(&mut self, page: PageId, reason: &str, now: Instant) {
        let Some(record) = self.records.get(&page) else {
            return;
        };
        let call = record.call;
        self.cut(page);
        match call.filter(|id| self.calls.contains_key(id)) {
            Some(id) => self.turn_away(id, Refusal::Busy, reason, now),
            None => self.pages.handle_end(page, now),
        }
    }

    /// The page will not be said to its end.
    pub(super) fn cut(&mut self, page: PageId) {
        if let Some(record) = self.records.get_mut(&page) {
            record.is_cut = true;
        }
    }

    pub(super) fn measured(&mut self, zones: &ZoneSet) {
        self.is_measured = true;
        for (page, record) in &mut self.records {
            let here = self.pages.zones_of(*page).intersection(zones);
            record.measured = record.measured.union(&here);
        }
    }

    /// Settles what the page of a call comes to.
    pub(super) fn judge(&mut self, id: CallId, outcome: Outcome) {
        let page = self.calls.get(&id).map(|call| call.page);
        if let Some(record) = page.and_then(|page| self.records.get_mut(&page)) {
            record.verdict = Some(outcome);
        }
    }
}

/// What happens to pages.
impl Core {
    pub(super) fn play(
        &mut self,
        page: PageId,
        play: PlayId,
        tone: Tone,
        zones: ZoneSet,
        longest: Option<Duration>,
        now: Instant,
    ) {
        let Some(record) = self.records.get_mut(&page) else {
            return;
        };
        let sounds = record.sounds;
        let is_first = tone == Tone::Message && record.live_at.is_none();
        if is_first {
            record.live_at = Some(now);
        }
        let as_tone = (self.policy.volume_klaxon, Volume::Klaxon);
        let (sound, (gain, by)) = match tone {
            Tone::Klaxon => (sounds.klaxon, as_tone),
            Tone::Message => {
                // A bell has a volume of its own, and is a tone.
                let bell = sounds.message_gain.map(|gain| (gain, Volume::Klaxon));
                let speech = (self.policy.volume_call, Volume::Speech);
                (sounds.message, bell.unwrap_or(speech))
            }
            Tone::Warning => (sounds.warning, as_tone),
            Tone::End => (sounds.end, as_tone),
        };
        match tone {
            Tone::Klaxon => {
                self.note_page(page, "klaxon");
                self.announce(page, now);
            }
            Tone::Message if is_first => self.note_page(page, "begins"),
            Tone::Message | Tone::Warning | Tone::End => {}
        }
        self.tape_play(page, play);
        self.effects.push_back(Effect::Play {
            play,
            sound,
            zones,
            gain,
            by,
            longest,
        });
    }

    /// Says with how many of its zones a page begins, if not with all.
    pub(super) fn tell_extent(&mut self, page: PageId, zones: &ZoneSet) {
        let missing = self.pages.wanted_by(page).difference(zones);
        if missing.is_empty() {
            return;
        }
        let (n, all) = (zones.len(), zones.len() + missing.len());
        let names = self.policy.names(&missing);
        self.note_page(
            page,
            &format!("begins in {n} of {all} zones, not in {names}"),
        );
    }

    /// Where a live voice is to be heard has changed: its caller has to know when to speak.
    pub(super) fn tell_voice(
        &mut self,
        page: PageId,
        zones: &ZoneSet,
        was_live: bool,
        now: Instant,
    ) {
        if let Some(record) = self.records.get_mut(&page) {
            record.live_at.get_or_insert(now);
        }
        if !was_live {
            return self.tell(page, Cue::SpeakNow);
        }
        let wanted = self.pages.wanted_by(page);
        let text = if zones.is_empty() {
            "silent, others need all its zones".to_owned()
        } else {
            format!("heard in {} of {} zones", zones.len(), wanted.len())
        };
        self.note_page(page, &text);
        self.tell(
            page,
            if zones.is_empty() {
                Cue::Displaced
            } else {
                Cue::SpeakNow
            },
        );
    }

    pub(super) fn tell(&mut self, page: PageId, cue: Cue) {
        let Some(record) = self.records.get(&page) else {
            return;
        };
        let call = record.call.filter(|id| self.calls.contains_key(id));
        if let (Cues::Told, Some(call)) = (record.cues, call) {
            self.effects.push_back(Effect::Tell { call, cue });
        }
    }

    pub(super) fn time_up(&mut self, page: PageId, now: Instant) {
        if let Some((id, _)) = self.of_page(page) {
            self.hang_up(id, "page duration limit", Level::Info, now);
        }
    }

    pub(super) fn is_emergency(&self, page: PageId) -> bool {
        let record = self.records.get(&page);
        record.is_some_and(|it| it.priority.is_emergency())
    }

    /// The longest that a call may last; the limit of all calls cuts no emergency off.
    pub(super) fn longest(&self, id: CallId) -> Option<Duration> {
        let call = self.calls.get(&id)?;
        let is_emergency = self.is_emergency(call.page) || self.is_urgent(call);
        self.policy.hang_up_after.filter(|_| !is_emergency)
    }

    pub(super) fn page_over(&mut self, page: PageId, how: Over, hearing: Hearing, now: Instant) {
        let Some(mut record) = self.records.remove(&page) else {
            return;
        };
        let call = record.call;
        let turned = match how {
            Over::Finished => None,
            Over::Expired => Some((Outcome::Expired, "no zone became free in time")),
            Over::Rejected => Some((Outcome::Refused, "others are heard in its zones")),
        };
        if let Some((outcome, _)) = turned {
            record.verdict = Some(outcome);
        }
        self.tell_outcome(page, &record, hearing, now);
        self.tape_over(&record.taping);
        self.forget_sent(page);
        if let (Some((_, reason)), Some(id)) = (turned, call) {
            self.turn_away(id, Refusal::Busy, reason, now);
        }
    }
}

/// Enough for the ACK to come and the tone to be heard.
const FAREWELL: Duration = Duration::from_secs(2);
