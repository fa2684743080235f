//! What is recorded, from when to when?
//!
//! A page is recorded from its first sound, its caller from the first word, both until nothing of
//! the page is left; a zone for as long as pages are heard there. Into which files, the edge says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::call::{Call, Stage};
use super::health::{Health, seconds};
use super::words::{Start, one_line};
use super::{About, Clip, Core, Effect, Level, Note, Part, Rule};
use crate::base::{CallId, PlayId, RecordingId, ZoneId, ZoneSet};
use crate::page::PageId;

/// What of a page is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What its caller says.
    Caller,
    /// What its zones hear of it.
    Page,
}

/// Where a recording is picked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The voice of the call.
    Caller(CallId),
    /// All sounds of the page, and the voice of the call if there is one.
    Page(Option<CallId>),
    /// All that leaves by the zone's outputs.
    Zone(ZoneId),
    /// What comes from the other side of a call that is held for a program.
    Held(CallId),
}

/// A file of a recording that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its path in the folder of recordings.
    pub file: String,
    pub length: Duration,
    /// The name of the page.
    pub page: String,
    /// The number of who called, empty if nobody did.
    pub caller: String,
    pub zone: Option<ZoneId>,
}

/// All recordings that are not over.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    n: u64,
    open: BTreeMap<RecordingId, Open>,
    zones: BTreeMap<ZoneId, RecordingId>,
}

#[derive(Debug)]
struct Open {
    call: Option<CallId>,
    zone: Option<ZoneId>,
    /// How a note names it.
    label: String,
    page: String,
    caller: String,
    files: Vec<String>,
}

/// What a page has to do with recordings.
#[derive(Clone, Debug, Default)]
pub(super) struct Taping {
    side: Option<Side>,
    recording: Option<RecordingId>,
    greeting: Option<Clip>,
    /// The name of the page, and the number of its caller.
    page: String,
    caller: String,
}

impl Taping {
    pub(super) fn of_call(call: &Call, rule: Option<&Rule>) -> Self {
        Self {
            side: rule.and_then(|rule| rule.record),
            recording: None,
            greeting: rule.and_then(|rule| rule.greeting),
            page: rule.map_or_else(|| "page".to_owned(), |rule| rule.name.clone()),
            caller: call.wish.caller.clone(),
        }
    }

    pub(super) fn of_start(start: &Start) -> Self {
        Self {
            page: start.name.clone(),
            ..Self::default()
        }
    }
}

/// What pages bring about.
impl Core {
    /// A sound of the page is about to be played.
    pub(super) fn tape_play(&mut self, page: PageId, play: PlayId) {
        if let Some(recording) = self.taped(page, Side::Page) {
            self.effects
                .push_back(Effect::RecordPlay { recording, play });
        }
    }

    /// The voice of the page is about to be heard.
    pub(super) fn tape_voice(&mut self, page: PageId) {
        let side = self.records.get(&page).and_then(|it| it.taping.side);
        if let Some(side) = side {
            self.taped(page, side);
        }
    }

    /// Nothing of the page is left.
    pub(super) fn tape_over(&mut self, taping: &Taping) {
        self.effects.extend(
            taping
                .recording
                .map(|recording| Effect::EndRecording { recording }),
        );
    }

    /// The recording of that side of a page, which begins now if it has not; `None` if that side
    /// is not recorded.
    fn taped(&mut self, page: PageId, side: Side) -> Option<RecordingId> {
        let record = self.records.get(&page)?;
        let taping = &record.taping;
        if taping.side != Some(side) || taping.recording.is_some() {
            return taping.recording.filter(|_| taping.side == Some(side));
        }
        let mark = match (side, record.call) {
            (Side::Caller, call) => Mark::Caller(call?),
            (Side::Page, call) => Mark::Page(call),
        };
        let open = Open {
            call: record.call,
            zone: None,
            label: record.label.clone(),
            page: taping.page.clone(),
            caller: taping.caller.clone(),
            files: Vec::new(),
        };
        let recording = self.record(open, mark);
        if let Some(record) = self.records.get_mut(&page) {
            record.taping.recording = Some(recording);
        }
        Some(recording)
    }

    /// Pages are heard in these zones from now on.
    pub(super) fn tape_zones(&mut self, zones: &ZoneSet) {
        for zone in self.policy.recorded.intersection(zones).iter() {
            if self.recordings.zones.contains_key(&zone) {
                continue;
            }
            let names = self.policy.names(&zone.into());
            let mut pages = self.records.iter();
            let heard = pages.find(|(page, _)| self.pages.zones_of(**page).contains(zone));
            let (call, label, page, caller) = match heard {
                Some((_, it)) => {
                    let Taping { page, caller, .. } = it.taping.clone();
                    (it.call, format!("{}, zone {names}", it.label), page, caller)
                }
                None => (None, format!("zone {names}"), String::new(), String::new()),
            };
            let open = Open {
                call,
                zone: Some(zone),
                label,
                page,
                caller,
                files: Vec::new(),
            };
            let recording = self.record(open, Mark::Zone(zone));
            self.recordings.zones.insert(zone, recording);
        }
    }

