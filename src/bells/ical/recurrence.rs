//! On which days does an event come again (RFC 5545 §3.3.10)?

use jiff::civil::{Date, DateTime, Weekday};

use crate::bells::occurrence::days_later;

/// A rule from years to days. Rules by hours, minutes and seconds have no place in a calendar of
/// days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recurrence {
    freq: Freq,
    interval: i64,
    /// The last start that the rule allows.
    until: Option<DateTime>,
    months: Vec<i8>,
    month_days: Vec<i8>,
    year_days: Vec<i16>,
    /// The how manieth of the month or year, 0 for every one; below 0 from the end.
    weekdays: Vec<(i8, Weekday)>,
    positions: Vec<i16>,
    week_start: Weekday,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freq {
    Yearly,
    Monthly,
    Weekly,
    Daily,
}

impl Recurrence {
    /// Reads the value of an RRULE of an event that starts at `start`; `until` turns the time of
    /// UNTIL into the time of the event's own clock.
    ///
    /// # Errors
    /// What is wrong or unknown in it.
    pub(super) fn parse(
        text: &str,
        start: DateTime,
        until: impl Fn(&str) -> Option<DateTime>,
    ) -> Result<Self, String> {
        let mut rule = Self {
            freq: Freq::Daily,
            interval: 1,
            until: None,
            months: Vec::new(),
            month_days: Vec::new(),
            year_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let (mut freq, mut count) = (None, None);
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let wrong = || format!("\"{part}\" is not what RFC 5545 knows; correct the RRULE");
            match name.to_ascii_uppercase().as_str() {
                "FREQ" => freq = Some(frequency(value)?),
                "INTERVAL" => rule.interval = number(value, 1, 10_000).ok_or_else(wrong)?,
                "COUNT" => count = Some(number(value, 1, 1_000_000).ok_or_else(wrong)?),
                "UNTIL" => rule.until = Some(until(value).ok_or_else(wrong)?),
                "BYMONTH" => rule.months = list(value, |it| near(it, 1, 12)).ok_or_else(wrong)?,
                "BYMONTHDAY" => {
                    rule.month_days = list(value, |it| signed(it, 31)).ok_or_else(wrong)?;
                }
                "BYYEARDAY" => {
                    rule.year_days = list(value, |it| signed(it, 366)).ok_or_else(wrong)?;
                }
                "BYDAY" => rule.weekdays = list(value, weekday).ok_or_else(wrong)?,
                "BYSETPOS" => {
                    rule.positions = list(value, |it| signed(it, 366)).ok_or_else(wrong)?;
                }
                "WKST" => rule.week_start = day(value).ok_or_else(wrong)?,
                _ => {
                    return Err(format!(
                        "{name} in an RRULE is not supported; export the events one by one"
                    ));
                }
            }
        }
        rule.freq = freq.ok_or("the RRULE has no FREQ; export the calendar again")?;
        if let Some(count) = count {
            rule.until = Some(rule.last_of(start, count));
        }
        Ok(rule)
    }

    /// The starts from one day to another, in order; the first of all is always one.
    pub(super) fn starts(&self, start: DateTime, from: Date, to: Date) -> Vec<DateTime> {
        let mut found = Vec::new();
        if (from..=to).contains(&start.date()) {
            found.push(start);
        }
        let last = self.until.map_or(to, |until| until.date().min(to));
        let mut period = self.period_of(start, from.max(start.date()));
        while let Some(days) = self.period(start, period).filter(|days| days.0 <= last) {
            let fitting = self.fitting(start, days).into_iter();
            let starts = fitting.map(|day| day.to_datetime(start.time()));
            let is_in = |it: &DateTime| {
                *it > start
                    && (from..=to).contains(&it.date())
                    && self.until.is_none_or(|until| *it <= until)
            };
            found.extend(starts.filter(is_in));
            period += 1;
        }
        found
    }

    /// The start with that number; of a rule that comes to nothing, a day far away.
    fn last_of(&self, start: DateTime, count: i64) -> DateTime {
        let far = days_later(start.date(), FAR_DAYS);
        let (mut n, mut period) = (1, 0);
        let mut last = start;
        while let Some(days) = self.period(start, period).filter(|days| days.0 <= far) {
            for day in self.fitting(start, days) {
                let at = day.to_datetime(start.time());
                if n < count && at > start {
                    n += 1;
                    last = at;
                }
            }
            if n == count {
                return last;
            }
            period += 1;
        }
        far.to_datetime(start.time())
    }

    /// The number of a period that is not later than the one with that day, and at most one
    /// before it.
    fn period_of(&self, start: DateTime, day: Date) -> i64 {
        let from = start.date();
        let passed = match self.freq {
            Freq::Yearly => i64::from(day.year()) - i64::from(from.year()),
            Freq::Monthly => months(day) - months(from),
            Freq::Weekly => from.duration_until(day).as_hours() / (24 * 7),
            Freq::Daily => from.duration_until(day).as_hours() / 24,
        };
        (passed / self.interval).max(0)
    }

