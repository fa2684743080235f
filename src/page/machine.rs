//! Which announcement has the floor in which zones?
//!
//! ```text
//!  handle_ask                 handle_begin          tone over         handle_speak
//!      │                          │ (pre-roll)      + padding        (or a message) handle_close
//!      ▼   zones are its own      ▼                    │                   ▼          │
//!   Queued ─────────────────► Granted ─────► Klaxon ───▼────────► Open ────────► Live ▼──► Ending
//!      ▲                          │└── no klaxon ──────────────────▲│                │        │
//!      └── others took all zones ─┴────────────────────────────────┘│                │        │
//!      └── handle_end, from every state: nothing of the page is left ─┴──────────────┴────────┘
//!
//!   zone:  ── music ──┐ first sound of a page              ┌── music ──  nobody holds the zone
//!                     └────────────── ducked ──────────────┘
//! ```
//!
//! Pages hold their zones from `Granted` to their end. One of a higher priority takes just the
//! zones that it needs, at once, and gives them back at its end; meanwhile the lower goes on where
//! it still has zones. One that loses all of them before its first word waits again; one that is
//! live is silent until a zone comes back.
//!
//! A page that takes over a ducked zone keeps it ducked, so music does not bounce between two
//! pages; a page never ducks before its first sound. While there is no sound the queue stands
//! still, and tones pass by time alone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::announcement::{Announcement, GRACE, Phase, Playing, State};
use super::ask::{Ask, Busy, Klaxon, PageId, Source};
use super::event::{Event, Output, Over, Tone};
use super::{queue, share};
use crate::base::{PlayId, ZoneSet};

/// All announcements of a site. Pages that it does not know are ignored: they may just have ended.
#[derive(Debug)]
pub struct Machine {
    /// In the order of asking.
    pages: Vec<Announcement>,
    ducked: ZoneSet,
    output: Output,
    n_turns: u64,
    n_plays: u64,
    events: VecDeque<Event>,
}

impl Machine {
    /// No pages, and all music up.
    pub fn new(output: Output) -> Self {
        Self {
            pages: Vec::new(),
            ducked: ZoneSet::EMPTY,
            output,
            n_turns: 0,
            n_plays: 0,
            events: VecDeque::new(),
        }
    }

    /// A new page wants zones; it is granted, queued or over at once.
    pub fn handle_ask(&mut self, page: PageId, ask: Ask, now: Instant) {
        self.pages.push(Announcement::new(page, ask));
        self.settle(now);
        if self.find(page).is_some_and(|it| it.is_queued()) {
            self.tell_place(page);
        }
    }

    /// A page that still waits wants something else; it keeps its place.
    pub fn handle_revised(&mut self, page: PageId, ask: Ask, now: Instant) {
        if let Some(waiting) = self.find(page).filter(|p| p.is_queued()) {
            waiting.ask = ask;
            self.settle(now);
        }
    }

    /// The granted page begins: its klaxon sounds; without one it opens at once.
    pub fn handle_begin(&mut self, page: PageId, now: Instant) {
        let Some(granted) = self.find(page).filter(|p| p.state == State::Granted) else {
            return;
        };
        let pre_roll = granted.ask.pre_roll;
        granted.state = State::Rolling {
            until: now + pre_roll,
        };
        if !pre_roll.is_zero() {
            self.settle(now);
        }
        self.handle_timeout(now);
    }

    /// Somebody speaks into the open page from now on.
    pub fn handle_speak(&mut self, page: PageId, now: Instant) {
        let Some(open) = self.find(page).filter(|p| p.state == State::Open) else {
            return;
        };
        open.go_live(now);
        let zones = open.has;
        self.work_out(now);
        self.events.push_back(Event::Voice { page, zones });
        self.settle(now);
    }

    /// The last word of the page is said: its end tone sounds, or it is over.
    pub fn handle_close(&mut self, page: PageId, now: Instant) {
        let Some(at) = self.place(page) else {
            return;
        };
        if self.pages[at].state == State::Ending {
            return;
        }
        self.close(at, now);
        self.settle(now);
    }

    /// The page is over at once, whatever its state.
    pub fn handle_end(&mut self, page: PageId, now: Instant) {
        if let Some(at) = self.place(page) {
            self.remove(at, Over::Finished);
            self.settle(now);
        }
    }

