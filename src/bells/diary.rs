//! Which bell is due now, each exactly once, whatever the clock does?

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::occurrence::{days_later, seconds_later};
use super::{Bell, Memory, Occurrence, Orders, Timetable};

/// What follows from the last `handle_*`; drain it before the next.
///
/// The memory has changed before the event is there: who writes it down first and rings then never
/// rings twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Ring the bell, that much after its time.
    Ring {
        bell: String,
        occurrence: Occurrence,
        late: Duration,
    },
    /// So many times passed too long ago; the last of them was `last`.
    Missed {
        bell: String,
        n_times: usize,
        last: Occurrence,
    },
    /// The clock was set by more than it runs by itself.
    ClockMoved { from: Timestamp, to: Timestamp },
}

/// Watches the time pass.
#[derive(Clone, Debug)]
pub struct Diary {
    timetable: Timetable,
    orders: Orders,
    memory: Memory,
    /// The time of the last look.
    looked_at: Timestamp,
    /// Nothing is due before this, if the clock does not go back.
    next_at: Timestamp,
    next_why: &'static str,
    events: VecDeque<Event>,
}

impl Diary {
    /// Goes on where the memory ends; a bell that it does not know begins now.
    pub fn new(timetable: Timetable, memory: Memory, now: Timestamp) -> Self {
        Self::going_on(timetable, memory, Orders::default(), now)
    }

    /// As `new`, with orders that held all the time since.
    pub fn going_on(timetable: Timetable, memory: Memory, orders: Orders, now: Timestamp) -> Self {
        let mut diary = Self {
            timetable,
            orders,
            memory,
            looked_at: now,
            next_at: now,
            next_why: BEGINS,
            events: VecDeque::new(),
        };
        diary.go_back(now);
        diary.begin_bells(now, |_| false);
        diary
    }

    /// From now on this timetable holds; bells that are new or ring at other times begin now.
    pub fn handle_timetable(&mut self, timetable: Timetable, now: Timestamp) {
        self.advance(now);
        let old = std::mem::replace(&mut self.timetable, timetable);
        let is_changed = |bell: &Bell| {
            let same = |it: &&Bell| it.name == bell.name;
            let before = old.bells.iter().find(same);
            before.is_some_and(|before| before.when != bell.when || before.zone != bell.zone)
        };
        self.begin_bells(now, is_changed);
        self.plan_ahead(now);
    }

    /// From now on these orders hold.
    pub fn handle_orders(&mut self, orders: Orders, now: Timestamp) {
        self.advance(now);
        self.orders = orders;
        self.plan_ahead(now);
    }

    /// Does what is due by `now`. Call it when `poll_timeout` says, and every second or so, since
    /// clocks are set.
    pub fn handle_time(&mut self, now: Timestamp) {
        if now < self.looked_at || self.next_at <= now {
            self.advance(now);
            self.plan_ahead(now);
        } else {
            self.notice_move(now);
        }
    }

    /// The next event, in the order of the times; call until `None`.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call `handle_time` at the latest, and why.
    pub fn poll_timeout(&self) -> (Timestamp, &'static str) {
        (self.next_at, self.next_why)
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    pub fn timetable(&self) -> &Timetable {
        &self.timetable
    }

    fn begin_bells(&mut self, now: Timestamp, is_changed: impl Fn(&Bell) -> bool) {
        for bell in &self.timetable.bells {
            if self.memory.dealt_until(&bell.name).is_none() || is_changed(bell) {
                self.memory.deal(&bell.name, now);
            }
        }
        let bells = &self.timetable.bells;
        let is_known = |name: &str| bells.iter().any(|bell| bell.name == name);
        self.memory.forget(is_known, now);
    }

    /// Deals with everything up to `now` by what holds until now.
    fn advance(&mut self, now: Timestamp) {
        self.notice_move(now);
        self.go_back(now);
        self.look(now);
    }

    fn notice_move(&mut self, now: Timestamp) {
        let from = std::mem::replace(&mut self.looked_at, now);
        if now.duration_since(from).unsigned_abs() < MOVED {
            return;
        }
        // To have slept looks like a clock that was set, and means the same.
        self.events.push_back(Event::ClockMoved { from, to: now });
    }

    /// Times that come again are dealt with again; what has rung is remembered.
    fn go_back(&mut self, now: Timestamp) {
        for bell in &self.timetable.bells {
            if self.memory.dealt_until(&bell.name) > Some(now) {
                self.memory.deal(&bell.name, now);
            }
        }
    }

    fn look(&mut self, now: Timestamp) {
        let mut found = Vec::new();
        for bell in &self.timetable.bells {
            let oldest = seconds_later(now, -FORGOTTEN_S);
            let dealt = self.memory.dealt_until(&bell.name).unwrap_or(now);
            let times = bell.when.between(dealt.max(oldest), now, &bell.zone);
            let open = times.into_iter().filter(|it| {
                !self.memory.has_rung(&bell.name, it.at)
                    && self.timetable.silence(bell, it, &self.orders).is_none()
            });
            found.extend(due(bell, open.collect(), now));
            self.memory.deal(&bell.name, now);
        }
        found.sort_by_key(Event::at);
        for event in &found {
            if let Event::Ring {
                bell, occurrence, ..
            } = event
            {
                self.memory.ring(bell, occurrence.at);
            }
        }
        self.events.extend(found);
        let bells = &self.timetable.bells;
        let is_known = |name: &str| bells.iter().any(|bell| bell.name == name);
        self.memory.forget(is_known, now);
        // Wide enough for every time zone.
        let day = days_later(jiff::tz::Offset::UTC.to_datetime(now).date(), -2);
        self.orders
            .forget_before(seconds_later(now, -FORGOTTEN_S), day);
    }

    fn plan_ahead(&mut self, now: Timestamp) {
        let horizon = seconds_later(now, HORIZON_S);
        let ahead = self.timetable.bells.iter().filter_map(|bell| {
            let times = bell.when.between(now, horizon, &bell.zone);
            let rings = |it: &Occurrence| {
                self.timetable.silence(bell, it, &self.orders).is_none()
                    && !self.memory.has_rung(&bell.name, it.at)
            };
            times.into_iter().find(rings).map(|it| it.at)
        });
        (self.next_at, self.next_why) = match ahead.min() {
            Some(at) => (at, "a bell is due"),
            None => (horizon, "no bell is due for a day"),
        };
    }
}

impl Event {
    fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Ring { occurrence, .. } => Some(occurrence.at),
            Self::Missed { last, .. } => Some(last.at),
            Self::ClockMoved { .. } => None,
        }
    }
}

/// The last of the times rings if it is not too late; those before it are missed.
fn due(bell: &Bell, mut open: Vec<Occurrence>, now: Timestamp) -> Vec<Event> {
    let late = |it: &Occurrence| now.duration_since(it.at).unsigned_abs();
    let name = || bell.name.clone();
    let rings = open.pop_if(|it| late(it) <= bell.missed.latest());
    let missed = open.last().map(|last| Event::Missed {
        bell: name(),
        n_times: open.len(),
        last: *last,
    });
    let ring = rings.map(|occurrence| Event::Ring {
        bell: name(),
        occurrence,
        late: late(&occurrence),
    });
    missed.into_iter().chain(ring).collect()
}

const BEGINS: &str = "the diary begins";

/// How far ahead the next bell is looked for.
const HORIZON_S: i64 = 86_400;

/// What was missed longer ago is not worth a word.
const FORGOTTEN_S: i64 = 7 * 86_400;

/// Between two looks lies a second, or a few on a machine under load.
const MOVED: Duration = Duration::from_secs(30);
