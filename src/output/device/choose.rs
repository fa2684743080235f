//! Which sound device does the setting mean, and in which format shall it play?

use crate::base::SampleRate;
use crate::output::error::Error;
use crate::output::settings::DeviceMatch;

/// A device as the system lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// What opens it, e.g. `hw:CARD=PCH,DEV=0`.
    pub(crate) id: String,
    /// What a person calls it, e.g. `HDA Intel PCH, ALC887-VD Analog`.
    pub(crate) title: String,
}

/// A device, among all that were there.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) listed: Vec<Listed>,
    pub(crate) place: usize,
}

impl Name {
    /// Whether `wish` picks it.
    pub(crate) fn is(&self, wish: &DeviceMatch) -> bool {
        pick(&self.listed, wish) == Ok(self.place)
    }
}

/// The place in `devices` that `wish` picks; exactly one must match.
///
/// A pattern is searched in the ids; if it is in none of them, in the titles.
pub(crate) fn pick(devices: &[Listed], wish: &DeviceMatch) -> Result<usize, Error> {
    let pattern = match wish {
        DeviceMatch::Index(index) if *index < devices.len() => return Ok(*index),
        DeviceMatch::Index(_) => {
            let ids: Vec<&str> = devices.iter().map(|d| d.id.as_str()).collect();
            return Err(Error::choice(wish, &[], &ids));
        }
        DeviceMatch::Pattern(pattern) => pattern,
    };
    let in_ids = places(devices, |device| pattern.is_match(&device.id));
    let found = if in_ids.is_empty() {
        places(devices, |device| pattern.is_match(&device.title))
    } else {
        in_ids
    };
    if let [only] = found[..] {
        return Ok(only);
    }
    let (matched, unmatched): (Vec<_>, Vec<_>) =
        (0..devices.len()).partition(|place| found.contains(place));
    let ids = |places: Vec<usize>| -> Vec<&str> {
        places.iter().map(|&p| devices[p].id.as_str()).collect()
    };
    Err(Error::choice(wish, &ids(matched), &ids(unmatched)))
}

fn places(devices: &[Listed], is_match: impl Fn(&Listed) -> bool) -> Vec<usize> {
    (0..devices.len())
        .filter(|&place| is_match(&devices[place]))
        .collect()
}

/// The sample formats that we write, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    F32,
    I32,
    I16,
}

/// A range of configurations that a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) channels: u16,
    pub(crate) min_hz: u32,
    pub(crate) max_hz: u32,
    pub(crate) format: Format,
    /// Frames a callback, at least and at most.
    pub(crate) periods: (usize, usize),
}

/// What to ask the device for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) channels: u16,
    pub(crate) rate: SampleRate,
    pub(crate) format: Format,
    /// Frames a callback.
    pub(crate) period: usize,
}

/// The best of what a device offers; `None` when it has nothing that we can play.
///
/// First the wanted rate or the one nearest to it, then so many channels that the `last` one is
/// among them, or as many as there are, then two channels, or one, or the fewest, then the format
/// with most precision. The `period` is as near as can be to the wanted one.
pub(crate) fn choose(
    offers: &[Offer],
    wanted: Option<SampleRate>,
    last: usize,
    period: usize,
) -> Option<Choice> {
    let wanted = wanted.unwrap_or(SampleRate::HZ_48000).hz();
    offers
        .iter()
        .filter(|offer| offer.channels > 0)
        .filter_map(|offer| {
            let rate = SampleRate::new(wanted.clamp(offer.min_hz, offer.max_hz))?;
            let choice = Choice {
                channels: offer.channels,
                rate,
                format: offer.format,
                period: period.min(offer.periods.1).max(offer.periods.0),
            };
            let distance = rate.hz().abs_diff(wanted);
            let missing = last.saturating_sub(usize::from(offer.channels));
            let awkward = awkwardness(offer.channels);
            Some(((distance, missing, awkward, offer.format), choice))
        })
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, choice)| choice)
}

