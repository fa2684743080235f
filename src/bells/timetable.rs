//! Which of the times of all bells ring, and what silences the others?

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Bell, Calendar, Days, Occurrence, Orders};

/// All bells of a site with what decides about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timetable {
    pub bells: Vec<Bell>,
    /// When several plans claim a day, the first has it.
    pub plans: Vec<Plan>,
    /// The files that exceptions and plans name.
    pub calendars: BTreeMap<PathBuf, Calendar>,
}

/// A plan for certain days, as for exams; bells name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub name: String,
    pub days: Vec<Days>,
}

/// One time of one bell, and whether it rings.
#[derive(Clone, Debug, PartialEq)]
pub struct Strike<'a> {
    pub bell: &'a Bell,
    pub occurrence: Occurrence,
    /// `None` if it rings.
    pub silence: Option<Silence>,
}

/// Why a bell does not ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Another plan has the day; `None` is the usual plan.
    Plan(Option<String>),
    /// The day is an exception; the words of the configuration, and what the calendar calls it.
    Except(String, Option<String>),
    /// Somebody has ordered it.
    Ordered,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(Some(plan)) => write!(f, "the plan of the day is {plan}"),
            Self::Plan(None) => f.write_str("it is a usual day"),
            Self::Except(words, None) => write!(f, "except = {words}"),
            Self::Except(words, Some(name)) => write!(f, "{name} ({words})"),
            Self::Ordered => f.write_str("skipped by order"),
        }
    }
}

impl Timetable {
    /// Every time of every bell after `after` and not later than `until`, in order, with the
    /// verdict; at one instant the bells stand in their own order.
    pub fn strikes(&self, after: Timestamp, until: Timestamp, orders: &Orders) -> Vec<Strike<'_>> {
        let all = self.bells.iter().flat_map(|bell| {
            let times = bell.when.between(after, until, &bell.zone);
            times.into_iter().map(move |occurrence| Strike {
                bell,
                occurrence,
                silence: self.silence(bell, &occurrence, orders),
            })
        });
        let mut all: Vec<Strike<'_>> = all.collect();
        all.sort_by_key(|strike| strike.occurrence.at);
        all
    }

    /// What keeps the bell from ringing then, if anything does.
    pub fn silence(&self, bell: &Bell, it: &Occurrence, orders: &Orders) -> Option<Silence> {
        let plan = self.plan_of(it.local.date(), &bell.zone, orders);
        if !bell.plans.hold(plan) {
            return Some(Silence::Plan(plan.map(str::to_owned)));
        }
        if let Some((days, name)) = self.exception(bell, it) {
            return Some(Silence::Except(days.to_string(), name));
        }
        orders
            .silence(&bell.name, it.at)
            .then_some(Silence::Ordered)
    }

    /// The plan that holds on a day in that time zone; `None` is the usual one. An event of a
    /// calendar claims every day that it touches.
    pub fn plan_of<'a>(
        &'a self,
        day: Date,
        zone: &TimeZone,
        orders: &'a Orders,
    ) -> Option<&'a str> {
        if let Some(ordered) = orders.plan(day) {
            return ordered;
        }
        self.claims(day, zone).next()
    }

    /// All plans that claim a day, the one that has it first.
    pub fn claims(&self, day: Date, zone: &TimeZone) -> impl Iterator<Item = &str> {
        let in_calendar = move |days: &Days| {
            let calendar = days.calendar().and_then(|path| self.calendars.get(path));
            calendar.is_some_and(|calendar| calendar.touches(day, zone))
        };
        let claims = move |plan: &&Plan| {
            let mut days = plan.days.iter();
            days.any(|days| days.have(day) || in_calendar(days))
        };
        self.plans
            .iter()
            .filter(claims)
            .map(|plan| plan.name.as_str())
    }

    fn exception<'a>(&self, bell: &'a Bell, it: &Occurrence) -> Option<(&'a Days, Option<String>)> {
        bell.except.iter().find_map(|days| {
            let Some(path) = days.calendar() else {
                return days.have(it.local.date()).then_some((days, None));
            };
            let calendar = self.calendars.get(path)?;
            let name = calendar.covers(it.local, it.at, &bell.zone)?;
            Some((days, Some(name.to_owned())))
        })
    }
}
