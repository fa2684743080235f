//! What do programs see of the bells?

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::listing::{clock_of, midnight, oddity};
use crate::api::{self, Day, Days, DaysWanted, Ring, RingState, Unknown};
use crate::bells::{Bell, Orders, Plans, Silence, Strike, Timetable};
use crate::config::{Chime, Config, Schedule};
use crate::daemon::http::names_of;
use crate::daemon::zones::Zones;

/// All bells at one moment, so that they can be told of beside the loop of the daemon.
#[derive(Debug)]
pub(in crate::daemon) struct Shown {
    /// With the names of their zones.
    bells: Vec<(Schedule, Vec<String>)>,
    timetable: Timetable,
    orders: Orders,
}

impl Shown {
    pub(super) fn new(
        config: &Config,
        zones: &Zones,
        timetable: &Timetable,
        orders: &Orders,
    ) -> Self {
        let with_zones = |bell: &Schedule| {
            let heard = zones.named(&bell.zones);
            (bell.clone(), names_of(&heard, zones))
        };
        Self {
            bells: config.bells.iter().map(with_zones).collect(),
            timetable: timetable.clone(),
            orders: orders.clone(),
        }
    }

    /// All of them, as they ring from `now` on.
    pub(in crate::daemon) fn schedules(&self, now: Timestamp) -> Vec<api::Schedule> {
        let bells = self.bells.iter();
        let bells = bells.filter_map(|(bell, zones)| self.schedule(bell, zones, now));
        bells.collect()
    }

    /// One of them.
    pub(in crate::daemon) fn named(&self, name: &str, now: Timestamp) -> Option<api::Schedule> {
        let mut bells = self.bells.iter();
        let (bell, zones) = bells.find(|(bell, _)| bell.name == name)?;
        self.schedule(bell, zones, now)
    }

    fn schedule(&self, bell: &Schedule, zones: &[String], now: Timestamp) -> Option<api::Schedule> {
        let timed = self.timed(&bell.name)?;
        let pause = self.orders.pause_of(&bell.name);
        let pause = pause.filter(|until| until.is_none_or(|until| now < until));
        let skips = self.orders.skips(&bell.name).filter(|at| *at > now);
        let (play, say) = match bell.chime() {
            Chime::Klaxon => (Some("klaxon".to_owned()), None),
            Chime::File(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                (Some(name.to_string_lossy().into_owned()), None)
            }
            Chime::Words(text) => (None, Some(text)),
        };
        Some(api::Schedule {
            name: bell.name.clone(),
            when: timed.when.as_str().to_owned(),
            timezone: name_of(&timed.zone),
            play,
            say,
            zones: zones.to_vec(),
            priority: bell.priority,
            plans: match &bell.plan {
                Plans::Usual => None,
                Plans::All => Some(vec!["all".to_owned()]),
                Plans::Named(names) => Some(names.clone()),
            },
            enabled: pause.is_none(),
            disabled_until: pause.flatten().map(api::written),
            skips: skips.map(api::written).collect(),
            next: self.next(timed, now).map(api::written),
        })
    }

    fn timed(&self, name: &str) -> Option<&Bell> {
        self.timetable.bells.iter().find(|bell| bell.name == name)
    }

    /// The first time after `now` at which it really rings, within a year.
    fn next(&self, bell: &Bell, now: Timestamp) -> Option<Timestamp> {
        let mut after = match self.orders.pause_of(&bell.name) {
            Some(None) => return None,
            Some(Some(until)) => now.max(later(until, -INSTANT)),
            None => now,
        };
        let end = later(now, YEAR);
        let mut n_seen = 0;
        while after < end && n_seen < MOST_SEEN {
            let until = later(after, WINDOW);
            let times = bell.when.between(after, until, &bell.zone);
            n_seen += times.len();
            let silence = |it: &_| self.timetable.silence(bell, it, &self.orders);
            if let Some(it) = times.iter().find(|it| silence(it).is_none()) {
                return Some(it.at);
            }
            after = until;
        }
        None
    }

