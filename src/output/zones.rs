//! Which zones does an output carry?
//!
//! Without zones in the settings every output carries the one zone that there is, and nothing
//! here has a name.

use regex::Regex;

use crate::base::{ZoneId, ZoneSet};
use crate::output::settings::DeviceMatch;

/// A zone, and the outputs that are its loudspeakers.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its number in the engine.
    pub id: ZoneId,
    /// As people know it.
    pub name: String,
    /// An output that matches any of them carries the zone.
    pub outputs: Vec<OutputMatch>,
}

impl Zone {
    /// Whether a sound device is among its outputs.
    pub(crate) fn has_device(&self) -> bool {
        let mut outputs = self.outputs.iter();
        outputs.any(|output| matches!(output, OutputMatch::Device { .. }))
    }
}

/// How a zone names outputs.
#[derive(Clone, Debug)]
pub enum OutputMatch {
    /// Searched in the full names of ports.
    Ports(Regex),
    /// Channels of a sound device.
    Device {
        /// Which device.
        device: DeviceMatch,
        /// The first and the last, counted from 1; `None` is all of them.
        channels: Option<(u16, u16)>,
    },
}

/// The zones of a port of another client, by its full name.
pub(crate) fn of_port(zones: &[Zone], port: &str) -> ZoneSet {
    carried(zones, |output| match output {
        OutputMatch::Ports(pattern) => pattern.is_match(port),
        OutputMatch::Device { .. } => false,
    })
}

/// The zones of a channel, counted from 1, of the device that `is_meant` by a match.
pub(crate) fn of_channel(
    zones: &[Zone],
    channel: usize,
    is_meant: impl Fn(&DeviceMatch) -> bool,
) -> ZoneSet {
    carried(zones, |output| match output {
        OutputMatch::Ports(_) => false,
        OutputMatch::Device { device, channels } => {
            let (first, last) = channels.unwrap_or((1, u16::MAX));
            (usize::from(first)..=usize::from(last)).contains(&channel) && is_meant(device)
        }
    })
}

fn carried(zones: &[Zone], is_output: impl Fn(&OutputMatch) -> bool) -> ZoneSet {
    if zones.is_empty() {
        return ZoneSet::first(1);
    }
    let carried = zones
        .iter()
        .filter(|zone| zone.outputs.iter().any(&is_output));
    carried.map(|zone| zone.id).collect()
}

/// The devices that zones name, in the order of the settings.
pub(crate) fn devices(zones: &[Zone]) -> impl Iterator<Item = &DeviceMatch> {
    let outputs = zones.iter().flat_map(|zone| &zone.outputs);
    outputs.filter_map(|output| match output {
        OutputMatch::Ports(_) => None,
        OutputMatch::Device { device, .. } => Some(device),
    })
}

/// The last channel that zones name of the device that `is_meant` by a match; 0 if they name none.
pub(crate) fn last_channel(zones: &[Zone], is_meant: impl Fn(&DeviceMatch) -> bool) -> usize {
    let outputs = zones.iter().flat_map(|zone| &zone.outputs);
    let named = outputs.filter_map(|output| match output {
        OutputMatch::Ports(_) => None,
        OutputMatch::Device { device, channels } => channels.filter(|_| is_meant(device)),
    });
    named.map(|(_, last)| usize::from(last)).max().unwrap_or(0)
}

/// The name of the first of the zones; `None` where zones have no names.
pub(crate) fn first_name(zones: &[Zone], set: ZoneSet) -> Option<&str> {
    names(zones, set).next()
}

/// The names of these zones, in the order of the settings.
pub(crate) fn names(zones: &[Zone], set: ZoneSet) -> impl Iterator<Item = &str> {
    let named = zones.iter().filter(move |zone| set.contains(zone.id));
    named.map(|zone| zone.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(
        id: u16,
        name: &str,
        ports: &[&str],
        device: Option<(&str, Option<(u16, u16)>)>,
    ) -> Zone {
        let ports = ports
            .iter()
            .map(|text| OutputMatch::Ports(Regex::new(text).unwrap()));
        let device = device.map(|(name, channels)| OutputMatch::Device {
            device: DeviceMatch::parse(name).unwrap(),
            channels,
        });
        Zone {
            id: ZoneId(id),
            name: name.to_owned(),
            outputs: ports.chain(device).collect(),
        }
    }

    fn set(ids: &[u16]) -> ZoneSet {
        ids.iter().map(|id| ZoneId(*id)).collect()
    }

    #[test]
    fn an_output_may_be_of_several_zones_or_of_none() {
        let zones = [
            zone(3, "hall", &["_1$", "_2$"], None),
            zone(1, "yard", &["_2$"], Some(("usb", Some((3, 4))))),
        ];
        assert_eq!(of_port(&zones, "system:playback_1"), set(&[3]));
        assert_eq!(of_port(&zones, "system:playback_2"), set(&[1, 3]));
        assert_eq!(of_port(&zones, "system:playback_3"), ZoneSet::EMPTY);
        let usb = |device: &DeviceMatch| device.to_string() == "usb";
        assert_eq!(of_channel(&zones, 2, usb), ZoneSet::EMPTY);
        assert_eq!(of_channel(&zones, 4, usb), set(&[1]));
        assert_eq!(of_channel(&zones, 4, |_| false), ZoneSet::EMPTY);
        assert_eq!(
            (last_channel(&zones, usb), last_channel(&zones, |_| false)),
            (4, 0)
        );
        assert_eq!(first_name(&zones, set(&[1, 3])), Some("hall"));
        assert_eq!(
            names(&zones, set(&[1, 3])).collect::<Vec<_>>(),
            ["hall", "yard"]
        );
    }

    #[test]
    fn without_zones_everything_is_the_one_zone() {
        assert_eq!(of_port(&[], "x:y"), ZoneSet::first(1));
        assert_eq!(of_channel(&[], 7, |_| true), ZoneSet::first(1));
        assert_eq!(first_name(&[], ZoneSet::first(1)), None);
    }
}
