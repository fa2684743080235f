//! How are the numbers and sounds of a page written?

use crate::config::form::{Form, integer, items, one_line, optional};
use crate::config::page::{Code, Mode, Tone};
use crate::config::secret::Secret;
use crate::page::Busy;

pub(in crate::config) const NAMES: Form<Vec<String>> = Form {
    parse: |text| Ok(items(text).map(str::to_owned).collect()),
    show: |names| names.join(" "),
};

pub(in crate::config) const BUSY: Form<Busy> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "queue" => Ok(Busy::Queue),
        "mix" => Ok(Busy::Mix),
        "reject" => Ok(Busy::Reject),
        _ => Err("no such choice; write queue, mix or reject".to_owned()),
    },
    show: |busy| {
        match busy {
            Busy::Queue => "queue",
            Busy::Mix => "mix",
            Busy::Reject => "reject",
        }
        .to_owned()
    },
};

pub(in crate::config) const MODE: Form<Mode> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "live" => Ok(Mode::Live),
        "delayed" => Ok(Mode::Delayed),
        _ => Err("no such choice; write live or delayed".to_owned()),
    },
    show: |mode| {
        match mode {
            Mode::Live => "live",
            Mode::Delayed => "delayed",
        }
        .to_owned()
    },
};

/// Empty is none.
pub(in crate::config) const PIN: Form<Option<Secret>> = Form {
    parse: |text| {
        optional(text, |text| {
            let is_digits = text.chars().all(|c| c.is_ascii_digit());
            if !is_digits || !(4..=MOST_DIGITS).contains(&text.len()) {
                return Err("not 4 to 16 digits; write e.g. 4711".to_owned());
            }
            Ok(Secret::new(text))
        })
    },
    show: |pin| pin.as_ref().map_or("", Secret::reveal).to_owned(),
};

/// Zones that callers choose by digits.
pub(in crate::config) const CODES: Form<Vec<Code>> = Form {
    parse: |text| {
        let mut codes: Vec<Code> = Vec::new();
        for item in items(text) {
            let code = code(item).map_err(|why| format!("in \"{item}\": {why}"))?;
            if let Some(known) = codes.iter().find(|known| meet(&known.digits, &code.digits)) {
                return Err(clash(&known.digits, &code.digits));
            }
            codes.push(code);
        }
        Ok(codes)
    },
    show: |codes| {
        let texts = codes.iter().map(|code| match code.zones.as_slice() {
            [] => format!("{}:all", code.digits),
            zones => format!("{}:{}", code.digits, zones.join("+")),
        });
        texts.collect::<Vec<_>>().join(" ")
    },
};

fn code(item: &str) -> Result<Code, String> {
    const HOW: &str = "write CODE:ZONE, CODE:ZONE+ZONE or CODE:all, e.g. 1:hall 2:yard+rooms 9:all";
    let (digits, zones) = item.split_once(':').ok_or(HOW)?;
    let is_digits = digits.chars().all(|c| c.is_ascii_digit());
    if !is_digits || !(1..=MOST_DIGITS).contains(&digits.len()) {
        return Err(format!("the code is not 1 to 16 digits; {HOW}"));
    }
    let zones: Vec<String> = zones.split('+').map(str::to_owned).collect();
    if zones.iter().any(String::is_empty) {
        return Err(format!("a zone is missing; {HOW}"));
    }
    let is_all = |zone: &String| zone.eq_ignore_ascii_case("all");
    if zones.len() > 1 && zones.iter().any(is_all) {
        return Err("names zones beside all; write all, or only the names".to_owned());
    }
    let mut others = zones.iter().enumerate();
    if let Some((_, twice)) = others.find(|(at, zone)| zones[..*at].contains(zone)) {
        return Err(format!("names {twice} twice; write it once"));
    }
    let digits = digits.to_owned();
    let zones = if is_all(&zones[0]) { Vec::new() } else { zones };
    Ok(Code { digits, zones })
}

/// Whether one begins with the other.
fn meet(a: &str, b: &str) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

fn clash(a: &str, b: &str) -> String {
    if a == b {
        return format!(
            "the code {a} stands there twice; write its zones together, e.g. {a}:hall+yard"
        );
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    format!(
        "who enters {long} would have entered {short} before; write codes that do not begin alike"
    )
}

/// More than anybody enters without a mistake.
const MOST_DIGITS: usize = 16;

/// Empty is nothing.
pub(in crate::config) const TONE: Form<Tone> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "" | "nothing" => Ok(Tone::Nothing),
        "klaxon" => Ok(Tone::Klaxon),
        _ => one_line(text).map(|path| Tone::File(path.into())),
    },
    show: |tone| match tone {
        Tone::Nothing => "nothing".to_owned(),
        Tone::Klaxon => "klaxon".to_owned(),
        Tone::File(path) => path.display().to_string(),
    },
};

pub(in crate::config) const REPEAT: Form<u32> = Form {
    parse: |text| integer(text, 1..=100, 2).map(|times| times as u32),
    show: u32::to_string,
};
