//! How does the control side tell the engine what to do, without ever waiting for it?
//!
//! Commands go through a ring. While no clock runs nobody empties it; what does not fit then
//! stays in a backlog here and follows by itself, with later settings in place of earlier ones.

mod music;
mod recording;
mod taps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{
    CallId, Db, FeedRx, MusicId, Offer, Pcm, PlayId, SampleRate, Take, ZoneId, ZoneSet,
};
use crate::mix::command::{Command, Event, Spent};
use crate::mix::engine::EngineSettings;
use crate::mix::howls::HowlsHeard;
use crate::mix::outlet::Lines;
use crate::mix::play::Play;
use crate::mix::routes::{Routes, Table};
use crate::mix::schedule::Order;
use crate::mix::sounds::Sounds;
use crate::mix::tap::Tapped;
use crate::mix::treatment::Treatment;
use crate::mix::tuning::Tunings;
use crate::mix::vitals::Vitals;
use crate::mix::voice::{Manner, Used, Voice};
use crate::mix::zone::{Fitting, Kind};
use recording::Recorded;

/// The control side's handle on the engine. Nothing here blocks.
pub struct Console {
    limits: EngineSettings,
    commands: Offer<Order>,
    backlog: VecDeque<Order>,
    /// When what is given now takes effect; `None` is at once.
    at: Option<u64>,
    returns: Take<Spent>,
    vitals: Arc<Vitals>,
    sounds: Sounds,
    treatment: Treatment,
    /// The zones that have a delay, or will have.
    delayed: ZoneSet,
    /// Of each output: the zones that it carries, or will carry, and whether it has a line for
    /// delays, or will have.
    outputs: Vec<(ZoneSet, bool)>,
    /// The latest voice of each call that is in the engine or on its way.
    voices: BTreeMap<CallId, Latest>,
    /// Of the latest voices.
    howls: BTreeMap<CallId, HowlsHeard>,
    /// Voices that have not come back, those of replaced calls included.
    n_voices: usize,
    used: Used,
    next_serial: u64,
    plays: BTreeSet<PlayId>,
    /// As they were given last, for when the music in zones changes.
    routes: Routes,
    tapped: Tapped,
    tunings: Tunings,
    /// The latest tune of each source that is in the engine or on its way.
    tunes: BTreeMap<MusicId, Latest>,
    recorded: Recorded,
}

struct Latest {
    serial: u64,
    /// It was told to leave.
    leaving: bool,
}

/// What the engine was not made for; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many voices as there is room for are heard already.
    Voices(usize),
    /// As many sounds as there is room for are playing already.
    Plays(usize),
    /// Routes name an output beyond so many.
    Outputs(usize),
    /// Routes name a music input beyond so many.
    Inputs(usize),
    /// A zone beyond so many was named.
    Zones(usize),
    /// A music source beyond so many was named.
    Music(usize),
    /// As many recordings as there is room for are under way already.
    Recordings(usize),
    /// A tap beyond so many was named.
    Taps(usize),
}

impl Console {
    pub(super) fn new(
        limits: EngineSettings,
        commands: Offer<Order>,
        returns: Take<Spent>,
        vitals: Arc<Vitals>,
    ) -> Self {
        Self {
            limits,
            commands,
            backlog: VecDeque::new(),
            at: None,
            returns,
            vitals,
            sounds: Sounds::default(),
            treatment: Treatment::default(),
            delayed: ZoneSet::EMPTY,
            outputs: vec![(ZoneSet::EMPTY, false); limits.n_outputs + limits.n_taps],
            voices: BTreeMap::new(),
            howls: BTreeMap::new(),
            n_voices: 0,
            used: Used::default(),
            next_serial: 0,
            plays: BTreeSet::new(),
            routes: Routes::default(),
            tapped: Tapped::new(),
            tunings: Tunings::default(),
            tunes: BTreeMap::new(),
            recorded: Recorded::default(),
        }
    }

    /// What is told to the engine in `tell` takes effect at `frame` of its count
    /// (`Vitals::frames`), to the sample; at once if that is past. Any number of frames may lie
    /// ahead, but of no more than 64 commands at a time.
    pub fn at<T>(&mut self, frame: u64, tell: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.at.replace(frame);
        let told = tell(self);
        self.at = before;
        told
    }

