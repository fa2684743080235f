//! Who calls the engine when there is no sound hardware? A thread that follows the system clock.
//!
//! ```text
//!  Tap::music ─► in buffers ─► Engine ─► out buffers ─► Tap::heard
//! ```
//! Without a [`Tap`] the sound goes nowhere, but everything else runs: calls are answered, pages
//! take as long as they take.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::base::SampleRate;
use crate::mix::Ports;
use crate::output::clock::{Desk, Lent, N_INPUTS, N_OUTPUTS, Plays, Pulse};
use crate::output::error::Error;
use crate::output::settings::Settings;

/// 10 ms at 48 kHz: nobody listens, so a slow beat that costs little will do.
const PERIOD: Duration = Duration::from_millis(10);

/// A thread that was held up makes up for this much; beyond it, time is lost and counted.
const CATCH_UP: Duration = Duration::from_millis(200);

/// Ears and instruments for the timer. Both run on the timer's thread, once a period and place;
/// they may allocate, but should not block for long.
pub struct Tap {
    /// Outputs that exist, each of which carries all zones; at most [`N_OUTPUTS`].
    pub n_outputs: usize,
    /// Music inputs that exist, each of which goes to every output; at most [`N_INPUTS`].
    pub n_inputs: usize,
    /// Called with the place of a music input and a zeroed buffer to fill.
    pub music: Instrument,
    /// Called with the place of an output and what it played.
    pub heard: Ear,
}

/// Plays one period into a music input.
pub type Instrument = Box<dyn FnMut(usize, &mut [f32]) + Send>;

/// Hears one period of an output.
pub type Ear = Box<dyn FnMut(usize, &[f32]) + Send>;

impl Tap {
    /// One output into nothing, and no music.
    pub fn none() -> Self {
        Self {
            n_outputs: 1,
            n_inputs: 0,
            music: Box::new(|_, _| ()),
            heard: Box::new(|_, _| ()),
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("n_outputs", &self.n_outputs)
            .field("n_inputs", &self.n_inputs)
            .finish_non_exhaustive()
    }
}

/// The timer while it runs.
pub(crate) struct Timer {
    pulse: Arc<Pulse>,
    is_stopping: Arc<AtomicBool>,
    thread: JoinHandle<Tap>,
    rate: SampleRate,
    period: usize,
    n_outputs: usize,
    n_inputs: usize,
}

impl Timer {
    /// Starts the thread and lends it the engine; on failure the engine has gone home.
    pub(crate) fn start(
        settings: &Settings,
        tap: Tap,
        desk: Desk,
        home: mpsc::Sender<Desk>,
    ) -> Result<Self, Error> {
        let rate = settings.sample_rate.unwrap_or(SampleRate::HZ_48000);
        let period = settings
            .period
            .unwrap_or_else(|| rate.frames_in(PERIOD))
            .max(1);
        let mut lent = Lent::new(desk, home);
        lent.set_rate(rate);
        let pulse = Arc::new(Pulse::default());
        pulse.set_rate(rate);
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (n_outputs, n_inputs) = (tap.n_outputs.min(N_OUTPUTS), tap.n_inputs.min(N_INPUTS));
        let run = Run {
            pacer: Pacer::new(Instant::now(), rate, period),
            buffers: Buffers::new(n_outputs, n_inputs, period),
            lent,
            tap,
            pulse: pulse.clone(),
            is_stopping: is_stopping.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("timer".to_owned())
            .spawn(move || run.until_stopped())
            .map_err(|why| Error::Thread(why.to_string()))?;
        Ok(Self {
            pulse,
            is_stopping,
            thread,
            rate,
            period,
            n_outputs,
            n_inputs,
        })
    }

    /// What the thread tells about itself.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Frames a second.
    pub(crate) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Frames a period.
    pub(crate) fn period(&self) -> usize {
        self.period
    }

    /// Outputs that exist.
    pub(crate) fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// Music inputs that exist.
    pub(crate) fn n_inputs(&self) -> usize {
        self.n_inputs
    }

    /// Ends the thread within a period; the engine goes home and the tap comes back, unless it
    /// panicked.
    pub(crate) fn close(self) -> Option<Tap> {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.thread.join().ok()
    }
}

/// What the thread owns.
struct Run {
    pacer: Pacer,
    buffers: Buffers,
    lent: Lent,
    tap: Tap,
    pulse: Arc<Pulse>,
    is_stopping: Arc<AtomicBool>,
}

impl Run {
    fn until_stopped(mut self) -> Tap {
        while !self.is_stopping.load(Ordering::Relaxed) {
            std::thread::sleep(self.pacer.due().saturating_duration_since(Instant::now()));
            if self.pacer.advance(Instant::now()) == Pace::Lost {
                self.pulse.late();
            }
            self.buffers.cycle(&mut self.lent, &mut self.tap);
            self.pulse.beat(self.buffers.period);
        }
        self.tap
    }
}

/// One period of samples for each place.
struct Buffers {
    period: usize,
    outs: Vec<Vec<f32>>,
    ins: Vec<Vec<f32>>,
}

impl Buffers {
    fn new(n_outputs: usize, n_inputs: usize, period: usize) -> Self {
        Self {
            period,
            outs: vec![vec![0.0; period]; n_outputs],
            ins: vec![vec![0.0; period]; n_inputs],
        }
    }

