//! By which rules do callers page, and what may they hear?

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::ZoneSet;
use crate::config::{self, Config};
use crate::control::{
    self, Alert, Clip, Cues, Delayed, Digits, Klaxon, KlaxonFor, Policy, Rule, Sound, Stops,
};
use crate::daemon::library::Library;
use crate::daemon::players::{Recipe, Source};
use crate::daemon::zones::Zones;
use crate::daemon::{desks, jukebox, players};
use crate::dsp::Speech;
use crate::media::{Repeat, Start};
use crate::page::{Entry, Extent, Priority};
use crate::sounds::Shape;

/// The rules for callers; `klaxon` is how long the loaded klaxon sounds, and the library has the
/// sounds of the pages.
pub(in crate::daemon) fn policy(
    config: &Config,
    zones: &Zones,
    klaxon: Option<Duration>,
    library: &Library,
) -> Policy {
    let audio = &config.audio;
    let rule = |page: &config::Page| rule(page, zones, klaxon, library);
    Policy {
        zones: zones.all(),
        zone_names: zones.names(),
        max_calls: config.sip.max_calls,
        hold_concurrent: config.calls.hold_concurrent,
        klaxon: klaxon.map(|duration| Klaxon { duration }),
        klaxon_for: match config.calls.klaxon_for {
            config::KlaxonFor::All => KlaxonFor::All,
            config::KlaxonFor::NotAutoAnswer => KlaxonFor::NotAutoAnswer,
        },
        klaxon_max: audio.klaxon_max_length,
        klaxon_padding: audio.klaxon_padding_s,
        klaxon_before_answer: config.calls.klaxon_before_answer,
        announce: config.calls.announce_to_caller != config::AnnounceToCaller::Nothing,
        answer_delay: config.calls.answer_delay,
        hang_up_after: config.calls.hang_up_after,
        silence_hang_up: config.calls.silence_hang_up,
        duck: audio.duck,
        duck_attack: audio.duck_attack,
        duck_release: audio.duck_release,
        volume_klaxon: audio.volume_klaxon.level(),
        volume_call: audio.volume_call.level(),
        pages: config.pages.iter().map(rule).collect(),
        recorded: recorded(config, zones),
        streams: {
            let rule = |group| stream(group, zones, klaxon, library);
            config.groups_in.iter().map(rule).collect()
        },
        players: players(config),
        desks: desks::of(config, library).into(),
        music: config.music.iter().map(|it| it.name.clone()).collect(),
    }
}

/// Zones that are recorded while pages are heard there.
fn recorded(config: &Config, zones: &Zones) -> ZoneSet {
    let recorded = config.zones.iter().filter(|zone| zone.record);
    recorded.filter_map(|zone| zones.id(&zone.name)).collect()
}

/// A sound around a page, if there is one.
fn clip_of(tone: &config::Tone, klaxon: Option<Duration>, library: &Library) -> Option<Clip> {
    match tone {
        config::Tone::Nothing => None,
        config::Tone::Klaxon => klaxon.map(|duration| Clip {
            sound: Sound::Klaxon,
            duration,
        }),
        config::Tone::File(path) => library.clip(path),
    }
}

/// The rule for what comes by a multicast group.
fn stream(
    group: &config::GroupIn,
    zones: &Zones,
    klaxon: Option<Duration>,
    library: &Library,
) -> Rule {
    Rule {
        name: group.name.clone(),
        entry: Entry::default(),
        zones: zones.named(&group.zones),
        priority: Priority(group.priority),
        busy: group.busy,
        extent: if group.partial {
            Extent::Partial
        } else {
            Extent::Whole
        },
        klaxon: clip_of(&group.klaxon, klaxon, library),
        pre_roll: Duration::ZERO,
        end_tone: clip_of(&group.end_tone, klaxon, library),
        queue_timeout: None,
        max_duration: group.max_duration,
        warning: None,
        message: None,
        delayed: None,
        greeting: None,
        record: None,
        cues: Cues::Silent,
        pin: None,
        codes: Vec::new(),
        stops: None,
    }
}