    /// Puts new routes in the place of the old ones, by a crossfade of 20 ms.
    pub fn route(&mut self, routes: Routes) -> Result<(), Refusal> {
        let table = Table::new(&routes, &self.tapped, &self.tunings, &self.limits);
        let table = table.map_err(|refusal| self.refuse(refusal))?;
        let carried = routes.outputs.iter().map(|route| route.zones);
        let carried = carried.chain(std::iter::repeat(ZoneSet::EMPTY));
        let of_clock = &mut self.outputs[..self.limits.n_outputs];
        for ((zones, _), carried) in of_clock.iter_mut().zip(carried) {
            *zones = carried;
        }
        self.make_lines();
        self.routes = routes;
        self.send(Command::Routes(Box::new(table)));
        Ok(())
    }

    fn route_again(&mut self) {
        // The routes were accepted before, and sources beyond the limit never get this far.
        if let Ok(table) = Table::new(&self.routes, &self.tapped, &self.tunings, &self.limits) {
            self.send(Command::Routes(Box::new(table)));
        }
    }

    /// Lets a caller be heard as soon as its feed has frames. A voice that the call already had
    /// is removed, and only the new one will be reported as gone.
    pub fn add_voice(
        &mut self,
        call: CallId,
        feed: FeedRx,
        zones: ZoneSet,
        gain: Db,
    ) -> Result<(), Refusal> {
        self.add_voice_within(call, feed, zones, gain, Duration::ZERO)
    }

    /// As `add_voice`; it fades in within that time, and takes as long when it moves to other zones.
    pub fn add_voice_within(
        &mut self,
        call: CallId,
        feed: FeedRx,
        zones: ZoneSet,
        gain: Db,
        fade: Duration,
    ) -> Result<(), Refusal> {
        self.check(zones)?;
        if self.n_voices >= self.limits.n_voices {
            return Err(self.refuse(Refusal::Voices(self.limits.n_voices)));
        }
        self.remove_voice(call);
        let (serial, rate) = (self.next_serial, self.vitals.rate());
        let manner = Manner {
            gain: gain.gain(),
            treatment: self.treatment,
        };
        let mut voice = Voice::new(call, serial, feed, zones, manner, rate, &mut self.used);
        voice.place.recording = self.recorded.of_call(call);
        if !fade.is_zero() {
            voice.place.come_within(fade, rate);
        }
        self.howls.insert(call, HowlsHeard::new(voice.howls()));
        self.voices.insert(
            call,
            Latest {
                serial,
                leaving: false,
            },
        );
        self.next_serial += 1;
        self.n_voices += 1;
        self.send(Command::Speak(Box::new(voice)));
        Ok(())
    }

    /// Fades the call's voice out; `VoiceGone` follows. Nothing happens if it has none.
    pub fn remove_voice(&mut self, call: CallId) {
        if let Some(latest) = self.voices.get_mut(&call) {
            latest.leaving = true;
            let serial = latest.serial;
            self.send(Command::Leave(call, serial));
        }
    }

    /// Lets the call's voice be heard in these zones instead, by a crossfade of 20 ms; none silences
    /// it. Nothing happens if it has none.
    pub fn move_voice(&mut self, call: CallId, zones: ZoneSet) -> Result<(), Refusal> {
        self.check(zones)?;
        if self.voices.get(&call).is_some_and(|latest| !latest.leaving) {
            self.send(Command::MoveVoice(call, zones));
        }
        Ok(())
    }

    /// Treats all voices so from now on, those that are heard without a step.
    pub fn set_treatment(&mut self, treatment: Treatment) {
        if treatment != self.treatment {
            self.treatment = treatment;
            self.send(Command::Treat(Box::new(treatment)));
        }
    }

    /// Plays a sound into zones by their volume of speech, cut after `longest`; exactly one
    /// `Ended` follows. The first time that a sound is played at a rate it is converted, which
    /// takes some ms for each of its seconds: see `prepare`.
    pub fn play(
        &mut self,
        play: PlayId,
        pcm: &Arc<Pcm>,
        zones: ZoneSet,
        gain: Db,
        longest: Option<Duration>,
    ) -> Result<(), Refusal> {
        self.let_sound(play, pcm, (zones, Kind::Speech), gain, longest)
    }

    /// As `play`, by the zones' volume of klaxons.
    pub fn play_klaxon(
        &mut self,
        play: PlayId,
        pcm: &Arc<Pcm>,
        zones: ZoneSet,
        gain: Db,
        longest: Option<Duration>,
    ) -> Result<(), Refusal> {
        self.let_sound(play, pcm, (zones, Kind::Klaxon), gain, longest)
    }

