//! How is a value written, and what does it mean?
//!
//! This file has what every kind shares, and the plain kinds; the others are by subject.

mod desk;
mod group;
mod http;
mod measure;
mod mqtt;
mod music;
mod network;
mod page;
mod record;
mod schedule;
mod sound;
mod zone;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::config::model::{AnnounceToCaller, KlaxonFor};
use crate::config::pattern::Pattern;
use crate::config::secret::Secret;
use crate::config::server::LogFormat;
use crate::page::{Extension, NotAnExtension};

pub(super) use desk::{ANSWER, OPTIONAL_PORTS, RING_PATTERN, SPACING, TEST};
pub(super) use group::{
    ANY_CHANNEL, CALLER_NAME, CHANNEL, CODEC, FADE, GROUP, GROUP_FORM, INTERFACE, OPTIONAL_CODEC,
    PAYLOAD_TYPE, PTIME, SILENCE, TTL,
};
pub(super) use http::{HTTP_LISTEN, ORIGINS, ROLE, TOKEN};
pub(super) use measure::{
    DUCK, EXPIRES, KEEP_ALIVE, MINUTES_LIMIT, RAMP, SECONDS, SECONDS_LIMIT, SESSION,
    SIGNED_SECONDS, VOLUME,
};
pub(super) use mqtt::{BROKER, DISCOVERY, TOPIC};
pub(super) use music::{CROSSFADE, IN_PAGES, LOUDNESS, MUSIC_AT, URL, VOLUME_AT};
pub(super) use network::{
    ADDRESS, AUTO_TRANSPORT, DOMAINS, DSCP, LISTEN, NETWORKS, NUMBERS, PORTS, PROXIES, REALM, SRTP,
    USER, pairs,
};
pub(super) use page::{BUSY, CODES, MODE, NAMES, PIN, REPEAT, TONE};
pub(super) use record::{RECORD, RECORD_ZONE, RECORDING_FORMAT, RETENTION, SIZE};
pub(super) use schedule::{CHIME, DAYS, MISSED, PLANS, PRIORITY, TIMEZONE, WHEN, ZONE_NAMES};
pub(super) use sound::{
    AGC, BACKEND, COMMAND, DEVICE, HOWL, LINKS, PERIOD, SAMPLE_RATE, SPEECH_FILTER,
};
pub(super) use zone::{EQ, HIGH_PASS, LIMITER, OPTIONAL_DUCK, OUTPUTS, ZONE_DELAY};

/// One kind of value: its reader, whose errors say what to write, and its writer, whose text
/// the reader understands.
pub(super) struct Form<T> {
    pub parse: fn(&str) -> Result<T, String>,
    pub show: fn(&T) -> String,
}

pub(super) const TEXT: Form<String> = Form {
    parse: one_line,
    show: String::clone,
};

pub(super) const SECRET: Form<Secret> = Form {
    parse: |text| one_line(text).map(Secret::new),
    show: |secret| secret.reveal().to_owned(),
};

/// The address of a Sentry project, empty for none.
pub(super) const DSN: Form<Secret> = Form {
    parse: |text| {
        let text = one_line(text)?;
        let is_dsn = (text.starts_with("https://") || text.starts_with("http://"))
            && text.contains('@')
            && !text.contains(' ');
        if !text.is_empty() && !is_dsn {
            return Err("not a DSN; write https://KEY@HOST/PROJECT, or nothing".to_owned());
        }
        Ok(Secret::new(text))
    },
    show: |dsn| dsn.reveal().to_owned(),
};

pub(super) const OPTIONAL_TEXT: Form<Option<String>> = Form {
    parse: |text| optional(text, one_line),
    show: |text| text.clone().unwrap_or_default(),
};

pub(super) const BOOL: Form<bool> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err("neither yes nor no; write yes or no".to_owned()),
    },
    show: |&yes| if yes { "yes" } else { "no" }.to_owned(),
};

