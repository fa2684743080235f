//! What do the tests measure signals with?

use std::f64::consts::TAU;

use crate::base::SampleRate;

/// `n` frames of a tone.
pub(super) fn sine(hz: f32, rate: SampleRate, amplitude: f32, n: usize) -> Vec<f32> {
    let step = TAU * f64::from(hz) / f64::from(rate.hz());
    (0..n)
        .map(|i| amplitude * (step * i as f64).sin() as f32)
        .collect()
}

/// `n` frames of noise, evenly spread up to `amplitude`, the same for the same `seed`.
pub(super) fn noise(seed: u64, amplitude: f32, n: usize) -> Vec<f32> {
    let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..n)
        .map(|_| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            amplitude * ((dice >> 40) as f32 / (1 << 23) as f32 - 1.0)
        })
        .collect()
}

/// Something with the ups and downs of speech: noisy vowels of 250 ms with gaps between, whose
/// peaks reach about `amplitude`.
pub(super) fn babble(seed: u64, rate: SampleRate, amplitude: f32, seconds: usize) -> Vec<f32> {
    let hz = rate.hz() as usize;
    let hiss = noise(seed, 0.2, hz * seconds);
    let syllable = hz / 4;
    let tone = |i: usize| {
        let pitch = 110.0 + 20.0 * ((i / syllable) % 5) as f64;
        let turn = TAU * pitch * i as f64 / hz as f64;
        (1..20)
            .map(|n| (turn * f64::from(n)).sin() / f64::from(n).sqrt())
            .sum::<f64>() as f32
    };
    let shape = |i: usize| {
        let at = (i % syllable) as f32 / syllable as f32;
        let is_pause = (i / syllable) % 7 == 6;
        let rise = (at / 0.1).min(1.0);
        if is_pause {
            0.0
        } else {
            rise * (-4.0 * at).exp()
        }
    };
    (0..hz * seconds)
        .map(|i| amplitude * shape(i) * (tone(i) / 6.0 + hiss[i]))
        .collect()
}

/// The level of a steady tone behind `process`, in dB against before; blocks of odd sizes.
pub(super) fn level_through(hz: f32, rate: SampleRate, mut process: impl FnMut(&mut [f32])) -> f32 {
    let n = rate.hz() as usize;
    let mut frames = sine(hz, rate, 0.25, 2 * n);
    for block in frames.chunks_mut(173) {
        process(block);
    }
    let step = TAU * f64::from(hz) / n as f64;
    let (mut s, mut c) = (0.0, 0.0);
    // A whole second holds whole turns of every whole frequency.
    for (i, &x) in frames.iter().enumerate().skip(n) {
        s += f64::from(x) * (step * i as f64).sin();
        c += f64::from(x) * (step * i as f64).cos();
    }
    let amplitude = (s * s + c * c).sqrt() * 2.0 / n as f64;
    (20.0 * (amplitude / 0.25).log10()) as f32
}

/// Root mean square in dB below a full-scale square.
pub(super) fn rms_db(frames: &[f32]) -> f32 {
    let power: f64 = frames.iter().map(|&x| f64::from(x).powi(2)).sum();
    (10.0 * (power / frames.len() as f64).log10()) as f32
}

pub(super) fn largest_step(frames: &[f32]) -> f32 {
    let steps = frames.windows(2).map(|w| (w[1] - w[0]).abs());
    steps.fold(0.0, f32::max)
}
