//! Who keeps the ring of a music source filled, and what if its source fails?

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::base::{Db, SampleRate, StereoRx, StereoTx, stereo};
use crate::sounds::music::book::Book;
use crate::sounds::music::program::{Program, Progress};

/// What a ring holds: a disk that spins up, a station that stutters.
const AHEAD: Duration = Duration::from_secs(2);
/// What has to be ready before a source begins or takes over from its fallback.
const START: Duration = Duration::from_secs(1);
/// How often the ring is looked at while nothing is missing.
const LOOK: Duration = Duration::from_millis(100);
/// How often while something is awaited.
const LOOK_SOON: Duration = Duration::from_millis(20);
/// How long the source itself is waited for before its fallback plays.
const PATIENCE: Duration = Duration::from_secs(3);
/// Steps between two looks at orders.
const MOST_STEPS: usize = 1_000;

/// One source of music.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How messages name it.
    pub name: String,
    pub from: From,
    /// Another order in each round.
    pub is_shuffled: bool,
    /// Zero joins pieces without a gap; at most `Settings::LONGEST_CROSSFADE`.
    pub crossfade: Duration,
    /// What files are brought to, in LUFS; `None` plays them as they are.
    pub loudness: Option<Db>,
    /// What plays while this cannot.
    pub fallback: Option<Box<Self>>,
}

impl Settings {
    /// A crossfade is held in memory.
    pub const LONGEST_CROSSFADE: Duration = Duration::from_secs(30);
}

/// Where music comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A file, a folder or a playlist.
    Path(PathBuf),
    /// A stream or a playlist over HTTP.
    Url(String),
}

/// What a person may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A piece or a station begins.
    Playing { what: String },
    /// A piece cannot be played; the next one does.
    Skipped { what: String, why: String },
    /// The source cannot play. `instead` names the fallback that does, if one does.
    Down {
        why: String,
        instead: Option<String>,
    },
    /// The source plays again.
    Up,
    /// Nothing came in time; there was a faded gap, of which there were so many in this ring.
    Gap { count: u64 },
}

/// A source that plays, on a thread of its own. Dropped, it ends.
pub struct Player {
    orders: Sender<Order>,
}

enum Order {
    Ring(StereoTx),
    Next,
}

impl Player {
    /// Plays as soon as it has a ring. Equal seeds shuffle equally; `tell` is called on the
    /// player's thread.
    ///
    /// # Errors
    /// The thread does not start.
    pub fn spawn(
        settings: Settings,
        book: Option<Book>,
        seed: u64,
        tell: impl FnMut(Event) + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, orders_rx) = channel();
        let run = Run {
            orders: orders_rx,
            tell: Box::new(tell),
            ring: None,
            programs: programs(settings, book.as_ref(), seed),
            active: None,
            dry_since: None,
            n_gaps: 0,
            told: Told::Nothing,
        };
        std::thread::Builder::new()
            .name("music".to_owned())
            .spawn(move || run.until_dropped())?;
        Ok(Self { orders })
    }

    /// A new ring at `rate`, which is filled from now on in place of the one before.
    pub fn ring(&self, rate: SampleRate) -> StereoRx {
        let (tx, rx) = stereo(rate, rate.frames_in(AHEAD));
        self.orders.send(Order::Ring(tx)).ok();
        rx
    }

    /// Goes on with the next piece at once.
    pub fn skip(&self) {
        self.orders.send(Order::Next).ok();
    }
}

/// The source and its fallbacks, in the order in which they count.
fn programs(mut settings: Settings, book: Option<&Book>, seed: u64) -> Vec<Program> {
    let mut programs = Vec::new();
    loop {
        let fallback = settings.fallback.take();
        let seed = seed.wrapping_add(programs.len() as u64);
        programs.push(Program::new(settings, book.cloned(), seed));
        match fallback {
            Some(fallback) => settings = *fallback,
            None => return programs,
        }
    }
}

struct Run {
    orders: Receiver<Order>,
    tell: Box<dyn FnMut(Event) + Send>,
    ring: Option<StereoTx>,
    programs: Vec<Program>,
    /// Which of them fills the ring.
    active: Option<usize>,
    /// Since when there is nothing in the ring.
    dry_since: Option<Instant>,
    /// Gaps of this ring that were told.
    n_gaps: u64,
    told: Told,
}

/// What was told last about who plays.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Up,
    Down(Option<usize>),
}

