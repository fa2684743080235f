//! What happens in the sound callback?
//!
//! ```text
//!  commands ══ring══► take ─► voices, plays, ramps, routes
//!
//!  FeedRx ─► Voice (resample, fade) ─┐
//!  sound ──► Play (cut, fade) ───────┴► Zone: Σ × speech volume ──────────┐
//!                                       Zone: music volume × duck ──┐     ▼
//!  Ports::read ─► clean ─► × route gain × lowest of the zones' ─────┴► Outlet: Σ ─► clean
//!                                                                         │
//!      counters ─► Vitals ◄─ peak, rms ◄───── Ports::write ◄── limiter ◄──┘
//!
//!  what has ended ══ring══► console, dropped there
//! ```
//!
//! All of it goes in blocks of up to `MAX_BLOCK` frames. The work of a block is bounded by the
//! capacities given at the start; it does not depend on what came before.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, Db, Offer, PlayId, SampleRate, Take, ZoneSet, ring};
use crate::dsp::{clean, peak};
use crate::mix::command::{Command, Spent};
use crate::mix::console::Console;
use crate::mix::outlet::{Outlet, Sources};
use crate::mix::play::Play;
use crate::mix::routing::Routing;
use crate::mix::vitals::Vitals;
use crate::mix::voice::Voice;
use crate::mix::zone::Zone;

/// Frames that are worked on at a time: long enough to vectorise, short enough that the zones of
/// a large site stay in the cache.
pub const MAX_BLOCK: usize = 256;

/// The frames of one signal in one block.
pub(super) type Block = [f32; MAX_BLOCK];

/// Commands obeyed in one callback; the rest waits for the next.
const COMMANDS_A_CALLBACK: usize = 64;
/// Room in the ring for a burst while the clock is busy.
const COMMAND_RING: usize = 256;
/// Returned tables beside all voices and plays.
const SPARE_RETURNS: usize = 16;
/// How long old and new routes overlap.
const ROUTE_FADE: Duration = Duration::from_millis(20);

const SILENCE: Block = [0.0; MAX_BLOCK];

/// What an engine is made for. Capacities cost memory, not time, until they are used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EngineSettings {
    /// Until a clock says otherwise.
    pub rate: SampleRate,
    /// Zones are numbered below this; at most `ZoneSet::CAPACITY`.
    pub n_zones: usize,
    /// Music inputs are numbered below this.
    pub n_inputs: usize,
    /// Outputs are numbered below this.
    pub n_outputs: usize,
    /// Voices heard at once.
    pub n_voices: usize,
    /// Sounds playing at once.
    pub n_plays: usize,
    /// What no output exceeds.
    pub ceiling: Db,
}

impl Default for EngineSettings {
    /// One zone on a small site: 48 kHz, 8 inputs and outputs, 100 voices, −1 dBFS.
    fn default() -> Self {
        Self {
            rate: SampleRate::HZ_48000,
            n_zones: 1,
            n_inputs: 8,
            n_outputs: 8,
            n_voices: 100,
            n_plays: 16,
            ceiling: Db(-1.0),
        }
    }
}

/// Makes an engine for the clock and the console that steers it.
pub fn engine(settings: EngineSettings) -> (Console, Box<Engine>) {
    let settings = EngineSettings {
        n_zones: settings.n_zones.min(ZoneSet::CAPACITY),
        ..settings
    };
    let (commands_tx, commands_rx) = ring(COMMAND_RING);
    let n_returns = settings.n_voices + settings.n_plays + SPARE_RETURNS;
    let (returns_tx, returns_rx) = ring(n_returns);
    let vitals = Arc::new(Vitals::new(settings.rate, settings.n_outputs));
    let engine = Engine::new(settings, commands_rx, returns_tx, vitals.clone());
    let console = Console::new(settings, commands_tx, returns_rx, vitals);
    (console, Box::new(engine))
}

/// What the clock lends to the engine for one callback. Frames are numbered from 0 in each
/// callback, and pieces are at most `MAX_BLOCK` long.
pub trait Ports {
    /// Fills `into` with the frames from `at` on of a music input; an input that is not there
    /// gives silence.
    fn read(&mut self, input: usize, at: usize, into: &mut [f32]);
    /// Takes the frames from `at` on of an output. Comes for every output that the engine was
    /// made for; those that are not there are to be ignored.
    fn write(&mut self, output: usize, at: usize, from: &[f32]);
}

