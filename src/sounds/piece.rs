//! How is a piece of music decoded bit by bit, from a file or from a stream?

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::{FormatReader, probe::Hint};
use symphonia::core::io::{MediaSource, MediaSourceStream};

use crate::base::{Frame, SampleRate};
use crate::sounds::Error;
use crate::sounds::load::{audio_track, decoder, open};

/// Packets in a row that cannot be decoded before a piece is given up.
const BAD_PACKETS: usize = 50;

/// Music far above full scale is a fault of the file; what decoders overshoot is much less.
const HIGHEST: f32 = 4.0;

/// An open piece; never more than a packet of it is in memory.
pub(super) struct Piece {
    name: PathBuf,
    format: Box<dyn FormatReader>,
    track: u32,
    decoder: Box<dyn AudioDecoder>,
    samples: Vec<f32>,
    frames: Vec<Frame>,
}

impl Piece {
    /// Opens a file; blocks.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = open(path)?;
        let extension = path.extension().and_then(|e| e.to_str());
        Self::new(path, Box::new(file), extension)
    }

    /// Begins to decode a stream, of which `extension` is a guess at its kind; blocks.
    pub(super) fn stream(
        name: &str,
        source: Box<dyn Read + Send>,
        extension: Option<&str>,
    ) -> Result<Self, Error> {
        let source = Stream(Mutex::new(source));
        Self::new(Path::new(name), Box::new(source), extension)
    }

    fn new(
        name: &Path,
        source: Box<dyn MediaSource>,
        extension: Option<&str>,
    ) -> Result<Self, Error> {
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(source, Default::default());
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, Default::default(), Default::default())
            .map_err(|fault| not_audio(name, fault))?;
        let (track, parameters) = audio_track(name, format.as_ref())?;
        Ok(Self {
            name: name.to_owned(),
            decoder: decoder(name, &parameters)?,
            format,
            track,
            samples: Vec::new(),
            frames: Vec::new(),
        })
    }

    /// The next frames and their rate; `None` at the end. Blocks.
    pub(super) fn decode(&mut self) -> Result<Option<(SampleRate, &[Frame])>, Error> {
        let mut n_bad = 0;
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(Fault::ResetRequired) => {
                    self.begin_anew()?;
                    continue;
                }
                Err(fault) => return Err(self.damaged(&fault)),
            };
            if packet.track_id != self.track {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(buffer) => {
                    let spec = buffer.spec();
                    let (rate, channels) = (spec.rate(), spec.channels().count());
                    buffer.copy_to_vec_interleaved(&mut self.samples);
                    if let Some(rate) = SampleRate::new(rate).filter(|_| !self.samples.is_empty()) {
                        fold(&self.samples, channels, &mut self.frames);
                        return Ok(Some((rate, &self.frames)));
                    }
                }
                // One bad packet is a short gap, as any player would have it.
                Err(Fault::DecodeError(_)) if n_bad < BAD_PACKETS => n_bad += 1,
                Err(fault) => return Err(self.damaged(&fault)),
            }
        }
    }

    /// A station that plays each song as an Ogg stream of its own.
    fn begin_anew(&mut self) -> Result<(), Error> {
        let (track, parameters) = audio_track(&self.name, self.format.as_ref())?;
        self.track = track;
        self.decoder = decoder(&self.name, &parameters)?;
        Ok(())
    }

    fn damaged(&self, fault: &Fault) -> Error {
        Error::Damaged(self.name.clone(), fault.to_string())
    }
}

fn not_audio(name: &Path, fault: Fault) -> Error {
    if let Fault::IoError(why) = fault
        && why.kind() != io::ErrorKind::UnexpectedEof
    {
        return Error::Unreadable(name.to_owned(), why);
    }
    Error::NotAudio(name.to_owned())
}

/// One channel goes to both sides; what is beyond two is in the middle.
fn fold(samples: &[f32], channels: usize, frames: &mut Vec<Frame>) {
    frames.clear();
    let sane = |x: f32| {
        if x.is_finite() {
            x.clamp(-HIGHEST, HIGHEST)
        } else {
            0.0
        }
    };
    let each = samples.chunks_exact(channels.max(1));
    frames.extend(each.map(|frame| match *frame {
        [] => [0.0; 2],
        [both] => [sane(both); 2],
        [left, right] => [sane(left), sane(right)],
        [left, right, ref more @ ..] => {
            let middle = more.iter().map(|&x| sane(x)).sum::<f32>() * 0.5;
            [left, right].map(|x| (sane(x) + middle) * 0.5)
        }
    }));
}

/// What can only be read forwards. The lock is for the decoder, which wants to be shared; nobody
/// ever waits for it.
struct Stream(Mutex<Box<dyn Read + Send>>);

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.get_mut() {
            Ok(source) => source.read(into),
            Err(_) => Ok(0),
        }
    }
}

impl Seek for Stream {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl MediaSource for Stream {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_channels_folds_to_two() {
        let mut frames = vec![];
        fold(&[0.5, f32::NAN], 1, &mut frames);
        assert_eq!(frames, [[0.5; 2], [0.0; 2]]);
        fold(&[0.5, -0.5], 2, &mut frames);
        assert_eq!(frames, [[0.5, -0.5]]);
        fold(&[0.5, -0.5, 0.4, 0.0, 0.0, 0.0], 6, &mut frames);
        assert_eq!(frames, [[0.35, -0.15]]);
    }
}
