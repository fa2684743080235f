//! When does one event of a calendar take place?

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::lines::Property;
use super::recurrence::Recurrence;
use super::{Fault, TimeZones};
use crate::bells::occurrence::{days_later, seconds_later};

/// One VEVENT with all its instances.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) summary: String,
    pub(super) uid: String,
    start: Moment,
    /// Of its own clock: an event over the change of the clocks keeps its end.
    length_s: i64,
    rule: Option<Recurrence>,
    more: Vec<DateTime>,
    /// Instances that do not take place.
    without: Vec<Without>,
    /// It takes the place of this instance of the event with the same UID.
    pub(super) replaces: Option<Moment>,
    pub(super) is_cancelled: bool,
}

/// A date or time as a calendar writes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    local: DateTime,
    clock: Clock,
}

/// Whose days or times are meant.
#[derive(Clone, Debug, PartialEq)]
enum Clock {
    /// Whole days, wherever one is.
    Days,
    /// The time of wherever one is.
    Floating,
    In(TimeZone),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Without {
    Day(Date),
    Time(DateTime),
}

impl Event {
    /// Reads the properties of one VEVENT that begins in `line`.
    pub(super) fn read(
        line: usize,
        properties: &[Property],
        zones: &TimeZones,
    ) -> Result<Self, Fault> {
        let find = |name: &str| properties.iter().find(|it| it.name == name);
        let all = |name: &'static str| properties.iter().filter(move |it| it.name == name);
        let value = |name: &str| find(name).map(|it| super::lines::plain(&it.value));
        let Some(begin) = find("DTSTART") else {
            return Err(Fault::new(
                line,
                "the event has no DTSTART; export the calendar again",
            ));
        };
        let start = Moment::read(begin, &begin.value, zones)?;
        let mut event = Self {
            summary: value("SUMMARY").unwrap_or_default(),
            uid: value("UID").unwrap_or_default(),
            length_s: length(&start, find("DTEND"), find("DURATION"), zones)?,
            rule: None,
            more: Vec::new(),
            without: Vec::new(),
            replaces: match find("RECURRENCE-ID") {
                Some(id) => Some(Moment::read(id, &id.value, zones)?),
                None => None,
            },
            is_cancelled: value("STATUS").is_some_and(|it| it.eq_ignore_ascii_case("CANCELLED")),
            start,
        };
        if let Some(rule) = find("RRULE") {
            let until = |text: &str| Some(event.start.own(&Moment::bare(text, &event.start)?));
            let parsed = Recurrence::parse(&rule.value, event.start.local, until);
            event.rule = Some(parsed.map_err(|why| rule.fault(why))?);
        }
        for property in all("RDATE") {
            for item in property.value.split(',') {
                // A PERIOD has its end behind a stroke.
                let begin = item.split('/').next().unwrap_or(item);
                let moment = Moment::read(property, begin, zones)?;
                event.more.push(event.start.own(&moment));
            }
        }
        for property in all("EXDATE") {
            for item in property.value.split(',') {
                let moment = Moment::read(property, item, zones)?;
                event.leave_out(&moment);
            }
        }
        Ok(event)
    }

    /// The instance that starts then does not take place.
    pub(super) fn leave_out(&mut self, moment: &Moment) {
        self.without.push(match moment.clock {
            Clock::Days => Without::Day(moment.local.date()),
            Clock::Floating | Clock::In(_) => Without::Time(self.start.own(moment)),
        });
    }

    /// Whether it takes place at that instant, which is `local` for a bell in `zone`.
    pub(super) fn covers(&self, local: DateTime, at: Timestamp, zone: &TimeZone) -> bool {
        let own = match &self.start.clock {
            Clock::Days | Clock::Floating => local,
            Clock::In(zone) => zone.to_datetime(at),
        };
        let is_on = |start: &DateTime| match &self.start.clock {
            Clock::Days => self.days(*start).contains(&local.date()),
            Clock::Floating => self.lasts(*start, zone, at),
            Clock::In(zone) => self.lasts(*start, zone, at),
        };
        let starts = self.starts(self.first_start(own.date()), days_later(own.date(), 1));
        starts.iter().any(is_on)
    }

    /// Whether it takes place on some of that day of `zone`.
    pub(super) fn touches(&self, day: Date, zone: &TimeZone) -> bool {
        let touches = |start: &DateTime| {
            let (first, last) = match &self.start.clock {
                Clock::Days => return self.days(*start).contains(&day),
                Clock::Floating => (*start, after(*start, (self.length_s - 1).max(0))),
                Clock::In(of) => {
                    let span = self.instants(*start, of);
                    let here = |at| zone.to_datetime(at);
                    let last = seconds_later(span.1, -1).max(span.0);
                    (here(span.0), here(last))
                }
            };
            (first.date()..=last.date()).contains(&day)
        };
        // Somewhere on earth it is another day.
        let starts = self.starts(self.first_start(day), days_later(day, 2));
        starts.iter().any(touches)
    }

    /// No instance that started before this day is still on.
    fn first_start(&self, day: Date) -> Date {
        days_later(day, -(self.length_s / DAY_S) - 2)
    }

    fn starts(&self, from: Date, to: Date) -> Vec<DateTime> {
        let in_span = |it: &DateTime| (from..=to).contains(&it.date());
        let by_rule = match &self.rule {
            Some(rule) => rule.starts(self.start.local, from, to),
            None => vec![self.start.local],
        };
        let is_out = |it: &DateTime| {
            self.without.iter().any(|without| match without {
                Without::Day(day) => *day == it.date(),
                Without::Time(time) => time == it,
            })
        };
        let all = by_rule.into_iter().chain(self.more.iter().copied());
        all.filter(|it| in_span(it) && !is_out(it)).collect()
    }

