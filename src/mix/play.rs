//! How is a sound from memory played?

use std::sync::Arc;
use std::time::Duration;

use crate::base::{PlayId, SampleRate, ZoneSet};
use crate::dsp::ease;
use crate::mix::place::Place;
use crate::mix::zone::Kind;

/// How a sound ends that is cut short.
const FADE_OUT: Duration = Duration::from_millis(10);

/// One playing of a sound. Made outside, lent to the engine, sent back when it has ended.
pub(super) struct Play {
    pub(super) id: PlayId,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) rate: SampleRate,
    sound: Arc<Vec<f32>>,
    gain: f32,
    at: usize,
    /// Frames that are played, all fades included; never beyond the sound.
    end: usize,
    /// Length of the fade before `end`.
    fade: usize,
}

impl Play {
    /// `sound` is mono at `rate`; after `longest` it is cut.
    pub(super) fn new(
        id: PlayId,
        sound: Arc<Vec<f32>>,
        rate: SampleRate,
        (zones, kind): (ZoneSet, Kind),
        gain: f32,
        longest: Option<Duration>,
    ) -> Self {
        let longest = longest.map_or(usize::MAX, |span| rate.frames_in(span));
        let end = sound.len().min(longest);
        let is_cut = end < sound.len();
        let fade = if is_cut {
            rate.frames_in(FADE_OUT).min(end)
        } else {
            0
        };
        Self {
            id,
            place: Place::new(zones),
            kind,
            rate,
            sound,
            gain,
            at: 0,
            end,
            fade,
        }
    }

    // == realtime below ==

    /// Fades out and ends.
    pub(super) fn stop(&mut self) {
        let left = self.end - self.at;
        let fade = self.rate.frames_in(FADE_OUT);
        // Nearly over: it may as well end as it would have.
        if left <= fade {
            return;
        }
        self.end = self.at + fade;
        self.fade = fade;
    }

    /// Ends where it is; only while nothing sounds.
    pub(super) fn end(&mut self) {
        self.end = self.at;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.at >= self.end
    }

    /// Makes the next frames, silence after the end. False means silence, and `out` is as it was.
    pub(super) fn render(&mut self, out: &mut [f32]) -> bool {
        if self.has_ended() {
            return false;
        }
        let n = out.len().min(self.end - self.at);
        let (sounding, silent) = out.split_at_mut(n);
        let sound = &self.sound[self.at..self.at + n];
        for (frame, x) in sounding.iter_mut().zip(sound) {
            *frame = x * self.gain;
        }
        silent.fill(0.0);
        self.fade_out(sounding);
        self.at += n;
        true
    }

    /// Scales what lies within the fade; `frames` begin at `at`.
    fn fade_out(&self, frames: &mut [f32]) {
        let fade_at = self.end - self.fade;
        let before = fade_at.saturating_sub(self.at).min(frames.len());
        for (i, frame) in frames.iter_mut().enumerate().skip(before) {
            let left = self.end - self.at - i - 1;
            *frame *= ease(left as f32 / self.fade as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(frames: usize, longest: Option<Duration>) -> Play {
        let sound = Arc::new(vec![1.0; frames]);
        let rate = SampleRate::HZ_48000;
        let zones = (ZoneSet::first(1), Kind::Speech);
        Play::new(PlayId(1), sound, rate, zones, 0.5, longest)
    }

    fn run(play: &mut Play, block: usize) -> Vec<f32> {
        let (mut all, mut out) = (vec![], vec![9.0; block]);
        while play.render(&mut out) {
            all.extend(&out);
        }
        all
    }

    #[test]
    fn it_plays_exactly_its_frames() {
        let out = run(&mut play(1_000, None), 256);
        assert!(out[..1_000].iter().all(|&x| x == 0.5));
        assert!(out[1_000..].iter().all(|&x| x == 0.0));
    }

    #[test]
    fn the_cut_is_exact_and_faded() {
        let out = run(&mut play(48_000, Some(Duration::from_millis(100))), 256);
        assert_eq!(out[4_319], 0.5);
        assert!(out[4_320] < 0.5);
        assert_eq!(out[4_799], 0.0);
        let step = out
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max);
        assert!(step < 0.5 * 1.6 / 480.0, "{step}");
    }

    #[test]
    fn a_longest_beyond_the_sound_cuts_nothing() {
        let out = run(&mut play(1_000, Some(Duration::from_secs(9))), 100);
        assert!(out.len() == 1_000 && out.iter().all(|&x| x == 0.5));
    }

    #[test]
    fn stopping_fades_from_where_it_is() {
        let mut play = play(48_000, None);
        let mut out = [0.0; 256];
        play.render(&mut out);
        play.stop();
        play.stop();
        let rest = run(&mut play, 48);
        assert_eq!(rest.len(), 480);
        assert!(rest[0] > 0.499 && rest[479] == 0.0);
    }

    #[test]
    fn an_empty_sound_has_ended_at_once() {
        assert!(play(0, None).has_ended());
        assert!(play(10, Some(Duration::ZERO)).has_ended());
    }
}
