//! What has somebody set by hand, and until when does it hold?
//!
//! What is set holds until it is set otherwise, or until the timetable of the zone changes the same
//! thing next: who turns the music off in the evening hears it in the morning as ever. Without a
//! timetable it holds for good, over restarts too.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Db, ZoneId, ZoneSet};
use crate::music::{Minute, Timetable};

/// A minute of a certain day, where this machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Counted from 1970-01-01 on.
    pub day: i32,
    pub minute: Minute,
}

/// What somebody wants of the music.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// These zones play this source, or nothing.
    Play {
        zones: ZoneSet,
        source: Option<String>,
    },
    /// Music is so loud in these zones, in place of their own volume.
    Volume { zones: ZoneSet, to: Db },
    /// Music stands still in these zones. What no zone plays goes on later where it was.
    Pause { zones: ZoneSet },
    /// It goes on in these zones.
    Resume { zones: ZoneSet },
    /// These zones play what is configured, as loud as is configured.
    Reset { zones: ZoneSet },
    /// A source stands still wherever it is heard.
    PauseSource { source: String },
    /// It goes on.
    ResumeSource { source: String },
    /// A source goes on with its next piece at once.
    Next { source: String },
}

/// All that is set by hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hand {
    zones: BTreeMap<ZoneId, Zone>,
    /// The sources that stand still.
    still: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Zone {
    source: Option<(Moment, Option<String>)>,
    volume: Option<(Moment, Db)>,
    paused: Option<Moment>,
}

impl Hand {
    /// Takes a demand in that is made at `now`.
    pub fn set(&mut self, demand: &Demand, now: Moment) {
        match demand {
            Demand::Play { zones, source } => self.each(zones, |zone| {
                zone.source = Some((now, source.clone()));
                zone.paused = None;
            }),
            Demand::Volume { zones, to } => self.each(zones, |zone| zone.volume = Some((now, *to))),
            Demand::Pause { zones } => self.each(zones, |zone| zone.paused = Some(now)),
            Demand::Resume { zones } => self.each(zones, |zone| zone.paused = None),
            Demand::Reset { zones } => self.each(zones, |zone| *zone = Zone::default()),
            Demand::PauseSource { source } => {
                self.still.insert(source.clone());
            }
            Demand::ResumeSource { source } => {
                self.still.remove(source);
            }
            Demand::Next { .. } => {}
        }
        self.zones.retain(|_, zone| *zone != Zone::default());
    }

    /// Forgets zones and sources that are no more.
    pub fn retain(&mut self, zones: &ZoneSet, is_source: impl Fn(&str) -> bool) {
        self.zones.retain(|zone, _| zones.contains(*zone));
        for zone in self.zones.values_mut() {
            let is_gone = |it: &mut (Moment, Option<String>)| {
                it.1.as_deref().is_some_and(|name| !is_source(name))
            };
            zone.source.take_if(is_gone);
        }
        self.still.retain(|name| is_source(name));
    }

    /// What a zone plays by hand, whose usual sources change by `table`; `None` leaves it to the
    /// configuration, and `Some(None)` is nothing.
    pub fn source<T>(
        &self,
        zone: ZoneId,
        table: &Timetable<T>,
        now: Moment,
    ) -> Option<Option<&str>> {
        if self.is_paused(zone, table, now) {
            return Some(None);
        }
        self.chosen(zone, table, now)
    }

    /// As `source`, whether or not it stands still.
    pub fn chosen<T>(
        &self,
        zone: ZoneId,
        table: &Timetable<T>,
        now: Moment,
    ) -> Option<Option<&str>> {
        let (since, source) = self.zones.get(&zone)?.source.as_ref()?;
        (!table.steps_between(*since, now)).then_some(source.as_deref())
    }

    /// Whether music stands still in a zone by hand.
    pub fn is_paused<T>(&self, zone: ZoneId, table: &Timetable<T>, now: Moment) -> bool {
        let since = self.zones.get(&zone).and_then(|zone| zone.paused);
        since.is_some_and(|since| !table.steps_between(since, now))
    }

    /// How loud music is in a zone by hand, whose usual volume changes by `table`.
    pub fn volume<T>(&self, zone: ZoneId, table: &Timetable<T>, now: Moment) -> Option<Db> {
        let (since, volume) = self.zones.get(&zone)?.volume?;
        (!table.steps_between(since, now)).then_some(volume)
    }

    /// Whether a source stands still wherever it is heard.
    pub fn is_still(&self, source: &str) -> bool {
        self.still.contains(source)
    }

    fn each(&mut self, zones: &ZoneSet, set: impl Fn(&mut Zone)) {
        for zone in zones.iter() {
            set(self.zones.entry(zone).or_default());
        }
    }