    fn days(&self, start: DateTime) -> std::ops::Range<Date> {
        start.date()..days_later(start.date(), (self.length_s / DAY_S).max(1))
    }

    fn lasts(&self, start: DateTime, zone: &TimeZone, at: Timestamp) -> bool {
        let (from, to) = self.instants(start, zone);
        from <= at && at < to || at == from
    }

    fn instants(&self, start: DateTime, zone: &TimeZone) -> (Timestamp, Timestamp) {
        (
            instant(start, zone),
            instant(after(start, self.length_s), zone),
        )
    }
}

impl Moment {
    /// One value of a property, by its VALUE and TZID.
    fn read(property: &Property, text: &str, zones: &TimeZones) -> Result<Self, Fault> {
        let wrong = || {
            let what = format!("{} \"{text}\" is no date or time", property.name);
            property.fault(format!("{what}; write e.g. 20261224 or 20261224T080000"))
        };
        let text = text.trim();
        let local = local(text).ok_or_else(wrong)?;
        let clock = match property.param("TZID") {
            _ if !text.contains(['T', 't']) => Clock::Days,
            _ if text.ends_with(['Z', 'z']) => Clock::In(TimeZone::UTC),
            None => Clock::Floating,
            Some(tzid) => Clock::In(zones.find(tzid).ok_or_else(|| {
                let remedy = "write a name of the IANA database, e.g. Europe/Berlin";
                property.fault(format!("there is no time zone \"{tzid}\"; {remedy}"))
            })?),
        };
        Ok(Self { local, clock })
    }

    /// A value without parameters, of the same clock unless it is in UTC.
    fn bare(text: &str, like: &Self) -> Option<Self> {
        let text = text.trim();
        let clock = match like.clock {
            // A day as the last of timed instances has all its hours.
            _ if !text.contains(['T', 't']) => {
                let local = local(text)?.date().to_datetime(LAST_SECOND);
                let clock = like.clock.clone();
                return Some(Self { local, clock });
            }
            _ if text.ends_with(['Z', 'z']) => Clock::In(TimeZone::UTC),
            Clock::Days | Clock::Floating | Clock::In(_) => like.clock.clone(),
        };
        let local = local(text)?;
        Some(Self { local, clock })
    }

    /// Another moment by this one's clock.
    fn own(&self, other: &Self) -> DateTime {
        match (&self.clock, &other.clock) {
            (Clock::In(own), Clock::In(of)) => own.to_datetime(instant(other.local, of)),
            // Days that end in UTC are meant to end there.
            (Clock::Days | Clock::Floating | Clock::In(_), _) => other.local,
        }
    }
}

fn length(
    start: &Moment,
    end: Option<&Property>,
    duration: Option<&Property>,
    zones: &TimeZones,
) -> Result<i64, Fault> {
    if let Some(end) = end {
        let moment = Moment::read(end, &end.value, zones)?;
        let length = start.local.duration_until(start.own(&moment)).as_secs();
        return Ok(length.max(0));
    }
    if let Some(duration) = duration {
        return span(duration.value.trim()).ok_or_else(|| {
            let value = &duration.value;
            duration.fault(format!(
                "DURATION \"{value}\" is none; write e.g. P1D or PT1H30M"
            ))
        });
    }
    Ok(0)
}

/// The seconds of `P1D`, `PT1H30M`, `P2W` (RFC 5545 §3.3.6).
fn span(text: &str) -> Option<i64> {
    let mut seconds = 0;
    let mut digits = String::new();
    for c in text
        .strip_prefix('+')
        .unwrap_or(text)
        .strip_prefix('P')?
        .chars()
    {
        let unit = match c {
            'T' if digits.is_empty() => continue,
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            'W' => 7 * DAY_S,
            'D' => DAY_S,
            'H' => 3600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        let n: i64 = digits.parse().ok().filter(|n| *n <= LONGEST_S / unit)?;
        seconds += n * unit;
        digits.clear();
    }
    digits.is_empty().then_some(seconds)
}

/// `20261224`, `20261224T080000`, with or without `Z`.
fn local(text: &str) -> Option<DateTime> {
    let text = text.trim_end_matches(['Z', 'z']);
    let (date, time) = text.split_once(['T', 't']).unwrap_or((text, "000000"));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if date.len() != 8 || time.len() != 6 || !is_digits(date) || !is_digits(time) {
        return None;
    }
    let two = |part: &str, at: usize| part[at..at + 2].parse::<i8>().ok();
    // A leap second, which RFC 5545 allows, is the second before.
    let second = two(time, 4)?.min(59);
    let date = Date::new(date[..4].parse().ok()?, two(date, 4)?, two(date, 6)?).ok()?;
    let time = jiff::civil::Time::new(two(time, 0)?, two(time, 2)?, second, 0).ok()?;
    Some(date.to_datetime(time))
}

fn after(local: DateTime, seconds: i64) -> DateTime {
    local.saturating_add(jiff::SignedDuration::from_secs(seconds))
}

/// In a gap the time as it would have been before, of two the first (RFC 5545 §3.3.5).
fn instant(local: DateTime, zone: &TimeZone) -> Timestamp {
    let at = zone.to_ambiguous_timestamp(local).compatible();
    at.unwrap_or(if local.year() > 0 {
        Timestamp::MAX
    } else {
        Timestamp::MIN
    })
}

const DAY_S: i64 = 86_400;
const LONGEST_S: i64 = 100 * 366 * DAY_S;
const LAST_SECOND: jiff::civil::Time = jiff::civil::Time::constant(23, 59, 59, 0);
