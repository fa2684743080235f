//! How is the engine?

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::base::{Db, SampleRate, ZoneId};
use crate::dsp::loudness::lufs;
use crate::mix::outlet::Loud;

/// Counters that the callback writes and anybody may read; all count from the engine's making.
#[derive(Debug)]
pub struct Vitals {
    rate: AtomicU32,
    callbacks: AtomicU64,
    frames: AtomicU64,
    starved: AtomicU64,
    skips: AtomicU64,
    howls: AtomicU64,
    refused: AtomicU64,
    xruns: AtomicU64,
    outputs: Vec<Level>,
    zones: Vec<Level>,
    /// Of zones, music aside.
    spoken: Vec<Level>,
}

/// The bits of two non-negative floats: the highest sample, and a power or its root.
#[derive(Debug, Default)]
struct Level {
    peak: AtomicU32,
    mean: AtomicU32,
}

impl Vitals {
    pub(super) fn new(rate: SampleRate, n_outputs: usize, n_zones: usize) -> Self {
        let levels = |n| (0..n).map(|_| Level::default()).collect();
        Self {
            rate: AtomicU32::new(rate.hz()),
            callbacks: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            starved: AtomicU64::new(0),
            skips: AtomicU64::new(0),
            howls: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            xruns: AtomicU64::new(0),
            outputs: levels(n_outputs),
            zones: levels(n_zones),
            spoken: levels(n_zones),
        }
    }

    /// The rate that the engine runs at now.
    pub fn rate(&self) -> SampleRate {
        SampleRate::new(self.rate.load(Ordering::Relaxed)).unwrap_or(SampleRate::HZ_48000)
    }

    /// How often the clock called. Stands still when no clock runs, which is what a watchdog
    /// looks for.
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    /// Frames made for each output.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Output frames in which a voice that had begun had nothing to say, summed over the voices.
    pub fn starved_frames(&self) -> u64 {
        self.starved.load(Ordering::Relaxed)
    }

    /// How often a voice skipped ahead, because far too much of it had piled up.
    pub fn skips(&self) -> u64 {
        self.skips.load(Ordering::Relaxed)
    }

    /// How often a voice howled.
    pub fn howls(&self) -> u64 {
        self.howls.load(Ordering::Relaxed)
    }

    /// Commands refused because a capacity was used up.
    pub fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Times the clock reported that sound came too late; see `count_xrun`.
    pub fn xruns(&self) -> u64 {
        self.xruns.load(Ordering::Relaxed)
    }

    /// The highest sample of an output since this was last asked; one reader should own it.
    /// Silence for an output that does not exist.
    pub fn take_peak(&self, output: usize) -> Db {
        let level = self.outputs.get(output);
        level.map_or(Db::SILENCE, Level::take_peak)
    }

    /// The power of an output over the last 300 ms or so, as the level of its root mean square.
    pub fn rms(&self, output: usize) -> Db {
        let level = self.outputs.get(output);
        level.map_or(Db::SILENCE, |level| Db::from_gain(level.mean()))
    }

    /// The highest sample in a zone since this was last asked, on whichever of its outputs; one
    /// reader should own it. Silence for a zone that does not exist.
    pub fn take_zone_peak(&self, zone: ZoneId) -> Db {
        let level = self.zones.get(usize::from(zone.0));
        level.map_or(Db::SILENCE, Level::take_peak)
    }

    /// As `take_zone_peak`, of voices and sounds alone, whatever music plays under them; before
    /// equaliser and limiter.
    pub fn take_zone_spoken(&self, zone: ZoneId) -> Db {
        let level = self.spoken.get(usize::from(zone.0));
        level.map_or(Db::SILENCE, Level::take_peak)
    }

    /// The momentary loudness of a zone in LUFS (ITU-R BS.1770, 400 ms): that of the loudest of
    /// its outputs.
    pub fn zone_loudness(&self, zone: ZoneId) -> Db {
        let level = self.zones.get(usize::from(zone.0));
        level.map_or(Db::SILENCE, |level| lufs(f64::from(level.mean())))
    }

    /// The output side learnt of a sound that came too late.
    pub fn count_xrun(&self) {
        self.xruns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_refusal(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_rate(&self, rate: SampleRate) {
        self.rate.store(rate.hz(), Ordering::Relaxed);
    }

    // == realtime below ==

    pub(super) fn count_callback(&self, frames: usize) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        self.frames.fetch_add(frames as u64, Ordering::Relaxed);
    }

    pub(super) fn count_starved(&self, frames: usize) {
        self.starved.fetch_add(frames as u64, Ordering::Relaxed);
    }

    pub(super) fn count_howl(&self) {
        self.howls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_skip(&self) {
        self.skips.fetch_add(1, Ordering::Relaxed);
    }

    /// `rms` is a root mean square.
    pub(super) fn set_level(&self, output: usize, peak: f32, rms: f32) {
        if let Some(level) = self.outputs.get(output) {
            level.set(peak, rms);
        }
    }

    pub(super) fn set_zone_level(&self, zone: usize, loud: Loud) {
        if let (Some(level), Some(spoken)) = (self.zones.get(zone), self.spoken.get(zone)) {
            level.set(loud.peak, loud.loudness);
            spoken.set(loud.spoken, 0.0);
        }
    }
}

impl Level {
    fn take_peak(&self) -> Db {
        Db::from_gain(f32::from_bits(self.peak.swap(0, Ordering::Relaxed)))
    }

    fn mean(&self) -> f32 {
        f32::from_bits(self.mean.load(Ordering::Relaxed))
    }

    fn set(&self, peak: f32, mean: f32) {
        self.mean.store(mean.to_bits(), Ordering::Relaxed);
        let held = self.peak.load(Ordering::Relaxed);
        // The bits of non-negative floats are ordered as the floats are.
        if peak.to_bits() <= held {
            return;
        }
        let (bits, order) = (peak.to_bits(), Ordering::Relaxed);
        // It can only fail because the reader took the old peak; nobody else writes.
        if self
            .peak
            .compare_exchange(held, bits, order, order)
            .is_err()
        {
            self.peak.store(bits, order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_held_until_it_is_taken() {
        let vitals = Vitals::new(SampleRate::HZ_48000, 2, 1);
        vitals.set_level(1, 0.5, 0.1);
        vitals.set_level(1, 0.25, 0.2);
        assert_eq!(vitals.take_peak(1), Db::from_gain(0.5));
        assert_eq!(vitals.take_peak(1), Db::SILENCE);
        assert_eq!(vitals.rms(1), Db::from_gain(0.2));
        assert_eq!(vitals.take_peak(7), Db::SILENCE);
    }
}
