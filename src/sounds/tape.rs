//! How do one or more files become a long sound for telephones?
//!
//! Decoded piece by piece, so that an hour of music needs the memory of its tape and no more.

use std::path::{Path, PathBuf};

use symphonia::core::errors::Error as Fault;

use crate::base::{Db, SampleRate, Tape};
use crate::dsp::{Resampler, Speech, SpeechFilter, loudness::Whole};
use crate::sounds::Error;
use crate::sounds::load::{audio_track, decoder, open, probe};

/// The most memory that one tape may fill: 46 minutes at 48 kHz, 139 at 16 kHz.
pub const MOST_TAPE_BYTES: usize = 256 << 20;

/// What is done to the sound on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// The most frames a second that are of use; the tape has no more than its files.
    pub rate: SampleRate,
    /// The loudness in LUFS that each file is brought to; `None` leaves it as it is.
    pub loudness: Option<Db>,
    /// Shapes it for telephones.
    pub speech: Option<Speech>,
}

/// Decodes the files one after the other into one tape; blocks, and takes a while.
///
/// # Errors
/// The first file that cannot be used, or is one too many.
pub fn record(paths: &[PathBuf], shape: &Shape) -> Result<Tape, Error> {
    let rates: Result<Vec<SampleRate>, Error> = paths.iter().map(|path| rate_of(path)).collect();
    // More than the files have would be invented, and cost memory.
    let best = rates?.into_iter().max().unwrap_or(shape.rate);
    let shape = &Shape {
        rate: best.min(shape.rate),
        ..*shape
    };
    let mut tape = Tape {
        rate: shape.rate,
        samples: Vec::new(),
    };
    for path in paths {
        let from = tape.samples.len();
        append(path, shape, &mut tape)?;
        if let Some(target) = shape.loudness {
            level(&mut tape, from, target);
        }
    }
    tape.samples.shrink_to_fit();
    Ok(tape)
}

fn rate_of(path: &Path) -> Result<SampleRate, Error> {
    let format = probe(path, open(path)?)?;
    let (_, parameters) = audio_track(path, format.as_ref())?;
    // A file that tells its rate later may have any.
    let hz = parameters.sample_rate.unwrap_or(u32::MAX);
    SampleRate::new(hz).ok_or_else(|| Error::Empty(path.into()))
}

fn append(path: &Path, shape: &Shape, tape: &mut Tape) -> Result<(), Error> {
    let file = open(path)?;
    let mut format = probe(path, file)?;
    let (track, parameters) = audio_track(path, format.as_ref())?;
    let mut decoder = decoder(path, &parameters)?;
    let mut writing: Option<Writing> = None;
    let mut block = Vec::new();
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => packet,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(fault) if writing.is_none() => {
                return Err(Error::Damaged(path.into(), fault.to_string()));
            }
            Err(fault) => {
                tracing::warn!("sound {path:?} ends early: {fault}");
                break;
            }
        };
        let buffer = match decoder.decode(&packet) {
            Ok(buffer) => buffer,
            // One bad packet is a short gap, as any player would have it.
            Err(Fault::DecodeError(_)) => continue,
            Err(fault) => return Err(Error::Damaged(path.into(), fault.to_string())),
        };
        let form = (buffer.spec().rate(), buffer.spec().channels().count());
        buffer.copy_to_vec_interleaved(&mut block);
        if writing.is_none() {
            writing = Some(Writing::new(form, shape).ok_or_else(|| Error::Empty(path.into()))?);
        }
        if let Some(writing) = writing.as_mut().filter(|writing| writing.form == form) {
            writing.write(&block, tape);
        } else {
            let why = "its sample rate or channels change midway";
            return Err(Error::Damaged(path.into(), why.into()));
        }
        if tape.samples.len() * 2 > MOST_TAPE_BYTES {
            return Err(Error::TooMuch(path.into()));
        }
    }
    let mut writing = writing.ok_or_else(|| Error::Empty(path.into()))?;
    writing.finish(tape);
    Ok(())
}

/// One file on its way to the tape.
struct Writing {
    /// Sample rate and channels of the file.
    form: (u32, usize),
    converter: Option<Resampler>,
    filter: SpeechFilter,
    mono: Vec<f32>,
    out: Vec<f32>,
}

impl Writing {
    fn new(form: (u32, usize), shape: &Shape) -> Option<Self> {
        let rate = SampleRate::new(form.0).filter(|_| form.1 > 0)?;
        let converter = (rate != shape.rate).then(|| Resampler::new(rate, shape.rate, BLOCK));
        // What is still in the resampler is silence, and is not heard at the beginning.
        let mono = Vec::new();
        Some(Self {
            form,
            converter,
            filter: SpeechFilter::new(shape.speech, shape.rate),
            mono,
            out: vec![0.0; BLOCK],
        })
    }