impl Run {
    fn until_dropped(mut self) {
        let mut look = LOOK;
        loop {
            match self.orders.recv_timeout(look) {
                Ok(Order::Ring(ring)) => self.take(ring),
                Ok(Order::Next) => self.skip(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            look = match self.refill(Instant::now()) {
                Progress::Made => LOOK,
                Progress::Waiting => LOOK_SOON,
            };
        }
    }

    fn take(&mut self, ring: StereoTx) {
        for program in &mut self.programs {
            program.set_rate(ring.rate());
        }
        self.active = None;
        self.dry_since = None;
        self.n_gaps = 0;
        self.ring = Some(ring);
    }

    fn skip(&mut self) {
        if let (Some(ring), Some(active)) = (&self.ring, self.active) {
            self.programs[active].skip();
            ring.discard();
        }
    }

    /// `Made` if nothing is missing for now.
    fn refill(&mut self, now: Instant) -> Progress {
        let Some(mut ring) = self.ring.take_if(|ring| !ring.is_abandoned()) else {
            return Progress::Made;
        };
        // A source that ran dry collects some before it goes on, else it would stutter.
        if ring.fill() == 0 {
            self.active = None;
            self.dry_since.get_or_insert(now);
        } else {
            self.dry_since = None;
        }
        if ring.n_starved() > self.n_gaps {
            self.n_gaps = ring.n_starved();
            (self.tell)(Event::Gap { count: self.n_gaps });
        }
        let progress = self.fill(&mut ring, now);
        self.ring = Some(ring);
        self.tell_what_happened();
        progress
    }

    fn fill(&mut self, ring: &mut StereoTx, now: Instant) -> Progress {
        for _ in 0..MOST_STEPS {
            let before = self.active;
            self.choose(ring.rate(), now);
            if before.is_some() && self.active < before {
                // A better one is back.
                ring.discard();
            }
            ring.set_resting(self.active.is_none());
            let Some(active) = self.active else {
                return Progress::Waiting;
            };
            let program = &mut self.programs[active];
            program.pour(ring, now);
            if ring.room() == 0 {
                return Progress::Made;
            }
            if program.step(now) == Progress::Waiting && program.n_ready() == 0 {
                if program.failure().is_none() {
                    return Progress::Waiting;
                }
                self.active = None;
            }
        }
        Progress::Waiting
    }

    /// Decides who plays: the first that can, and for a beginning has enough.
    fn choose(&mut self, rate: SampleRate, now: Instant) {
        // A better one that has not failed is waited for a while.
        let dry_for = self.dry_since.map_or(Duration::ZERO, |since| now - since);
        let is_patient = self.active.is_none() && dry_for < PATIENCE;
        for (i, program) in self.programs.iter_mut().enumerate() {
            if self.active == Some(i) {
                return;
            }
            warm_up(program, rate, now);
            let has_failed = program.failure().is_some();
            if !has_failed && program.n_ready() >= rate.frames_in(START) {
                self.active = Some(i);
                return;
            }
            if is_patient && !has_failed {
                return;
            }
        }
    }

    fn tell_what_happened(&mut self) {
        let mut is_fallback = false;
        for program in &mut self.programs {
            for event in program.take_events() {
                // Which fallback plays is told; what it plays would be taken for the source's.
                if !is_fallback || !matches!(event, Event::Playing { .. }) {
                    (self.tell)(event);
                }
            }
            is_fallback = true;
        }
        let failure = self.programs[0].failure();
        let told = match (self.active, failure) {
            (Some(0), _) => Told::Up,
            (Some(active), _) => Told::Down(Some(active)),
            (None, Some(_)) if self.programs.iter().all(|p| p.failure().is_some()) => {
                Told::Down(None)
            }
            (None, _) => return,
        };
        if told == self.told {
            return;
        }
        let event = match told {
            Told::Down(instead) => Some(Event::Down {
                why: failure.unwrap_or("nothing comes").to_owned(),
                instead: instead.map(|i| self.programs[i].name().to_owned()),
            }),
            Told::Up if self.told != Told::Nothing => Some(Event::Up),
            Told::Up | Told::Nothing => None,
        };
        self.told = told;
        if let Some(event) = event {
            (self.tell)(event);
        }
    }
}

/// Works on what a source has ready, before anybody hears it.
fn warm_up(program: &mut Program, rate: SampleRate, now: Instant) {
    for _ in 0..MOST_STEPS {
        if program.n_ready() >= rate.frames_in(START) || program.step(now) == Progress::Waiting {
            return;
        }
    }
}
