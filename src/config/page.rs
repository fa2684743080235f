//! What is set for one kind of page, and how do sections `[page:NAME]` become pages?

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::keys;
use crate::config::load::Loading;
use crate::config::model::Config;
use crate::config::near::remedy;
use crate::config::place::{Mistake, Place, Remark};
use crate::config::secret::Secret;
use crate::config::zone;
use crate::control::Side;
use crate::page::{Busy, Entry, Extension, Overlap};

/// One `[page:NAME]`: what callers of some numbers get.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// NAME of the section; without blanks and commas.
    pub name: String,
    /// None stands for every number that no other page has.
    pub extensions: Vec<Extension>,
    /// The accounts that calls come by; none stands for all, and for no account.
    pub accounts: Vec<String>,
    /// Who may call; none stands for everybody.
    pub callers: Vec<Extension>,
    /// What callers enter by keys before anything else; 4 to 16 digits.
    pub pin: Option<Secret>,
    /// Names of pages that it ends, or `all` alone.
    pub stops: Vec<String>,
    /// Names of zones; none stands for all.
    pub zones: Vec<String>,
    /// Zones that callers choose by keys, in place of `zones`; none begins like another.
    pub codes: Vec<Code>,
    /// 200 and above is emergency.
    pub priority: u8,
    /// What it does when others of its rank hold a zone that it wants.
    pub busy: Busy,
    /// It begins in the zones that are free, and the others join.
    pub partial: bool,
    /// When its caller is heard.
    pub mode: Mode,
    /// How long it waits for its zones; `None` as long as the caller does.
    pub queue_timeout: Option<Duration>,
    /// How long it lasts at most once the caller is heard.
    pub max_duration: Option<Duration>,
    /// How long before that it is told; zero is never.
    pub warning: Duration,
    /// What the listeners hear then.
    pub warning_tone: Tone,
    /// Before everything else nothing sounds for so long.
    pub pre_roll: Duration,
    /// What sounds before the first word.
    pub klaxon: Tone,
    /// What sounds after the last word.
    pub end_tone: Tone,
    /// What is played in place of the caller's voice; not looked for yet.
    pub message: Option<PathBuf>,
    /// What is spoken in place of the caller's voice; never beside `message`.
    pub say: Option<String>,
    /// How often; 1 or more.
    pub repeat: u32,
    /// Tones tell callers how things stand.
    pub announce_to_caller: bool,
    /// What of it is recorded, if anything is.
    pub record: Option<Side>,
    /// What tells the caller of it; not looked for yet.
    pub record_greeting: Option<PathBuf>,
}

/// Zones that a caller chooses by keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// 1 to 16.
    pub digits: String,
    /// Names of zones; none stands for all.
    pub zones: Vec<String>,
}

/// When the caller of a page is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// While it speaks.
    Live,
    /// When it has spoken, heard it back and sent it.
    Delayed,
}

/// A sound around a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tone {
    Nothing,
    /// As the klaxon of `[audio]`.
    Klaxon,
    /// A sound file; not looked for yet.
    File(PathBuf),
}

impl Tone {
    /// Its file, if it is of one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Nothing | Self::Klaxon => None,
            Self::File(path) => Some(path),
        }
    }
}

impl Page {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{PAGE}{}", self.name)
    }

    /// Whether it ends all others.
    pub fn stops_all(&self) -> bool {
        self.stops.iter().any(|it| it.eq_ignore_ascii_case("all"))
    }

    /// The calls that it is for.
    pub fn entry(&self) -> Entry {
        Entry {
            extensions: self.extensions.clone(),
            accounts: self.accounts.clone(),
            callers: self.callers.clone(),
        }
    }

    /// Whether a caller is heard while it speaks.
    fn has_live_caller(&self) -> bool {
        self.mode == Mode::Live && self.message.is_none() && self.say.is_none()
    }

    /// How long the caller may speak; what is held in memory has a limit.
    pub fn longest(&self) -> Option<Duration> {
        match self.mode {
            Mode::Live => self.max_duration,
            Mode::Delayed => Some(self.max_duration.unwrap_or(USUAL_DELAYED)),
        }
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            extensions: Vec::new(),
            accounts: Vec::new(),
            callers: Vec::new(),
            pin: None,
            stops: Vec::new(),
            zones: Vec::new(),
            codes: Vec::new(),
            priority: 0,
            busy: Busy::Queue,
            partial: false,
            mode: Mode::Live,
            queue_timeout: None,
            max_duration: None,
            warning: Duration::ZERO,
            warning_tone: Tone::Nothing,
            pre_roll: Duration::ZERO,
            klaxon: Tone::Klaxon,
            end_tone: Tone::Nothing,
            message: None,
            say: None,
            repeat: 1,
            announce_to_caller: false,
            record: None,
            record_greeting: None,
        }
    }
}

