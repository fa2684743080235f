//! How do the parts run as one daemon?
//!
//! ```text
//!   sip::Event ──┐                                          ┌─► sip::Endpoint
//!   net::Event ──┼─► Service::run ─► Core::handle ─► Effect ┼─► mix::Console
//!   output::Event┤        ▲                                 ├─► Legs (sdp, ports, media thread)
//!   mix::Event ──┤        └── what an effect brought about ─┤
//!   time, signals┘                                          └─► log
//! ```
//!
//! One loop on one thread: an event becomes an input, the core is drained, effects are carried
//! out. Nothing here decides about callers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::base::{CallId, Db, Pcm, ZoneSet};
use crate::config::{self, Config, Part};
use crate::control::{Core, Effect, Input, Level, Note, Sound};
use crate::daemon::legs::{Legs, Turned};
use crate::daemon::memory::Rest;
use crate::daemon::notify::{Beats, Notify};
use crate::daemon::{klaxon, settings, words};
use crate::mix::{self, Console};
use crate::net::{self, Media};
use crate::output::timer::Tap;
use crate::output::{self, Supervisor};
use crate::sip::{self, Endpoint};

/// The running daemon.
pub(super) struct Service {
    config: Config,
    core: Core,
    /// What effects brought about, not yet told to the core.
    inputs: VecDeque<Input>,
    endpoint: Endpoint,
    legs: Legs,
    /// Where the core wants which voice.
    wanted: BTreeMap<CallId, (ZoneSet, Db)>,
    console: Console,
    output: Supervisor,
    klaxon: Option<Arc<Pcm>>,
    notify: Notify,
    rest: Rest,
    look_after_at: Instant,
    is_ready: bool,
    sound_attempts: u64,
    sip_events: UnboundedReceiver<sip::Event>,
    net_events: UnboundedReceiver<net::Event>,
    output_events: UnboundedReceiver<output::Event>,
    requests: UnboundedReceiver<Request>,
    watcher: Option<UnboundedSender<(Instant, Note)>>,
    has_stopped: bool,
}

/// What the outside asks of a running daemon.
#[derive(Debug)]
pub(super) enum Request {
    /// A configuration that was read and checked takes the place of the old one.
    Reconfigure(Box<Config>),
    Stop,
}

/// The other end of a running daemon.
#[derive(Clone)]
pub(super) struct Handle(UnboundedSender<Request>);

impl Handle {
    /// Asks; a daemon that has ended does not hear it.
    pub(super) fn ask(&self, request: Request) {
        self.0.send(request).ok();
    }
}

/// Ears for those who run the daemon inside their own program.
#[derive(Default)]
pub(super) struct Extras {
    /// Sound in and out of the timer backend.
    pub(super) tap: Option<Tap>,
    /// Every line about a caller, as it happens.
    pub(super) watcher: Option<UnboundedSender<(Instant, Note)>>,
    /// A klaxon that is no file.
    pub(super) klaxon: Option<Arc<Pcm>>,
}

enum Happening {
    Sip(sip::Event),
    Net(net::Event),
    Output(output::Event),
    Asked(Request),
    Time,
}

impl Service {
    /// Starts every part; on failure, those that had started are stopped.
    ///
    /// # Errors
    /// A klaxon that cannot be played, a device that is not there, an address in use.
    pub(super) async fn start(config: Config, extras: Extras) -> anyhow::Result<(Self, Handle)> {
        let now = Instant::now();
        let klaxon = extras
            .klaxon
            .map_or_else(|| klaxon::load(&config), |it| Ok(Some(it)))?;
        let (console, engine) = mix::engine(settings::engine(&config));
        let (net_tx, net_events) = unbounded_channel();
        let media = Media::spawn(net_tx).context("the media thread does not start")?;
        let (sip_tx, sip_events) = unbounded_channel();
        let endpoint = Endpoint::start(settings::sip(&config), sip_tx).await?;
        let (output_tx, output_events) = unbounded_channel();
        let tap = extras.tap.unwrap_or_else(Tap::none);
        let output = output::spawn_tapped(settings::output(&config), engine, output_tx, tap)?;
        let (handle, requests) = unbounded_channel();
        let duration = klaxon.as_ref().map(|pcm| pcm.duration());
        let mut service = Self {
            core: Core::new(settings::policy(&config, duration), now),
            inputs: VecDeque::new(),
            endpoint,
            legs: Legs::new(settings::legs(&config), media),
            wanted: BTreeMap::new(),
            console,
            output,
            klaxon,
            notify: Notify::new(now),
            rest: Rest::default(),
            look_after_at: now,
            is_ready: false,
            sound_attempts: 0,
            sip_events,
            net_events,
            output_events,
            requests,
            watcher: extras.watcher,
            has_stopped: false,
            config,
        };
        service.set_music_volume();
        Ok((service, Handle(handle)))
    }

