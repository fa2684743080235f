//! After how many frames does a sound repeat itself?

/// A lag in frames and how alike the sound is to itself that much earlier: −1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Match {
    pub(super) lag: usize,
    pub(super) likeness: f32,
}

/// The lag of `lags` at which the last `window` frames of `sound` are most like what stood
/// before them; looks at every `step`th frame first and at every frame near the best.
/// `sound` holds at least `window` + the largest lag.
pub(super) fn repetition(
    sound: &[f32],
    window: usize,
    lags: std::ops::RangeInclusive<usize>,
    step: usize,
) -> Match {
    let (min, max) = (*lags.start(), *lags.end());
    let coarse = best(sound, window, (min..=max).step_by(step), step);
    let near = coarse.lag.saturating_sub(step - 1).max(min)..=(coarse.lag + step - 1).min(max);
    best(sound, window, near, 1)
}

fn best(sound: &[f32], window: usize, lags: impl Iterator<Item = usize>, step: usize) -> Match {
    let end = sound.len();
    let recent = &sound[end - window..];
    let mut best = Match {
        lag: 1,
        likeness: f32::NEG_INFINITY,
    };
    for lag in lags {
        let likeness = likeness(recent, &sound[end - window - lag..end - lag], step);
        if likeness > best.likeness {
            best = Match { lag, likeness };
        }
    }
    best
}

/// Normalized correlation over every `step`th frame; 0 if either is silent.
pub(super) fn likeness(a: &[f32], b: &[f32], step: usize) -> f32 {
    let (mut cross, mut energy_a, mut energy_b) = (0.0f32, 0.0f32, 0.0f32);
    for (x, y) in a.iter().zip(b).step_by(step) {
        cross += x * y;
        energy_a += x * x;
        energy_b += y * y;
    }
    let energy = (energy_a * energy_b).sqrt();
    if energy > SILENT { cross / energy } else { 0.0 }
}

/// Below 16 bits' last step everything is silence.
const SILENT: f32 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(rate: f32, pitch: f32, n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| {
                let phase = i as f32 / rate * pitch * std::f32::consts::TAU;
                (1..8).map(|k| (phase * k as f32).sin() / k as f32).sum()
            })
            .collect()
    }

    #[test]
    fn the_period_of_a_voice_is_found_at_any_rate() {
        for rate in [8_000.0f32, 16_000.0, 48_000.0] {
            for pitch in [80.0f32, 110.0, 145.0, 190.0] {
                let ms = rate as usize / 1_000;
                let sound = voice(rate, pitch, 50 * ms);
                let found = repetition(&sound, 20 * ms, 5 * ms..=15 * ms, ms / 4);
                let period = rate / pitch;
                let rounds = (found.lag as f32 / period).round();
                let off = (found.lag as f32 - rounds * period).abs();
                assert!(off <= 1.0, "{rate} {pitch}: {found:?}");
                assert!(found.likeness > 0.95, "{rate} {pitch}: {found:?}");
            }
        }
    }

    #[test]
    fn silence_is_like_nothing() {
        let found = repetition(&[0.0; 400], 160, 40..=120, 2);
        assert_eq!(found.likeness, 0.0);
    }
}
