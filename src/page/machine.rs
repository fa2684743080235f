//! Which announcement has the floor in which zones?
//!
//! ```text
//!  handle_ask                 handle_begin          tone over         handle_speak
//!      │                          │                 + padding              │
//!      ▼      zones are free      ▼                    │                   ▼
//!   Queued ─────────────────► Granted ─────► Klaxon ───▼────────► Open ──────────► Live
//!      │       or it mixes        └── no klaxon ──────────────────▲ │                │
//!      │                                                            │                │
//!      └──── handle_end, from every state: nothing of the page is left ──────────────┘
//!
//!   zone:  ── music ──┐ first sound of a page              ┌── music ──  nobody holds the zone
//!                     └────────────── ducked ──────────────┘
//! ```
//!
//! Pages hold their zones from `Granted` to their end. A page that takes over a ducked zone keeps it
//! ducked, so music does not bounce between two pages; a page never ducks before its first sound.
//! While there is no sound the queue stands still, and tones pass by time alone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::announcement::{Announcement, Ask, Busy, Klaxon, PageId, State};
use crate::base::{PlayId, ZoneSet};

/// What follows from the last `handle_*`; drain it before the next input from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The page waits for `n_before` others.
    Queued { page: PageId, n_before: usize },
    /// The zones belong to the page: it waits for `handle_begin`.
    Granted { page: PageId },
    /// Play the klaxon of the page now.
    Play {
        page: PageId,
        play: PlayId,
        zones: ZoneSet,
        longest: Option<Duration>,
    },
    /// This klaxon must not sound any more.
    StopPlay { play: PlayId },
    /// The klaxon and its padding are over: the page waits for `handle_speak`.
    Open { page: PageId },
    /// The voice of the page belongs into these zones now.
    Voice { page: PageId, zones: ZoneSet },
    /// Music goes down here.
    Ducked { zones: ZoneSet },
    /// Music comes back here.
    Released { zones: ZoneSet },
}

/// Whether what is played reaches a loudspeaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Pages are granted and klaxons played.
    Up,
    /// The queue stands still.
    Down,
}