    /// The engine has played a sound to its end, or could not play it.
    pub fn handle_play_ended(&mut self, play: PlayId, now: Instant) {
        let of_play = |p: &Announcement| p.playing.iter().any(|it| it.play == play);
        let Some(at) = self.pages.iter().position(of_play) else {
            return;
        };
        let page = &mut self.pages[at];
        let over = page.playing.iter().position(|it| it.play == play);
        if let Some(over) = over {
            let tone = page.playing.swap_remove(over).tone;
            self.tone_ended(at, tone, now);
        }
        self.handle_timeout(now);
    }

    /// Sound came or went. Tones do not outlast its loss: they would sound too late.
    pub fn handle_output(&mut self, output: Output, now: Instant) {
        self.output = output;
        if output == Output::Down {
            for playing in self.pages.iter_mut().flat_map(|p| p.playing.drain(..)) {
                let play = playing.play;
                self.events.push_back(Event::StopPlay { play });
            }
            let ending = |p: &Announcement| p.state == State::Ending;
            while let Some(at) = self.pages.iter().position(ending) {
                self.remove(at, Over::Finished);
            }
        }
        self.settle(now);
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.run_due(now);
        self.settle(now);
    }

    /// Says once more which music is ducked and which voices belong where, for an engine that may
    /// have forgotten it.
    pub fn restate(&mut self) {
        let zones = self.ducked;
        if !zones.is_empty() {
            self.events.push_back(Event::Ducked { zones });
        }
        let live = self.pages.iter().filter(|p| p.is_live() && is_voice(p));
        self.events.extend(live.map(|p| Event::Voice {
            page: p.id,
            zones: p.has,
        }));
    }

    /// The next event, in the order in which things happened; call until `None`.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call `handle_timeout`, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.pages.iter().filter_map(|p| p.poll_timeout()).min()
    }

    /// The zones whose music is down.
    pub fn ducked(&self) -> ZoneSet {
        self.ducked
    }

    /// The zones where a page sounds now; empty for one that waits or is not there.
    pub fn zones_of(&self, page: PageId) -> ZoneSet {
        let found = self.place(page).map(|at| self.pages[at].has);
        found.unwrap_or(ZoneSet::EMPTY)
    }

    /// The zones that a page asks for; empty for one that is not there.
    pub fn wanted_by(&self, page: PageId) -> ZoneSet {
        let found = self.place(page).map(|at| self.pages[at].ask.zones);
        found.unwrap_or(ZoneSet::EMPTY)
    }

    /// How far a page has come; of one that is not there, that it waits.
    pub fn phase_of(&self, page: PageId) -> Phase {
        let found = self.place(page).map(|at| self.pages[at].state.phase());
        found.unwrap_or(Phase::Queued)
    }

    /// Whether others wait for zones that this page holds.
    pub fn is_in_the_way(&self, page: PageId) -> bool {
        let holder = self.place(page).map(|at| &self.pages[at]);
        let Some(holder) = holder.filter(|p| !p.is_queued()) else {
            return false;
        };
        let waits = |p: &&Announcement| {
            p.is_queued() && p.ask.busy != Busy::Mix && p.ask.priority <= holder.ask.priority
        };
        let mut waiting = self.pages.iter().filter(waits);
        waiting.any(|p| p.ask.zones.intersects(&holder.ask.zones))
    }

    fn place(&self, page: PageId) -> Option<usize> {
        self.pages.iter().position(|p| p.id == page)
    }

    fn find(&mut self, page: PageId) -> Option<&mut Announcement> {
        self.pages.iter_mut().find(|p| p.id == page)
    }

    fn tell_place(&mut self, page: PageId) {
        let Some(at) = self.place(page) else {
            return;
        };
        let n_before = queue::n_before(&self.pages, at);
        self.pages[at].told = Some(n_before);
        self.events.push_back(Event::Queued { page, n_before });
    }

    fn tell_advances(&mut self) {
        for (at, n_before) in queue::advanced(&self.pages) {
            let page = &mut self.pages[at];
            page.told = Some(n_before);
            let page = page.id;
            self.events.push_back(Event::Advanced { page, n_before });
        }
    }
}

/// The steps of one page.
impl Machine {
    /// Takes every step that is due; whether there was one.
    fn run_due(&mut self, now: Instant) -> bool {
        let is_due = |p: &&Announcement| p.poll_timeout().is_some_and(|(at, _)| at <= now);
        let due: Vec<PageId> = self.pages.iter().filter(is_due).map(|p| p.id).collect();
        for page in &due {
            while let Some(at) = self.place(*page).filter(|at| is_due(&&self.pages[*at])) {
                self.move_on(at, now);
            }
        }
        !due.is_empty()
    }

