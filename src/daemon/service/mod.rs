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
//! out. Nothing here decides about callers. What an event means stands in `events`, how an effect
//! is carried out in `effects`, what a new configuration changes in `reload`.

mod bells;
mod desks;
mod dictation;
mod effects;
mod errands;
mod events;
mod groups;
mod hand;
mod http;
mod kept;
mod made;
mod music;
mod recordings;
mod reload;
mod selftest;
mod speech;
mod trace;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::api::{self, Ask, HistoryEntry};
use crate::base::{CallId, Db, Pcm, PlayId, SoundId, ZoneSet};
use crate::config::{Config, Mistake};
use crate::control::{Core, Input, Note, SoundState};
use crate::daemon::bells::Ringing;
use crate::daemon::by_hand::ByHand;
use crate::daemon::desks::Desks;
use crate::daemon::dictation::{Dictated, Prepared};
use crate::daemon::door::Door;
use crate::daemon::groups::Groups;
use crate::daemon::history::Chronicle;
use crate::daemon::http::{Http, Microphones};
use crate::daemon::jukebox::{self, JackSources, Jukebox};
use crate::daemon::legs::Legs;
use crate::daemon::library::Library;
use crate::daemon::lives::Lives;
use crate::daemon::memory::Rest;
use crate::daemon::notify::{Beats, Notify};
use crate::daemon::players::{Loaded, News, Players};
use crate::daemon::speech::Spoken;
use crate::daemon::uploads::{self, Levels};
use crate::daemon::zones::{Tuned, Zones};
use crate::daemon::{klaxon, mqtt, settings, words};
use crate::mix::{self, Console, Ears, Listening};
use crate::music::Moment;
use crate::net::{self, Media};
use crate::output::record::{self, Recorder};
use crate::output::timer::Tap;
use crate::output::{self, Supervisor};
use crate::sip::{self, Endpoint};
use crate::store::Kept;
use bells::{Rung, Sounding};
use kept::Shipment;
use recordings::Recordings;
use selftest::Tested;
use speech::Rehearsed;
use trace::Tracing;

/// The running daemon.
pub(super) struct Service {
    config: Config,
    core: Core,
    /// What effects brought about, not yet told to the core.
    inputs: VecDeque<Input>,
    endpoint: Endpoint,
    legs: Legs,
    groups: Groups,
    microphones: Microphones,
    /// Where the core wants which voice.
    wanted: BTreeMap<CallId, (ZoneSet, Db)>,
    zones: Zones,
    tuned: Tuned,
    jukebox: Jukebox,
    by_hand: ByHand,
    /// Sources of music that are players of JACK, once the graph was looked at.
    jack_sources: Option<JackSources>,
    /// The minute that music was last set for.
    minute: Moment,
    /// Names of zones that no output carries, as they were last told.
    unheard: Vec<String>,
    ears: Ears,
    /// Of calls that are on the speakers.
    listening: BTreeMap<CallId, Vec<Listening>>,
    desks: Desks,
    /// Since the core was last told where something is heard; only while there may be something.
    hearing: Option<Listening>,
    bells: Ringing,
    /// Bells that sound now.
    sounding: BTreeMap<PlayId, Sounding>,
    /// Bells that the core was told of of late.
    rung: BTreeMap<SoundId, Rung>,
    n_bells: u32,
    chronicle: Chronicle,
    console: Console,
    output: Supervisor,
    recordings: Recordings,
    klaxon: Option<Arc<Pcm>>,
    /// The sounds of pages.
    stock: Library,
    /// The texts of pages and bells.
    spoken: Spoken,
    /// How loud the sounds of pages are.
    levels: Levels,
    shipments_tx: UnboundedSender<Shipment>,
    rehearsals: UnboundedSender<Rehearsed>,
    /// Calls whose voice is taken down.
    dictating: BTreeSet<CallId>,
    /// What callers have said.
    dictated: Dictated,
    takes: UnboundedSender<Prepared>,
    n_rehearsals: u64,
    /// What callers hear when their page begins.
    for_callers: Option<Arc<Pcm>>,
    players: Players,
    notify: Notify,
    rest: Rest,
    door: Door,
    http: Http,
    look_after_at: Instant,
    /// Something may have changed since systemd was told.
    is_untold: bool,
    is_ready: bool,
    tracing: Tracing,
    /// A self-test is under way.
    is_tested: bool,
    tested_tx: UnboundedSender<Tested>,
    /// The timer stands in for sound hardware that was hoped for.
    is_unheard: bool,
    /// For those who speak over a connection.
    net_tx: UnboundedSender<net::Event>,
    sip_events: UnboundedReceiver<sip::Event>,
    net_events: UnboundedReceiver<net::Event>,
    group_events: UnboundedReceiver<net::group::Event>,
    output_events: UnboundedReceiver<output::Event>,
    recorded: UnboundedReceiver<record::Event>,
    music_news: UnboundedReceiver<jukebox::News>,
    requests: UnboundedReceiver<Request>,
    loaded: UnboundedReceiver<Loaded>,
    rehearsed: UnboundedReceiver<Rehearsed>,
    prepared: UnboundedReceiver<Prepared>,
    desk_news: UnboundedReceiver<crate::daemon::desks::News>,
    shipments: UnboundedReceiver<Shipment>,
    tested: UnboundedReceiver<Tested>,
    kept: UnboundedReceiver<Kept>,
    watcher: Option<UnboundedSender<(Instant, Note)>>,
    has_stopped: bool,
}

