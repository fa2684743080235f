//! A site in virtual time: a core, an engine that plays, and phones that acknowledge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::lines::line;
use super::ranks::clip;
use super::world::World;
use crate::base::{CallId, Db, ZoneId, ZoneSet};
use crate::control::{
    About, Core, Effect, Input, Klaxon, KlaxonFor, Note, PageEnd, Policy, Snapshot, Sound,
};
use crate::page::{Outcome, PageId, Wish};

/// A two-second klaxon, one zone, pages in turn, five minutes at most.
pub(super) fn policy() -> Policy {
    Policy {
        zones: ZoneSet::first(1),
        zone_names: ["hall", "yard", "shop"]
            .into_iter()
            .zip(0..)
            .map(|(name, id)| (ZoneId(id), name.to_owned()))
            .collect(),
        max_calls: 10,
        hold_concurrent: true,
        klaxon: Some(Klaxon {
            duration: ms(2_000),
        }),
        klaxon_for: KlaxonFor::All,
        klaxon_max: Some(ms(10_000)),
        klaxon_padding: 0.0,
        klaxon_before_answer: true,
        announce: false,
        answer_delay: Duration::ZERO,
        hang_up_after: Some(ms(300_000)),
        silence_hang_up: None,
        duck: Db(-20.0),
        duck_attack: ms(150),
        duck_release: ms(800),
        volume_klaxon: Db(-3.0),
        volume_call: Db(-1.0),
        recorded: ZoneSet::EMPTY,
        pages: Vec::new(),
        streams: Vec::new(),
        players: Vec::new(),
        desks: Box::default(),
        music: ["lounge", "radio"].map(str::to_owned).into(),
    }
}

pub(super) fn mixing() -> Policy {
    Policy {
        hold_concurrent: false,
        ..policy()
    }
}

pub(super) fn without_klaxon() -> Policy {
    Policy {
        klaxon: None,
        ..policy()
    }
}

/// A call of number 101 for a number.
pub(super) fn wish(number: &str) -> Wish {
    Wish {
        number: number.to_owned(),
        account: None,
        caller: "101".to_owned(),
        origin: "10.0.0.7".to_owned(),
        user: None,
    }
}

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) struct Site {
    pub(super) core: Core,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) world: World,
    /// Everything ordered so far but log lines, as `lines::line` spells it.
    pub(super) timeline: Vec<String>,
    /// All but how pages ended.
    pub(super) notes: Vec<Note>,
    /// How pages ended.
    pub(super) endings: Vec<Note>,
    pub(super) outcomes: BTreeMap<PageId, Outcome>,
    /// How late the engine says that a klaxon is over; `None`: it never does.
    pub(super) engine_lag: Option<Duration>,
    /// How late phones acknowledge an answer; `None`: they never do.
    pub(super) ack_lag: Option<Duration>,
    /// How many milliseconds long what callers say is, each a little longer than the one before;
    /// `None`: it is nothing.
    pub(super) said: Option<u32>,
    /// How often it was made ready.
    pub(super) n_said: u32,
    klaxon: Duration,
    agenda: BTreeMap<(Instant, u64), Input>,
    n_agenda: u64,
}

impl Site {
    /// Sound is up and nobody calls.
    pub(super) fn new(policy: Policy) -> Self {
        let mut site = Self::silent(policy);
        site.feed(Input::SoundUp);
        site.timeline.clear();
        site.notes.clear();
        site
    }

    /// As after the start of the daemon.
    pub(super) fn silent(policy: Policy) -> Self {
        let now = Instant::now();
        Self {
            klaxon: klaxon_of(&policy),
            core: Core::new(policy, now),
            start: now,
            now,
            world: World::default(),
            timeline: Vec::new(),
            notes: Vec::new(),
            endings: Vec::new(),
            outcomes: BTreeMap::new(),
            engine_lag: Some(Duration::ZERO),
            ack_lag: Some(ms(20)),
            said: Some(3_000),
            n_said: 0,
            agenda: BTreeMap::new(),
            n_agenda: 0,
        }
    }

    /// One input now, everything drained and checked.
    pub(super) fn feed(&mut self, input: Input) {
        if let Input::Configure(policy) = &input {
            self.klaxon = klaxon_of(policy);
        }
        self.world.see(&input);
        self.core.handle(input, self.now);
        while let Some(effect) = self.core.poll() {
            self.carry_out(effect);
        }
        self.world.check(&self.core.snapshot());
        let due = self.core.poll_timeout();
        assert!(due.is_none_or(|(at, _)| at > self.now), "stuck: {due:?}");
    }

