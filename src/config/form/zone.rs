//! How are the outputs and the fitting of a zone written?

use std::time::Duration;

use crate::base::Db;
use crate::config::form::measure::{DUCK, RAMP, decibels};
use crate::config::form::sound::DEVICE;
use crate::config::form::{BOOL, Form, one_line, optional};
use crate::config::group::GroupName;
use crate::config::model::Device;
use crate::config::pattern::Pattern;
use crate::config::zone::{MULTICAST, ZoneOutput};
use crate::dsp::{Curve, FLAT_Q, N_BANDS};

pub(in crate::config) const OUTPUTS: Form<Vec<ZoneOutput>> = Form {
    parse: |text| {
        let items = parted(text);
        let outputs: Result<Vec<ZoneOutput>, String> = items.iter().map(|it| output(it)).collect();
        let outputs = outputs?;
        let wrong = stray_channel(&items).or_else(|| named_twice(&outputs));
        wrong.map_or(Ok(outputs), Err)
    },
    show: |outputs| {
        let texts: Vec<String> = outputs.iter().map(output_text).collect();
        texts.join(" ")
    },
};

/// One band is the high-pass.
pub(in crate::config) const EQ: Form<Vec<Curve>> = Form {
    parse: |text| {
        let curves: Vec<Curve> = super::items(text).map(curve).collect::<Result<_, _>>()?;
        if curves.len() >= N_BANDS {
            let n = N_BANDS - 1;
            return Err(format!("has {} bands; write {n} at most", curves.len()));
        }
        Ok(curves)
    },
    show: |curves| {
        let texts: Vec<String> = curves.iter().map(curve_text).collect();
        texts.join(" ")
    },
};

pub(in crate::config) const HIGH_PASS: Form<Option<f32>> = Form {
    parse: |text| {
        if (BOOL.parse)(text) == Ok(false) {
            return Ok(None);
        }
        let hertz: Option<f32> = text.parse().ok();
        let hertz = hertz.filter(|hertz| (20.0..=1_000.0).contains(hertz));
        let wrong = "neither no nor a frequency; write no, or 20 to 1000 hertz, e.g. 120";
        hertz.map(Some).ok_or_else(|| wrong.to_owned())
    },
    show: |hertz| hertz.map_or_else(|| "no".to_owned(), |hertz| hertz.to_string()),
};

pub(in crate::config) const ZONE_DELAY: Form<Duration> = Form {
    parse: |text| {
        let delay = (RAMP.parse)(text)?;
        if delay > Duration::from_secs(1) {
            return Err("longer than a second; write 0ms to 1s, e.g. 120ms".to_owned());
        }
        Ok(delay)
    },
    show: RAMP.show,
};

pub(in crate::config) const LIMITER: Form<Db> = Form {
    parse: |text| {
        let level = decibels(text).filter(|level| (-40.0..=-1.0).contains(&level.0));
        level.ok_or_else(|| "not a peak level; write -40dB to -1dB, e.g. -6dB".to_owned())
    },
    show: Db::to_string,
};

pub(in crate::config) const OPTIONAL_DUCK: Form<Option<Db>> = Form {
    parse: |text| optional(text, DUCK.parse),
    show: |duck| duck.as_ref().map(Db::to_string).unwrap_or_default(),
};