    fn let_sound(
        &mut self,
        play: PlayId,
        pcm: &Arc<Pcm>,
        (zones, kind): (ZoneSet, Kind),
        gain: Db,
        longest: Option<Duration>,
    ) -> Result<(), Refusal> {
        self.check(zones)?;
        if self.plays.len() >= self.limits.n_plays {
            return Err(self.refuse(Refusal::Plays(self.limits.n_plays)));
        }
        let rate = self.vitals.rate();
        let sound = self.sounds.at_rate(pcm, rate);
        self.plays.insert(play);
        let recording = self.recorded.take_play(play);
        let mut play = Play::new(play, sound, rate, (zones, kind), gain.gain(), longest);
        play.place.recording = recording;
        self.send(Command::Play(Box::new(play)));
        Ok(())
    }

    /// As `move_voice`, for a sound that plays.
    pub fn move_play(&mut self, play: PlayId, zones: ZoneSet) -> Result<(), Refusal> {
        self.check(zones)?;
        if self.plays.contains(&play) {
            self.send(Command::MovePlay(play, zones));
        }
        Ok(())
    }

    /// Fades a sound out; `Ended` follows as at its end.
    pub fn stop(&mut self, play: PlayId) {
        if self.plays.contains(&play) {
            self.send(Command::Stop(play));
        }
    }

    /// Moves the music of the zones to `to` within `ramp`; `Db::UNITY` brings it back.
    pub fn duck(&mut self, zones: ZoneSet, to: Db, ramp: Duration) {
        let gain = to.gain();
        self.send(Command::Duck { zones, gain, ramp });
    }

    /// Sets how loud music is in a zone when nobody speaks, by a ramp of 50 ms.
    pub fn set_music_volume(&mut self, zone: ZoneId, to: Db) {
        let (zones, gain) = (ZoneSet::from_iter([zone]), to.gain());
        self.send(Command::MusicVolume { zones, gain });
    }

    /// Sets how loud klaxons are in a zone, by a ramp of 50 ms.
    pub fn set_klaxon_volume(&mut self, zone: ZoneId, to: Db) {
        let (zones, gain) = (zone.into(), to.gain());
        self.send(Command::KlaxonVolume { zones, gain });
    }

    /// Sets how loud voices and messages are in a zone, by a ramp of 50 ms.
    pub fn set_speech_volume(&mut self, zone: ZoneId, to: Db) {
        let (zones, gain) = (ZoneSet::from_iter([zone]), to.gain());
        self.send(Command::SpeechVolume { zones, gain });
    }

    /// Fits the sound to a zone's loudspeakers, by ramps and fades of 50 ms at most. An output of
    /// several zones has the fitting of the first that has one.
    pub fn fit(&mut self, zone: ZoneId, fitting: Fitting) {
        if fitting.delay > Duration::ZERO {
            self.delayed.insert(zone);
            self.make_lines();
        }
        self.send(Command::Fit(zone, Box::new(fitting)));
    }

    /// What the engine has to tell, once each; also drops what it is done with. Call this often,
    /// until `None`: the backlog moves on here too.
    pub fn poll(&mut self) -> Option<Event> {
        self.flush();
        while let Some(spent) = self.returns.take() {
            let event = self.settle(spent);
            if event.is_some() {
                return event;
            }
        }
        self.howls.iter_mut().find_map(|(call, heard)| {
            let (n, howl) = heard.take()?;
            Some(Event::Howled {
                call: *call,
                n,
                howl,
            })
        })
    }

    /// Whether to look again before long: the engine has something to report, since a sound plays
    /// or a voice leaves, or it takes more commands now.
    pub fn is_awaiting(&self) -> bool {
        !self.plays.is_empty()
            || (!self.backlog.is_empty() && !self.commands.is_full())
            || self.voices.values().any(|latest| latest.leaving)
            || self.tunes.values().any(|latest| latest.leaving)
    }

    /// The engine's counters.
    pub fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    /// Converts a sound for the engine's present rate before it is needed.
    pub fn prepare(&mut self, pcm: &Arc<Pcm>) {
        let rate = self.vitals.rate();
        self.sounds.at_rate(pcm, rate);
    }

    /// A clock runs at `rate` from now on: converts all known sounds before they are needed. What
    /// is made later follows the engine's rate without being told.
    pub fn set_rate(&mut self, rate: SampleRate) {
        self.sounds.set_rate(rate);
    }