    fn cycle(&mut self, lent: &mut Lent, tap: &mut Tap) {
        for (place, samples) in self.ins.iter_mut().enumerate() {
            samples.fill(0.0);
            (tap.music)(place, samples);
        }
        for samples in &mut self.outs {
            samples.fill(0.0);
        }
        lent.process(self.period, self);
        for (place, samples) in self.outs.iter().enumerate() {
            (tap.heard)(place, samples);
        }
    }
}

impl Ports for Buffers {
    fn read(&mut self, input: usize, at: usize, into: &mut [f32]) {
        let from = self
            .ins
            .get(input)
            .and_then(|samples| samples.get(at..at + into.len()));
        match from {
            Some(from) => into.copy_from_slice(from),
            None => into.fill(0.0),
        }
    }

    fn write(&mut self, output: usize, at: usize, from: &[f32]) {
        let into = self
            .outs
            .get_mut(output)
            .and_then(|samples| samples.get_mut(at..at + from.len()));
        if let Some(into) = into {
            into.copy_from_slice(from);
        }
    }
}

/// Absolute due times, so that no error adds up.
struct Pacer {
    origin: Instant,
    rate: SampleRate,
    period: u64,
    n: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Kept,
    /// So late that the time in between is given up.
    Lost,
}

impl Pacer {
    fn new(origin: Instant, rate: SampleRate, period: usize) -> Self {
        Self {
            origin,
            rate,
            period: period as u64,
            n: 1,
        }
    }

    /// When the next period is over.
    fn due(&self) -> Instant {
        self.origin + self.rate.duration_of(self.n * self.period)
    }

    /// Goes on to the next period.
    fn advance(&mut self, now: Instant) -> Pace {
        let late = now.saturating_duration_since(self.due());
        if late > CATCH_UP {
            self.origin = now;
            self.n = 1;
            return Pace::Lost;
        }
        self.n += 1;
        Pace::Kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_periods_takes_a_day() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, SampleRate::new(44_100).unwrap(), 512);
        let day = 24 * 60 * 60_u64;
        let n_periods = day * 44_100 / 512;
        for _ in 0..n_periods {
            assert_eq!(pacer.advance(pacer.due()), Pace::Kept);
        }
        let took = pacer.due() - start;
        let late = took.as_secs_f64() - day as f64;
        assert!(late.abs() < 0.012, "{late}");
    }

    #[test]
    fn a_short_hold_up_is_caught_up_and_a_long_one_is_lost() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start, SampleRate::HZ_48000, 480);
        let held_up = start + Duration::from_millis(160);
        for n in 0..16 {
            assert_eq!(pacer.advance(held_up), Pace::Kept, "{n}");
        }
        assert!(pacer.due() > held_up);
        let stopped = start + Duration::from_secs(60);
        assert_eq!(pacer.advance(stopped), Pace::Lost);
        assert_eq!(pacer.due(), stopped + Duration::from_millis(10));
    }
}
