//! What goes out of one output?
//!
//! ```text
//!  Σ sums of its zones × highest gain of their kind ► +
//!  Σ inputs × route gain × lowest music gain ───────► + ─► eq ─► clean ─► delay ─► limiter ─► meters
//!                                                      outputs of the same zones ◄─┘ one gain
//! ```

use std::time::Duration;

use crate::base::{Db, SampleRate, ZoneSet};
use crate::dsp::loudness::Loudness;
use crate::dsp::{Delay, Eq, Limiter, Meter, Ramp, Shape, clean, peak};
use crate::mix::buses::Buses;
use crate::mix::engine::{Block, MAX_BLOCK};
use crate::mix::routes::Row;
use crate::mix::zone::{Course, Fitting, Kind, Zone};

/// How long a ceiling takes to another place.
const CEILING_RAMP: Duration = Duration::from_millis(100);

/// The end of the chain for one output.
pub(super) struct Outlet {
    rate: SampleRate,
    /// Of the engine.
    ceiling: Db,
    eq: Eq,
    delay: Delay,
    /// How far the lower ceiling of a zone is below that of the limiter: so much louder what is
    /// limited goes in, and so much softer it comes out.
    headroom: Ramp,
    boost: Course,
    limiter: Limiter,
    meter: Meter,
    loudness: Loudness,
    /// The highest sample of what is said and sounded in this block, music aside.
    spoken: f32,
    out: Block,
}

/// How loud a zone is: the highest of its outputs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loud {
    pub(super) peak: f32,
    /// As `peak`, without music, and before the filters and the limiter.
    pub(super) spoken: f32,
    /// A weighted power.
    pub(super) loudness: f32,
}

/// Delay lines for some outputs, by their numbers. They take much memory, so they are made when
/// a zone of the output asks for a delay.
pub(super) struct Lines {
    pub(super) rate: SampleRate,
    pub(super) delays: Vec<(usize, Delay)>,
}

impl Lines {
    pub(super) fn new(outputs: &[usize], rate: SampleRate) -> Self {
        let delay = |output: &usize| (*output, Delay::new(Fitting::LONGEST_DELAY, rate));
        Self {
            rate,
            delays: outputs.iter().map(delay).collect(),
        }
    }

    /// Whether they were not exchanged for what the outputs had, which is nothing.
    pub(super) fn are_full(&self) -> bool {
        self.delays.iter().any(|(_, delay)| delay.longest() > 0)
    }
}

/// What a block can be mixed from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) zones: &'a [Zone],
    pub(super) speech: &'a Buses,
    pub(super) inputs: &'a [Block],
    /// Of each input that is wanted: whether it is more than silence.
    pub(super) heard: &'a [bool],
}

impl Outlet {
    /// Without a delay of its own unless `longest_delay` says so.
    pub(super) fn new(ceiling: Db, longest_delay: Duration, rate: SampleRate) -> Self {
        Self {
            rate,
            ceiling,
            eq: Eq::new(rate),
            delay: Delay::new(longest_delay, rate),
            headroom: Ramp::resting(1.0),
            boost: Course::UNITY,
            limiter: Limiter::new(ceiling, rate, MAX_BLOCK),
            meter: Meter::new(rate),
            loudness: Loudness::new(rate),
            spoken: 0.0,
            out: [0.0; MAX_BLOCK],
        }
    }

    /// As it was made, for another rate.
    pub(super) fn at_rate(&self, rate: SampleRate) -> Self {
        let longest = if self.delay.longest() > 0 {
            Fitting::LONGEST_DELAY
        } else {
            Duration::ZERO
        };
        Self::new(self.ceiling, longest, rate)
    }

    // == realtime below ==

    /// Takes a delay line in exchange for what it had.
    pub(super) fn take_line(&mut self, line: &mut Delay) {
        std::mem::swap(&mut self.delay, line);
    }

