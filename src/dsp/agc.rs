//! How do quiet and loud callers reach the same loudness, without their noise being pumped up?
//!
//! ```text
//!  in ─┬──────────────────────────────────────────────────────────────────► × ─► out
//!      └─► K-weighted power of 50 ms ─► is it speech? ─► mean of speech ─► gain ─┘
//!             └─► lowest of the last 5 s: the noise
//! ```
//!
//! Only speech teaches and moves the gain: what is well above the noise of the line (which is
//! the softest moment of the last seconds) and not far below the rest of the speech, as the gates
//! of EBU R128 have it. In pauses the gain stands still.

use std::time::Duration;

use crate::base::{Db, SampleRate};
use crate::dsp::loudness::{ABSOLUTE_GATE, KWeighted, RELATIVE_GATE, lufs};
use crate::dsp::lowest::Lowest;
use crate::dsp::ramp::{Ramp, Shape};

/// How often the gain is chosen: a sound of a syllable.
const STEP: Duration = Duration::from_millis(50);
/// The softest of so many steps is the noise: 5 s, longer than anyone speaks without a breath.
const NOISE_STEPS: usize = 100;
/// Speech stands out of the noise by so much; noise itself varies by less.
const ABOVE_NOISE: f32 = 9.0;
/// What is learnt from is the loudness of a moment, as R128 has it: 400 ms.
const MOMENT: usize = 8;
/// The mean of speech runs over so many steps of it: 2 s.
const MEAN_OF: f64 = 40.0;
/// After so many steps of speech that are far below the rest, 2 s of them without any other, the
/// rest is forgotten: the caller goes on in a lower voice.
const LOW_FOR: u32 = 40;
/// The gain stays within this: more would be a fault of the line.
const MOST: Db = Db(30.0);
const LEAST: Db = Db(-20.0);
/// In one step: 15 dB a second up, so that a first sentence gets there.
const UP: f32 = 0.75;
/// In one step: 40 dB a second down, since loud is worse than soft.
const DOWN: f32 = 2.0;

/// Automatic gain for one voice.
#[derive(Clone, Debug)]
pub struct Agc {
    target: Option<Db>,
    weighted: KWeighted,
    step: usize,
    noise: Lowest,
    /// The steps of the last moment.
    recent: [f64; MOMENT],
    n_steps: usize,
    /// Weighted power of speech, and how many steps of speech it is learnt from.
    speech: f64,
    n_speech: f64,
    /// Steps of speech in a row that were far below the mean.
    n_low: u32,
    gain: Db,
    ramp: Ramp,
}

impl Agc {
    /// A gain of 0 dB that heads for speech at `target` LUFS; `None` is off. Allocates.
    pub fn new(target: Option<Db>, rate: SampleRate) -> Self {
        Self {
            target,
            weighted: KWeighted::new(rate, STEP),
            step: rate.frames_in(STEP),
            noise: Lowest::new(NOISE_STEPS, f32::MAX),
            recent: [0.0; MOMENT],
            n_steps: 0,
            speech: 0.0,
            n_speech: 0.0,
            n_low: 0,
            gain: Db::UNITY,
            ramp: Ramp::resting(1.0),
        }
    }

    /// Heads for another loudness, or for 0 dB when turned off.
    pub fn set_target(&mut self, target: Option<Db>) {
        self.target = target;
    }

    /// The gain it has come to.
    pub fn gain(&self) -> Db {
        self.gain
    }

    /// Whether sound passes bit for bit.
    pub fn is_through(&self) -> bool {
        self.target.is_none() && self.ramp.at_rest() == Some(1.0)
    }

    /// Scales the next samples in place.
    pub fn process(&mut self, frames: &mut [f32]) {
        if self.is_through() {
            return;
        }
        let mut rest = frames;
        while !rest.is_empty() {
            let (n, step) = self.weighted.measure(rest);
            let (now, later) = rest.split_at_mut(n);
            self.ramp.scale(now);
            if let Some(power) = step {
                self.choose(power);
            }
            rest = later;
        }
    }

    fn choose(&mut self, power: f64) {
        let is_speech = self.learn(power);
        let wanted = match self.target {
            None => 0.0,
            Some(target) if is_speech => self.wanted(target),
            Some(_) => self.gain.0,
        };
        self.gain.0 += (wanted - self.gain.0).clamp(-DOWN, UP);
        self.ramp.go(self.gain.gain(), self.step, Shape::Linear);
    }

    fn wanted(&self, target: Db) -> f32 {
        (target.0 - lufs(self.speech).0).clamp(LEAST.0, MOST.0)
    }

    /// Whether a step was speech; if so the moment that ends with it is learnt from.
    fn learn(&mut self, step: f64) -> bool {
        self.recent[self.n_steps % MOMENT] = step;
        self.n_steps += 1;
        let loudness = lufs(step);
        if loudness < ABSOLUTE_GATE || !self.is_above_noise(loudness) {
            return false;
        }
        let moment = self.recent.iter().sum::<f64>() / self.n_steps.min(MOMENT) as f64;
        if lufs(moment).0 < lufs(self.speech).0 + RELATIVE_GATE.0 {
            self.n_low += 1;
            if self.n_low < LOW_FOR {
                return false;
            }
            self.n_speech = 0.0;
        }
        self.n_low = 0;
        self.n_speech = (self.n_speech + 1.0).min(MEAN_OF);
        self.speech += (moment - self.speech) / self.n_speech;
        true
    }

    fn is_above_noise(&mut self, loudness: Db) -> bool {
        loudness.0 > self.noise.next(loudness.0) + ABOVE_NOISE
    }
}