    fn write(&mut self, interleaved: &[f32], tape: &mut Tape) {
        let share = 1.0 / self.form.1 as f32;
        let mean = |frame: &[f32]| {
            let mean = frame.iter().sum::<f32>() * share;
            // A float file may say anything, even infinity.
            if mean.is_finite() {
                mean.clamp(-1.0, 1.0)
            } else {
                0.0
            }
        };
        self.mono
            .extend(interleaved.chunks_exact(self.form.1).map(mean));
        self.convert(tape);
    }

    /// Pushes out what is still inside.
    fn finish(&mut self, tape: &mut Tape) {
        if let Some(converter) = &self.converter {
            let n = self.mono.len() + 2 * converter.delay() + converter.max_need();
            self.mono.resize(n, 0.0);
        }
        self.convert(tape);
    }

    fn convert(&mut self, tape: &mut Tape) {
        let Some(converter) = &mut self.converter else {
            self.filter.process(&mut self.mono);
            tape.append(&self.mono);
            return self.mono.clear();
        };
        let mut at = 0;
        loop {
            let need = converter.need(BLOCK);
            let Some(input) = self.mono.get(at..at + need) else {
                break;
            };
            converter.process(input, &mut self.out);
            self.filter.process(&mut self.out);
            tape.append(&self.out);
            at += need;
        }
        self.mono.drain(..at);
    }
}

/// Brings the sound from `from` on to that loudness, as far as its peaks allow.
fn level(tape: &mut Tape, from: usize, target: Db) {
    let mut whole = Whole::new(tape.rate);
    let mut peak = 0.0_f32;
    let mut part = Vec::new();
    let mut at = from;
    loop {
        part.clear();
        let n = tape.read(at, PART, &mut part);
        if n == 0 {
            break;
        }
        whole.measure(&part);
        peak = part.iter().fold(peak, |most, x| most.max(x.abs()));
        at += n;
    }
    let loudness = whole.loudness();
    if loudness == Db::SILENCE || peak <= 0.0 {
        return;
    }
    let gain = Db(target.0 - loudness.0).gain().min(HEADROOM.gain() / peak);
    for sample in &mut tape.samples[from..] {
        *sample = (f32::from(*sample) * gain).round() as i16;
    }
}

/// Frames that are converted at a time.
const BLOCK: usize = 480;

/// Frames that are measured at a time.
const PART: usize = 48_000;

/// What no peak exceeds for being made louder; codecs overshoot a little.
const HEADROOM: Db = Db(-1.0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::loudness::integrated;

    /// A file of two channels with a tone, in a folder of its own.
    fn tone(name: &str, rate: u32, seconds: u32, level: f32) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("paging-tape-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(&path, spec).unwrap();
        for i in 0..rate * seconds {
            let x = (i as f32 * 997.0 * std::f32::consts::TAU / rate as f32).sin();
            for _ in 0..2 {
                file.write_sample((x * level * 32_767.0) as i16).unwrap();
            }
        }
        file.finalize().unwrap();
        path
    }

    fn shape(hz: u32, loudness: Option<Db>) -> Shape {
        Shape {
            rate: SampleRate::new(hz).unwrap(),
            loudness,
            speech: None,
        }
    }

    #[test]
    fn files_of_any_rate_become_one_tape_of_one_loudness() {
        let paths = [
            tone("loud.wav", 44_100, 3, 0.9),
            tone("soft.wav", 8_000, 2, 0.01),
        ];
        let tape = record(&paths, &shape(16_000, Some(Db(-20.0)))).unwrap();
        let seconds = tape.duration().as_secs_f32();
        assert!((4.98..5.1).contains(&seconds), "{seconds}");
        let mut all = Vec::new();
        tape.read(0, usize::MAX, &mut all);
        for part in [&all[8_000..40_000], &all[56_000..76_000]] {
            let loudness = integrated(part, tape.rate);
            assert!((loudness.0 + 20.0).abs() < 0.7, "{loudness}");
        }
    }

    #[test]
    fn a_file_stays_as_it_is_unless_told_otherwise() {
        let path = tone("as-it-is.wav", 16_000, 1, 0.5);
        let tape = record(&[path], &shape(48_000, None)).unwrap();
        assert_eq!(tape.samples.len(), 16_000);
        assert_eq!(tape.rate, SampleRate::HZ_16000);
        let most = tape.samples.iter().map(|x| x.unsigned_abs()).max();
        assert!(most.is_some_and(|most| most.abs_diff(16_383) < 40));
    }

    #[test]
    fn a_peak_is_never_cut_to_become_louder() {
        let path = tone("peak.wav", 16_000, 1, 0.5);
        let tape = record(&[path], &shape(16_000, Some(Db(3.0)))).unwrap();
        let most = tape.samples.iter().map(|x| x.unsigned_abs()).max();
        assert!(most.is_some_and(|most| (28_000..=29_300).contains(&most)));
    }

    #[test]
    fn what_is_no_sound_is_named() {
        let path = PathBuf::from("/nowhere/music.mp3");
        let error = record(&[path], &shape(8_000, None)).unwrap_err();
        assert!(error.to_string().contains("/nowhere/music.mp3"));
    }
}
