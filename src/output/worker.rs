//! What does the supervisor's thread do, round after round?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::mix::{Engine, Vitals};
use crate::output::attempts::Attempts;
use crate::output::card::{Cards, News};
use crate::output::clock::Desk;
use crate::output::device::Device;
use crate::output::error::Error;
use crate::output::jack::{Autostart, Closing, Jack};
use crate::output::running::{Clock, Kind, Running};
use crate::output::settings::{Backend, DeviceMatch, Settings};
use crate::output::supervisor::{Event, Message};
use crate::output::timer::{Tap, Timer};
use crate::output::wiring::Wiring;
use crate::output::zones::Zone;

/// How soon a dead clock is noticed, since a dying JACK server may only raise a flag.
const ROUND: Duration = Duration::from_millis(250);

/// How long a round waits for a client to close or an engine to come home; both go on without
/// it, and the next round looks again.
const PATIENCE: Duration = Duration::from_millis(500);

/// The thread's state.
pub(crate) struct Worker {
    settings: Settings,
    events: UnboundedSender<Event>,
    wake: mpsc::Sender<Message>,
    /// Here while no clock has it.
    desk: Option<Desk>,
    home: (mpsc::Sender<Desk>, mpsc::Receiver<Desk>),
    vitals: Arc<Vitals>,
    /// Of the engine's, those that are for the clock.
    n_outputs: usize,
    cards: Cards,
    tap: Option<Tap>,
    running: Option<Running>,
    closing: Option<Closing>,
    attempts: Attempts,
    said: Said,
    /// The cards that were there when a sound device was last tried.
    cards_then: String,
    n_rounds: Arc<AtomicU64>,
}