    /// Where calls are answered, for those who listen at port 0.
    pub(super) fn listening(&self) -> Vec<sip::Listen> {
        self.endpoint.listening().to_vec()
    }

    /// Runs until asked to stop, then hangs up, un-registers and silences everything.
    pub(super) async fn run(mut self) {
        while !self.has_stopped {
            let happening = self.next().await;
            self.take_in(happening);
            self.settle(Instant::now());
        }
        self.notify.stopping();
        self.endpoint.stop().await;
        self.output.stop();
        tracing::info!("stopped");
    }

    async fn next(&mut self) -> Happening {
        let wake_at = self.wake_at().into();
        tokio::select! {
            biased;
            Some(event) = self.sip_events.recv() => Happening::Sip(event),
            Some(event) = self.net_events.recv() => Happening::Net(event),
            Some(event) = self.output_events.recv() => Happening::Output(event),
            Some(request) = self.requests.recv() => Happening::Asked(request),
            () = tokio::time::sleep_until(wake_at) => Happening::Time,
        }
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        // The engine cannot wake us: while we await word from it we look often, and else seldom.
        let look = if self.console.is_awaiting() || !self.is_ready {
            LOOK
        } else {
            REST
        };
        let due = self.core.poll_timeout().map(|(at, _)| at);
        due.map_or(now + look, |at| at.min(now + look))
    }

    fn take_in(&mut self, happening: Happening) {
        match happening {
            Happening::Sip(event) => self.sip_event(event),
            Happening::Net(event) => self.net_event(event),
            Happening::Output(event) => self.output_event(event),
            Happening::Asked(Request::Stop) => self.inputs.push_back(Input::Shutdown),
            Happening::Asked(Request::Reconfigure(config)) => self.reconfigure(*config),
            Happening::Time => self.inputs.push_back(Input::Tick),
        }
    }

    /// Tells the core everything that is waiting to be told, and carries out what it says.
    fn settle(&mut self, now: Instant) {
        while let Some(event) = self.console.poll() {
            if let mix::Event::Ended { play } = event {
                self.inputs.push_back(Input::PlayEnded { play });
            }
        }
        while let Some(input) = self.inputs.pop_front() {
            self.core.handle(input, now);
            while let Some(effect) = self.core.poll() {
                self.carry_out(effect, now);
            }
        }
        self.look_after(now);
    }

    /// Tells systemd how things stand; not for every event of a rush.
    fn look_after(&mut self, now: Instant) {
        let callbacks = self.console.vitals().callbacks();
        if !self.is_ready && callbacks > 0 {
            self.is_ready = true;
            self.notify.ready();
        }
        if now < self.look_after_at {
            return;
        }
        self.look_after_at = now + LOOK_AFTER;
        let snapshot = self.core.snapshot();
        self.notify.status(&snapshot.summary(now));
        self.rest.watch(snapshot.calls.len(), now);
        // While the sound is gone, the tries to get it back are what must move.
        let sound = callbacks.wrapping_add(self.sound_attempts);
        self.notify.beat(
            Beats {
                media: self.legs.beat(),
                sound,
            },
            now,
        );
    }