    /// What rings on these days, what does not, and why.
    ///
    /// # Errors
    /// There is no bell of that name.
    pub(in crate::daemon) fn days(
        &self,
        wanted: &DaysWanted,
        now: Timestamp,
    ) -> Result<Days, Unknown> {
        if let Some(name) = &wanted.schedule
            && self.timed(name).is_none()
        {
            let bells = self.bells.iter();
            return Err(Unknown::Schedule {
                name: name.clone(),
                known: bells.map(|(bell, _)| bell.name.clone()).collect(),
            });
        }
        let clock = clock_of(&self.timetable);
        let today = clock.to_datetime(now).date();
        let first = wanted.from.unwrap_or(today);
        let mut days = Vec::new();
        let mut n_rings = 0;
        for date in first.series(1.day()).take(wanted.n_days as usize) {
            let day = self.day(date, &clock, (wanted.schedule.as_deref(), now));
            n_rings += day.rings.len();
            if n_rings > MOST_RINGS && !days.is_empty() {
                break;
            }
            days.push(day);
        }
        let timezone = name_of(&clock);
        Ok(Days { timezone, days })
    }

    fn day(&self, date: Date, clock: &TimeZone, (only, now): (Option<&str>, Timestamp)) -> Day {
        let begin = midnight(date, clock);
        let next = midnight(date.saturating_add(1.day()), clock);
        let (after, until) = (later(begin, -INSTANT), later(next, -INSTANT));
        let strikes = self.timetable.strikes(after, until, &self.orders);
        let is_told = |strike: &&Strike<'_>| match only {
            Some(name) => strike.bell.name == name,
            None => !matches!(strike.silence, Some(Silence::Plan(_))),
        };
        let plan = self.timetable.plan_of(date, clock, &self.orders);
        Day {
            date: date.to_string(),
            plan: plan.map(str::to_owned),
            clocks_shift_min: 24 * 60 - next.duration_since(begin).as_mins(),
            rings: strikes
                .iter()
                .filter(is_told)
                .filter_map(|strike| self.ring(strike, now))
                .collect(),
        }
    }

    fn ring(&self, strike: &Strike<'_>, now: Timestamp) -> Option<Ring> {
        let (name, at) = (&strike.bell.name, strike.occurrence.at);
        let mut bells = self.bells.iter();
        let (bell, zones) = bells.find(|(bell, _)| bell.name == *name)?;
        let is_skipped = || self.orders.skips(name).any(|skipped| skipped == at);
        let (state, reason) = match &strike.silence {
            None if at <= now => (RingState::Past, None),
            None => (RingState::Due, None),
            Some(Silence::Ordered) if is_skipped() => {
                (RingState::Skipped, Some("cancelled".to_owned()))
            }
            Some(Silence::Ordered) => (RingState::Disabled, Some("disabled".to_owned())),
            Some(silence @ Silence::Except(..)) => (RingState::Except, Some(silence.to_string())),
            Some(silence @ Silence::Plan(_)) => (RingState::Plan, Some(silence.to_string())),
        };
        let local = strike.occurrence.local.time();
        let form = if local.second() == 0 { "%H:%M" } else { "%T" };
        Some(Ring {
            schedule: name.clone(),
            at: api::written(at),
            local: local.strftime(form).to_string(),
            zones: zones.clone(),
            priority: bell.priority,
            state,
            reason: reason.or_else(|| oddity(&strike.occurrence)),
        })
    }
}

fn name_of(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("this machine").to_owned()
}

/// Time ends in the year 9999.
fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(at)
}

const INSTANT: SignedDuration = SignedDuration::from_nanos(1);

const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// How far to look at a time: most bells ring within it.
const WINDOW: SignedDuration = SignedDuration::from_hours(8 * 24);

/// A bell of every minute that does not ring for a week is not looked for any further.
const MOST_SEEN: usize = 10_000;

/// Nobody reads more at once.
const MOST_RINGS: usize = 5_000;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::read_texts;
    use crate::daemon::bells::files;

    const SITE: &str = "\
[zone:hall]
outputs = a
[zone:yard]
outputs = b
[plan:exam]
days = 2026-10-26
[schedule:lesson]
timezone = Europe/Berlin
when = Mon-Fri 08:30 10:30:05
    2026-10-25 02:30
