//! How are sources of music and times of day written?

use std::time::Duration;

use crate::base::Db;
use crate::config::form::measure::{RAMP, VOLUME, decibels};
use crate::config::form::{BOOL, Form, one_line, optional};
use crate::config::model::Volume;
use crate::config::music::{InPages, OFF};
use crate::music::{Minute, REFERENCE, Timetable};

pub(in crate::config) const URL: Form<Option<String>> = Form {
    parse: |text| {
        optional(text, |text| {
            let text = one_line(text)?;
            let has = |scheme: &str| {
                let start = text.get(..scheme.len());
                let host = text.get(scheme.len()..).unwrap_or_default();
                start.is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && !host.is_empty()
            };
            if !(has("http://") || has("https://")) || text.contains(char::is_whitespace) {
                return Err("not an address; write e.g. http://radio.example:8000/live".to_owned());
            }
            Ok(text)
        })
    },
    show: |url| url.clone().unwrap_or_default(),
};

pub(in crate::config) const CROSSFADE: Form<Duration> = Form {
    parse: |text| {
        let fade = (RAMP.parse)(text)?;
        if fade > Duration::from_secs(30) {
            return Err("longer than 30 seconds; write 0ms to 30s, e.g. 4s".to_owned());
        }
        Ok(fade)
    },
    show: RAMP.show,
};

/// Louder than −6 LUFS nothing is left but limiting; softer than −40 nobody hears it.
pub(in crate::config) const LOUDNESS: Form<Option<Db>> = Form {
    parse: |text| {
        if let Ok(is_on) = (BOOL.parse)(text) {
            return Ok(is_on.then_some(REFERENCE));
        }
        let level = decibels(text).filter(|level| (-40.0..=-6.0).contains(&level.0));
        let wrong = "neither yes nor no nor a loudness; write yes, no, or -40dB to -6dB";
        level.map(Some).ok_or_else(|| wrong.to_owned())
    },
    show: |target| match target {
        None => "no".to_owned(),
        Some(target) if *target == REFERENCE => "yes".to_owned(),
        Some(target) => target.to_string(),
    },
};

pub(in crate::config) const IN_PAGES: Form<InPages> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "duck" => Ok(InPages::Duck),
        "pause" => Ok(InPages::Pause),
        _ => Err("no such choice; write duck or pause".to_owned()),
    },
    show: |choice| {
        match choice {
            InPages::Duck => "duck",
            InPages::Pause => "pause",
        }
        .to_owned()
    },
};

/// `08:00 lounge, 18:00 off`.
pub(in crate::config) const MUSIC_AT: Form<Timetable<Option<String>>> = Form {
    parse: |text| {
        let name = |text: &str| Ok((!is_off(text)).then(|| text.to_owned()));
        timetable(text, name, "08:00 lounge, 18:00 off")
    },
    show: |table| timetable_text(table, |name| name.clone().unwrap_or(OFF.to_owned())),
};

/// `08:00 -20dB, 18:00 off`.
pub(in crate::config) const VOLUME_AT: Form<Timetable<Volume>> = Form {
    parse: |text| {
        let volume = |text: &str| {
            if is_off(text) {
                return Ok(Volume::Level(Db::SILENCE));
            }
            (VOLUME.parse)(text)
        };
        timetable(text, volume, "08:00 -20dB, 18:00 off")
    },
    show: |table| {
        timetable_text(table, |volume| match volume {
            Volume::Level(Db::SILENCE) => OFF.to_owned(),
            Volume::Untouched | Volume::Percent(_) | Volume::Level(_) => (VOLUME.show)(volume),
        })
    },
};

fn is_off(text: &str) -> bool {
    text.eq_ignore_ascii_case(OFF)
}

/// Pairs of a time and what holds from then on.
fn timetable<T>(
    text: &str,
    value: impl Fn(&str) -> Result<T, String>,
    example: &str,
) -> Result<Timetable<T>, String> {
    let mut steps = Vec::new();
    for item in text.split([',', '\n']).map(str::trim) {
        if item.is_empty() {
            continue;
        }
        let parts = item.split_once(char::is_whitespace);
        let step = parts.and_then(|(at, rest)| Some((minute(at)?, rest.trim())));
        let Some((at, rest)) = step else {
            return Err(format!(
                "\"{item}\" is no time of day and what holds then; write e.g. {example}"
            ));
        };
        let value = value(rest).map_err(|why| format!("in \"{item}\": {why}"))?;
        steps.push((at, value));
    }
    Timetable::new(steps).map_err(|at| format!("{at} comes twice; write each time once"))
}

fn minute(text: &str) -> Option<Minute> {
    let (hour, minute) = text.split_once(':')?;
    let is_digits =
        |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(hour) || minute.len() != 2 || !is_digits(minute) {
        return None;
    }
    Minute::new(hour.parse().ok()?, minute.parse().ok()?)
}

fn timetable_text<T>(table: &Timetable<T>, show: impl Fn(&T) -> String) -> String {
    let steps = table.steps().iter();
    let texts: Vec<String> = steps
        .map(|(at, value)| format!("{at} {}", show(value)))
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_come_back_as_they_were_written() {
        for text in ["", "08:00 -20dB, 18:00 off", "00:00 50.0"] {
            assert_eq!((VOLUME_AT.show)(&(VOLUME_AT.parse)(text).unwrap()), text);
        }
        for text in ["08:00 lounge, 18:00 off", "23:59 x"] {
            assert_eq!((MUSIC_AT.show)(&(MUSIC_AT.parse)(text).unwrap()), text);
        }
        let table = (MUSIC_AT.parse)("18:00 OFF\n8:30   lounge").unwrap();
        assert_eq!((MUSIC_AT.show)(&table), "08:30 lounge, 18:00 off");
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_what_to_write() {
        let wrong = |text: &str| (VOLUME_AT.parse)(text).unwrap_err();
        for bad in [
            "8 -20dB",
            "24:00 off",
            "08:60 off",
            "08:00",
            "off",
            "8:5 off",
        ] {
            assert!(wrong(bad).contains("is no time of day"), "{bad}");
        }
        assert!(wrong("08:00 loud").contains("in \"08:00 loud\": not a volume"));
        assert!(wrong("08:00 off, 8:00 off").contains("08:00 comes twice"));
        let url = |text: &str| (URL.parse)(text).unwrap_err();
        for bad in ["ftp://x", "radio.example", "http://", "http://a b"] {
            assert!(url(bad).contains("not an address"), "{bad}");
        }
        assert!((CROSSFADE.parse)("31s").is_err() && (LOUDNESS.parse)("3dB").is_err());
    }
}
