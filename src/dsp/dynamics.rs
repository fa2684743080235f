//! How is a voice made even, and the noise in its pauses lowered?
//!
//! ```text
//!  in ─┬──────────────────────────────────► × ─► out
//!      └─► peak of a ms ─► gain chosen ─► glide over the next ms
//! ```
//!
//! Levels are looked at once a millisecond, which a logarithm for each sample would cost much
//! more than it would bring; the gain goes from one choice to the next on a straight line.

use std::time::Duration;

use crate::base::{Db, SampleRate};

/// How often a gain is chosen.
const LOOK: Duration = Duration::from_millis(1);
/// This near to nothing the rest of the way is no step that anyone hears.
const AS_GOOD_AS_NONE: f32 = 1e-3;

/// A gain that is chosen once a look and moves on a straight line in between.
#[derive(Clone, Debug)]
struct Glide {
    /// Frames of a look.
    look: usize,
    at: usize,
    from: f32,
    to: f32,
    /// The highest sample of this look so far.
    highest: f32,
}

impl Glide {
    fn new(rate: SampleRate) -> Self {
        Self {
            look: rate.frames_in(LOOK).max(1),
            at: 0,
            from: 1.0,
            to: 1.0,
            highest: 0.0,
        }
    }

    /// Scales the frames; `choose` makes of the peak of a look the gain at the end of the next.
    fn process(&mut self, frames: &mut [f32], mut choose: impl FnMut(f32) -> f32) {
        let mut rest = frames;
        while !rest.is_empty() {
            let n = rest.len().min(self.look - self.at);
            let (now, later) = rest.split_at_mut(n);
            self.scale(now);
            self.at += n;
            if self.at == self.look {
                self.at = 0;
                self.from = self.to;
                self.to = choose(std::mem::take(&mut self.highest));
            }
            rest = later;
        }
    }

    fn scale(&mut self, frames: &mut [f32]) {
        self.highest = self.highest.max(crate::dsp::peak(frames));
        let slope = (self.to - self.from) / self.look as f32;
        for (i, x) in frames.iter_mut().enumerate() {
            *x *= self.from + slope * (self.at + i + 1) as f32;
        }
    }
}

/// How one band is compressed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compression {
    /// Peaks above this are lowered.
    pub threshold: Db,
    /// So many dB more above the threshold come out as one; 1 or more.
    pub ratio: f32,
    /// How wide the bend is, in dB around the threshold.
    pub knee: Db,
    pub attack: Duration,
    pub release: Duration,
    /// What everything is raised by.
    pub makeup: Db,
}

impl Compression {
    /// Nothing is changed.
    pub const NONE: Self = Self {
        threshold: Db::UNITY,
        ratio: 1.0,
        knee: Db::UNITY,
        attack: Duration::from_millis(5),
        release: Duration::from_millis(100),
        makeup: Db::UNITY,
    };

    /// The static curve: by how many dB a peak of `level` is changed, makeup aside; never above 0.
    pub fn reduction(&self, level: Db) -> f32 {
        let (over, knee) = (level.0 - self.threshold.0, self.knee.0.max(0.0));
        let slope = 1.0 / self.ratio.max(1.0) - 1.0;
        if 2.0 * over <= -knee {
            return 0.0;
        }
        if 2.0 * over < knee {
            return slope * (over + knee / 2.0).powi(2) / (2.0 * knee);
        }
        slope * over
    }
}

/// A compressor for one channel. New settings take hold at the pace of attack and release.
#[derive(Clone, Debug)]
pub struct Compressor {
    compression: Compression,
    glide: Glide,
    /// What part of the way to the wanted reduction is gone in one look.
    attack: f32,
    release: f32,
    /// In dB, 0 or less.
    reduction: f32,
    makeup: f32,
}

impl Compressor {
    /// A compressor at rest for a signal at `rate`.
    pub fn new(compression: Compression, rate: SampleRate) -> Self {
        let mut compressor = Self {
            compression,
            glide: Glide::new(rate),
            attack: 0.0,
            release: 0.0,
            reduction: 0.0,
            makeup: compression.makeup.0,
        };
        compressor.set(compression);
        let gain = compression.makeup.gain();
        (compressor.glide.from, compressor.glide.to) = (gain, gain);
        compressor
    }

    /// Goes on by another curve.
    pub fn set(&mut self, compression: Compression) {
        self.compression = compression;
        self.attack = part_in_a_look(compression.attack);
        self.release = part_in_a_look(compression.release);
    }

    /// By how many dB peaks are lowered now, makeup aside; 0 or less.
    pub fn reduction(&self) -> f32 {
        self.reduction
    }

