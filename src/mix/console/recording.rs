//! Which voices and sounds go into which recording?

use std::collections::BTreeMap;

use crate::base::{CallId, PlayId, RecordingId, TrackTx, ZoneId};
use crate::mix::command::{Command, Event};
use crate::mix::console::{Console, Refusal};
use crate::mix::pickup::{Pickup, Spot};

/// Recordings that are under way or about to be.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Each with the serial of its latest pick-up.
    live: BTreeMap<RecordingId, u64>,
    calls: BTreeMap<CallId, RecordingId>,
    plays: BTreeMap<PlayId, RecordingId>,
}

impl Recorded {
    pub(super) fn of_call(&self, call: CallId) -> Option<RecordingId> {
        self.calls.get(&call).copied()
    }

    /// Asked once: a sound is played once.
    pub(super) fn take_play(&mut self, play: PlayId) -> Option<RecordingId> {
        self.plays.remove(&play)
    }
}

impl Console {
    /// Picks a recording up from now on; the track must be at the engine's rate. If that changes,
    /// or has changed, `RecordingBroken` follows.
    pub fn record(
        &mut self,
        recording: RecordingId,
        spot: Spot,
        track: TrackTx,
    ) -> Result<(), Refusal> {
        let most = self.limits.n_recordings();
        if self.recorded.live.len() >= most {
            return Err(self.refuse(Refusal::Recordings(most)));
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        self.recorded.live.insert(recording, serial);
        let pickup = Pickup::new(recording, serial, spot, track);
        self.send(Command::Record(Box::new(pickup)));
        Ok(())
    }

    /// Voices that the call gets from now on belong to the recording.
    pub fn record_call(&mut self, call: CallId, recording: RecordingId) {
        self.recorded.calls.insert(call, recording);
    }

    /// The sound, which is about to be played, belongs to the recording.
    pub fn record_play(&mut self, play: PlayId, recording: RecordingId) {
        self.recorded.plays.insert(play, recording);
    }

    /// Ends the pick-up; the track is dropped soon. Nothing happens if there is none.
    pub fn end_recording(&mut self, recording: RecordingId) {
        self.recorded.calls.retain(|_, of| *of != recording);
        self.recorded.plays.retain(|_, of| *of != recording);
        self.stop_recording(recording);
    }

    /// As `end_recording`, but what belongs to it still does when it is recorded again.
    pub fn stop_recording(&mut self, recording: RecordingId) {
        if self.recorded.live.remove(&recording).is_some() {
            self.send(Command::EndRecording(recording));
        }
    }

    /// The outputs of the clock that carry a zone, or will carry it; of one that none carries a
    /// tap, if it has one.
    pub fn outputs_of(&self, zone: ZoneId) -> Vec<usize> {
        let outputs = self.outputs.iter().enumerate();
        let carrying = outputs.filter(|(_, (zones, _))| zones.contains(zone));
        let mut carrying: Vec<usize> = carrying.map(|(output, _)| output).collect();
        let is_of_clock = |output: &usize| *output < self.limits.n_outputs;
        let n = carrying.iter().filter(|it| is_of_clock(it)).count();
        carrying.truncate(n.max(1));
        carrying
    }

    /// The engine has given a pick-up back.
    pub(super) fn pickup_over(&mut self, recording: RecordingId, serial: u64) -> Option<Event> {
        let latest = self.recorded.live.get(&recording);
        latest.filter(|latest| **latest == serial)?;
        self.recorded.live.remove(&recording);
        Some(Event::RecordingBroken { recording })
    }
}
