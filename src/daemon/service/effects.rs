//! How is what the core has decided carried out?

use std::time::{Duration, Instant};

use super::Service;
use crate::base::{CallId, Db, PlayId, ZoneSet};
use crate::control::{Effect, Input, Level, Note, Sound};

impl Service {
    pub(super) fn carry_out(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Ring { call } => self.endpoint.ringing(call),
            Effect::Announce { call } => self.announce(call),
            Effect::Answer { call } => match self.legs.answer(call) {
                Ok(sdp) => self.endpoint.answer(call, sdp),
                Err(turned) => {
                    let how = format!("could not be answered ({})", turned.reason);
                    self.turn_away(call, turned);
                    self.inputs.push_back(Input::CallEnded { call, how });
                }
            },
            Effect::Refuse { call, why } => {
                self.legs.end(call);
                let retry = why.retry_after();
                self.endpoint
                    .refuse(call, why.status(), why.phrase(), None, retry);
            }
            Effect::HangUp { call, why } => {
                self.legs.end(call);
                self.endpoint.hang_up(call, &why);
            }
            Effect::Connect { call, zones, gain } => {
                self.wanted.insert(call, (zones, gain));
                self.hand_over(call);
            }
            Effect::Disconnect { call } => {
                self.wanted.remove(&call);
                self.console.remove_voice(call);
            }
            Effect::Play {
                play,
                sound: Sound::Klaxon,
                zones,
                gain,
                longest,
            } => self.play_klaxon(play, zones, gain, longest),
            Effect::StopPlay { play } => self.console.stop(play),
            Effect::Duck { zones, to, ramp } => self.console.duck(zones, to, ramp),
            Effect::Log(note) => self.log(note, now),
            Effect::Stopped => self.has_stopped = true,
        }
    }

    /// Lets the caller hear what is for callers. One that brought no offer, or for whom there are
    /// no ports now, hears ringing until the answer; one that is answered already never rings.
    fn announce(&mut self, call: CallId) {
        let Some(pcm) = self.for_callers.clone() else {
            return self.endpoint.ringing(call);
        };
        match self.legs.early(call) {
            Some(sdp) => self.endpoint.early_media(call, sdp),
            None => self.endpoint.ringing(call),
        }
        self.legs.play(call, &pcm);
    }

    fn play_klaxon(&mut self, play: PlayId, zones: ZoneSet, gain: Db, longest: Option<Duration>) {
        let Some(pcm) = &self.klaxon else {
            // The configuration took it away between the decision and now.
            self.inputs.push_back(Input::PlayEnded { play });
            return;
        };
        if let Err(refusal) = self.console.play(play, pcm, zones, gain, longest) {
            tracing::error!("the klaxon is not heard: {refusal}");
            self.inputs.push_back(Input::PlayEnded { play });
        }
    }

    /// Gives a voice that is wanted to the engine once there is one; after a late offer that is
    /// with the ACK. A voice that the engine has already stays there, unless the call has a new one.
    pub(super) fn hand_over(&mut self, call: CallId) {
        let Some(&(zones, gain)) = self.wanted.get(&call) else {
            return;
        };
        let Some(voice) = self.legs.take_voice(call) else {
            return;
        };
        if let Err(refusal) = self.console.add_voice(call, voice, zones, gain) {
            tracing::error!("call {call} cannot be heard: {refusal}");
        }
    }

    fn log(&self, note: Note, now: Instant) {
        match note.level {
            Level::Info => tracing::info!(target: "call", "{}", note.text),
            Level::Warn => tracing::warn!(target: "call", "{}", note.text),
            Level::Error => tracing::error!(target: "call", "{}", note.text),
        }
        if let Some(watcher) = &self.watcher {
            watcher.send((now, note)).ok();
        }
    }
}
