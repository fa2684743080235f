//! How does a file become PCM in memory?

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use symphonia::core::codecs::audio::well_known;
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::{FormatReader, TrackType, probe::Hint};
use symphonia::core::io::MediaSourceStream;

use crate::base::{Pcm, SampleRate};
use crate::sounds::Error;

/// The longest sound that is loaded; nobody waits longer for a klaxon, and music is streamed.
pub const LONGEST: Duration = Duration::from_secs(10 * 60);

/// The most memory that one decoded sound may fill: ten minutes of 48 kHz stereo fit.
pub const MOST_BYTES: usize = 256 << 20;

/// Decodes all of the file at `path`; blocks, so call it before sound runs.
pub fn load(path: &Path) -> Result<Pcm, Error> {
    let file = open(path)?;
    let mut format = probe(path, file)?;
    let (track, parameters) = audio_track(path, format.as_ref())?;
    let mut decoder = decoder(path, &parameters)?;
    let mut decoded = Decoded::default();
    while let Some(packet) = format
        .next_packet()
        .or_else(|e| end_of(e, path, &decoded))?
    {
        if packet.track_id == track {
            decode(path, decoder.as_mut(), &packet, &mut decoded)?;
        }
    }
    decoded.into_pcm(path)
}

pub(super) fn open(path: &Path) -> Result<File, Error> {
    let unreadable = |why: std::io::Error| {
        if why.kind() == ErrorKind::NotFound {
            return Error::Missing(path.into());
        }
        Error::Unreadable(path.into(), why)
    };
    // Looked at before it is opened: opening a pipe would wait for its writer for ever.
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(Error::NotAFile(path.into()));
    }
    if about.len() == 0 {
        return Err(Error::Empty(path.into()));
    }
    File::open(path).map_err(unreadable)
}

pub(super) fn probe(path: &Path, file: File) -> Result<Box<dyn FormatReader>, Error> {
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    symphonia::default::get_probe()
        .probe(&hint, stream, Default::default(), Default::default())
        .map_err(|fault| {
            if let Fault::IoError(why) = fault
                && why.kind() != ErrorKind::UnexpectedEof
            {
                return Error::Unreadable(path.into(), why);
            }
            // The probe's own words are about its search, not about the file.
            Error::NotAudio(path.into())
        })
}

pub(super) fn audio_track(
    path: &Path,
    format: &dyn FormatReader,
) -> Result<(u32, AudioCodecParameters), Error> {
    format
        .default_track(TrackType::Audio)
        .and_then(|track| Some((track.id, track.codec_params.as_ref()?.audio()?.clone())))
        .ok_or_else(|| Error::NotAudio(path.into()))
}

pub(super) fn decoder(
    path: &Path,
    parameters: &AudioCodecParameters,
) -> Result<Box<dyn AudioDecoder>, Error> {
    symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| Error::UnknownCodec(path.into(), codec_name(parameters.codec)))
}

fn codec_name(codec: AudioCodecId) -> String {
    if codec == well_known::CODEC_ID_OPUS {
        return "Opus".into();
    }
    format!("codec {codec}")
}

/// A file cut short mid-packet is played as far as it goes; without any audio it is damaged.
fn end_of<T>(fault: Fault, path: &Path, decoded: &Decoded) -> Result<Option<T>, Error> {
    if decoded.samples.is_empty() {
        return Err(Error::Damaged(path.into(), fault.to_string()));
    }
    tracing::warn!("sound {path:?} ends early: {fault}");
    Ok(None)
}

fn decode(
    path: &Path,
    decoder: &mut dyn AudioDecoder,
    packet: &symphonia::core::packet::Packet,
    decoded: &mut Decoded,
) -> Result<(), Error> {
    match decoder.decode(packet) {
        Ok(buffer) => {
            let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
            buffer.copy_to_vec_interleaved(&mut decoded.block);
            decoded.append(path, rate, channels)
        }
        // One bad packet is a short gap, as any player would have it.
        Err(Fault::DecodeError(_)) => Ok(()),
        Err(fault) => Err(Error::Damaged(path.into(), fault.to_string())),
    }
}

/// What has been decoded so far; the first packet decides rate and channels.
#[derive(Default)]
struct Decoded {
    rate: u32,
    channels: usize,
    samples: Vec<f32>,
    block: Vec<f32>,
}

impl Decoded {
    fn append(&mut self, path: &Path, rate: u32, channels: usize) -> Result<(), Error> {
        if self.samples.is_empty() {
            (self.rate, self.channels) = (rate, channels);
        }
        if (self.rate, self.channels) != (rate, channels) {
            let why = "its sample rate or channels change midway";
            return Err(Error::Damaged(path.into(), why.into()));
        }
        self.samples.extend_from_slice(&self.block);
        let most_frames = LONGEST.as_secs() as usize * self.rate as usize;
        if self.samples.len() > most_frames.saturating_mul(self.channels) {
            return Err(Error::TooLong(path.into()));
        }
        if self.samples.len() > MOST_BYTES / size_of::<f32>() {
            return Err(Error::TooBig(path.into()));
        }
        Ok(())
    }

    fn into_pcm(mut self, path: &Path) -> Result<Pcm, Error> {
        let empty = || Error::Empty(path.into());
        let rate = SampleRate::new(self.rate).ok_or_else(empty)?;
        if self.samples.is_empty() || self.channels == 0 {
            return Err(empty());
        }
        for sample in &mut self.samples {
            // A float file may say anything, even infinity.
            *sample = if sample.is_finite() {
                sample.clamp(-1.0, 1.0)
            } else {
                0.0
            };
        }
        self.samples.shrink_to_fit();
        Ok(Pcm {
            rate,
            channels: self.channels,
            samples: self.samples,
        })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
