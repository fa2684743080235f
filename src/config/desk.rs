//! Which calls are held for programs, and how do sections `[relay:NAME]` and `[line:NAME]` become
//! that?

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::config::keys;
use crate::config::load::Loading;
use crate::config::model::Config;
use crate::config::near::nearest;
use crate::config::place::{Mistake, Place, Remark};
use crate::config::test_number::TEST;
use crate::control::Pattern;
use crate::page::Extension;

/// Calls that programs make and take by the text protocol of relays.
#[derive(Clone, Debug, PartialEq)]
pub struct Relay {
    /// NAME of `[relay:NAME]`.
    pub name: String,
    /// None takes no calls, and only makes some.
    pub extensions: Vec<Extension>,
    /// By what it calls: an account, or `host[:port]`; `None` stands for the first account.
    pub trunk: Option<String>,
    /// What callers hear once they are answered.
    pub greeting: Option<PathBuf>,
    /// What comes from the other side is written to a file.
    pub record: bool,
    /// Calls wait until the program answers them.
    pub asks: bool,
    /// `None` stands for those of `[sip]`.
    pub rtp_ports: Option<RangeInclusive<u16>>,
    /// From the first port of a call to the first of the next; two or more, and even.
    pub rtp_spacing: u16,
    /// 1 or more.
    pub max_calls: usize,
}

impl Relay {
    /// The section it stands in; also how the log names it.
    pub fn section(&self) -> String {
        format!("{RELAY}{}", self.name)
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            extensions: Vec::new(),
            trunk: None,
            greeting: None,
            record: false,
            asks: false,
            rtp_ports: None,
            rtp_spacing: 2,
            max_calls: 1,
        }
    }
}

/// An analog phone behind an adapter that registers here.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// NAME of `[line:NAME]`.
    pub name: String,
    /// NAME of the `[user:NAME]` as whom its adapter registers; never empty.
    pub user: String,
    /// How it rings unless said otherwise; `None` as usual.
    pub ring_pattern: Option<Pattern>,
    /// What it dials to reach its programs; none stands for whatever it dials.
    pub extensions: Vec<Extension>,
}

impl Line {
    /// The section it stands in; also how the log names it.
    pub fn section(&self) -> String {
        format!("{LINE}{}", self.name)
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            user: String::new(),
            ring_pattern: None,
            extensions: Vec::new(),
        }
    }
}

/// What the section of an analog phone begins with.
pub(super) const LINE: &str = "line:";

/// What the section of a relay begins with.
pub(super) const RELAY: &str = "relay:";

/// Reads them all; accounts, users, pages, players and numbers for tests have been read before.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    lines(loading, config);
    for (section, place) in sections(loading, RELAY) {
        let relay = relay(loading, &section, config);
        if is_name(&relay.name) {
            config.relays.push(relay);
            continue;
        }
        loading.mistakes.push(Mistake(Remark {
            place: Some(place),
            subject: format!("[{section}]"),
            text: "needs a name of letters, digits, dots and dashes after the colon; write e.g. \
                   [relay:office]"
                .to_owned(),
        }));
    }
    loading.mistakes.extend(overlaps(config));
    let strange = config.relays.iter().filter_map(|it| strange(it, config));
    loading.mistakes.extend(strange);
}

fn lines(loading: &mut Loading, config: &mut Config) {
    for (section, place) in sections(loading, LINE) {
        let line = line(loading, &section, config);
        if is_name(&line.name) {
            config.lines.push(line);
            continue;
        }
        loading.mistakes.push(Mistake(Remark {
            place: Some(place),
            subject: format!("[{section}]"),
            text: "needs a name of letters, digits, dots and dashes after the colon; write e.g. \
                   [line:kitchen]"
                .to_owned(),
        }));
    }
    let unknown = config.lines.iter().filter_map(|it| unknown(it, config));
    loading.mistakes.extend(unknown);
}