    /// Mixes `n` frames of what the output carries by `row` and, while a change of routes fades
    /// in, carried `before`. Returns the heights of what is too loud, if anything is: whoever
    /// shares a picture with this output must be lowered as much.
    pub(super) fn mix(
        &mut self,
        n: usize,
        row: Option<&Row>,
        before: Option<(Option<&Row>, &[f32])>,
        sources: Sources<'_>,
    ) -> Option<&[f32]> {
        self.fit(sources.fitting(row));
        self.stay_below(sources.ceiling(row));
        self.boost.follow(&mut self.headroom, n);
        let out = &mut self.out[..n];
        self.spoken = sources.mix(row, out);
        if let Some((before, weights)) = before {
            sources.fade_from(before, weights, out);
        }
        self.eq.process(out);
        // Behind the filters, which ring on below any sound.
        clean(out);
        self.delay.process(out);
        self.boost.scale(out);
        self.limiter.hear(out)
    }

    /// Limits and measures the `n` frames that were mixed; `heights` are those of all that share
    /// the picture, if any is too loud.
    pub(super) fn finish(&mut self, n: usize, heights: Option<&[f32]>) -> &[f32] {
        let out = &mut self.out[..n];
        self.limiter.limit(out, heights);
        self.boost.take_back(out);
        self.meter.measure(out);
        self.loudness.measure(out);
        out
    }

    /// Whether silence in is silence out, and would change nothing in here.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_silent()
            && self.meter.rms() == 0.0
            && self.meter.peak() == 0.0
            && self.loudness.is_empty()
    }

    pub(super) fn peak(&self) -> f32 {
        self.meter.peak()
    }

    pub(super) fn rms(&self) -> f32 {
        self.meter.rms()
    }

    /// The power of the last 400 ms as the ear weighs it.
    pub(super) fn loudness(&self) -> f32 {
        self.loudness.momentary() as f32
    }

    fn is_silent(&self) -> bool {
        self.limiter.is_empty() && self.delay.is_empty() && self.eq.is_empty()
    }

    /// Turns to this ceiling where it is below the engine's: at once while nothing sounds, else
    /// by a ramp, under which what went in and what comes out differ by a decibel at most.
    fn stay_below(&mut self, ceiling: Db) {
        let headroom = Db((self.ceiling.0 - ceiling.0).max(0.0)).gain();
        if self.is_silent() {
            self.headroom.jump(headroom);
        } else {
            let frames = self.rate.frames_in(CEILING_RAMP);
            self.headroom.go(headroom, frames, Shape::Smooth);
        }
    }

    /// Turns to another fitting: at once while nothing sounds, else without a step.
    fn fit(&mut self, fitting: &Fitting) {
        let delay = self.rate.frames_in(fitting.delay).min(self.delay.longest());
        if self.eq.curves() == &fitting.curves && self.delay.delay() == delay {
            return;
        }
        if self.is_silent() {
            self.eq.jump(&fitting.curves);
            self.delay.jump(delay);
        } else {
            self.eq.go(&fitting.curves);
            self.delay.go(delay);
        }
    }
}

impl Loud {
    /// Takes in one more output of the zone.
    pub(super) fn raise(&mut self, outlet: &Outlet) {
        self.peak = self.peak.max(outlet.peak());
        self.spoken = self.spoken.max(outlet.spoken);
        self.loudness = self.loudness.max(outlet.loudness());
    }
}

impl<'a> Sources<'a> {
    /// Whether nothing in this block is for an output of this row.
    pub(super) fn are_silent(self, row: Option<&'a Row>) -> bool {
        let is_heard = |input: usize| self.heard.get(input).is_some_and(|heard| *heard);
        row.is_none_or(|row| {
            let mut spoken = self.speech.iter().map(|(zones, ..)| zones);
            !spoken.any(|zones| zones.intersects(&row.set))
                && !row.music.iter().any(|&(input, _)| is_heard(input))
        })
    }

