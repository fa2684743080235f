//! At which instants do the times of a bell come?

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::when::{Rule, When};

/// One time at which a bell is meant to ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub at: Timestamp,
    /// The day and time as they were written, in the bell's time zone.
    pub local: DateTime,
    pub mark: Mark,
}

/// What daylight saving did to an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    Plain,
    /// The clocks jump over this time; it is rung as long after midnight as on other days.
    JumpedOver,
    /// The first of two equal times.
    First,
    /// The second of two equal times, for a bell of every hour.
    Second,
}

impl When {
    /// What comes after `after` and not later than `until`, in order, each instant once.
    pub fn between(&self, after: Timestamp, until: Timestamp, zone: &TimeZone) -> Vec<Occurrence> {
        // A clock is turned by a day at most, as on islands that change the side of the date line.
        let first = days_later(zone.to_datetime(after).date(), -2);
        let last = days_later(zone.to_datetime(until).date(), 2);
        let mut found = BTreeMap::new();
        let mut date = Some(first);
        while let Some(day) = date.filter(|day| *day <= last && after < until) {
            for rule in self.rules.iter().filter(|rule| rule.days.has(day)) {
                let here = rule.on(day, zone);
                for it in here.filter(|it| after < it.at && it.at <= until) {
                    let known: &mut Occurrence = found.entry(it.at).or_insert(it);
                    if known.mark == Mark::JumpedOver {
                        *known = it;
                    }
                }
            }
            date = day.tomorrow().ok();
        }
        found.into_values().collect()
    }
}

impl Rule {
    fn on(&self, day: Date, zone: &TimeZone) -> impl Iterator<Item = Occurrence> {
        let times = self.times.iter();
        times.flat_map(move |time| self.instants(day.to_datetime(*time), zone))
    }

    fn instants(&self, local: DateTime, zone: &TimeZone) -> impl Iterator<Item = Occurrence> {
        let both = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => [Some((offset, Mark::Plain)), None],
            AmbiguousOffset::Gap { .. } if self.every_hour => [None, None],
            AmbiguousOffset::Gap { before, .. } => [Some((before, Mark::JumpedOver)), None],
            AmbiguousOffset::Fold { before, after } => [
                Some((before, Mark::First)),
                self.every_hour.then_some((after, Mark::Second)),
            ],
        };
        let occurrence = move |(offset, mark): (Offset, Mark)| {
            let at = offset.to_timestamp(local).ok()?;
            Some(Occurrence { at, local, mark })
        };
        both.into_iter().flatten().filter_map(occurrence)
    }
}

/// `n` days after `date`, or before it; the calendar ends in the year 9999.
pub(super) fn days_later(date: Date, n: i64) -> Date {
    date.saturating_add(jiff::SignedDuration::from_hours(24 * n))
}

/// `n` seconds after `at`, or before it; time ends in the year 9999.
pub(super) fn seconds_later(at: Timestamp, n: i64) -> Timestamp {
    let second = at.as_second().saturating_add(n);
    let bounded = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(bounded).unwrap_or(at)
}
