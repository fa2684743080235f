//! How is sound made a little shorter or longer without being heard?
//!
//! A piece that resembles its successor is blended into it, or played twice with a blend between:
//! in a voice that is one pitch period, in silence anything.

use crate::media::pitch;

/// How much of itself a sound is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// Low enough that nobody notices what is cut.
    Quiet,
    Loud,
}

/// Takes up to `most` frames out of the end of `out` from `start` on; returns how many.
pub(super) fn squeeze(out: &mut Vec<f32>, start: usize, most: usize, kind: Sound) -> usize {
    let Some(lag) = piece(&out[start..], most, kind) else {
        return 0;
    };
    for i in 0..lag {
        let rise = (i as f32 + 0.5) / lag as f32;
        let (a, b) = (out[start + i], out[start + lag + i]);
        out[start + i] = a + (b - a) * rise;
    }
    out.drain(start + lag..start + 2 * lag);
    lag
}

/// Adds up to `most` frames to the end of `out` from `start` on; returns how many.
pub(super) fn stretch(out: &mut Vec<f32>, start: usize, most: usize, kind: Sound) -> usize {
    let Some(lag) = piece(&out[start..], most, kind) else {
        return 0;
    };
    let end = out.len();
    out.resize(end + lag, 0.0);
    out.copy_within(start + lag..end, start + 2 * lag);
    for i in 0..lag {
        let rise = (i as f32 + 0.5) / lag as f32;
        let (first, second) = (out[start + i], out[start + 2 * lag + i]);
        out[start + lag + i] = second + (first - second) * rise;
    }
    lag
}

/// The length of a piece that resembles its successor.
fn piece(sound: &[f32], most: usize, kind: Sound) -> Option<usize> {
    let most = most.min(sound.len() / 2);
    match kind {
        Sound::Quiet => (most >= SHORTEST).then_some(most),
        Sound::Loud => (SHORTEST..=most)
            .map(|lag| (lag, pitch::likeness(&sound[..lag], &sound[lag..2 * lag], 1)))
            .filter(|&(_, likeness)| likeness > ALIKE)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(lag, _)| lag),
    }
}

/// Frames below which nothing is gained.
const SHORTEST: usize = 8;
/// Above this likeness the blend of two periods sounds like one.
const ALIKE: f32 = 0.85;
