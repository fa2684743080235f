//! What does a port of a JACK graph hear, and at which instant?
//!
//! An ear is a client of its own that is fed by whoever feeds the port: it hears what the speaker
//! behind that port hears, whichever program plays.

use std::time::{Duration, Instant};

use ::jack::{AsyncClient, AudioIn, Client, Control, Port, ProcessHandler, ProcessScope};
use regex::Regex;

use crate::base::{FeedRx, FeedTx, Offer, SampleRate, Take, feed, ring};
use crate::output::error::Error;
use crate::output::jack::graph::{apply, connections, foreign_ports};
use crate::output::jack::open::{Autostart, activate, open};
use crate::output::links::PortKind;
use crate::output::moves::Move;

/// How long nobody may look before sound is lost.
const ROOM: Duration = Duration::from_secs(10);
/// Cycles in that time, at the shortest period in use.
const CYCLES: usize = 1 << 16;

/// Hears what one port hears, from its opening until it is dropped.
pub struct Ear {
    active: AsyncClient<(), Drum>,
    /// Our own input, and the port whose feeders feed it too.
    own: String,
    port: String,
    cycles: Take<Cycle>,
    sound: FeedRx,
    /// The same instant by our clock and by JACK's, in microseconds.
    epoch: (Instant, u64),
    rate: SampleRate,
}

impl Ear {
    /// Listens at the first port (in the server's order) that takes sound and matches `pattern`;
    /// `server` as in [`open`].
    ///
    /// # Errors
    /// When no server answers, or no port matches.
    pub fn open(server: Option<&str>, pattern: &Regex) -> Result<Self, Error> {
        let client = open("ear", server, Autostart::No)?;
        let rate = SampleRate::new(client.sample_rate())
            .ok_or_else(|| Error::Jack("the server has no sample rate".to_owned()))?;
        let port = foreign_ports(&client)
            .into_iter()
            .find(|port| port.kind == PortKind::Speaker && pattern.is_match(&port.name))
            .ok_or_else(|| Error::Jack(format!("no port that takes sound matches {pattern}")))?;
        let input = client
            .register_port("in", AudioIn::default())
            .map_err(|why| Error::Jack(format!("no further port can be had: {why}")))?;
        let own = format!("{}:in", client.name());
        let epoch = (Instant::now(), client.time());
        let (cycles_tx, cycles) = ring(CYCLES);
        let (sound_tx, sound) = feed(rate, rate.frames_in(ROOM));
        let drum = Drum {
            input,
            cycles: cycles_tx,
            sound: sound_tx,
        };
        let mut ear = Self {
            active: activate(client, (), drum)?,
            own,
            port: port.name,
            cycles,
            sound,
            epoch,
            rate,
        };
        ear.follow();
        Ok(ear)
    }

    /// The port that is listened at.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Frames a second.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Hands over what came since the last look, cycle by cycle: mono frames, and the instant at
    /// which the first of them reached the port. To be called every few hundred milliseconds;
    /// whoever has begun to feed the port is heard from then on.
    pub fn take(&mut self, mut each: impl FnMut(Instant, &[f32])) {
        self.follow();
        let mut frames = Vec::new();
        while let Some(cycle) = self.cycles.take() {
            frames.resize(cycle.n_frames as usize, 0.0);
            self.sound.pop(&mut frames);
            each(self.instant(cycle.began_us), &frames);
        }
    }

    fn instant(&self, us: u64) -> Instant {
        let (ours, theirs) = self.epoch;
        if us >= theirs {
            return ours + Duration::from_micros(us - theirs);
        }
        ours - Duration::from_micros(theirs - us)
    }

    /// Feeds us by whoever feeds the port, and by nobody else.
    fn follow(&mut self) {
        let client = self.active.as_client();
        let (wanted, present) = (
            connections(client, &self.port),
            connections(client, &self.own),
        );
        for source in wanted.iter().filter(|source| !present.contains(source)) {
            apply(client, &Move::Connect(source.clone(), self.own.clone()));
        }
        for source in present.iter().filter(|source| !wanted.contains(source)) {
            apply(client, &Move::Disconnect(source.clone(), self.own.clone()));
        }
    }
}

/// When a cycle began by JACK's clock, and how long it is.
struct Cycle {
    began_us: u64,
    n_frames: u32,
}

/// The callback of an ear.
struct Drum {
    input: Port<AudioIn>,
    cycles: Offer<Cycle>,
    sound: FeedTx,
}

// == realtime below ==

impl ProcessHandler for Drum {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let began_us = match scope.cycle_times() {
            Ok(times) => times.current_usecs,
            // Without a time the cycle is of no use.
            Err(_) => return Control::Continue,
        };
        let frames = self.input.as_slice(scope);
        let cycle = Cycle {
            began_us,
            n_frames: frames.len() as u32,
        };
        // Nobody has looked for long: what does not fit is not told either.
        if self.cycles.offer(cycle).is_ok() {
            self.sound.push(frames);
        }
        Control::Continue
    }
}