fn line(loading: &mut Loading, section: &str, config: &mut Config) -> Line {
    let mut line = Line::blank(&section[LINE.len()..]);
    for row in keys::of_line() {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut line, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    if line.user.is_empty() {
        line.user.clone_from(&line.name);
    }
    line
}

/// A line whose adapter cannot register, or that another has too.
fn unknown(line: &Line, config: &Config) -> Option<Mistake> {
    let user = &line.user;
    let mut before = config.lines.iter().take_while(|it| it.name != line.name);
    let text = if let Some(other) = before.find(|it| it.user == *user) {
        format!(
            "{user} is the user of [{}] too; each telephone needs one of its own",
            other.section()
        )
    } else if config
        .sip
        .users
        .iter()
        .any(|it| it.name == *user && !it.password.is_empty())
    {
        return None;
    } else {
        let names = config.sip.users.iter().map(|it| it.name.as_str());
        let meant = nearest(user, names.filter(|it| it != user));
        let meant = meant.map_or_else(String::new, |it| format!("did you mean {it}? Else "));
        format!(
            "there is no user {user} with a password; {meant}write a section [user:{user}] with \
             pass = SECRET"
        )
    };
    Some(config.mistake(&line.section(), "user", text))
}

fn sections(loading: &Loading, prefix: &str) -> Vec<(String, Place)> {
    let all = loading.layers.sections();
    all.filter(|(section, _)| section.starts_with(prefix))
        .map(|(section, place)| (section.to_owned(), place.clone()))
        .collect()
}

fn relay(loading: &mut Loading, section: &str, config: &mut Config) -> Relay {
    let mut relay = Relay::blank(&section[RELAY.len()..]);
    for row in keys::of_relay() {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut relay, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    relay
}

/// Programs write it into addresses.
pub(super) fn is_name(name: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !name.is_empty() && name.chars().all(is_fit)
}

/// A trunk that is neither an account nor an address.
fn strange(relay: &Relay, config: &Config) -> Option<Mistake> {
    let trunk = relay.trunk.as_deref()?;
    let accounts: Vec<&str> = config.sip.accounts().map(|it| it.name.as_str()).collect();
    let is_address = trunk.contains(['.', ':']) && !trunk.contains(['/', '@', ' ']);
    if accounts.contains(&trunk) || is_address {
        return None;
    }
    let meant = nearest(trunk, accounts);
    let meant = meant.map_or_else(String::new, |meant| format!("did you mean {meant}? Else "));
    let text = format!(
        "there is no such account; {meant}write the NAME of a [sip:NAME], or an address as \
         192.0.2.1:5060"
    );
    Some(config.mistake(&relay.section(), "trunk", text))
}

/// A number that leads elsewhere too: told at the relay or the test, with the place of the other.
fn overlaps(config: &Config) -> Vec<Mistake> {
    let of_pages = config.pages.iter().map(|it| (it.section(), &it.extensions));
    let of_players = config.players.iter();
    let of_players = of_players.map(|it| (it.section(), &it.extensions));
    let of_relays = config.relays.iter();
    let of_relays = of_relays.map(|it| (it.section(), &it.extensions));
    let of_tests = config.tests.iter();
    let of_tests = of_tests.map(|it| (it.section(), &it.extensions));
    let others = of_pages.chain(of_players).chain(of_tests).chain(of_relays);
    let numbers: Vec<(String, &Extension)> = others
        .flat_map(|(section, all)| all.iter().map(move |number| (section.clone(), number)))
        .collect();
    let of_relay = |(nth, (section, _)): &(usize, &(String, &Extension))| {
        *nth > 0 && (section.starts_with(RELAY) || section.starts_with(TEST))
    };
    let mut mistakes = Vec::new();
    for (nth, (section, number)) in numbers.iter().enumerate().filter(of_relay) {
        let mut before = numbers[..nth].iter();
        let Some((other, same)) = before.find(|(_, other)| other.overlaps(number)) else {
            continue;
        };
        let at = config.place(other, "extensions");
        let at = at.map_or_else(String::new, |place| format!(" ({place})"));
        let text = format!(
            "{} is a number of [{other}] too, as {}{at}; a call can be for one only",
            number.as_str(),
            same.as_str()
        );
        mistakes.push(config.mistake(section, "extensions", text));
    }
    mistakes
}
