//! How is what the core has decided carried out?

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Service;
use crate::base::{CallId, Db, PlayId, ZoneId, ZoneSet};
use crate::control::{Cue, Effect, Input, Level, Note, Sound, Volume};
use crate::daemon::legs::Turned;
use crate::daemon::{cues, words};

impl Service {
    pub(super) fn carry_out(&mut self, effect: Effect, now: Instant) {
        self.http.tally.effect(&effect, now);
        self.http.is_stale = true;
        match effect {
            Effect::Ring { call } => self.endpoint.ringing(call),
            Effect::Announce { call } => self.announce(call),
            Effect::Answer { call } => match self.legs.answer(call) {
                Ok(sdp) => self.endpoint.answer(call, sdp),
                Err(turned) => self.not_answered(call, turned),
            },
            Effect::Welcome { call, player } => {
                let encodings = self.players.encodings(&player);
                match self.legs.welcome(call, encodings) {
                    Ok(sdp) => self.endpoint.answer(call, sdp),
                    Err(turned) => self.not_answered(call, turned),
                }
            }
            Effect::Perform { call, player } => match self.players.programme(&player) {
                Some(programme) => self.legs.perform(call, programme),
                // The configuration took it away between the answer and now.
                None => self.inputs.push_back(Input::Performed { call }),
            },
            Effect::Hold { call, desk } => self.hold(call, desk),
            Effect::Dial {
                call,
                desk,
                number,
                tone,
            } => self.dial(call, desk, number, tone),
            Effect::Report {
                desk,
                to,
                call,
                news,
            } => self.report(&desk, to, call, &news),
            Effect::RingAgain { call } => self.ring_again(call),
            Effect::Press { call, keys } => self.press(call, &keys),
            Effect::Refuse { call, why } => {
                self.end_leg(call);
                let retry = why.retry_after();
                self.endpoint
                    .refuse(call, why.status(), why.phrase(), None, retry);
            }
            Effect::HangUp { call, .. } if self.groups.release(call) => {}
            Effect::HangUp { call, ref why } if self.microphones.over(call, why) => {}
            Effect::HangUp { call, why } => {
                self.desks.end(call);
                self.end_leg(call);
                self.endpoint.hang_up(call, &why);
            }
            Effect::Connect { call, zones, gain } => {
                let before = self.wanted.insert(call, (zones, gain));
                if before.is_none_or(|(before, _)| before != zones) {
                    let listening = self.ears.listen(zones, self.console.vitals());
                    self.listening.entry(call).or_default().push(listening);
                }
                self.hand_over(call);
            }
            Effect::Disconnect { call } => {
                self.wanted.remove(&call);
                self.console.remove_voice(call);
                self.tell_heard(call);
            }
            Effect::Music { hand } => self.set_by_hand(hand),
            Effect::NextPiece { source } => self.next_piece(&source),
            Effect::Tell { call, cue } if self.microphones.tell(call, cue) => {}
            Effect::Tell { call, cue } => self.tell(call, cue),
            Effect::Greet { call, sound } => self.greet(call, sound),
            Effect::Record {
                recording,
                mark,
                words,
            } => self.record(recording, mark, words),
            Effect::RecordPlay { recording, play } => self.console.record_play(play, recording),
            Effect::EndRecording { recording } => self.end_recording(recording),
            Effect::TakeDown {
                call,
                after,
                longest,
            } => {
                self.dictating.insert(call);
                self.legs.take_down(call, after, longest);
            }
            Effect::Dictated { call } => self.legs.said(call),
            Effect::PlayBack { call, sound } => self.play_back(call, sound),
            Effect::Forget { sound } => self.dictated.forget(sound),
            Effect::Play {
                play,
                sound,
                zones,
                gain,
                by,
                longest,
            } => self.play(play, sound, zones, (gain, by), longest),
            Effect::MovePlay { play, zones } => {
                if let Err(refusal) = self.console.move_play(play, zones) {
                    tracing::error!("a sound stays where it is: {refusal}");
                }
            }
            Effect::StopPlay { play } => self.console.stop(play),
            Effect::Duck { zones, to, ramp } => {
                self.groups.hold(zones, to != Db::UNITY);
                self.duck(zones, to, ramp);
            }
            Effect::Ordered { id, answer } => self.ordered(id, answer),
            Effect::Log(note) => self.log(note, now),
            Effect::Stopped => self.has_stopped = true,
        }
    }

