//! How do the words of a caller get from the media thread to the core, and back to the caller?

use super::Service;
use crate::base::{CallId, Pcm};
use crate::control::{Input, Sound};
use crate::daemon::dictation::{self, Prepared};
use crate::daemon::settings;

impl Service {
    /// Has what a caller said made ready, beside: two minutes take a second.
    pub(super) fn prepare_take(&mut self, call: CallId, said: Vec<Pcm>) {
        let treatment = settings::treatment(&self.config);
        let (rate, takes) = (self.console.vitals().rate(), self.takes.clone());
        tokio::task::spawn_blocking(move || {
            let take = dictation::prepare(said, treatment, rate);
            // Nobody waits for it when the program ends.
            let _ = takes.send(Prepared { call, take });
        });
    }

    pub(super) fn prepared(&mut self, prepared: Prepared) {
        let Prepared { call, take } = prepared;
        let clip = take.map(|take| self.dictated.keep(take));
        self.inputs.push_back(Input::Dictated { call, clip });
    }

    pub(super) fn play_back(&mut self, call: CallId, sound: Sound) {
        match self.dictated.take(sound) {
            Some(take) => self.legs.play(call, &take.for_caller),
            None => self.inputs.push_back(Input::Performed { call }),
        }
    }

    /// The call has no sound any more.
    pub(super) fn end_leg(&mut self, call: CallId) {
        self.dictating.remove(&call);
        self.legs.end(call);
    }
}