/// As in the table of keys.
const USUAL_WARNING: Duration = Duration::from_secs(10);

/// Of a delayed page, unless written.
const USUAL_DELAYED: Duration = Duration::from_secs(120);

/// A delayed page is held in memory: 115 MB at 48 kHz.
const LONGEST_DELAYED: Duration = Duration::from_secs(600);

/// What the section of a page begins with.
pub(super) const PAGE: &str = "page:";

/// Reads them all; accounts and zones have been read before.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    let mut before: Vec<(Place, Entry)> = Vec::new();
    let sections: Vec<(String, Place)> = loading
        .layers
        .sections()
        .filter(|(section, _)| section.starts_with(PAGE))
        .map(|(section, place)| (section.to_owned(), place.clone()))
        .collect();
    for (section, place) in sections {
        let page = page(loading, &section, config);
        if !zone::is_plain(&page.name) {
            let text = "needs a name after the colon, without blanks and commas; write e.g. \
                        [page:yard]";
            loading.mistakes.push(about(&section, &place, text));
            continue;
        }
        zone::must_exist(loading, config, &section, "zones", &page.zones);
        codes(loading, config, &page);
        accounts(loading, config, &page);
        duration(loading, config, &page);
        recording(loading, config, &page);
        one_source(loading, config, &page);
        delayed(loading, config, &page);
        let entry = page.entry();
        let others = before.iter().zip(&config.pages);
        let met: Vec<Mistake> = others
            .filter_map(|((at, of), other)| {
                let text = meets(config, other, at, of.overlap(&entry)?);
                Some(on_extensions(config, &section, &place, text))
            })
            .collect();
        loading.mistakes.extend(met);
        before.push((place, entry));
        config.pages.push(page);
    }
    stops(loading, config);
}