    fn settle(&mut self, spent: Spent) -> Option<Event> {
        match spent {
            Spent::Table(table) => {
                drop(table);
                None
            }
            Spent::Fitting(fitting) => {
                drop(fitting);
                None
            }
            Spent::Tap(change) => {
                drop(change);
                None
            }
            Spent::Treatment(treatment) => {
                drop(treatment);
                None
            }
            Spent::Lines(lines) => {
                // Refused, because the rate changed while they were on their way.
                if lines.are_full() {
                    let outputs: Vec<usize> = lines.delays.iter().map(|(n, _)| *n).collect();
                    self.send_lines(&outputs);
                }
                None
            }
            Spent::Music(tune) => {
                let latest = self.tunes.get(&tune.music)?;
                if latest.serial != tune.serial {
                    return None;
                }
                self.tunes.remove(&tune.music);
                Some(Event::MusicGone { music: tune.music })
            }
            Spent::Pickup(pickup) => self.pickup_over(pickup.id, pickup.serial),
            Spent::Play(play) => {
                self.plays.remove(&play.id);
                Some(Event::Ended { play: play.id })
            }
            Spent::Voice(voice) if self.is_over(&voice) => self.bury(*voice),
            Spent::Voice(mut voice) => {
                // The rate changed while it was on its way.
                voice.set_rate(self.vitals.rate());
                self.send(Command::Speak(voice));
                None
            }
        }
    }

    /// Sends lines to the outputs that need one now.
    fn make_lines(&mut self) {
        let mut without = Vec::new();
        for (number, (zones, has_line)) in self.outputs.iter_mut().enumerate() {
            if !*has_line && zones.intersects(&self.delayed) {
                *has_line = true;
                without.push(number);
            }
        }
        if !without.is_empty() {
            self.send_lines(&without);
        }
    }

    fn send_lines(&mut self, outputs: &[usize]) {
        let lines = Lines::new(outputs, self.vitals.rate());
        let before = self.at.take();
        self.send(Command::Lines(Box::new(lines)));
        self.at = before;
    }

    fn is_over(&self, voice: &Voice) -> bool {
        let wanted = |latest: &Latest| latest.serial == voice.serial && !latest.leaving;
        voice.is_gone() || !self.voices.get(&voice.call).is_some_and(wanted)
    }

    fn bury(&mut self, voice: Voice) -> Option<Event> {
        self.n_voices -= 1;
        let (call, serial, report) = (voice.call, voice.serial, voice.report());
        self.used.keep(voice);
        self.voices
            .get(&call)
            .filter(|latest| latest.serial == serial)?;
        self.voices.remove(&call);
        self.howls.remove(&call);
        Some(Event::VoiceGone { call, report })
    }

    fn send(&mut self, command: Command) {
        let order = Order {
            at: self.at,
            command,
        };
        self.flush();
        if self.backlog.is_empty() {
            match self.try_send(order) {
                Ok(()) => {}
                Err(order) => self.backlog.push_back(order),
            }
            return;
        }
        self.backlog.retain(|earlier| !order.replaces(earlier));
        self.backlog.push_back(order);
    }

    fn flush(&mut self) {
        while let Some(order) = self.backlog.pop_front() {
            if let Err(order) = self.try_send(order) {
                self.backlog.push_front(order);
                return;
            }
        }
    }

    fn try_send(&mut self, order: Order) -> Result<(), Order> {
        // Asked first: a full ring is nothing to count, the backlog is there for it.
        if self.commands.is_full() {
            return Err(order);
        }
        self.commands.offer(order)
    }

    fn check(&self, zones: ZoneSet) -> Result<(), Refusal> {
        let n = self.limits.n_zones;
        if zones.difference(&ZoneSet::first(n)).is_empty() {
            return Ok(());
        }
        Err(self.refuse(Refusal::Zones(n)))
    }

    fn refuse(&self, refusal: Refusal) -> Refusal {
        self.vitals.count_refusal();
        refusal
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Voices(n) => write!(f, "the engine has room for {n} voices"),
            Self::Plays(n) => write!(f, "the engine has room for {n} sounds at a time"),
            Self::Outputs(n) => write!(f, "the engine has {n} outputs"),
            Self::Inputs(n) => write!(f, "the engine has {n} music inputs"),
            Self::Zones(n) => write!(f, "the engine has {n} zones"),
            Self::Recordings(n) => write!(f, "the engine has room for {n} recordings"),
            Self::Music(n) => write!(f, "the engine has room for {n} sources of music"),
            Self::Taps(n) => write!(f, "the engine has room for {n} taps"),
        }
    }
}

impl std::error::Error for Refusal {}
