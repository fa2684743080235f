//! What happens in the sound callback?
//!
//! ```text
//!  commands ══ring══► take ─► voices, plays, ramps, routes
//!
//!  FeedRx ─► Voice (treat, resample, fade) ─┐
//!  sound ──► Play (cut, fade) ──────────────┴► Buses: Σ for each set of zones ─┐
//!                                    × highest of the zones' gains of its kind ─┤
//!  StereoRx ► Tune ┐ (three inputs)                                              │
//!  Ports::read ─► clean ─► × route gain × lowest of the zones' music gains ────┴► Outlet: Σ
//!                                                                                  │
//!      counters ─► Vitals ◄─ levels ◄─ Ports::write ◄── limiter ◄── eq, delay ◄────┘
//!
//!  what has ended ══ring══► console, dropped there
//! ```
//!
//! All of it goes in blocks of up to `MAX_BLOCK` frames; a block also ends where a command is to
//! take effect. The work of a block is bounded by the
//! capacities given at the start; it does not depend on what came before.

mod obey;

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Db, Offer, SampleRate, Take, ZoneSet, ring};
use crate::dsp::{clean, peak};
use crate::mix::buses::Buses;
use crate::mix::command::Spent;
use crate::mix::console::Console;
use crate::mix::outlet::{Loud, Outlet, Sources};
use crate::mix::picture::Picture;
use crate::mix::play::Play;
use crate::mix::routing::Routing;
use crate::mix::schedule::{Order, Schedule};
use crate::mix::tap::Taps;
use crate::mix::tune::{Deck, N_SIDES, rest};
use crate::mix::vitals::Vitals;
use crate::mix::voice::Voice;
use crate::mix::zone::{Kind, Zone};

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
    /// Taps are numbered below this; each is an output more, but of no clock.
    pub n_taps: usize,
    /// Voices heard at once.
    pub n_voices: usize,
    /// Sounds playing at once.
    pub n_plays: usize,
    /// Music sources are numbered below this.
    pub n_music: usize,
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
            n_taps: 0,
            n_voices: 100,
            n_plays: 16,
            n_music: 8,
            ceiling: Db(-1.0),
        }
    }
}

impl EngineSettings {
    /// As many recordings at once: one of each page, and one of each zone.
    pub(super) fn n_recordings(&self) -> usize {
        self.n_voices + self.n_zones
    }
}

/// Makes an engine for the clock and the console that steers it.
pub fn engine(settings: EngineSettings) -> (Console, Box<Engine>) {
    let settings = EngineSettings {
        n_zones: settings.n_zones.min(ZoneSet::CAPACITY),
        ..settings
    };
    let (commands_tx, commands_rx) = ring(COMMAND_RING);
    let n_lent = settings.n_voices + settings.n_plays + 2 * settings.n_music;
    let n_returns = n_lent + settings.n_recordings() + SPARE_RETURNS;
    let (returns_tx, returns_rx) = ring(n_returns);
    let vitals = Arc::new(Vitals::new(
        settings.rate,
        settings.n_outputs + settings.n_taps,
        settings.n_zones,
    ));
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
    commands: Take<Order>,
    schedule: Schedule,
    /// Frames made so far.
    now: u64,
    returns: Offer<Spent>,
    /// What the ring of returns would not take. Until it goes, nothing else is given back.
    stuck: Option<Spent>,
    voices: Vec<Option<Box<Voice>>>,
    plays: Vec<Option<Box<Play>>>,
    decks: Vec<Deck>,
    zones: Vec<Zone>,
    speech: Buses,
    /// Those of the clock's ports, then the sides of each music source.
    inputs: Vec<Block>,
    /// Of each input that is wanted: whether this block of it is more than silence.
    heard: Vec<bool>,
    outlets: Vec<Outlet>,
    /// Of each output. Kept here because most outputs rest, and their outlets had better stay out
    /// of the cache.
    rests: Vec<Rest>,
    /// Of each picture, by its leader: whether anything in it is too loud, and how high it goes.
    pictures: Vec<Picture>,
    /// Of each zone: the highest sample and the loudness of this block.
    levels: Vec<Loud>,
    routing: Routing,
    taps: Taps,
    vitals: Arc<Vitals>,
}

/// Whether an output has anything to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    No,
    /// Nothing comes in, but something may be left in its outlet.
    Soon,
    /// Nothing is left in its outlet, and its level is told to be zero.
    Yes,
}

