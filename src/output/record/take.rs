//! How does one recording get from its track into files?

use std::io;
use std::time::{Duration, Instant};

use jiff::Zoned;

use crate::base::SampleRate;
use crate::dsp::Resampler;
use crate::output::record::body::Body;
use crate::output::record::order::{Event, Order, Settings};
use crate::output::record::writing::Writing;

/// One recording that is under way.
pub(super) struct Take {
    order: Order,
    writing: Option<Writing>,
    /// To the rate of the file.
    thinner: Option<Thinner>,
    samples: Vec<f32>,
    sync_at: Instant,
    /// Lost frames that were told.
    n_told: u64,
}

impl Take {
    pub(super) fn new(order: Order, now: Instant) -> Self {
        Self {
            order,
            writing: None,
            thinner: None,
            samples: Vec::new(),
            sync_at: now,
            n_told: 0,
        }
    }

    pub(super) fn over(&self) -> Event {
        Event::Over {
            recording: self.order.recording,
        }
    }

    pub(super) fn is_written(&self) -> bool {
        self.writing.is_some()
    }

    /// Begins a file.
    ///
    /// # Errors
    /// As `Writing::open`.
    pub(super) fn open(&mut self, settings: &Settings, now: Instant) -> io::Result<Event> {
        let (from, channels) = (self.order.track.rate(), self.order.track.channels());
        let format = Body::format_for(settings.format, channels);
        let wished = self.order.rate.filter(|_| channels == 1).unwrap_or(from);
        let rate = Body::rate_for(format, wished);
        let writing = Writing::open(
            &settings.folder,
            &self.order.words,
            format,
            (rate, channels),
            &Zoned::now(),
        )?;
        self.thinner = (rate != from).then(|| Thinner::new(from, rate));
        self.sync_at = now + SYNC;
        let event = Event::Opened {
            recording: self.order.recording,
            file: writing.path(),
        };
        self.writing = Some(writing);
        Ok(event)
    }

    /// Writes what has come; whether the recording is over.
    ///
    /// # Errors
    /// Of the file; `give_up` keeps what it has.
    pub(super) fn write(&mut self, now: Instant) -> io::Result<bool> {
        let is_over = self.order.track.is_abandoned();
        self.samples.clear();
        while self.order.track.read(CHUNK, &mut self.samples) > 0 {
            self.put()?;
        }
        if let Some(writing) = self.writing.as_mut().filter(|_| now >= self.sync_at) {
            writing.sync()?;
            self.sync_at = now + SYNC;
        }
        Ok(is_over)
    }

    /// Whether the file is as long as one may be.
    pub(super) fn is_full(&self) -> bool {
        let writing = self.writing.as_ref();
        writing.is_some_and(|writing| writing.span() >= LONGEST)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As `write`.
    pub(super) fn finish(&mut self) -> io::Result<Option<Event>> {
        if let (Some(thinner), Some(writing)) = (&mut self.thinner, &mut self.writing) {
            self.samples.clear();
            thinner.finish(&mut self.samples);
            writing.write(&self.samples)?;
        }
        let Some(writing) = &mut self.writing else {
            return Ok(None);
        };
        writing.finish()?;
        Ok(self.close())
    }

    /// Ends a file that cannot be written any more.
    pub(super) fn give_up(&mut self) -> Option<Event> {
        self.writing.as_mut()?.give_up();
        self.close()
    }

    fn close(&mut self) -> Option<Event> {
        let writing = self.writing.take()?;
        let n_lost = self.order.track.n_lost();
        let lost = n_lost - std::mem::replace(&mut self.n_told, n_lost);
        Some(Event::Finished {
            recording: self.order.recording,
            file: writing.path(),
            length: writing.span(),
            lost: self.order.track.rate().duration_of(lost),
        })
    }

    /// Writes the samples if there is a file; otherwise they are gone.
    fn put(&mut self) -> io::Result<()> {
        if let Some(thinner) = &mut self.thinner {
            thinner.pass(&mut self.samples);
        }
        let written = match &mut self.writing {
            Some(writing) => writing.write(&self.samples),
            None => Ok(()),
        };
        self.samples.clear();
        written
    }
}

/// Brings one channel to another rate.
struct Thinner {
    rates: (SampleRate, SampleRate),
    resampler: Resampler,
    waiting: Vec<f32>,
}

impl Thinner {
    fn new(from: SampleRate, to: SampleRate) -> Self {
        Self {
            rates: (from, to),
            resampler: Resampler::new(from, to, BLOCK),
            waiting: Vec::new(),
        }
    }

    /// Puts what comes out of it in the place of the frames.
    fn pass(&mut self, frames: &mut Vec<f32>) {
        self.waiting.append(frames);
        loop {
            let need = self.resampler.need(BLOCK);
            if self.waiting.len() < need {
                return;
            }
            self.make(need, BLOCK, frames);
        }
    }

    /// What is left.
    fn finish(&mut self, frames: &mut Vec<f32>) {
        let (from, to) = (self.rates.0.hz() as usize, self.rates.1.hz() as usize);
        let n = (self.waiting.len() * to / from).min(BLOCK);
        if n > 0 {
            let need = self.resampler.need(n);
            self.waiting.resize(need, 0.0);
            self.make(need, n, frames);
        }
    }

    fn make(&mut self, need: usize, n: usize, frames: &mut Vec<f32>) {
        let before = frames.len();
        frames.resize(before + n, 0.0);
        self.resampler
            .process(&self.waiting[..need], &mut frames[before..]);
        self.waiting.drain(..need);
    }
}

/// How often everything is brought onto the disk: with what a codec holds back, less than a
/// second is lost when the power goes.
const SYNC: Duration = Duration::from_millis(500);
/// A file that is being written cannot be deleted; and no WAV file may be longer than 4 GB.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Frames that are read at a time.
const CHUNK: usize = 8_192;
/// Frames that the resampler makes at a time.
const BLOCK: usize = 480;
