//! Do random pages in random zones keep the rules? The books here are kept from events alone, and
//! the rules are spelled out page by page and zone by zone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::tone;
use crate::base::{PlayId, ZoneId, ZoneSet};
use crate::page::{
    Ask, Busy, Event, Extent, Limit, Machine, Output, PageId, Priority, Source, Tone, Warning,
};

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
    /// The place among those that hold zones.
    turn: u64,
    plays: BTreeMap<PlayId, ZoneSet>,
    voice: ZoneSet,
}

impl Entry {
    fn holds(&self) -> bool {
        self.seen != Seen::Queued
    }

    fn wants(&self, zone: ZoneId) -> bool {
        self.ask.zones.contains(zone)
    }

    fn mixes(&self) -> bool {
        self.ask.busy == Busy::Mix
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
    n_turns: u64,
    n_over: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Ask),
    Revise(usize, Ask),
    Begin(usize),
    Speak(usize),
    Close(usize),
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
            n_turns: 0,
            n_over: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step.clone() {
            Step::Ask(ask) => {
                self.n_pages += 1;
                let ask = Ask {
                    expires_at: ask.expires_at.map(|_| self.now + PATIENCE),
                    ..ask
                };
                let entry = Entry {
                    ask: ask.clone(),
                    seen: Seen::Queued,
                    turn: 0,
                    plays: BTreeMap::new(),
                    voice: ZoneSet::EMPTY,
                };
                self.pages.insert(self.n_pages, entry);
                self.machine.handle_ask(PageId(self.n_pages), ask, self.now);
            }
            Step::Revise(i, ask) => {
                let ask = Ask {
                    expires_at: None,
                    ..ask
                };
                let page = self.pick(i);
                if let Some(entry) = self.pages.get_mut(&page.0).filter(|it| !it.holds()) {
                    entry.ask = ask.clone();
                }
                self.machine.handle_revised(page, ask, self.now);
            }
            Step::Begin(i) => self.begin(self.pick(i)),
            Step::Speak(i) => self.machine.handle_speak(self.pick(i), self.now),
            Step::Close(i) => self.machine.handle_close(self.pick(i), self.now),
            Step::End(i) => self.machine.handle_end(self.pick(i), self.now),
            Step::PlayEnded(play) => {
                let play = PlayId(play);
                for entry in self.pages.values_mut() {
                    entry.plays.remove(&play);
                }
                self.machine.handle_play_ended(play, self.now);
            }
            Step::Sound(up) => {
                self.output = if up { Output::Up } else { Output::Down };
                self.machine.handle_output(self.output, self.now);
            }
            Step::Pass(span) => {
                self.now += Duration::from_millis(span);
                self.machine.handle_timeout(self.now);
            }
        }
        self.drain();
        self.check();
    }

    fn begin(&mut self, page: PageId) {
        if let Some(entry) = self.pages.get_mut(&page.0)
            && entry.seen == Seen::Granted
        {
            entry.seen = Seen::Begun;
        }
        self.machine.handle_begin(page, self.now);
    }

    fn pick(&self, i: usize) -> PageId {
        PageId(i as u64 % self.n_pages.max(1) + 1)
    }

    fn drain(&mut self) {
        while let Some(event) = self.machine.poll() {
            match event {
                Event::Queued { page, .. } => {
                    // Asked, or displaced before the first word.
                    let entry = self.entry(page);
                    assert_ne!(entry.seen, Seen::Live);
                    entry.seen = Seen::Queued;
                }
                Event::Advanced { page, .. } => assert_eq!(self.entry(page).seen, Seen::Queued),
                Event::Granted { page, zones } => {
                    assert_eq!(self.output, Output::Up);
                    self.n_turns += 1;
                    let turn = self.n_turns;
                    let entry = self.entry(page);
                    assert_eq!(entry.seen, Seen::Queued);
                    entry.seen = Seen::Granted;
                    entry.turn = turn;
                    let is_whole = zones == entry.ask.zones;
                    assert!(is_whole || entry.ask.extent == Extent::Partial && !zones.is_empty());
                }
                Event::Play {
                    page,
                    play,
                    tone,
                    zones,
                    ..
                } => {
                    assert_eq!(self.output, Output::Up);
                    let entry = self.entry(page);
                    assert_eq!(entry.plays.insert(play, zones), None);
                    if tone == Tone::End {
                        // Whoever spoke has been disconnected.
                        entry.voice = ZoneSet::EMPTY;
                    }
                }
                Event::Moved { play, zones } => {
                    let mut of = self.pages.values_mut();
                    let at = of.find_map(|it| it.plays.get_mut(&play));
                    *at.expect("only what plays is moved") = zones;
                }
                Event::StopPlay { play } => {
                    let stopped = self.pages.values_mut();
                    let n = stopped.filter_map(|it| it.plays.remove(&play)).count();
                    assert_eq!(n, 1);
                }
                Event::Open { page } => self.move_on(page, Seen::Begun, Seen::Open),
                Event::Voice { page, zones } => {
                    let entry = self.entry(page);
                    assert!(matches!(entry.seen, Seen::Open | Seen::Live));
                    entry.seen = Seen::Live;
                    entry.voice = zones;
                }
                Event::Warned { page } | Event::TimeUp { page } => {
                    assert!(self.entry(page).ask.limit.is_some());
                }
                Event::Over { page, .. } => {
                    let entry = self.pages.remove(&page.0).expect("over once");
                    assert!(entry.plays.is_empty());
                    self.n_over += 1;
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

    fn entry(&mut self, page: PageId) -> &mut Entry {
        self.pages.get_mut(&page.0).expect("the page is not over")
    }

    fn move_on(&mut self, page: PageId, from: Seen, to: Seen) {
        let entry = self.entry(page);
        assert_eq!(entry.seen, from);
        entry.seen = to;
    }

    /// Whether a page gives way to another in the zones that both want.
    fn gives_way(&self, page: u64, other: u64) -> bool {
        let (it, other_it) = (&self.pages[&page], &self.pages[&other]);
        let (rank, other_rank) = (it.ask.priority, other_it.ask.priority);
        if other_rank != rank {
            return other_rank > rank;
        }
        let is_before = match (it.holds(), other_it.holds()) {
            (true, true) => other_it.turn < it.turn,
            (true, false) => false,
            (false, true) => true,
            (false, false) => other < page,
        };
        is_before && !it.mixes()
    }

    /// Whether the zone is not for the page now, because of another.
    fn is_taken(&self, page: u64, zone: ZoneId) -> bool {
        let holds = self.pages[&page].holds();
        self.pages.iter().any(|(other, it)| {
            *other != page
                && it.wants(zone)
                && (it.holds() || !holds)
                && self.gives_way(page, *other)
        })
    }

    fn has(&self, page: u64) -> ZoneSet {
        let zones = self.pages[&page].ask.zones;
        zones
            .iter()
            .filter(|zone| !self.is_taken(page, *zone))
            .collect()
    }

    fn check(&self) {
        let mut held = ZoneSet::EMPTY;
        for (id, page) in &self.pages {
            let free = self.has(*id);
            if !page.holds() {
                let all = page.ask.extent == Extent::Whole;
                let waits = self.output == Output::Down
                    || (if all {
                        free != page.ask.zones
                    } else {
                        free.is_empty()
                    });
                assert!(waits, "page {id} waits for nobody");
                let may_wait = page.ask.busy != Busy::Reject || self.output == Output::Down;
                assert!(may_wait, "page {id} waits and should not");
                continue;
            }
            assert_eq!(self.machine.zones_of(PageId(*id)), free, "page {id}");
            held = held.union(&free);
            assert!(page.plays.values().all(|zones| *zones == free), "page {id}");
            if page.seen == Seen::Live && page.ask.source == Source::Voice {
                let is_ending = page.voice.is_empty();
                assert!(page.voice == free || is_ending, "page {id}");
            }
            self.check_rank(*id, free);
        }
        assert!(
            self.heard().difference(&self.ducked).is_empty(),
            "music too loud"
        );
        assert!(
            self.ducked.difference(&held).is_empty(),
            "music down for nobody"
        );
        assert_eq!(self.ducked, self.machine.ducked());
        let due = self.machine.poll_timeout();
        assert!(due.is_none_or(|(at, _)| at > self.now), "stuck: {due:?}");
    }

    /// Two of a rank share no zone unless one mixes, and an emergency has each of its zones unless
    /// another emergency has it.
    fn check_rank(&self, id: u64, free: ZoneSet) {
        let page = &self.pages[&id];
        let others = || {
            self.pages
                .iter()
                .filter(|(other, it)| **other != id && it.holds())
        };
        for (other, it) in others().filter(|(_, it)| it.ask.priority == page.ask.priority) {
            let alone = !free.intersects(&self.has(*other));
            assert!(alone || page.mixes() || it.mixes(), "{id} and {other}");
        }
        if !page.ask.priority.is_emergency() {
            return;
        }
        for zone in page.ask.zones.difference(&free).iter() {
            let mut by = others().filter(|(other, _)| self.has(**other).contains(zone));
            assert!(
                by.any(|(_, it)| it.ask.priority >= page.ask.priority),
                "emergency {id} is not heard"
            );
        }
    }

    fn heard(&self) -> ZoneSet {
        let plays = self.pages.values().flat_map(|it| it.plays.values());
        let voices = self.pages.values().map(|it| &it.voice);
        plays
            .chain(voices)
            .fold(ZoneSet::EMPTY, |all, it| all.union(it))
    }
}

const N_ZONES: u16 = 64;
const PATIENCE: Duration = Duration::from_millis(9_000);

fn asks() -> impl Strategy<Value = Ask> {
    let few = vec(0..4u16, 1..3);
    let many = vec(0..N_ZONES, 1..10);
    let klaxon = prop_oneof![Just(None), (0u64..3_000, -2.0..2.0).prop_map(Some)];
    let busy = prop_oneof![5 => Just(Busy::Queue), 2 => Just(Busy::Mix), 1 => Just(Busy::Reject)];
    let priority = prop_oneof![Just(100u8), Just(150), Just(200), Just(255)];
    let message = (any::<bool>(), 0u64..3_000, 0u32..4);
    let spans = (0u64..500, 0u64..2_000, 0u64..8_000);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (
        prop_oneof![few, many],
        busy,
        klaxon,
        priority,
        message,
        spans,
        flags,
    )
        .prop_map(|(ids, busy, klaxon, priority, message, spans, flags)| Ask {
            zones: ids.into_iter().map(ZoneId).collect(),
            priority: Priority(priority),
            busy,
            extent: if flags.0 {
                Extent::Whole
            } else {
                Extent::Partial
            },
            source: match message {
                (true, ms, times) => Source::Message {
                    duration: Duration::from_millis(ms),
                    times,
                },
                (false, ..) => Source::Voice,
            },
            pre_roll: Duration::from_millis(if flags.1 { spans.0 } else { 0 }),
            klaxon: klaxon.and_then(|(span, padding)| tone(Duration::from_millis(span), padding)),
            end_tone: flags.2.then_some(Duration::from_millis(spans.1)),
            limit: flags.3.then_some(Limit {
                span: Duration::from_millis(spans.2),
                warning: flags.0.then_some(Warning {
                    before: Duration::from_millis(spans.1),
                    tone: flags.1.then_some(Duration::from_millis(300)),
                }),
            }),
            // Only whether there is a time: which, is for the moment of asking.
            expires_at: (spans.0 > 400).then(Instant::now),
        })
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<usize>;
    prop_oneof![
        6 => asks().prop_map(Step::Ask),
        1 => (any(), asks()).prop_map(|(i, ask)| Step::Revise(i, ask)),
        8 => any().prop_map(Step::Begin),
        8 => any().prop_map(Step::Speak),
        3 => any().prop_map(Step::Close),
        3 => any().prop_map(Step::End),
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
        prop_assert_eq!(books.n_over, books.n_pages);
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
        let ask = Ask { zones, klaxon: tone(span, padding), ..Ask::default() };
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
