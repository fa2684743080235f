//! What sound goes in? Everything here is made by rule, so that every run hears the same.

use std::f32::consts::TAU;
use std::path::Path;

/// A steady tone.
pub fn sine(rate: u32, hz: f32, amplitude: f32, seconds: f32) -> Vec<f32> {
    let frames = (seconds * rate as f32) as usize;
    (0..frames)
        .map(|i| amplitude * (TAU as f64 * f64::from(hz) * i as f64 / f64::from(rate)).sin() as f32)
        .collect()
}

/// Syllables of sweeping pitch between 250 and 1,500 Hz with pauses between them: as unlike itself
/// at any other moment as speech is, so that a correlation finds its one place.
pub fn speech(rate: u32, seconds: f32) -> Vec<f32> {
    let mut samples = Vec::new();
    let mut dice = Dice(7);
    let frames = (seconds * rate as f32) as usize;
    while samples.len() < frames {
        let length = dice.between(0.08, 0.24);
        let (from, to) = (dice.between(250.0, 1_500.0), dice.between(250.0, 1_500.0));
        syllable(
            &mut samples,
            rate,
            length,
            from,
            to,
            dice.between(0.25, 0.5),
        );
        let pause = (dice.between(0.01, 0.07) * rate as f32) as usize;
        samples.resize(samples.len() + pause, 0.0);
    }
    samples.truncate(frames);
    samples
}

fn syllable(into: &mut Vec<f32>, rate: u32, length: f32, from: f32, to: f32, loudness: f32) {
    let frames = (length * rate as f32) as usize;
    let mut phase = 0.0;
    for i in 0..frames {
        let share = i as f32 / frames as f32;
        phase += TAU * (from + (to - from) * share) / rate as f32;
        let swell = (std::f32::consts::PI * share).sin();
        into.push(loudness * swell * (0.8 * phase.sin() + 0.2 * (2.0 * phase).sin()));
    }
}

/// Numbers that look thrown and are the same each time.
pub struct Dice(pub u64);

impl Dice {
    /// One of many that have nothing in common, not even in their first throws.
    pub fn number(n: u64) -> Self {
        let mut dice = Self(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(2 * n + 1));
        (0..16).for_each(|_| _ = dice.next());
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.next() >> 40) as f32 / (1 << 24) as f32
    }
}

/// G.711 µ-law of one sample, written from the standard's segments, apart from the code under test.
pub fn ulaw(sample: f32) -> u8 {
    let linear = (sample.clamp(-1.0, 1.0) * 32_635.0) as i32;
    let sign = if linear < 0 { 0x80 } else { 0 };
    let biased = linear.unsigned_abs() + 132;
    let segment = (31 - biased.leading_zeros()).saturating_sub(7).min(7);
    let step = (biased >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) as u8 | step as u8)
}

/// The sample that a byte of µ-law stands for.
pub fn from_ulaw(byte: u8) -> f32 {
    let code = !byte;
    let (segment, step) = (u32::from(code >> 4 & 7), i32::from(code & 0x0f));
    let size = (((step << 3) + 132) << segment) - 132;
    (if code & 0x80 == 0 { size } else { -size }) as f32 / 32_768.0
}

/// One slice a channel, 16 bits.
pub fn write_wav(path: &Path, rate: u32, channels: &[&[f32]]) {
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..channels[0].len() {
        for channel in channels {
            let sample = (channel[i].clamp(-1.0, 1.0) * 32_767.0) as i16;
            writer.write_sample(sample).unwrap();
        }
    }
    writer.finalize().unwrap();
}

/// The first channel of a WAV file of 16 bits, with its rate.
pub fn read_wav(path: &Path) -> (u32, Vec<f32>) {
    let mut reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    let samples = reader.samples::<i16>().step_by(spec.channels.into());
    let samples = samples.map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
    (spec.sample_rate, samples)
}