/// The mixer itself, which the clock calls.
pub struct Engine {
    rate: SampleRate,
    ceiling: Db,
    commands: Take<Command>,
    returns: Offer<Spent>,
    /// What the ring of returns would not take. Until it goes, nothing else is given back.
    stuck: Option<Spent>,
    voices: Vec<Option<Box<Voice>>>,
    plays: Vec<Option<Box<Play>>>,
    zones: Vec<Zone>,
    inputs: Vec<Block>,
    /// Of each input that is wanted: whether this block of it is more than silence.
    heard: Vec<bool>,
    outlets: Vec<Outlet>,
    /// Of each output: nothing is left in its outlet, and its level is told to be zero. Kept here
    /// because most outputs rest, and their outlets had better stay out of the cache.
    resting: Vec<bool>,
    routing: Routing,
    vitals: Arc<Vitals>,
}

impl Engine {
    fn new(
        settings: EngineSettings,
        commands: Take<Command>,
        returns: Offer<Spent>,
        vitals: Arc<Vitals>,
    ) -> Self {
        let outlet = || Outlet::new(settings.ceiling, settings.rate);
        Self {
            rate: settings.rate,
            ceiling: settings.ceiling,
            commands,
            returns,
            stuck: None,
            voices: (0..settings.n_voices).map(|_| None).collect(),
            plays: (0..settings.n_plays).map(|_| None).collect(),
            zones: (0..settings.n_zones).map(|_| Zone::new()).collect(),
            inputs: vec![SILENCE; settings.n_inputs],
            heard: vec![false; settings.n_inputs],
            outlets: (0..settings.n_outputs).map(|_| outlet()).collect(),
            resting: vec![false; settings.n_outputs],
            routing: Routing::new(),
            vitals,
        }
    }

    /// A new clock will call, at `rate`. Plays in progress end, voices fade in anew, ramps are at
    /// their targets. Not for the sound callback, but for while none runs: allocates.
    pub fn set_rate(&mut self, rate: SampleRate) {
        self.rate = rate;
        self.vitals.set_rate(rate);
        self.voices
            .iter_mut()
            .flatten()
            .for_each(|voice| voice.set_rate(rate));
        self.plays.iter_mut().flatten().for_each(|play| play.end());
        self.zones.iter_mut().for_each(Zone::settle);
        self.routing.settle();
        for outlet in &mut self.outlets {
            *outlet = Outlet::new(self.ceiling, rate);
        }
        self.resting.fill(false);
        self.give_back_what_is_spent();
    }

    /// The engine's counters.
    pub fn vitals(&self) -> Arc<Vitals> {
        self.vitals.clone()
    }

    // == realtime below ==

    /// Makes the next `frames` of every output; any number, also none.
    pub fn process(&mut self, frames: usize, ports: &mut impl Ports) {
        self.take_commands();
        self.voices
            .iter_mut()
            .flatten()
            .for_each(|voice| voice.begin(frames));
        let mut at = 0;
        while at < frames {
            let n = MAX_BLOCK.min(frames - at);
            self.block(at, n, ports);
            at += n;
        }
        self.give_back_what_is_spent();
        self.vitals.count_callback(frames);
    }

    /// `n` frames from `at` on.
    fn block(&mut self, at: usize, n: usize, ports: &mut impl Ports) {
        self.routing.begin(n, self.rate.frames_in(ROUTE_FADE));
        self.zones.iter_mut().for_each(|zone| zone.begin(n));
        self.add_voices(n);
        self.add_plays(n);
        self.zones.iter_mut().for_each(|zone| zone.finish(n));
        self.read_music(at, n, ports);
        self.write_outputs(at, n, ports);
    }

    fn add_voices(&mut self, n: usize) {
        let mut frames = SILENCE;
        for voice in self.voices.iter_mut().flatten() {
            if voice.render(&mut frames[..n], &self.vitals) {
                add_to(&mut self.zones, voice.zones, &frames[..n]);
            }
        }
    }

    fn add_plays(&mut self, n: usize) {
        let mut frames = SILENCE;
        for play in self.plays.iter_mut().flatten() {
            if play.render(&mut frames[..n]) {
                add_to(&mut self.zones, play.zones, &frames[..n]);
            }
        }
    }

    fn read_music(&mut self, at: usize, n: usize, ports: &mut impl Ports) {
        for (number, input) in self.inputs.iter_mut().enumerate() {
            if self.routing.wants(number) {
                let frames = &mut input[..n];
                ports.read(number, at, frames);
                clean(frames);
                self.heard[number] = peak(frames) > 0.0;
            }
        }
    }

