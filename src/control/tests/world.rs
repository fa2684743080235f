//! What does the outside look like after the effects? Keeps its own books, and panics when an
//! effect makes no sense.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::base::{CallId, Db, PlayId, RecordingId, SoundId, ZoneSet};
use crate::control::{CallState, Cue, Demand, DeskNews, Effect, Input, Order, Snapshot};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Standing {
    Unanswered,
    Answered,
    Over,
}

#[derive(Default)]
pub(super) struct World {
    calls: BTreeMap<CallId, Standing>,
    /// A voice that was told of with the last order.
    ordered: Option<CallId>,
    pub(super) voices: BTreeMap<CallId, ZoneSet>,
    pub(super) plays: BTreeMap<PlayId, ZoneSet>,
    pub(super) ducked: ZoneSet,
    /// Somebody's tone was cut by a loss of sound since music was last back everywhere. The page of
    /// a message goes on as if it sounded, also in zones that it gets meanwhile.
    is_cut: bool,
    has_messages: bool,
    pub(super) sound: bool,
    pub(super) stopped: bool,
    /// In the order of answering, with the time.
    pub(super) answered: Vec<(CallId, Instant)>,
    known_plays: BTreeSet<PlayId>,
    announced: BTreeSet<CallId>,
    known_recordings: BTreeSet<RecordingId>,
    pub(super) recordings: BTreeSet<RecordingId>,
    /// They follow.
    recorded_plays: BTreeSet<PlayId>,
    pub(super) forgotten: BTreeSet<SoundId>,
    /// Calls whose programs were told that they are over.
    told_over: BTreeSet<CallId>,
    /// Calls that programs were told of.
    told_of: BTreeSet<CallId>,
}

impl World {
    pub(super) fn see(&mut self, input: &Input) {
        match input {
            Input::CallArrived { call, .. } => {
                self.calls.entry(*call).or_insert(Standing::Unanswered);
            }
            Input::StreamBegan { call, .. } => {
                self.calls.entry(*call).or_insert(Standing::Answered);
            }
            Input::Order(Order {
                what: Demand::Speak(speech),
                ..
            }) => {
                self.calls.insert(speech.call, Standing::Answered);
                self.ordered = Some(speech.call);
            }
            // Programs know no more of it than before.
            Input::RingsAgain { before, call } => {
                if !self.told_over.contains(before) && self.told_of.remove(before) {
                    self.told_of.insert(*call);
                }
            }
            Input::CallEnded { call, .. } | Input::CallRefused { call, .. } => {
                if let Some(standing) = self.calls.get_mut(call) {
                    *standing = Standing::Over;
                }
            }
            Input::PlayEnded { play } => {
                self.plays.remove(play);
            }
            Input::SoundUp => self.sound = true,
            Input::Start(_) => self.has_messages = true,
            Input::SoundDown { .. } => {
                self.sound = false;
                self.is_cut |= self.has_messages && !self.plays.is_empty();
            }
            Input::CallConfirmed { .. }
            | Input::CallAnswered { .. }
            | Input::DriverCame { .. }
            | Input::DriverJoined { .. }
            | Input::DriverGone { .. }
            | Input::CallHeard { .. }
            | Input::Key { .. }
            | Input::CallSounds { .. }
            | Input::PlayerLoaded { .. }
            | Input::Performed { .. }
            | Input::CallSilent { .. }
            | Input::Dictated { .. }
            | Input::Howled { .. }
            | Input::AccountChanged { .. }
            | Input::AccountGone { .. }
            | Input::MusicChanged { .. }
            | Input::MusicSkipped { .. }
            | Input::MusicGone { .. }
            | Input::RecordingOpened { .. }
            | Input::RecordingFinished { .. }
            | Input::RecordingOver { .. }
            | Input::DiskChanged { .. }
            | Input::Music { .. }
            | Input::MusicByHand { .. }
            | Input::GroupChanged { .. }
            | Input::GroupGone { .. }
            | Input::CardChanged { .. }
            | Input::CardGone { .. }
            | Input::BrokerChanged { .. }
            | Input::BrokerGone
            | Input::Cancel { .. }
            | Input::Order(_)
            | Input::Measured { .. }
            | Input::Configure(_)
            | Input::Tick
            | Input::Shutdown => {}
        }
    }