/// The items of a list in which `\` keeps the next character, blank or comma, in its item.
fn parted(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let is_apart = c.is_ascii_whitespace() || c == ',';
        match items.last_mut() {
            Some(item) if c == '\\' => {
                item.push(c);
                item.extend(chars.next());
            }
            Some(item) if !is_apart => item.push(c),
            Some(_) | None => items.push(String::new()),
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

fn output(item: &str) -> Result<ZoneOutput, String> {
    if let Some(group) = item.strip_prefix(MULTICAST) {
        let named = super::group::group_name(group);
        let named = named.map_err(|why| format!("in \"{item}\": {why}"));
        return named.map(ZoneOutput::Multicast);
    }
    let in_item = |why: String| format!("in \"{item}\": {why}");
    let Some(device) = item.strip_prefix(DEVICE_PREFIX) else {
        let pattern = one_line(item).and_then(|item| Pattern::new(&item));
        return pattern.map(ZoneOutput::Ports).map_err(in_item);
    };
    let (name, channels) = match device.rsplit_once('/') {
        Some((name, channels)) => (name, Some(self::channels(channels).map_err(in_item)?)),
        None => (device, None),
    };
    match (DEVICE.parse)(name).map_err(in_item)? {
        Some(device) => Ok(ZoneOutput::Device { device, channels }),
        None => Err(format!(
            "\"{item}\" names no device; write device:NAME as listed by paging --dump-devices"
        )),
    }
}

/// A number alone behind a device was meant to be a channel of it.
fn stray_channel(items: &[String]) -> Option<String> {
    let is_number = |item: &str| item.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    let mut pairs = items.windows(2);
    let stray = pairs.find(|pair| pair[0].starts_with(DEVICE_PREFIX) && is_number(&pair[1]))?;
    Some(format!(
        "\"{}\" alone is no output; write device:NAME/3-4 for channels side by side, and else \
         device:NAME/3 device:NAME/7",
        stray[1]
    ))
}

/// A channel of a device is an output once.
fn named_twice(outputs: &[ZoneOutput]) -> Option<String> {
    let device = |output: &ZoneOutput| match output {
        ZoneOutput::Device { device, channels } => {
            Some((device.clone(), channels.unwrap_or((1, u16::MAX))))
        }
        ZoneOutput::Ports(_) | ZoneOutput::Multicast(_) => None,
    };
    let meets = |one: &ZoneOutput, other: &ZoneOutput| match (device(one), device(other)) {
        (Some((a, (a1, a2))), Some((b, (b1, b2)))) => a == b && a1 <= b2 && b1 <= a2,
        _ => false,
    };
    outputs.iter().enumerate().find_map(|(n, output)| {
        let before = outputs[..n].iter().find(|before| meets(before, output))?;
        let (first, again) = (output_text(before), output_text(output));
        Some(format!(
            "\"{again}\" has channels that \"{first}\" has already; name each channel once"
        ))
    })
}

/// `3` or `3-4`, counted from 1.
fn channels(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok((first, last)),
        _ => Err("no channels; write a number as /1, or the first and the last as /3-4".to_owned()),
    }
}

fn output_text(output: &ZoneOutput) -> String {
    match output {
        ZoneOutput::Ports(pattern) => pattern.as_str().to_owned(),
        ZoneOutput::Device { device, channels } => {
            let name = match device {
                Device::Index(index) => index.to_string(),
                Device::Named(pattern) => pattern.as_str().to_owned(),
            };
            let channels = match channels {
                None => String::new(),
                Some((first, last)) if first == last => format!("/{first}"),
                Some((first, last)) => format!("/{first}-{last}"),
            };
            format!("{DEVICE_PREFIX}{name}{channels}")
        }
        ZoneOutput::Multicast(GroupName::Named(name)) => format!("{MULTICAST}{name}"),
        ZoneOutput::Multicast(GroupName::At(address)) => format!("{MULTICAST}{address}"),
    }
}

/// `400:-6dB:2`, `low:150:3dB` or `high:4000:-3dB`.
fn curve(item: &str) -> Result<Curve, String> {
    let parts: Vec<&str> = item.split(':').collect();
    let found = match parts[..] {
        ["low", hz, gain] => shelf(hz, gain).map(|(hz, gain, q)| Curve::LowShelf { hz, gain, q }),
        ["high", hz, gain] => shelf(hz, gain).map(|(hz, gain, q)| Curve::HighShelf { hz, gain, q }),
        [hz, gain] => bell(hz, gain, "1"),
        [hz, gain, q] => bell(hz, gain, q),
        _ => None,
    };
    found.ok_or_else(|| {
        format!(
            "\"{item}\" is no band; write HERTZ:GAIN:Q, low:HERTZ:GAIN or high:HERTZ:GAIN with \
             20 to 20000 hertz, -24dB to 24dB and a q of 0.1 to 30"
        )
    })
}

fn bell(hz: &str, gain: &str, q: &str) -> Option<Curve> {
    let q: f32 = q.parse().ok().filter(|q| (0.1..=30.0).contains(q))?;
    Some(Curve::Peak {
        hz: hertz(hz)?,
        gain: gain_of(gain)?,
        q,
    })
}

fn shelf(hz: &str, gain: &str) -> Option<(f32, Db, f32)> {
    Some((hertz(hz)?, gain_of(gain)?, FLAT_Q))
}

fn hertz(text: &str) -> Option<f32> {
    let hertz = text.parse().ok();
    hertz.filter(|hertz| (20.0..=20_000.0).contains(hertz))
}

fn gain_of(text: &str) -> Option<Db> {
    decibels(text).filter(|gain| (-24.0..=24.0).contains(&gain.0))
}

fn curve_text(curve: &Curve) -> String {
    match curve {
        Curve::LowShelf { hz, gain, .. } => format!("low:{hz}:{gain}"),
        Curve::HighShelf { hz, gain, .. } => format!("high:{hz}:{gain}"),
        Curve::Peak { hz, gain, q } => format!("{hz}:{gain}:{q}"),
        Curve::HighPass { .. } | Curve::LowPass { .. } | Curve::AllPass { .. } => String::new(),
    }
}

const DEVICE_PREFIX: &str = "device:";

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(text: &str) -> Vec<String> {
        let read = (OUTPUTS.parse)(text).unwrap();
        read.iter().map(output_text).collect()
    }

    #[test]
    fn outputs_are_parted_but_where_a_backslash_keeps_them() {
        assert_eq!(outputs("a, b\n c"), ["a", "b", "c"]);
        assert_eq!(
            outputs("Built-in\\ Audio:playback_FL device:usb/3-4"),
            ["Built-in\\ Audio:playback_FL", "device:usb/3-4"]
        );
        assert_eq!(outputs("device:2/7"), ["device:2/7"]);
        let groups = [
            "multicast:239.1.1.1:5004",
            "multicast:[ff15::7]:5004",
            "multicast:phones",
        ];
        assert_eq!(outputs(&groups.join(" ")), groups);
        let ZoneOutput::Ports(pattern) = &(OUTPUTS.parse)("a\\ b").unwrap()[0] else {
            panic!("ports");
        };
        assert!(pattern.regex().is_match("xa bx"));
    }

    #[test]
    fn bands_come_back_as_they_were_written() {
        let text = "400:-6dB:2 low:150:3dB high:4000:-2.5dB";
        let curves = (EQ.parse)(text).unwrap();
        assert_eq!((EQ.show)(&curves), text);
        assert_eq!((EQ.parse)("1000:3").unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_what_to_write() {
        let wrong = |text: &str| (OUTPUTS.parse)(text).unwrap_err();
        assert!(wrong("a b(").starts_with("in \"b(\": not a regular expression"));
        assert!(wrong("multicast:239.1.1.1:0").contains("port 0 is no port"));
        assert!(wrong("multicast:10.0.0.1:5004").contains("not a multicast address"));
        assert!(wrong("device:").contains("names no device"));
        assert!(wrong("device:usb/0").contains("no channels"));
        assert!(wrong("device:usb/4-3").contains("no channels"));
        assert!(wrong("device:usb/3,4").contains("\"4\" alone is no output"));
        assert_eq!(
            wrong("device:usb/1-4 x device:usb/3"),
            "\"device:usb/3\" has channels that \"device:usb/1-4\" has already; name each channel \
             once"
        );
        assert!(wrong("device:2 device:2").contains("name each channel once"));
        assert_eq!(outputs("device:usb/1 device:usb/2 device:pch/1").len(), 3);
        for bad in ["400", "5:-3dB", "400:99dB", "400:1dB:0", "mid:4:1", ":::"] {
            assert!((EQ.parse)(bad).unwrap_err().contains("is no band"), "{bad}");
        }
        assert!(
            (EQ.parse)(&"100:1dB ".repeat(10))
                .unwrap_err()
                .contains("9 at most")
        );
        assert!(
            (ZONE_DELAY.parse)("1.5s")
                .unwrap_err()
                .contains("longer than a second")
        );
        assert!((LIMITER.parse)("0dB").is_err() && (HIGH_PASS.parse)("5").is_err());
    }
}
