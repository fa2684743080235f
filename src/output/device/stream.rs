//! What runs between the engine and a device that is open?

use std::sync::{Arc, OnceLock, mpsc};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig};

use crate::base::SampleRate;
use crate::mix::{Engine, Ports};
use crate::output::clock::{Lent, Pulse};
use crate::output::device::choose::{Choice, Format, Listed, Offer, choose, pick};
use crate::output::device::{device_error, find, quietly};
use crate::output::error::Error;
use crate::output::settings::{DeviceMatch, Settings};

/// Frames a callback when the settings do not say: 11 ms at 48 kHz, which a computer that has
/// other work too can keep.
const PERIOD: usize = 512;

/// A device that plays.
pub(crate) struct Device {
    stream: cpal::Stream,
    pulse: Arc<Pulse>,
    failure: Arc<OnceLock<String>>,
    id: String,
    /// All devices that were there, and which of them it is.
    listed: Vec<Listed>,
    place: usize,
    choice: Choice,
    period: usize,
}

impl Device {
    /// Opens the device and lends it the engine; on failure the engine has gone home.
    pub(crate) fn start(
        settings: &Settings,
        engine: Box<Engine>,
        home: mpsc::Sender<Box<Engine>>,
    ) -> Result<Self, Error> {
        let lent = Lent::new(engine, home);
        quietly(|| Self::open(settings, lent))
    }

    fn open(settings: &Settings, mut lent: Lent) -> Result<Self, Error> {
        let found = find(settings.device.as_ref())?;
        let id = found.id().to_owned();
        let offers = offers(&found.device)?;
        let choice = choose(&offers, settings.sample_rate)
            .ok_or_else(|| Error::Device(format!("\"{id}\" has no format that we play")))?;
        lent.set_rate(choice.rate);
        let period = settings.period.unwrap_or(PERIOD);
        let pulse = Arc::new(Pulse::default());
        pulse.set_rate(choice.rate);
        let failure = Arc::new(OnceLock::new());
        let stream = Builder {
            device: &found.device,
            choice,
            period,
            pulse: pulse.clone(),
            failure: failure.clone(),
        }
        .build(lent)
        .map_err(|why| named(&id, why))?;
        stream.play().map_err(|why| named(&id, why))?;
        Ok(Self {
            stream,
            pulse,
            failure,
            id,
            listed: found.listed,
            place: found.place,
            choice,
            period,
        })
    }

    /// What the stream tells about itself.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Why the stream ended, if it did.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Frames a second.
    pub(crate) fn rate(&self) -> SampleRate {
        self.choice.rate
    }

    /// Frames a callback, as asked for until the first one has run.
    pub(crate) fn period(&self) -> usize {
        match self.pulse.period() {
            0 => self.period,
            period => period,
        }
    }

    /// Outputs, one a channel.
    pub(crate) fn n_outputs(&self) -> usize {
        usize::from(self.choice.channels)
    }

    /// Whether `wish` picks this device.
    pub(crate) fn is(&self, wish: &DeviceMatch) -> bool {
        pick(&self.listed, wish).is_ok_and(|place| place == self.place)
    }

    /// What opened the device.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Stops the stream; the engine goes home.
    pub(crate) fn close(self) {
        drop(self.stream);
    }
}

fn named(id: &str, why: cpal::Error) -> Error {
    Error::Device(format!("\"{id}\": {why}"))
}

fn offers(device: &cpal::Device) -> Result<Vec<Offer>, Error> {
    let configs = device.supported_output_configs().map_err(device_error)?;
    Ok(configs
        .filter_map(|config| {
            Some(Offer {
                channels: config.channels(),
                min_hz: config.min_sample_rate(),
                max_hz: config.max_sample_rate(),
                format: format(config.sample_format())?,
            })
        })
        .collect())
}

fn format(format: SampleFormat) -> Option<Format> {
    if format == SampleFormat::F32 {
        return Some(Format::F32);
    }
    if format == SampleFormat::I32 {
        return Some(Format::I32);
    }
    (format == SampleFormat::I16).then_some(Format::I16)
}

/// What a stream is made of.
struct Builder<'a> {
    device: &'a cpal::Device,
    choice: Choice,
    period: usize,
    pulse: Arc<Pulse>,
    failure: Arc<OnceLock<String>>,
}

impl Builder<'_> {
    fn build(self, lent: Lent) -> Result<cpal::Stream, cpal::Error> {
        match self.choice.format {
            Format::F32 => self.build_as::<f32>(lent),
            Format::I32 => self.build_as::<i32>(lent),
            Format::I16 => self.build_as::<i16>(lent),
        }
    }

    fn build_as<T>(self, mut lent: Lent) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let config = StreamConfig {
            channels: self.choice.channels,
            sample_rate: self.choice.rate.hz(),
            buffer_size: BufferSize::Fixed(self.period as u32),
        };
        let channels = usize::from(self.choice.channels);
        let (pulse, failure) = (self.pulse, self.failure);
        let broken_pulse = pulse.clone();
        self.device.build_output_stream(
            config,
            move |data: &mut [T], _| render(data, channels, &mut lent, &pulse),
            move |why| broken(&why, &broken_pulse, &failure),
            None,
        )
    }
}

/// Called by the stream's thread when it is in trouble.
fn broken(why: &cpal::Error, pulse: &Pulse, failure: &OnceLock<String>) {
    let is_survived = [
        ErrorKind::Xrun,
        ErrorKind::RealtimeDenied,
        ErrorKind::DeviceChanged,
    ]
    .contains(&why.kind());
    if why.kind() == ErrorKind::Xrun {
        pulse.late();
    }
    if !is_survived && failure.set(why.to_string()).is_ok() {
        pulse.die();
    }
}

// == realtime below ==

fn render<T>(data: &mut [T], channels: usize, lent: &mut Lent, pulse: &Pulse)
where
    T: SizedSample + FromSample<f32>,
{
    let frames = data.len() / channels;
    lent.process(frames, &mut Interleaved { data, channels });
    pulse.beat(frames);
}

/// A callback's buffer, which comes filled with silence.
struct Interleaved<'a, T> {
    data: &'a mut [T],
    channels: usize,
}

impl<T: SizedSample + FromSample<f32>> Ports for Interleaved<'_, T> {
    fn read(&mut self, _: usize, _: usize, into: &mut [f32]) {
        into.fill(0.0);
    }

    fn write(&mut self, output: usize, at: usize, from: &[f32]) {
        if output >= self.channels {
            return;
        }
        let frames = self.data.chunks_exact_mut(self.channels).skip(at);
        for (frame, sample) in frames.zip(from) {
            frame[output] = T::from_sample(sample.clamp(-1.0, 1.0));
        }
    }
}
