//! What came out, in numbers?

use std::f32::consts::TAU;

/// The amplitude of `hz` in each window of `window` frames, Hann weighted (Goertzel).
pub fn level_over_time(samples: &[f32], rate: u32, hz: f32, window: usize) -> Vec<f32> {
    let windows = samples.chunks_exact(window);
    windows.map(|w| level(w, rate, hz)).collect()
}

/// The amplitude of `hz` in all of `samples`; a sine of amplitude 0.5 gives 0.5.
pub fn level(samples: &[f32], rate: u32, hz: f32) -> f32 {
    let n = samples.len() as f32;
    let turn = TAU * hz / rate as f32;
    let coefficient = f64::from(2.0 * turn.cos());
    let (mut last, mut before) = (0.0f64, 0.0f64);
    for (i, sample) in samples.iter().enumerate() {
        let weight = 0.5 - 0.5 * (TAU * i as f32 / n).cos();
        let next = f64::from(sample * weight) + coefficient * last - before;
        (before, last) = (last, next);
    }
    let power = last * last + before * before - coefficient * last * before;
    // The Hann window halves the sum.
    power.max(0.0).sqrt() as f32 * 4.0 / n
}

/// How many tenths of a second a tone is heard in.
pub fn n_tenths(samples: &[f32], rate: u32, hz: f32) -> usize {
    let levels = level_over_time(samples, rate, hz, rate as usize / 10);
    levels.iter().filter(|&&level| level > 0.05).count()
}

/// `level` of a tone whose pitch wavers while its delay is steered: the middle one of short
/// windows.
pub fn wavering_level(samples: &[f32], rate: u32, hz: f32) -> f32 {
    median(&level_over_time(samples, rate, hz, rate as usize / 20))
}

pub fn db(ratio: f32) -> f32 {
    20.0 * ratio.max(1e-9).log10()
}

pub fn rms(samples: &[f32]) -> f32 {
    let sum: f64 = samples.iter().map(|s| f64::from(s * s)).sum();
    (sum / samples.len().max(1) as f64).sqrt() as f32
}

/// The largest difference between neighbours, and where it is.
pub fn largest_step(samples: &[f32]) -> (f32, usize) {
    let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let numbered = steps.enumerate();
    numbered.fold(
        (0.0, 0),
        |most, (at, step)| {
            if step > most.0 { (step, at) } else { most }
        },
    )
}

/// Every `factor`th sample after a low-pass at the new Nyquist frequency.
pub fn decimate(samples: &[f32], factor: usize) -> Vec<f32> {
    let half = 8 * factor as i64;
    let taps: Vec<f32> = (-half..=half)
        .map(|i| {
            let x = i as f32 / factor as f32 * 0.9;
            let sinc = if i == 0 {
                1.0
            } else {
                (x * TAU / 2.0).sin() / (x * TAU / 2.0)
            };
            let window = 0.5 + 0.5 * (TAU / 2.0 * i as f32 / half as f32).cos();
            sinc * window * 0.9 / factor as f32
        })
        .collect();
    let heard = |at: i64| samples.get(at as usize).copied().unwrap_or(0.0);
    (0..samples.len() as i64)
        .step_by(factor)
        .map(|at| {
            (0i64..)
                .zip(&taps)
                .map(|(k, tap)| tap * heard(at + k - half))
                .sum()
        })
        .collect()
}

/// Where `pattern` is found in `samples`, and how alike the two are there: 1 is the same shape at
/// any level, 0 has nothing of it.
pub fn find(pattern: &[f32], samples: &[f32]) -> (usize, f32) {
    assert!(
        samples.len() >= pattern.len(),
        "the pattern is longer than the sound"
    );
    let own = f64::from(rms(pattern)) * (pattern.len() as f64).sqrt();
    let mut energy: f64 = energy_of(&samples[..pattern.len()]);
    let mut best = (0, -1.0);
    for lag in 0..=samples.len() - pattern.len() {
        let here = &samples[lag..lag + pattern.len()];
        let dot: f32 = dot(pattern, here);
        let alike = (f64::from(dot) / (own * energy.max(1e-9).sqrt())) as f32;
        if alike > best.1 {
            best = (lag, alike);
        }
        let leaves = f64::from(samples[lag]);
        let enters = samples
            .get(lag + pattern.len())
            .map_or(0.0, |s| f64::from(*s));
        energy += enters * enters - leaves * leaves;
    }
    best
}

fn energy_of(samples: &[f32]) -> f64 {
    samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum()
}

/// In eight lanes, which the compiler turns into vector code.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for i in 0..8 {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum()
}

/// The middle one.
pub fn median<T: PartialOrd + Copy>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    sorted[sorted.len() / 2]
}

/// How sound of 8 kHz that went in arrived in what the speakers got.
pub struct Arrival {
    /// Where it begins, in frames of the recording.
    pub frame: usize,
    /// 1 is the same shape at any level, 0 has nothing of it.
    pub alike: f32,
}

/// Finds `sound` (8 kHz) in `heard` between the frames `from` and `to`. The rate of `heard` is a
/// multiple of 8 kHz.
pub fn arrival(sound: &[f32], heard: &[f32], rate: u32, from: usize, to: usize) -> Arrival {
    let factor = (rate / 8_000) as usize;
    let low = decimate(&heard[from..to.min(heard.len())], factor);
    let (lag, alike) = find(sound, &low);
    Arrival {
        frame: from + lag * factor,
        alike,
    }
}

/// A quarter of a second of what went in, found again in what the speakers got.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// From when it was said to when it was heard.
    pub late_ms: f32,
    /// 1 is the same shape at any level, 0 has nothing of it.
    pub alike: f32,
}

/// Finds `sound` (8 kHz), said from the frame `from` of `heard` on, piece by piece: the delay may
/// change while it is adapted, so that the whole is nowhere alike. Each piece is looked for within
/// the 400 ms after it was said; pauses are left out.
pub fn pieces(sound: &[f32], heard: &[f32], rate: u32, from: usize) -> Vec<Piece> {
    let factor = (rate / 8_000) as usize;
    let low = decimate(&heard[from.min(heard.len())..], factor);
    let said = sound.chunks_exact(2_000).enumerate();
    let loud = said.filter(|(_, piece)| rms(piece) > 0.02);
    loud.filter_map(|(i, piece)| {
        let begin = i * piece.len();
        let (lag, alike) = find(piece, low.get(begin..begin + piece.len() + 3_200)?);
        Some(Piece {
            late_ms: lag as f32 / 8.0,
            alike,
        })
    })
    .collect()
}

/// The worst of `pieces` but for the share that may be spoilt.
pub fn alike_but_for(pieces: &[Piece], share: f32) -> f32 {
    let mut alike: Vec<f32> = pieces.iter().map(|piece| piece.alike).collect();
    alike.sort_by(f32::total_cmp);
    let n_spoilt = (alike.len() as f32 * share) as usize;
    alike.get(n_spoilt).copied().unwrap_or(0.0)
}