    /// The first of the zones' fittings: loudspeakers hang in one place, however many zones
    /// reach them.
    fn fitting(self, row: Option<&'a Row>) -> &'a Fitting {
        let first = row.and_then(|row| self.zones_of(row).find_map(Zone::fitting));
        first.unwrap_or(&Fitting::NONE)
    }

    /// The lowest of the zones' ceilings: what a loudspeaker cannot bear it bears for no zone.
    fn ceiling(self, row: Option<&'a Row>) -> Db {
        let fittings = row.map(|row| self.zones_of(row).filter_map(Zone::fitting));
        let ceilings = fittings.into_iter().flatten();
        let lowest = |lowest: f32, fitting: &Fitting| lowest.min(fitting.ceiling.0);
        Db(ceilings.fold(Db::UNITY.0, lowest))
    }

    /// Fills `out`; returns the highest sample of it that is no music.
    fn mix(self, row: Option<&'a Row>, out: &mut [f32]) -> f32 {
        out.fill(0.0);
        let Some(row) = row else { return 0.0 };
        for (zones, kind, frames) in self.speech.iter() {
            let shared = zones.intersection(&row.set);
            if !shared.is_empty() {
                self.add_speech(shared, kind, frames, out);
            }
        }
        let spoken = peak(out);
        if !row.music.is_empty() {
            self.add_music(row, out);
        }
        spoken
    }

    /// The highest of the zones' gains counts: who is loud in one zone is not made softer by
    /// another that shares the output.
    fn add_speech(self, shared: ZoneSet, kind: Kind, frames: &[f32], out: &mut [f32]) {
        let courses = || {
            let zones = shared.iter();
            zones.filter_map(move |id| Some(self.zones.get(usize::from(id.0))?.gain_of(kind)))
        };
        match together(courses, f32::max, out.len()) {
            Gains::Still(gain) => add_scaled(out, frames, gain),
            Gains::Moving(course) => add_shaped(out, frames, &course[..out.len()], 1.0),
        }
    }

    /// The lowest of the zones' music gains counts: who ducks in one zone is not drowned by
    /// another that shares the output.
    fn add_music(self, row: &'a Row, out: &mut [f32]) {
        let n = out.len();
        match together(|| self.zones_of(row).map(Zone::music), f32::min, n) {
            Gains::Still(gain) => self
                .inputs_of(row)
                .for_each(|(input, link)| add_scaled(out, input, gain * link)),
            Gains::Moving(course) => self
                .inputs_of(row)
                .for_each(|(input, link)| add_shaped(out, input, &course[..n], link)),
        }
    }

    /// Turns `out` into a crossfade from what the output carried before.
    fn fade_from(self, before: Option<&'a Row>, weights: &[f32], out: &mut [f32]) {
        let mut was: Block = [0.0; MAX_BLOCK];
        let was = &mut was[..out.len()];
        self.mix(before, was);
        for ((x, was), weight) in out.iter_mut().zip(was).zip(weights) {
            *x = *was + (*x - *was) * weight;
        }
    }

    fn zones_of(self, row: &'a Row) -> impl Iterator<Item = &'a Zone> {
        row.zones
            .iter()
            .filter_map(move |&zone| self.zones.get(zone))
    }

    fn inputs_of(self, row: &'a Row) -> impl Iterator<Item = (&'a Block, f32)> {
        let of = move |&(input, gain): &(usize, f32)| Some((self.inputs.get(input)?, gain));
        row.music.iter().filter_map(of)
    }
}

/// What several zones make of one gain.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives on the stack of one block"
)]
enum Gains {
    Still(f32),
    Moving(Block),
}

/// The gain that `choose` picks among those of several zones at each moment; unity of none.
fn together<'a, I: Iterator<Item = &'a Course>>(
    courses: impl Fn() -> I,
    choose: fn(f32, f32) -> f32,
    n: usize,
) -> Gains {
    let still = courses().filter_map(Course::still).reduce(choose);
    let mut moving = courses().filter(|course| course.still().is_none());
    let Some(first) = moving.next() else {
        return Gains::Still(still.unwrap_or(1.0));
    };
    let mut chosen: Block = [0.0; MAX_BLOCK];
    chosen[..n].copy_from_slice(first.gains(n));
    for gain in &mut chosen[..n] {
        *gain = still.map_or(*gain, |still| choose(*gain, still));
    }
    for course in moving {
        for (chosen, gain) in chosen.iter_mut().zip(course.gains(n)) {
            *chosen = choose(*chosen, *gain);
        }
    }
    Gains::Moving(chosen)
}

fn add_scaled(out: &mut [f32], frames: &[f32], gain: f32) {
    for (sum, x) in out.iter_mut().zip(frames) {
        *sum += x * gain;
    }
}

fn add_shaped(out: &mut [f32], frames: &[f32], gains: &[f32], gain: f32) {
    for ((sum, x), shape) in out.iter_mut().zip(frames).zip(gains) {
        *sum += x * (shape * gain);
    }
}
