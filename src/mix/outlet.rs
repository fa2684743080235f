//! What goes out of one output?
//!
//! ```text
//!  Σ speech of its zones ────────────────────────► +
//!  Σ inputs × route gain × lowest music gain ────► + ─► clean ─► limiter ─► meter ─► port
//! ```

use crate::base::{Db, SampleRate};
use crate::dsp::{Limiter, Meter, clean};
use crate::mix::engine::{Block, MAX_BLOCK};
use crate::mix::routes::Row;
use crate::mix::zone::Zone;

/// The end of the chain for one output.
pub(super) struct Outlet {
    limiter: Limiter,
    meter: Meter,
    out: Block,
}

/// What a block can be mixed from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) zones: &'a [Zone],
    pub(super) inputs: &'a [Block],
    /// Of each input that is wanted: whether it is more than silence.
    pub(super) heard: &'a [bool],
}

impl Outlet {
    pub(super) fn new(ceiling: Db, rate: SampleRate) -> Self {
        Self {
            limiter: Limiter::new(ceiling, rate, MAX_BLOCK),
            meter: Meter::new(rate),
            out: [0.0; MAX_BLOCK],
        }
    }

    // == realtime below ==

    /// Mixes, limits and measures `n` frames of what the output carries by `row` and, while a
    /// change of routes fades in, carried `before`.
    pub(super) fn render(
        &mut self,
        n: usize,
        row: Option<&Row>,
        before: Option<(Option<&Row>, &[f32])>,
        sources: Sources<'_>,
    ) -> &[f32] {
        let out = &mut self.out[..n];
        sources.mix(row, out);
        if let Some((before, weights)) = before {
            sources.fade_from(before, weights, out);
        }
        clean(out);
        self.limiter.process(out);
        self.meter.measure(out);
        out
    }

    /// Whether silence in is silence out, and would change nothing in here.
    pub(super) fn is_at_rest(&self) -> bool {
        self.limiter.is_empty() && self.meter.rms() == 0.0 && self.meter.peak() == 0.0
    }

    pub(super) fn peak(&self) -> f32 {
        self.meter.peak()
    }

    pub(super) fn rms(&self) -> f32 {
        self.meter.rms()
    }
}

impl<'a> Sources<'a> {
    /// Whether nothing in this block is for an output of this row.
    pub(super) fn are_silent(self, row: Option<&'a Row>) -> bool {
        let is_heard = |input: usize| self.heard.get(input).is_some_and(|heard| *heard);
        row.is_none_or(|row| {
            let mut zones = self.zones_of(row);
            !zones.any(Zone::speaks) && !row.music.iter().any(|&(input, _)| is_heard(input))
        })
    }

    fn mix(self, row: Option<&'a Row>, out: &mut [f32]) {
        out.fill(0.0);
        let Some(row) = row else { return };
        for zone in self.zones_of(row) {
            if let Some(speech) = zone.speech(out.len()) {
                add(out, speech);
            }
        }
        if !row.music.is_empty() {
            self.add_music(row, out);
        }
    }

    /// The lowest of the zones' music gains counts: who ducks in one zone is not drowned by
    /// another that shares the output.
    fn add_music(self, row: &'a Row, out: &mut [f32]) {
        let n = out.len();
        let still = self.zones_of(row).filter_map(Zone::music_still);
        let still = still.reduce(f32::min);
        if self.zones_of(row).all(|zone| zone.music_still().is_some()) {
            let gain = still.unwrap_or(1.0);
            self.inputs_of(row)
                .for_each(|(input, link)| add_scaled(out, &input[..n], gain * link));
            return;
        }
        let mut course: Block = [still.unwrap_or(f32::INFINITY); MAX_BLOCK];
        for zone in self
            .zones_of(row)
            .filter(|zone| zone.music_still().is_none())
        {
            lower(&mut course[..n], zone.music_course(n));
        }
        self.inputs_of(row)
            .for_each(|(input, link)| add_shaped(out, &input[..n], &course[..n], link));
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

fn lower(course: &mut [f32], gains: &[f32]) {
    for (lowest, gain) in course.iter_mut().zip(gains) {
        *lowest = if *gain < *lowest { *gain } else { *lowest };
    }
}

fn add(out: &mut [f32], frames: &[f32]) {
    for (sum, x) in out.iter_mut().zip(frames) {
        *sum += x;
    }
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
