//! What comes next of the sound that plays to the peer?

use std::sync::Arc;

use crate::base::{Pcm, SampleRate};
use crate::dsp::Resampler;

/// How often a sound is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    Once,
    /// Until another sound or the end of the call.
    Forever,
}

/// Whether the sound that played has just come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    No,
    Yes,
}

/// A mono sound and how far it has come; it is converted as it goes if its rate is another.
pub struct Play {
    pcm: Arc<Pcm>,
    at: usize,
    repeat: Repeat,
    converter: Option<Converter>,
}

struct Converter {
    rate: SampleRate,
    resampler: Resampler,
    input: Vec<f32>,
    /// Frames of silence behind the sound's end that have pushed out what is inside.
    n_behind: usize,
}

impl Play {
    /// At its beginning.
    pub fn new(pcm: Arc<Pcm>, repeat: Repeat) -> Self {
        Self {
            pcm,
            at: 0,
            repeat,
            converter: None,
        }
    }

    /// Appends up to `n` frames at `rate` to `out`.
    pub fn take(&mut self, n: usize, rate: SampleRate, out: &mut Vec<f32>) -> Ended {
        if self.pcm.rate == rate {
            return self.copy(n, out);
        }
        let mut converter = match self.converter.take() {
            Some(converter) if converter.rate == rate => converter,
            Some(_) | None => Converter::new(self.pcm.rate, rate),
        };
        let mut left = n;
        let mut ended = Ended::No;
        while left > 0 && ended == Ended::No {
            let part = left.min(BLOCK);
            ended = self.convert(&mut converter, part, out);
            left -= part;
        }
        self.converter = Some(converter);
        ended
    }

    fn convert(&mut self, converter: &mut Converter, n: usize, out: &mut Vec<f32>) -> Ended {
        let need = converter.resampler.need(n);
        let mut input = std::mem::take(&mut converter.input);
        input.clear();
        if self.copy(need, &mut input) == Ended::Yes {
            converter.n_behind += need - input.len();
            input.resize(need, 0.0);
        }
        let from = out.len();
        out.resize(from + n, 0.0);
        converter.resampler.process(&input, &mut out[from..]);
        converter.input = input;
        if converter.n_behind >= 2 * converter.resampler.delay() {
            Ended::Yes
        } else {
            Ended::No
        }
    }

    /// Appends up to `n` frames as they are.
    fn copy(&mut self, n: usize, out: &mut Vec<f32>) -> Ended {
        let wanted = out.len() + n;
        loop {
            let rest = self.pcm.samples.get(self.at..).unwrap_or_default();
            let part = rest.len().min(wanted - out.len());
            out.extend_from_slice(&rest[..part]);
            self.at += part;
            if part < rest.len() {
                return Ended::No;
            }
            if self.repeat == Repeat::Once || self.pcm.samples.is_empty() {
                return Ended::Yes;
            }
            self.at = 0;
        }
    }
}

impl Converter {
    fn new(from: SampleRate, to: SampleRate) -> Self {
        Self {
            rate: to,
            resampler: Resampler::new(from, to, BLOCK),
            input: Vec::new(),
            n_behind: 0,
        }
    }
}

/// Frames that are converted at a time.
const BLOCK: usize = 480;

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: SampleRate, n: usize) -> Vec<f32> {
        let step = 400.0 * std::f32::consts::TAU / rate.hz() as f32;
        (0..n).map(|i| (i as f32 * step).sin() * 0.5).collect()
    }

    #[test]
    fn a_sound_is_heard_whole_and_in_tune_at_any_rate() {
        let from = SampleRate::HZ_8000;
        for to in [
            SampleRate::HZ_8000,
            SampleRate::HZ_16000,
            SampleRate::HZ_48000,
        ] {
            let mut play = Play::new(Arc::new(Pcm::mono(from, sine(from, 4_000))), Repeat::Once);
            let n = to.hz() as usize / 50;
            let mut out = Vec::new();
            while play.take(n, to, &mut out) == Ended::No {
                assert!(out.len() < to.hz() as usize);
            }
            let length = out.len() as f32 / to.hz() as f32;
            assert!((0.5..0.53).contains(&length), "{to}: {length}");
            let steepest = 0.5 * 400.0 * std::f32::consts::TAU / to.hz() as f32;
            let rises = |w: &&[f32]| w[0] < 0.0 && w[1] >= 0.0 && w[1] - w[0] > steepest / 2.0;
            let crossings = out.windows(2).filter(rises).count();
            assert!((198..=201).contains(&crossings), "{to}: {crossings}");
            let largest = out
                .windows(2)
                .map(|w| (w[1] - w[0]).abs())
                .fold(0.0, f32::max);
            assert!(largest < steepest * 1.2, "{to}: {largest}");
        }
    }

    #[test]
    fn the_rate_may_change_on_the_way_and_a_repeated_sound_goes_on() {
        let from = SampleRate::HZ_8000;
        let pcm = Arc::new(Pcm::mono(from, sine(from, 200)));
        let mut play = Play::new(pcm, Repeat::Forever);
        for rate in [
            SampleRate::HZ_8000,
            SampleRate::HZ_48000,
            SampleRate::HZ_16000,
        ] {
            let mut out = Vec::new();
            for _ in 0..10 {
                assert_eq!(play.take(960, rate, &mut out), Ended::No);
            }
            assert_eq!(out.len(), 9_600);
            assert!(out[4_800..].iter().any(|&x| x > 0.4), "{rate}");
        }
    }
}
