//! How like is what was heard to what was said?

use super::rig::Chance;
use crate::media::pitch::likeness;

/// A voice that glides between 95 and 175 Hz, in words with pauses between, over a little noise.
pub(super) fn speech(seconds: usize) -> Vec<f32> {
    let mut chance = Chance(99);
    let mut phase = 0.0f64;
    (0..seconds * 8_000)
        .map(|i| {
            let t = i as f64 / 8_000.0;
            let pitch = 135.0 + 40.0 * (t * 2.3).sin();
            phase += pitch / 8_000.0;
            let word = (t * 1.7).fract() / 0.75;
            let level = if word < 1.0 {
                (word * std::f64::consts::PI).sin()
            } else {
                0.0
            };
            // A formant that wanders, so that no two moments are alike.
            let formant = 800.0 + 400.0 * (t * 5.1).sin();
            let tone: f64 = (1..12)
                .map(|k| {
                    let k = f64::from(k);
                    let near = 1.0 / (1.0 + ((k * pitch - formant) / 400.0).powi(2));
                    (phase * k * std::f64::consts::TAU).sin() * (0.1 + near)
                })
                .sum();
            (tone * level * 0.2 + (chance.even() - 0.5) * 0.002) as f32
        })
        .collect()
}

/// The same with nothing where a packet was lost.
pub(super) fn with_holes(speech: &[f32], packet: usize, lost: impl Fn(usize) -> bool) -> Vec<f32> {
    let mut holed = speech.to_vec();
    for (i, part) in holed.chunks_mut(packet).enumerate() {
        if lost(i) {
            part.fill(0.0);
        }
    }
    holed
}

/// A place where something said was heard again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) said: usize,
    pub(super) heard: usize,
    pub(super) likeness: f32,
}

/// Looks for every 20 ms of what was said, where it is loud, up to `most` frames later than it
/// was said.
pub(super) fn found(said: &[f32], heard: &[f32], most: usize) -> Vec<Found> {
    let mut all = Vec::new();
    let mut last = None;
    for at in (0..said.len().saturating_sub(PART)).step_by(PART) {
        let part = &said[at..at + PART];
        if part.iter().map(|x| x * x).sum::<f32>() < LOUD * PART as f32 {
            continue;
        }
        // Near the last place first: the delay seldom changes.
        let near = last.map_or(0..=most, |l: usize| l.saturating_sub(90)..=l + 90);
        let mut best = best(part, heard, at, near);
        if best.likeness < 0.9 {
            let anywhere = self::best(part, heard, at, 0..=most);
            if anywhere.likeness > best.likeness + 0.05 {
                best = anywhere;
            }
        }
        if best.likeness > 0.9 {
            last = Some(best.heard.saturating_sub(at));
        }
        all.push(best);
    }
    all
}

fn best(part: &[f32], heard: &[f32], at: usize, shifts: std::ops::RangeInclusive<usize>) -> Found {
    let mut best = Found {
        said: at,
        heard: at,
        likeness: 0.0,
    };
    for shift in shifts {
        let Some(there) = heard.get(at + shift..at + shift + PART) else {
            break;
        };
        let likeness = likeness(part, there, 1);
        if likeness > best.likeness {
            best = Found {
                said: at,
                heard: at + shift,
                likeness,
            };
        }
    }
    best
}

/// The mean over all that was found of how much of it is something else: 0 is perfect.
pub(super) fn distortion(found: &[Found]) -> f32 {
    let sum: f32 = found.iter().map(|f| 1.0 - f.likeness * f.likeness).sum();
    sum / found.len() as f32
}

pub(super) fn largest_step(sound: &[f32]) -> f32 {
    let steps = sound.windows(2).map(|w| (w[1] - w[0]).abs());
    steps.fold(0.0, f32::max)
}

const PART: usize = 160;
/// −36 dB.
const LOUD: f32 = 2.5e-4;
