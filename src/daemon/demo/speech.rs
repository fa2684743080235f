//! What does the demo's caller say, on a machine without a single sound file?
//!
//! A small formant synthesiser (a source of pulses or noise through three resonators) speaks a
//! row of syllables. It is no diction, but it has what matters to a paging system: voiced and
//! unvoiced sounds, pauses, and a spectrum and rhythm like a voice on the telephone.

use std::f32::consts::TAU;

use crate::base::{Pcm, SampleRate};

/// A sentence of about `seconds`, mono, peak at −6 dBFS.
pub(super) fn sentence(rate: SampleRate, seconds: f32) -> Pcm {
    let mut samples = Vec::new();
    let wanted = (seconds * rate.hz() as f32) as usize;
    let mut mouth = Mouth::new(rate);
    for phone in SENTENCE.iter().cycle() {
        if samples.len() >= wanted {
            break;
        }
        mouth.speak(phone, &mut samples);
    }
    samples.truncate(wanted);
    let peak = samples
        .iter()
        .fold(f32::MIN_POSITIVE, |p, s| p.max(s.abs()));
    samples.iter_mut().for_each(|s| *s *= 0.5 / peak);
    Pcm::mono(rate, samples)
}

/// One sound of speech.
struct Phone {
    voiced: bool,
    /// Centres of the three lowest resonances of the mouth, in hertz.
    formants: [f32; 3],
    seconds: f32,
    loudness: f32,
}

const fn vowel(f1: f32, f2: f32, f3: f32, seconds: f32) -> Phone {
    Phone {
        voiced: true,
        formants: [f1, f2, f3],
        seconds,
        loudness: 1.0,
    }
}

const fn hiss(centre: f32, seconds: f32) -> Phone {
    Phone {
        voiced: false,
        formants: [centre, centre * 1.2, 3_600.0],
        seconds,
        loudness: 0.5,
    }
}

const fn pause(seconds: f32) -> Phone {
    Phone {
        voiced: false,
        formants: [500.0, 1_500.0, 2_500.0],
        seconds,
        loudness: 0.0,
    }
}

/// "A-tten-tion, please: a-tten-tion", in formants of an adult voice.
const SENTENCE: [Phone; 15] = [
    vowel(660.0, 1_720.0, 2_410.0, 0.16),
    pause(0.05),
    hiss(2_600.0, 0.04),
    vowel(530.0, 1_840.0, 2_480.0, 0.20),
    vowel(280.0, 1_400.0, 2_300.0, 0.08),
    hiss(2_200.0, 0.12),
    vowel(500.0, 1_350.0, 1_690.0, 0.22),
    vowel(280.0, 1_400.0, 2_300.0, 0.08),
    pause(0.18),
    hiss(900.0, 0.03),
    vowel(360.0, 1_100.0, 2_600.0, 0.07),
    vowel(270.0, 2_290.0, 3_010.0, 0.34),
    hiss(3_000.0, 0.12),
    vowel(730.0, 1_090.0, 2_440.0, 0.20),
    pause(0.30),
];

struct Mouth {
    rate: f32,
    phase: f32,
    noise: u32,
    resonators: [Resonator; 3],
}

impl Mouth {
    fn new(rate: SampleRate) -> Self {
        let resonators = [Resonator::default(); 3];
        Self {
            rate: rate.hz() as f32,
            phase: 0.0,
            noise: 0x2545_f491,
            resonators,
        }
    }

    fn speak(&mut self, phone: &Phone, out: &mut Vec<f32>) {
        let frames = (phone.seconds * self.rate) as usize;
        for (resonator, (&centre, width)) in self
            .resonators
            .iter_mut()
            .zip(phone.formants.iter().zip([80.0, 110.0, 170.0]))
        {
            resonator.tune(centre.min(self.rate * 0.45), width, self.rate);
        }
        for at in 0..frames {
            let source = if phone.voiced {
                self.pulse(at, frames)
            } else {
                self.breath()
            };
            let spoken: f32 = self.resonators.iter_mut().map(|r| r.run(source)).sum();
            out.push(spoken * phone.loudness * swell(at, frames));
        }
    }

    /// The vocal cords: a saw around 120 Hz that falls a little within each sound.
    fn pulse(&mut self, at: usize, frames: usize) -> f32 {
        let pitch = 130.0 - 20.0 * at as f32 / frames as f32;
        self.phase = (self.phase + pitch / self.rate).fract();
        1.0 - 2.0 * self.phase
    }

    /// White noise by xorshift, the same in every run.
    fn breath(&mut self) -> f32 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        self.noise as f32 / u32::MAX as f32 - 0.5
    }
}

/// Each sound rises and falls over a tenth of its length, so that none begins with a click.
fn swell(at: usize, frames: usize) -> f32 {
    let edge = (frames / 10).max(1);
    (at.min(frames - at) as f32 / edge as f32).min(1.0)
}

/// A two-pole band-pass.
#[derive(Clone, Copy, Default)]
struct Resonator {
    a1: f32,
    a2: f32,
    gain: f32,
    y1: f32,
    y2: f32,
}

impl Resonator {
    fn tune(&mut self, centre: f32, width: f32, rate: f32) {
        let radius = (-TAU / 2.0 * width / rate).exp();
        self.a1 = 2.0 * radius * (TAU * centre / rate).cos();
        self.a2 = -radius * radius;
        self.gain = 1.0 - radius;
    }

    fn run(&mut self, x: f32) -> f32 {
        let y = self.gain * x + self.a1 * self.y1 + self.a2 * self.y2;
        self.y2 = self.y1;
        self.y1 = y;
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_as_long_and_loud_as_asked_and_has_pauses() {
        let pcm = sentence(SampleRate::HZ_8000, 2.0);
        assert_eq!(pcm.frames(), 16_000);
        let peak = pcm.samples.iter().fold(0f32, |p, s| p.max(s.abs()));
        assert!((peak - 0.5).abs() < 1e-3, "{peak}");
        let quiet = pcm
            .samples
            .chunks(160)
            .filter(|c| c.iter().all(|s| s.abs() < 0.01))
            .count();
        assert!((3..50).contains(&quiet), "{quiet} quiet packets of 100");
    }
}
