//! Does each bell ring when it should, and once?

mod calendars;
mod diaries;
mod rules;
mod tables;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::*;

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn zones() -> TimeZones {
    TimeZones::new(|name| TimeZone::get(name).ok())
}

/// An instant by the clocks of Berlin, the first of two.
fn at(local: &str) -> Timestamp {
    let local: DateTime = local.parse().unwrap();
    berlin().to_ambiguous_timestamp(local).compatible().unwrap()
}

fn bell(name: &str, when: &str) -> Bell {
    Bell {
        name: name.to_owned(),
        when: When::parse(when).unwrap(),
        zone: berlin(),
        except: Vec::new(),
        plans: Plans::Usual,
        missed: Missed::RingWithin(std::time::Duration::from_secs(60)),
    }
}

fn days(words: &str) -> Vec<Days> {
    let words = words.split_whitespace();
    words.map(|word| Days::parse(word).unwrap()).collect()
}
