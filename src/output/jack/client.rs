//! How do we stay wired to a JACK graph that changes, and leave one that is dead?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ::jack::{AsyncClient, Client, ClientStatus, Control, Frames, NotificationHandler, PortId};

use crate::base::SampleRate;
use crate::output::clock::{Desk, N_INPUTS, Pulse};
use crate::output::error::Error;
use crate::output::jack::callback::{Back, Callback, Remote, rig};
use crate::output::jack::graph::{apply, connections, foreign_ports};
use crate::output::jack::open::{Autostart, activate, open};
use crate::output::links::{self, GraphPort, Plan, Speaker};
use crate::output::moves::{Connections, Wish, moves};
use crate::output::settings::{JackSettings, Settings};
use crate::output::slots::{Change, Slots};
use crate::output::wiring::{Output, Wiring};

/// How long the callback may take to give something back: a few cycles of the longest period in
/// use, 4096 frames at 8 kHz.
const GIVE_BACK_WITHIN: Duration = Duration::from_millis(1_600);

/// Our client while it runs.
pub(crate) struct Jack {
    active: AsyncClient<Watcher, Callback>,
    remote: Remote,
    pulse: Arc<Pulse>,
    name: String,
    outs: Slots,
    /// What our out ports are called, by place.
    out_names: BTreeMap<usize, String>,
    ins: Slots,
    /// The last plan, and the ports that it was made for.
    planned: Option<(Vec<GraphPort>, Plan)>,
    /// Ports that were complained about, each once.
    warned: BTreeSet<String>,
}

impl Jack {
    /// Joins the server and starts its callback, which has no engine yet but room for so many
    /// outputs. `wake` is called from
    /// libjack's own thread when the graph has changed.
    pub(crate) fn start(
        settings: &JackSettings,
        n_outputs: usize,
        autostart: Autostart,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let server = settings.server_name.as_deref();
        let client = open(&settings.client_name, server, autostart)?;
        let pulse = Arc::new(Pulse::default());
        if let Some(rate) = SampleRate::new(client.sample_rate()) {
            pulse.set_rate(rate);
        }
        let name = client.name().to_owned();
        let (remote, callback) = rig(pulse.clone(), n_outputs);
        let watcher = Watcher {
            pulse: pulse.clone(),
            wake: Box::new(wake),
        };
        Ok(Self {
            active: activate(client, watcher, callback)?,
            remote,
            pulse,
            name,
            outs: Slots::new(n_outputs),
            out_names: BTreeMap::new(),
            ins: Slots::new(N_INPUTS),
            planned: None,
            warned: BTreeSet::new(),
        })
    }

    /// What the client tells about itself.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Frames a second; the server's.
    pub(crate) fn rate(&self) -> SampleRate {
        self.pulse.rate().unwrap_or(SampleRate::HZ_48000)
    }

    /// Frames a cycle; the server's.
    pub(crate) fn period(&self) -> usize {
        self.client().buffer_size() as usize
    }

    /// The name that the server gave us.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Lends the engine to the callback.
    pub(crate) fn lend(&mut self, desk: Desk, home: mpsc::Sender<Desk>) -> bool {
        self.remote.lend(desk, home)
    }