/// What the loudspeakers of a site are set up for: R128 has −23 for programmes with a wide range;
/// speech alone leaves room for 3 more before its peaks meet the limiter.
pub const USUAL_TARGET: Db = Db(-20.0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::loudness::{integrated, power};
    use crate::dsp::measure::{babble, largest_step, noise, rms_db, sine};

    const RATE: SampleRate = SampleRate::HZ_8000;

    fn leveled(agc: &mut Agc, mut frames: Vec<f32>) -> Vec<f32> {
        for block in frames.chunks_mut(43) {
            agc.process(block);
        }
        frames
    }

    fn on() -> Agc {
        Agc::new(Some(USUAL_TARGET), RATE)
    }

    /// Speech of so many LUFS.
    fn voice_at(rate: SampleRate, level: f32, seconds: usize) -> Vec<f32> {
        let mut frames = babble(1, rate, 0.1, seconds);
        let gain = Db(level - integrated(&frames, rate).0).gain();
        frames.iter_mut().for_each(|x| *x *= gain);
        frames
    }

    fn voice(level: f32, seconds: usize) -> Vec<f32> {
        voice_at(RATE, level, seconds)
    }

    #[test]
    fn quiet_and_loud_callers_reach_the_same_loudness_within_seconds() {
        for level in [-45.0, -35.0, -26.0, -20.0, -6.0] {
            let mut agc = on();
            let out = leveled(&mut agc, voice(level, 12));
            let loudness = integrated(&out[3 * 8_000..], RATE).0;
            assert!(
                (loudness - USUAL_TARGET.0).abs() < 1.0,
                "{level} dB came to {loudness} LUFS by {}",
                agc.gain()
            );
        }
    }

    #[test]
    fn rates_do_not_matter() {
        for hz in [16_000, 48_000] {
            let rate = SampleRate::new(hz).unwrap();
            let mut agc = Agc::new(Some(USUAL_TARGET), rate);
            let out = leveled(&mut agc, voice_at(rate, -35.0, 10));
            let loudness = integrated(&out[4 * hz as usize..], rate).0;
            assert!((loudness - USUAL_TARGET.0).abs() < 1.0, "{loudness}");
        }
    }

    #[test]
    fn noise_in_pauses_is_not_pumped() {
        let mut agc = on();
        let mut talk = voice(-30.0, 6);
        let hiss = noise(2, 0.002, 6 * 8_000);
        talk.iter_mut().zip(&hiss).for_each(|(x, hiss)| *x += hiss);
        leveled(&mut agc, talk);
        let gain = agc.gain().0;
        let pause = leveled(&mut agc, noise(3, 0.002, 30 * 8_000));
        assert!((agc.gain().0 - gain).abs() < 1.5, "{gain} {}", agc.gain());
        let (first, last) = (rms_db(&pause[8_000..16_000]), rms_db(&pause[232_000..]));
        assert!((first - last).abs() < 1.0, "{first} {last}");
    }

    #[test]
    fn noise_alone_hum_and_a_silent_line_leave_the_gain_alone() {
        for sound in [
            noise(4, 0.003, 160_000),
            noise(4, 0.1, 160_000),
            sine(50.0, RATE, 0.05, 160_000),
            vec![0.0; 160_000],
            noise(5, 2e-4, 160_000),
        ] {
            let mut agc = on();
            leveled(&mut agc, sound);
            assert!(agc.gain().0.abs() < 0.8, "{}", agc.gain());
        }
    }

    #[test]
    fn a_louder_and_a_softer_voice_on_the_same_call_are_followed() {
        let mut agc = on();
        leveled(&mut agc, voice(-40.0, 8));
        let out = leveled(&mut agc, voice(-10.0, 8));
        let loudness = integrated(&out[4 * 8_000..], RATE).0;
        assert!((loudness - USUAL_TARGET.0).abs() < 1.5, "{loudness}");
        let out = leveled(&mut agc, voice(-40.0, 30));
        let loudness = integrated(&out[24 * 8_000..], RATE).0;
        assert!((loudness - USUAL_TARGET.0).abs() < 1.5, "{loudness}");
    }

    #[test]
    fn the_gain_goes_up_and_down_at_its_pace_and_never_steps() {
        let mut agc = on();
        let mut last = 0.0;
        let mut talk = voice(-40.0, 5);
        talk.extend(voice(-5.0, 5));
        for block in talk.chunks_mut(400) {
            agc.process(block);
            let step = agc.gain().0 - last;
            assert!((-DOWN - 1e-4..=UP + 1e-4).contains(&step), "{step}");
            last = agc.gain().0;
        }
        // A steady sound shows the gain itself.
        agc.set_target(None);
        let out = leveled(&mut agc, vec![0.1; 8_000]);
        assert!(largest_step(&out) < 0.1 * 0.26 / 400.0 * 10.0);
    }

    #[test]
    fn off_is_bit_exact_also_after_it_was_on() {
        let talk = voice(-30.0, 4);
        assert_eq!(leveled(&mut Agc::new(None, RATE), talk.clone()), talk);
        let mut agc = on();
        leveled(&mut agc, talk.clone());
        agc.set_target(None);
        leveled(&mut agc, talk.clone());
        assert!(agc.is_through());
        assert_eq!(leveled(&mut agc, talk.clone()), talk);
    }

    #[test]
    fn the_power_of_a_target_is_known() {
        assert!((lufs(power(USUAL_TARGET)).0 - USUAL_TARGET.0).abs() < 1e-4);
    }
}
