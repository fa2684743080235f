//! How does a voice from a telephone become easy to understand on loudspeakers?
//!
//! ```text
//!  in ─┬───────────────────────────────────────────────────────────────────┐ dry
//!      └─► band-pass ─► gate ─► crossover ─┬─► low ──► compressor ─┐       ▼
//!                                          ├─► middle ► compressor ┼─ Σ ─► mix ─► out
//!                                          └─► high ─► compressor ─┘ wet
//! ```
//!
//! Turning it on and off moves the mix; every other change moves the filters or the gains. Off,
//! it is not there: what comes goes, bit for bit.

use std::time::Duration;

use crate::base::{Db, SampleRate};
use crate::dsp::biquad::{Biquad, Coefficients, Curve, FLAT_Q};
use crate::dsp::crossover::Crossover;
use crate::dsp::dynamics::{Compression, Compressor, Gate, Gating};
use crate::dsp::ramp::{Ramp, Shape};

/// Frames that are worked on at a time.
const PIECE: usize = 64;
/// How long any change takes.
const CHANGE: Duration = Duration::from_millis(50);

/// What a speech filter does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speech {
    /// The band that passes; it falls by 24 dB an octave below and 12 above.
    pub band_hz: [f32; 2],
    pub gating: Gating,
    /// Where the three bands part.
    pub splits_hz: [f32; 2],
    /// Low, middle and high.
    pub compression: [Compression; 3],
}

impl Default for Speech {
    /// For phones and their callers: rumble and hum go, consonants come forward, and what a
    /// horn loudspeaker would boom is held down.
    fn default() -> Self {
        let band = |threshold: f32, ratio: f32, makeup: f32| Compression {
            threshold: Db(threshold),
            ratio,
            knee: Db(6.0),
            attack: Duration::from_millis(5),
            release: Duration::from_millis(120),
            makeup: Db(makeup),
        };
        Self {
            band_hz: [200.0, 7_000.0],
            gating: Gating {
                threshold: Db(-50.0),
                depth: Db(12.0),
            },
            splits_hz: [800.0, 2_500.0],
            compression: [
                band(-24.0, 2.5, 2.0),
                band(-26.0, 3.0, 5.0),
                band(-32.0, 3.0, 6.0),
            ],
        }
    }
}

/// A speech filter for one voice.
#[derive(Clone, Debug)]
pub struct SpeechFilter {
    rate: SampleRate,
    speech: Speech,
    /// How much of the filtered sound is heard.
    wet: Ramp,
    high_pass: [Biquad; 2],
    low_pass: Biquad,
    gate: Gate,
    crossover: Crossover,
    bands: [Compressor; 3],
}

impl SpeechFilter {
    /// A filter for a signal at `rate`; `None` is off.
    pub fn new(speech: Option<Speech>, rate: SampleRate) -> Self {
        let wet = Ramp::resting(if speech.is_some() { 1.0 } else { 0.0 });
        let speech = speech.unwrap_or_default();
        // Butterworth of fourth order: two filters of different q.
        let high = |q| Biquad::new(high_pass(speech, q, rate));
        Self {
            rate,
            wet,
            high_pass: [high(STEEP_Q[0]), high(STEEP_Q[1])],
            low_pass: Biquad::new(low_pass(speech, rate)),
            gate: Gate::new(speech.gating, rate),
            crossover: Crossover::new(speech.splits_hz, rate),
            bands: speech.compression.map(|c| Compressor::new(c, rate)),
            speech,
        }
    }

    /// Turns to other settings, on or off, within 50 ms.
    pub fn set(&mut self, speech: Option<Speech>) {
        let frames = self.rate.frames_in(CHANGE);
        let wet = if speech.is_some() { 1.0 } else { 0.0 };
        if let Some(speech) = speech {
            if self.is_through() {
                *self = Self::new(Some(speech), self.rate);
                self.wet.jump(0.0);
            }
            self.change(speech, frames);
        }
        self.wet.go(wet, frames, Shape::Smooth);
    }

    /// Whether sound passes bit for bit.
    pub fn is_through(&self) -> bool {
        self.wet.at_rest() == Some(0.0)
    }

    /// Filters the next samples in place.
    pub fn process(&mut self, frames: &mut [f32]) {
        if self.is_through() {
            return;
        }
        for piece in frames.chunks_mut(PIECE) {
            self.piece(piece);
        }
    }

    fn change(&mut self, speech: Speech, frames: usize) {
        self.speech = speech;
        for (pass, q) in self.high_pass.iter_mut().zip(STEEP_Q) {
            pass.go(high_pass(speech, q, self.rate), frames);
        }
        self.low_pass.go(low_pass(speech, self.rate), frames);
        self.gate.set(speech.gating);
        self.crossover.go(speech.splits_hz, frames);
        for (band, compression) in self.bands.iter_mut().zip(speech.compression) {
            band.set(compression);
        }
    }

    fn piece(&mut self, frames: &mut [f32]) {
        let n = frames.len();
        let (mut low, mut middle, mut high) = ([0.0; PIECE], [0.0; PIECE], [0.0; PIECE]);
        let (low, middle, high) = (&mut low[..n], &mut middle[..n], &mut high[..n]);
        low.copy_from_slice(frames);
        self.high_pass.iter_mut().for_each(|pass| pass.process(low));
        self.low_pass.process(low);
        self.gate.process(low);
        self.crossover.split(low, middle, high);
        let [a, b, c] = &mut self.bands;
        a.process(low);
        b.process(middle);
        c.process(high);
        let mut weights = [0.0; PIECE];
        self.wet.fill(&mut weights[..n]);
        for (i, x) in frames.iter_mut().enumerate() {
            let wet = low[i] + middle[i] + high[i];
            *x += (wet - *x) * weights[i];
        }
    }
}

