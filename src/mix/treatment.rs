//! What is done to a caller's voice before it goes anywhere?
//!
//! ```text
//!  frames of the feed ─► howl guard ─► agc ─► speech filter ─► frames at the feed's own rate
//! ```
//!
//! At the rate of the feed, because a narrow voice needs a sixth of the work there.

use crate::base::{Db, SampleRate};
use crate::dsp::{Agc, Cure, Howl, HowlGuard, Speech, SpeechFilter};

/// How voices are made fit for loudspeakers; nothing is done by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Treatment {
    /// What is done about a loudspeaker that feeds the caller's phone.
    pub howl: Cure,
    /// The loudness, in LUFS, that quiet and loud callers are brought to.
    pub agc: Option<Db>,
    /// Band-pass, gate and compressors.
    pub speech_filter: Option<Speech>,
}

/// The treatment of one voice.
pub(super) struct Treating {
    guard: HowlGuard,
    agc: Agc,
    filter: SpeechFilter,
}

impl Treating {
    /// For frames at `rate`. Allocates.
    pub(super) fn new(treatment: Treatment, rate: SampleRate) -> Self {
        Self {
            guard: HowlGuard::new(treatment.howl, rate),
            agc: Agc::new(treatment.agc, rate),
            filter: SpeechFilter::new(treatment.speech_filter, rate),
        }
    }

    // == realtime below ==

    /// Turns to another treatment without a step.
    pub(super) fn set(&mut self, treatment: Treatment) {
        self.guard.set(treatment.howl);
        self.agc.set_target(treatment.agc);
        self.filter.set(treatment.speech_filter);
    }

    /// Treats the next frames in place; bit-exact while nothing is to be done.
    pub(super) fn process(&mut self, frames: &mut [f32]) {
        self.guard.process(frames);
        self.agc.process(frames);
        self.filter.process(frames);
    }
    /// How often it howled, and how the last time.
    pub(super) fn howls(&self) -> Option<(u32, Howl)> {
        let (n, last) = self.guard.howls();
        last.map(|last| (n, last))
    }
}
