//! Which sources of music play, in which zones, at this time of day?
//!
//! ```text
//!  Config, Hand, time of day ─► Jukebox ─► Players (a thread each) ══ rings ══► mix
//!                                   └────► Console: which zone plays which source
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{Db, MusicId, SampleRate, ZoneId, ZoneSet};
use crate::config::{self, Config, InPages};
use crate::daemon::chance;
use crate::daemon::zones::Zones;
use crate::mix::{Console, Tuning};
use crate::music::{Hand, Minute, Moment, Timetable};
use crate::sounds::music::{Book, Event, From, Player, Settings};

/// A source's name and what happened to it.
pub(super) type News = (String, Event);

/// All sources that play or played.
pub(super) struct Jukebox {
    /// The sources by number; a number that is given up is given to the next that comes.
    running: BTreeMap<MusicId, Running>,
    book: Option<Book>,
    news: UnboundedSender<News>,
}

struct Running {
    name: String,
    tuning: Tuning,
    origin: Origin,
}

enum Origin {
    /// Files and stations.
    Played {
        settings: Settings,
        player: Player,
        /// Of the ring that the engine has.
        rate: Option<SampleRate>,
    },
    /// Players of the JACK graph.
    Jack,
}

/// The engine's inputs of each source that is there in the JACK graph, with their ports; of
/// functions that take an option of it, `None` is a graph that was not looked at yet.
pub(super) type JackSources = BTreeMap<String, Vec<(usize, String)>>;

impl Jukebox {
    /// Nothing plays yet. What is learnt of the loudness of files is written into `book`.
    pub(super) fn new(book: Option<Book>, news: UnboundedSender<News>) -> Self {
        Self {
            running: BTreeMap::new(),
            book,
            news,
        }
    }

    /// Starts, changes and ends what has to, so that each zone plays what it should at this
    /// time. Returns the names of the sources that ended.
    pub(super) fn follow(
        &mut self,
        config: &Config,
        zones: &Zones,
        (hand, now): (&Hand, Moment),
        jack: Option<&JackSources>,
        console: &mut Console,
    ) -> Vec<String> {
        let gone = self.end_what_changed(config, console);
        let wanted = wanted(config, zones, hand, now);
        let usual = wanted.usual.and_then(|it| self.started(config, it, jack));
        let mut tuned = BTreeMap::new();
        for (zone, music) in wanted.zones {
            let music = music.and_then(|name| self.started(config, name, jack));
            tuned.insert(zone, music);
        }
        self.hand_rings(console);
        console.set_inputs(self.inputs(jack));
        console.tune(tuned, usual);
        gone
    }

    /// A source goes on with its next piece, if it plays.
    pub(super) fn next_piece(&self, source: &str) {
        let mut running = self.running.values();
        let named = running.find(|running| running.name == source);
        if let Some(Origin::Played { player, .. }) = named.map(|running| &running.origin) {
            player.skip();
        }
    }

    /// The engine has given a source's ring back: it gets another one.
    pub(super) fn lost(&mut self, music: MusicId) {
        let running = self.running.get_mut(&music);
        if let Some(Origin::Played { rate, .. }) = running.map(|running| &mut running.origin) {
            *rate = None;
        }
    }

    fn end_what_changed(&mut self, config: &Config, console: &mut Console) -> Vec<String> {
        let mut gone = Vec::new();
        self.running.retain(|&id, running| {
            let name = &running.name;
            let wanted = config.music.iter().find(|music| music.name == *name);
            let is_same = |music: &&config::Music| match &running.origin {
                Origin::Played { settings: old, .. } => {
                    music.jack_client.is_none() && settings(config, music) == *old
                }
                Origin::Jack => music.jack_client.is_some(),
            };
            if let Some(music) = wanted.filter(is_same) {
                running.tuning = tuning(music);
                console.set_tuning(id, running.tuning);
                return true;
            }
            console.remove_music(id);
            gone.push(name.clone());
            false
        });
        gone
    }

    /// The number of a source, which is started if it was not; of its fallback, if it is of JACK
    /// and not there.
    fn started(
        &mut self,
        config: &Config,
        name: &str,
        jack: Option<&JackSources>,
    ) -> Option<MusicId> {
        let music = config.music.iter().find(|music| music.name == name)?;
        if music.jack_client.is_some()
            && jack.is_some_and(|jack| !jack.contains_key(name))
            && let Some(fallback) = &music.fallback
        {
            return self.started(config, fallback, jack);
        }
        let mut running = self.running.iter();
        let known = running.find(|(_, running)| running.name == name);
        if let Some((id, _)) = known {
            return Some(*id);
        }
        let id = (0..)
            .map(MusicId)
            .find(|id| !self.running.contains_key(id))?;
        let origin = match music.jack_client {
            Some(_) => Origin::Jack,
            None => self.spawned(settings(config, music))?,
        };
        let running = Running {
            name: name.to_owned(),
            tuning: tuning(music),
            origin,
        };
        self.running.insert(id, running);
        Some(id)
    }

    fn spawned(&self, settings: Settings) -> Option<Origin> {
        let (news, name) = (self.news.clone(), settings.name.clone());
        let tell = move |event| {
            // A daemon that has ended does not hear it.
            news.send((name.clone(), event)).ok();
        };
        let player = Player::spawn(settings.clone(), self.book.clone(), chance::number(), tell);
        let player = player.map_err(|why| tracing::error!("music {}: {why}", settings.name));
        Some(Origin::Played {
            player: player.ok()?,
            settings,
            rate: None,
        })
    }