play = sounds/gong.wav
zones = yard
except = 2026-10-27
[schedule:exam-begins]
timezone = Europe/Berlin
when = 09:00
plan = exam
priority = 210
";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn shown(orders: &Orders) -> Shown {
        let loaded = read_texts([(Path::new("x"), SITE.as_bytes())], &[]);
        let config = loaded.config.unwrap();
        let timetable = files::timetable(&config).unwrap();
        Shown::new(&config, &Zones::new(&config), &timetable, orders)
    }

    fn rings(shown: &Shown, from: &str, now: &str, only: Option<&str>) -> Vec<String> {
        let wanted = DaysWanted {
            from: Some(from.parse().unwrap()),
            n_days: 3,
            schedule: only.map(str::to_owned),
        };
        let days = shown.days(&wanted, at(now)).unwrap().days;
        let told = |ring: &Ring| {
            let reason = ring.reason.as_deref().unwrap_or("-");
            format!("{} {} {:?} {reason}", ring.schedule, ring.local, ring.state)
        };
        let of_day = |day: &Day| {
            let head = format!("{} {:?} {}", day.date, day.plan, day.clocks_shift_min);
            let rings: Vec<String> = day.rings.iter().map(told).collect();
            std::iter::once(head).chain(rings).collect::<Vec<_>>()
        };
        days.iter().flat_map(of_day).collect()
    }

    #[test]
    fn each_day_says_what_rings_and_what_does_not_and_why() {
        let mut orders = Orders::default();
        orders.skip("exam-begins", at("2026-10-26T08:00:00Z"));
        assert_eq!(
            rings(&shown(&orders), "2026-10-25", "2026-10-25T12:00:00Z", None),
            [
                "2026-10-25 None -60",
                "lesson 02:30 Past the first of two 02:30",
                "2026-10-26 Some(\"exam\") 0",
                "exam-begins 09:00 Skipped cancelled",
                "2026-10-27 None 0",
                "lesson 08:30 Except except = 2026-10-27",
                "lesson 10:30:05 Except except = 2026-10-27",
            ]
        );
        orders.pause("lesson", Some(at("2026-10-28T08:00:00Z")));
        let lesson = Some("lesson");
        assert_eq!(
            rings(
                &shown(&orders),
                "2026-10-26",
                "2026-10-25T12:00:00Z",
                lesson
            )[1..],
            [
                "lesson 08:30 Plan the plan of the day is exam",
                "lesson 10:30:05 Plan the plan of the day is exam",
                "2026-10-27 None 0",
                "lesson 08:30 Except except = 2026-10-27",
                "lesson 10:30:05 Except except = 2026-10-27",
                "2026-10-28 None 0",
                "lesson 08:30 Disabled disabled",
                "lesson 10:30:05 Due -",
            ]
        );
    }

    #[test]
    fn a_bell_tells_its_sound_its_zones_and_when_it_really_rings_next() {
        let mut orders = Orders::default();
        let now = at("2026-10-25T12:00:00Z");
        let lesson = |orders: &Orders| shown(orders).named("lesson", now).unwrap();
        let bell = lesson(&orders);
        assert_eq!(bell.play.as_deref(), Some("gong.wav"));
        assert_eq!((bell.zones, bell.enabled), (vec!["yard".to_owned()], true));
        assert_eq!(bell.timezone, "Europe/Berlin");
        // An exam, then an exception.
        assert_eq!(bell.next.as_deref(), Some("2026-10-28T07:30:00.000Z"));
        orders.skip("lesson", at("2026-10-28T07:30:00Z"));
        let bell = lesson(&orders);
        assert_eq!(bell.next.as_deref(), Some("2026-10-28T09:30:05.000Z"));
        assert_eq!(bell.skips, ["2026-10-28T07:30:00.000Z"]);
        orders.pause("lesson", Some(at("2026-11-02T07:30:00Z")));
        let bell = lesson(&orders);
        assert_eq!(bell.next.as_deref(), Some("2026-11-02T07:30:00.000Z"));
        assert_eq!((bell.enabled, &bell.disabled_until), (false, &bell.next));
        orders.pause("lesson", None);
        let bell = lesson(&orders);
        assert_eq!(
            (bell.next, bell.disabled_until, bell.enabled),
            (None, None, false)
        );
        let all = shown(&orders).schedules(now);
        assert_eq!((all.len(), all[0].priority), (2, 210));
        assert_eq!(all[0].zones, ["hall", "yard"]);
        assert_eq!(all[0].plans, Some(vec!["exam".to_owned()]));
    }

    #[test]
    fn a_bell_that_is_not_there_is_told_with_those_that_are() {
        let wanted = DaysWanted {
            from: None,
            n_days: 1,
            schedule: Some("lessen".to_owned()),
        };
        let Err(Unknown::Schedule { known, .. }) =
            shown(&Orders::default()).days(&wanted, Timestamp::UNIX_EPOCH)
        else {
            panic!("it is there");
        };
        assert_eq!(known, ["exam-begins", "lesson"]);
    }
}
