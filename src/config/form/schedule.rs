//! How are the times, days and plans of bells written?

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::bells::{Days, Missed, Plans, When};
use crate::config::form::measure::SECONDS;
use crate::config::form::{Form, integer, items, one_line, optional};
use crate::config::near::nearest;
use crate::config::schedule::Chime;

/// Several lines are several rules.
pub(in crate::config) const WHEN: Form<Option<When>> = Form {
    parse: |text| optional(text, When::parse),
    show: |when| {
        when.as_ref()
            .map(When::as_str)
            .unwrap_or_default()
            .to_owned()
    },
};

pub(in crate::config) const CHIME: Form<Chime> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "" | "klaxon" => Ok(Chime::Klaxon),
        _ => one_line(text).map(|path| Chime::File(path.into())),
    },
    show: |chime| match chime {
        Chime::Klaxon => "klaxon".to_owned(),
        Chime::File(path) => path.display().to_string(),
        // Written by another key.
        Chime::Words(_) => String::new(),
    },
};

/// `all` is an empty list.
pub(in crate::config) const ZONE_NAMES: Form<Vec<String>> = Form {
    parse: |text| {
        let names: Vec<String> = items(text).map(str::to_owned).collect();
        let is_all = |name: &String| name.eq_ignore_ascii_case("all");
        match names.iter().any(is_all) {
            true if names.len() > 1 => {
                Err("names zones beside all; write all, or only the names".to_owned())
            }
            true => Ok(Vec::new()),
            false => Ok(names),
        }
    },
    show: |names| match names.as_slice() {
        [] => "all".to_owned(),
        some => some.join(" "),
    },
};

pub(in crate::config) const PRIORITY: Form<u8> = Form {
    parse: |text| integer(text, 0..=255, 100).map(|priority| priority as u8),
    show: u8::to_string,
};

pub(in crate::config) const DAYS: Form<Vec<Days>> = Form {
    parse: |text| {
        let days = items(text).map(|item| Days::parse(&one_line(item)?));
        days.collect()
    },
    show: |days| {
        let words: Vec<String> = days.iter().map(Days::to_string).collect();
        words.join(" ")
    },
};

/// Empty for that of the system.
pub(in crate::config) const TIMEZONE: Form<Option<TimeZone>> = Form {
    parse: |text| optional(text, time_zone),
    show: |zone| {
        let name = zone.as_ref().and_then(TimeZone::iana_name);
        name.unwrap_or_default().to_owned()
    },
};

pub(in crate::config) const PLANS: Form<Plans> = Form {
    parse: |text| {
        let names: Vec<String> = items(text).map(str::to_owned).collect();
        let is = |word: &str| names.iter().any(|name| name == word);
        match (names.len(), is("all"), is("usual")) {
            (0, ..) | (1, _, true) => Ok(Plans::Usual),
            (1, true, _) => Ok(Plans::All),
            (_, false, false) => Ok(Plans::Named(names)),
            _ => Err(
                "mixes plans with all or usual; write all for every day, usual for days \
                      that no plan claims, or names of plans"
                    .to_owned(),
            ),
        }
    },
    show: |plans| match plans {
        Plans::Usual => "usual".to_owned(),
        Plans::All => "all".to_owned(),
        Plans::Named(names) => names.join(" "),
    },
};

pub(in crate::config) const MISSED: Form<Missed> = Form {
    parse: |text| {
        let wrong = || "neither skip nor a span; write skip, or e.g. ring-within 5m".to_owned();
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("skip"), None, None) => Ok(Missed::Skip),
            (Some("ring-within"), Some(span), None) => {
                let span = (SECONDS.parse)(span).map_err(|_| wrong())?;
                if span > LONGEST_DELAY {
                    return Err("later than a day; write e.g. ring-within 5m".to_owned());
                }
                Ok(Missed::RingWithin(span))
            }
            _ => Err(wrong()),
        }
    },
    show: |missed| match missed {
        Missed::Skip => "skip".to_owned(),
        Missed::RingWithin(span) => format!("ring-within {}s", (SECONDS.show)(span)),
    },
};

fn time_zone(text: &str) -> Result<TimeZone, String> {
    let known = TimeZone::get(text)
        .ok()
        .filter(|zone| zone.iana_name().is_some());
    known.ok_or_else(|| {
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.as_str().to_owned())
            .collect();
        match nearest(text, names.iter().map(String::as_str)) {
            Some(meant) => format!("no such time zone; did you mean {meant}?"),
            None => "no such time zone; write a name as Europe/Berlin, or nothing for that of \
                     this machine"
                .to_owned(),
        }
    })
}

/// A bell of yesterday is another bell.
const LONGEST_DELAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_so_that_it_is_read_again() {
        for text in ["skip", "ring-within 60.0s", "ring-within 1.5s"] {
            let missed = (MISSED.parse)(text).unwrap();
            assert_eq!((MISSED.show)(&missed), text);
        }
        for text in ["usual", "all", "exam sports"] {
            assert_eq!((PLANS.show)(&(PLANS.parse)(text).unwrap()), text);
        }
        for text in ["all", "hall yard"] {
            assert_eq!((ZONE_NAMES.show)(&(ZONE_NAMES.parse)(text).unwrap()), text);
        }
        let zone = (TIMEZONE.parse)("europe/berlin").unwrap();
        assert_eq!((TIMEZONE.show)(&zone), "Europe/Berlin");
        assert_eq!((TIMEZONE.parse)(""), Ok(None));
        let days = "2026-12-24 12-25 easter+1 Sat holidays.ics";
        assert_eq!((DAYS.show)(&(DAYS.parse)(days).unwrap()), days);
    }

    #[test]
    fn what_is_wrong_gets_a_remedy() {
        let why = (TIMEZONE.parse)("Europe/Berln").unwrap_err();
        assert_eq!(why, "no such time zone; did you mean Europe/Berlin?");
        assert!(
            (TIMEZONE.parse)("Moon")
                .unwrap_err()
                .contains("Europe/Berlin")
        );
        for text in [
            "",
            "later",
            "ring-within",
            "ring-within soon",
            "skip 5m",
            "ring-within 5d",
        ] {
            assert!((MISSED.parse)(text).is_err(), "{text}");
        }
        assert!(
            (MISSED.parse)("ring-within 25h")
                .unwrap_err()
                .contains("a day")
        );
        assert!((PLANS.parse)("all exam").is_err() && (PLANS.parse)("usual exam").is_err());
        assert!((ZONE_NAMES.parse)("all yard").is_err());
        assert!((PRIORITY.parse)("256").is_err());
    }
}