    fn carry_out(&mut self, effect: Effect) {
        self.world.apply(&effect, self.now);
        if let (
            Effect::Play {
                play,
                sound,
                longest,
                ..
            },
            Some(lag),
        ) = (&effect, self.engine_lag)
        {
            // Sounds of pages have their length for a name.
            let whole = match sound {
                Sound::Klaxon => self.klaxon,
                Sound::Stored(id) => ms(u64::from(id.0)),
            };
            let length = longest.map_or(whole, |longest| longest.min(whole));
            self.later(length + lag, Input::PlayEnded { play: *play });
        }
        if let (
            Effect::Answer { call } | Effect::Welcome { call, .. } | Effect::Hold { call, .. },
            Some(lag),
        ) = (&effect, self.ack_lag)
        {
            self.later(lag, Input::CallConfirmed { call: *call });
        }
        if let Effect::RingAgain { call: before } = effect {
            let call = CallId(before.0 + 1_000);
            self.later(Duration::ZERO, Input::RingsAgain { before, call });
            return;
        }
        if let Effect::Dictated { call } = effect {
            let said = self.said.map(|said| clip(said + self.n_said));
            self.n_said += u32::from(said.is_some());
            self.later(ms(50), Input::Dictated { call, clip: said });
        }
        if let Effect::PlayBack {
            call,
            sound: Sound::Stored(id),
        } = effect
        {
            self.later(ms(u64::from(id.0)), Input::Performed { call });
        }
        if let Effect::Log(note) = effect {
            match &note.about {
                About::Page(PageEnd { page, outcome, .. }) => {
                    let before = self.outcomes.insert(*page, *outcome);
                    assert_eq!(before, None, "{page:?} ended twice");
                    self.endings.push(note);
                }
                About::Step
                | About::Call(_)
                | About::Recording(_)
                | About::Part { .. }
                | About::Change { .. } => self.notes.push(note),
            }
            return;
        }
        self.timeline.push(line(&effect, self.now - self.start));
    }

    /// Plans an input for a time from now.
    pub(super) fn later(&mut self, span: Duration, input: Input) {
        self.n_agenda += 1;
        self.agenda.insert((self.now + span, self.n_agenda), input);
    }

    /// Lets time pass, ticking exactly when asked to.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Goes to whatever happens next until `end`; false if nothing does.
    pub(super) fn step(&mut self, end: Instant) -> bool {
        let planned = self.agenda.keys().next().copied();
        let due = self.core.poll_timeout().map(|(at, _)| at);
        match (
            planned.filter(|it| it.0 <= end),
            due.filter(|at| *at <= end),
        ) {
            (Some(key), due) if due.is_none_or(|at| key.0 < at) => {
                let input = self.agenda.remove(&key).unwrap();
                self.now = key.0;
                self.feed(input);
            }
            (_, Some(at)) => self.tick_at(at),
            (_, None) => return false,
        }
        true
    }

    fn tick_at(&mut self, at: Instant) {
        let early = at - Duration::from_nanos(1);
        if early > self.now {
            self.core.handle(Input::Tick, early);
            assert_eq!(self.core.poll(), None, "an early tick did something");
        }
        self.now = at;
        self.feed(Input::Tick);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.core.snapshot()
    }

    // Shorthands for what callers do.

    pub(super) fn arrives(&mut self, call: u64) {
        self.dials(call, "700");
    }

    pub(super) fn dials(&mut self, call: u64, number: &str) {
        self.feed(Input::CallArrived {
            call: CallId(call),
            caller: format!("alice <sip:{call}@pbx>"),
            dialled: number.to_owned(),
            wish: wish(number),
            auto_answer: false,
        });
    }

    pub(super) fn ends(&mut self, call: u64, how: &str) {
        self.feed(Input::CallEnded {
            call: CallId(call),
            how: how.to_owned(),
        });
    }

    pub(super) fn loses_sound(&mut self) {
        self.feed(Input::SoundDown {
            why: "JACK gone".to_owned(),
        });
    }

    /// Takes the timeline so far.
    pub(super) fn seen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.timeline)
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        self.notes.iter().map(|note| note.text.as_str()).collect()
    }

    /// What became of the pages so far.
    pub(super) fn fates(&self) -> Vec<&str> {
        self.endings.iter().map(|note| note.text.as_str()).collect()
    }

    /// Nobody is there, nothing sounds, and nothing is due.
    pub(super) fn assert_quiet(&self) {
        let snapshot = self.snapshot();
        assert_eq!(snapshot.calls, []);
        assert!(snapshot.ducked.is_empty());
        assert!(self.world.voices.is_empty());
        assert!(self.world.plays.is_empty());
        assert!(self.world.recordings.is_empty());
        assert_eq!(self.core.poll_timeout(), None);
    }
}

fn klaxon_of(policy: &Policy) -> Duration {
    policy.klaxon.map_or(Duration::ZERO, |it| it.duration)
}