    fn sip_event(&mut self, event: sip::Event) {
        match event {
            sip::Event::Incoming {
                call,
                caller,
                dialled,
                source,
                offer,
                account: _,
                user: _,
            } => {
                let local = self.endpoint.address_for(source);
                match self.legs.arrive(call, offer, local) {
                    Ok(()) => self.inputs.push_back(Input::CallArrived {
                        call,
                        caller: words::caller(&caller),
                        dialled: words::dialled(&dialled),
                    }),
                    Err(turned) => {
                        let who = words::caller(&caller);
                        tracing::warn!(
                            "call {call} from {who}: refused, {} {}: {}",
                            turned.status,
                            turned.reason,
                            turned.warning.as_deref().unwrap_or("")
                        );
                        self.turn_away(call, turned);
                    }
                }
            }
            sip::Event::Confirmed { call, answer } => {
                let agreed = answer.map_or(Ok(()), |sdp| self.legs.late_answer(call, &sdp));
                match agreed {
                    Ok(()) => self.inputs.push_back(Input::CallConfirmed { call }),
                    Err(refusal) => {
                        self.endpoint.hang_up(call, "no common codec");
                        let how = format!("no common codec in the answer ({refusal})");
                        self.call_over(call, how);
                    }
                }
                self.hand_over(call);
            }
            sip::Event::Reoffer { call, offer } => {
                let answer = self.legs.reoffer(call, offer.as_deref());
                self.endpoint
                    .answer_offer(call, answer.map_err(|turned| turned.status));
            }
            sip::Event::Ended { call, how } => self.call_over(call, words::ended(&how)),
            sip::Event::Account { name, state } => {
                self.inputs.extend(words::account(name, state));
            }
            sip::Event::User { name, state } => {
                tracing::info!("sip: {}", words::user(&name, state));
            }
            sip::Event::Guard(notice) => {
                tracing::warn!("sip: {}", words::guard(&notice));
            }
            // The daemon places no calls of its own yet.
            sip::Event::Ringing { .. } | sip::Event::Answered { .. } => {}
            sip::Event::Refused { call, .. } => self.legs.end(call),
        }
    }

    fn call_over(&mut self, call: CallId, how: String) {
        self.legs.end(call);
        self.inputs.push_back(Input::CallEnded { call, how });
    }

    fn turn_away(&mut self, call: CallId, turned: Turned) {
        self.legs.end(call);
        self.endpoint
            .refuse(call, turned.status, turned.reason, turned.warning, None);
    }

    fn net_event(&mut self, event: net::Event) {
        match event {
            net::Event::FirstPacket { call, from, .. } => {
                tracing::debug!("call {call}: audio comes from {from}");
            }
            net::Event::Silent { call, .. } => self.inputs.push_back(Input::CallSilent { call }),
            net::Event::Key { call, key } => tracing::debug!("call {call}: key {key:?}"),
            net::Event::Played { .. } => {}
            net::Event::Closed {
                call,
                report,
                n_foreign,
                ..
            } => {
                tracing::info!("call {call}: {}", words::audio(&report, n_foreign));
            }
        }
    }

    fn output_event(&mut self, event: output::Event) {
        match event {
            output::Event::Up {
                backend,
                rate,
                period,
                described,
            } => {
                tracing::info!("sound: {described} ({backend}, {rate}, {period} frames a period)");
                self.console.set_rate(rate);
                self.inputs.push_back(Input::SoundUp);
            }
            output::Event::Down { why } => self.inputs.push_back(Input::SoundDown { why }),
            output::Event::Routes { routes, described } => {
                for line in described {
                    tracing::info!("sound: {line}");
                }
                if let Err(refusal) = self.console.route(routes) {
                    tracing::error!("sound: {refusal}");
                }
            }
            output::Event::Retrying { after } => {
                self.sound_attempts += 1;
                tracing::debug!("sound: trying again every {after:?}");
            }
            output::Event::Xrun { count } => tracing::warn!("sound: late {count} times (xrun)"),
        }
    }