/// How far a number of channels is from the usual pair of loudspeakers.
fn awkwardness(channels: u16) -> u16 {
    match channels {
        2 => 0,
        1 => 1,
        more => more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices() -> Vec<Listed> {
        [
            ("default", "Default Audio Device"),
            ("sysdefault:CARD=PCH", "HDA Intel PCH, ALC887-VD Analog"),
            ("hw:CARD=PCH,DEV=0", "HDA Intel PCH, ALC887-VD Analog"),
            ("hw:CARD=Usb,DEV=0", "Jabra SPEAK 510, USB Audio"),
        ]
        .into_iter()
        .map(|(id, title)| Listed {
            id: id.to_owned(),
            title: title.to_owned(),
        })
        .collect()
    }

    fn picked(wish: &str) -> Result<usize, String> {
        let wish = DeviceMatch::parse(wish).unwrap();
        pick(&devices(), &wish).map_err(|why| why.to_string())
    }

    #[test]
    fn a_device_is_picked_by_place_id_or_title() {
        assert_eq!(picked("3"), Ok(3));
        assert_eq!(picked("^default$"), Ok(0));
        assert_eq!(picked("^HW:card=pch"), Ok(2));
        assert_eq!(picked("jabra"), Ok(3));
    }

    #[test]
    fn none_or_several_are_an_error_that_names_them() {
        assert_eq!(
            picked("^default$|usb").unwrap_err(),
            "device \"^default$|usb\" matches more than one sound device \
             (matched: default, hw:CARD=Usb,DEV=0; \
             not matched: sysdefault:CARD=PCH, hw:CARD=PCH,DEV=0)"
        );
        let none = picked("^pulse$").unwrap_err();
        assert!(none.contains("matches no sound device (matched: none; not matched: default,"));
        assert!(picked("4").unwrap_err().contains("matches no sound device"));
        assert!(picked("").is_err());
    }

    #[test]
    fn titles_count_only_when_no_id_matches() {
        assert!(picked("hda intel").unwrap_err().contains("more than one"));
        assert_eq!(picked("default$"), Ok(0));
    }

    fn offer(channels: u16, min_hz: u32, max_hz: u32, format: Format) -> Offer {
        Offer {
            channels,
            min_hz,
            max_hz,
            format,
            periods: (64, 480),
        }
    }

    fn chosen(offers: &[Offer], wanted: Option<u32>) -> Option<(u16, u32, Format)> {
        let wanted = wanted.and_then(SampleRate::new);
        choose(offers, wanted, 0, 256).map(|c| (c.channels, c.rate.hz(), c.format))
    }

    #[test]
    fn a_device_plays_at_the_wanted_rate_in_stereo_and_the_best_format() {
        let offers = [
            offer(1, 8_000, 192_000, Format::F32),
            offer(2, 44_100, 48_000, Format::I16),
            offer(2, 44_100, 48_000, Format::I32),
            offer(8, 48_000, 48_000, Format::F32),
        ];
        assert_eq!(chosen(&offers, None), Some((2, 48_000, Format::I32)));
        assert_eq!(
            chosen(&offers, Some(44_100)),
            Some((2, 44_100, Format::I32))
        );
        assert_eq!(chosen(&offers, Some(8_000)), Some((1, 8_000, Format::F32)));
        assert_eq!(
            chosen(&offers[3..], Some(16_000)),
            Some((8, 48_000, Format::F32))
        );
        assert_eq!(chosen(&[], None), None);
    }

    #[test]
    fn channels_that_are_named_are_there_if_the_device_has_them() {
        let offers: Vec<Offer> = (1..=6)
            .map(|n| offer(n, 48_000, 48_000, Format::I16))
            .collect();
        let channels = |last| choose(&offers, None, last, 512).map(|it| (it.channels, it.period));
        let chosen: Vec<_> = [0, 1, 2, 3, 6, 9].map(channels).into();
        assert_eq!(chosen, [2, 2, 2, 3, 6, 6].map(|n| Some((n, 480))));
    }
}