pub(in crate::daemon) fn rule(
    page: &config::Page,
    zones: &Zones,
    klaxon: Option<Duration>,
    library: &Library,
) -> Rule {
    let tone = |tone: &config::Tone| clip_of(tone, klaxon, library);
    let message = page.message.as_deref().and_then(|path| library.clip(path));
    let words = page.say.as_deref().and_then(|text| library.words(text));
    let longest = page.longest();
    let is_in_time = !page.warning.is_zero() && longest.is_some_and(|it| it > page.warning);
    let delayed = longest.filter(|_| page.mode == config::Mode::Delayed);
    Rule {
        name: page.name.clone(),
        entry: page.entry(),
        zones: heard_in(page, zones),
        priority: Priority(page.priority),
        busy: page.busy,
        extent: if page.partial {
            Extent::Partial
        } else {
            Extent::Whole
        },
        klaxon: tone(&page.klaxon),
        pre_roll: page.pre_roll,
        end_tone: tone(&page.end_tone),
        queue_timeout: page.queue_timeout,
        max_duration: longest,
        warning: is_in_time.then(|| Alert {
            before: page.warning,
            clip: tone(&page.warning_tone),
        }),
        message: message.or(words).map(|clip| (clip, page.repeat)),
        record: page.record,
        greeting: page
            .record_greeting
            .as_deref()
            .and_then(|path| library.clip(path)),
        delayed: delayed.map(|longest| Delayed {
            longest,
            warning: is_in_time.then_some(page.warning),
            times: page.repeat,
        }),
        cues: if page.announce_to_caller {
            Cues::Told
        } else {
            Cues::Silent
        },
        pin: page.pin.as_ref().and_then(|pin| Digits::new(pin.reveal())),
        codes: codes(page, zones).collect(),
        stops: match page.stops.as_slice() {
            [] => None,
            _ if page.stops_all() => Some(Stops::All),
            names => Some(Stops::Named(names.to_vec())),
        },
    }
}

fn heard_in(page: &config::Page, zones: &Zones) -> ZoneSet {
    if page.codes.is_empty() {
        return zones.named(&page.zones);
    }
    codes(page, zones).fold(ZoneSet::EMPTY, |all, (_, zones)| all.union(&zones))
}

fn codes(page: &config::Page, zones: &Zones) -> impl Iterator<Item = (Digits, ZoneSet)> {
    let code = |code: &config::Code| Some((Digits::new(&code.digits)?, zones.named(&code.zones)));
    page.codes.iter().filter_map(code)
}

/// What callers may hear, and by which rules.
fn players(config: &Config) -> Vec<control::Player> {
    let player = |from: &config::Player| control::Player {
        name: from.section(),
        entry: Entry {
            extensions: from.extensions.clone(),
            ..Entry::default()
        },
        answer_delay: from.answer_delay,
        duration: from.duration,
        most: from.max_listeners,
    };
    config.players.iter().map(player).collect()
}

/// What they play, by the names above.
pub(in crate::daemon) fn recipes(config: &Config) -> BTreeMap<String, Recipe> {
    let recipe = |from: &config::Player| Recipe {
        source: source(config, from),
        shape: Shape {
            rate: players::rate(if from.codecs.is_empty() {
                &config.sip.codecs
            } else {
                &from.codecs
            }),
            loudness: from.loudness,
            speech: from.speech_filter.map(|splits_hz| Speech {
                splits_hz,
                ..Speech::default()
            }),
        },
        start: if from.from_beginning {
            Start::Beginning
        } else {
            Start::Joined
        },
        repeat: if from.repeats {
            Repeat::Forever
        } else {
            Repeat::Once
        },
        encodings: from.codecs.clone(),
    };
    let all = config.players.iter();
    all.map(|from| (from.section(), recipe(from))).collect()
}

fn source(config: &Config, from: &config::Player) -> Source {
    let music = from.music();
    let music = music.and_then(|name| config.music.iter().find(|music| music.name == name));
    match music {
        Some(music) => {
            let settings = jukebox::settings(config, music);
            Source::Music(Box::new(settings), music.volume.level())
        }
        None => players::source(&from.source),
    }
}
