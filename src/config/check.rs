//! Which names are unknown, which settings do not fit together, and how is that told?

use crate::config::desk::{LINE, RELAY};
use crate::config::dialect::Entry;
use crate::config::form;
use crate::config::group::{self, IN, OUT};
use crate::config::keys;
use crate::config::layers::{DEFAULT, Layers};
use crate::config::load::Loaded;
use crate::config::model::{ACCOUNT, Config, Listen, Transport, USER};
use crate::config::music::MUSIC;
use crate::config::near::nearest;
use crate::config::page::PAGE;
use crate::config::place::{Place, Remark, Warning};
use crate::config::player::{HOLD, MESSAGE};
use crate::config::schedule::{PLAN, SCHEDULE};
use crate::config::test_number::TEST;
use crate::config::zone::ZONE;

/// What `--check` prints: every mistake and warning on its line, and a last line that sums up.
pub fn report(loaded: &Loaded) -> String {
    let mut out = String::new();
    for mistake in &loaded.mistakes {
        line(&mut out, &mistake.to_string());
    }
    for warning in &loaded.warnings {
        line(&mut out, &warning.to_string());
    }
    let files: Vec<String> = loaded
        .files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let files = match files.as_slice() {
        [] => "no configuration file found, all defaults".to_owned(),
        some => format!("read {}", some.join(", ")),
    };
    let counts = format!(
        "{}, {}",
        count(loaded.mistakes.len(), "mistake"),
        count(loaded.warnings.len(), "warning")
    );
    line(&mut out, &format!("{files}: {counts}"));
    out
}

/// Warns of every section and key that nobody reads.
pub(super) fn names(layers: &Layers, warnings: &mut Vec<Warning>) {
    for (section, place) in layers.sections() {
        let Some(kind) = known_section(section) else {
            warnings.push(unknown_section(section, place));
            continue;
        };
        for entry in layers.entries(section) {
            let text = about_key(kind, entry);
            if let Some(text) = text.filter(|_| !layers.is_quoted(section, &entry.name)) {
                warnings.push(about(entry, text));
            }
        }
    }
    for entry in layers.entries(DEFAULT) {
        if !layers.is_quoted(DEFAULT, &entry.name) {
            warnings.extend(about_default(layers, entry).map(|text| about(entry, text)));
        }
    }
}

/// Finds what each key alone could not see.
pub(super) fn together(config: &Config) -> Vec<Warning> {
    let mut warnings = group::idle(config);
    let mut warn = |section: &str, key: &str, text: String| {
        warnings.push(Warning(config.mistake(section, key, text).0));
    };
    if config.sip.main.domain.is_empty() && !config.sip.main.user.is_empty() {
        let text = "there is no domain, so nothing registers; write domain = HOST";
        warn("sip", "user", text.to_owned());
    }
    for account in config.sip.accounts().filter(|a| a.user.is_empty()) {
        let text = "there is no user, so it registers without a name; write user = EXTENSION";
        warn(&account.section(), "domain", text.to_owned());
    }
    if config.sip.require_auth && config.sip.users.iter().all(|it| it.password.is_empty()) {
        let text = "there is no user, so only a PBX that we register at can call; \
                    write a section [user:NAME] with pass = PASSWORD";
        warn("sip", "require-auth", text.to_owned());
    }
    let is_tls = |listen: &Listen| listen.transport == Transport::Tls;
    let has_identity = config.sip.tls_cert.is_some() && config.sip.tls_key.is_some();
    if config.sip.listen.iter().any(is_tls) && !has_identity {
        let text = "tls: needs a certificate; write tls-cert = FILE and tls-key = FILE";
        warn("sip", "listen", text.to_owned());
    }
    if config.sip.tls_verify_clients && config.sip.tls_ca.is_none() {
        let text = "nobody could prove anything; write tls-ca = FILE, the authority of the phones";
        warn("sip", "tls-verify-clients", text.to_owned());
    }
    let pairs = form::pairs(&config.sip.rtp_ports);
    let max_calls = config.sip.max_calls;
    if (1..max_calls).contains(&pairs) {
        let text = format!("has room for {pairs} calls, but max-calls allows {max_calls}");
        warn("sip", "rtp-ports", text + "; write a wider range");
    }
    let klaxon = config.audio.klaxon.as_ref();
    if klaxon.is_some_and(|path| path.starts_with("~")) {
        let text = "~ is taken as it stands here; write the whole path";
        warn("audio", "klaxon", text.to_owned());
    }
    for (old, new) in RENAMED {
        if config.is_filled("audio", old) && config.is_filled("audio", new) {
            let text = format!("{old} is also set and counts; remove one of them");
            warn("audio", new, text);
        }
    }
    warnings
}

