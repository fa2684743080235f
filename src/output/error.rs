//! What can go wrong on the way out, and what should be done about it?

use std::fmt;

use crate::output::settings::DeviceMatch;

/// Why there is no sound, or no list of ports or devices.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// The settings pick a device that is not there: plug it in or change them.
    NoDevice(String),
    /// The settings pick several devices: change them.
    ManyDevices(String),
    /// No JACK server answers, or it turned us away: try again later.
    Jack(String),
    /// The sound device does not open or does not play: try again later.
    Device(String),
    /// The system refuses a thread: give up.
    Thread(String),
}

impl Error {
    /// The device setting does not pick exactly one of the devices.
    pub(crate) fn choice(wish: &DeviceMatch, matched: &[&str], unmatched: &[&str]) -> Self {
        let list = |names: &[&str]| match names.len() {
            0 => "none".to_owned(),
            _ => names.join(", "),
        };
        let lists = format!(
            "(matched: {}; not matched: {})",
            list(matched),
            list(unmatched)
        );
        if matched.is_empty() {
            return Self::NoDevice(format!("device \"{wish}\" matches no sound device {lists}"));
        }
        Self::ManyDevices(format!(
            "device \"{wish}\" matches more than one sound device {lists}"
        ))
    }
}

impl Error {
    /// The same, if it is not said yet which device it is about.
    pub(crate) fn about(self, id: &str) -> Self {
        match self {
            Self::Device(why) => Self::Device(format!("\"{id}\": {why}")),
            Self::NoDevice(_) | Self::ManyDevices(_) | Self::Jack(_) | Self::Thread(_) => self,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice(why) | Self::ManyDevices(why) => f.write_str(why),
            Self::Jack(why) => write!(f, "jack: {why}"),
            Self::Device(why) => write!(f, "sound device: {why}"),
            Self::Thread(why) => write!(f, "cannot start a thread: {why}"),
        }
    }
}

impl std::error::Error for Error {}