    /// The first and last day of a period.
    fn period(&self, start: DateTime, n: i64) -> Option<(Date, Date)> {
        let first = start.date();
        let n = n.checked_mul(self.interval)?;
        match self.freq {
            Freq::Yearly => {
                let year = i16::try_from(i64::from(first.year()) + n).ok()?;
                let new_year = Date::new(year, 1, 1).ok()?;
                Some((new_year, new_year.last_of_year()))
            }
            Freq::Monthly => {
                let month = months(first) + n;
                let year = i16::try_from(month.div_euclid(12)).ok()?;
                let first = Date::new(year, month.rem_euclid(12) as i8 + 1, 1).ok()?;
                Some((first, first.last_of_month()))
            }
            Freq::Weekly => {
                let back = i64::from(self.week_start.until(first.weekday()));
                let first = shifted(first, 7 * n - back)?;
                Some((first, shifted(first, 6)?))
            }
            Freq::Daily => shifted(first, n).map(|day| (day, day)),
        }
    }

    fn fitting(&self, start: DateTime, (first, last): (Date, Date)) -> Vec<Date> {
        let days = first.series(jiff::Span::new().days(1));
        let days = days.take_while(|day| *day <= last);
        let fitting: Vec<Date> = days.filter(|day| self.fits(*day, start.date())).collect();
        if self.positions.is_empty() {
            return fitting;
        }
        let n = fitting.len();
        let at = |(i, _): &(usize, &Date)| {
            let is_it = |position: &i16| {
                let position = isize::from(*position);
                let from_end = n as isize + position;
                *i as isize == if position > 0 { position - 1 } else { from_end }
            };
            self.positions.iter().any(is_it)
        };
        let chosen = fitting.iter().enumerate().filter(at);
        chosen.map(|(_, day)| *day).collect()
    }

    /// Whether every part of the rule lets the day pass; what no part says, the first day does.
    fn fits(&self, day: Date, first: Date) -> bool {
        let n_year = if day.in_leap_year() { 366 } else { 365 };
        let in_year = |n: &i16| *n == day.day_of_year() || *n == day.day_of_year() - n_year - 1;
        let in_month = |n: &i8| *n == day.day() || *n == day.day() - day.days_in_month() - 1;
        let is_weekday = |(n, of): &(i8, Weekday)| *of == day.weekday() && self.counts(*n, day);
        let says_no_day =
            self.month_days.is_empty() && self.year_days.is_empty() && self.weekdays.is_empty();
        let as_first = match self.freq {
            _ if !says_no_day => true,
            Freq::Daily => true,
            Freq::Weekly => day.weekday() == first.weekday(),
            Freq::Monthly => day.day() == first.day(),
            Freq::Yearly => {
                day.day() == first.day()
                    && (day.month() == first.month() || !self.months.is_empty())
            }
        };
        as_first
            && (self.months.is_empty() || self.months.contains(&day.month()))
            && (self.year_days.is_empty() || self.year_days.iter().any(in_year))
            && (self.month_days.is_empty() || self.month_days.iter().any(in_month))
            && (self.weekdays.is_empty() || self.weekdays.iter().any(is_weekday))
    }

    /// Whether the day is the `n`th of its weekday in the month, or in the year if the rule is of
    /// years without months.
    fn counts(&self, n: i8, day: Date) -> bool {
        let (before, after) = if self.freq == Freq::Yearly && self.months.is_empty() {
            let n_year = if day.in_leap_year() { 366 } else { 365 };
            (day.day_of_year() - 1, n_year - day.day_of_year())
        } else {
            let (day, n_month) = (i16::from(day.day()), i16::from(day.days_in_month()));
            (day - 1, n_month - day)
        };
        match i16::from(n) {
            0 => true,
            n if n > 0 => before / 7 == n - 1,
            n => after / 7 == -n - 1,
        }
    }
}

fn months(day: Date) -> i64 {
    12 * i64::from(day.year()) + i64::from(day.month()) - 1
}

fn shifted(day: Date, n: i64) -> Option<Date> {
    day.checked_add(jiff::SignedDuration::from_hours(24 * n))
        .ok()
}

fn frequency(text: &str) -> Result<Freq, String> {
    match text.to_ascii_uppercase().as_str() {
        "YEARLY" => Ok(Freq::Yearly),
        "MONTHLY" => Ok(Freq::Monthly),
        "WEEKLY" => Ok(Freq::Weekly),
        "DAILY" => Ok(Freq::Daily),
        other => Err(format!(
            "FREQ={other} is not supported; write YEARLY, MONTHLY, WEEKLY or DAILY"
        )),
    }
}

fn number(text: &str, from: i64, to: i64) -> Option<i64> {
    text.parse().ok().filter(|n| (from..=to).contains(n))
}

fn near(text: &str, from: i64, to: i64) -> Option<i8> {
    number(text, from, to).and_then(|n| i8::try_from(n).ok())
}

/// A number up to `to`, or down to its negative, but not 0.
fn signed<N: TryFrom<i64>>(text: &str, to: i64) -> Option<N> {
    number(text, -to, to)
        .filter(|n| *n != 0)
        .and_then(|n| N::try_from(n).ok())
}

fn list<T>(text: &str, item: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(|it| item(it.trim())).collect()
}

/// `MO`, `2TU`, `-1FR`.
fn weekday(text: &str) -> Option<(i8, Weekday)> {
    let at = text.len().checked_sub(2)?;
    let (n, name) = (text.get(..at)?, text.get(at..)?);
    let n = if n.is_empty() { Some(0) } else { signed(n, 53) };
    Some((n?, day(name)?))
}

fn day(text: &str) -> Option<Weekday> {
    const NAMES: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
    let at = NAMES
        .iter()
        .position(|name| text.eq_ignore_ascii_case(name))?;
    Weekday::from_sunday_zero_offset(at as i8).ok()
}

/// No calendar of a site reaches a hundred years ahead.
const FAR_DAYS: i64 = 100 * 366;