    /// Compresses the next samples in place.
    pub fn process(&mut self, frames: &mut [f32]) {
        let Self {
            compression,
            glide,
            attack,
            release,
            reduction,
            makeup,
        } = self;
        glide.process(frames, |highest| {
            let wanted = compression.reduction(Db::from_gain(highest));
            let part = if wanted < *reduction {
                *attack
            } else {
                *release
            };
            approach(reduction, wanted, part);
            approach(makeup, compression.makeup.0, *release);
            Db(*reduction + *makeup).gain()
        });
    }
}

/// Where a gate opens, and what it does while closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gating {
    /// Peaks above this open it; it closes when all are 6 dB lower for a while.
    pub threshold: Db,
    /// What is lowered by while closed, 0 or more. A silent line sounds dead: 10 to 15 dB do.
    pub depth: Db,
}

/// An open gate stays open for this long after the last loud moment: longer than the stops
/// within words.
const HOLD: Duration = Duration::from_millis(200);
/// From closed to open: the start of a word is not cut.
const OPENING: Duration = Duration::from_millis(4);
/// From open to closed: the last sound of a word dies in its own time.
const CLOSING: Duration = Duration::from_millis(150);
const HYSTERESIS: f32 = 6.0;

/// A noise gate for one channel, at first open.
#[derive(Clone, Debug)]
pub struct Gate {
    gating: Gating,
    glide: Glide,
    is_open: bool,
    /// Looks since it was last loud.
    quiet_for: u32,
    /// What everything is raised by in dB; 0 or less.
    level: f32,
}

impl Gate {
    /// A gate for a signal at `rate`.
    pub fn new(gating: Gating, rate: SampleRate) -> Self {
        Self {
            gating,
            glide: Glide::new(rate),
            is_open: true,
            quiet_for: 0,
            level: 0.0,
        }
    }

    /// Goes on with another threshold and depth.
    pub fn set(&mut self, gating: Gating) {
        self.gating = gating;
    }

    /// Whether sound passes as it is.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Gates the next samples in place.
    pub fn process(&mut self, frames: &mut [f32]) {
        let Self {
            gating,
            glide,
            is_open,
            quiet_for,
            level,
        } = self;
        glide.process(frames, |highest| {
            let over = Db::from_gain(highest).0 - gating.threshold.0;
            let is_loud = over >= 0.0 || (*is_open && over >= -HYSTERESIS);
            *quiet_for = if is_loud {
                0
            } else {
                quiet_for.saturating_add(1)
            };
            *is_open = is_loud || (*is_open && u128::from(*quiet_for) < HOLD.as_millis());
            let depth = gating.depth.0.max(0.0);
            let looks = if *is_open { OPENING } else { CLOSING }.as_millis() as f32;
            let (step, wanted) = (depth.max(1.0) / looks, if *is_open { 0.0 } else { -depth });
            *level += (wanted - *level).clamp(-step, step);
            Db(*level).gain()
        });
    }
}

/// One look's part of the way that has the time constant `span`.
fn part_in_a_look(span: Duration) -> f32 {
    1.0 - (-LOOK.as_secs_f32() / span.as_secs_f32().max(LOOK.as_secs_f32())).exp()
}

