//! Was it heard, and how loud is each zone?
//!
//! The engine holds the highest sample of a zone until one reader takes it. Ears are that reader,
//! for all who want to know: pages and bells that ask whether they were heard, and meters. Pages
//! and bells are not heard by the music that plays with them; meters show all.

use std::collections::BTreeMap;

use crate::base::{Db, ZoneId, ZoneSet};
use crate::mix::vitals::Vitals;

/// The one reader of zones' peaks.
#[derive(Debug, Default)]
pub struct Ears {
    spans: BTreeMap<Listening, Span>,
    n_spans: u64,
    /// The highest since the meters were last read.
    meters: BTreeMap<ZoneId, Db>,
}

/// A span of time in which somebody wants to know what was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening(u64);

#[derive(Debug)]
struct Span {
    zones: ZoneSet,
    peaks: BTreeMap<ZoneId, Db>,
}

/// How loud a zone is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    pub zone: ZoneId,
    /// The highest sample since the meters were last read, on whichever of its outputs.
    pub peak: Db,
    /// In LUFS, over the last 400 ms.
    pub momentary: Db,
}

impl Ears {
    /// Begins to listen in these zones; neither what sounded before nor music counts.
    pub fn listen(&mut self, zones: ZoneSet, vitals: &Vitals) -> Listening {
        self.hear(zones, vitals);
        self.n_spans += 1;
        let listening = Listening(self.n_spans);
        let peaks = BTreeMap::new();
        self.spans.insert(listening, Span { zones, peaks });
        listening
    }

    /// The highest sample of each zone of the span so far; silence where nothing came out.
    pub fn heard(&mut self, listening: Listening, vitals: &Vitals) -> Vec<(ZoneId, Db)> {
        let Some(zones) = self.spans.get(&listening).map(|span| span.zones) else {
            return Vec::new();
        };
        self.hear(zones, vitals);
        let peaks = &self.spans[&listening].peaks;
        let peak = |zone| peaks.get(&zone).copied().unwrap_or(Db::SILENCE);
        zones.iter().map(|zone| (zone, peak(zone))).collect()
    }

    /// Ends the span; what was heard in it, as by `heard`.
    pub fn stop(&mut self, listening: Listening, vitals: &Vitals) -> Vec<(ZoneId, Db)> {
        let heard = self.heard(listening, vitals);
        self.spans.remove(&listening);
        heard
    }

    /// How loud these zones are; one asker should own the meters.
    pub fn meters(&mut self, zones: ZoneSet, vitals: &Vitals) -> Vec<Loudness> {
        self.hear(zones, vitals);
        let loudness = |zone| Loudness {
            zone,
            peak: self.meters.remove(&zone).unwrap_or(Db::SILENCE),
            momentary: vitals.zone_loudness(zone),
        };
        zones.iter().map(loudness).collect()
    }

    /// Takes the engine's peaks, and gives them to all who listen.
    fn hear(&mut self, zones: ZoneSet, vitals: &Vitals) {
        for zone in zones.iter() {
            let spans = self.spans.values_mut();
            let listening = spans.filter(|span| span.zones.contains(zone));
            let spoken = vitals.take_zone_spoken(zone);
            listening.for_each(|span| raise(&mut span.peaks, zone, spoken));
            raise(&mut self.meters, zone, vitals.take_zone_peak(zone));
        }
    }
}

fn raise(peaks: &mut BTreeMap<ZoneId, Db>, zone: ZoneId, peak: Db) {
    if peak == Db::SILENCE {
        return;
    }
    let highest = peaks.entry(zone).or_insert(Db::SILENCE);
    highest.0 = highest.0.max(peak.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SampleRate;
    use crate::mix::outlet::Loud;

    const HALL: ZoneId = ZoneId(0);
    const YARD: ZoneId = ZoneId(1);

    fn say(vitals: &Vitals, zone: usize, spoken: f32) {
        let loud = Loud {
            peak: spoken,
            spoken,
            loudness: 0.01,
        };
        vitals.set_zone_level(zone, loud);
    }

    fn is_near(heard: &[(ZoneId, Db)], wanted: &[(ZoneId, f32)]) {
        assert_eq!(heard.len(), wanted.len(), "{heard:?}");
        for ((zone, peak), (other, gain)) in heard.iter().zip(wanted) {
            assert!(
                zone == other && (peak.gain() - gain).abs() < 1e-6,
                "{heard:?}"
            );
        }
    }

    #[test]
    fn each_span_has_its_own_highest_and_nobody_takes_it_from_another() {
        let vitals = Vitals::new(SampleRate::HZ_48000, 0, 2);
        let mut ears = Ears::default();
        say(&vitals, 0, 0.9);
        let both = ears.listen(ZoneSet::first(2), &vitals);
        say(&vitals, 0, 0.25);
        let hall = ears.listen(HALL.into(), &vitals);
        say(&vitals, 0, 0.125);
        is_near(&ears.heard(hall, &vitals), &[(HALL, 0.125)]);
        is_near(&ears.heard(both, &vitals), &[(HALL, 0.25), (YARD, 0.0)]);
        say(&vitals, 1, 0.5);
        is_near(&ears.stop(hall, &vitals), &[(HALL, 0.125)]);
        is_near(&ears.stop(both, &vitals), &[(HALL, 0.25), (YARD, 0.5)]);
        assert!(ears.heard(both, &vitals).is_empty());
    }

    #[test]
    fn meters_tell_the_highest_since_they_were_last_read_whoever_else_listens() {
        let vitals = Vitals::new(SampleRate::HZ_48000, 0, 2);
        let mut ears = Ears::default();
        say(&vitals, 0, 0.5);
        let hall = ears.listen(HALL.into(), &vitals);
        ears.stop(hall, &vitals);
        let meters = ears.meters(ZoneSet::first(2), &vitals);
        assert_eq!((meters[0].zone, meters[0].peak), (HALL, Db::from_gain(0.5)));
        assert!(meters[0].momentary.0 > -25.0 && meters[1].momentary == Db::SILENCE);
        assert_eq!(ears.meters(HALL.into(), &vitals)[0].peak, Db::SILENCE);
    }

    #[test]
    fn nobody_is_heard_by_the_music_that_plays_under_them() {
        let vitals = Vitals::new(SampleRate::HZ_48000, 0, 1);
        let mut ears = Ears::default();
        let hall = ears.listen(HALL.into(), &vitals);
        let music = Loud {
            peak: 0.5,
            ..Loud::default()
        };
        vitals.set_zone_level(0, music);
        assert_eq!(ears.stop(hall, &vitals), [(HALL, Db::SILENCE)]);
        assert_eq!(
            ears.meters(HALL.into(), &vitals)[0].peak,
            Db::from_gain(0.5)
        );
    }
}
