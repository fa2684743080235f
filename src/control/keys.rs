//! What does a key mean that a caller presses?

use std::time::Instant;

use super::call::Stage;
use super::{Core, KeyWay};
use crate::base::CallId;

/// What is remembered of a caller's keys. Some phones tell each key in two ways at once; then only
/// the way counts that came first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keypad {
    way: Option<KeyWay>,
}

impl Keypad {
    /// Whether a key that comes this way counts.
    pub(super) fn takes(&mut self, way: KeyWay) -> bool {
        *self.way.get_or_insert(way) == way
    }
}

impl Core {
    /// A key can only come from somebody who has got our answer, so it is a sign of them too.
    pub(super) fn key_pressed(&mut self, id: CallId, key: char, way: KeyWay, now: Instant) {
        let Some(call) = self.calls.get_mut(&id).filter(|_| is_key(key)) else {
            return;
        };
        if call.answered.is_none() || !call.keypad.takes(way) {
            return;
        }
        call.heard = true;
        match call.stage {
            Stage::Entering { .. } => self.key_entered(id, key, now),
            Stage::Dictating => self.dictation_key(id, key, now),
            Stage::Queued
            | Stage::Klaxon
            | Stage::Answering { .. }
            | Stage::Judging { .. }
            | Stage::Live
            | Stage::Greeting { .. }
            | Stage::Farewell { .. } => {}
        }
    }
}

fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_told_in_two_ways_counts_once() {
        let mut keypad = Keypad::default();
        let told = [KeyWay::Sound, KeyWay::Signalling, KeyWay::Sound];
        assert_eq!(told.map(|way| keypad.takes(way)), [true, false, true]);
        assert_eq!(
            ['0', '9', '*', '#', 'D', 'E', 'a', ' '].map(is_key),
            [true, true, true, true, true, false, false, false]
        );
    }
}
