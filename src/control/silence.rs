//! When has a caller on the speakers said nothing for too long?

use std::time::{Duration, Instant};

use super::call::{Due, after};
use super::groups::Kind;
use super::health::seconds;
use super::verdict::Voice;
use super::{Core, Cue, Effect, Level};
use crate::base::{CallId, ZoneSet};

/// How long a caller has said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quiet {
    since: Instant,
    /// The call ends after so long.
    span: Duration,
    is_warned: bool,
}

impl Quiet {
    pub(super) fn due(self) -> (Instant, Due) {
        if self.is_warned {
            return (after(self.since, self.span), Due::Silence);
        }
        let warned_after = self.span.saturating_sub(WARNING.min(self.span / 2));
        (after(self.since, warned_after), Due::Hush)
    }
}

impl Core {
    /// A voice belongs into these zones from now on. Who is heard nowhere is rightly silent, and
    /// nothing cuts an emergency off.
    pub(super) fn listen_for_silence(&mut self, id: CallId, zones: &ZoneSet, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        // What comes by a group ends by rules of its own.
        let is_stream = call.kind == Kind::Stream;
        let may_end = !is_stream && !zones.is_empty() && !self.is_emergency(call.page);
        let fresh = self.policy.silence_hang_up.filter(|_| may_end);
        let fresh = fresh.map(|span| Quiet {
            since: now,
            span,
            is_warned: false,
        });
        if let Some(call) = self.calls.get_mut(&id) {
            call.quiet = fresh.map(|fresh| call.quiet.unwrap_or(fresh));
        }
    }

    /// The caller says something.
    pub(super) fn call_sounded(&mut self, id: CallId, now: Instant) {
        self.voice_came(id, Voice::Sounds);
        let call = self.calls.get_mut(&id);
        if let Some(quiet) = call.and_then(|call| call.quiet.as_mut()) {
            quiet.since = now;
            quiet.is_warned = false;
        }
    }

    pub(super) fn silence_warned(&mut self, id: CallId) {
        let call = self.calls.get_mut(&id);
        if let Some(quiet) = call.and_then(|call| call.quiet.as_mut()) {
            quiet.is_warned = true;
            let cue = Cue::NearlyOver;
            self.effects.push_back(Effect::Tell { call: id, cue });
        }
    }

    pub(super) fn silence_over(&mut self, id: CallId, now: Instant) {
        let quiet = self.calls.get(&id).and_then(|call| call.quiet);
        if let Some(quiet) = quiet {
            let why = format!("the caller said nothing for {}", seconds(quiet.span));
            self.hang_up(id, &why, Level::Warn, now);
        }
    }
}

/// How long before the end the caller is told; of a short span it is half.
const WARNING: Duration = Duration::from_secs(5);
