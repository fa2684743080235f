//! Who speaks over a connection, and what are they told?
//!
//! ```text
//!  api::Line ─► Microphones: talk ─► net::microphone ══feed══► mix::Console
//!      ▲── Hint ──────┘ ◄── cues, the end ── control::Core
//! ```

use std::collections::BTreeMap;
use std::io;

use tokio::sync::mpsc::UnboundedSender;

use crate::api::{Hint, Line};
use crate::base::{CallId, FeedRx};
use crate::control::{Cue, OrderId};
use crate::net;

/// Those who speak, or wait for it.
#[derive(Default)]
pub(in crate::daemon) struct Microphones(BTreeMap<CallId, Microphone>);

struct Microphone {
    /// The order by which it was asked for.
    order: OrderId,
    /// The engine's end of the voice, until the engine has it.
    voice: Option<FeedRx>,
    hints: UnboundedSender<Hint>,
}

impl Microphones {
    /// Somebody wants to speak, whom the core will know as that call.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::daemon) fn begin(
        &mut self,
        call: CallId,
        order: OrderId,
        line: Line,
        events: UnboundedSender<net::Event>,
    ) -> io::Result<()> {
        let Line { talk, hints } = line;
        let voice = Some(net::microphone::listen(call, talk, events)?);
        let microphone = Microphone {
            order,
            voice,
            hints,
        };
        self.0.insert(call, microphone);
        Ok(())
    }

    /// There is no page for whoever asked by that order, if anybody did.
    pub(in crate::daemon) fn refused(&mut self, order: OrderId) {
        self.0.retain(|_, it| it.order != order);
    }

    /// The voice; `None` once it was taken.
    pub(in crate::daemon) fn take_voice(&mut self, call: CallId) -> Option<FeedRx> {
        self.0.get_mut(&call)?.voice.take()
    }

    /// Tells how things stand; false if the call is none of these.
    pub(in crate::daemon) fn tell(&self, call: CallId, cue: Cue) -> bool {
        let Some(microphone) = self.0.get(&call) else {
            return false;
        };
        let hint = match cue {
            Cue::Queued { n_before } => Some(Hint::Queued { before: n_before }),
            Cue::SpeakNow => Some(Hint::Speak),
            Cue::NearlyOver => Some(Hint::NearlyOver),
            Cue::Displaced => Some(Hint::Displaced),
            // Nothing is asked of who speaks over a connection.
            Cue::Enter { .. } | Cue::Wrong | Cue::Accepted | Cue::Decide | Cue::Cancelled => None,
        };
        if let Some(hint) = hint {
            // Who has gone away meanwhile does not hear it.
            microphone.hints.send(hint).ok();
        }
        true
    }

    /// The page is over; false if the call is none of these.
    pub(in crate::daemon) fn over(&mut self, call: CallId, why: &str) -> bool {
        let Some(microphone) = self.0.remove(&call) else {
            return false;
        };
        let reason = why.to_owned();
        microphone.hints.send(Hint::Over { reason }).ok();
        true
    }
}
