//! What becomes of what a caller has said, before anybody hears it?
//!
//! ```text
//!  recording ─► without the key that ended it, without silence ─┬─► the caller, who hears it back
//!                                    agc ─► speech filter ─► ────┴─► the zones, at the card's rate
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{CallId, Pcm, SampleRate, SoundId};
use crate::control::{Clip, Sound};
use crate::dsp::{self, Agc, SpeechFilter};
use crate::mix::Treatment;

/// What callers have said, for as long as the core wants it.
#[derive(Default)]
pub(super) struct Dictated {
    takes: BTreeMap<SoundId, Take>,
    n_takes: u32,
}

/// One thing that was said.
pub(super) struct Take {
    /// As it came.
    pub(super) for_caller: Arc<Pcm>,
    /// As it is to be played.
    pub(super) for_zones: Arc<Pcm>,
}

/// A take is ready, or holds no words.
pub(super) struct Prepared {
    pub(super) call: CallId,
    pub(super) take: Option<Take>,
}

impl Dictated {
    /// Holds a take until it is forgotten.
    pub(super) fn keep(&mut self, take: Take) -> Clip {
        let id = SoundId(FIRST_SOUND + self.n_takes);
        self.n_takes = (self.n_takes + 1) % (FIRST_SOUND - 1);
        let duration = take.for_zones.duration();
        self.takes.insert(id, take);
        Clip {
            sound: Sound::Stored(id),
            duration,
        }
    }

    pub(super) fn take(&self, sound: Sound) -> Option<&Take> {
        match sound {
            Sound::Klaxon => None,
            Sound::Stored(id) => self.takes.get(&id),
        }
    }

    pub(super) fn forget(&mut self, id: SoundId) {
        self.takes.remove(&id);
    }
}

/// Makes a recording ready; for a thread that may be busy for a second.
pub(super) fn prepare(said: Vec<Pcm>, treatment: Treatment, rate: SampleRate) -> Option<Take> {
    let said = joined(said)?;
    let n = dsp::before_key(&said.samples, said.rate, HASH_HZ);
    let words = dsp::words(&said.samples[..n], said.rate)?;
    let mut frames = said.samples[words].to_vec();
    drop(said.samples);
    fade(&mut frames, said.rate);
    let for_caller = Arc::new(Pcm::mono(said.rate, frames.clone()));
    let mut agc = Agc::new(treatment.agc, said.rate);
    // It has heard the whole, and need not find its level in the first words.
    agc.process(&mut frames.clone());
    agc.process(&mut frames);
    SpeechFilter::new(treatment.speech_filter, said.rate).process(&mut frames);
    let for_zones = dsp::convert(&frames, said.rate, rate);
    Some(Take {
        for_caller,
        for_zones: Arc::new(Pcm::mono(rate, for_zones)),
    })
}

/// All pieces at the rate of the last, which is what the caller hears now.
fn joined(mut pieces: Vec<Pcm>) -> Option<Pcm> {
    let last = pieces.pop()?;
    if pieces.is_empty() {
        return Some(last);
    }
    let before = pieces
        .iter()
        .flat_map(|it| dsp::convert(&it.samples, it.rate, last.rate));
    Some(Pcm::mono(last.rate, before.chain(last.samples).collect()))
}

/// A cut in the noise of a room is no click.
fn fade(frames: &mut [f32], rate: SampleRate) {
    let n = (rate.hz() as usize / FADES_A_SECOND).min(frames.len() / 2);
    let last = frames.len().saturating_sub(1);
    for i in 0..n {
        let gain = dsp::ease((i + 1) as f32 / (n + 1) as f32);
        frames[i] *= gain;
        frames[last - i] *= gain;
    }
}

/// Sounds of pages are counted from 0, those of bells from twice as far.
const FIRST_SOUND: u32 = 1 << 30;
/// The key that ends a recording (ITU-T Q.23).
const HASH_HZ: [f64; 2] = [941.0, 1_477.0];
/// 10 ms each.
const FADES_A_SECOND: usize = 100;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LOW: SampleRate = SampleRate::HZ_8000;
    const HIGH: SampleRate = SampleRate::HZ_48000;

    fn note(hz: f64, ms: u64) -> Vec<f32> {
        dsp::tones::note(hz, LOW, Duration::from_millis(ms))
    }

    #[test]
    fn zones_get_the_words_alone_at_the_rate_of_the_card() {
        let key = note(941.0, 100).into_iter().zip(note(1_477.0, 100));
        let key: Vec<f32> = key.map(|(low, high)| low + high).collect();
        let quiet: Vec<f32> = note(400.0, 3_000).iter().map(|x| 0.3 * x).collect();
        let said = [
            vec![0.0; 8_000],
            quiet,
            vec![0.0; 4_000],
            key,
            vec![0.0; 400],
        ];
        let said = Pcm::mono(LOW, said.concat());
        let take = prepare(vec![said.clone()], Treatment::default(), HIGH).unwrap();
        let ms = |pcm: &Pcm| pcm.duration().as_millis();
        assert_eq!((ms(&take.for_caller), ms(&take.for_zones)), (3_370, 3_370));
        assert_eq!((take.for_caller.rate, take.for_zones.rate), (LOW, HIGH));
        let level = |pcm: &Pcm| dsp::peak(&pcm.samples);
        assert!((level(&take.for_zones) / level(&take.for_caller) - 1.0).abs() < 0.05);
        let treatment = Treatment {
            agc: Some(crate::base::Db(-10.0)),
            ..Treatment::default()
        };
        let louder = prepare(vec![said], treatment, HIGH).unwrap();
        assert!(level(&louder.for_zones) > 1.3 * level(&louder.for_caller));
        assert_eq!(louder.for_caller, take.for_caller);
        let pieces = vec![
            Pcm::mono(LOW, note(400.0, 500)),
            Pcm::mono(HIGH, vec![0.0; 4_800]),
        ];
        let joined = prepare(pieces, Treatment::default(), HIGH).unwrap();
        assert!((590..=610).contains(&ms(&joined.for_caller)));
        let nothing = Pcm::mono(LOW, vec![0.0; 80_000]);
        assert!(prepare(vec![nothing], Treatment::default(), HIGH).is_none());
    }

    #[test]
    fn a_take_is_held_until_it_is_forgotten() {
        let mut dictated = Dictated::default();
        let take = || {
            prepare(
                vec![Pcm::mono(LOW, note(400.0, 500))],
                Treatment::default(),
                LOW,
            )
            .unwrap()
        };
        let (first, second) = (dictated.keep(take()), dictated.keep(take()));
        assert_ne!(first.sound, second.sound);
        assert_eq!(first.duration.as_millis(), 500);
        let Sound::Stored(id) = first.sound else {
            panic!("a klaxon");
        };
        let held = Arc::downgrade(&dictated.take(first.sound).unwrap().for_zones);
        dictated.forget(id);
        assert!(dictated.take(first.sound).is_none() && held.upgrade().is_none());
        assert!(dictated.take(second.sound).is_some() && dictated.take(Sound::Klaxon).is_none());
    }
}