pub(super) const SIP_LOG_LEVEL: Form<u8> = Form {
    parse: |text| integer(text, 0..=10, 3).map(|level| level as u8),
    show: u8::to_string,
};

pub(super) const EXTENSIONS: Form<Vec<Extension>> = Form {
    parse: |text| {
        let extension = |item: &str| {
            let parsed = item.parse::<Extension>();
            parsed.map_err(|NotAnExtension(why)| format!("in \"{item}\": {why}"))
        };
        items(text).map(extension).collect()
    },
    show: |all| {
        let texts: Vec<&str> = all.iter().map(Extension::as_str).collect();
        texts.join(" ")
    },
};

/// Where a listener comes in; true is the beginning.
pub(super) const START: Form<bool> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "joined" => Ok(false),
        "beginning" => Ok(true),
        _ => Err("no such start; write joined or beginning".to_owned()),
    },
    show: |&beginning| if beginning { "beginning" } else { "joined" }.to_owned(),
};

pub(super) const MAX_CALLS: Form<usize> = Form {
    parse: |text| integer(text, 1..=10_000, 100).map(|calls| calls as usize),
    show: usize::to_string,
};

pub(super) const PATH: Form<Option<PathBuf>> = Form {
    parse: |text| optional(text, |text| one_line(text).map(PathBuf::from)),
    show: |path| {
        let path = path.as_deref().unwrap_or_else(|| "".as_ref());
        path.display().to_string()
    },
};

pub(super) const PATTERN: Form<Pattern> = Form {
    parse: |text| Pattern::new(&one_line(text)?),
    show: |pattern| pattern.as_str().to_owned(),
};

pub(super) const OPTIONAL_PATTERN: Form<Option<Pattern>> = Form {
    parse: |text| optional(text, PATTERN.parse),
    show: |pattern| pattern.as_ref().map(PATTERN.show).unwrap_or_default(),
};

pub(super) const LOG_FORMAT: Form<LogFormat> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("no such format; write text or json".to_owned()),
    },
    show: |format| {
        match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
        .to_owned()
    },
};

pub(super) const KLAXON_FOR: Form<KlaxonFor> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "all" => Ok(KlaxonFor::All),
        "not-auto-answer" => Ok(KlaxonFor::NotAutoAnswer),
        _ => Err("no such choice; write all or not-auto-answer".to_owned()),
    },
    show: |choice| {
        match choice {
            KlaxonFor::All => "all",
            KlaxonFor::NotAutoAnswer => "not-auto-answer",
        }
        .to_owned()
    },
};

pub(super) const ANNOUNCE: Form<AnnounceToCaller> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "" | "nothing" => Ok(AnnounceToCaller::Nothing),
        "klaxon" => Ok(AnnounceToCaller::Klaxon),
        _ => one_line(text).map(|path| AnnounceToCaller::File(path.into())),
    },
    show: |choice| match choice {
        AnnounceToCaller::Nothing => "nothing".to_owned(),
        AnnounceToCaller::Klaxon => "klaxon".to_owned(),
        AnnounceToCaller::File(path) => path.display().to_string(),
    },
};

/// The items of a list, which blanks, line breaks or commas part.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_ascii_whitespace() || c == ',')
        .filter(|item| !item.is_empty())
}

fn optional<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some)
}

fn one_line(text: &str) -> Result<String, String> {
    if text.contains('\n') {
        return Err(
            "runs over several lines, since an indented line continues the one above; \
                    write it on one line, and begin the next key at the left edge"
                .to_owned(),
        );
    }
    if text.contains(|c: char| c.is_ascii_control() && c != '\t') {
        return Err("holds a control character; write plain text".to_owned());
    }
    Ok(text.to_owned())
}

/// `apt` is what most would write.
fn integer(text: &str, range: RangeInclusive<i64>, apt: i64) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!(
            "not a whole number from {} to {}; write e.g. {apt}",
            range.start(),
            range.end(),
        )
    })
}

#[cfg(test)]
mod tests;
