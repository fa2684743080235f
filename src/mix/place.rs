//! In which zones is one source heard, and how does it get from some to others?

use std::time::Duration;

use crate::base::{RecordingId, SampleRate, ZoneSet};
use crate::dsp::{Ramp, Shape};
use crate::mix::buses::Buses;
use crate::mix::engine::MAX_BLOCK;
use crate::mix::zone::Kind;

/// Long enough that nobody hears a click, short enough that nobody hears two pages.
const FADE: Duration = Duration::from_millis(20);

/// The zones of a source. A move is a crossfade of the whole sets: an output of zones of both
/// hears no change.
pub(super) struct Place {
    zones: ZoneSet,
    before: ZoneSet,
    /// The part of `zones`; the rest is that of `before`.
    fade: Ramp,
    /// How long a move takes.
    takes: Duration,
    /// Asked for while a move was under way.
    next: Option<ZoneSet>,
    /// The recording that it belongs to.
    pub(super) recording: Option<RecordingId>,
}

impl Place {
    pub(super) fn new(zones: ZoneSet) -> Self {
        Self {
            zones,
            before: zones,
            fade: Ramp::resting(1.0),
            takes: FADE,
            next: None,
            recording: None,
        }
    }

    /// Comes in from nowhere, and moves, in so much time.
    pub(super) fn come_within(&mut self, span: Duration, rate: SampleRate) {
        let zones = std::mem::replace(&mut self.zones, ZoneSet::EMPTY);
        self.takes = span.max(FADE);
        self.go(zones, rate);
    }

    // == realtime below ==

    /// Goes to these zones, after the move that is under way.
    pub(super) fn go(&mut self, zones: ZoneSet, rate: SampleRate) {
        if self.fade.at_rest().is_none() || self.next.is_some() {
            self.next = Some(zones);
            return;
        }
        if zones == self.zones {
            return;
        }
        self.before = self.zones;
        self.zones = zones;
        self.fade.jump(0.0);
        self.fade.go(1.0, rate.frames_in(self.takes), Shape::Smooth);
    }

    /// Adds the frames to the zones where they belong.
    pub(super) fn add(
        &mut self,
        frames: &mut [f32],
        kind: Kind,
        speech: &mut Buses,
        rate: SampleRate,
    ) {
        if self.fade.at_rest().is_some() {
            if let Some(next) = self.next.take() {
                self.go(next, rate);
            } else {
                return speech.add(self.zones, kind, frames, self.recording);
            }
        }
        let mut gains = [0.0; MAX_BLOCK];
        let gains = &mut gains[..frames.len()];
        self.fade.fill(gains);
        let mut leaving = [0.0; MAX_BLOCK];
        let leaving = &mut leaving[..frames.len()];
        for ((out, frame), gain) in leaving.iter_mut().zip(frames.iter_mut()).zip(gains) {
            *out = *frame * (1.0 - *gain);
            *frame *= *gain;
        }
        speech.add(self.before, kind, leaving, self.recording);
        speech.add(self.zones, kind, frames, self.recording);
    }
}
