//! How are the numbers and sounds of a page written?

use crate::config::form::{Form, integer, items, one_line};
use crate::config::page::Tone;
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
