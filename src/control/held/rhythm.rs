//! How does a telephone ring by a rhythm of ours?
//!
//! ```text
//!  Dialling ── the ring is over: hang up ──► Pausing ── so is the silence: dial anew ──► Dialling
//! ```
//!
//! Outside, each ring is a call of its own. For programs and for the history all of them are one.

use std::time::Instant;

use super::{HeldCall, Stage};
use crate::base::CallId;
use crate::control::{Core, Effect};

impl HeldCall {
    /// Nobody is called just now.
    pub(super) fn is_pausing(&self) -> bool {
        matches!(self.stage, Stage::Pausing { .. })
    }
}

impl Core {
    /// A ring is over, and a silence begins.
    pub(super) fn pause_held(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.held.calls.get_mut(&id) else {
            return;
        };
        let until = call.ringing.as_mut().map(|it| it.pauses_until(now));
        call.stage = Stage::Pausing { until };
        let why = "a silence of its rhythm".to_owned();
        self.effects.push_back(Effect::HangUp { call: id, why });
    }

    /// A silence is over.
    pub(super) fn pause_over(&mut self, id: CallId) {
        if let Some(call) = self.held.calls.get_mut(&id) {
            call.stage = Stage::Pausing { until: None };
            self.effects.push_back(Effect::RingAgain { call: id });
        }
    }

    /// That is the call of the next ring; what rang may be over meanwhile.
    pub(in crate::control) fn held_rings_again(
        &mut self,
        before: CallId,
        id: CallId,
        now: Instant,
    ) {
        let waits = |call: &mut HeldCall| call.stage == Stage::Pausing { until: None };
        let calls = &mut self.held.calls;
        if !calls.get_mut(&before).is_some_and(waits) {
            return;
        }
        let Some(mut call) = calls.remove(&before) else {
            return;
        };
        let ringing = call.ringing.as_ref();
        let until = ringing.map_or(now, |it| it.rings_until(now));
        let tone = ringing.and_then(|it| it.tone());
        call.stage = Stage::Dialling { until };
        self.effects.push_back(Effect::Dial {
            call: id,
            desk: call.desk.name.clone(),
            number: call.number.clone(),
            tone,
        });
        calls.insert(id, call);
    }
}