    /// One step that time brings.
    fn move_on(&mut self, at: usize, now: Instant) {
        let page = &mut self.pages[at];
        if let Some(gone) = page.playing.iter().position(|it| it.gone_at <= now) {
            let Playing { play, tone, .. } = page.playing.swap_remove(gone);
            self.events.push_back(Event::StopPlay { play });
            return self.tone_ended(at, tone, now);
        }
        match page.state {
            State::Queued => self.remove(at, Over::Expired),
            State::Rolling { .. } => self.sound_klaxon(at, now),
            State::Klaxon { .. } => self.open(at, now),
            State::Live {
                since,
                is_warned: false,
            } if page.ask.limit.is_some_and(|it| it.warning.is_some()) => {
                page.state = State::Live {
                    since,
                    is_warned: true,
                };
                let warning = page.ask.limit.and_then(|it| it.warning);
                self.events.push_back(Event::Warned { page: page.id });
                if let Some(span) = warning.and_then(|it| it.tone) {
                    self.play(at, Tone::Warning, span, None, now);
                }
            }
            State::Live { .. } => {
                self.events.push_back(Event::TimeUp { page: page.id });
                self.close(at, now);
            }
            State::Granted | State::Open | State::Ending => {}
        }
    }

    fn sound_klaxon(&mut self, at: usize, now: Instant) {
        let page = &mut self.pages[at];
        let Some(klaxon) = page.ask.klaxon.filter(Klaxon::sounds) else {
            return self.open(at, now);
        };
        let play = PlayId(self.n_plays + 1);
        let is_audible = self.output == Output::Up;
        page.start(klaxon, is_audible.then_some(play), now);
        let (page, zones) = (page.id, page.has);
        self.duck();
        if is_audible {
            self.n_plays = play.0;
            self.events.push_back(Event::Play {
                page,
                play,
                tone: Tone::Klaxon,
                zones,
                longest: klaxon.longest,
            });
        }
    }

    /// A message begins by itself; a voice is waited for.
    fn open(&mut self, at: usize, now: Instant) {
        let page = &mut self.pages[at];
        page.state = State::Open;
        if is_voice(page) {
            self.events.push_back(Event::Open { page: page.id });
            return;
        }
        page.go_live(now);
    }

    fn tone_ended(&mut self, at: usize, tone: Tone, now: Instant) {
        let page = &mut self.pages[at];
        match tone {
            Tone::Klaxon => page.klaxon_ended(now),
            Tone::Message => {
                page.times_left = page.times_left.saturating_sub(1);
                if page.times_left == 0 {
                    self.close(at, now);
                }
            }
            Tone::Warning => {}
            Tone::End => self.remove(at, Over::Finished),
        }
    }

    /// Plays the end tone if the page was live and can be heard; else nothing is left of it.
    fn close(&mut self, at: usize, now: Instant) {
        let is_audible = self.output == Output::Up && !self.pages[at].has.is_empty();
        let tone = self.pages[at].ask.end_tone;
        let Some(span) = tone.filter(|_| self.pages[at].is_live() && is_audible) else {
            return self.remove(at, Over::Finished);
        };
        self.silence(at);
        self.pages[at].state = State::Ending;
        self.play(at, Tone::End, span, None, now);
    }

    fn play(
        &mut self,
        at: usize,
        tone: Tone,
        span: Duration,
        longest: Option<Duration>,
        now: Instant,
    ) {
        if self.output == Output::Down || self.pages[at].has.is_empty() {
            return;
        }
        self.n_plays += 1;
        let play = PlayId(self.n_plays);
        let page = &mut self.pages[at];
        page.playing.push(Playing {
            play,
            tone,
            gone_at: now + span.min(LONGEST_TONE) + GRACE,
        });
        self.events.push_back(Event::Play {
            page: page.id,
            play,
            tone,
            zones: page.has,
            longest,
        });
    }

    fn silence(&mut self, at: usize) {
        for Playing { play, .. } in self.pages[at].playing.drain(..) {
            self.events.push_back(Event::StopPlay { play });
        }
    }

    fn remove(&mut self, at: usize, how: Over) {
        self.silence(at);
        let page = self.pages.remove(at);
        self.events.push_back(Event::Over {
            page: page.id,
            how,
            hearing: page.hearing(),
        });
    }
}