    /// Asks the callback for the engine, waits for it a little and sends it home.
    pub(crate) fn recall(&mut self) {
        self.remote.recall();
        let until = Instant::now() + GIVE_BACK_WITHIN;
        while !self.collect().contains(&Returned::Engine) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Makes the graph what the settings say, as far as it lets us. Looks first and moves then:
    /// after each move the server makes a question wait for a period.
    pub(crate) fn relink(&mut self, settings: &Settings) -> Wiring {
        self.collect();
        let plan = self.plan(settings);
        let present = self.connections(&plan);
        self.place_outputs(&plan);
        self.place_music(&plan);
        for change in moves(&self.wish(&plan), &present) {
            apply(self.client(), &change);
        }
        self.wiring(&plan)
    }

    /// Other settings hold from the next look on.
    pub(crate) fn forget_plan(&mut self) {
        self.planned = None;
    }

    /// A look is taken every other second, and hundreds of ports by hundreds of zones take a
    /// while to compare: so that is done when ports have come or gone.
    fn plan(&mut self, settings: &Settings) -> Plan {
        let ports = foreign_ports(self.client());
        if let Some((_, plan)) = self.planned.as_ref().filter(|(known, _)| *known == ports) {
            return plan.clone();
        }
        let plan = links::plan(&ports, &settings.jack, &settings.zones);
        self.planned = Some((ports, plan.clone()));
        plan
    }

    /// Leaves the server on a thread of its own, since a dead server can block.
    pub(crate) fn close(self) -> Result<Closing, Error> {
        let (done_tx, done) = mpsc::channel();
        std::thread::Builder::new()
            .name("jack-close".to_owned())
            .spawn(move || {
                // An error means that the server is gone; the client is closed either way.
                self.active.deactivate().map(drop).ok();
                done_tx.send(()).ok();
            })
            .map(|_| Closing { done })
            .map_err(|why| Error::Thread(why.to_string()))
    }

    fn client(&self) -> &Client {
        self.active.as_client()
    }

    fn place_outputs(&mut self, plan: &Plan) {
        let keys: Vec<String> = plan.outputs.iter().map(key).collect();
        let change = self.outs.assign(&keys);
        for place in &change.removed {
            self.remote.take_out(*place);
            self.out_names.remove(place);
        }
        self.settle(&change);
        for speaker in &plan.outputs {
            let place = self.outs.place(&key(speaker));
            let Some(place) = place.filter(|place| change.added.contains(place)) else {
                continue;
            };
            let name = self.out_name(place, speaker.zone.as_deref());
            let port = self
                .client()
                .register_port(&name, ::jack::AudioOut::default());
            let given = match port {
                Ok(port) => self.remote.give_out(place, port),
                Err(why) => self.complain(&name, &why.to_string()),
            };
            if given {
                self.out_names.insert(place, name);
            } else {
                self.outs.free(place);
            }
        }
    }

    fn place_music(&mut self, plan: &Plan) {
        let sources = plan.music.iter().map(|it| it.port.clone());
        let players = plan.players.iter().map(|it| it.port.clone());
        let sources: Vec<String> = sources.chain(players).collect();
        let change = self.ins.assign(&sources);
        for &place in &change.removed {
            self.remote.take_in(place);
        }
        self.settle(&change);
        for place in change.added {
            let port = self
                .client()
                .register_port(&in_name(place), ::jack::AudioIn::default());
            let given = match port {
                Ok(port) => self.remote.give_in(place, port),
                Err(why) => self.complain(&in_name(place), &why.to_string()),
            };
            if !given {
                self.ins.free(place);
            }
        }
        for port in &plan.unlinked {
            self.complain(port, "it is music, but no link takes it to an output");
        }
    }

    /// Waits for the ports that were taken from the callback, so that their names are free.
    fn settle(&mut self, change: &Change) {
        for port in &change.refused {
            self.complain(port, "there are too many ports");
        }
        let mut missing = change.removed.len();
        let until = Instant::now() + GIVE_BACK_WITHIN;
        loop {
            missing = missing.saturating_sub(self.collect().len());
            if missing == 0 || self.pulse.is_dead() || Instant::now() > until {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Unregisters the ports that the callback gave back.
    fn collect(&mut self) -> Vec<Returned> {
        let mut returned = Vec::new();
        while let Some(back) = self.remote.poll() {
            let unregistered = match back {
                Back::Engine(lent) => {
                    drop(lent);
                    returned.push(Returned::Engine);
                    continue;
                }
                Back::Out(_, port) => self.client().unregister_port(port),
                Back::In(_, port) => self.client().unregister_port(port),
            };
            if let Err(why) = unregistered {
                tracing::debug!("a port of ours stays registered: {why}");
            }
            returned.push(Returned::Port);
        }
        returned
    }

    /// Says once what is wrong with a port, and that it is not handed over.
    fn complain(&mut self, port: &str, why: &str) -> bool {
        if self.warned.insert(port.to_owned()) {
            tracing::warn!("jack port {port} is not connected: {why}");
        }
        false
    }

    /// A name for a new out port: of the place, or of the zone with the lowest number that is free.
    fn out_name(&self, place: usize, zone: Option<&str>) -> String {
        let Some(zone) = zone else {
            return format!("out_{}", place + 1);
        };
        let is_taken = |name: &String| self.out_names.values().any(|taken| taken == name);
        let mut names = (1..).map(|n| format!("{}_{n}", port_text(zone)));
        let free = names.find(|name| !is_taken(name));
        free.expect("the numbers do not end")
    }

    fn connections(&self, plan: &Plan) -> Connections {
        let music = plan.music.iter().map(|music| &music.port);
        let players = plan.players.iter().map(|player| &player.port);
        let speakers = plan.outputs.iter().map(|speaker| &speaker.port);
        speakers
            .chain(music)
            .chain(players)
            .chain(&plan.unlinked)
            .map(|port| (port.clone(), connections(self.client(), port)))
            .collect()
    }

    fn wish(&self, plan: &Plan) -> Wish {
        let outputs = plan.outputs.iter().filter_map(|speaker| {
            let name = self.out_names.get(&self.outs.place(&key(speaker))?)?;
            Some((self.full(name), speaker.port.clone()))
        });
        let music = self
            .ins
            .iter()
            .map(|(place, source)| (source.to_owned(), Some(self.full(&in_name(place)))));
        let cut_off = plan.unlinked.iter().map(|source| (source.clone(), None));
        Wish {
            own: self.full(""),
            outputs: outputs.collect(),
            music: music.chain(cut_off).collect(),
        }
    }

    fn wiring(&self, plan: &Plan) -> Wiring {
        let output = |speaker: &Speaker| {
            Some(Output {
                place: self.outs.place(&key(speaker))?,
                name: speaker.port.clone(),
                zones: speaker.zones,
            })
        };
        let mut outputs: Vec<Output> = plan.outputs.iter().filter_map(output).collect();
        outputs.sort_by_key(|output| output.place);
        let places = |names: &[String]| {
            let fed = outputs.iter().filter(|output| names.contains(&output.name));
            fed.map(|output| output.place).collect()
        };
        let music = plan.music.iter().filter_map(|music| {
            let place = self.ins.place(&music.port)?;
            Some((place, music.port.clone(), places(&music.to)))
        });
        let players = plan.players.iter().filter_map(|player| {
            let place = self.ins.place(&player.port)?;
            Some((place, player.port.clone(), player.music.clone()))
        });
        Wiring {
            music: music.collect(),
            players: players.collect(),
            outputs,
        }
    }

    fn full(&self, short: &str) -> String {
        format!("{}:{short}", self.name)
    }
}

/// A port of another zone is another port, since it has another name.
fn key(speaker: &Speaker) -> String {
    match &speaker.zone {
        Some(zone) => format!("{zone} {}", speaker.port),
        None => speaker.port.clone(),
    }
}

/// A zone's name as part of a port's: a colon parts clients from ports, and there is an end to
/// the length of a name.
fn port_text(zone: &str) -> String {
    let text = zone.chars().take(LONGEST_ZONE);
    text.map(|c| if c == ':' { '-' } else { c }).collect()
}

/// With the client's name it stays far below the 255 bytes that JACK has for both.
const LONGEST_ZONE: usize = 40;

fn in_name(place: usize) -> String {
    format!("music_{}", place + 1)
}

/// What came back from the callback.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Returned {
    Engine,
    Port,
}

/// A client on its way out.
pub(crate) struct Closing {
    done: mpsc::Receiver<()>,
}

impl Closing {
    /// Whether the client is closed, waiting for it at most so long. Before that no other client
    /// may be opened: libjack would take it for one of the old server's.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        match self.done.recv_timeout(at_most) {
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => true,
            Err(mpsc::RecvTimeoutError::Timeout) => false,
        }
    }
}

/// Turns the server's notifications into flags.
struct Watcher {
    pulse: Arc<Pulse>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Watcher {
    fn graph_changed(&self) {
        if self.pulse.graph_changed() {
            (self.wake)();
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the trait declares the shutdown notification unsafe"
)]
impl NotificationHandler for Watcher {
    unsafe fn shutdown(&mut self, _: ClientStatus, _: &str) {
        // To be written like a signal handler: the supervisor looks at this flag on its own.
        self.pulse.die();
    }

    fn sample_rate(&mut self, _: &Client, hz: Frames) -> Control {
        if let Some(rate) = SampleRate::new(hz) {
            self.pulse.set_rate(rate);
        }
        Control::Continue
    }

    /// A client that leaves tells of its ports while they are still there, and then only of itself.
    fn client_registration(&mut self, _: &Client, _: &str, _: bool) {
        self.graph_changed();
    }

    fn port_registration(&mut self, _: &Client, _: PortId, _: bool) {
        self.graph_changed();
    }

    fn ports_connected(&mut self, _: &Client, _: PortId, _: PortId, _: bool) {
        self.graph_changed();
    }

    fn xrun(&mut self, _: &Client) -> Control {
        self.pulse.late();
        Control::Continue
    }
}
