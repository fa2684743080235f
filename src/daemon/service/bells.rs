//! How do bells ring in the running daemon?

use std::time::Instant;

use jiff::Timestamp;

use super::Service;
use crate::base::{PlayId, ZoneSet};
use crate::config::Chime;
use crate::daemon::bells::Due;
use crate::daemon::words;
use crate::mix::Listening;

/// A bell that sounds now.
pub(super) struct Sounding {
    bell: String,
    listening: Listening,
}

impl Service {
    /// Rings what is due by the clock on the wall.
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
        if let Err(mistakes) = self.bells.follow(&self.config, Timestamp::now()) {
            for mistake in &mistakes {
                tracing::error!("{mistake}");
            }
            tracing::error!("the old bells go on");
        }
    }

    fn ring(&mut self, due: &Due) {
        let label = format!("bell {} ({})", due.bell, due.told);
        let mut bells = self.config.bells.iter();
        let Some(bell) = bells.find(|bell| bell.name == due.bell) else {
            return;
        };
        let zones: ZoneSet = match bell.zones.as_slice() {
            [] => self.zones.all(),
            some => some.iter().filter_map(|name| self.zones.id(name)).collect(),
        };
        let pcm = match &bell.play {
            Chime::Klaxon => self.klaxon.as_ref(),
            Chime::File(path) => self.bells.chimes().get(path),
        };
        let Some(pcm) = pcm else {
            tracing::error!("{label} is not heard: its sound is not loaded");
            return;
        };
        self.n_bells += 1;
        let play = PlayId(FIRST_PLAY + self.n_bells);
        let gain = self.config.audio.volume_klaxon.level();
        let listening = self.ears.listen(zones, self.console.vitals());
        match self.console.play(play, pcm, zones, gain, None) {
            Ok(()) => {
                self.sounding.insert(
                    play,
                    Sounding {
                        bell: label,
                        listening,
                    },
                );
            }
            Err(why) => {
                self.ears.stop(listening, self.console.vitals());
                tracing::error!("{label} is not heard: {why}");
            }
        }
    }

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
            tracing::warn!("{}: {heard}", sounding.bell);
        } else {
            tracing::info!("{}: {heard}", sounding.bell);
        }
    }
}

const FIRST_PLAY: u64 = 1 << 63;
