//! How does sound come later, so that near and far loudspeakers agree?
//!
//! A change fades from the old delay to the new one: two taps of one line. While the delay is
//! zero the line does not run, and what comes goes, bit for bit.

use std::time::Duration;

use crate::base::SampleRate;
use crate::dsp::ease;

/// How long old and new delay overlap.
const FADE: Duration = Duration::from_millis(20);

/// A delay line for one channel.
#[derive(Clone, Debug)]
pub struct Delay {
    line: Vec<f32>,
    /// Where the next frame goes.
    at: usize,
    /// Frames that the line holds since it began to run.
    n_held: usize,
    /// Frames since the input was last not silent.
    silent_for: usize,
    delay: usize,
    fade: Option<Fade>,
    fade_frames: usize,
}

#[derive(Clone, Copy, Debug)]
struct Fade {
    /// The delay that is left behind.
    from: usize,
    at: usize,
}

impl Delay {
    /// A line for delays of up to `longest` at `rate`, at first without any. Allocates.
    pub fn new(longest: Duration, rate: SampleRate) -> Self {
        Self {
            line: vec![0.0; rate.frames_in(longest)],
            at: 0,
            n_held: 0,
            silent_for: 0,
            delay: 0,
            fade: None,
            fade_frames: rate.frames_in(FADE).max(1),
        }
    }

    /// Delays by so many frames from now on, at most what the line was made for. While an
    /// earlier change still fades nothing happens: ask again with the next block.
    pub fn go(&mut self, frames: usize) {
        let frames = frames.min(self.line.len());
        if frames == self.delay || self.fade.is_some() {
            return;
        }
        if self.delay == 0 {
            self.forget();
        }
        let from = std::mem::replace(&mut self.delay, frames);
        self.fade = Some(Fade { from, at: 0 });
    }

    /// Delays by so many frames at once; only while nothing sounds.
    pub fn jump(&mut self, frames: usize) {
        self.delay = frames.min(self.line.len());
        self.fade = None;
        self.forget();
    }

    /// The longest delay that it was made for, in frames.
    pub fn longest(&self) -> usize {
        self.line.len()
    }

    /// The delay that it has or fades to, in frames.
    pub fn delay(&self) -> usize {
        self.delay
    }

    /// Whether only silence is left inside.
    pub fn is_empty(&self) -> bool {
        self.fade.is_none() && (self.delay == 0 || self.silent_for >= self.delay)
    }

    /// Delays the next samples in place.
    pub fn process(&mut self, frames: &mut [f32]) {
        if self.delay == 0 && self.fade.is_none() {
            return;
        }
        let is_silent = crate::dsp::peak(frames) == 0.0;
        self.silent_for = if is_silent {
            self.silent_for.saturating_add(frames.len())
        } else {
            0
        };
        for x in frames {
            *x = self.next(*x);
        }
    }

    /// What the line held when it last ran is over.
    fn forget(&mut self) {
        (self.at, self.n_held, self.silent_for) = (0, 0, 0);
    }

    fn next(&mut self, x: f32) -> f32 {
        let out = match self.fade {
            None => self.tap(self.delay, x),
            Some(Fade { from, at }) => {
                let (was, is) = (self.tap(from, x), self.tap(self.delay, x));
                let at = at + 1;
                self.fade = (at < self.fade_frames).then_some(Fade { from, at });
                was + (is - was) * ease(at as f32 / self.fade_frames as f32)
            }
        };
        // A line that begins to run must not begin with a step either.
        let first = (self.n_held < self.fade_frames)
            .then(|| ease((self.n_held + 1) as f32 / self.fade_frames as f32));
        self.line[self.at] = first.map_or(x, |rise| x * rise);
        self.at = (self.at + 1) % self.line.len();
        self.n_held = (self.n_held + 1).min(self.line.len());
        out
    }

    /// What came in `delay` frames before `x`.
    fn tap(&self, delay: usize, x: f32) -> f32 {
        if delay == 0 {
            return x;
        }
        if delay > self.n_held {
            return 0.0;
        }
        let from = self.at + self.line.len() - delay;
        self.line[from % self.line.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::measure::{largest_step, noise, sine};

    const RATE: SampleRate = SampleRate::HZ_48000;
    const SECOND: Duration = Duration::from_secs(1);

    fn run(delay: &mut Delay, frames: &mut [f32]) {
        frames
            .chunks_mut(256)
            .for_each(|block| delay.process(block));
    }

    #[test]
    fn sound_comes_later_to_the_frame_and_else_as_it_was() {
        for frames in [1, 255, 256, 4_800, 48_000] {
            let mut delay = Delay::new(SECOND, RATE);
            delay.jump(frames);
            let input = noise(1, 0.5, 100_000);
            let mut out = input.clone();
            run(&mut delay, &mut out);
            assert!(out[..frames].iter().all(|&x| x == 0.0));
            // Past the rise of a line that begins in the middle of a sound.
            assert!(out[frames + 960..] == input[960..100_000 - frames]);
        }
    }

    #[test]
    fn no_delay_is_bit_exact_also_after_there_was_one() {
        let input = noise(2, 0.5, 48_000);
        let mut delay = Delay::new(SECOND, RATE);
        for frames in [0, 4_800, 0] {
            delay.go(frames);
            run(&mut delay, &mut input.clone());
        }
        let mut out = input.clone();
        run(&mut delay, &mut out);
        assert_eq!(out, input);
        assert!(delay.is_empty());
    }

    #[test]
    fn a_delay_beyond_the_line_is_the_longest_there_is() {
        let mut delay = Delay::new(Duration::from_millis(10), RATE);
        delay.go(48_000);
        assert_eq!(delay.delay(), 480);
        let mut none = Delay::new(Duration::ZERO, RATE);
        none.go(1);
        let mut out = vec![0.5; 10];
        none.process(&mut out);
        assert_eq!(out, [0.5; 10]);
    }

    #[test]
    fn no_change_makes_a_step() {
        let mut delay = Delay::new(SECOND, RATE);
        let mut out = sine(200.0, RATE, 0.5, 480_000);
        let delays = [480, 48_000, 47, 0, 24_000, 0];
        for (i, block) in out.chunks_mut(256).enumerate() {
            delay.go(delays[i / 300 % 6]);
            delay.process(block);
        }
        let steepest = 0.5 * std::f32::consts::TAU * 200.0 / 48_000.0;
        let fade = 1.5 / 960.0;
        assert!(largest_step(&out) < steepest + fade);
    }

    #[test]
    fn it_is_empty_when_the_last_sound_has_left() {
        let mut delay = Delay::new(SECOND, RATE);
        delay.jump(1_000);
        delay.process(&mut [0.5; 100]);
        let mut rest = vec![0.0; 950];
        delay.process(&mut rest);
        assert!(!delay.is_empty());
        let mut rest = vec![0.0; 50];
        delay.process(&mut rest);
        assert!(delay.is_empty());
        let mut rest = vec![0.0; 500];
        delay.process(&mut rest);
        assert!(rest.iter().all(|&x| x == 0.0));
    }
}