/// All announcements of a site. Pages that it does not know are ignored: they may just have ended.
#[derive(Debug)]
pub struct Machine {
    /// In the order of asking.
    pages: Vec<Announcement>,
    ducked: ZoneSet,
    output: Output,
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
            n_plays: 0,
            events: VecDeque::new(),
        }
    }

    /// A new page wants zones; it is granted or queued at once.
    pub fn handle_ask(&mut self, page: PageId, ask: Ask) {
        self.pages.push(Announcement::new(page, ask));
        self.settle();
        let (last, before) = self.pages.split_last().expect("the page was just pushed");
        if last.is_queued() {
            let zones = last.ask.zones;
            let rivals = before.iter().filter(|p| p.ask.zones.intersects(&zones));
            let n_before = rivals.count();
            self.events.push_back(Event::Queued { page, n_before });
        }
    }

    /// A page that still waits wants something else; it keeps its place.
    pub fn handle_revised(&mut self, page: PageId, ask: Ask) {
        if let Some(waiting) = self.find(page).filter(|p| p.is_queued()) {
            waiting.ask = ask;
            self.settle();
        }
    }

    /// The granted page begins: its klaxon sounds; without one it opens at once.
    pub fn handle_begin(&mut self, page: PageId, now: Instant) {
        let play = PlayId(self.n_plays + 1);
        let audible = self.output == Output::Up;
        let Some(granted) = self.find(page).filter(|p| p.state == State::Granted) else {
            return;
        };
        let Some(klaxon) = granted.ask.klaxon.filter(Klaxon::sounds) else {
            granted.state = State::Open;
            self.events.push_back(Event::Open { page });
            return;
        };
        let zones = granted.ask.zones;
        granted.start(klaxon, audible.then_some(play), now);
        self.settle();
        if audible {
            self.n_plays = play.0;
            self.events.push_back(Event::Play {
                page,
                play,
                zones,
                longest: klaxon.longest,
            });
        }
        self.handle_timeout(now);
    }

    /// Somebody speaks into the open page from now on.
    pub fn handle_speak(&mut self, page: PageId) {
        let Some(open) = self.find(page).filter(|p| p.state == State::Open) else {
            return;
        };
        open.state = State::Live;
        let zones = open.ask.zones;
        self.settle();
        self.events.push_back(Event::Voice { page, zones });
    }

    /// The page is over, whatever its state.
    pub fn handle_end(&mut self, page: PageId) {
        let Some(at) = self.pages.iter().position(|p| p.id == page) else {
            return;
        };
        if let Some(playing) = self.pages.remove(at).playing {
            let play = playing.play;
            self.events.push_back(Event::StopPlay { play });
        }
        self.settle();
    }

    /// The engine has played a klaxon to its end, or could not play it.
    pub fn handle_play_ended(&mut self, play: PlayId, now: Instant) {
        let of_play = |p: &&mut Announcement| p.playing.is_some_and(|it| it.play == play);
        if let Some(page) = self.pages.iter_mut().find(of_play) {
            page.tone_ended(now);
            self.handle_timeout(now);
        }
    }

    /// Sound came or went. Tones do not outlast its loss: they would sound too late.
    pub fn handle_output(&mut self, output: Output) {
        self.output = output;
        if output == Output::Down {
            for playing in self.pages.iter_mut().filter_map(|p| p.playing.take()) {
                let play = playing.play;
                self.events.push_back(Event::StopPlay { play });
            }
        }
        self.settle();
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        for page in &mut self.pages {
            if let Some(playing) = page.playing.take_if(|it| it.gone_at <= now) {
                let play = playing.play;
                self.events.push_back(Event::StopPlay { play });
            }
            if matches!(page.state, State::Klaxon { open_at } if open_at <= now) {
                page.state = State::Open;
                self.events.push_back(Event::Open { page: page.id });
            }
        }
        self.settle();
    }

    /// Says once more which music is ducked and which voices belong where, for an engine that may
    /// have forgotten it.
    pub fn restate(&mut self) {
        let zones = self.ducked;
        if !zones.is_empty() {
            self.events.push_back(Event::Ducked { zones });
        }
        let live = self.pages.iter().filter(|p| p.state == State::Live);
        self.events.extend(live.map(|p| Event::Voice {
            page: p.id,
            zones: p.ask.zones,
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

    /// Whether others wait for zones that this page holds.
    pub fn is_in_the_way(&self, page: PageId) -> bool {
        let holds = |p: &&Announcement| p.id == page && !p.is_queued();
        let Some(holder) = self.pages.iter().find(holds) else {
            return false;
        };
        let waits = |p: &&Announcement| p.is_queued() && p.ask.busy == Busy::Queue;
        let mut waiting = self.pages.iter().filter(waits);
        waiting.any(|p| p.ask.zones.intersects(&holder.ask.zones))
    }

    fn find(&mut self, page: PageId) -> Option<&mut Announcement> {
        self.pages.iter_mut().find(|p| p.id == page)
    }

    /// Everything that follows from the states of the pages, worked out afresh.
    fn settle(&mut self) {
        if self.output == Output::Up {
            self.grant();
        }
        self.duck();
    }

    /// Hands free zones out in the order of asking; who waits keeps later ones off its zones.
    fn grant(&mut self) {
        let mut taken = zones_of(&self.pages, |p| !p.is_queued());
        for page in self.pages.iter_mut().filter(|p| p.is_queued()) {
            if page.ask.busy == Busy::Mix || !page.ask.zones.intersects(&taken) {
                page.state = State::Granted;
                self.events.push_back(Event::Granted { page: page.id });
            }
            taken = taken.union(&page.ask.zones);
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

fn zones_of(pages: &[Announcement], which: impl Fn(&Announcement) -> bool) -> ZoneSet {
    pages
        .iter()
        .filter(|p| which(p))
        .fold(ZoneSet::EMPTY, |all, p| all.union(&p.ask.zones))
}
