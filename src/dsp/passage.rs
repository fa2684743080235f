//! How does music get to the card's rate, piece after piece?
//!
//! As `convert` does it for a whole sound, but as a stream: what goes in comes out in its place,
//! with the filter's delay taken out. Pieces that follow each other in one passage are joined as if
//! they had never been parted.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use crate::base::{Frame, SampleRate};
use crate::dsp::drift::{FASTEST, SLOWEST};
use crate::dsp::resampler::{SPEED_ROOM, points};

/// Frames that are converted at a time.
const CHUNK: usize = 1_024;

/// A stream of stereo frames from one rate to another. Not for the sound callback: allocates.
pub struct Passage {
    rates: (SampleRate, SampleRate),
    /// None at equal rates, where everything passes as it is.
    inner: Option<Async<f32>>,
    waiting: Vec<f32>,
    made: Vec<f32>,
    /// Frames still to be dropped, which are the filter's delay.
    early: usize,
    n_in: u64,
    n_out: u64,
    is_steered: bool,
    /// How fast the input is read.
    speed: f64,
    /// Frames that came out more than at nominal speed.
    strayed: f64,
}

impl Passage {
    /// At its nominal speed; at equal rates every frame passes as it is.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        let inner = (from != to).then(|| filter(from, to, 1.0));
        Self::through(inner, (from, to), false)
    }

    /// At a speed that can be set.
    pub fn steered(from: SampleRate, to: SampleRate) -> Self {
        let inner = Some(filter(from, to, SPEED_ROOM));
        Self::through(inner, (from, to), true)
    }

    fn through(
        inner: Option<Async<f32>>,
        rates: (SampleRate, SampleRate),
        is_steered: bool,
    ) -> Self {
        let made = inner
            .as_ref()
            .map_or(0, |inner| 2 * inner.output_frames_max());
        Self {
            rates,
            waiting: Vec::with_capacity(2 * CHUNK),
            made: vec![0.0; made],
            early: inner.as_ref().map_or(0, |inner| inner.output_delay()),
            inner,
            n_in: 0,
            n_out: 0,
            is_steered,
            speed: 1.0,
            strayed: 0.0,
        }
    }

    /// Whether its speed can be set.
    pub fn is_steered(&self) -> bool {
        self.is_steered
    }

    /// How fast the input is read from now on, 1.0 being nominal; beyond ±0.5 % it is clamped. Only
    /// for one that is steered.
    pub fn set_speed(&mut self, speed: f64) {
        let Some(inner) = self.inner.as_mut().filter(|_| self.is_steered) else {
            return;
        };
        let speed = speed.clamp(SLOWEST, FASTEST);
        // Cannot fail within the clamp; if it did, the old speed would go on.
        if inner.set_resample_ratio_relative(1.0 / speed, true).is_ok() {
            self.speed = speed;
        }
    }

    /// The rate of what goes in.
    pub fn from(&self) -> SampleRate {
        self.rates.0
    }

    /// Takes frames in and appends what they make to `out`.
    pub fn push(&mut self, frames: &[Frame], out: &mut Vec<Frame>) {
        if self.inner.is_none() {
            return out.extend_from_slice(frames);
        }
        self.n_in += frames.len() as u64;
        for frame in frames {
            self.waiting.extend_from_slice(frame);
            if self.waiting.len() == 2 * CHUNK {
                self.convert(out);
            }
        }
    }

    /// Nothing follows: appends what is still in the filter, so that as many frames came out as
    /// belong to those that went in.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        let whole = (self.n_in as f64 * self.ratio() + self.strayed).round() as u64;
        while self.inner.is_some() && self.n_out < whole {
            self.waiting.resize(2 * CHUNK, 0.0);
            let before = out.len();
            self.convert(out);
            let over = self.n_out.saturating_sub(whole) as usize;
            out.truncate((out.len() - over).max(before));
        }
        let (from, to) = self.rates;
        *self = if self.is_steered {
            Self::steered(from, to)
        } else {
            Self::new(from, to)
        };
    }

    fn ratio(&self) -> f64 {
        f64::from(self.rates.1.hz()) / f64::from(self.rates.0.hz())
    }

    fn convert(&mut self, out: &mut Vec<Frame>) {
        self.strayed += CHUNK as f64 * self.ratio() * (1.0 / self.speed - 1.0);
        let Some(inner) = &mut self.inner else {
            return;
        };
        let n = self.made.len() / 2;
        let from = InterleavedSlice::new(&self.waiting, 2, CHUNK);
        let to = InterleavedSlice::new_mut(&mut self.made, 2, n);
        let (from, mut to) = (
            from.expect("the chunk is whole"),
            to.expect("the buffer is made to fit"),
        );
        let done = inner.process_into_buffer(&from, &mut to, None);
        let (_, n) = done.expect("the buffers are made to fit");
        self.waiting.clear();
        let late = self.early.min(n);
        self.early -= late;
        self.n_out += (n - late) as u64;
        let frames = self.made[2 * late..2 * n].chunks_exact(2);
        out.extend(frames.map(|frame| [frame[0], frame[1]]));
    }
}

