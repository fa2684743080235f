//! What does comfort noise sound like? As loud as the peer says, and as dull or bright (RFC 3389).

/// Noise that glides from one level to the next.
pub(super) struct Noise {
    rate: usize,
    /// Of the all-pole filter: what comes back of each frame before.
    feedback: Vec<f32>,
    /// What the filter gave last, the newest first.
    past: Vec<f32>,
    /// The filter amplifies; this takes it back.
    scale: f32,
    /// Root mean square, 1.0 being full scale.
    wanted: f32,
    level: f32,
    seed: u32,
}

impl Noise {
    /// Silence at first, for sound at `rate` frames a second.
    pub(super) fn new(rate: usize) -> Self {
        Self {
            rate,
            feedback: Vec::new(),
            past: Vec::new(),
            scale: 1.0,
            wanted: 0.0,
            level: 0.0,
            seed: 0x2545_F491,
        }
    }

    /// Takes the level and the spectrum of a comfort noise packet. The spectrum is meant for
    /// 8 kHz (RFC 3389 §4); at other rates the noise is white.
    pub(super) fn set(&mut self, payload: &[u8]) {
        let Some((&level, spectrum)) = payload.split_first() else {
            return;
        };
        let below_full = f32::from(level & 0x7F).max(LOUDEST);
        self.wanted = 10f32.powf(-below_full / 20.0);
        let spectrum = if self.rate == TELEPHONE {
            spectrum
        } else {
            &[]
        };
        let spectrum = &spectrum[..spectrum.len().min(MOST_ORDER)];
        self.feedback.clear();
        let mut left = 1.0;
        for &coded in spectrum {
            let reflection =
                ((f32::from(coded) - 127.0) * 258.0 / 32_768.0).clamp(-SHARPEST, SHARPEST);
            step_up(&mut self.feedback, reflection);
            left *= 1.0 - reflection * reflection;
        }
        self.past.resize(self.feedback.len(), 0.0);
        self.scale = left.sqrt();
    }

    /// Begins from silence.
    pub(super) fn restart(&mut self) {
        self.level = 0.0;
        self.past.fill(0.0);
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> f32 {
        self.level += (self.wanted - self.level) / (self.rate as f32 * GLIDE);
        let returned: f32 = self
            .feedback
            .iter()
            .zip(&self.past)
            .map(|(a, x)| a * x)
            .sum();
        let frame = (self.white() * self.scale - returned).clamp(-HIGHEST, HIGHEST);
        if !self.past.is_empty() {
            self.past.rotate_right(1);
            self.past[0] = frame;
        }
        frame * self.level
    }

    /// Evenly spread, with a root mean square of 1.
    fn white(&mut self) -> f32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        let even = self.seed as f32 / u32::MAX as f32 * 2.0 - 1.0;
        even * 3f32.sqrt()
    }
}

/// One more reflection: the filter's coefficients for one order more (Levinson's recursion).
fn step_up(feedback: &mut Vec<f32>, reflection: f32) {
    let turned: Vec<f32> = feedback.iter().rev().copied().collect();
    for (a, b) in feedback.iter_mut().zip(turned) {
        *a += reflection * b;
    }
    feedback.push(reflection);
}

const TELEPHONE: usize = 8_000;
/// Further reflections describe no room (ITU-T G.711 appendix II uses 10).
const MOST_ORDER: usize = 12;
/// dB below full scale: no silence is louder, and a forged packet shall not shout.
const LOUDEST: f32 = 25.0;
/// Beyond this the filter would whistle.
const SHARPEST: f32 = 0.95;
/// Peaks stay below this many times the level, also when what one filter has left meets the next:
/// 18 dB.
const HIGHEST: f32 = 8.0;
/// Seconds in which a level is taken up.
const GLIDE: f32 = 0.02;

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(payload: &[u8], rate: usize) -> Vec<f32> {
        let mut noise = Noise::new(rate);
        noise.set(payload);
        let all: Vec<f32> = (0..rate * 4).map(|_| noise.next()).collect();
        all[rate..].to_vec()
    }

    fn level_db(sound: &[f32]) -> f32 {
        let energy: f32 = sound.iter().map(|x| x * x).sum::<f32>() / sound.len() as f32;
        10.0 * energy.log10()
    }

    #[test]
    fn the_level_is_as_told_whatever_the_spectrum() {
        let spectra: [&[u8]; 4] = [&[], &[20], &[30, 180, 90], &[200, 90, 150, 110, 127, 100]];
        for db in [30u8, 50, 70] {
            for spectrum in spectra {
                for rate in [8_000, 16_000] {
                    let payload = [&[db], spectrum].concat();
                    let got = level_db(&heard(&payload, rate));
                    assert!(
                        (got + f32::from(db)).abs() < 1.0,
                        "{payload:?} {rate}: {got}"
                    );
                }
            }
        }
    }

    #[test]
    fn spectra_that_change_all_the_time_do_not_shout() {
        let mut noise = Noise::new(8_000);
        let mut seed = 1u32;
        let mut byte = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        let mut highest = 0.0f32;
        for _ in 0..2_000 {
            let mut payload = [0; 13];
            payload[1..].fill_with(&mut byte);
            noise.set(&payload);
            let heard = (0..100).map(|_| noise.next().abs());
            highest = heard.fold(highest, f32::max);
        }
        assert!((0.1..0.46).contains(&highest), "{highest}");
    }

    #[test]
    fn a_negative_first_reflection_makes_it_dull() {
        let likeness = |sound: &[f32]| {
            let cross: f32 = sound.windows(2).map(|w| w[0] * w[1]).sum();
            cross / sound.iter().map(|x| x * x).sum::<f32>()
        };
        let dull = likeness(&heard(&[40, 26], 8_000));
        let bright = likeness(&heard(&[40, 228], 8_000));
        let white = likeness(&heard(&[40], 8_000));
        assert!(
            dull > 0.7 && bright < -0.7 && white.abs() < 0.05,
            "{dull} {white} {bright}"
        );
    }

    #[test]
    fn levels_glide() {
        let mut noise = Noise::new(8_000);
        noise.set(&[30]);
        assert!(noise.next().abs() < 0.001);
        for _ in 0..1_600 {
            noise.next();
        }
        noise.set(&[]);
        assert!((0..100).any(|_| noise.next().abs() > 0.02));
    }
}
