//! What must the output side be told before it can make a sound?

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::base::SampleRate;
use crate::output::zones::{self, Zone};

/// Everything that the configuration decides about the way out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which clock calls the engine.
    pub backend: Backend,
    /// How to behave in a JACK graph.
    pub jack: JackSettings,
    /// The sound device that is the clock for [`Backend::Device`]; without one, or when it does not
    /// open, the first of the zones that does, or the system's default device if they name none.
    pub device: Option<DeviceMatch>,
    /// The rate to ask a device or the timer for; JACK's server decides for itself.
    pub sample_rate: Option<SampleRate>,
    /// Frames a callback to ask a device or the timer for; JACK's server decides for itself.
    pub period: Option<usize>,
    /// Which outputs are which zone's; none stands for one zone, number 0, of all outputs.
    pub zones: Vec<Zone>,
    /// So many of the engine's outputs, the last ones, are for devices that are not the clock;
    /// heeded at the start.
    pub n_card_outputs: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            jack: JackSettings::default(),
            device: None,
            sample_rate: None,
            period: None,
            zones: Vec::new(),
            n_card_outputs: 0,
        }
    }
}

impl Settings {
    /// The devices to try in turn as the clock; `None` is the system's default.
    pub(crate) fn devices(&self) -> Vec<Option<DeviceMatch>> {
        let mut wishes: Vec<DeviceMatch> = Vec::new();
        for wish in self.device.iter().chain(zones::devices(&self.zones)) {
            if wishes.iter().all(|known| !known.is_same(wish)) {
                wishes.push(wish.clone());
            }
        }
        if wishes.is_empty() {
            return vec![None];
        }
        wishes.into_iter().map(Some).collect()
    }

    /// Whether a clock that was started with these settings can go on under `other`, though
    /// perhaps wired in another way.
    pub(crate) fn has_same_clock(&self, other: &Self) -> bool {
        let device = |settings: &Self| settings.device.as_ref().map(DeviceMatch::to_string);
        self.backend == other.backend
            && self.jack.server_name == other.jack.server_name
            && self.jack.client_name == other.jack.client_name
            && device(self) == device(other)
            && self.sample_rate == other.sample_rate
            && self.period == other.period
    }
}

/// Which clock calls the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// JACK if a server answers, else a sound device if one opens, else the timer.
    Auto,
    /// A client of a JACK server, and of nothing else.
    Jack,
    /// A sound device without JACK, and nothing else.
    Device,
    /// No sound hardware: the system clock.
    Timer,
}

/// How to behave in a JACK graph.
#[derive(Clone, Debug)]
pub struct JackSettings {
    /// Whether libjack may start a server; heeded with [`Backend::Jack`] only.
    pub autostart: bool,
    /// `None` leaves it to libjack: `$JACK_DEFAULT_SERVER`, else "default".
    pub server_name: Option<String>,
    /// The name to ask the server for; it may append a number.
    pub client_name: String,
    /// Which input ports of other clients are loudspeakers; `None` takes all.
    pub output_ports: Option<Regex>,
    /// Which output ports of other clients are music; group 1 is the short name.
    pub music_client: Regex,
    /// Which music goes to which loudspeaker.
    pub music_links: Vec<Link>,
    /// Music that zones choose; its ports are no others' music.
    pub clients: Vec<JackClient>,
}

/// Players of a JACK graph that are one source of music.
#[derive(Clone, Debug)]
pub struct JackClient {
    /// The name of the source.
    pub music: String,
    /// Searched in the full names of ports.
    pub ports: Regex,
}

impl Default for JackSettings {
    fn default() -> Self {
        Self {
            autostart: true,
            server_name: None,
            client_name: "paging".to_owned(),
            output_ports: None,
            music_client: Regex::new("^mpd\\.paging:(.*)$").expect("the pattern is a constant"),
            music_links: Link::parse_list("left---left right---right")
                .expect("the links are a constant"),
            clients: Vec::new(),
        }
    }
}

/// One rule of `jack-music-links`.
#[derive(Clone, Debug)]
pub struct Link {
    /// Searched in the short name of a music port.
    pub from: Regex,
    /// Searched in the full name of a loudspeaker port; `None` means every loudspeaker.
    pub to: Option<Regex>,
}

impl Link {
    /// Reads a white-space separated list of `IN---OUT`; the first `---` of an item splits it and
    /// an empty OUT means every loudspeaker.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, LinkError> {
        list.split_whitespace().map(Self::parse).collect()
    }

    fn parse(item: &str) -> Result<Self, LinkError> {
        let Some((from, to)) = item.split_once("---") else {
            return Err(LinkError::NoSeparator(item.to_owned()));
        };
        let regex = |pattern: &str| {
            Regex::new(pattern).map_err(|why| LinkError::BadRegex(item.to_owned(), why))
        };
        let to = if to.is_empty() {
            None
        } else {
            Some(regex(to)?)
        };
        Ok(Self {
            from: regex(from)?,
            to,
        })
    }
}