/// Flat to 95 % of the band, and images below −100 dB.
fn filter(from: SampleRate, to: SampleRate, speed_room: f64) -> Async<f32> {
    let ratio = f64::from(to.hz()) / f64::from(from.hz());
    let sinc =
        SincInterpolationParameters::new(points(128, ratio), WindowFunction::BlackmanHarris2)
            .oversampling_factor(256)
            .interpolation(SincInterpolationType::Linear);
    Async::new_sinc(ratio, speed_room, &sinc, CHUNK, 2, FixedAsync::Input)
        .expect("a ratio of two sample rates is finite and above zero")
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    const LOW: SampleRate = SampleRate::new(44_100).unwrap();
    const HIGH: SampleRate = SampleRate::HZ_48000;

    fn sine(rate: SampleRate, n: usize) -> Vec<Frame> {
        let at = |i: usize| (TAU * 440.0 * i as f64 / f64::from(rate.hz())).sin() as f32 * 0.5;
        (0..n).map(|i| [at(i), -at(i)]).collect()
    }

    fn pass(pieces: &[&[Frame]], from: SampleRate, to: SampleRate) -> Vec<Frame> {
        let (mut passage, mut out) = (Passage::new(from, to), vec![]);
        for piece in pieces {
            piece
                .chunks(333)
                .for_each(|chunk| passage.push(chunk, &mut out));
        }
        passage.finish(&mut out);
        out
    }

    #[test]
    fn a_passage_keeps_place_length_and_sides() {
        for (from, to) in [(LOW, HIGH), (HIGH, LOW), (SampleRate::HZ_8000, HIGH)] {
            let n = from.hz() as usize / 2;
            let out = pass(&[&sine(from, n)], from, to);
            let expected = sine(to, to.hz() as usize / 2);
            assert_eq!(out.len(), expected.len());
            // To a frame or two, and away from the start, where the tone begins at once.
            let step = (TAU * 440.0 / f64::from(to.hz())) as f32 * 0.5;
            for (made, wanted) in out.iter().zip(&expected).skip(500).take(20_000) {
                assert!(
                    (made[0] - wanted[0]).abs() < 2.0 * step,
                    "{made:?} {wanted:?}"
                );
                assert_eq!(made[0], -made[1]);
            }
        }
    }

    #[test]
    fn pieces_are_joined_as_if_they_had_never_been_parted() {
        let tone = sine(LOW, 44_100);
        let (first, second) = tone.split_at(20_011);
        assert_eq!(pass(&[first, second], LOW, HIGH), pass(&[&tone], LOW, HIGH));
    }

    #[test]
    fn at_equal_rates_everything_passes_as_it_is() {
        let tone = sine(HIGH, 1_000);
        assert_eq!(pass(&[&tone], HIGH, HIGH), tone);
    }

    #[test]
    fn a_steered_passage_is_as_much_longer_as_it_is_slower_and_whole_at_its_end() {
        for (from, to, speed) in [(HIGH, HIGH, 0.999), (LOW, HIGH, 1.001), (HIGH, HIGH, 1.0)] {
            let (mut passage, mut out) = (Passage::steered(from, to), vec![]);
            let tone = sine(from, from.hz() as usize * 2);
            passage.set_speed(speed);
            passage.push(&tone, &mut out);
            passage.finish(&mut out);
            let expected = f64::from(to.hz()) * 2.0 / speed;
            // The last part of a chunk and the way to the new speed pass as they are.
            assert!(
                (out.len() as f64 - expected).abs() < 5.0,
                "{} {expected}",
                out.len()
            );
            let steps = out[500..out.len() - 500].windows(2);
            let most = steps.fold(0.0_f32, |most, w| most.max((w[1][0] - w[0][0]).abs()));
            assert!(most < 0.031, "{most}");
        }
    }

    #[test]
    fn a_passage_can_be_used_again() {
        let tone = sine(LOW, 3_000);
        let (mut passage, mut out) = (Passage::new(LOW, HIGH), vec![]);
        passage.push(&tone, &mut out);
        passage.finish(&mut out);
        let first = std::mem::take(&mut out);
        passage.push(&tone, &mut out);
        passage.finish(&mut out);
        assert_eq!(first, out);
        passage.finish(&mut out);
        assert_eq!(first, out);
    }
}