    /// One thing a line, as `parse` reads it; `name` names a zone over restarts.
    pub fn to_text<'a>(&self, name: impl Fn(ZoneId) -> &'a str) -> String {
        let mut lines = vec![TITLE.to_owned()];
        for (&id, zone) in &self.zones {
            let name = name(id);
            let mut line = |word: &str, since: Moment, value: &str| {
                let minute = since.minute.of_day();
                lines.push(format!("{word} {} {minute} {value} {name}", since.day));
            };
            if let Some((since, source)) = &zone.source {
                line(PLAY, *since, source.as_deref().unwrap_or(OFF));
            }
            if let Some((since, volume)) = zone.volume {
                line(VOLUME, since, &volume.0.to_string());
            }
            if let Some(since) = zone.paused {
                line(PAUSE, since, OFF);
            }
        }
        lines.extend(self.still.iter().map(|name| format!("{STILL} {name}")));
        lines.push(END.to_owned());
        lines.join("\n") + "\n"
    }

    /// Reads what `to_text` wrote; zones that `id` does not know any more are left out.
    ///
    /// # Errors
    /// A text that is not, or not all, of what was set by hand.
    pub fn parse(text: &str, id: impl Fn(&str) -> Option<ZoneId>) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(format!("does not begin with \"{TITLE}\""));
        }
        let mut hand = Self::default();
        for line in lines {
            if line == END {
                return Ok(hand);
            }
            let read = hand.read(line, &id);
            read.ok_or_else(|| format!("\"{line}\" is nothing that is set by hand"))?;
        }
        Err("ends too early".to_owned())
    }

    fn read(&mut self, line: &str, id: impl Fn(&str) -> Option<ZoneId>) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        if word == STILL {
            self.still.insert(rest.to_owned());
            return Some(());
        }
        let (day, rest) = rest.split_once(' ')?;
        let (minute, rest) = rest.split_once(' ')?;
        let (value, name) = rest.split_once(' ')?;
        let minute: u16 = minute.parse().ok()?;
        let since = Moment {
            day: day.parse().ok()?,
            minute: Minute::new(minute / 60, minute % 60)?,
        };
        let mut nobody = Zone::default();
        let zone = match id(name) {
            Some(id) => self.zones.entry(id).or_default(),
            None => &mut nobody,
        };
        match word {
            PLAY => zone.source = Some((since, Some(value.to_owned()).filter(|it| it != OFF))),
            VOLUME => {
                let volume: f32 = value.parse().ok().filter(|db: &f32| !db.is_nan())?;
                zone.volume = Some((since, Db(volume)));
            }
            PAUSE => zone.paused = Some(since),
            _ => return None,
        }
        Some(())
    }
}

const TITLE: &str = "music set by hand";
const END: &str = "end";
const PLAY: &str = "play";
const VOLUME: &str = "volume";
const PAUSE: &str = "pause";
const STILL: &str = "still";