    fn write_outputs(&mut self, at: usize, n: usize, ports: &mut impl Ports) {
        let sources = Sources {
            zones: &self.zones,
            inputs: &self.inputs,
            heard: &self.heard,
        };
        let outlets = self.outlets.iter_mut().zip(&mut self.resting);
        for (output, (outlet, resting)) in outlets.enumerate() {
            let (row, before) = (self.routing.row(output), self.routing.before(output, n));
            let is_silent =
                sources.are_silent(row) && before.is_none_or(|(row, _)| sources.are_silent(row));
            if is_silent && *resting {
                ports.write(output, at, &SILENCE[..n]);
                continue;
            }
            let frames = outlet.render(n, row, before, sources);
            ports.write(output, at, frames);
            *resting = is_silent && outlet.is_at_rest();
            self.vitals.set_level(output, outlet.peak(), outlet.rms());
        }
    }

    fn take_commands(&mut self) {
        for _ in 0..COMMANDS_A_CALLBACK {
            // One command gives back one thing at most, so one place must be free.
            if self.stuck.is_some() {
                return;
            }
            let Some(command) = self.commands.take() else {
                return;
            };
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Routes(table) => {
                if let Some(unheard) = self.routing.set(table) {
                    self.give_back(Spent::Table(unheard));
                }
            }
            Command::Speak(voice) => self.let_speak(voice),
            Command::Leave(call) => self.voices_of(call).for_each(Voice::leave),
            Command::Play(play) => self.let_play(play),
            Command::Stop(id) => self.plays_with(id).for_each(Play::stop),
            Command::Duck { zones, gain, ramp } => {
                let frames = self.rate.frames_in(ramp);
                self.in_zones(zones)
                    .for_each(|zone| zone.duck(gain, frames));
            }
            Command::MusicVolume { zones, gain } => {
                let rate = self.rate;
                self.in_zones(zones)
                    .for_each(|zone| zone.set_music_volume(gain, rate));
            }
            Command::SpeechVolume { zones, gain } => {
                let rate = self.rate;
                self.in_zones(zones)
                    .for_each(|zone| zone.set_speech_volume(gain, rate));
            }
        }
    }

    /// The console counts, so there is a place; and it remakes what is for another rate.
    fn let_speak(&mut self, voice: Box<Voice>) {
        let place = self.voices.iter_mut().find(|place| place.is_none());
        match place {
            Some(place) if voice.rate == self.rate => *place = Some(voice),
            Some(_) | None => self.give_back(Spent::Voice(voice)),
        }
    }

    fn let_play(&mut self, play: Box<Play>) {
        let place = self.plays.iter_mut().find(|place| place.is_none());
        match place {
            Some(place) if play.rate == self.rate => *place = Some(play),
            Some(_) | None => self.give_back(Spent::Play(play)),
        }
    }

    fn give_back_what_is_spent(&mut self) {
        if let Some(stuck) = self.stuck.take() {
            self.give_back(stuck);
        }
        for i in 0..self.voices.len() {
            if self.stuck.is_none()
                && let Some(voice) = self.voices[i].take_if(|voice| voice.is_gone())
            {
                self.give_back(Spent::Voice(voice));
            }
        }
        for i in 0..self.plays.len() {
            if self.stuck.is_none()
                && let Some(play) = self.plays[i].take_if(|play| play.has_ended())
            {
                self.give_back(Spent::Play(play));
            }
        }
        if self.stuck.is_none()
            && let Some(table) = self.routing.take_spent()
        {
            self.give_back(Spent::Table(table));
        }
    }

    fn give_back(&mut self, spent: Spent) {
        self.stuck = self.returns.offer(spent).err();
    }

    fn voices_of(&mut self, call: CallId) -> impl Iterator<Item = &mut Voice> {
        let voices = self.voices.iter_mut().flatten().map(Box::as_mut);
        voices.filter(move |voice| voice.call == call)
    }

    fn plays_with(&mut self, id: PlayId) -> impl Iterator<Item = &mut Play> {
        let plays = self.plays.iter_mut().flatten().map(Box::as_mut);
        plays.filter(move |play| play.id == id)
    }

    fn in_zones(&mut self, zones: ZoneSet) -> impl Iterator<Item = &mut Zone> {
        let numbered = self.zones.iter_mut().enumerate();
        numbered.filter_map(move |(i, zone)| zones.contains(zone_id(i)).then_some(zone))
    }
}

fn add_to(zones: &mut [Zone], which: ZoneSet, frames: &[f32]) {
    for id in which.iter() {
        if let Some(zone) = zones.get_mut(usize::from(id.0)) {
            zone.add(frames);
        }
    }
}

fn zone_id(i: usize) -> crate::base::ZoneId {
    crate::base::ZoneId(i as u16)
}
