//! On which days and at which times of the day does a bell ring?

use jiff::civil::{Date, Time, Weekday};

use super::{cron, plain};

/// The days and times of a bell, as somebody on site writes them: one rule a line, in cron's five
/// fields or in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    text: String,
    pub(super) rules: Vec<Rule>,
}

impl When {
    /// Reads `Mon-Fri 08:30 10:15`, `daily 12:00`, `2026-12-24 11:00`, `30 8 * * 1-5`, `@hourly`.
    ///
    /// # Errors
    /// What cannot be read, or rings on no day at all; the text says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines = text.lines().map(words).filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.collect();
        let mut rules = Vec::new();
        for line in &lines {
            if is_cron(line) {
                rules.push(cron::parse(line)?);
            } else {
                rules.extend(plain::parse(line)?);
            }
        }
        if rules.is_empty() {
            return Err("says no time; write e.g. Mon-Fri 08:30, or 30 8 * * 1-5".to_owned());
        }
        if let Some(rule) = rules.iter().find(|rule| !rule.days.ever()) {
            return Err(format!(
                "\"{}\" never rings: there is no such day; write a day that the calendar has",
                rule.text
            ));
        }
        let text = lines.join("\n");
        Ok(Self { text, rules })
    }

    /// As it was written, with single blanks.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The last day that it can ring, if there is one.
    pub fn last_day(&self) -> Option<Date> {
        let last = |rule: &Rule| rule.days.spans.iter().map(|span| span.1).max();
        let all: Option<Vec<Date>> = self.rules.iter().map(last).collect();
        all.and_then(|days| days.into_iter().max())
    }
}

/// Plain words have a time with a colon; cron has none.
fn is_cron(line: &str) -> bool {
    line.starts_with('@') || (!line.contains(':') && line.split_whitespace().count() >= 5)
}

/// Some days, and the times on each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// As it was written.
    pub(super) text: String,
    pub(super) days: RuleDays,
    /// In their order, none twice.
    pub(super) times: Vec<Time>,
    /// The times belong to every hour that passes, not to hours of the day.
    pub(super) every_hour: bool,
}

/// Which days; a bit stands for each month, day of the month (from bit 1) and weekday (Sunday is
/// bit 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RuleDays {
    pub(super) months: u16,
    pub(super) month_days: u32,
    pub(super) weekdays: u8,
    /// Either the day of the month or the weekday has to fit; otherwise both.
    pub(super) either: bool,
    /// From the first to the last day of each; none stands for all days.
    pub(super) spans: Vec<(Date, Date)>,
}

impl RuleDays {
    pub(super) const ALL: Self = Self {
        months: 0x1ffe,
        month_days: 0xffff_fffe,
        weekdays: ALL_WEEKDAYS,
        either: false,
        spans: Vec::new(),
    };

    pub(super) fn has(&self, date: Date) -> bool {
        let in_span = |(from, to): &(Date, Date)| (*from..=*to).contains(&date);
        let in_month = self.months & (1 << date.month()) != 0;
        let month_day = self.month_days & (1 << date.day()) != 0;
        let weekday = self.weekdays & bit(date.weekday()) != 0;
        let day = if self.either {
            month_day || weekday
        } else {
            month_day && weekday
        };
        in_month && day && (self.spans.is_empty() || self.spans.iter().any(in_span))
    }

    /// Whether there is such a day. All combinations of dates and weekdays come within the 28
    /// years that follow a leap day.
    fn ever(&self) -> bool {
        if self.spans.is_empty() {
            let days = CYCLE_BEGINS.series(jiff::Span::new().days(1));
            return days.take(CYCLE_DAYS).any(|date| self.has(date));
        }
        self.spans.iter().any(|(from, to)| {
            let days = from.series(jiff::Span::new().days(1)).take(CYCLE_DAYS);
            days.take_while(|date| date <= to)
                .any(|date| self.has(date))
        })
    }
}

/// The bit of a weekday.
pub(super) fn bit(day: Weekday) -> u8 {
    1 << day.to_sunday_zero_offset()
}

pub(super) const ALL_WEEKDAYS: u8 = 0x7f;

const CYCLE_BEGINS: Date = Date::constant(2000, 1, 1);
const CYCLE_DAYS: usize = 29 * 366;
