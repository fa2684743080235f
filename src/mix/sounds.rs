//! Where do sounds at the engine's rate come from?

use std::sync::{Arc, Weak};

use crate::base::{Pcm, SampleRate};
use crate::dsp::convert;

/// Sounds folded to mono and resampled once, for as long as somebody holds the original.
#[derive(Default)]
pub(super) struct Sounds {
    made: Vec<Sound>,
}

struct Sound {
    /// Keeps the address from being used again.
    original: Weak<Pcm>,
    rate: SampleRate,
    frames: Arc<Vec<f32>>,
}

impl Sounds {
    /// The sound, mono at `rate`; made now if it was not before.
    pub(super) fn at_rate(&mut self, pcm: &Arc<Pcm>, rate: SampleRate) -> Arc<Vec<f32>> {
        self.made.retain(|sound| sound.original.strong_count() > 0);
        let known = self.made.iter().find(|sound| {
            sound.rate == rate && std::ptr::eq(sound.original.as_ptr(), Arc::as_ptr(pcm))
        });
        if let Some(sound) = known {
            return sound.frames.clone();
        }
        let frames = Arc::new(convert(&pcm.to_mono(), pcm.rate, rate));
        self.made.push(Sound {
            original: Arc::downgrade(pcm),
            rate,
            frames: frames.clone(),
        });
        frames
    }

    /// Makes everything known anew for `rate` and forgets what was made for others.
    pub(super) fn set_rate(&mut self, rate: SampleRate) {
        let known: Vec<Arc<Pcm>> = self
            .made
            .iter()
            .filter_map(|sound| sound.original.upgrade())
            .collect();
        self.made.retain(|sound| sound.rate == rate);
        for pcm in known {
            self.at_rate(&pcm, rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_made_once_for_each_rate_and_forgotten_with_its_original() {
        let (mut sounds, low) = (Sounds::default(), SampleRate::HZ_8000);
        let pcm = Arc::new(Pcm {
            rate: low,
            channels: 2,
            samples: vec![0.5, 0.0, 0.25, 0.75],
        });
        let first = sounds.at_rate(&pcm, low);
        assert_eq!(*first, [0.25, 0.5]);
        assert!(Arc::ptr_eq(&first, &sounds.at_rate(&pcm, low)));
        assert_eq!(sounds.at_rate(&pcm, SampleRate::HZ_16000).len(), 4);
        sounds.set_rate(SampleRate::HZ_48000);
        assert_eq!(sounds.made.len(), 1);
        assert_eq!(sounds.at_rate(&pcm, SampleRate::HZ_48000).len(), 12);
        drop(pcm);
        let other = Arc::new(Pcm::mono(low, vec![0.0; 4]));
        sounds.at_rate(&other, low);
        assert_eq!(sounds.made.len(), 1);
    }
}
