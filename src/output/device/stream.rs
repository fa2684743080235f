//! What runs between the engine and a device that is open?

use std::sync::{Arc, OnceLock, mpsc};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{
    BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize,
};

use crate::base::SampleRate;
use crate::mix::Ports;
use crate::output::clock::{Desk, Lent, Plays, Pulse};
use crate::output::device::choose::{Choice, Format, Name, Offer, choose};
use crate::output::device::{DEFAULT, device_error, find, quietly};
use crate::output::error::Error;
use crate::output::settings::{DeviceMatch, Settings};
use crate::output::zones::{self, Zone};

/// Frames a callback when the settings do not say: 11 ms at 48 kHz, which a computer that has
/// other work too can keep.
pub(crate) const PERIOD: usize = 512;

/// How a device is to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// `None` is the system's default.
    pub(crate) device: Option<DeviceMatch>,
    /// The best rate.
    pub(crate) rate: Option<SampleRate>,
    /// Frames a callback.
    pub(crate) period: usize,
    /// It shall have all channels that these name of it.
    pub(crate) zones: Vec<Zone>,
}

impl Wish {
    /// That of a device that is the clock.
    pub(crate) fn of_clock(settings: &Settings) -> Self {
        Self {
            device: settings.device.clone(),
            rate: settings.sample_rate,
            period: settings.period.unwrap_or(PERIOD),
            zones: settings.zones.clone(),
        }
    }
}

/// A device that plays.
pub(crate) struct Device {
    stream: cpal::Stream,
    pulse: Arc<Pulse>,
    failure: Arc<OnceLock<String>>,
    id: String,
    name: Name,
    choice: Choice,
}

impl Device {
    /// Opens the device that is to be the clock and lends it the engine; on failure the engine has
    /// gone home.
    pub(crate) fn start(
        settings: &Settings,
        desk: Desk,
        home: mpsc::Sender<Desk>,
    ) -> Result<Self, Error> {
        let mut lent = Lent::new(desk, home);
        Self::open(&Wish::of_clock(settings), |choice| {
            lent.set_rate(choice.rate);
            lent
        })
    }

    /// Opens a device that plays what `player` makes, who is told what was chosen.
    pub(crate) fn open<P: Plays>(
        wish: &Wish,
        player: impl FnOnce(Choice) -> P,
    ) -> Result<Self, Error> {
        quietly(|| Self::opened(wish, player))
    }

    fn opened<P: Plays>(wish: &Wish, player: impl FnOnce(Choice) -> P) -> Result<Self, Error> {
        let found = find(wish.device.as_ref())?;
        let id = found.id().to_owned();
        let last = zones::last_channel(&wish.zones, |named| found.name.is(named));
        let offers = offers(&found.device).map_err(|why| why.about(&id))?;
        let choice = choose(&offers, wish.rate, last, wish.period)
            .ok_or_else(|| Error::Device(format!("\"{id}\" has no format that we play")))?;
        let pulse = Arc::new(Pulse::default());
        pulse.set_rate(choice.rate);
        let failure = Arc::new(OnceLock::new());
        let stream = Builder {
            device: &found.device,
            choice,
            pulse: pulse.clone(),
            failure: failure.clone(),
        }
        .build(player(choice))
        .map_err(|why| named(&id, why))?;
        stream.play().map_err(|why| named(&id, why))?;
        Ok(Self {
            stream,
            pulse,
            failure,
            id,
            name: found.name,
            choice,
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
            0 => self.choice.period,
            period => period,
        }
    }

    /// Outputs, one a channel.
    pub(crate) fn n_outputs(&self) -> usize {
        usize::from(self.choice.channels)
    }

    /// Whether `wish` picks this device.
    pub(crate) fn is(&self, wish: &DeviceMatch) -> bool {
        self.name.is(wish)
    }

    /// Whether it is the system's default.
    pub(crate) fn is_default(&self) -> bool {
        self.id == DEFAULT
    }

    /// How it is told from others.
    pub(crate) fn name(&self) -> &Name {
        &self.name
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
                periods: match config.buffer_size() {
                    SupportedBufferSize::Range { min, max } => (*min as usize, *max as usize),
                    SupportedBufferSize::Unknown => (1, usize::MAX),
                },
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
    pulse: Arc<Pulse>,
    failure: Arc<OnceLock<String>>,
}

impl Builder<'_> {
    fn build(self, player: impl Plays) -> Result<cpal::Stream, cpal::Error> {
        match self.choice.format {
            Format::F32 => self.build_as::<f32>(player),
            Format::I32 => self.build_as::<i32>(player),
            Format::I16 => self.build_as::<i16>(player),
        }
    }

    fn build_as<T>(self, mut player: impl Plays) -> Result<cpal::Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32> + Send + 'static,
    {
        let config = StreamConfig {
            channels: self.choice.channels,
            sample_rate: self.choice.rate.hz(),
            buffer_size: BufferSize::Fixed(self.choice.period as u32),
        };
        let channels = usize::from(self.choice.channels);
        let (pulse, failure) = (self.pulse, self.failure);
        let broken_pulse = pulse.clone();
        self.device.build_output_stream(
            config,
            move |data: &mut [T], _| render(data, channels, &mut player, &pulse),
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

fn render<T>(data: &mut [T], channels: usize, player: &mut impl Plays, pulse: &Pulse)
where
    T: SizedSample + FromSample<f32>,
{
    let frames = data.len() / channels;
    player.process(frames, &mut Interleaved { data, channels });
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
