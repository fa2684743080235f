//! How does audio get from the caller's rate to the card's?
//!
//! A voice is resampled inside the sound callback, so it must be cheap, and its delay is heard.
//! Measured from 8 kHz to 48 kHz at +150 ppm, blocks of 256 frames out; images are what is left
//! beside a sine, relative to it, and the noise of G.711 is at −38 dB:
//!
//! | interpolation              | delay   | at 3.4 kHz | images up to 3 kHz, 3.4 kHz | a block |
//! |----------------------------|---------|------------|-----------------------------|---------|
//! | cubic                      | 0.25 ms | −4.2 dB    | −12 dB, −7 dB               | 1.6 µs  |
//! | 8-point polynomial         | 0.50 ms | −3.0 dB    | −17 dB, −10 dB              | 3.9 µs  |
//! | sinc 16, Hann, 0.955       | 1.00 ms | −1.3 dB    | −50 dB, −42 dB              | 3.9 µs  |
//! | **sinc 24, Hann, 0.955**   | 1.50 ms | −0.35 dB   | −63 dB, −49 dB              | 4.0 µs  |
//! | sinc 32, Blackman, 1.0     | 2.00 ms | −0.02 dB   | −75 dB, −55 dB              | 4.3 µs  |
//!
//! Polynomials fold the upper speech band into a hiss above 4 kHz that is louder than the codec's
//! own noise. With 24 points the images are below that noise in all of the telephone band.

use audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Indexing, Resampler as _, Resizable,
    SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

use crate::base::SampleRate;
use crate::dsp::drift::{FASTEST, SLOWEST};

/// Input frames that one output frame is made of; see the table above.
const POINTS: usize = 24;
/// Relative to half the lower rate; see the table above.
const CUTOFF: f32 = 0.955;
/// Points of the sinc kept between two frames, joined by straight lines: errors at −85 dB and
/// 6 kB of table a voice, which leaves the cache to the others.
const PHASES: usize = 64;
/// A hair more than the clamp of the drift control, so that rounding cannot be refused.
pub(super) const SPEED_ROOM: f64 = 1.006;

/// A resampler for one mono voice whose speed is steered. Makes as much as is asked for.
pub struct Resampler {
    rates: (SampleRate, SampleRate),
    inner: Async<f32>,
    max_block: usize,
    n_points: usize,
}

impl Resampler {
    /// For outputs of up to `max_block` frames at a time. Not for the sound callback: allocates.
    pub fn new(from: SampleRate, to: SampleRate, max_block: usize) -> Self {
        let ratio = f64::from(to.hz()) / f64::from(from.hz());
        let n_points = points(POINTS, ratio);
        let sinc = SincInterpolationParameters {
            sinc_len: n_points,
            f_cutoff: Some(CUTOFF),
            oversampling_factor: PHASES,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::Hann,
        };
        let inner = Async::new_sinc(ratio, SPEED_ROOM, &sinc, max_block, 1, FixedAsync::Output)
            .expect("a ratio of two sample rates is finite and above zero");
        Self {
            rates: (from, to),
            inner,
            max_block,
            n_points,
        }
    }

    /// Whether it was made for these rates: making one takes much longer than using it again.
    pub fn fits(&self, from: SampleRate, to: SampleRate) -> bool {
        self.rates == (from, to)
    }

    /// Input frames between a sample's arrival and its place in the output.
    pub fn delay(&self) -> usize {
        self.n_points / 2
    }

    /// The most input frames that `need` can ask for.
    pub fn max_need(&self) -> usize {
        // What it computes for a whole block, and one for rounding on either side.
        let ratio = self.inner.resample_ratio() / SPEED_ROOM;
        (self.max_block as f64 / ratio).ceil() as usize + self.n_points + 2
    }

    /// How fast the input is to be read from now on, 1.0 being nominal; the change is spread over
    /// the next block. Beyond ±0.5 % it is clamped.
    pub fn set_speed(&mut self, speed: f64) {
        let ratio = 1.0 / speed.clamp(SLOWEST, FASTEST);
        // Cannot fail within the clamp; if it did, the old speed would go on.
        let _ = self.inner.set_resample_ratio_relative(ratio, true);
    }

    /// How many input frames the next `frames` of output take, 1 up to `max_block`.
    pub fn need(&mut self, frames: usize) -> usize {
        let _ = self.inner.set_chunk_size(frames.clamp(1, self.max_block));
        self.inner.input_frames_next()
    }