impl Engine {
    fn new(
        settings: EngineSettings,
        commands: Take<Order>,
        returns: Offer<Spent>,
        vitals: Arc<Vitals>,
    ) -> Self {
        let n_inputs = settings.n_inputs + N_SIDES * settings.n_music;
        let n_outputs = settings.n_outputs + settings.n_taps;
        let outlet = || Outlet::new(settings.ceiling, Duration::ZERO, settings.rate);
        Self {
            rate: settings.rate,
            commands,
            schedule: Schedule::new(),
            now: 0,
            returns,
            stuck: None,
            voices: (0..settings.n_voices).map(|_| None).collect(),
            plays: (0..settings.n_plays).map(|_| None).collect(),
            decks: (0..settings.n_music).map(|_| Deck::default()).collect(),
            zones: (0..settings.n_zones).map(|_| Zone::new()).collect(),
            speech: Buses::new(
                2 * (settings.n_voices + settings.n_plays),
                settings.n_recordings(),
            ),
            inputs: vec![SILENCE; n_inputs],
            heard: vec![false; n_inputs],
            outlets: (0..n_outputs).map(|_| outlet()).collect(),
            rests: vec![Rest::No; n_outputs],
            pictures: vec![Picture::EMPTY; n_outputs],
            levels: vec![Loud::default(); settings.n_zones],
            routing: Routing::new(),
            taps: Taps::new(settings.n_outputs, settings.n_taps),
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
        self.speech.pickups.set_rate(rate);
        self.decks.iter_mut().for_each(Deck::end);
        self.zones.iter_mut().for_each(Zone::settle);
        self.routing.settle();
        self.taps.set_rate(rate);
        for outlet in &mut self.outlets {
            *outlet = outlet.at_rate(rate);
        }
        self.rests.fill(Rest::No);
        self.give_back_what_is_spent();
    }

    /// The engine's counters.
    pub fn vitals(&self) -> Arc<Vitals> {
        self.vitals.clone()
    }

    /// How many outputs of a clock it was made for.
    pub fn n_outputs(&self) -> usize {
        self.taps.n_outputs()
    }

    // == realtime below ==

    /// Makes the next `frames` of every output; any number, also none.
    pub fn process(&mut self, frames: usize, ports: &mut impl Ports) {
        self.take_commands(frames);
        self.voices
            .iter_mut()
            .flatten()
            .for_each(|voice| voice.begin(frames));
        let mut at = 0;
        while at < frames {
            self.obey_what_is_due(frames - at);
            let n = MAX_BLOCK.min(frames - at).min(self.frames_to_next());
            self.block(at, n, ports);
            self.now += n as u64;
            at += n;
        }
        self.give_back_what_is_spent();
        self.vitals.count_callback(frames);
    }

    /// `n` frames from `at` on.
    fn block(&mut self, at: usize, n: usize, ports: &mut impl Ports) {
        self.routing.begin(n, self.rate.frames_in(ROUTE_FADE));
        self.zones.iter_mut().for_each(|zone| zone.begin(n));
        self.speech.begin(n);
        self.add_voices(n);
        self.add_plays(n);
        self.read_music(at, n, ports);
        self.play_music(n);
        self.mix_outputs(n);
        self.write_outputs(at, n, ports);
        self.speech.pickups.end(n);
        self.tell_levels();
    }

    fn add_voices(&mut self, n: usize) {
        let mut frames = SILENCE;
        for voice in self.voices.iter_mut().flatten() {
            if voice.render(&mut frames[..n], &self.vitals) {
                let recording = voice.place.recording;
                self.speech.pickups.hear_caller(recording, &frames[..n]);
                voice.level(&mut frames[..n]);
                let (kind, place) = (Kind::Speech, &mut voice.place);
                place.add(&mut frames[..n], kind, &mut self.speech, self.rate);
            }
        }
    }

    fn add_plays(&mut self, n: usize) {
        let mut frames = SILENCE;
        for play in self.plays.iter_mut().flatten() {
            if play.render(&mut frames[..n]) {
                let (kind, place) = (play.kind, &mut play.place);
                place.add(&mut frames[..n], kind, &mut self.speech, self.rate);
            }
        }
    }

    fn read_music(&mut self, at: usize, n: usize, ports: &mut impl Ports) {
        let n_read = self.inputs.len() - N_SIDES * self.decks.len();
        for (number, input) in self.inputs[..n_read].iter_mut().enumerate() {
            if self.routing.wants(number) {
                let frames = &mut input[..n];
                ports.read(number, at, frames);
                clean(frames);
                self.heard[number] = peak(frames) > 0.0;
            }
        }
    }

    fn play_music(&mut self, n: usize) {
        let first = self.inputs.len() - N_SIDES * self.decks.len();
        let sides = self.inputs[first..].chunks_exact_mut(N_SIDES);
        for (music, (deck, sides)) in self.decks.iter_mut().zip(sides).enumerate() {
            let inputs = first + N_SIDES * music..first + N_SIDES * (music + 1);
            if !inputs.clone().any(|input| self.routing.wants(input)) {
                deck.idle();
                continue;
            }
            let audience = self.routing.audience(music);
            let is_heard = deck.render(rest(audience, &self.zones), sides, n);
            self.heard[inputs].fill(is_heard);
        }
    }

    /// Mixes what is more than silence, and learns how much each picture is too loud.
    fn mix_outputs(&mut self, n: usize) {
        let sources = Sources {
            zones: &self.zones,
            speech: &self.speech,
            inputs: &self.inputs,
            heard: &self.heard,
        };
        self.pictures.iter_mut().for_each(Picture::clear);
        let outlets = self.outlets.iter_mut().zip(&mut self.rests);
        for (output, (outlet, rest)) in outlets.enumerate() {
            let (row, before) = (self.routing.row(output), self.routing.before(output, n));
            let is_silent =
                sources.are_silent(row) && before.is_none_or(|(row, _)| sources.are_silent(row));
            if is_silent && *rest == Rest::Yes {
                continue;
            }
            *rest = if is_silent { Rest::Soon } else { Rest::No };
            if let Some(heights) = outlet.mix(n, row, before, sources) {
                let leader = row.map_or(output, |row| row.leader);
                self.pictures[leader].raise(heights);
            }
        }
    }

    fn write_outputs(&mut self, at: usize, n: usize, ports: &mut impl Ports) {
        let outlets = self.outlets.iter_mut().zip(&mut self.rests);
        for (output, (outlet, rest)) in outlets.enumerate() {
            if *rest == Rest::Yes {
                self.taps.write(ports, output, at, &SILENCE[..n]);
                continue;
            }
            let row = self.routing.row(output);
            let picture = &self.pictures[row.map_or(output, |row| row.leader)];
            let out = outlet.finish(n, picture.heights(n));
            self.taps.write(ports, output, at, out);
            self.speech.pickups.hear_output(output, out);
            if *rest == Rest::Soon && outlet.is_at_rest() {
                *rest = Rest::Yes;
            }
            self.vitals.set_level(output, outlet.peak(), outlet.rms());
            for &zone in row.iter().flat_map(|row| &row.zones) {
                if let Some(level) = self.levels.get_mut(zone) {
                    level.raise(outlet);
                }
            }
        }
    }

    fn tell_levels(&mut self) {
        for (zone, level) in self.levels.iter_mut().enumerate() {
            self.vitals.set_zone_level(zone, std::mem::take(level));
        }
    }

    /// Obeys what is for now; what is for later waits.
    fn take_commands(&mut self, frames: usize) {
        for _ in 0..COMMANDS_A_CALLBACK {
            // One command gives back one thing at most, so one place must be free; and whatever
            // comes next may have to wait.
            if self.stuck.is_some() || !self.schedule.has_room() {
                return;
            }
            let Some(Order { at, command }) = self.commands.take() else {
                return;
            };
            match at {
                Some(at) if at > self.now => self.schedule.wait(at, command),
                Some(_) | None => self.obey(command, frames),
            }
        }
    }

    /// `left` frames of the callback are still to be made.
    fn obey_what_is_due(&mut self, left: usize) {
        while self.stuck.is_none()
            && let Some(command) = self.schedule.due(self.now)
        {
            self.obey(command, left);
        }
    }

    /// How far it is to the next command; what is overdue waits for the next block.
    fn frames_to_next(&self) -> usize {
        let next = self.schedule.next().filter(|at| *at > self.now);
        next.map_or(MAX_BLOCK, |at| {
            (at - self.now).min(MAX_BLOCK as u64) as usize
        })
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
        for i in 0..self.decks.len() {
            if self.stuck.is_none()
                && let Some(tune) = self.decks[i].take_spent()
            {
                self.give_back(Spent::Music(tune));
            }
        }
        while self.stuck.is_none()
            && let Some(pickup) = self.speech.pickups.take_spent()
        {
            self.give_back(Spent::Pickup(pickup));
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
}
