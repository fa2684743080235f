//! How does the music become what is shown of it?

use std::collections::BTreeMap;

use super::names::Names;
use super::picture::spoken;
use crate::api::{ByHand, Music, Source, SourceKind, SourceState, Usual, ZoneMusic};
use crate::base::{Db, ZoneId, ZoneSet};
use crate::config::{self, Config};
use crate::control;
use crate::daemon::zones::Zones;
use crate::music::{Hand, Moment, Timetable};

/// All that decides what plays.
pub(in crate::daemon) struct Concert<'a> {
    pub(in crate::daemon) config: &'a Config,
    pub(in crate::daemon) zones: &'a Zones,
    pub(in crate::daemon) hand: &'a Hand,
    pub(in crate::daemon) now: Moment,
    /// Sources that play or should, by name.
    pub(in crate::daemon) known: &'a BTreeMap<String, control::Music>,
    pub(in crate::daemon) names: &'a Names,
}

impl Concert<'_> {
    /// Everything.
    pub(in crate::daemon) fn music(&self) -> Music {
        let zones = self.zones();
        let sources = self.config.music.iter();
        Music {
            sources: sources.map(|it| self.source(it, &zones)).collect(),
            zones: zones.into_iter().map(|(_, zone)| zone).collect(),
        }
    }

    /// What each zone plays.
    pub(in crate::daemon) fn zones(&self) -> Vec<(ZoneId, ZoneMusic)> {
        let of_zone = |zone: &config::Zone| {
            let id = self.zones.id(&zone.name)?;
            let timed = zone.music_at.at(self.now.minute);
            let own = zone.music.as_ref().map(|name| Some(name.clone()));
            let usual = Usual {
                source: self.real(timed.cloned().or(own)),
                volume_db: self.usual_volume(zone),
            };
            Some((
                id,
                self.zone(id, usual, &zone.music_at, &zone.music_volume_at),
            ))
        };
        let nameless = self.config.zones.is_empty().then(|| self.zones.all());
        let of_nameless = nameless.iter().flat_map(ZoneSet::iter).map(|id| {
            let usual = Usual {
                source: self.real(None),
                volume_db: 0.0,
            };
            let (no_music, no_volume) = (Timetable::<()>::empty(), Timetable::<()>::empty());
            (id, self.zone(id, usual, &no_music, &no_volume))
        });
        let named = self.config.zones.iter().filter_map(of_zone);
        named.chain(of_nameless).collect()
    }

    /// The source that sounds in a zone, if it does not stand still.
    pub(in crate::daemon) fn sounding<'a>(&self, zone: &'a ZoneMusic) -> Option<&'a str> {
        let source = zone.source.as_deref().filter(|_| !zone.paused)?;
        (!self.hand.is_still(source)).then_some(source)
    }

    fn zone<M, V>(
        &self,
        id: ZoneId,
        usual: Usual,
        music_at: &Timetable<M>,
        volume_at: &Timetable<V>,
    ) -> ZoneMusic {
        let chosen = self.hand.chosen(id, music_at, self.now);
        let volume = self.hand.volume(id, volume_at, self.now);
        let paused = self.hand.is_paused(id, music_at, self.now);
        let set = [
            (ByHand::Source, chosen.is_some()),
            (ByHand::Volume, volume.is_some()),
            (ByHand::Paused, paused),
        ];
        let source = chosen.map(|name| name.map(str::to_owned));
        ZoneMusic {
            zone: spoken(self.zones.name(id)).to_owned(),
            source: source.unwrap_or_else(|| usual.source.clone()),
            volume_db: volume.map_or(usual.volume_db, decibels),
            paused,
            by_hand: set.into_iter().filter(|it| it.1).map(|it| it.0).collect(),
            usual,
        }
    }

    /// The source that is meant, if there is one; where nothing is said, that of all zones.
    fn real(&self, said: Option<Option<String>>) -> Option<String> {
        let name = said.unwrap_or_else(|| self.config.audio.music.clone())?;
        let is_there = self.config.music.iter().any(|music| music.name == name);
        is_there.then_some(name)
    }

    fn usual_volume(&self, zone: &config::Zone) -> f32 {
        let timed = zone.music_volume_at.at(self.now.minute);
        decibels(timed.unwrap_or(&zone.music_volume).level())
    }

    fn source(&self, source: &config::Music, zones: &[(ZoneId, ZoneMusic)]) -> Source {
        let known = self.known.get(&source.name);
        let (state, reason) = match known {
            Some(music) if music.part.ok => (SourceState::Ok, music.part.text.clone()),
            Some(music) => (SourceState::Degraded, music.part.text.clone()),
            None => (SourceState::Idle, "nobody has wanted it yet".to_owned()),
        };
        let here = zones.iter().map(|(_, zone)| zone);
        let here = here.filter(|zone| self.sounding(zone) == Some(&source.name));
        Source {
            name: source.name.clone(),
            kind: kind(source),
            state,
            reason,
            since: known.map(|music| self.names.time(music.part.since)),
            skipped: known.map_or(0, |music| music.n_skipped),
            paused: self.hand.is_still(&source.name),
            zones: here.map(|zone| zone.zone.clone()).collect(),
        }
    }
}

