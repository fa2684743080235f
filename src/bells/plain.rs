//! What do `Mon-Fri 08:30 10:15` and its like mean?
//!
//! Days, then times; the next day begins the next rule: `Mon-Thu 08:30 15:00 Fri 08:30 13:00`.

use jiff::civil::{Date, Time, Weekday};

use super::when::{ALL_WEEKDAYS, Rule, RuleDays, bit};

/// Reads one line, which may hold several rules.
pub(super) fn parse(line: &str) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    let mut rule = Draft::default();
    for word in line.split(|c: char| c.is_whitespace() || c == ',') {
        if matches!(word.to_ascii_lowercase().as_str(), "" | "at" | "and") {
            continue;
        }
        if word.contains(':') {
            rule.times.push(time(word)?);
        } else {
            if !rule.times.is_empty() {
                rules.push(std::mem::take(&mut rule).finish()?);
            }
            rule.day(word)?;
        }
        rule.words.push(word.to_owned());
    }
    rules.push(rule.finish()?);
    Ok(rules)
}

#[derive(Default)]
struct Draft {
    words: Vec<String>,
    weekdays: u8,
    spans: Vec<(Date, Date)>,
    times: Vec<Time>,
}

impl Draft {
    fn day(&mut self, word: &str) -> Result<(), String> {
        if let Some(days) = weekdays(word) {
            self.weekdays |= days;
            return Ok(());
        }
        match span(word) {
            Some(Ok(span)) => {
                self.spans.push(span);
                Ok(())
            }
            Some(Err(why)) => Err(why),
            None => Err(format!(
                "\"{word}\" is neither a day nor a time; write e.g. Mon-Fri 08:30, daily 12:00, \
                 2026-12-24 11:00 or 30 8 * * 1-5"
            )),
        }
    }

    fn finish(mut self) -> Result<Rule, String> {
        let text = self.words.join(" ");
        if self.times.is_empty() {
            return Err(format!(
                "\"{text}\" has no time; write it behind the day, e.g. {text} 08:30"
            ));
        }
        self.times.sort();
        self.times.dedup();
        let weekdays = match self.weekdays {
            0 => ALL_WEEKDAYS,
            some => some,
        };
        Ok(Rule {
            text,
            days: RuleDays {
                weekdays,
                spans: self.spans,
                ..RuleDays::ALL
            },
            times: self.times,
            every_hour: false,
        })
    }
}

/// The bits of `Mon`, `friday`, `Sat-Mon`, `daily`, `weekdays`, `weekends`.
pub(super) fn weekdays(word: &str) -> Option<u8> {
    match word.to_ascii_lowercase().as_str() {
        "daily" | "every" | "day" | "everyday" => return Some(ALL_WEEKDAYS),
        "weekdays" | "workdays" => return Some(0b0011_1110),
        "weekends" | "weekend" => return Some(0b0100_0001),
        _ => {}
    }
    let Some((from, to)) = word.split_once('-') else {
        return weekday(word).map(bit);
    };
    let (from, to) = (weekday(from)?, weekday(to)?);
    let n_days = from.until(to) + 1;
    let days = std::iter::successors(Some(from), |day| Some(day.next()));
    Some(days.take(n_days as usize).map(bit).sum())
}

fn weekday(word: &str) -> Option<Weekday> {
    const NAMES: [&str; 7] = [
        "sunday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
    ];
    let word = word.to_ascii_lowercase();
    let is_it = |name: &&str| word.len() >= 3 && name.starts_with(&word);
    let at = NAMES.iter().position(is_it)?;
    Weekday::from_sunday_zero_offset(at as i8).ok()
}

/// The first and the last day of `2026-12-24` or `2026-12-21..2027-01-06`; `None` if it looks
/// like something else.
pub(super) fn span(word: &str) -> Option<Result<(Date, Date), String>> {
    let (from, to) = word.split_once("..").unwrap_or((word, word));
    let looks_so = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        digits == 4 && text.as_bytes().get(4) == Some(&b'-')
    };
    if !looks_so(from) {
        return None;
    }
    Some(date(from).and_then(|from| {
        let to = date(to)?;
        if to < from {
            return Err(format!(
                "\"{word}\" ends before it begins; write {to}..{from}"
            ));
        }
        Ok((from, to))
    }))
}

fn date(text: &str) -> Result<Date, String> {
    let wrong = || format!("\"{text}\" is no day of the calendar; write e.g. 2026-12-24");
    let mut parts = text.splitn(3, '-');
    let mut part = || {
        let part = parts.next().filter(|part| (1..=4).contains(&part.len()));
        let digits = part.filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
        digits
            .and_then(|part| part.parse::<i16>().ok())
            .ok_or_else(wrong)
    };
    let (year, month, day) = (part()?, part()?, part()?);
    Date::new(year, month as i8, day as i8).map_err(|_| wrong())
}

fn time(text: &str) -> Result<Time, String> {
    let wrong = || {
        format!("\"{text}\" is no time of the day; write 00:00 to 23:59, or with seconds 08:30:15")
    };
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &&str| {
        let is_two = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<i8>().ok().filter(|_| is_two)
    };
    let numbers: Option<Vec<i8>> = parts.iter().map(number).collect();
    let (h, m, s) = match numbers.as_deref() {
        Some([h, m]) if parts[1].len() == 2 => (*h, *m, 0),
        Some([h, m, s]) if parts[1].len() == 2 && parts[2].len() == 2 => (*h, *m, *s),
        Some(_) | None => return Err(wrong()),
    };
    Time::new(h, m, s, 0).map_err(|_| wrong())
}