/// No source is called so.
const OFF: &str = "off";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALL: ZoneId = ZoneId(0);

    fn at(day: i32, hour: u16, minute: u16) -> Moment {
        let minute = Minute::new(hour, minute).unwrap();
        Moment { day, minute }
    }

    fn table() -> Timetable<u8> {
        let at = |hour| Minute::new(hour, 0).unwrap();
        Timetable::new(vec![(at(8), 1), (at(18), 2)]).unwrap()
    }

    fn play(source: Option<&str>) -> Demand {
        Demand::Play {
            zones: HALL.into(),
            source: source.map(str::to_owned),
        }
    }

    #[test]
    fn what_is_set_holds_until_the_timetable_changes_it_next_and_else_for_good() {
        let mut hand = Hand::default();
        hand.set(&play(None), at(10, 20, 30));
        let rows = [
            (at(10, 20, 30), true),
            (at(11, 7, 59), true),
            (at(11, 8, 0), false),
            (at(11, 20, 30), false),
            (at(40, 7, 0), false),
            // A clock that was set back.
            (at(10, 8, 0), true),
        ];
        for (now, holds) in rows {
            let source = hand.source(HALL, &table(), now);
            assert_eq!(source, holds.then_some(None), "{now:?}");
        }
        let never = Timetable::<u8>::empty();
        assert_eq!(hand.source(HALL, &never, at(4_000, 0, 0)), Some(None));
        assert_eq!(hand.source(ZoneId(1), &never, at(10, 21, 0)), None);
    }

    #[test]
    fn who_sets_it_at_the_very_time_is_not_overruled_by_it() {
        let mut hand = Hand::default();
        hand.set(&play(Some("radio")), at(10, 8, 0));
        let source = |now| hand.source(HALL, &table(), now);
        assert_eq!(source(at(10, 8, 0)), Some(Some("radio")));
        assert_eq!(source(at(10, 17, 59)), Some(Some("radio")));
        assert_eq!(source(at(10, 18, 0)), None);
    }

    #[test]
    fn a_pause_hides_what_plays_and_resuming_or_choosing_ends_it() {
        let (mut hand, now) = (Hand::default(), at(1, 9, 0));
        let source = |hand: &Hand| {
            let source = hand.source(HALL, &table(), now);
            source.map(|it| it.map(str::to_owned))
        };
        let radio = Some(Some("radio".to_owned()));
        hand.set(&play(Some("radio")), now);
        hand.set(&Demand::Pause { zones: HALL.into() }, now);
        assert_eq!(source(&hand), Some(None));
        assert_eq!(hand.chosen(HALL, &table(), now), Some(Some("radio")));
        assert!(hand.is_paused(HALL, &table(), now));
        hand.set(&Demand::Resume { zones: HALL.into() }, now);
        assert_eq!(source(&hand), radio);
        hand.set(&Demand::Pause { zones: HALL.into() }, now);
        hand.set(&play(Some("radio")), now);
        assert_eq!(source(&hand), radio);
        hand.set(&Demand::Reset { zones: HALL.into() }, now);
        assert_eq!(hand, Hand::default());
    }

    #[test]
    fn what_is_no_more_is_forgotten() {
        let (mut hand, now) = (Hand::default(), at(1, 9, 0));
        hand.set(&play(Some("radio")), now);
        hand.set(
            &Demand::Volume {
                zones: ZoneSet::first(2),
                to: Db(-3.0),
            },
            now,
        );
        hand.set(
            &Demand::PauseSource {
                source: "radio".into(),
            },
            now,
        );
        hand.retain(&HALL.into(), |name| name != "radio");
        let never = Timetable::<u8>::empty();
        assert_eq!(hand.source(HALL, &never, now), None);
        assert_eq!(hand.volume(HALL, &never, now), Some(Db(-3.0)));
        assert_eq!(hand.volume(ZoneId(1), &never, now), None);
        assert!(!hand.is_still("radio"));
    }

    fn demand() -> impl Strategy<Value = Demand> {
        let zones = || {
            prop::collection::vec(0..3_u16, 1..3)
                .prop_map(|ids| ids.into_iter().map(ZoneId).collect::<ZoneSet>())
        };
        let name = || prop::sample::select(vec!["radio", "lounge"]).prop_map(str::to_owned);
        prop_oneof![
            (zones(), prop::option::of(name()))
                .prop_map(|(zones, source)| Demand::Play { zones, source }),
            (zones(), -60.0..6.0_f32).prop_map(|(zones, to)| Demand::Volume { zones, to: Db(to) }),
            zones().prop_map(|zones| Demand::Volume {
                zones,
                to: Db::SILENCE
            }),
            zones().prop_map(|zones| Demand::Pause { zones }),
            zones().prop_map(|zones| Demand::Resume { zones }),
            zones().prop_map(|zones| Demand::Reset { zones }),
            name().prop_map(|source| Demand::PauseSource { source }),
            name().prop_map(|source| Demand::ResumeSource { source }),
        ]
    }

    proptest! {
        /// Whatever is set is the same after a restart, without a zone that has gone meanwhile.
        #[test]
        fn a_restart_changes_nothing(demands in prop::collection::vec((demand(), 0..5_000_u16), 0..20)) {
            let mut hand = Hand::default();
            for (demand, minutes) in &demands {
                let at = at(i32::from(minutes / 1_440) - 1, minutes % 1_440 / 60, minutes % 60);
                hand.set(demand, at);
            }
            let names = ["", "yard", "shop"];
            let text = hand.to_text(|id| names[usize::from(id.0)]);
            let id = |name: &str| names.iter().zip(0..).find(|(n, _)| **n == name).map(|(_, id)| ZoneId(id));
            prop_assert_eq!(Hand::parse(&text, id), Ok(hand.clone()));
            hand.retain(&ZoneSet::first(2), |_| true);
            let fewer = |name: &str| id(name).filter(|id| id.0 < 2);
            prop_assert_eq!(Hand::parse(&text, fewer), Ok(hand));
        }

        #[test]
        fn any_text_is_read_or_refused(lines in "(play|volume|pause|still|end| |1|x|\n){0,30}") {
            let text = format!("{TITLE}\n{lines}");
            Hand::parse(&text, |_| Some(HALL)).ok();
        }
    }
}