fn kind(source: &config::Music) -> SourceKind {
    match (&source.url, &source.jack_client) {
        (Some(_), _) => SourceKind::Station,
        (None, Some(_)) => SourceKind::Jack,
        (None, None) => SourceKind::Files,
    }
}

/// As a number that programs can read: to a tenth, and silence as the least.
fn decibels(level: Db) -> f32 {
    ((level.0 * 10.0).round() / 10.0).max(SILENCE)
}

/// The level that a number means.
pub(in crate::daemon) fn level(decibels: f32) -> Db {
    if decibels <= SILENCE {
        return Db::SILENCE;
    }
    Db(decibels)
}

const SILENCE: f32 = -100.0;

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use jiff::Timestamp;

    use super::*;
    use crate::config::read_texts;
    use crate::control::Part;
    use crate::music::{Demand, Minute};

    const SITE: &str = "\
[audio]
music = lounge
[music:lounge]
path = /srv/lounge
[music:radio]
url = http://radio.example/live
[zone:hall]
outputs = a
music-volume = -6dB
[zone:yard]
outputs = b
music = off
";

    fn seen(demands: &[Demand]) -> Music {
        let loaded = read_texts([(Path::new("x"), SITE.as_bytes())], &[]);
        let config = loaded.config.unwrap();
        let now = Moment {
            day: 1,
            minute: Minute::new(9, 0).unwrap(),
        };
        let mut hand = Hand::default();
        for demand in demands {
            hand.set(demand, now);
        }
        let part = Part {
            ok: false,
            text: "no answer".to_owned(),
            since: Instant::now(),
        };
        let radio = control::Music { part, n_skipped: 3 };
        let concert = Concert {
            config: &config,
            zones: &Zones::new(&config),
            hand: &hand,
            now,
            known: &BTreeMap::from([("radio".to_owned(), radio)]),
            names: &Names::new(Instant::now(), Timestamp::UNIX_EPOCH),
        };
        concert.music()
    }

    #[test]
    fn zones_play_what_is_configured_until_somebody_wants_it_otherwise() {
        let music = seen(&[]);
        let (hall, yard) = (&music.zones[0], &music.zones[1]);
        assert_eq!(
            (hall.source.as_deref(), hall.volume_db),
            (Some("lounge"), -6.0)
        );
        assert_eq!((&yard.source, yard.volume_db), (&None, 0.0));
        assert!(hall.by_hand.is_empty() && !hall.paused);
        let (hall, yard) = (ZoneSet::from(ZoneId(0)), ZoneSet::from(ZoneId(1)));
        let music = seen(&[
            Demand::Play {
                zones: yard,
                source: Some("radio".to_owned()),
            },
            Demand::Volume {
                zones: yard,
                to: level(-100.0),
            },
            Demand::Pause { zones: hall },
        ]);
        let (hall, yard) = (&music.zones[0], &music.zones[1]);
        assert_eq!(
            (hall.source.as_deref(), hall.paused),
            (Some("lounge"), true)
        );
        assert_eq!(hall.by_hand, [ByHand::Paused]);
        assert_eq!(
            (yard.source.as_deref(), yard.volume_db),
            (Some("radio"), -100.0)
        );
        assert_eq!(yard.by_hand, [ByHand::Source, ByHand::Volume]);
        assert_eq!((&yard.usual.source, yard.usual.volume_db), (&None, 0.0));
    }

    #[test]
    fn sources_say_whether_they_play_and_where() {
        let music = seen(&[]);
        let (lounge, radio) = (&music.sources[0], &music.sources[1]);
        assert_eq!(
            (lounge.kind, lounge.state),
            (SourceKind::Files, SourceState::Idle)
        );
        assert_eq!(
            (radio.kind, radio.state),
            (SourceKind::Station, SourceState::Degraded)
        );
        assert_eq!((radio.reason.as_str(), radio.skipped), ("no answer", 3));
        assert_eq!(lounge.zones, ["hall"]);
        let source = "lounge".to_owned();
        let music = seen(&[Demand::PauseSource { source }]);
        assert!(music.sources[0].paused && music.sources[0].zones.is_empty());
    }
}