/// The two halves of a Butterworth pass of fourth order.
const STEEP_Q: [f32; 2] = [0.541_196_1, 1.306_563];

fn high_pass(speech: Speech, q: f32, rate: SampleRate) -> Coefficients {
    let hz = speech.band_hz[0];
    Coefficients::new(Curve::HighPass { hz, q }, rate)
}

fn low_pass(speech: Speech, rate: SampleRate) -> Coefficients {
    let hz = speech.band_hz[1];
    Coefficients::new(Curve::LowPass { hz, q: FLAT_Q }, rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::measure::{babble, largest_step, level_through, noise, rms_db, sine};

    const RATE: SampleRate = SampleRate::HZ_8000;

    /// Band-pass and crossover alone.
    const EVEN: Speech = Speech {
        band_hz: [300.0, 3_000.0],
        gating: Gating {
            threshold: Db(-90.0),
            depth: Db(0.0),
        },
        splits_hz: [800.0, 2_500.0],
        compression: [Compression::NONE; 3],
    };

    fn level(speech: Speech, hz: f32, rate: SampleRate) -> f32 {
        let mut filter = SpeechFilter::new(Some(speech), rate);
        level_through(hz, rate, |frames| filter.process(frames))
    }

    #[test]
    fn the_band_passes_evenly_and_the_rest_does_not() {
        for rate in [RATE, SampleRate::HZ_16000, SampleRate::HZ_48000] {
            for hz in [800.0, 1_000.0, 1_200.0] {
                assert!(level(EVEN, hz, rate).abs() < 0.3, "{hz} at {rate}");
            }
            assert!((level(EVEN, 300.0, rate) + 3.0).abs() < 0.1);
            assert!((level(EVEN, 3_000.0, rate) + 3.0).abs() < 0.1);
            assert!(level(EVEN, 50.0, rate) < -60.0, "mains hum is gone");
        }
        assert!(level(EVEN, 12_000.0, SampleRate::HZ_48000) < -23.0);
    }

    #[test]
    fn loud_and_soft_come_closer_and_consonants_come_forward() {
        let usual = Speech::default();
        let out = |hz: f32, peak: f32| {
            let mut filter = SpeechFilter::new(Some(usual), RATE);
            let mut frames = sine(hz, RATE, Db(peak).gain(), 16_000);
            filter.process(&mut frames);
            rms_db(&frames[8_000..]) + 3.01
        };
        let (soft, loud) = (out(1_200.0, -30.0), out(1_200.0, -6.0));
        assert!(loud - soft < 15.0, "24 dB apart became {soft} and {loud}");
        assert!(out(3_000.0, -36.0) > out(400.0, -36.0) + 3.0);
    }

    #[test]
    fn speech_keeps_about_its_level_and_stays_below_full_scale() {
        let mut filter = SpeechFilter::new(Some(Speech::default()), RATE);
        let talk = babble(7, RATE, 0.4, 6);
        let mut out = talk.clone();
        out.chunks_mut(160).for_each(|block| filter.process(block));
        let change = rms_db(&out) - rms_db(&talk);
        assert!(change.abs() < 4.0, "{change}");
        assert!(crate::dsp::peak(&out) < 1.0);
    }

    #[test]
    fn noise_in_pauses_is_lowered() {
        let mut filter = SpeechFilter::new(Some(Speech::default()), RATE);
        let hiss = noise(1, 0.001, 16_000);
        let mut out = hiss.clone();
        filter.process(&mut out);
        let open = SpeechFilter::new(
            Some(Speech {
                gating: EVEN.gating,
                ..Speech::default()
            }),
            RATE,
        );
        let (mut open, mut heard) = (open, hiss);
        open.process(&mut heard);
        let lowered = rms_db(&heard[8_000..]) - rms_db(&out[8_000..]);
        assert!((lowered - 12.0).abs() < 0.5, "{lowered}");
    }

    #[test]
    fn off_is_bit_exact_also_after_it_was_on() {
        let talk = babble(7, RATE, 0.4, 2);
        let mut filter = SpeechFilter::new(None, RATE);
        let mut out = talk.clone();
        filter.process(&mut out);
        assert_eq!(out, talk);
        filter.set(Some(Speech::default()));
        filter.process(&mut out);
        assert_ne!(out, talk);
        filter.set(None);
        filter.process(&mut talk.clone());
        let mut out = talk.clone();
        filter.process(&mut out);
        assert_eq!(out, talk);
    }

    #[test]
    fn turning_it_on_off_and_over_makes_no_step() {
        let mut filter = SpeechFilter::new(None, RATE);
        let mut out = sine(400.0, RATE, 0.3, 32_000);
        let other = Speech {
            band_hz: [350.0, 3_000.0],
            splits_hz: [500.0, 1_500.0],
            ..Speech::default()
        };
        let turns = [Some(Speech::default()), Some(other), None, Some(other)];
        for (i, block) in out.chunks_mut(100).enumerate() {
            if i % 30 == 7 {
                filter.set(turns[i / 30 % 4]);
            }
            filter.process(block);
        }
        let steepest = 0.3 * std::f32::consts::TAU * 400.0 / 8_000.0;
        // Make-up is at most 6 dB.
        assert!(
            largest_step(&out) < 2.0 * steepest,
            "{}",
            largest_step(&out)
        );
    }
}
