//! Do random pages in random zones keep the rules? The books here are kept from events alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::tone;
use crate::base::{PlayId, ZoneId, ZoneSet};
use crate::page::{Ask, Busy, Event, Machine, Output, PageId};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Queued,
    Granted,
    Begun,
    Open,
    Live,
}

#[derive(Debug)]
struct Entry {
    ask: Ask,
    seen: Seen,
    play: Option<PlayId>,
}

impl Entry {
    fn holds(&self) -> bool {
        self.seen != Seen::Queued
    }

    fn is_heard(&self) -> bool {
        matches!(self.seen, Seen::Begun | Seen::Live) || self.play.is_some()
    }
}

struct Books {
    machine: Machine,
    now: Instant,
    output: Output,
    /// By id, which is the order of asking.
    pages: BTreeMap<u64, Entry>,
    ducked: ZoneSet,
    n_pages: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Ask),
    Revise(usize, Ask),
    Begin(usize),
    Speak(usize),
    End(usize),
    PlayEnded(u64),
    Sound(bool),
    Pass(u64),
}

impl Books {
    fn new() -> Self {
        Self {
            machine: Machine::new(Output::Up),
            now: Instant::now(),
            output: Output::Up,
            pages: BTreeMap::new(),
            ducked: ZoneSet::EMPTY,
            n_pages: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step.clone() {
            Step::Ask(ask) => {
                self.n_pages += 1;
                let entry = Entry {
                    ask: ask.clone(),
                    seen: Seen::Queued,
                    play: None,
                };
                self.pages.insert(self.n_pages, entry);
                self.machine.handle_ask(PageId(self.n_pages), ask);
            }
            Step::Revise(i, ask) => {
                let page = self.pick(i);
                if let Some(entry) = self.pages.get_mut(&page.0).filter(|it| !it.holds()) {
                    entry.ask = ask.clone();
                }
                self.machine.handle_revised(page, ask);
            }
            Step::Begin(i) => {
                let page = self.pick(i);
                if let Some(entry) = self.pages.get_mut(&page.0)
                    && entry.seen == Seen::Granted
                {
                    entry.seen = Seen::Begun;
                }
                self.machine.handle_begin(page, self.now);
            }
            Step::Speak(i) => self.machine.handle_speak(self.pick(i)),
            Step::End(i) => {
                let page = self.pick(i);
                self.machine.handle_end(page);
                let gone = self.pages.remove(&page.0);
                if let Some(play) = gone.and_then(|it| it.play) {
                    assert_eq!(self.machine.poll(), Some(Event::StopPlay { play }));
                }
            }
            Step::PlayEnded(play) => {
                let play = PlayId(play);
                for entry in self.pages.values_mut() {
                    entry.play.take_if(|it| *it == play);
                }
                self.machine.handle_play_ended(play, self.now);
            }
            Step::Sound(up) => {
                self.output = if up { Output::Up } else { Output::Down };
                self.machine.handle_output(self.output);
            }
            Step::Pass(span) => {
                self.now += Duration::from_millis(span);
                self.machine.handle_timeout(self.now);
            }
        }
        self.drain();
        self.check();
    }

    fn pick(&self, i: usize) -> PageId {
        PageId(i as u64 % self.n_pages.max(1) + 1)
    }

    fn drain(&mut self) {
        while let Some(event) = self.machine.poll() {
            match event {
                Event::Queued { page, n_before } => {
                    assert!(!self.pages[&page.0].holds());
                    assert!(n_before > 0 || self.output == Output::Down);
                }
                Event::Granted { page } => {
                    assert_eq!(self.output, Output::Up);
                    self.move_on(page, Seen::Queued, Seen::Granted);
                    self.assert_nobody_overtaken(page.0);
                }
                Event::Play { page, play, .. } => {
                    assert_eq!(self.output, Output::Up);
                    let entry = self.pages.get_mut(&page.0).unwrap();
                    assert_eq!((entry.seen, entry.play), (Seen::Begun, None));
                    entry.play = Some(play);
                }
                Event::StopPlay { play } => {
                    let stopped = self.pages.values_mut().filter(|it| it.play == Some(play));
                    assert_eq!(stopped.map(|it| it.play = None).count(), 1);
                }
                Event::Open { page } => self.move_on(page, Seen::Begun, Seen::Open),
                Event::Voice { page, zones } => {
                    self.move_on(page, Seen::Open, Seen::Live);
                    assert_eq!(zones, self.pages[&page.0].ask.zones);
                }
                Event::Ducked { zones } => {
                    assert!(!zones.intersects(&self.ducked));
                    self.ducked = self.ducked.union(&zones);
                }
                Event::Released { zones } => {
                    assert!(zones.difference(&self.ducked).is_empty());
                    self.ducked = self.ducked.difference(&zones);
                }
            }
        }
    }

    fn move_on(&mut self, page: PageId, from: Seen, to: Seen) {
        let entry = self.pages.get_mut(&page.0).unwrap();
        assert_eq!(entry.seen, from);
        entry.seen = to;
    }

    fn assert_nobody_overtaken(&self, page: u64) {
        let ask = &self.pages[&page].ask;
        let mut waiting = self.pages.range(..page).filter(|(_, it)| !it.holds());
        let overtaken = waiting.any(|(_, it)| it.ask.zones.intersects(&ask.zones));
        assert!(ask.busy == Busy::Mix || !overtaken, "page {page} overtakes");
    }

    fn check(&self) {
        for (id, page) in &self.pages {
            let rivals = self
                .pages
                .iter()
                .filter(|(other, it)| *other != id && it.ask.zones.intersects(&page.ask.zones));
            let mut ahead = rivals
                .clone()
                .filter(|(other, it)| it.holds() || *other < id);
            let waits = self.output == Output::Down
                || page.ask.busy == Busy::Queue && ahead.next().is_some();
            assert!(page.holds() || waits, "page {id} waits for nobody");
            let exclusive = |it: &Entry| it.holds() && it.ask.busy == Busy::Queue;
            let mut rivals = rivals.filter(|(_, it)| exclusive(it));
            assert!(
                !exclusive(page) || rivals.next().is_none(),
                "page {id} is disturbed"
            );
        }
        let heard = self.zones_of(Entry::is_heard);
        let held = self.zones_of(Entry::holds);
        assert!(heard.difference(&self.ducked).is_empty(), "music too loud");
        assert!(
            self.ducked.difference(&held).is_empty(),
            "music down for nobody"
        );
        assert_eq!(self.ducked, self.machine.ducked());
        let due = self.machine.poll_timeout();
        assert!(due.is_none_or(|(at, _)| at > self.now), "stuck: {due:?}");
    }

    fn zones_of(&self, which: impl Fn(&Entry) -> bool) -> ZoneSet {
        let pages = self.pages.values().filter(|it| which(it));
        pages.fold(ZoneSet::EMPTY, |all, it| all.union(&it.ask.zones))
    }
}

const N_ZONES: u16 = 64;

fn asks() -> impl Strategy<Value = Ask> {
    let few = vec(0..4u16, 0..3);
    let many = vec(0..N_ZONES, 0..10);
    let klaxon = prop_oneof![Just(None), (0u64..3_000, -2.0..2.0).prop_map(Some)];
    (prop_oneof![few, many], 0..4, klaxon).prop_map(|(ids, mix, klaxon)| Ask {
        zones: ids.into_iter().map(ZoneId).collect(),
        busy: if mix == 0 { Busy::Mix } else { Busy::Queue },
        klaxon: klaxon.and_then(|(span, padding)| tone(Duration::from_millis(span), padding)),
    })
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    prop_oneof![
        6 => asks().prop_map(Step::Ask),
        1 => (any(), asks()).prop_map(|(i, ask)| Step::Revise(i, ask)),
        8 => any().prop_map(Step::Begin),
        8 => any().prop_map(Step::Speak),
        5 => any().prop_map(Step::End),
        3 => (0u64..30).prop_map(Step::PlayEnded),
        1 => any().prop_map(|i| Step::Sound(i % 2 == 0)),
        6 => (0u64..2_000).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn zones_are_shared_out_fairly_and_everybody_has_a_turn(steps in vec(step(), 1..120)) {
        let mut books = Books::new();
        for step in &steps {
            books.take(step);
        }
        books.take(&Step::Sound(true));
        // Whoever holds zones leaves; then the next ones must hold them, until nobody is left.
        while !books.pages.is_empty() {
            let held = books.pages.iter().find(|(_, it)| it.holds());
            let (id, _) = held.expect("somebody holds zones while anybody waits");
            let id = *id as usize - 1;
            books.take(&Step::End(id));
        }
        prop_assert!(books.ducked.is_empty());
        prop_assert_eq!(books.machine.poll_timeout(), None);
    }

    #[test]
    fn a_begun_page_opens_within_its_time(
        klaxon in (0u64..5_000, -5.0..5.0f64),
        ends in any::<bool>(),
        sound in any::<bool>(),
    ) {
        let mut books = Books::new();
        let (span, padding) = (Duration::from_millis(klaxon.0), klaxon.1);
        let zones = super::zones(&[0]);
        let ask = Ask { zones, busy: Busy::Queue, klaxon: tone(span, padding) };
        books.take(&Step::Ask(ask));
        books.take(&Step::Begin(0));
        books.take(&Step::Sound(sound));
        let mut left = span.as_millis() as u64;
        if ends {
            books.take(&Step::Pass(left));
            books.take(&Step::PlayEnded(1));
            left = 0;
        }
        books.take(&Step::Pass(left + 1_000 + (padding.max(0.0) * 1000.0).ceil() as u64));
        prop_assert_eq!(books.pages[&1].seen, Seen::Open);
    }
}
