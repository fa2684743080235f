//! What does each command change?

use crate::base::{CallId, MusicId, PlayId, ZoneId, ZoneSet};
use crate::mix::command::{Command, Spent};
use crate::mix::engine::Engine;
use crate::mix::outlet::Lines;
use crate::mix::play::Play;
use crate::mix::treatment::Treatment;
use crate::mix::tune::{Deck, Tune};
use crate::mix::voice::Voice;
use crate::mix::zone::{Fitting, Zone};

// == realtime below ==

impl Engine {
    pub(super) fn obey(&mut self, command: Command, left: usize) {
        match command {
            Command::Routes(table) => {
                if let Some(unheard) = self.routing.set(table) {
                    self.give_back(Spent::Table(unheard));
                }
            }
            Command::Speak(voice) => self.let_speak(voice, left),
            Command::Leave(call, serial) => self.let_leave(call, serial),
            Command::Treat(treatment) => self.treat(treatment),
            Command::Play(play) => self.let_play(play),
            Command::Stop(id) => self.stop(id),
            Command::MoveVoice(call, zones) => self.move_voice(call, zones),
            Command::MovePlay(id, zones) => self.move_play(id, zones),
            Command::Fit(zone, fitting) => self.fit(zone, fitting),
            Command::Lines(lines) => self.take_lines(lines),
            Command::Music(tune) => self.take_music(tune),
            Command::EndMusic(music, serial) => {
                if let Some(deck) = self.deck(music) {
                    deck.leave(serial);
                }
            }
            Command::Record(pickup) => {
                if let Some(refused) = self.speech.pickups.take(pickup, self.rate) {
                    self.give_back(Spent::Pickup(refused));
                }
            }
            Command::EndRecording(id) => self.speech.pickups.finish(id),
            Command::Tap(mut change) => {
                self.taps.take(&mut change, self.rate);
                self.give_back(Spent::Tap(change));
            }
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
            Command::KlaxonVolume { zones, gain } => {
                let rate = self.rate;
                self.in_zones(zones)
                    .for_each(|zone| zone.set_klaxon_volume(gain, rate));
            }
        }
    }

    /// The console counts, so there is a place; and it remakes what is for another rate.
    fn let_speak(&mut self, mut voice: Box<Voice>, left: usize) {
        let place = self.voices.iter_mut().find(|place| place.is_none());
        match place {
            Some(place) if voice.rate == self.rate => {
                voice.begin(left);
                *place = Some(voice);
            }
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

    fn take_music(&mut self, tune: Box<Tune>) {
        let is_ours = tune.rate() == self.rate;
        let spent = match self.deck(tune.music) {
            Some(deck) if is_ours => deck.take(tune),
            Some(_) | None => Some(tune),
        };
        if let Some(spent) = spent {
            self.give_back(Spent::Music(spent));
        }
    }

    fn deck(&mut self, music: MusicId) -> Option<&mut Deck> {
        self.decks.get_mut(usize::from(music.0))
    }

    fn let_leave(&mut self, call: CallId, serial: u64) {
        let heard = self.voices.iter_mut().flatten().map(Box::as_mut);
        heard
            .chain(self.schedule.voices())
            .filter(|voice| voice.call == call && voice.serial <= serial)
            .for_each(Voice::leave);
    }

    fn treat(&mut self, treatment: Box<Treatment>) {
        let heard = self.voices.iter_mut().flatten().map(Box::as_mut);
        heard
            .chain(self.schedule.voices())
            .for_each(|voice| voice.treat(*treatment));
        self.give_back(Spent::Treatment(treatment));
    }

    fn stop(&mut self, id: PlayId) {
        let plays = self.plays.iter_mut().flatten().map(Box::as_mut);
        plays.filter(|play| play.id == id).for_each(Play::stop);
        let waiting = self.schedule.plays();
        waiting.filter(|play| play.id == id).for_each(Play::end);
    }

    fn move_voice(&mut self, call: CallId, zones: ZoneSet) {
        let heard = self.voices.iter_mut().flatten().map(Box::as_mut);
        heard
            .chain(self.schedule.voices())
            .filter(|voice| voice.call == call)
            .for_each(|voice| voice.place.go(zones, voice.rate));
    }

    fn move_play(&mut self, id: PlayId, zones: ZoneSet) {
        let plays = self.plays.iter_mut().flatten().map(Box::as_mut);
        plays
            .chain(self.schedule.plays())
            .filter(|play| play.id == id)
            .for_each(|play| play.place.go(zones, play.rate));
    }

    fn fit(&mut self, zone: ZoneId, fitting: Box<Fitting>) {
        let zone = self.zones.get_mut(usize::from(zone.0));
        let spent = match zone {
            Some(zone) => zone.fit(fitting),
            None => fitting,
        };
        self.give_back(Spent::Fitting(spent));
    }

    fn take_lines(&mut self, mut lines: Box<Lines>) {
        if lines.rate == self.rate {
            for (output, line) in &mut lines.delays {
                if let Some(outlet) = self.outlets.get_mut(*output) {
                    outlet.take_line(line);
                }
            }
        }
        self.give_back(Spent::Lines(lines));
    }

    fn in_zones(&mut self, zones: ZoneSet) -> impl Iterator<Item = &mut Zone> {
        let numbered = self.zones.iter_mut().enumerate();
        numbered.filter_map(move |(i, zone)| zones.contains(zone_id(i)).then_some(zone))
    }
}

fn zone_id(i: usize) -> ZoneId {
    ZoneId(i as u16)
}