    /// Fills `output` from exactly the frames that `need(output.len())` asked for. With any other
    /// number the output is silence.
    pub fn process(&mut self, input: &[f32], output: &mut [f32]) {
        let n = output.len();
        if self.need(n) != input.len() || self.run(input, output).is_none() {
            output.fill(0.0);
        }
    }

    fn run(&mut self, input: &[f32], output: &mut [f32]) -> Option<()> {
        let n = output.len();
        let from = SequentialSlice::new(input, 1, input.len()).ok()?;
        let mut to = SequentialSlice::new_mut(output, 1, n).ok()?;
        self.inner
            .process_into_buffer(&from, &mut to, None::<&Indexing>)
            .ok()
            .map(|_| ())
    }

    /// Forgets all input.
    pub fn restart(&mut self) {
        self.inner.reset();
    }
}

/// Resamples a whole sound, with its delay taken out: the result has `frames × to / from` frames,
/// rounded. Not for the sound callback: allocates, and takes some ms a second of sound.
pub fn convert(mono: &[f32], from: SampleRate, to: SampleRate) -> Vec<f32> {
    if from == to || mono.is_empty() {
        return mono.to_vec();
    }
    let ratio = f64::from(to.hz()) / f64::from(from.hz());
    let frames = (mono.len() as f64 * ratio).round() as usize;
    // There is time here: flat to 95 % of the band, and images below −100 dB.
    let sinc =
        SincInterpolationParameters::new(points(128, ratio), WindowFunction::BlackmanHarris2)
            .oversampling_factor(256)
            .interpolation(SincInterpolationType::Linear);
    let mut inner = Async::<f32>::new_sinc(ratio, 1.0, &sinc, 1024, 1, FixedAsync::Input)
        .expect("a ratio of two sample rates is finite and above zero");
    let input = SequentialSlice::new(mono, 1, mono.len()).expect("one channel as long as it is");
    let output = inner
        .process_all(&input, mono.len(), None)
        .expect("the buffers are made to fit");
    let mut samples = output.take_data();
    samples.resize(frames, 0.0);
    samples
}

