//! What plays in the demo's shop before anybody calls?

use std::f32::consts::TAU;

use crate::base::{Pcm, SampleRate};

/// A quiet endless arpeggio, mono, one turn of it, peak below −12 dBFS.
pub(super) fn arpeggio(rate: SampleRate) -> Pcm {
    let note_frames = rate.frames_in(NOTE);
    let mut samples = vec![0.0; note_frames * NOTES.len()];
    let turn = samples.len();
    for (i, &pitch) in NOTES.iter().enumerate() {
        // Each note rings on under the next two, round the end of the turn.
        for at in 0..note_frames * 3 {
            let t = at as f32 / rate.hz() as f32;
            let attack = (t / 0.01).min(1.0);
            let tone = (TAU * pitch * t).sin() + 0.4 * (TAU * 2.0 * pitch * t).sin();
            samples[(i * note_frames + at) % turn] += 0.07 * attack * (-t * 4.0).exp() * tone;
        }
    }
    Pcm::mono(rate, samples)
}

const NOTE: std::time::Duration = std::time::Duration::from_millis(220);

/// A minor seventh chord up and down, in hertz.
const NOTES: [f32; 8] = [220.0, 261.63, 329.63, 392.0, 440.0, 392.0, 329.63, 261.63];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_music_is_quiet_enough_to_be_talked_over_and_joins_without_a_click() {
        let turn = arpeggio(SampleRate::HZ_48000).samples;
        let peak = turn.iter().fold(0f32, |p, s| p.max(s.abs()));
        assert!((0.05..0.25).contains(&peak), "{peak}");
        let joint = (turn[0] - turn[turn.len() - 1]).abs();
        let largest = turn
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0f32, f32::max);
        assert!(joint <= largest, "{joint} > {largest}");
    }
}
