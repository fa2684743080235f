//! What is set for one zone, and how do sections `[zone:NAME]` become zones?

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::{Db, ZoneSet};
use crate::config::form;
use crate::config::group::GroupName;
use crate::config::keys;
use crate::config::load::Loading;
use crate::config::model::{Config, Device, Volume};
use crate::config::near::remedy;
use crate::config::pattern::Pattern;
use crate::config::place::{Mistake, Place, Remark};
use crate::dsp::Curve;
use crate::music::Timetable;
use crate::output::MOST_CARDS;

/// Loudspeakers that are spoken to together.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// NAME of `[zone:NAME]`; without blanks and commas, and never `all`.
    pub name: String,
    /// One or more.
    pub outputs: Vec<ZoneOutput>,
    /// The level of callers and of messages, beside that of `[audio]`.
    pub volume: Volume,
    /// The level of klaxons, beside that of `[audio]`.
    pub klaxon_volume: Volume,
    /// The level of music, beside that of `[audio]`.
    pub music_volume: Volume,
    /// The name of the source that plays here; `None` is that of `[audio]`, and it may be `OFF`.
    pub music: Option<String>,
    /// What plays from a time of day on, instead of `music`; `None` is nothing.
    pub music_at: Timetable<Option<String>>,
    /// The level of music from a time of day on, instead of `music_volume`.
    pub music_volume_at: Timetable<Volume>,
    /// As `[audio] duck`, which counts where this is `None`.
    pub duck: Option<Db>,
    /// Frequencies below are taken away, in hertz.
    pub high_pass: Option<f32>,
    /// At most one less than an equaliser has bands.
    pub eq: Vec<Curve>,
    /// At most a second.
    pub delay: Duration,
    /// What no output of the zone exceeds, in dBFS.
    pub limiter: Db,
    /// All that leaves by its outputs is recorded while pages are heard here.
    pub record: bool,
}

/// Where the sound of a zone goes.
#[derive(Clone, Debug, PartialEq)]
pub enum ZoneOutput {
    /// Input ports of the JACK graph; searched in their full names.
    Ports(Pattern),
    /// A sound device, or some of its channels.
    Device {
        /// How it is chosen.
        device: Device,
        /// The first and the last, counted from 1; `None` is all of them.
        channels: Option<(u16, u16)>,
    },
    /// A group of IP loudspeakers and telephones.
    Multicast(GroupName),
}

impl Zone {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{ZONE}{}", self.name)
    }

    /// Its outputs as they would be written.
    pub fn outputs_text(&self) -> String {
        (form::OUTPUTS.show)(&self.outputs)
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            outputs: Vec::new(),
            volume: Volume::Untouched,
            klaxon_volume: Volume::Untouched,
            music_volume: Volume::Untouched,
            music: None,
            music_at: Timetable::empty(),
            music_volume_at: Timetable::empty(),
            duck: None,
            high_pass: None,
            eq: Vec::new(),
            delay: Duration::ZERO,
            limiter: Db::UNITY,
            record: false,
        }
    }
}

/// The sound devices that zones name, each once.
pub fn devices(zones: &[Zone]) -> Vec<&Device> {
    let mut devices: Vec<&Device> = Vec::new();
    for output in zones.iter().flat_map(|zone| &zone.outputs) {
        if let ZoneOutput::Device { device, .. } = output
            && !devices.contains(&device)
        {
            devices.push(device);
        }
    }
    devices
}

/// What the section of a zone begins with.
pub(super) const ZONE: &str = "zone:";

/// Multicast groups are told apart from ports by this.
pub(super) const MULTICAST: &str = "multicast:";

/// Reads them all; one without a usable name or an output is a mistake.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    let sections: Vec<(String, Place)> = loading
        .layers
        .sections()
        .filter(|(section, _)| section.starts_with(ZONE))
        .map(|(section, place)| (section.to_owned(), place.clone()))
        .collect();
    for (section, place) in sections {
        let n_mistakes = loading.mistakes.len();
        let zone = zone(loading, &section, config);
        let text = if !is_name(&zone.name) {
            "needs a name after the colon, without blanks and commas, and not \"all\", which \
             stands for every zone; write e.g. [zone:yard]"
                .to_owned()
        } else if zone.outputs.is_empty() && loading.mistakes.len() == n_mistakes {
            "has no outputs; write e.g. outputs = system:playback_1".to_owned()
        } else if config.zones.len() >= ZoneSet::CAPACITY {
            format!("is one too many; there is room for {}", ZoneSet::CAPACITY)
        } else {
            config.zones.push(zone);
            if devices(&config.zones).len() > MOST_CARDS {
                let text = format!(
                    "names one sound device too many; there is room for {MOST_CARDS}, and JACK \
                     or PipeWire can join some into one"
                );
                let mistake = config.mistake(&section, "outputs", text);
                loading.mistakes.push(mistake);
                return;
            }
            continue;
        };
        loading.mistakes.push(Mistake(Remark {
            place: Some(place),
            subject: format!("[{section}]"),
            text,
        }));
    }
}

/// Tells of the zones that a section names in that key and that are not there.
pub(super) fn must_exist(
    loading: &mut Loading,
    config: &Config,
    section: &str,
    key: &str,
    names: &[String],
) {
    let known: BTreeSet<&str> = config.zones.iter().map(|zone| zone.name.as_str()).collect();
    for zone in names.iter().filter(|zone| !known.contains(zone.as_str())) {
        let remedy = remedy(zone, known.iter().copied(), ZONE);
        let all = if key == "zones" {
            ", or zones = all"
        } else {
            ""
        };
        let text = format!("there is no zone \"{zone}\"; {remedy}{all}");
        let mistake = config.mistake(section, key, text);
        loading.mistakes.push(mistake);
    }
}

/// Whether the name can be an item of a list.
pub(super) fn is_plain(name: &str) -> bool {
    let is_apart = |c: char| c.is_whitespace() || c.is_control() || c == ',';
    !name.is_empty() && !name.contains(is_apart)
}

fn is_name(name: &str) -> bool {
    !name.eq_ignore_ascii_case("all") && is_plain(name)
}

fn zone(loading: &mut Loading, section: &str, config: &mut Config) -> Zone {
    let mut zone = Zone::blank(&section[ZONE.len()..]);
    for row in keys::of_zone() {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut zone, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    zone
}
