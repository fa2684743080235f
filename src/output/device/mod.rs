//! How does the engine play to a sound device without a sound server? Playback only: a box in a
//! cupboard has no microphone.

mod choose;
mod stream;

use cpal::traits::{DeviceTrait, HostTrait};

pub(crate) use choose::{Choice, Name};
pub(crate) use stream::{Device, PERIOD, Wish};

use crate::output::device::choose::Listed;
use crate::output::error::Error;
use crate::output::listing::{self, Entry};
use crate::output::settings::DeviceMatch;

/// Whether `wish` picks exactly one of the devices that are there now.
pub(crate) fn check(wish: &DeviceMatch) -> Result<(), Error> {
    quietly(|| choose::pick(&listed(&devices()?), wish).map(drop))
}

/// What opens the device that the settings mean.
pub(crate) fn id_of(wish: Option<&DeviceMatch>) -> Result<String, Error> {
    quietly(|| find(wish).map(|found| found.id().to_owned()))
}

/// The playback devices as `--dump-devices` prints them; the number in brackets picks one.
pub(crate) fn list() -> Result<String, Error> {
    let devices = quietly(|| devices().map(|devices| listed(&devices)))?;
    let entries: Vec<Entry> = devices
        .into_iter()
        .enumerate()
        .map(|(id, device)| Entry {
            id: Some(id),
            name: device.id,
            attributes: vec![("description", device.title)],
        })
        .collect();
    Ok(listing::print("Detected sound devices", &entries))
}

/// A device that was picked from the list.
struct Found {
    device: cpal::Device,
    name: Name,
}

impl Found {
    /// What opens it.
    fn id(&self) -> &str {
        &self.name.listed[self.name.place].id
    }
}

/// The device that the settings mean.
fn find(wish: Option<&DeviceMatch>) -> Result<Found, Error> {
    let devices = devices()?;
    let listed = listed(&devices);
    let default = DEFAULT.to_owned();
    let place = match wish {
        Some(wish) => choose::pick(&listed, wish)?,
        None => listed
            .iter()
            .position(|device| device.id == default)
            .ok_or_else(|| Error::Device("there is none".to_owned()))?,
    };
    let found = |device| Found {
        device,
        name: Name { listed, place },
    };
    let device = devices.into_iter().nth(place).map(found);
    device.ok_or_else(|| Error::Device("it went while it was looked up".to_owned()))
}

/// ALSA's name for what its configuration makes the usual device; it need not be in the list.
const DEFAULT: &str = "default";

fn devices() -> Result<Vec<cpal::Device>, Error> {
    let host = cpal::default_host();
    let mut devices: Vec<cpal::Device> = host.output_devices().map_err(device_error)?.collect();
    if !devices.iter().any(|device| id(device) == DEFAULT) {
        devices.extend(host.default_output_device());
    }
    Ok(devices)
}

fn listed(devices: &[cpal::Device]) -> Vec<Listed> {
    devices
        .iter()
        .map(|device| Listed {
            id: id(device),
            title: device.to_string(),
        })
        .collect()
}

fn id(device: &cpal::Device) -> String {
    device.id().map(|id| id.id().to_owned()).unwrap_or_default()
}

fn device_error(why: cpal::Error) -> Error {
    Error::Device(why.to_string())
}

/// Runs `work` and logs what alsa-lib would write to standard error meanwhile: it comments on
/// every device that does not open, also on those that merely might.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let chatter = alsa::Output::local_error_handler();
    let result = work();
    if let Ok(chatter) = chatter {
        chatter.borrow().buffer_string(|bytes| {
            for line in String::from_utf8_lossy(bytes).lines() {
                tracing::debug!("alsa-lib: {line}");
            }
        });
    }
    result
}