fn approach(value: &mut f32, wanted: f32, part: f32) {
    *value += (wanted - *value) * part;
    if (wanted - *value).abs() < AS_GOOD_AS_NONE {
        *value = wanted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::measure::{largest_step, noise, rms_db, sine};

    const RATE: SampleRate = SampleRate::HZ_8000;

    const HARD: Compression = Compression {
        threshold: Db(-20.0),
        ratio: 4.0,
        knee: Db(0.0),
        attack: Duration::from_millis(10),
        release: Duration::from_millis(100),
        makeup: Db(0.0),
    };

    const GATING: Gating = Gating {
        threshold: Db(-50.0),
        depth: Db(12.0),
    };

    /// A tone in dB of its peak through the compressor, two seconds on.
    fn settled(compression: Compression, peak: Db) -> f32 {
        let mut compressor = Compressor::new(compression, RATE);
        let mut frames = sine(1_000.0, RATE, peak.gain(), 16_000);
        compressor.process(&mut frames);
        Db::from_gain(crate::dsp::peak(&frames[12_000..])).0
    }

    #[test]
    fn the_static_curve_is_kept() {
        for (before, after) in [(-40.0, -40.0), (-20.0, -20.0), (-12.0, -18.0), (0.0, -15.0)] {
            let out = settled(HARD, Db(before));
            assert!((out - after).abs() < 0.15, "{before} dB became {out}");
        }
        let soft = Compression {
            knee: Db(12.0),
            makeup: Db(3.0),
            ..HARD
        };
        assert!((settled(soft, Db(-20.0)) - (-20.0 - 1.125 + 3.0)).abs() < 0.15);
        assert!((settled(soft, Db(-40.0)) + 37.0).abs() < 0.1);
    }

    #[test]
    fn the_knee_joins_both_lines_without_a_corner() {
        let soft = Compression {
            knee: Db(12.0),
            ..HARD
        };
        let at = |tenths: i32| soft.reduction(Db(tenths as f32 / 10.0));
        for tenths in -400..0 {
            let bend = at(tenths + 1) - 2.0 * at(tenths) + at(tenths - 1);
            assert!(bend.abs() < 0.002, "{tenths}: {bend}");
        }
    }

    #[test]
    fn attack_and_release_take_their_time() {
        let mut compressor = Compressor::new(HARD, RATE);
        let mut ms = |amplitude: f32, n: usize| {
            compressor.process(&mut sine(1_000.0, RATE, amplitude, 8 * n));
            compressor.reduction()
        };
        assert_eq!(ms(0.01, 100), 0.0);
        // 16 dB over make −12 dB; a time constant on, 63 % of that are reached.
        let loud = Db(-4.0).gain();
        let reached = ms(loud, 10);
        assert!((reached / -12.0 - 0.63).abs() < 0.07, "{reached}");
        assert!((ms(loud, 200) + 12.0).abs() < 0.1);
        let left = ms(0.01, 100);
        assert!((left / -12.0 - 0.37).abs() < 0.05, "{left}");
        assert_eq!(ms(0.01, 2_000), 0.0);
    }

    #[test]
    fn what_is_below_the_threshold_passes_bit_for_bit() {
        let input = noise(1, 0.05, 8_000);
        let mut out = input.clone();
        Compressor::new(HARD, RATE).process(&mut out);
        assert_eq!(out, input);
        let mut out = noise(1, 1.0, 8_000);
        Compressor::new(Compression::NONE, RATE).process(&mut out);
        assert_eq!(out, noise(1, 1.0, 8_000));
    }

    #[test]
    fn blocks_of_any_size_make_the_same_sound() {
        let input = noise(2, 0.8, 8_000);
        let (mut whole, mut pieces) = (input.clone(), input);
        Compressor::new(HARD, RATE).process(&mut whole);
        let mut compressor = Compressor::new(HARD, RATE);
        let mut rest = &mut pieces[..];
        for n in [1, 7, 43, 256, 5].into_iter().cycle() {
            let (now, later) = rest.split_at_mut(n.min(rest.len()));
            compressor.process(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn new_settings_make_no_step() {
        let mut compressor = Compressor::new(HARD, RATE);
        let mut out = sine(200.0, RATE, 0.5, 16_000);
        for (i, block) in out.chunks_mut(800).enumerate() {
            let makeup = Db(if i % 2 == 0 { 6.0 } else { 0.0 });
            let threshold = Db(if i % 3 == 0 { -40.0 } else { -10.0 });
            compressor.set(Compression {
                makeup,
                threshold,
                ..HARD
            });
            compressor.process(block);
        }
        let steepest = 0.5 * 2.0 * std::f32::consts::TAU * 200.0 / 8_000.0;
        assert!(largest_step(&out) < steepest * 1.1);
    }

    #[test]
    fn a_gate_lowers_pauses_by_its_depth_and_leaves_speech_bit_exact() {
        let mut gate = Gate::new(GATING, RATE);
        let speech = sine(300.0, RATE, 0.1, 8_000);
        let mut out = speech.clone();
        gate.process(&mut out);
        assert_eq!(out, speech);
        let hiss = noise(3, 0.001, 8_000);
        let mut out = hiss.clone();
        gate.process(&mut out);
        assert_eq!(out[..1_500], hiss[..1_500], "it holds for a while");
        let lowered = rms_db(&out[4_000..]) - rms_db(&hiss[4_000..]);
        assert!((lowered + 12.0).abs() < 0.1, "{lowered}");
        assert!(!gate.is_open());
        let mut out = speech.clone();
        gate.process(&mut out);
        assert_eq!(out[60..], speech[60..], "open again after some ms");
    }

    #[test]
    fn between_its_two_thresholds_a_gate_stays_as_it_is() {
        let between = Db(-53.0).gain();
        let mut gate = Gate::new(GATING, RATE);
        gate.process(&mut sine(1_000.0, RATE, between, 16_000));
        assert!(gate.is_open());
        gate.process(&mut vec![0.0; 16_000]);
        gate.process(&mut sine(1_000.0, RATE, between, 16_000));
        assert!(!gate.is_open());
    }

    #[test]
    fn a_gate_moves_without_a_step() {
        let mut gate = Gate::new(
            Gating {
                threshold: Db(-20.0),
                depth: Db(40.0),
            },
            RATE,
        );
        let mut out = sine(100.0, RATE, 0.04, 16_000);
        out.extend(sine(100.0, RATE, 0.5, 1_600));
        gate.process(&mut out);
        let steepest = 0.5 * std::f32::consts::TAU * 100.0 / 8_000.0;
        let opening = 0.5 * 1.0 / 8.0;
        assert!(largest_step(&out) < steepest + opening);
        assert!(largest_step(&out[..16_000]) <= 0.04 * 2.0 * steepest);
    }
}
