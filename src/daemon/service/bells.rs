//! How do bells ring in the running daemon?

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Service;
use crate::base::{Pcm, PlayId, SoundId, ZoneSet};
use crate::bells::Missed;
use crate::config::{Chime, Schedule};
use crate::control::{Clip, Input, Sound, Start};
use crate::daemon::bells::Due;
use crate::daemon::history::BELL;
use crate::daemon::words;
use crate::mix::Listening;
use crate::page::{Busy, Extent, Priority};

/// A bell that the core was told of.
pub(super) struct Rung {
    label: String,
    pub(super) pcm: Arc<Pcm>,
}

/// A bell that sounds now.
pub(super) struct Sounding {
    label: String,
    listening: Listening,
}

impl Service {
    /// Tells the core what is due by the clock on the wall.
    pub(super) fn look_at_bells(&mut self) {
        for due in self.bells.look(Timestamp::now()) {
            self.ring(&due);
        }
    }

    /// When a bell is due, if nobody sets the clock.
    pub(super) fn bell_at(&self, now: Instant) -> Instant {
        now + self.bells.due_in(Timestamp::now())
    }

    /// Reads bells, their calendars and sounds again; what is wrong leaves the old ones.
    pub(super) fn reload_bells(&mut self) {
        let (config, spoken) = (&self.config, &self.spoken);
        if let Err(mistakes) = self.bells.follow(config, spoken, Timestamp::now()) {
            for mistake in &mistakes {
                tracing::error!("{mistake}");
            }
            tracing::error!("the old bells go on");
        }
    }

    fn ring(&mut self, due: &Due) {
        let mut bells = self.config.bells.iter();
        let Some(bell) = bells.find(|bell| bell.name == due.bell).cloned() else {
            return;
        };
        match self.start_of(&bell, &due.told) {
            Ok(start) => self.inputs.push_back(Input::Start(start)),
            Err(why) => tracing::error!("{why}"),
        }
    }

    /// The page that a bell is; `told` says in the log why it rings.
    ///
    /// # Errors
    /// Nobody could hear it, in words.
    pub(super) fn start_of(&mut self, bell: &Schedule, told: &str) -> Result<Start, String> {
        let label = format!("bell {} ({told})", bell.name);
        let zones = self.zones.named(&bell.zones);
        let pcm = match bell.chime() {
            Chime::Klaxon => self.klaxon.as_ref(),
            own @ (Chime::File(_) | Chime::Words(_)) => self.bells.chime(&own),
        };
        let Some(pcm) = pcm.cloned().filter(|_| !zones.is_empty()) else {
            return Err(format!(
                "{label} is not heard: its sound or its zones are gone"
            ));
        };
        let patience = match bell.missed {
            Missed::Skip => Duration::ZERO,
            Missed::RingWithin(span) => span,
        };
        let id = SoundId(FIRST_SOUND + self.n_bells);
        let start = Start {
            name: format!("{BELL}{}", bell.name),
            zones,
            priority: Priority(bell.priority),
            busy: Busy::Queue,
            extent: Extent::Whole,
            clip: Clip {
                sound: Sound::Stored(id),
                duration: pcm.duration(),
            },
            times: 1,
            gain: self.config.audio.volume_klaxon.level(),
            pre_roll: Duration::ZERO,
            klaxon: None,
            end_tone: None,
            queue_timeout: Some(patience.max(LEAST_PATIENCE)),
        };
        self.rung.insert(id, Rung { label, pcm });
        self.n_bells = (self.n_bells + 1) % FIRST_SOUND;
        while self.rung.len() > MOST_RUNG {
            self.rung.pop_first();
        }
        Ok(start)
    }

    /// From here on it counts what comes out of the zones.
    pub(super) fn bell_begins(&mut self, play: PlayId, sound: Sound, zones: ZoneSet) {
        let Sound::Stored(id) = sound else {
            return;
        };
        let Some(label) = self.rung.get(&id).map(|rung| rung.label.clone()) else {
            return;
        };
        let listening = self.ears.listen(zones, self.console.vitals());
        self.sounding.insert(play, Sounding { label, listening });
    }

    /// What came out of the zones while a bell sounded.
    pub(super) fn bell_ended(&mut self, play: PlayId) {
        let Some(sounding) = self.sounding.remove(&play) else {
            return;
        };
        let peaks = self.ears.stop(sounding.listening, self.console.vitals());
        let named = peaks
            .iter()
            .map(|(zone, peak)| (self.zones.name(*zone), *peak));
        let heard = words::heard(named);
        if heard.contains("not heard") {
            tracing::warn!("{}: {heard}", sounding.label);
        } else {
            tracing::info!("{}: {heard}", sounding.label);
        }
    }
}

/// Sounds of pages are counted from 0, those of bells from here.
const FIRST_SOUND: u32 = 1 << 31;

/// More bells than these do not wait for their zones at a time.
const MOST_RUNG: usize = 64;

/// Even a bell that must not be late waits for a page that is about to end.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);