/// Why a link cannot be read; each names the item.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkError {
    /// The item has no `---`.
    NoSeparator(String),
    /// One half of the item is not a regular expression.
    BadRegex(String, regex::Error),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeparator(item) => {
                write!(f, "link \"{item}\" lacks the --- between music and output")
            }
            Self::BadRegex(item, why) => write!(f, "link \"{item}\": {why}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// How a sound device is picked from the list that `--dump-devices` prints.
#[derive(Clone, Debug)]
pub enum DeviceMatch {
    /// Its place in the list, from 0.
    Index(usize),
    /// Searched in the names, without regard to case; it must find exactly one.
    Pattern(Regex),
}

impl DeviceMatch {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Index(a), Self::Index(b)) => a == b,
            (Self::Pattern(a), Self::Pattern(b)) => a.as_str() == b.as_str(),
            (Self::Index(_), Self::Pattern(_)) | (Self::Pattern(_), Self::Index(_)) => false,
        }
    }

    /// Digits alone are an index, anything else is a regular expression.
    pub fn parse(text: &str) -> Result<Self, regex::Error> {
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        let pattern = RegexBuilder::new(text).case_insensitive(true).build()?;
        Ok(Self::Pattern(pattern))
    }
}

impl fmt::Display for DeviceMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Pattern(pattern) => f.write_str(pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_split_at_the_first_separator_and_at_any_white_space() {
        let links = Link::parse_list(" left---a---b\n\tx---  ").unwrap();
        assert_eq!(links[0].from.as_str(), "left");
        assert_eq!(links[0].to.as_ref().map(Regex::as_str), Some("a---b"));
        assert_eq!((links[1].from.as_str(), links[1].to.is_none()), ("x", true));
        assert!(Link::parse_list("").unwrap().is_empty());
    }

    #[test]
    fn a_bad_link_is_named() {
        let lacking = Link::parse_list("a---b left-right").unwrap_err();
        assert_eq!(
            lacking.to_string(),
            "link \"left-right\" lacks the --- between music and output"
        );
        let broken = Link::parse_list("a---(").unwrap_err();
        assert!(broken.to_string().starts_with("link \"a---(\": "));
    }

    #[test]
    fn digits_pick_by_place_and_text_without_case() {
        assert!(matches!(
            DeviceMatch::parse("12"),
            Ok(DeviceMatch::Index(12))
        ));
        let Ok(DeviceMatch::Pattern(pattern)) = DeviceMatch::parse("card=pch") else {
            panic!("text is a pattern");
        };
        assert!(pattern.is_match("hw:CARD=PCH,DEV=0"));
        assert!(DeviceMatch::parse("(").is_err());
    }

    #[test]
    fn the_device_that_is_set_is_tried_before_those_of_zones() {
        use crate::base::ZoneId;
        use crate::output::zones::OutputMatch;

        let mut settings = Settings::default();
        let tried = |settings: &Settings| -> Vec<String> {
            let wishes = settings.devices().into_iter();
            wishes
                .map(|wish| wish.map_or("-".to_owned(), |it| it.to_string()))
                .collect()
        };
        assert_eq!(tried(&settings), ["-"]);
        let zone = |id, name: &str, channels| Zone {
            id: ZoneId(id),
            name: format!("zone-{id}"),
            outputs: vec![OutputMatch::Device {
                device: DeviceMatch::parse(name).unwrap(),
                channels,
            }],
        };
        settings.zones = vec![
            zone(0, "usb", Some((1, 1))),
            zone(1, "usb", Some((2, 2))),
            zone(2, "3", None),
        ];
        assert_eq!(tried(&settings), ["usb", "3"]);
        let mut other = settings.clone();
        other.zones.truncate(2);
        assert!(settings.has_same_clock(&other));
        settings.device = DeviceMatch::parse("pch").ok();
        assert_eq!(tried(&settings), ["pch", "usb", "3"]);
        settings.device = DeviceMatch::parse("3").ok();
        assert_eq!(tried(&settings), ["3", "usb"]);
    }

    #[test]
    fn new_links_keep_the_clock_and_a_new_device_does_not() {
        let old = Settings::default();
        let mut new = old.clone();
        new.jack.music_links = Link::parse_list("x---").unwrap();
        new.jack.output_ports = Some(Regex::new("^system:").unwrap());
        assert!(old.has_same_clock(&new));
        new.device = DeviceMatch::parse("1").ok();
        assert!(!old.has_same_clock(&new));
    }
}