fn page(loading: &mut Loading, section: &str, config: &mut Config) -> Page {
    let mut page = Page::blank(&section[PAGE.len()..]);
    for row in keys::of_page() {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut page, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    page
}

fn codes(loading: &mut Loading, config: &Config, page: &Page) {
    let section = page.section();
    for code in &page.codes {
        zone::must_exist(loading, config, &section, "codes", &code.zones);
    }
    if !page.codes.is_empty() && !page.zones.is_empty() {
        let text = "callers choose the zones by codes; remove zones, or codes";
        let mistake = config.mistake(&section, "zones", text);
        loading.mistakes.push(mistake);
    }
}

/// Pages may end others that stand after them.
fn stops(loading: &mut Loading, config: &Config) {
    let known = || config.pages.iter().map(|page| page.name.as_str());
    for page in &config.pages {
        let section = page.section();
        let mut texts = Vec::new();
        if page.stops_all() {
            if page.stops.len() > 1 {
                texts.push("names pages beside all; write all, or only the names".to_owned());
            }
        } else {
            let unknown = page.stops.iter();
            let unknown = unknown.filter(|name| !known().any(|it| it == name.as_str()));
            texts.extend(unknown.map(|name| {
                let remedy = remedy(name, known(), PAGE);
                format!("there is no page \"{name}\"; {remedy}, or stops = all")
            }));
        }
        if !page.stops.is_empty() && !page.codes.is_empty() && page.message.is_none() {
            texts.push(
                "nothing is said to zones that codes choose; write a message, or remove codes"
                    .to_owned(),
            );
        }
        let mistakes = texts.into_iter();
        let mistakes = mistakes.map(|text| config.mistake(&section, "stops", text));
        loading.mistakes.extend(mistakes.collect::<Vec<_>>());
    }
}

fn accounts(loading: &mut Loading, config: &Config, page: &Page) {
    let known = || config.sip.accounts().map(|account| account.name.as_str());
    let unknown = page.accounts.iter();
    for name in unknown.filter(|name| !known().any(|it| it == name.as_str())) {
        let remedy = remedy(name, known(), "sip:");
        let text = format!("there is no account \"{name}\"; {remedy}; that of [sip] is sip");
        let mistake = config.mistake(&page.section(), "accounts", text);
        loading.mistakes.push(mistake);
    }
}

/// The warning that stands there unless written gives way to a short page.
fn duration(loading: &mut Loading, config: &Config, page: &Page) {
    let section = page.section();
    // A dump writes what stands there too.
    let is_usual = page.warning == USUAL_WARNING;
    let is_written = !is_usual && config.place(&section, "warning").is_some();
    if is_written && page.max_duration.is_some_and(|most| page.warning >= most) {
        let text = "not shorter than max-duration; write e.g. 10s, or 0 for none";
        let mistake = config.mistake(&section, "warning", text);
        loading.mistakes.push(mistake);
    }
}

/// A message has no voice of a caller, and an emergency does not wait for one to be told.
fn recording(loading: &mut Loading, config: &Config, page: &Page) {
    let section = page.section();
    let is_emergency = page.priority >= EMERGENCY;
    let wrong = [
        (
            page.record == Some(Side::Caller) && !page.has_live_caller(),
            "record",
            "a message has no caller to record; write record = page",
        ),
        (
            page.record_greeting.is_some() && page.record.is_none(),
            "record-greeting",
            "nothing of this page is recorded; write record = caller, or remove the greeting",
        ),
        (
            page.record_greeting.is_some() && page.mode == Mode::Delayed,
            "record-greeting",
            "nobody is recorded who could hear it; remove it",
        ),
        (
            page.record_greeting.is_some() && is_emergency,
            "record-greeting",
            "would delay an emergency; remove it, or write a priority below 200",
        ),
    ];
    for (_, key, text) in wrong.into_iter().filter(|(is_wrong, ..)| *is_wrong) {
        loading.mistakes.push(config.mistake(&section, key, text));
    }
}

/// The lowest priority of an emergency.
const EMERGENCY: u8 = 200;

/// What is spoken and held in memory cannot be of any length, and nothing else is played.
fn delayed(loading: &mut Loading, config: &Config, page: &Page) {
    if page.mode == Mode::Live {
        return;
    }
    let section = page.section();
    if page.message.is_some() || page.say.is_some() {
        let text = "there is a message to play, so nobody speaks; remove one of them";
        loading
            .mistakes
            .push(config.mistake(&section, "mode", text));
    }
    if page.max_duration.is_some_and(|most| most > LONGEST_DELAYED) {
        let text = "longer than a delayed page can be; write 10m or less";
        let mistake = config.mistake(&section, "max-duration", text);
        loading.mistakes.push(mistake);
    }
}

/// What is played is a file or a text.
fn one_source(loading: &mut Loading, config: &Config, page: &Page) {
    if page.message.is_some() && page.say.is_some() {
        let text = "there is a message too; remove one of them";
        let mistake = config.mistake(&page.section(), "say", text);
        loading.mistakes.push(mistake);
    }
}

/// How one says that a call could be for two pages.
fn meets(config: &Config, other: &Page, at: &Place, overlap: Overlap<'_>) -> String {
    let section = other.section();
    let at = config.place(&section, "extensions").unwrap_or(at);
    match overlap {
        Overlap::EveryNumber => format!(
            "takes every number that no other page has, and so does [{section}] at {at}; write \
             extensions, callers or accounts that tell them apart"
        ),
        Overlap::Numbers(theirs, ours) if theirs == ours => format!(
            "{ours} is also a number of [{section}] at {at}; remove it from one of them, or write \
             callers or accounts that tell them apart"
        ),
        Overlap::Numbers(theirs, ours) => format!(
            "{ours} has numbers that {theirs} of [{section}] at {at} has too; write others, or \
             callers or accounts that tell them apart"
        ),
    }
}

fn on_extensions(config: &Config, section: &str, place: &Place, text: String) -> Mistake {
    match config.place(section, "extensions") {
        Some(_) => config.mistake(section, "extensions", text),
        None => about(section, place, text),
    }
}

fn about(section: &str, place: &Place, text: impl Into<String>) -> Mistake {
    Mistake(Remark {
        place: Some(place.clone()),
        subject: format!("[{section}]"),
        text: text.into(),
    })
}