/// The section in the table that a written section stands for.
fn known_section(section: &str) -> Option<&str> {
    if section.starts_with(USER) {
        return Some("user");
    }
    if section.starts_with(HOLD) {
        return Some("moh");
    }
    if section.starts_with(MESSAGE) {
        return Some("play");
    }
    if section.starts_with(LINE) {
        return Some("line");
    }
    if section.starts_with(RELAY) {
        return Some("relay");
    }
    if section.starts_with(TEST) {
        return Some("test");
    }
    if section.starts_with(ZONE) {
        return Some("zone");
    }
    if section.starts_with(PAGE) {
        return Some("page");
    }
    if section.starts_with(SCHEDULE) {
        return Some("schedule");
    }
    if section.starts_with(PLAN) {
        return Some("plan");
    }
    if section.starts_with(MUSIC) {
        return Some("music");
    }
    if section.starts_with(OUT) {
        return Some("multicast-out");
    }
    if section.starts_with(IN) {
        return Some("multicast-in");
    }
    let kind = if section.starts_with(ACCOUNT) {
        "sip"
    } else {
        section
    };
    keys::all().any(|key| key.section == kind).then_some(kind)
}

fn unknown_section(section: &str, place: &Place) -> Warning {
    let text = if keys::gone_section(section) {
        "is of an early version, ignored; write klaxon in [audio]".to_owned()
    } else {
        match nearest(section, SECTIONS.into_iter().chain([DEFAULT])) {
            Some(meant) => format!("unknown section, ignored; did you mean [{meant}]?"),
            None => "unknown section, ignored; there are [sip], [sip:NAME], [user:NAME], \
                     [zone:NAME], [page:NAME], [music:NAME], [moh:NAME], [play:NAME], \
                     [relay:NAME], [line:NAME], [test:NAME], [schedule:NAME], [plan:NAME], \
                     [multicast-out:NAME], [multicast-in:NAME], \
                     [audio], [calls], [http], [mqtt] and [server]"
                .to_owned(),
        }
    };
    Warning(Remark {
        place: Some(place.clone()),
        subject: format!("[{section}]"),
        text,
    })
}

/// Why nobody reads this key of a known section, if so.
fn about_key(section: &str, entry: &Entry) -> Option<String> {
    if is_key(section, entry) {
        return None;
    }
    if let Some(row) = keys::gone(section, &entry.name) {
        let value = entry.value.as_deref().unwrap_or_default();
        let speaks = !row.harmless.contains(&value);
        return speaks.then(|| format!("no longer does anything; {}", row.advice));
    }
    let is_further = entry.section.starts_with(ACCOUNT);
    let dashed = entry.name.replace('_', "-");
    if is_further && keys::all().any(|key| key.section == section && key.name == dashed) {
        return Some("counts for all accounts, ignored here; write it into [sip]".to_owned());
    }
    Some(unknown_key(section, &entry.name))
}

/// Whether one of the table's names is written here, in dashes or underscores throughout.
fn is_key(section: &str, entry: &Entry) -> bool {
    let is_further = entry.section.starts_with(ACCOUNT);
    keys::all()
        .chain(keys::of_named())
        .filter(|key| key.section == section && (key.is_of_account() || !is_further))
        .flat_map(keys::Key::names)
        .any(|name| name.replace('_', "-") == entry.name || name.replace('-', "_") == entry.name)
}

fn unknown_key(section: &str, name: &str) -> String {
    let dashed = name.replace('_', "-");
    let elsewhere = keys::all().find(|key| key.section != section && key.name == dashed);
    if let Some(key) = elsewhere {
        return format!("unknown here, ignored; it belongs into [{}]", key.section);
    }
    let every = keys::all().chain(keys::of_named());
    let here = every.filter(|key| key.section == section);
    match nearest(name, here.flat_map(keys::Key::names)) {
        Some(meant) => format!("unknown key, ignored; did you mean {meant}?"),
        None => "unknown key, ignored".to_owned(),
    }
}

/// `[DEFAULT]` gives its values only to sections that stand in some file.
fn about_default(layers: &Layers, entry: &Entry) -> Option<String> {
    let mut of = SECTIONS.iter().filter(|section| is_key(section, entry));
    let Some(section) = of.clone().next() else {
        return Some(
            match nearest(&entry.name, keys::all().map(|key| key.name)) {
                Some(meant) => format!("unknown key, ignored; did you mean {meant}?"),
                None => "unknown key, ignored".to_owned(),
            },
        );
    };
    let counts = of.any(|section| layers.has(section))
        || layers.sections().any(|(name, _)| name.starts_with(ACCOUNT));
    (!counts).then(|| {
        format!("counts only for sections that are there; write [{section}] on a line of its own")
    })
}

fn about(entry: &Entry, text: String) -> Warning {
    Warning(Remark {
        place: Some(entry.place.clone()),
        subject: format!("[{}] {}", entry.section, entry.name),
        text,
    })
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn count(n: usize, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{plural}")
}

const SECTIONS: [&str; 6] = ["sip", "audio", "calls", "http", "mqtt", "server"];

const RENAMED: [(&str, &str); 3] = [
    ("music-fade-out-duration", "duck-attack"),
    ("music-fade-in-duration", "duck-release"),
    ("music-fade-out-min", "duck"),
];