    /// The engine's inputs of the sources that are of JACK; none of one that is not there.
    fn inputs(&self, jack: Option<&JackSources>) -> BTreeMap<MusicId, Vec<usize>> {
        let of = |name: &str| {
            jack.and_then(|it| it.get(name))
                .map_or(&[][..], Vec::as_slice)
        };
        let of_jack = |(id, running): (&MusicId, &Running)| match running.origin {
            Origin::Jack => {
                let inputs = of(&running.name).iter().map(|(input, _)| *input);
                Some((*id, inputs.collect()))
            }
            Origin::Played { .. } => None,
        };
        self.running.iter().filter_map(of_jack).collect()
    }

    fn hand_rings(&mut self, console: &mut Console) {
        let wanted = console.vitals().rate();
        for (&id, running) in &mut self.running {
            let Origin::Played { player, rate, .. } = &mut running.origin else {
                console.set_tuning(id, running.tuning);
                continue;
            };
            if *rate == Some(wanted) {
                continue;
            }
            match console.add_music(id, player.ring(wanted), running.tuning) {
                Ok(()) => *rate = Some(wanted),
                Err(refusal) => {
                    tracing::error!("music {} is not heard: {refusal}", running.name);
                }
            }
        }
    }
}

/// What is known of the loudness of files, kept in `file`.
pub(super) fn book(file: PathBuf) -> Option<Book> {
    let book = Book::open(Some(file));
    let book = book.map_err(|why| tracing::error!("music is not levelled: {why}"));
    book.ok()
}

/// What is to be heard by name; `None` is nothing.
struct Wanted<'a> {
    /// In the zones that have a say.
    zones: Vec<(ZoneId, Option<&'a str>)>,
    /// In all others.
    usual: Option<&'a str>,
}

/// What zones play at this time: as somebody has set it, else as the time of day wants it, else as
/// their section says.
fn wanted<'a>(config: &'a Config, zones: &Zones, hand: &'a Hand, now: Moment) -> Wanted<'a> {
    let moves = |music: Option<&'a str>| music.filter(|name| !hand.is_still(name));
    let of_zone = |zone: &'a config::Zone| {
        let id = zones.id(&zone.name)?;
        let own = zone.music.as_ref().map(|name| Some(name.as_str()));
        let timed = zone.music_at.at(now.minute).map(Option::as_deref);
        let by_hand = hand.source(id, &zone.music_at, now);
        Some((id, moves(by_hand.or(timed).or(own)?)))
    };
    // Without zones in the configuration there is one, which has no timetable.
    let nameless = config.zones.is_empty().then(|| zones.all());
    let of_nameless = nameless.iter().flat_map(ZoneSet::iter).filter_map(|id| {
        let by_hand = hand.source(id, &NEVER, now)?;
        Some((id, moves(by_hand)))
    });
    let named = config.zones.iter().filter_map(of_zone);
    Wanted {
        zones: named.chain(of_nameless).collect(),
        usual: moves(config.audio.music.as_deref()),
    }
}

fn tuning(music: &config::Music) -> Tuning {
    Tuning {
        gain: music.volume.level(),
        is_stereo: music.stereo,
        rests_in_pages: music.in_pages == InPages::Pause,
    }
}

/// With all its fallbacks, of which none comes back to itself: the configuration was checked.
pub(super) fn settings(config: &Config, music: &config::Music) -> Settings {
    let fallback = music.fallback.as_ref();
    let fallback = fallback.and_then(|name| config.music.iter().find(|m| m.name == *name));
    let path = || music.path.clone().unwrap_or_default();
    Settings {
        name: music.name.clone(),
        from: music
            .url
            .clone()
            .map_or_else(|| From::Path(path()), From::Url),
        is_shuffled: music.shuffle,
        crossfade: music.crossfade,
        loudness: music.loudness,
        fallback: fallback.map(|music| Box::new(settings(config, music))),
    }
}

/// How loud music is in a zone at this time, beside the levels of sources.
pub(super) fn volume(
    config: &Config,
    (id, zone): (ZoneId, &config::Zone),
    hand: &Hand,
    now: Moment,
) -> Db {
    let usual = config.audio.volume_music.level();
    let timed = zone.music_volume_at.at(now.minute);
    let own = timed.unwrap_or(&zone.music_volume).level();
    let by_hand = hand.volume(id, &zone.music_volume_at, now);
    Db(usual.0 + by_hand.unwrap_or(own).0)
}

/// As `volume`, of the zone that no section has.
pub(super) fn plain_volume(config: &Config, id: ZoneId, hand: &Hand, now: Moment) -> Db {
    let usual = config.audio.volume_music.level();
    Db(usual.0 + hand.volume(id, &NEVER, now).unwrap_or(Db::UNITY).0)
}

/// The time where this machine stands.
pub(super) fn now() -> Moment {
    let now = jiff::Zoned::now();
    let days = now.date().duration_since(EPOCH);
    let (hour, minute) = (now.hour(), now.minute());
    Moment {
        day: (days.as_hours() / 24) as i32,
        minute: Minute::new(hour as u16, minute as u16).expect("a clock shows a time of day"),
    }
}

/// The timetable of a zone without one.
const NEVER: Timetable<()> = Timetable::empty();

/// Where days are counted from.
const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

#[cfg(test)]
#[path = "jukebox_tests.rs"]
mod tests;
