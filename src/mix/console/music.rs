//! Which music is told to the engine, and where it is heard?

use std::collections::BTreeMap;

use crate::base::{MusicId, StereoRx, ZoneId};
use crate::mix::command::Command;
use crate::mix::console::{Console, Latest, Refusal};
use crate::mix::tune::Tune;
use crate::mix::tuning::Tuning;

impl Console {
    /// Lets a source of music be heard in the zones that are tuned to it, as soon as its ring has
    /// frames. What the source had before fades out. The ring must be at the engine's rate: with
    /// another one, `MusicGone` follows.
    pub fn add_music(
        &mut self,
        music: MusicId,
        feed: StereoRx,
        tuning: Tuning,
    ) -> Result<(), Refusal> {
        if usize::from(music.0) >= self.limits.n_music {
            return Err(self.refuse(Refusal::Music(self.limits.n_music)));
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        let latest = Latest {
            serial,
            leaving: false,
        };
        self.tunes.insert(music, latest);
        let tune = Tune::new(music, serial, feed);
        self.send(Command::Music(Box::new(tune)));
        self.set_tuning(music, tuning);
        Ok(())
    }

    /// Plays a source in this manner from now on, by a crossfade of 20 ms.
    pub fn set_tuning(&mut self, music: MusicId, tuning: Tuning) {
        if usize::from(music.0) < self.limits.n_music
            && self.tunings.sources.insert(music, tuning) != Some(tuning)
        {
            self.route_again();
        }
    }

    /// Fades a source of music out; `MusicGone` follows. Nothing happens if it has none.
    pub fn remove_music(&mut self, music: MusicId) {
        if let Some(latest) = self.tunes.get_mut(&music) {
            latest.leaving = true;
            let serial = latest.serial;
            self.send(Command::EndMusic(music, serial));
        }
    }

    /// Says which source each zone plays, by a crossfade of 20 ms; `None` is none, and a zone that
    /// is not named plays the `usual` one. An output of several zones plays what the first of them
    /// wants that is named. Music that no zone plays stands still until one does.
    pub fn tune(&mut self, zones: BTreeMap<ZoneId, Option<MusicId>>, usual: Option<MusicId>) {
        if zones != self.tunings.zones || usual != self.tunings.usual {
            self.tunings.zones = zones;
            self.tunings.usual = usual;
            self.route_again();
        }
    }

    /// Says which of the clock's inputs bring sources of music that have no ring, the left side
    /// first, by a crossfade of 20 ms. A source without any is silent.
    pub fn set_inputs(&mut self, inputs: BTreeMap<MusicId, Vec<usize>>) {
        if inputs != self.tunings.inputs {
            self.tunings.inputs = inputs;
            self.route_again();
        }
    }
}
