//! How are sound devices and the links between ports written?

use crate::base::{Db, SampleRate};
use crate::config::command::Command;
use crate::config::form::measure::decibels;
use crate::config::form::{BOOL, Form, integer, one_line, optional};
use crate::config::model::{Backend, Device, Link};
use crate::config::pattern::Pattern;
use crate::dsp::{Cure, Speech, USUAL_TARGET};

pub(in crate::config) const PERIOD: Form<Option<usize>> = Form {
    parse: |text| {
        optional(text, |text| {
            integer(text, 16..=8_192, 256).map(|n| n as usize)
        })
    },
    show: |frames| frames.map(|frames| frames.to_string()).unwrap_or_default(),
};

pub(in crate::config) const SAMPLE_RATE: Form<Option<SampleRate>> = Form {
    parse: |text| {
        let hertz = optional(text, |text| integer(text, 8_000..=192_000, 48_000))?;
        Ok(hertz.and_then(|hertz| SampleRate::new(hertz as u32)))
    },
    show: |rate| rate.map(|rate| rate.hz().to_string()).unwrap_or_default(),
};

pub(in crate::config) const DEVICE: Form<Option<Device>> = Form {
    parse: |text| optional(text, device),
    show: |device| match device {
        None => String::new(),
        Some(Device::Index(index)) => index.to_string(),
        Some(Device::Named(pattern)) => pattern.as_str().to_owned(),
    },
};

pub(in crate::config) const BACKEND: Form<Backend> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(Backend::Auto),
        "jack" => Ok(Backend::Jack),
        "device" => Ok(Backend::Device),
        "timer" => Ok(Backend::Timer),
        _ => Err("no such backend; write auto, jack, device or timer".to_owned()),
    },
    show: |backend| {
        match backend {
            Backend::Auto => "auto",
            Backend::Jack => "jack",
            Backend::Device => "device",
            Backend::Timer => "timer",
        }
        .to_owned()
    },
};

pub(in crate::config) const LINKS: Form<Vec<Link>> = Form {
    parse: |text| text.split_ascii_whitespace().map(link).collect(),
    show: |links| {
        let texts: Vec<String> = links.iter().map(link_text).collect();
        texts.join(" ")
    },
};

/// Louder than −6 LUFS nothing is left but limiting; softer than −40 nobody hears it.
pub(in crate::config) const AGC: Form<Option<Db>> = Form {
    parse: |text| {
        if let Ok(is_on) = (BOOL.parse)(text) {
            return Ok(is_on.then_some(USUAL_TARGET));
        }
        let level = decibels(text).filter(|level| (-40.0..=-6.0).contains(&level.0));
        let wrong = "neither yes nor no nor a loudness; write yes, no, or -40dB to -6dB";
        level.map(Some).ok_or_else(|| wrong.to_owned())
    },
    show: |target| match target {
        None => "no".to_owned(),
        Some(target) if *target == USUAL_TARGET => "yes".to_owned(),
        Some(target) => target.to_string(),
    },
};

pub(in crate::config) const SPEECH_FILTER: Form<Option<[f32; 2]>> = Form {
    parse: |text| {
        let usual = Speech::default().splits_hz;
        (BOOL.parse)(text).map_or_else(
            |_| splits(text).map(Some),
            |is_on| Ok(is_on.then_some(usual)),
        )
    },
    show: |splits| match splits {
        None => "no".to_owned(),
        Some(splits) if *splits == Speech::default().splits_hz => "yes".to_owned(),
        Some([lower, upper]) => format!("{lower} {upper}"),
    },
};

pub(in crate::config) const HOWL: Form<Cure> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "off" => Ok(Cure::Off),
        "notch" => Ok(Cure::Notch),
        "duck" => Ok(Cure::Duck),
        _ => Err("no such choice; write off, notch or duck".to_owned()),
    },
    show: |cure| {
        match cure {
            Cure::Off => "off",
            Cure::Notch => "notch",
            Cure::Duck => "duck",
        }
        .to_owned()
    },
};

pub(in crate::config) const COMMAND: Form<Command> = Form {
    parse: |text| Command::parse(&one_line(text)?),
    show: |command| command.as_str().to_owned(),
};

/// Two frequencies that leave three bands.
fn splits(text: &str) -> Result<[f32; 2], String> {
    let words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let hertz: Result<Vec<f32>, _> = words.map(str::parse).collect();
    match hertz.as_deref() {
        Ok(&[lower, upper]) if lower >= 200.0 && lower < upper && upper <= 8_000.0 => {
            Ok([lower, upper])
        }
        Ok(_) | Err(_) => Err(
            "neither yes nor no nor two frequencies; write yes, no, or e.g. 800 2500 \
             (200 to 8000, the lower first)"
                .to_owned(),
        ),
    }
}

/// All digits are a place in the list, anything else is searched in the names.
fn device(text: &str) -> Result<Device, String> {
    if text.chars().all(|c| c.is_ascii_digit()) {
        let index = text.parse();
        return index
            .map(Device::Index)
            .map_err(|_| "no such device; paging --dump-devices lists them".to_owned());
    }
    Pattern::any_case(&one_line(text)?).map(Device::Named)
}

fn link(item: &str) -> Result<Link, String> {
    let Some((from, to)) = item.split_once("---") else {
        return Err(format!(
            "\"{item}\" has no ---; write IN---OUT, e.g. left---playback_1"
        ));
    };
    let pattern = |text: &str| Pattern::new(text).map_err(|why| format!("in \"{item}\": {why}"));
    Ok(Link {
        from: pattern(from)?,
        to: optional(to, pattern)?,
    })
}

fn link_text(link: &Link) -> String {
    let to = link.to.as_ref().map(Pattern::as_str).unwrap_or_default();
    format!("{}---{to}", link.from.as_str())
}
