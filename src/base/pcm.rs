//! What is a sound that lies in memory?

use std::time::Duration;

use crate::base::SampleRate;

/// Decoded audio: interleaved samples, nominally −1.0 to 1.0.
#[derive(Clone, Debug, PartialEq)]
pub struct Pcm {
    pub rate: SampleRate,
    /// 1 or more; `samples.len()` is a multiple of it.
    pub channels: usize,
    pub samples: Vec<f32>,
}

impl Pcm {
    pub fn mono(rate: SampleRate, samples: Vec<f32>) -> Self {
        Self {
            rate,
            channels: 1,
            samples,
        }
    }

    pub fn frames(&self) -> usize {
        self.samples.len() / self.channels
    }

    pub fn duration(&self) -> Duration {
        self.rate.duration_of(self.frames() as u64)
    }

    /// The mean of all channels, one sample a frame.
    pub fn to_mono(&self) -> Vec<f32> {
        let share = 1.0 / self.channels as f32;
        self.samples
            .chunks_exact(self.channels)
            .map(|f| f.iter().sum::<f32>() * share)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stereo_folds_to_its_mean() {
        let pcm = Pcm {
            rate: SampleRate::HZ_8000,
            channels: 2,
            samples: vec![1.0, 0.0, -0.5, 0.5],
        };
        assert_eq!(pcm.to_mono(), [0.5, 0.0]);
        assert_eq!(pcm.frames(), 2);
        assert_eq!(pcm.duration(), Duration::from_micros(250));
    }
}