impl Worker {
    pub(crate) fn new(
        settings: Settings,
        engine: Box<Engine>,
        events: UnboundedSender<Event>,
        tap: Tap,
        wake: mpsc::Sender<Message>,
        n_rounds: Arc<AtomicU64>,
    ) -> Self {
        let vitals = engine.vitals();
        let n_cards = settings.n_card_outputs.min(engine.n_outputs());
        let n_outputs = engine.n_outputs() - n_cards;
        let (patch, desk) = Desk::with_cards(engine, n_cards);
        Self {
            attempts: Attempts::new(settings.backend, settings.jack.autostart, Instant::now()),
            settings,
            events,
            cards: Cards::new(patch, n_outputs, n_cards, wake.clone()),
            wake,
            vitals,
            n_outputs,
            desk: Some(desk),
            home: mpsc::channel(),
            tap: Some(tap),
            running: None,
            closing: None,
            said: Said::default(),
            cards_then: String::new(),
            n_rounds,
        }
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        loop {
            self.round(Instant::now());
            self.n_rounds.fetch_add(1, Ordering::Relaxed);
            match inbox.recv_timeout(ROUND) {
                Ok(Message::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Card(serial, news)) => self.card_news(serial, news),
                Ok(Message::Reconfigure(settings)) => self.reconfigure(*settings),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.close();
        self.cards.stop_all();
    }

    fn round(&mut self, now: Instant) {
        self.watch(now);
        self.settle(Duration::ZERO);
        if let Some(desk) = &mut self.desk {
            desk.replug();
        }
        self.cards.tidy();
        if self.running.is_none() && self.attempts.is_due(now) {
            self.start(now);
        }
        if self.attempts.take_promotion(now) {
            self.promote(now);
        }
    }

    // What runs is watched.

    fn watch(&mut self, now: Instant) {
        let Some(running) = &mut self.running else {
            return;
        };
        if let Some(why) = running.failure(now) {
            self.attempts.lost(now);
            self.say_down(why);
            self.close();
            return;
        }
        let count = running.take_xruns();
        let must_look = running.take_look(now);
        self.count_xruns(count);
        self.follow_beat();
        if must_look {
            self.wire();
        }
    }

    fn count_xruns(&self, count: u64) {
        for _ in 0..count {
            self.vitals.count_xrun();
        }
        if count > 0 {
            self.say(Event::Xrun { count });
        }
    }

    /// Follows a server that changes its rate or period under way.
    fn follow_beat(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let beat = running.clock.beat();
        if beat == running.beat {
            return;
        }
        if let (Clock::Jack(jack), true) = (&mut running.clock, beat.rate != running.beat.rate) {
            jack.recall();
            let Some(mut desk) = self.desk.take().or_else(|| self.home.1.try_recv().ok()) else {
                return;
            };
            desk.set_rate(beat.rate);
            jack.lend(desk, self.home.0.clone());
        }
        running.beat = beat;
        self.say_up();
        self.follow_cards();
    }

    /// Puts the graph in order and tells what is wired, if that has changed.
    fn wire(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let mut wiring = running.clock.wiring(&self.settings);
        wiring
            .outputs
            .extend(self.cards.outputs(&self.settings.zones));
        if running.wiring.as_ref() == Some(&wiring) {
            return;
        }
        let event = Event::Routes {
            routes: wiring.routes(),
            described: wiring.described(&self.settings.zones),
            unheard: unheard(&self.settings.zones, &wiring),
            sources: wiring.sources(),
        };
        running.wiring = Some(wiring);
        self.say(event);
    }

    /// Wires anew, and tells it even when only the zones have changed.
    fn rewire(&mut self) {
        if let Some(running) = &mut self.running {
            running.wiring = None;
            running.clock.forget_wiring();
        }
        self.wire();
    }

    // Devices beside the clock.

    /// Has those play that the settings name. Where the timer is only a stand-in none does: one of
    /// them shall take its place.
    fn follow_cards(&mut self) {
        let Some(running) = &self.running else {
            return;
        };
        let clock = &running.clock;
        let stands_in = self.settings.backend == Backend::Auto && clock.kind() == Kind::Timer;
        let is_clock = |wish: &DeviceMatch| stands_in || clock.is(wish);
        let told = self.cards.follow(&self.settings, is_clock, running.beat);
        told.into_iter().for_each(|event| self.say(event));
    }

    fn card_news(&mut self, serial: u64, news: News) {
        if let Some(event) = self.cards.handle_news(serial, news) {
            self.say(event);
            self.wire();
        }
    }

    // What does not run is started.

    fn start(&mut self, now: Instant) {
        if self.closing.is_some() || self.desk.is_none() {
            return;
        }
        let mut failures = Vec::new();
        for &kind in self.attempts.candidates() {
            match self.start_one(kind, now) {
                Ok(clock) => return self.started(clock, now, &failures),
                Err(why) => failures.push(why.to_string()),
            }
        }
        let why = failures.join("; ");
        tracing::debug!("no clock starts: {why}");
        self.say_down(why);
        let after = self.attempts.failed(now);
        self.say_retrying(after);
    }

    fn start_one(&mut self, kind: Kind, now: Instant) -> Result<Clock, Error> {
        if kind == Kind::Jack {
            let jack = self.join_jack(now)?;
            return Ok(self.lend(jack));
        }
        if kind == Kind::Device {
            return self.start_device();
        }
        let desk = self.take_desk()?;
        let tap = self.tap.take().unwrap_or_else(Tap::none);
        let started = Timer::start(&self.settings, tap, desk, self.home.0.clone());
        if started.is_err() {
            self.settle(PATIENCE);
        }
        started.map(Clock::Timer)
    }

    /// The first device that opens of those that the settings name.
    fn start_device(&mut self) -> Result<Clock, Error> {
        self.cards_then = cards();
        let mut failures = Vec::new();
        for device in self.settings.devices() {
            let gone = device.as_ref().and_then(|device| self.cards.stop(device));
            gone.into_iter().for_each(|event| self.say(event));
            let desk = self.take_desk()?;
            let settings = Settings {
                device,
                ..self.settings.clone()
            };
            match Device::start(&settings, desk, self.home.0.clone()) {
                Ok(device) => return Ok(Clock::Device(device)),
                Err(why) => failures.push(why),
            }
            self.settle(PATIENCE);
        }
        match <[Error; 1]>::try_from(failures) {
            Ok([only]) => Err(only),
            Err(several) => {
                let texts: Vec<String> = several.iter().map(Error::to_string).collect();
                Err(Error::Device(texts.join("; ")))
            }
        }
    }

    fn take_desk(&mut self) -> Result<Desk, Error> {
        let desk = self.desk.take();
        desk.ok_or_else(|| Error::Device("the engine is not home".to_owned()))
    }

    /// A client that runs without an engine.
    fn join_jack(&self, now: Instant) -> Result<Jack, Error> {
        let autostart = if self.attempts.may_autostart(now) {
            Autostart::Yes
        } else {
            Autostart::No
        };
        let wake = self.wake.clone();
        Jack::start(&self.settings.jack, self.n_outputs, autostart, move || {
            // Nobody looks any more when the thread ends.
            wake.send(Message::Look).ok();
        })
    }

    fn lend(&mut self, mut jack: Jack) -> Clock {
        if let Some(mut desk) = self.desk.take() {
            desk.set_rate(jack.rate());
            jack.lend(desk, self.home.0.clone());
        }
        Clock::Jack(Box::new(jack))
    }

    fn started(&mut self, clock: Clock, now: Instant, failures: &[String]) {
        self.attempts.succeeded(clock.kind(), now);
        for why in failures {
            tracing::info!("{} is the sound clock, for {why}", clock.name());
        }
        self.running = Some(Running::new(clock, now));
        self.said = Said::default();
        self.say_up();
        self.follow_cards();
        self.wire();
    }

    /// A timer that stands in for hardware makes way for hardware.
    fn promote(&mut self, now: Instant) {
        if cards() != self.cards_then {
            self.close();
            self.start(now);
            return;
        }
        let Ok(jack) = self.join_jack(now) else {
            return;
        };
        self.close();
        let clock = self.lend(jack);
        self.started(clock, now, &[]);
    }

    // What is told to change or end does so.

    fn reconfigure(&mut self, settings: Settings) {
        let devices = settings.devices();
        let stays = |running: &Running| running.clock.is_among(&devices);
        let is_same_clock =
            self.settings.has_same_clock(&settings) && self.running.as_ref().is_none_or(stays);
        self.settings = settings;
        if is_same_clock {
            self.follow_cards();
            self.rewire();
            return;
        }
        self.close();
        self.attempts = Attempts::new(
            self.settings.backend,
            self.settings.jack.autostart,
            Instant::now(),
        );
        self.said = Said::default();
    }

    fn close(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        match running.clock {
            Clock::Jack(jack) => match jack.close() {
                Ok(closing) => self.closing = Some(closing),
                Err(why) => tracing::error!("JACK is left without ceremony: {why}"),
            },
            Clock::Device(device) => device.close(),
            Clock::Timer(timer) => self.tap = timer.close(),
        }
        self.settle(PATIENCE);
    }

    /// Looks whether what was closed is gone and the engine is home.
    fn settle(&mut self, at_most: Duration) {
        if self
            .closing
            .as_ref()
            .is_some_and(|client| client.wait(at_most))
        {
            self.closing = None;
        }
        if self.desk.is_none() {
            self.desk = self.home.1.recv_timeout(at_most).ok();
        }
    }

    // What changes is told.

    fn say(&self, event: Event) {
        // Nobody listens any more when the program ends.
        self.events.send(event).ok();
    }

    fn say_up(&self) {
        if let Some(running) = &self.running {
            self.say(Event::Up {
                backend: running.clock.name(),
                rate: running.beat.rate,
                period: running.beat.period,
                described: running.clock.described(&self.settings),
            });
        }
    }

    fn say_down(&mut self, why: String) {
        if !self.said.is_down {
            self.said.is_down = true;
            self.say(Event::Down { why });
        }
    }

    fn say_retrying(&mut self, after: Duration) {
        if self.said.retrying != Some(after) {
            self.said.retrying = Some(after);
            self.say(Event::Retrying { after });
        }
    }
}

/// What the daemon knows already.
#[derive(Default)]
struct Said {
    is_down: bool,
    retrying: Option<Duration>,
}

/// The names of zones that no output carries.
fn unheard(zones: &[Zone], wiring: &Wiring) -> Vec<String> {
    let carried = wiring.zones();
    let unheard = zones.iter().filter(|zone| !carried.contains(zone.id));
    unheard.map(|zone| zone.name.clone()).collect()
}

/// The sound cards that the kernel has; empty where it has none.
fn cards() -> String {
    std::fs::read_to_string("/proc/asound/cards").unwrap_or_default()
}