/// Downwards the filter must be as much longer as the input is faster.
pub(super) fn points(n: usize, ratio: f64) -> usize {
    (n as f64 / ratio.min(1.0)).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn sine(hz: f64, rate: SampleRate, n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| (TAU * hz * i as f64 / f64::from(rate.hz())).sin() as f32)
            .collect()
    }

    /// Level of the sine at `hz` in dB, and of all the rest relative to it.
    fn level_and_rest(frames: &[f32], hz: f64, rate: f64) -> (f64, f64) {
        let (mut ss, mut cc, mut sc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, &y) in frames.iter().enumerate() {
            let (s, c) = (TAU * hz * i as f64 / rate).sin_cos();
            ss += s * s;
            cc += c * c;
            sc += s * c;
            ys += f64::from(y) * s;
            yc += f64::from(y) * c;
        }
        let det = ss * cc - sc * sc;
        let (a, b) = ((ys * cc - yc * sc) / det, (yc * ss - ys * sc) / det);
        let rest: f64 = frames
            .iter()
            .enumerate()
            .map(|(i, &y)| {
                let (s, c) = (TAU * hz * i as f64 / rate).sin_cos();
                (f64::from(y) - a * s - b * c).powi(2)
            })
            .sum();
        let power = (a * a + b * b) / 2.0;
        let db = |x: f64| 10.0 * x.log10();
        (db(power * 2.0), db(rest / frames.len() as f64 / power))
    }

    fn stream(resampler: &mut Resampler, input: &[f32], blocks: &[usize]) -> Vec<f32> {
        let (mut out, mut at) = (Vec::new(), 0);
        for &n in blocks.iter().cycle() {
            let need = resampler.need(n);
            if at + need > input.len() {
                return out;
            }
            let mut block = vec![0.0; n];
            resampler.process(&input[at..at + need], &mut block);
            out.extend(block);
            at += need;
        }
        out
    }

    #[test]
    fn the_telephone_band_comes_through_clear_of_images() {
        for (hz, droop, images) in [
            (300.0, 0.05, -80.0),
            (1e3, 0.05, -80.0),
            (3e3, 0.1, -58.0),
            (3.4e3, 0.5, -45.0),
        ] {
            let mut resampler = Resampler::new(SampleRate::HZ_8000, SampleRate::HZ_48000, 256);
            let input = sine(hz, SampleRate::HZ_8000, 8_000);
            let out = stream(&mut resampler, &input, &[256]);
            let (level, rest) = level_and_rest(&out[2_048..], hz, 48_000.0);
            assert!(level.abs() < droop, "{hz} Hz: {level} dB");
            assert!(rest < images, "{hz} Hz: images at {rest} dB");
        }
    }

    #[test]
    fn blocks_of_any_size_and_a_moving_speed_leave_no_trace() {
        let mut resampler = Resampler::new(SampleRate::HZ_8000, SampleRate::HZ_48000, 256);
        let input = sine(440.0, SampleRate::HZ_8000, 16_000);
        let (mut out, mut at, mut turn) = (vec![], 0, 0usize);
        loop {
            resampler.set_speed(1.0 + 0.004 * (turn as f64 * 0.01).sin());
            let n = [256, 1, 100, 37, 255][turn % 5];
            let need = resampler.need(n);
            assert!(need <= resampler.max_need());
            if at + need > input.len() {
                break;
            }
            let mut block = vec![0.0; n];
            resampler.process(&input[at..at + need], &mut block);
            out.extend(block);
            at += need;
            turn += 1;
        }
        let steepest = (TAU * 440.0 / 48_000.0 * 1.01) as f32;
        // The onset itself is a corner.
        let step = out[300..]
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max);
        assert!(step < steepest, "{step}");
    }

    #[test]
    fn the_delay_is_as_stated() {
        for from in [8_000, 16_000, 48_000] {
            let from = SampleRate::new(from).unwrap();
            let mut resampler = Resampler::new(from, SampleRate::HZ_48000, 64);
            let mut input = vec![0.0; 2_000];
            input[500] = 1.0;
            let out = stream(&mut resampler, &input, &[64]);
            let top = (0..out.len())
                .max_by(|&a, &b| out[a].total_cmp(&out[b]))
                .unwrap();
            let ratio = 48_000.0 / f64::from(from.hz());
            let expected = (500 + resampler.delay()) as f64 * ratio;
            assert!(
                (top as f64 - expected).abs() <= ratio + 1.0,
                "{from}: {top} {expected}"
            );
        }
    }

    #[test]
    fn a_wrong_number_of_frames_is_silence_not_a_panic() {
        let mut resampler = Resampler::new(SampleRate::HZ_8000, SampleRate::HZ_48000, 64);
        let mut out = [1.0; 64];
        resampler.process(&[0.5; 3], &mut out);
        assert_eq!(out, [0.0; 64]);
    }

    #[test]
    fn downwards_what_the_lower_rate_cannot_carry_is_gone() {
        let mut resampler = Resampler::new(SampleRate::HZ_48000, SampleRate::HZ_8000, 64);
        let input = sine(6_000.0, SampleRate::HZ_48000, 48_000);
        let out = stream(&mut resampler, &input, &[64]);
        let rms = (out[100..].iter().map(|x| x * x).sum::<f32>() / (out.len() - 100) as f32).sqrt();
        assert!(rms < 0.005, "{rms}");
    }

    #[test]
    fn a_sound_keeps_its_place_and_length() {
        for (from, to) in [
            (44_100, 48_000),
            (48_000, 44_100),
            (8_000, 48_000),
            (48_000, 8_000),
        ] {
            let (from, to) = (SampleRate::new(from).unwrap(), SampleRate::new(to).unwrap());
            let input = sine(440.0, from, from.hz() as usize / 2);
            let out = convert(&input, from, to);
            assert_eq!(out.len(), to.hz() as usize / 2);
            let middle = &out[out.len() / 4..out.len() * 3 / 4];
            let (level, rest) = level_and_rest(middle, 440.0, f64::from(to.hz()));
            assert!(
                level.abs() < 0.01 && rest < -80.0,
                "{from} to {to}: {level} {rest}"
            );
            // It starts where it should, to a frame.
            let step = TAU * 440.0 / f64::from(to.hz());
            assert!((f64::from(out[40]) - (step * 40.0).sin()).abs() < step);
        }
    }

    #[test]
    fn nothing_is_changed_at_the_same_rate() {
        let input = sine(440.0, SampleRate::HZ_8000, 100);
        assert_eq!(
            convert(&input, SampleRate::HZ_8000, SampleRate::HZ_8000),
            input
        );
        assert!(convert(&[], SampleRate::HZ_8000, SampleRate::HZ_48000).is_empty());
    }
}
