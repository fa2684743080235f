//! What is a number measured in?

use std::fmt;
use std::time::Duration;

/// A gain or level in decibels; 0 dB leaves a signal as it is, −∞ is silence.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Db(pub f32);

impl Db {
    pub const UNITY: Self = Self(0.0);
    pub const SILENCE: Self = Self(f32::NEG_INFINITY);

    /// The factor to multiply samples with; never negative.
    pub fn gain(self) -> f32 {
        if self.0 == f32::NEG_INFINITY {
            0.0
        } else {
            10f32.powf(self.0 / 20.0)
        }
    }

    /// The level of a linear amplitude; zero or less is silence.
    pub fn from_gain(gain: f32) -> Self {
        if gain <= 0.0 {
            Self::SILENCE
        } else {
            Self(20.0 * gain.log10())
        }
    }
}

impl fmt::Display for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}dB", self.0)
    }
}

/// Frames a second, 1 or more; a frame is one sample of every channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

impl SampleRate {
    pub const HZ_8000: Self = Self(8_000);
    pub const HZ_16000: Self = Self(16_000);
    pub const HZ_48000: Self = Self(48_000);

    /// `None` for zero hertz.
    pub const fn new(hz: u32) -> Option<Self> {
        if hz == 0 { None } else { Some(Self(hz)) }
    }

    pub const fn hz(self) -> u32 {
        self.0
    }

    /// Whole frames in `span`, rounded to the nearest.
    pub fn frames_in(self, span: Duration) -> usize {
        (span.as_secs_f64() * f64::from(self.0)).round() as usize
    }

    /// How long `frames` last.
    pub fn duration_of(self, frames: u64) -> Duration {
        Duration::from_nanos((u128::from(frames) * 1_000_000_000 / u128::from(self.0)) as u64)
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_and_gain_are_inverse() {
        for db in [-60.0, -20.0, -6.0, 0.0, 6.0] {
            assert!((Db::from_gain(Db(db).gain()).0 - db).abs() < 1e-4);
        }
        assert_eq!(Db::SILENCE.gain(), 0.0);
        assert_eq!(Db::from_gain(0.0), Db::SILENCE);
    }

    #[test]
    fn frames_and_durations_agree() {
        let rate = SampleRate::HZ_48000;
        assert_eq!(rate.frames_in(Duration::from_millis(20)), 960);
        assert_eq!(rate.duration_of(960), Duration::from_millis(20));
        assert_eq!(SampleRate::new(0), None);
    }
}
