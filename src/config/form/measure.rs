//! How are times and levels written?

use std::time::Duration;

use crate::base::Db;
use crate::config::form::Form;
use crate::config::model::Volume;

/// Seconds unless a unit is given; below zero is zero.
pub(in crate::config) const SECONDS: Form<Duration> = Form {
    parse: |text| span(text, Bare::Seconds).map(|span| span.unwrap_or_default()),
    show: |span| seconds_text(*span),
};

/// As `SECONDS`, but zero and below is no limit.
pub(in crate::config) const SECONDS_LIMIT: Form<Option<Duration>> = Form {
    parse: |text| span(text, Bare::Seconds),
    show: |limit| seconds_text(limit.unwrap_or_default()),
};

/// Minutes unless a unit is given; zero and below is no limit.
pub(in crate::config) const MINUTES_LIMIT: Form<Option<Duration>> = Form {
    parse: |text| span(text, Bare::Minutes),
    show: |limit| minutes_text(limit.unwrap_or_default()),
};

/// Needs a unit, since nobody agrees on one for the length of a fade.
pub(in crate::config) const RAMP: Form<Duration> = Form {
    parse: |text| span(text, Bare::Refused).map(|span| span.unwrap_or_default()),
    show: |span| {
        if span.subsec_micros() % 1_000 == 0 {
            return format!("{}ms", span.as_millis());
        }
        format!("{}s", seconds_text(*span))
    },
};

/// Between half a minute and a week: below, a registrar is flooded; above, no registrar goes.
pub(in crate::config) const EXPIRES: Form<Duration> = Form {
    parse: |text| {
        let span = (SECONDS.parse)(text)?;
        let sensible = Duration::from_secs(30)..=Duration::from_secs(604_800);
        if !sensible.contains(&span) {
            return Err("out of range; write 30 to 604800 seconds, e.g. 300".to_owned());
        }
        Ok(span)
    },
    show: |span| seconds_text(*span),
};

/// At least every five seconds is a flood, and no NAT waits an hour; zero is never.
pub(in crate::config) const KEEP_ALIVE: Form<Duration> = Form {
    parse: |text| {
        let span = (SECONDS.parse)(text)?;
        let sensible = Duration::from_secs(5)..=Duration::from_secs(3_600);
        if !span.is_zero() && !sensible.contains(&span) {
            return Err("out of range; write 5 to 3600 seconds, or 0 for never".to_owned());
        }
        Ok(span)
    },
    show: SECONDS.show,
};

/// From the shortest that RFC 4028 allows to a day; zero is no limit.
pub(in crate::config) const SESSION: Form<Option<Duration>> = Form {
    parse: |text| {
        let limit = (SECONDS_LIMIT.parse)(text)?;
        let sensible = Duration::from_secs(90)..=Duration::from_secs(86_400);
        match limit {
            Some(span) if !sensible.contains(&span) || span.subsec_nanos() > 0 => {
                Err("out of range; write 90 to 86400 whole seconds, or 0 for never".to_owned())
            }
            Some(_) | None => Ok(limit),
        }
    },
    show: SECONDS_LIMIT.show,
};

/// Seconds that may be negative.
pub(in crate::config) const SIGNED_SECONDS: Form<f64> = Form {
    parse: |text| {
        let seconds = seconds(text, Bare::Seconds)?;
        if seconds.abs() > 600.0 {
            return Err("out of range; write -600 to 600 seconds, e.g. 0.5".to_owned());
        }
        Ok(seconds)
    },
    show: |seconds| format!("{seconds:?}"),
};

/// A gain that only lowers.
pub(in crate::config) const DUCK: Form<Db> = Form {
    parse: |text| match decibels(text) {
        Some(level) if level.0 <= 0.0 => Ok(level),
        Some(_) => Err("louder than the music itself; write 0dB or less, e.g. -20dB".to_owned()),
        None => Err("not a level in decibels; write e.g. -20dB, or -infdB for silence".to_owned()),
    },
    show: Db::to_string,
};

