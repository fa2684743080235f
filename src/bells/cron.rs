//! What do the five fields of cron mean?
//!
//! Numbers, names, `*`, ranges, steps and lists, as in cronie's crontab(5): when both the day of
//! the month and the weekday are restricted (neither has a `*`), one of them is enough.

use std::ops::RangeInclusive;

use jiff::civil::Time;

use super::when::{ALL_WEEKDAYS, Rule, RuleDays};

/// Reads one line.
pub(super) fn parse(line: &str) -> Result<Rule, String> {
    let fields = nickname(line)?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let [minute, hour, month_day, month, weekday] = fields[..] else {
        let n = fields.len();
        return Err(format!(
            "\"{line}\" has {n} fields and cron has five: minute, hour, day, month, weekday; \
             write e.g. 30 8 * * 1-5, and seconds as in Mon-Fri 08:30:15"
        ));
    };
    let (minutes, hours) = (MINUTE.read(minute)?, HOUR.read(hour)?);
    let times = bits(hours, 23).flat_map(|h| bits(minutes, 59).map(move |m| (h, m)));
    let time = |(h, m): (u32, u32)| Time::constant(h as i8, m as i8, 0, 0);
    Ok(Rule {
        text: line.to_owned(),
        days: RuleDays {
            months: MONTH.read(month)? as u16,
            month_days: MONTH_DAY.read(month_day)? as u32,
            weekdays: sunday_once(WEEKDAY.read(weekday)?),
            either: !is_any(month_day) && !is_any(weekday),
            spans: Vec::new(),
        },
        times: times.map(time).collect(),
        every_hour: matches!(hour, "*" | "*/1"),
    })
}

fn nickname(line: &str) -> Result<&str, String> {
    if !line.starts_with('@') {
        return Ok(line);
    }
    match line.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(format!(
            "\"{line}\" is no time; write @hourly, @daily, @weekly, @monthly or @yearly"
        )),
    }
}

/// Whether a field lets every day pass, though perhaps in steps.
fn is_any(field: &str) -> bool {
    field.contains('*') || field == "?"
}

/// Sunday may be written as 0 and as 7.
fn sunday_once(bits: u64) -> u8 {
    (bits | bits >> 7) as u8 & ALL_WEEKDAYS
}

fn bits(set: u64, last: u32) -> impl Iterator<Item = u32> + Clone {
    (0..=last).filter(move |i| set & (1 << i) != 0)
}

struct Field {
    name: &'static str,
    range: RangeInclusive<u32>,
    /// The names of the numbers from the first of the range on.
    names: &'static [&'static str],
}

const MINUTE: Field = Field {
    name: "minute",
    range: 0..=59,
    names: &[],
};
const HOUR: Field = Field {
    name: "hour",
    range: 0..=23,
    names: &[],
};
const MONTH_DAY: Field = Field {
    name: "day of the month",
    range: 1..=31,
    names: &[],
};
const MONTH: Field = Field {
    name: "month",
    range: 1..=12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const WEEKDAY: Field = Field {
    name: "weekday",
    range: 0..=7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl Field {
    /// A bit for each number that the field lets pass.
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut set = 0;
        for item in text.split(',') {
            for number in self.item(item)? {
                set |= 1 << number;
            }
        }
        Ok(set)
    }

    fn item(&self, item: &str) -> Result<Vec<u32>, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (first, last) = (*self.range.start(), *self.range.end());
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" && step.is_none() => (first, last),
            Some((from, to)) => (self.number(from)?, self.number(to)?),
            None if step.is_some() => (self.number(range)?, last),
            None => (self.number(range)?, self.number(range)?),
        };
        let step = match step.map(|step| step.parse::<usize>()) {
            None => 1,
            Some(Ok(step)) if step > 0 => step,
            Some(_) => return Err(self.wrong(item, "write a step above 0, e.g. */15")),
        };
        if from <= to {
            return Ok((from..=to).step_by(step).collect());
        }
        if self.names.len() == 7 {
            // From Saturday to Monday.
            let days = from..=to + 7;
            return Ok(days.step_by(step).map(|day| day % 7).collect());
        }
        let remedy = format!("runs backwards; write {from}-{last},{first}-{to}");
        Err(self.wrong(item, &remedy))
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let lower = text.to_ascii_lowercase();
        if let Some(at) = self.names.iter().position(|name| *name == lower) {
            return Ok(self.range.start() + at as u32);
        }
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number);
        number
            .filter(|number| self.range.contains(number))
            .ok_or_else(|| {
                let (first, last) = (self.range.start(), self.range.end());
                let names = match self.names {
                    [] => String::new(),
                    [one, .., other] => format!(", or {one} to {other}"),
                    [one] => format!(", or {one}"),
                };
                self.wrong(text, &format!("write {first} to {last}{names}"))
            })
    }

    fn wrong(&self, text: &str, remedy: &str) -> String {
        format!("the {} \"{text}\" cannot be: {remedy}", self.name)
    }
}