/// What the outside asks of a running daemon.
#[derive(Debug)]
pub(super) enum Request {
    /// A configuration that was read and checked takes the place of the old one.
    Reconfigure(Box<Config>),
    /// SIP messages shall be written down, or no longer, whatever the configuration says.
    TurnTrace,
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
    /// Where the history is kept.
    pub(super) history: Option<PathBuf>,
}

enum Happening {
    Sip(sip::Event),
    Net(net::Event),
    Group(net::group::Event),
    Output(output::Event),
    Recorded(record::Event),
    Music(jukebox::News),
    Asked(Request),
    Loaded(Loaded),
    Rehearsed(Rehearsed),
    Prepared(Prepared),
    Shipped(Shipment),
    Kept(Kept),
    Http(Ask),
    Broker(crate::mqtt::State),
    Desk(crate::daemon::desks::News),
    Tested(Tested),
    Time,
}

impl Service {
    /// Starts every part; on failure, those that had started are stopped.
    ///
    /// # Errors
    /// A sound that cannot be played, a device that is not there, an address in use.
    pub(super) async fn start(config: Config, extras: Extras) -> anyhow::Result<(Self, Handle)> {
        let now = Instant::now();
        let klaxon = extras
            .klaxon
            .map_or_else(|| klaxon::load(&config), |it| Ok(Some(it)))?;
        let for_callers = klaxon::for_callers(&config, klaxon.as_ref())?;
        let spoken = speech::beside(&config).await?.map_err(first)?;
        let mut library = Library::default();
        library.follow(&config, &spoken).map_err(first)?;
        let folder = settings::state_file(&config, kept::SOUNDS);
        let brought = tokio::task::spawn_blocking(move || uploads::found(&folder)).await;
        for (name, pcm) in brought.unwrap_or_default() {
            library.bring(&name, Some(pcm));
        }
        let file = settings::state_file(&config, "bells");
        let bells = Ringing::start(&config, &spoken, file, Timestamp::now()).map_err(first)?;
        let zones = Zones::new(&config);
        let (console, engine) = mix::engine(settings::engine(&config, &zones));
        let (net_tx, net_events) = unbounded_channel();
        let media = Media::spawn(net_tx.clone()).context("the media thread does not start")?;
        let (sip_tx, sip_events) = unbounded_channel();
        let (kept_tx, kept) = unbounded_channel();
        let days = config.server.history_days;
        let chronicle = Chronicle::open(extras.history.as_deref(), days, kept_tx, now);
        let http = Http::start(&config, chronicle.past(), now)?;
        let endpoint = Endpoint::start(settings::sip(&config), sip_tx).await?;
        let (output_tx, output_events) = unbounded_channel();
        let tap = extras.tap.unwrap_or_else(Tap::none);
        let output =
            output::spawn_tapped(settings::output(&config, &zones), engine, output_tx, tap)?;
        let (recorded_tx, recorded) = unbounded_channel();
        let recorder = Recorder::spawn(settings::recordings(&config), recorded_tx)?;
        let (news, music_news) = unbounded_channel();
        let by_hand = ByHand::open(settings::state_file(&config, "music-by-hand"), &zones);
        let before = Input::MusicByHand {
            hand: by_hand.hand().clone(),
        };
        let book = jukebox::book(settings::state_file(&config, "music-loudness"));
        let (handle, requests) = unbounded_channel();
        let (loaded_tx, loaded) = unbounded_channel();
        let (groups_tx, group_events) = unbounded_channel();
        let (rehearsals, rehearsed) = unbounded_channel();
        let (takes, prepared) = unbounded_channel();
        let (desks, desk_news) = unbounded_channel();
        let (shipments_tx, shipments) = unbounded_channel();
        let (tested_tx, tested) = unbounded_channel();
        let duration = klaxon.as_ref().map(|pcm| pcm.duration());
        let policy = settings::policy(&config, &zones, duration, &library);
        // From now on only what is measured counts as heard.
        let measured = Input::Measured {
            zones: ZoneSet::EMPTY,
        };
        let mut service = Self {
            core: Core::new(policy, now),
            inputs: VecDeque::from([measured, before]),
            endpoint,
            legs: Legs::new(settings::legs(&config), media, net_tx.clone()),
            net_tx,
            groups: Groups::new(groups_tx),
            microphones: Microphones::default(),
            wanted: BTreeMap::new(),
            zones,
            tuned: Tuned::default(),
            jukebox: Jukebox::new(book.clone(), news.clone()),
            by_hand,
            jack_sources: None,
            minute: jukebox::now(),
            unheard: Vec::new(),
            ears: Ears::default(),
            listening: BTreeMap::new(),
            desks: Desks::new(desks),
            hearing: None,
            bells,
            sounding: BTreeMap::new(),
            rung: BTreeMap::new(),
            n_bells: 0,
            chronicle,
            console,
            output,
            recordings: Recordings::new(recorder),
            klaxon,
            stock: library,
            spoken,
            levels: Levels::default(),
            shipments_tx,
            rehearsals,
            n_rehearsals: 0,
            dictating: BTreeSet::new(),
            dictated: Dictated::default(),
            takes,
            for_callers,
            players: Players::new(loaded_tx, Lives::new(book, news)),
            notify: Notify::new(now),
            rest: Rest::default(),
            door: Door::new(now),
            http,
            look_after_at: now,
            is_untold: false,
            is_ready: false,
            tracing: Tracing::new(config.sip.trace),
            is_tested: false,
            tested_tx,
            is_unheard: false,
            sip_events,
            net_events,
            group_events,
            output_events,
            recorded,
            music_news,
            requests,
            loaded,
            rehearsed,
            prepared,
            desk_news,
            shipments,
            tested,
            kept,
            watcher: extras.watcher,
            has_stopped: false,
            config,
        };
        service.tune_zones();
        service.play_music();
        service.follow_groups();
        service.set_players();
        let treatment = settings::treatment(&service.config);
        service.console.set_treatment(treatment);
        service.prepare_sounds();
        service.chronicle.change("daemon", "started");
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
            let now = Instant::now();
            self.take_in(happening, now);
            self.look_at_bells();
            self.settle(now);
        }
        self.notify.stopping();
        if let Some(report) = self.door.report(&self.endpoint.counts()) {
            tracing::info!("sip: {report}");
        }
        self.http.stop();
        self.recordings.recorder.stop();
        self.last_words();
        self.endpoint.stop().await;
        self.output.stop();
        self.chronicle.change("daemon", "stopped");
        tracing::info!("stopped");
    }

    async fn next(&mut self) -> Happening {
        let wake_at = self.wake_at().into();
        tokio::select! {
            biased;
            Some(event) = self.sip_events.recv() => Happening::Sip(event),
            Some(event) = self.net_events.recv() => Happening::Net(event),
            Some(event) = self.group_events.recv() => Happening::Group(event),
            Some(event) = self.output_events.recv() => Happening::Output(event),
            Some(event) = self.recorded.recv() => Happening::Recorded(event),
            Some(news) = self.music_news.recv() => Happening::Music(news),
            Some(request) = self.requests.recv() => Happening::Asked(request),
            Some(loaded) = self.loaded.recv() => Happening::Loaded(loaded),
            Some(rehearsed) = self.rehearsed.recv() => Happening::Rehearsed(rehearsed),
            Some(prepared) = self.prepared.recv() => Happening::Prepared(prepared),
            Some(news) = self.desk_news.recv() => Happening::Desk(news),
            Some(tested) = self.tested.recv() => Happening::Tested(tested),
            Some(kept) = self.kept.recv() => Happening::Kept(kept),
            Some(shipment) = self.shipments.recv() => Happening::Shipped(shipment),
            Some(ask) = self.http.asks.recv() => Happening::Http(ask),
            Some(state) = self.http.mqtt.states.recv() => Happening::Broker(state),
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
        let fed = self.notify.poll_timeout().map(|(at, _)| at.max(now + LOOK));
        let due = self.core.poll_timeout().map(|(at, _)| at);
        let told = self.is_untold.then_some(self.look_after_at);
        let bell = Some(self.bell_at(now));
        [fed, due, told, bell]
            .into_iter()
            .flatten()
            .fold(now + look, Instant::min)
    }

    fn take_in(&mut self, happening: Happening, now: Instant) {
        match happening {
            Happening::Sip(event) => self.sip_event(event, now),
            Happening::Net(event) => self.net_event(event),
            Happening::Group(event) => self.group_event(event),
            Happening::Output(event) => self.output_event(event),
            Happening::Recorded(event) => self.recorder_event(event),
            Happening::Music((name, event)) => self.music_news(name, event),
            Happening::Loaded(loaded) => {
                let news = self.players.take(loaded);
                self.inputs.extend(news.map(News::input));
            }
            Happening::Asked(Request::Stop) => self.inputs.push_back(Input::Shutdown),
            Happening::Asked(Request::Reconfigure(config)) => self.rehearse(config),
            Happening::Rehearsed(rehearsed) => self.rehearsed(rehearsed),
            Happening::Prepared(prepared) => self.prepared(prepared),
            Happening::Asked(Request::TurnTrace) => self.turn_trace(),
            Happening::Kept(kept) => self.http.publish(api::News::History {
                entry: HistoryEntry::new(&kept),
            }),
            Happening::Shipped(shipment) => self.shipped(shipment),
            Happening::Http(ask) => self.asked(ask, now),
            Happening::Broker(state) => self.inputs.push_back(mqtt::input(state)),
            Happening::Desk(news) => self.desk_news(news),
            Happening::Tested(tested) => self.tested(tested),
            Happening::Time => self.inputs.push_back(Input::Tick),
        }
    }

    /// Tells the core everything that is waiting to be told, and carries out what it says.
    fn settle(&mut self, now: Instant) {
        self.measure();
        while let Some(event) = self.console.poll() {
            match event {
                mix::Event::Ended { play } => {
                    self.bell_ended(play);
                    self.inputs.push_back(Input::PlayEnded { play });
                }
                mix::Event::MusicGone { music } => self.music_gone(music),
                mix::Event::Howled { call, n, howl } => self.inputs.push_back(Input::Howled {
                    call,
                    n,
                    hz: howl.hz,
                    level: howl.level,
                }),
                mix::Event::RecordingBroken { recording } => self.recording_broken(recording),
                mix::Event::VoiceGone { .. } => {}
            }
        }
        self.look_at_the_clock();
        self.look_at_trace(now);
        while let Some(input) = self.inputs.pop_front() {
            self.http.tally.input(&input, now);
            self.http.is_stale |= !matches!(input, Input::Tick | Input::Measured { .. });
            self.core.handle(input, now);
            while let Some(effect) = self.core.poll() {
                self.carry_out(effect, now);
            }
        }
        self.listen_on();
        self.tell_http(now);
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
            self.is_untold = true;
            return;
        }
        self.is_untold = false;
        self.look_after_at = now + LOOK_AFTER;
        let snapshot = self.core.snapshot();
        let unheard = if self.is_unheard {
            "; nobody hears: no JACK, no sound card"
        } else {
            ""
        };
        self.notify.status(&format!(
            "{}{}{unheard}{}",
            snapshot.summary(now),
            self.door.summary(),
            words::unheard(&self.unheard)
        ));
        if let Some(report) = self.door.poll_report(&self.endpoint.counts(), now) {
            tracing::info!("sip: {report}");
        }
        self.rest.watch(now);
        self.chronicle.tend(now);
        let has_sound = matches!(snapshot.sound, SoundState::Up { .. });
        let beats = Beats {
            media: self.legs.beat(),
            hall: self.legs.hall_beat(),
            groups: self.groups.beat(),
            output: self.output.beat(),
            callbacks: has_sound.then_some(callbacks),
        };
        self.notify.beat(beats, now);
    }
}

/// The others are told, since only one can be the error.
fn first(mistakes: Vec<Mistake>) -> anyhow::Error {
    let mut mistakes = mistakes.into_iter();
    let first = mistakes.next();
    for other in mistakes {
        tracing::error!("{other}");
    }
    first.map_or_else(
        || anyhow::anyhow!("the configuration cannot be used"),
        Into::into,
    )
}

/// How often to look for word from the engine while there will be some; well below a packet.
const LOOK: Duration = Duration::from_millis(5);

/// How often to tell how things stand at most.
const LOOK_AFTER: Duration = Duration::from_millis(200);

/// How often to look after everything while nothing happens.
const REST: Duration = Duration::from_secs(1);
