//! How does the engine get to the thread that calls it, and safely home again?

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;

use crate::base::SampleRate;
use crate::mix::{Engine, Ports};
use crate::output::card::{Fan, Patch, fan};

/// Output places of a usual site; the engine must be made for as many at least.
pub const N_OUTPUTS: usize = 64;

/// Music places that a clock can read; the engine must be made for as many.
pub const N_INPUTS: usize = 32;

/// The engine, and the way from its last outputs to devices that are not its clock.
pub struct Desk {
    engine: Box<Engine>,
    fan: Fan,
}

impl Desk {
    /// An engine all of whose outputs are the clock's.
    pub fn new(engine: Box<Engine>) -> Self {
        Self::with_cards(engine, 0).1
    }

    /// An engine whose last `n` outputs are for devices that are not the clock, and the end that
    /// plugs them in.
    pub fn with_cards(engine: Box<Engine>, n: usize) -> (Patch, Self) {
        let (patch, fan) = fan(engine.n_outputs().saturating_sub(n));
        (patch, Self { engine, fan })
    }

    /// A clock of this rate will call. Not for the sound callback: allocates.
    pub fn set_rate(&mut self, rate: SampleRate) {
        self.engine.set_rate(rate);
        self.fan.set_rate(rate);
    }

    // == realtime below ==

    /// Takes away and plugs in what was asked for; a clock that calls does it by itself.
    pub(crate) fn replug(&mut self) {
        self.fan.obey();
    }

    fn process(&mut self, frames: usize, ports: &mut impl Ports) {
        self.fan.obey();
        self.engine.process(frames, &mut self.fan.beside(ports));
    }
}

/// What a clock, or a device that follows one, asks for sound.
pub trait Plays: Send + 'static {
    /// Writes the next `frames` of every output.
    fn process(&mut self, frames: usize, ports: &mut impl Ports);
}

/// The engine on loan to a clock. Wherever the loan is dropped, the engine goes home, so a clock
/// that dies in any state gives it back; only a clock that leaks its callback can keep it.
pub struct Lent {
    desk: Option<Desk>,
    home: mpsc::Sender<Desk>,
}

impl Lent {
    /// Lends `desk`; it comes back through `home`.
    pub fn new(desk: Desk, home: mpsc::Sender<Desk>) -> Self {
        Self {
            desk: Some(desk),
            home,
        }
    }

    /// Makes the engine ready for a clock of this rate; before the clock runs.
    pub(crate) fn set_rate(&mut self, rate: SampleRate) {
        if let Some(desk) = &mut self.desk {
            desk.set_rate(rate);
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            // Nobody waits for it at the end of the program: then it is dropped here.
            self.home.send(desk).ok();
        }
    }
}

/// What a clock tells about itself through atomics, since its callback can tell in no other way.
#[derive(Debug, Default)]
pub struct Pulse {
    cycles: AtomicU64,
    xruns: AtomicU64,
    period: AtomicU32,
    hz: AtomicU32,
    is_dead: AtomicBool,
    is_graph_changed: AtomicBool,
}

impl Pulse {
    /// Callbacks so far.
    pub fn n_cycles(&self) -> u64 {
        self.cycles.load(Ordering::Relaxed)
    }

    /// Times that sound was late.
    pub fn n_xruns(&self) -> u64 {
        self.xruns.load(Ordering::Relaxed)
    }

    /// Frames in the last callback; 0 before the first.
    pub fn period(&self) -> usize {
        self.period.load(Ordering::Relaxed) as usize
    }

    /// The rate that the clock last announced.
    pub fn rate(&self) -> Option<SampleRate> {
        SampleRate::new(self.hz.load(Ordering::Relaxed))
    }

    /// Whether the clock said that it will not call again.
    pub fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Whether ports came, went or were connected since the last question.
    pub(crate) fn take_graph_change(&self) -> bool {
        self.is_graph_changed.swap(false, Ordering::AcqRel)
    }

    // == realtime below ==

    pub(crate) fn beat(&self, frames: usize) {
        self.cycles.fetch_add(1, Ordering::Relaxed);
        self.period.store(frames as u32, Ordering::Relaxed);
    }

    pub(crate) fn late(&self) {
        self.xruns.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_rate(&self, rate: SampleRate) {
        self.hz.store(rate.hz(), Ordering::Relaxed);
    }

    pub(crate) fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    /// Whether this is the first change that nobody has looked at yet.
    pub(crate) fn graph_changed(&self) -> bool {
        !self.is_graph_changed.swap(true, Ordering::AcqRel)
    }
}

impl Plays for Lent {
    fn process(&mut self, frames: usize, ports: &mut impl Ports) {
        if let Some(desk) = &mut self.desk {
            desk.process(frames, ports);
        }
    }
}
