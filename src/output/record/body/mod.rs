//! How does sound become the bytes of a file that can be cut anywhere?
//!
//! Each format only ever appends, but for a few bytes of its head that tell the length.

mod flac;
mod ogg;
mod wav;

pub(super) use ogg::whole_pages;

use crate::base::SampleRate;
use crate::output::record::name::Format;

/// The bytes of one file, as they come.
pub(super) enum Body {
    Wav(wav::Wav),
    Flac(Box<flac::Flac>),
    Opus(Box<ogg::Opus>),
}

/// Bytes that stand further up in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

impl Body {
    /// The format that this many channels are written in where `format` is wished for.
    pub(super) fn format_for(format: Format, channels: usize) -> Format {
        match format {
            Format::Opus if channels > 1 => Format::Flac,
            Format::Wav | Format::Flac | Format::Opus => format,
        }
    }

    /// The rate that sound at `rate` is written at.
    pub(super) fn rate_for(format: Format, rate: SampleRate) -> SampleRate {
        match format {
            Format::Opus => SampleRate::HZ_48000,
            Format::Wav | Format::Flac => rate,
        }
    }

    /// A file that holds nothing yet; its head goes to `out`. Of `format_for` and `rate_for`, and
    /// of at most `MOST_CHANNELS`.
    pub(super) fn new(
        format: Format,
        rate: SampleRate,
        channels: usize,
        out: &mut Vec<u8>,
    ) -> Self {
        match format {
            Format::Wav => Self::Wav(wav::Wav::new(rate, channels, out)),
            Format::Flac => Self::Flac(Box::new(flac::Flac::new(rate, channels, out))),
            Format::Opus => Self::Opus(Box::new(ogg::Opus::new(out))),
        }
    }

    /// Appends whole frames, interleaved; formats that pack hold some back.
    pub(super) fn write(&mut self, samples: &[f32], out: &mut Vec<u8>) {
        match self {
            Self::Wav(wav) => wav.write(samples, out),
            Self::Flac(flac) => flac.write(samples, out),
            Self::Opus(opus) => opus.write(samples, out),
        }
    }

    /// What the head must say of all that was written.
    pub(super) fn length(&self) -> Option<Patch> {
        match self {
            Self::Wav(wav) => Some(wav.length()),
            Self::Flac(flac) => Some(flac.length()),
            Self::Opus(_) => None,
        }
    }

    /// Appends what can be told before more is written.
    pub(super) fn pause(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Wav(_) | Self::Flac(_) => {}
            Self::Opus(opus) => opus.turn_page(out),
        }
    }

    /// Appends all that is left.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Wav(_) => {}
            Self::Flac(flac) => flac.finish(out),
            Self::Opus(opus) => opus.finish(out),
        }
    }
}

/// What the head of a cut WAV file of so many bytes must say.
pub(super) fn wav_length(head: &[u8], n_bytes: u64) -> Option<Patch> {
    wav::length_of(head, n_bytes)
}

/// FLAC has no more.
pub(super) const MOST_CHANNELS: usize = 8;