pub(in crate::config) const VOLUME: Form<Volume> = Form {
    parse: volume,
    show: |volume| match volume {
        Volume::Untouched => "-1.0".to_owned(),
        Volume::Percent(percent) => format!("{percent:?}"),
        Volume::Level(level) => level.to_string(),
    },
};

/// Seconds as the old program wrote them, with at least one decimal.
fn seconds_text(span: Duration) -> String {
    let text = format!("{}.{:06}", span.as_secs(), span.subsec_micros());
    let text = text.trim_end_matches('0');
    if text.ends_with('.') {
        return format!("{text}0");
    }
    text.to_owned()
}

fn minutes_text(span: Duration) -> String {
    let tenths = span.as_micros() / 6_000_000;
    if span.as_micros().is_multiple_of(6_000_000) {
        return format!("{}.{}", tenths / 10, tenths % 10);
    }
    format!("{}s", seconds_text(span))
}

/// What a number without a unit counts.
#[derive(Clone, Copy)]
enum Bare {
    Seconds,
    Minutes,
    Refused,
}

/// `None` for zero and below.
fn span(text: &str, bare: Bare) -> Result<Option<Duration>, String> {
    let micros = (seconds(text, bare)? * 1e6).round();
    if micros > TEN_YEARS_US {
        return Err("longer than ten years; write 0 for no limit".to_owned());
    }
    Ok((micros > 0.0).then(|| Duration::from_micros(micros as u64)))
}

fn seconds(text: &str, bare: Bare) -> Result<f64, String> {
    let wrong = || {
        match bare {
            Bare::Seconds => "not a number of seconds; write e.g. 10.0, 1.5s or 500ms",
            Bare::Minutes => "not a number of minutes; write e.g. 5.0, 5m or 90s",
            Bare::Refused => "not a length of time; write e.g. 150ms or 1.5s",
        }
        .to_owned()
    };
    let split = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E');
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let factor = match (unit, bare) {
        ("us", _) => 1e-6,
        ("ms", _) => 1e-3,
        ("s" | "sec", _) | ("", Bare::Seconds) => 1.0,
        ("m" | "min", _) | ("", Bare::Minutes) => 60.0,
        ("h", _) => 3_600.0,
        ("", Bare::Refused) if number == 0.0 => 0.0,
        ("", Bare::Refused) => return Err("has no unit; write e.g. 150ms or 1.5s".to_owned()),
        _ => return Err(wrong()),
    };
    let seconds = number * factor;
    seconds.is_finite().then_some(seconds).ok_or_else(wrong)
}

/// A number with or without `dB`; `-inf` is silence.
pub(super) fn decibels(text: &str) -> Option<Db> {
    let bare = text.len().saturating_sub(2);
    let number = match text.get(bare..) {
        Some(unit) if unit.eq_ignore_ascii_case("db") => text[..bare].trim_end(),
        _ => text,
    };
    let level: f32 = number.parse().ok()?;
    (level < f32::INFINITY).then_some(Db(level))
}

fn volume(text: &str) -> Result<Volume, String> {
    let wrong = || {
        "not a volume; write 0 to 400 percent, -20dB to 36dB, or -1 to leave it as it is".to_owned()
    };
    if text.to_ascii_lowercase().ends_with("db") {
        let level = decibels(text).filter(|level| level.0 <= 36.0);
        return level.map(Volume::Level).ok_or_else(wrong);
    }
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    match number.parse::<f32>() {
        Ok(percent) if percent < 0.0 => Ok(Volume::Untouched),
        Ok(percent) if percent <= 400.0 => Ok(Volume::Percent(percent)),
        _ => Err(wrong()),
    }
}

const TEN_YEARS_US: f64 = 10.0 * 365.0 * 86_400.0 * 1e6;