/// What follows from the states of all pages, worked out afresh.
impl Machine {
    /// Each step that is due ends a page, moves it on or makes it wait, so this ends.
    fn settle(&mut self, now: Instant) {
        self.work_out(now);
        while self.run_due(now) {
            self.work_out(now);
        }
        self.tell_advances();
    }

    fn work_out(&mut self, now: Instant) {
        if self.output == Output::Up {
            self.grant();
        }
        self.share();
        self.say_messages(now);
        let is_audible = self.output == Output::Up;
        let hear = |page: &mut Announcement| page.note_hearing(is_audible);
        self.pages.iter_mut().for_each(hear);
        self.duck();
    }

    fn grant(&mut self) {
        if !self.pages.iter().any(Announcement::is_queued) {
            return;
        }
        let decision = share::decide(&self.pages);
        for &at in &decision.granted {
            self.n_turns += 1;
            let page = &mut self.pages[at];
            page.state = State::Granted;
            page.turn = self.n_turns;
        }
        let shares = share::shares(&self.pages);
        for (at, zones) in shares {
            if decision.granted.contains(&at) {
                self.pages[at].has = zones;
            }
        }
        for at in decision.granted {
            let (page, zones) = (self.pages[at].id, self.pages[at].has);
            self.events.push_back(Event::Granted { page, zones });
        }
        let mut rejected = decision.rejected;
        rejected.sort_unstable_by(|a, b| b.cmp(a));
        for at in rejected {
            self.remove(at, Over::Rejected);
        }
    }

    /// Moves what sounds to where it belongs now.
    fn share(&mut self) {
        let mut displaced = Vec::new();
        for (at, zones) in share::shares(&self.pages) {
            let page = &mut self.pages[at];
            if page.has == zones {
                continue;
            }
            page.has = zones;
            if page.is_displaced() && !page.is_live() {
                displaced.push(page.id);
                continue;
            }
            if page.is_live() && is_voice(page) {
                let page = page.id;
                self.events.push_back(Event::Voice { page, zones });
            }
            self.move_plays(at, zones);
        }
        for page in displaced {
            self.displace(page);
        }
    }

    fn move_plays(&mut self, at: usize, zones: ZoneSet) {
        if zones.is_empty() {
            return self.silence(at);
        }
        for Playing { play, .. } in &self.pages[at].playing {
            let play = *play;
            self.events.push_back(Event::Moved { play, zones });
        }
    }

    /// A page that lost all zones before its first word waits for them again, klaxon and all.
    fn displace(&mut self, page: PageId) {
        let Some(at) = self.place(page) else {
            return;
        };
        if self.pages[at].state == State::Ending {
            return self.remove(at, Over::Finished);
        }
        self.silence(at);
        self.pages[at].state = State::Queued;
        if self.pages[at].ask.busy == Busy::Reject {
            return self.remove(at, Over::Rejected);
        }
        self.tell_place(page);
    }

    /// A message that was silenced in all zones begins again when one comes back.
    fn say_messages(&mut self, now: Instant) {
        for at in 0..self.pages.len() {
            let page = &self.pages[at];
            let Source::Message { duration, .. } = page.ask.source else {
                continue;
            };
            let is_playing = page.playing.iter().any(|it| it.tone == Tone::Message);
            if page.is_live() && !is_playing {
                self.play(at, Tone::Message, duration, None, now);
            }
        }
    }

    fn duck(&mut self) {
        let heard = zones_of(&self.pages, Announcement::is_heard);
        let held = zones_of(&self.pages, |p| !p.is_queued());
        let wanted = heard.union(&self.ducked.intersection(&held));
        let down = wanted.difference(&self.ducked);
        let back = self.ducked.difference(&wanted);
        self.ducked = wanted;
        if !back.is_empty() {
            self.events.push_back(Event::Released { zones: back });
        }
        if !down.is_empty() {
            self.events.push_back(Event::Ducked { zones: down });
        }
    }
}

fn is_voice(page: &Announcement) -> bool {
    page.ask.source == Source::Voice
}

fn zones_of(pages: &[Announcement], which: impl Fn(&Announcement) -> bool) -> ZoneSet {
    pages
        .iter()
        .filter(|p| which(p))
        .fold(ZoneSet::EMPTY, |all, p| all.union(&p.has))
}

/// Ten years stand for ever, and stay in the range of `Instant`.
const LONGEST_TONE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
