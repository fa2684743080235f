//! How are sound devices and the links between ports written?

use crate::base::SampleRate;
use crate::config::form::{Form, integer, one_line, optional};
use crate::config::model::{Backend, Device, Link};
use crate::config::pattern::Pattern;

pub(in crate::config) const PERIOD: Form<Option<usize>> = Form {
    parse: |text| optional(text, |text| integer(text, 16..=8_192).map(|n| n as usize)),
    show: |frames| frames.map(|frames| frames.to_string()).unwrap_or_default(),
};

pub(in crate::config) const SAMPLE_RATE: Form<Option<SampleRate>> = Form {
    parse: |text| {
        let hertz = optional(text, |text| integer(text, 8_000..=192_000))?;
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