    fn carry_out(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Ring { call } => self.endpoint.ringing(call),
            Effect::Answer { call } => match self.legs.answer(call) {
                Ok(sdp) => self.endpoint.answer(call, sdp),
                Err(turned) => {
                    let how = format!("could not be answered ({})", turned.reason);
                    self.turn_away(call, turned);
                    self.inputs.push_back(Input::CallEnded { call, how });
                }
            },
            Effect::Refuse { call, why } => {
                self.legs.end(call);
                let retry = why.retry_after();
                self.endpoint
                    .refuse(call, why.status(), why.phrase(), None, retry);
            }
            Effect::HangUp { call, why } => {
                self.legs.end(call);
                self.endpoint.hang_up(call, &why);
            }
            Effect::Connect { call, zones, gain } => {
                self.wanted.insert(call, (zones, gain));
                self.hand_over(call);
            }
            Effect::Disconnect { call } => {
                self.wanted.remove(&call);
                self.console.remove_voice(call);
            }
            Effect::Play {
                play,
                sound: Sound::Klaxon,
                zones,
                gain,
                longest,
            } => {
                let played = self
                    .klaxon
                    .as_ref()
                    .map(|pcm| self.console.play(play, pcm, zones, gain, longest));
                if !matches!(played, Some(Ok(()))) {
                    tracing::error!("the klaxon cannot be played now");
                    self.inputs.push_back(Input::PlayEnded { play });
                }
            }
            Effect::StopPlay { play } => self.console.stop(play),
            Effect::Duck { zones, to, ramp } => self.console.duck(zones, to, ramp),
            Effect::Log(note) => self.log(note, now),
            Effect::Stopped => self.has_stopped = true,
        }
    }

    /// Gives a voice that is wanted to the engine once there is one; after a late offer that is
    /// with the ACK. A voice that the engine has already stays there.
    fn hand_over(&mut self, call: CallId) {
        let Some(&(zones, gain)) = self.wanted.get(&call) else {
            return;
        };
        let Some(voice) = self.legs.take_voice(call) else {
            return;
        };
        if let Err(refusal) = self.console.add_voice(call, voice, zones, gain) {
            tracing::error!("call {call} cannot be heard: {refusal}");
        }
    }

    fn log(&self, note: Note, now: Instant) {
        match note.level {
            Level::Info => tracing::info!(target: "call", "{}", note.text),
            Level::Warn => tracing::warn!(target: "call", "{}", note.text),
            Level::Error => tracing::error!(target: "call", "{}", note.text),
        }
        if let Some(watcher) = &self.watcher {
            watcher.send((now, note)).ok();
        }
    }

    fn set_music_volume(&mut self) {
        let volume = settings::music_volume(&self.config);
        for zone in ZoneSet::first(settings::N_ZONES).iter() {
            self.console.set_music_volume(zone, volume);
        }
    }

    /// Does the least that makes the new configuration true; live calls go on.
    fn reconfigure(&mut self, config: Config) {
        let changes = config::diff(&self.config, &config);
        tracing::info!("reloading: {changes}");
        if changes.is_empty() {
            return;
        }
        self.notify.reloading();
        let old = std::mem::replace(&mut self.config, config);
        if changes.concern(Part::Klaxon) {
            self.reload_klaxon(old);
        }
        if changes.concern(Part::Accounts) {
            self.endpoint.set_accounts(settings::accounts(&self.config));
        }
        if changes.concern(Part::Callers) {
            self.endpoint.set_callers(settings::callers(&self.config));
        }
        if changes.concern(Part::Trace) {
            let path = settings::trace(&self.config);
            if let Err(why) = self.endpoint.set_trace(path.as_deref()) {
                tracing::error!("{why}");
            }
        }
        if changes.concern(Part::Media) {
            self.legs.configure(settings::legs(&self.config));
        }
        if changes.concern(Part::Output) {
            self.output.reconfigure(settings::output(&self.config));
        }
        if changes.concern(Part::Music) {
            self.set_music_volume();
        }
        let at_start = [Part::Listen, Part::Logging, Part::Process];
        if at_start.into_iter().any(|part| changes.concern(part)) {
            tracing::warn!(
                "addresses to listen at, logging and reports change with a restart only"
            );
        }
        let klaxon = self.klaxon.as_ref().map(|pcm| pcm.duration());
        self.inputs
            .push_back(Input::Configure(settings::policy(&self.config, klaxon)));
        self.notify.reloaded();
    }

    /// A new klaxon that cannot be played leaves the old one in place.
    fn reload_klaxon(&mut self, old: Config) {
        match klaxon::load(&self.config) {
            Ok(klaxon) => {
                self.klaxon = klaxon;
                if let Some(pcm) = &self.klaxon {
                    self.console.prepare(pcm);
                }
            }
            Err(mistake) => {
                tracing::error!("{mistake}; the old klaxon stays");
                self.config.audio.klaxon = old.audio.klaxon;
            }
        }
    }
}

/// How often to look for word from the engine while there will be some; well below a packet.
const LOOK: Duration = Duration::from_millis(5);

/// How often to tell how things stand at most.
const LOOK_AFTER: Duration = Duration::from_millis(200);

/// How often to look after everything while nothing happens.
const REST: Duration = Duration::from_secs(1);
