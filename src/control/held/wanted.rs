//! What do programs want of calls that are held for them?

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Dialling, HeldCall, PATIENCE, Stage};
use crate::base::CallId;
use crate::control::desk::{Desk, DeskKind, DeskNews, Origin, Party, Way};
use crate::control::keys::Keypad;
use crate::control::ringing::Ringing;
use crate::control::{Core, Denied, Effect, Refusal, Who};

impl Core {
    /// Calls a number by the trunk of a relay.
    pub(in crate::control) fn dial_held(
        &mut self,
        id: CallId,
        from: Origin,
        number: String,
        now: Instant,
    ) -> Result<(), Denied> {
        let (name, party) = match from {
            Origin::Program(driver) => {
                let name = self.held.drivers.get(&driver).cloned();
                (name.ok_or(Denied::Gone)?, Party::One(driver))
            }
            Origin::Desk(name) => (name, Party::Nobody),
        };
        let is_meant = |it: &&Desk| it.name == name && it.kind == DeskKind::Relay;
        let desk = self.policy.desks.iter().find(is_meant);
        let desk = desk.ok_or(Denied::Gone)?.clone();
        if self.held.of_desk(&desk.name).count() >= desk.most {
            return Err(Denied::TooMany);
        }
        let dialling = Dialling {
            desk,
            party,
            number,
            pattern: None,
            patience: PATIENCE,
        };
        self.dial_for(id, dialling, now);
        Ok(())
    }

    pub(in crate::control) fn dial_for(&mut self, id: CallId, dialling: Dialling, now: Instant) {
        let Dialling {
            desk,
            party,
            number,
            pattern,
            patience,
        } = dialling;
        let ringing = Ringing::new(pattern, now + patience);
        let (until, tone) = (ringing.rings_until(now), ringing.tone());
        let name = desk.name.clone();
        let call = HeldCall {
            way: Way::Out,
            who: Who {
                caller: name.clone(),
                dialled: number.clone(),
            },
            desk,
            number: number.clone(),
            party,
            joined: BTreeSet::new(),
            attended_at: now,
            arrived_at: now,
            stage: Stage::Dialling { until },
            ringing: Some(ringing),
            since: now,
            ring_at: now,
            keypad: Keypad::default(),
            recording: None,
        };
        self.held.calls.insert(id, call);
        self.note_held(id, "dialled");
        self.effects.push_back(Effect::Dial {
            call: id,
            desk: name,
            number,
            tone,
        });
        self.report(id, DeskNews::Dials);
    }

    /// Answers a call that waits for it.
    pub(in crate::control) fn take_held(&mut self, id: CallId, now: Instant) -> Result<(), Denied> {
        let call = self.held.calls.get(&id);
        match call.map(|call| call.stage) {
            Some(Stage::Waiting { .. }) => {
                self.answer_held(id, now);
                Ok(())
            }
            // Asked twice.
            Some(Stage::Answered { .. } | Stage::Talking { .. }) => Ok(()),
            // The other side is to answer.
            Some(Stage::Dialling { .. } | Stage::Pausing { .. }) => Err(Denied::Busy),
            None => Err(Denied::Gone),
        }
    }

    /// Ends a call in whatever state it is; false if there is none.
    pub(in crate::control) fn drop_held(&mut self, id: CallId, why: &str, now: Instant) -> bool {
        let is_there = self.held.calls.contains_key(&id);
        self.part_held(id, why, Refusal::Busy, now);
        is_there
    }

    /// Presses keys at the other side.
    pub(in crate::control) fn press_held(
        &mut self,
        id: CallId,
        keys: String,
        now: Instant,
    ) -> Result<(), Denied> {
        let call = self.held.calls.get_mut(&id).ok_or(Denied::Gone)?;
        if !call.is_answered() {
            return Err(Denied::Busy);
        }
        call.attended_at = now;
        self.effects.push_back(Effect::Press { call: id, keys });
        Ok(())
    }

    /// Whether a program may join that call.
    pub(in crate::control) fn can_join(&self, id: CallId) -> Result<(), Denied> {
        let is_there = self.held.calls.contains_key(&id);
        is_there.then_some(()).ok_or(Denied::Gone)
    }
}