    pub(super) fn not_answered(&mut self, call: CallId, turned: Turned) {
        let how = format!("could not be answered ({})", turned.reason);
        self.turn_away(call, turned);
        self.inputs.push_back(Input::CallEnded { call, how });
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

    /// Lets the caller hear a tone; one that has no sound yet and can have none hears nothing.
    fn tell(&mut self, call: CallId, cue: Cue) {
        if let Some(sdp) = self.legs.early(call) {
            self.endpoint.early_media(call, sdp);
        }
        self.legs.play(call, &cues::sound(cue));
    }

    fn play(
        &mut self,
        play: PlayId,
        sound: Sound,
        zones: ZoneSet,
        (gain, by): (Db, Volume),
        longest: Option<Duration>,
    ) {
        let pcm = match sound {
            Sound::Klaxon => self.klaxon.as_ref(),
            Sound::Stored(id) => {
                let of_bell = || self.rung.get(&id).map(|rung| &rung.pcm);
                let of_caller = || self.dictated.take(sound).map(|take| &take.for_zones);
                self.stock.sound(id).or_else(of_bell).or_else(of_caller)
            }
        };
        let Some(pcm) = pcm else {
            // The configuration took it away between the decision and now.
            self.inputs.push_back(Input::PlayEnded { play });
            return;
        };
        let begun = match by {
            Volume::Speech => self.console.play(play, pcm, zones, gain, longest),
            Volume::Klaxon => self.console.play_klaxon(play, pcm, zones, gain, longest),
        };
        if let Err(refusal) = begun {
            tracing::error!("a sound is not heard: {refusal}");
            self.inputs.push_back(Input::PlayEnded { play });
            return;
        }
        self.bell_begins(play, sound, zones);
    }

    /// Tells the core where something came out of the zones since it was last told; before what
    /// happens now, since a page may end by it.
    pub(super) fn measure(&mut self) {
        let Some(listening) = self.hearing.take() else {
            return;
        };
        let heard = self.ears.stop(listening, self.console.vitals());
        let audible = heard.iter().filter(|(_, peak)| words::is_audible(*peak));
        let zones: ZoneSet = audible.map(|(zone, _)| *zone).collect();
        self.listen_on();
        if !zones.is_empty() {
            self.inputs.push_front(Input::Measured { zones });
        }
    }

    /// Listens to all zones while somebody may be heard.
    pub(super) fn listen_on(&mut self) {
        let may_be_heard = !self.wanted.is_empty() || self.console.is_awaiting();
        if may_be_heard && self.hearing.is_none() {
            let all = self.zones.all();
            self.hearing = Some(self.ears.listen(all, self.console.vitals()));
        }
    }

    /// What came out of the zones while the call was on the speakers, whoever made it.
    fn tell_heard(&mut self, call: CallId) {
        let mut peaks: BTreeMap<ZoneId, Db> = BTreeMap::new();
        for listening in self.listening.remove(&call).unwrap_or_default() {
            for (zone, peak) in self.ears.stop(listening, self.console.vitals()) {
                let highest = peaks.entry(zone).or_insert(Db::SILENCE);
                highest.0 = highest.0.max(peak.0);
            }
        }
        let named = peaks
            .iter()
            .map(|(zone, peak)| (self.zones.name(*zone), *peak));
        let heard = words::heard(named);
        let noun = if self.groups.has(call) {
            "stream"
        } else {
            "call"
        };
        tracing::info!(target: "call", "{noun} {call}: {heard}");
    }

    /// Where a zone has a depth of its own, that counts for the usual one.
    pub(super) fn duck(&mut self, zones: ZoneSet, to: Db, ramp: Duration) {
        let mut rest = zones;
        let own = self.config.zones.iter().filter_map(|zone| {
            let id = self.zones.id(&zone.name).filter(|id| zones.contains(*id))?;
            Some((ZoneSet::from(id), zone.duck?))
        });
        if to == self.config.audio.duck {
            for (zone, depth) in own {
                self.console.duck(zone, depth, ramp);
                rest = rest.difference(&zone);
            }
        }
        if !rest.is_empty() {
            self.console.duck(rest, to, ramp);
        }
    }

    /// Gives a voice that is wanted to the engine once there is one; after a late offer that is
    /// with the ACK. A voice that the engine has already moves to its zones, unless the call has a
    /// new one.
    pub(super) fn hand_over(&mut self, call: CallId) {
        if self.desks.has(call) {
            return self.listen_for_programs(call);
        }
        if self.dictating.contains(&call) {
            return self.legs.note(call);
        }
        let Some(&(zones, gain)) = self.wanted.get(&call) else {
            return;
        };
        let of_call = self.legs.take_voice(call);
        let of_call = of_call.or_else(|| self.microphones.take_voice(call));
        if let Some(voice) = &of_call {
            // What was said before, perhaps tones of a PIN, is for nobody.
            voice.release();
        }
        let voice = of_call.map(|voice| (voice, Duration::ZERO));
        let heard = match voice.or_else(|| self.groups.take_voice(call)) {
            Some((voice, fade)) => {
                let console = &mut self.console;
                console.add_voice_within(call, voice, zones, gain, fade)
            }
            None => self.console.move_voice(call, zones),
        };
        if let Err(refusal) = heard {
            tracing::error!("call {call} cannot be heard: {refusal}");
        }
    }

    fn log(&mut self, note: Note, now: Instant) {
        self.http.note(&note);
        match note.level {
            Level::Info => tracing::info!(target: "call", "{}", note.text),
            Level::Warn => tracing::warn!(target: "call", "{}", note.text),
            Level::Error => tracing::error!(target: "call", "{}", note.text),
        }
        let names = |zones: &ZoneSet| {
            zones
                .iter()
                .map(|id| self.zones.name(id).to_owned())
                .collect()
        };
        self.chronicle.note(&note, names);
        if let Some(watcher) = &self.watcher {
            watcher.send((now, note)).ok();
        }
    }
}
