//! Which keys are in the sound itself?

use std::collections::VecDeque;

use crate::base::SampleRate;
use crate::dsp::Dtmf;
use crate::rtp::Key;

/// Keys that nobody asks for are forgotten beyond this.
const MAX_KEYS: usize = 64;

/// Listens to the sound of a call whose peer sends no events.
pub(super) struct InBand {
    dtmf: Dtmf,
    keys: VecDeque<Key>,
}

impl InBand {
    /// A listener for sound at `rate`.
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            dtmf: Dtmf::new(rate),
            keys: VecDeque::new(),
        }
    }

    /// Takes what goes into the feed.
    pub(super) fn listen(&mut self, frames: &[f32]) {
        let mut rest = frames;
        while !rest.is_empty() {
            let (n, pressed) = self.dtmf.listen(rest);
            rest = &rest[n..];
            if let Some(pressed) = pressed
                && self.keys.len() < MAX_KEYS
            {
                self.keys.push_back(Key {
                    digit: pressed.digit,
                    duration: pressed.duration,
                });
            }
        }
    }

    /// The next key, in the order of their ends.
    pub(super) fn poll(&mut self) -> Option<Key> {
        self.keys.pop_front()
    }
}