    pub(super) fn apply(&mut self, effect: &Effect, now: Instant) {
        match effect {
            Effect::Ring { call } => self.expect(*call, Standing::Unanswered),
            Effect::Announce { call } => {
                assert!(self.open().contains(call), "{call} is over");
                assert!(self.announced.insert(*call), "{call} was told twice");
            }
            Effect::Answer { call } => {
                assert!(self.sound, "{call} was answered into silence");
                self.pass(*call, Standing::Unanswered, Standing::Answered);
                self.answered.push((*call, now));
            }
            Effect::Welcome { call, .. } => {
                self.pass(*call, Standing::Unanswered, Standing::Answered);
            }
            Effect::Hold { call, .. } => {
                self.pass(*call, Standing::Unanswered, Standing::Answered);
            }
            // It can be hung up on from now on.
            Effect::Dial { call, .. } => {
                let before = self.calls.insert(*call, Standing::Answered);
                assert_eq!(before, None, "{call} was there already");
            }
            Effect::RingAgain { call } => self.expect(*call, Standing::Over),
            Effect::Press { call, .. } => self.expect(*call, Standing::Answered),
            Effect::Report { call, news, .. } => {
                let is_over = matches!(news, DeskNews::Over(_));
                assert!(
                    !self.told_over.contains(&call.call),
                    "{} is over",
                    call.call
                );
                self.told_of.insert(call.call);
                if is_over {
                    self.told_over.insert(call.call);
                }
            }
            Effect::Perform { call, .. } => self.expect(*call, Standing::Answered),
            Effect::Refuse { call, .. } => self.pass(*call, Standing::Unanswered, Standing::Over),
            Effect::HangUp { call, .. } => self.pass(*call, Standing::Answered, Standing::Over),
            Effect::Connect { call, zones, .. } => {
                self.expect(*call, Standing::Answered);
                self.voices.insert(*call, *zones);
            }
            Effect::Disconnect { call } => {
                self.expect(*call, Standing::Over);
                assert!(self.voices.remove(call).is_some(), "{call} had no voice");
            }
            Effect::Play { play, zones, .. } => {
                assert!(self.sound, "a klaxon played into silence");
                assert!(self.known_plays.insert(*play), "a play id came twice");
                self.plays.insert(*play, *zones);
                self.recorded_plays.remove(play);
            }
            Effect::Greet { call, .. } => self.expect(*call, Standing::Answered),
            Effect::Record { recording, .. } => {
                assert!(self.known_recordings.insert(*recording), "an id came twice");
                self.recordings.insert(*recording);
            }
            Effect::RecordPlay { recording, play } => {
                assert!(self.recordings.contains(recording), "over");
                self.recorded_plays.insert(*play);
            }
            Effect::EndRecording { recording } => {
                assert!(self.recordings.remove(recording), "ended twice");
            }
            Effect::MovePlay { play, zones } => {
                if let Some(at) = self.plays.get_mut(play) {
                    *at = *zones;
                }
            }
            Effect::Tell { call, cue } => {
                assert!(self.open().contains(call), "{call} is over");
                self.has_messages |= *cue == Cue::Accepted;
            }
            Effect::StopPlay { play } => {
                assert!(self.known_plays.contains(play), "stopped an unknown play");
                self.plays.remove(play);
            }
            Effect::TakeDown { call, .. }
            | Effect::Dictated { call }
            | Effect::PlayBack { call, .. } => self.expect(*call, Standing::Answered),
            Effect::Forget { sound } => {
                assert!(
                    self.forgotten.insert(*sound),
                    "{sound:?} was forgotten twice"
                );
            }
            Effect::Duck { zones, to, .. } if *to == Db::UNITY => {
                self.ducked = self.ducked.difference(zones);
                self.is_cut &= !self.ducked.is_empty();
            }
            Effect::Duck { zones, .. } => self.ducked = self.ducked.union(zones),
            Effect::Music { .. } | Effect::NextPiece { .. } => {}
            Effect::Ordered { answer, .. } => {
                let voice = self.ordered.take().filter(|_| answer.is_err());
                if let Some(call) = voice {
                    self.calls.insert(call, Standing::Over);
                }
            }
            Effect::Log(note) => {
                assert!(!note.text.contains(char::is_control), "{:?}", note.text);
            }
            Effect::Stopped => {
                assert!(!self.stopped, "stopped twice");
                self.stopped = true;
            }
        }
    }

    fn expect(&self, call: CallId, standing: Standing) {
        assert_eq!(self.calls.get(&call), Some(&standing), "{call}");
    }

    fn pass(&mut self, call: CallId, from: Standing, to: Standing) {
        self.expect(call, from);
        self.calls.insert(call, to);
    }

    /// Whether programs were told of the end of each call that they were told of.
    pub(super) fn all_parted(&self) -> bool {
        self.told_of == self.told_over
    }

    /// The calls that are not over.
    pub(super) fn open(&self) -> Vec<CallId> {
        let open = self.calls.iter().filter(|(_, it)| **it != Standing::Over);
        open.map(|(call, _)| *call).collect()
    }

    pub(super) fn heard(&self) -> ZoneSet {
        let sounding = self.voices.values().chain(self.plays.values());
        sounding.fold(ZoneSet::EMPTY, |all, zones| all.union(zones))
    }

    /// What must hold whenever the effects are drained.
    pub(super) fn check(&self, snapshot: &Snapshot) {
        let shown: Vec<_> = snapshot.calls.iter().map(|it| it.call).collect();
        let open = self.open();
        assert!(shown.iter().all(|call| open.contains(call)));
        assert_eq!(open.len(), shown.len() + snapshot.n_listeners);
        assert!(!self.stopped || open.is_empty(), "calls left behind");
        assert_eq!(self.ducked, snapshot.ducked);
        let heard = self.heard();
        assert!(heard.difference(&self.ducked).is_empty(), "music too loud");
        assert!(self.recorded_plays.is_empty(), "a recorded play is missing");
        let between = [CallState::Klaxon, CallState::Answering, CallState::Greeted];
        let starts = snapshot.calls.iter().any(|it| between.contains(&it.state));
        // Without sound, a message that waits for it keeps its zones as they are.
        let is_right = heard == self.ducked || starts || self.is_cut || !self.sound;
        assert!(is_right, "music down for nobody");
        for call in self.voices.keys() {
            self.expect(*call, Standing::Answered);
        }
        for it in snapshot
            .calls
            .iter()
            .filter(|it| it.state == CallState::Live)
        {
            assert!(self.voices.contains_key(&it.call), "live but not heard");
        }
    }
}
