//! Which days are meant by holidays, exceptions and plans?

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::occurrence::days_later;
use super::plain;
use super::when::bit;

/// Some days, as they are written: `2026-12-24`, `2026-12-21..2027-01-06`, each year's `12-25` and
/// `12-24..01-01`, `easter`, `easter-2`, weekdays, and iCalendar files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days {
    text: String,
    meant: Meant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Meant {
    Span(Date, Date),
    /// Month and day, each year; the end may lie in the next.
    Yearly((i8, i8), (i8, i8)),
    /// Days after Easter Sunday.
    Easter(i64),
    Weekdays(u8),
    Calendar(PathBuf),
}

impl Days {
    /// Reads one word.
    ///
    /// # Errors
    /// What means no day; the text says what to write instead.
    pub fn parse(word: &str) -> Result<Self, String> {
        let text = word.to_owned();
        meant(word).map(|meant| Self { text, meant })
    }

    /// The file that has to be read to know these days.
    pub fn calendar(&self) -> Option<&Path> {
        match &self.meant {
            Meant::Calendar(path) => Some(path),
            Meant::Span(..) | Meant::Yearly(..) | Meant::Easter(_) | Meant::Weekdays(_) => None,
        }
    }

    /// Whether the day is one of them; those of a calendar are not known here.
    pub(super) fn have(&self, date: Date) -> bool {
        match &self.meant {
            Meant::Span(from, to) => (*from..=*to).contains(&date),
            Meant::Yearly(from, to) => {
                let day = (date.month(), date.day());
                if from <= to {
                    return *from <= day && day <= *to;
                }
                *from <= day || day <= *to
            }
            Meant::Easter(n) => easter(date.year()).is_some_and(|day| days_later(day, *n) == date),
            Meant::Weekdays(days) => days & bit(date.weekday()) != 0,
            Meant::Calendar(_) => false,
        }
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn meant(word: &str) -> Result<Meant, String> {
    let lower = word.to_ascii_lowercase();
    if lower.ends_with(".ics") {
        return Ok(Meant::Calendar(word.into()));
    }
    if let Some(rest) = lower.strip_prefix("easter") {
        return after_easter(word, rest);
    }
    if let Some(days) = plain::weekdays(word) {
        return Ok(Meant::Weekdays(days));
    }
    if let Some(span) = plain::span(word) {
        return span.map(|(from, to)| Meant::Span(from, to));
    }
    let (from, to) = word.split_once("..").unwrap_or((word, word));
    match (month_and_day(from), month_and_day(to)) {
        (Some(from), Some(to)) => Ok(Meant::Yearly(from, to)),
        _ => Err(format!(
            "\"{word}\" is no day; write e.g. 2026-12-24, 2026-12-21..2027-01-06, 12-25 for each \
             year, easter+1, Sat, or the name of an iCalendar file that ends in .ics"
        )),
    }
}

fn after_easter(word: &str, rest: &str) -> Result<Meant, String> {
    let is_signed = rest.starts_with(['+', '-']);
    let n = match rest {
        "" => Some(0),
        _ => rest.parse().ok().filter(|_| is_signed),
    };
    // Nothing that follows from Easter lies further away than Septuagesima and Corpus Christi.
    n.filter(|n| (-100..=100).contains(n))
        .map(Meant::Easter)
        .ok_or_else(|| {
            format!("\"{word}\" is no day; write easter, easter-2 for Good Friday or easter+1")
        })
}

fn month_and_day(text: &str) -> Option<(i8, i8)> {
    let (month, day) = text.split_once('-')?;
    let is_number = |part: &str| (1..=2).contains(&part.len()) && !part.contains('+');
    if !is_number(month) || !is_number(day) {
        return None;
    }
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    // A leap year, so that a leap day may be meant.
    Date::new(2000, month, day).ok().map(|_| (month, day))
}

/// Easter Sunday of the Gregorian calendar, by the rule of Meeus, Jones and Butcher.
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let of_march = h + l - 7 * m + 114;
    Date::new(year, (of_march / 31) as i8, (of_march % 31 + 1) as i8).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn easter_is_where_the_church_says() {
        for day in [
            date(2000, 4, 23),
            date(2008, 3, 23),
            date(2025, 4, 20),
            date(2026, 4, 5),
            date(2027, 3, 28),
            date(2038, 4, 25),
            date(2285, 3, 22),
        ] {
            assert_eq!(easter(day.year()), Some(day));
        }
    }

    #[test]
    fn days_mean_what_they_say() {
        for (word, is, is_not) in [
            ("2026-12-24", date(2026, 12, 24), date(2027, 12, 24)),
            ("2026-12-21..2027-01-06", date(2027, 1, 6), date(2027, 1, 7)),
            ("12-25", date(2031, 12, 25), date(2031, 12, 26)),
            ("12-24..01-01", date(2031, 1, 1), date(2031, 1, 2)),
            ("02-29", date(2028, 2, 29), date(2027, 2, 28)),
            ("Easter", date(2026, 4, 5), date(2026, 4, 6)),
            ("easter-2", date(2026, 4, 3), date(2026, 4, 5)),
            ("easter+39", date(2026, 5, 14), date(2026, 5, 15)),
            ("Sat-Sun", date(2026, 4, 5), date(2026, 4, 6)),
        ] {
            let days = Days::parse(word).unwrap();
            assert!(days.have(is) && !days.have(is_not), "{word}");
            assert_eq!(days.to_string(), word);
        }
        let file = Days::parse("school/Holidays.ics").unwrap();
        assert_eq!(file.calendar(), Some(Path::new("school/Holidays.ics")));
    }

    #[test]
    fn what_is_no_day_gets_a_remedy() {
        for word in [
            "2026-02-29",
            "12-32",
            "tomorrow",
            "easter2",
            "easter+1000",
            "2026-12-24..2026-12-01",
            "24.12.",
            "13-1",
            "+1-+2",
            "2026-12-24..",
            "12-24..x",
        ] {
            let why = Days::parse(word).unwrap_err();
            assert!(why.contains("write"), "{word}: {why}");
        }
    }
}
