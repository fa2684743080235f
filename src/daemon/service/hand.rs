//! How is what users want of the music told to the core?

use tokio::sync::oneshot;

use super::Service;
use super::http::tell;
use crate::api::{Answer, MusicWanted, OfMusic, Unknown, Who, ZoneMusic};
use crate::base::{ZoneId, ZoneSet};
use crate::control::{Change, Demand, Role, Snapshot};
use crate::daemon::http::{Concert, level, name_of, names_of};
use crate::music;
use crate::page::Priority;

impl Service {
    /// Looks at the music, and lets the core decide everything else.
    pub(super) fn asked_of_music(&mut self, asked: OfMusic, answer: oneshot::Sender<Answer>) {
        let snapshot = self.core.snapshot();
        let ordered = match asked {
            OfMusic::All => {
                let music = self.concert(&snapshot).music();
                return tell(answer, Answer::Music(music));
            }
            OfMusic::Zone { who, zone, wanted } => self
                .play_in(&zone, &wanted)
                .map(|(zones, demands)| (who, format!("music in {zone}"), zones, demands)),
            OfMusic::Reset { who, zone } => self.zone(&zone).map(|id| {
                let zones = ZoneSet::from(id);
                let demands = vec![music::Demand::Reset { zones }];
                (who, format!("music in {zone}"), zones, demands)
            }),
            OfMusic::NextIn { who, zone } => self
                .piece_in(&zone, &snapshot)
                .and_then(|source| self.next_of(source, &snapshot))
                .map(|(what, zones, demand)| (who, what, zones, vec![demand])),
            OfMusic::Next { who, source } => self
                .next_of(source, &snapshot)
                .map(|(what, zones, demand)| (who, what, zones, vec![demand])),
            OfMusic::Source {
                who,
                source,
                is_paused,
            } => self.source(&source, &snapshot).map(|zones| {
                let what = format!("music {source}");
                let demand = match is_paused {
                    true => music::Demand::PauseSource { source },
                    false => music::Demand::ResumeSource { source },
                };
                (who, what, zones, vec![demand])
            }),
        };
        match ordered {
            Ok((who, what, zones, demands)) => self.want(&who, what, (zones, demands), answer),
            Err(unknown) => tell(answer, Answer::Unknown(unknown)),
        }
    }

    fn want(
        &mut self,
        who: &Who,
        what: String,
        (zones, demands): (ZoneSet, Vec<music::Demand>),
        answer: oneshot::Sender<Answer>,
    ) {
        let text: Vec<String> = demands.iter().map(in_words).collect();
        let change = Change {
            who: name_of(who).to_owned(),
            what,
            text: text.join(", "),
            needs: Role::Operator,
            priority: Priority::LOWEST,
            zones,
            music: Some((demands, self.minute)),
        };
        self.order(who, Demand::Change(Box::new(change)), answer, None);
    }

    /// What is seen of the music.
    pub(super) fn concert<'a>(&'a self, snapshot: &'a Snapshot) -> Concert<'a> {
        Concert {
            config: &self.config,
            zones: &self.zones,
            hand: self.by_hand.hand(),
            now: self.minute,
            known: &snapshot.music,
            names: &self.http.names,
        }
    }

    fn play_in(
        &self,
        zone: &str,
        wanted: &MusicWanted,
    ) -> Result<(ZoneSet, Vec<music::Demand>), Unknown> {
        let zones = ZoneSet::from(self.zone(zone)?);
        let mut demands = Vec::new();
        if let Some(source) = wanted.source.clone() {
            if let Some(name) = &source {
                self.is_source(name)?;
            }
            demands.push(music::Demand::Play { zones, source });
        }
        if let Some(volume) = wanted.volume_db {
            let to = level(volume);
            demands.push(music::Demand::Volume { zones, to });
        }
        match wanted.paused {
            Some(true) => demands.push(music::Demand::Pause { zones }),
            Some(false) => demands.push(music::Demand::Resume { zones }),
            None => {}
        }
        Ok((zones, demands))
    }

    /// The next piece of a source, and the zones that would hear it.
    fn next_of(
        &self,
        source: String,
        snapshot: &Snapshot,
    ) -> Result<(String, ZoneSet, music::Demand), Unknown> {
        let zones = self.source(&source, snapshot)?;
        let what = format!("music {source}");
        Ok((what, zones, music::Demand::Next { source }))
    }

    /// The source that sounds in the zone and has pieces.
    fn piece_in(&self, zone: &str, snapshot: &Snapshot) -> Result<String, Unknown> {
        let id = self.zone(zone)?;
        let concert = self.concert(snapshot);
        let zones = concert.zones();
        let here = zones.iter().find(|(it, _)| *it == id);
        let source = here.and_then(|(_, zone)| concert.sounding(zone));
        let has_pieces = |name: &&str| {
            let mut sources = self.config.music.iter();
            sources.any(|music| music.name == *name && music.jack_client.is_none())
        };
        let source = source.filter(has_pieces).map(str::to_owned);
        source.ok_or_else(|| Unknown::Piece {
            zone: zone.to_owned(),
        })
    }

    /// The zones in which a source sounds.
    fn source(&self, name: &str, snapshot: &Snapshot) -> Result<ZoneSet, Unknown> {
        self.is_source(name)?;
        let concert = self.concert(snapshot);
        let plays = |(_, zone): &(ZoneId, ZoneMusic)| zone.source.as_deref() == Some(name);
        let zones = concert.zones().into_iter().filter(plays);
        Ok(zones.map(|(id, _)| id).collect())
    }

    fn is_source(&self, name: &str) -> Result<(), Unknown> {
        let sources = self.config.music.iter();
        let known: Vec<String> = sources.map(|music| music.name.clone()).collect();
        if known.iter().any(|it| it == name) {
            return Ok(());
        }
        let name = name.to_owned();
        Err(Unknown::Music { name, known })
    }

    fn zone(&self, name: &str) -> Result<ZoneId, Unknown> {
        self.zones.spoken(name).ok_or_else(|| Unknown::Zone {
            name: name.to_owned(),
            known: names_of(&self.zones.all(), &self.zones),
        })
    }

    /// Tells subscribers which zones play something else by now.
    pub(super) fn tell_music(&mut self) {
        if std::mem::take(&mut self.http.is_music_stale) {
            let snapshot = self.core.snapshot();
            let music = self.concert(&snapshot).music();
            self.http.tell_music(music.zones);
        }
    }
}

/// What becomes of the music.
fn in_words(demand: &music::Demand) -> String {
    match demand {
        music::Demand::Play { source, .. } => match source {
            Some(source) => format!("plays {source}"),
            None => "plays nothing".to_owned(),
        },
        music::Demand::Volume { to, .. } => format!("volume {to}"),
        music::Demand::Pause { .. } | music::Demand::PauseSource { .. } => {
            "stands still".to_owned()
        }
        music::Demand::Resume { .. } | music::Demand::ResumeSource { .. } => "goes on".to_owned(),
        music::Demand::Reset { .. } => "as configured".to_owned(),
        music::Demand::Next { .. } => "next piece".to_owned(),
    }
}