    /// No page is heard in these zones any more.
    pub(super) fn tape_released(&mut self, zones: &ZoneSet) {
        for zone in zones.iter() {
            let recording = self.recordings.zones.remove(&zone);
            let end = recording.map(|recording| Effect::EndRecording { recording });
            self.effects.extend(end);
        }
    }

    /// A call is held for a program from now on.
    pub(super) fn tape_held(
        &mut self,
        call: CallId,
        label: String,
        desk: String,
        number: String,
    ) -> RecordingId {
        let open = Open {
            call: Some(call),
            zone: None,
            label,
            page: desk,
            caller: number,
            files: Vec::new(),
        };
        self.record(open, Mark::Held(call))
    }

    fn record(&mut self, open: Open, mark: Mark) -> RecordingId {
        self.recordings.n += 1;
        let recording = RecordingId(self.recordings.n);
        let zone = open.zone.map(|zone| self.policy.names(&zone.into()));
        let words = [zone.as_ref(), Some(&open.page), Some(&open.caller)];
        let words = words.into_iter().flatten().filter(|word| !word.is_empty());
        self.effects.push_back(Effect::Record {
            recording,
            mark,
            words: words.cloned().collect(),
        });
        self.recordings.open.insert(recording, open);
        recording
    }
}

/// What becomes of recordings.
impl Core {
    pub(super) fn recording_opened(&mut self, recording: RecordingId, file: String) {
        if let Some(open) = self.recordings.open.get_mut(&recording) {
            open.files.push(file);
        }
    }

    /// One line, and what it tells as values.
    pub(super) fn recording_finished(
        &mut self,
        recording: RecordingId,
        file: String,
        length: Duration,
        lost: Duration,
    ) {
        let Some(open) = self.recordings.open.get(&recording) else {
            return;
        };
        let (level, but) = match lost.is_zero() {
            true => (Level::Info, String::new()),
            false => (
                Level::Warn,
                format!(", {} of it lost since the disk was too slow", seconds(lost)),
            ),
        };
        let text = format!(
            "recording {file} of {}: {}{but}",
            open.label,
            seconds(length)
        );
        let recorded = Recorded {
            file,
            length,
            page: open.page.clone(),
            caller: open.caller.clone(),
            zone: open.zone,
        };
        let note = Note::new(open.call, level, &text);
        self.log(Some(note.about(About::Recording(recorded))));
    }

    pub(super) fn recording_over(&mut self, recording: RecordingId) {
        self.recordings.open.remove(&recording);
    }

    /// The files of a page.
    pub(super) fn files_of(&self, taping: &Taping) -> Vec<String> {
        let open = taping.recording.map(|it| self.recordings.open.get(&it));
        open.flatten()
            .map(|it| it.files.clone())
            .unwrap_or_default()
    }

    /// Completes the line that tells what became of a page.
    pub(super) fn told_recording(&self, taping: &Taping) -> String {
        if taping.recording.is_none() {
            return String::new();
        }
        let files = self.files_of(taping).join(" and ");
        let is_well = self.health.disk.as_ref().is_none_or(|disk| disk.ok);
        match (files.is_empty(), is_well) {
            (false, _) => format!(", recorded in {files}"),
            (true, false) => ", not recorded".to_owned(),
            // So short that the file is still being made.
            (true, true) => String::new(),
        }
    }
}

/// What a caller hears before it is recorded.
impl Core {
    /// Whether the page's caller is to be told first.
    pub(super) fn is_to_be_greeted(&self, page: PageId) -> bool {
        let record = self.records.get(&page);
        record.is_some_and(|it| it.taping.greeting.is_some() && it.call.is_some())
    }

    /// The caller is there: it is told, and waited for.
    pub(super) fn greet(&mut self, id: CallId, now: Instant) {
        let call = self.calls.get_mut(&id);
        let Some(call) = call.filter(|call| call.stage == Stage::Greeting { until: None }) else {
            return;
        };
        let record = self.records.get(&call.page);
        let greeting = record.and_then(|it| it.taping.greeting);
        let span = greeting.map_or(Duration::ZERO, |clip| clip.duration + ON_ITS_WAY);
        let until = Some(now + span);
        call.stage = Stage::Greeting { until };
        let greet = greeting.map(|clip| Effect::Greet {
            call: id,
            sound: clip.sound,
        });
        self.effects.extend(greet);
    }

    /// The caller has been told: the page begins.
    pub(super) fn greeted(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.enter(Stage::Klaxon, now);
        let page = call.page;
        self.pages.handle_begin(page, now);
    }
}

impl Health {
    /// A note if this is news.
    pub(super) fn disk_changed(&mut self, ok: bool, text: String, now: Instant) -> Option<Note> {
        let disk = Part::news(self.disk.as_ref(), ok, &text, now)?;
        let mut note = disk.note("recordings");
        if !ok {
            note.text = one_line(&format!("recordings: nothing is recorded: {text}"));
        }
        self.disk = Some(disk);
        Some(note)
    }
}

/// The last of the sound is with the caller by then.
const ON_ITS_WAY: Duration = Duration::from_millis(200);
