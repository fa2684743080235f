//! What is set for one source of music, and how do sections `[music:NAME]` become sources?

use std::path::PathBuf;
use std::time::Duration;

use crate::base::Db;
use crate::config::keys;
use crate::config::load::Loading;
use crate::config::model::{Config, Volume};
use crate::config::pattern::Pattern;
use crate::config::place::{Mistake, Place, Remark};

/// A source that zones can play.
#[derive(Clone, Debug, PartialEq)]
pub struct Music {
    /// NAME of `[music:NAME]`; without blanks and commas, and never `off`.
    pub name: String,
    /// A file, a folder or a playlist. One of this, `url` and `jack_client` is set.
    pub path: Option<PathBuf>,
    /// A stream, or a playlist that names one.
    pub url: Option<String>,
    /// The ports of players in the JACK graph.
    pub jack_client: Option<Pattern>,
    /// Another order in each round.
    pub shuffle: bool,
    /// The level of this source, beside those of zones and of `[audio]`.
    pub volume: Volume,
    /// Zero joins pieces without a gap.
    pub crossfade: Duration,
    /// What files are brought to, in LUFS; `None` plays them as they are.
    pub loudness: Option<Db>,
    /// Outputs of a zone play left and right in turn; otherwise each plays both.
    pub stereo: bool,
    /// What becomes of it while everybody who hears it hears a page.
    pub in_pages: InPages,
    /// The name of the source that plays while this one cannot.
    pub fallback: Option<String>,
}

/// What becomes of music during a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPages {
    /// It goes on, softer.
    Duck,
    /// It stands still and goes on where it was.
    Pause,
}

impl Music {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{MUSIC}{}", self.name)
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: None,
            url: None,
            jack_client: None,
            shuffle: false,
            volume: Volume::Untouched,
            crossfade: Duration::ZERO,
            loudness: None,
            stereo: true,
            in_pages: InPages::Duck,
            fallback: None,
        }
    }
}

/// What the section of a source of music begins with.
pub(super) const MUSIC: &str = "music:";

/// As many as the engine has room for.
pub const MOST: usize = 64;

/// Reads them all; one without a usable name or anything to play is a mistake.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    let sections: Vec<(String, Place)> = loading
        .layers
        .sections()
        .filter(|(section, _)| section.starts_with(MUSIC))
        .map(|(section, place)| (section.to_owned(), place.clone()))
        .collect();
    for (section, place) in sections {
        let n_mistakes = loading.mistakes.len();
        let music = music(loading, &section, config);
        let is_right = loading.mistakes.len() == n_mistakes;
        let n_sources = usize::from(music.path.is_some())
            + usize::from(music.url.is_some())
            + usize::from(music.jack_client.is_some());
        let text = match n_sources {
            _ if !is_name(&music.name) => {
                "needs a name after the colon, without blanks and commas, and not \"off\", which \
                 stands for none; write e.g. [music:lounge]"
                    .to_owned()
            }
            0 if is_right => {
                "has nothing to play; write path = FILE, FOLDER or PLAYLIST, url = STREAM, or \
                 jack-client = PATTERN"
                    .to_owned()
            }
            2.. => "has more than one of path, url and jack-client; write one of them, and a \
                    section of its own for each other"
                .to_owned(),
            _ if config.music.len() >= MOST => {
                format!("is one too many; there is room for {MOST}")
            }
            0 | 1 => {
                config.music.push(music);
                continue;
            }
        };
        mistake(loading, place, format!("[{section}]"), text);
    }
}

/// Finds names of sources that are not there; for when all sections are read.
pub(super) fn check(loading: &mut Loading, config: &Config) {
    for music in &config.music {
        if music.jack_client.is_some() && music.in_pages == InPages::Pause {
            let text = "cannot be: a player in JACK does not stand still; write in-pages = duck";
            loading
                .mistakes
                .push(config.mistake(&music.section(), "in-pages", text));
        }
        if let Some(fallback) = &music.fallback {
            let section = music.section();
            let other = config.music.iter().find(|music| music.name == *fallback);
            if other.is_some_and(|music| music.jack_client.is_some()) {
                let text = "is music of JACK, which cannot be a fallback; name a source with path \
                            or url";
                loading
                    .mistakes
                    .push(config.mistake(&section, "fallback", text));
            } else if !is_known(config, fallback) {
                loading
                    .mistakes
                    .push(config.mistake(&section, "fallback", unknown(fallback)));
            } else if falls_back_on_itself(config, music) {
                let text = "comes back to itself, so nothing would play; name another source";
                loading
                    .mistakes
                    .push(config.mistake(&section, "fallback", text));
            }
        }
    }
    let usual = config
        .audio
        .music
        .iter()
        .map(|name| ("audio".to_owned(), "music", name));
    let of_zones = config.zones.iter().flat_map(|zone| {
        let section = zone.section();
        let own = zone.music.iter().map(|name| ("music", name));
        let timed = zone.music_at.steps().iter();
        let timed = timed.filter_map(|(_, name)| Some(("music-at", name.as_ref()?)));
        own.chain(timed)
            .map(move |(key, name)| (section.clone(), key, name))
    });
    for (section, key, name) in usual.chain(of_zones) {
        if !name.eq_ignore_ascii_case(OFF) && !is_known(config, name) {
            loading
                .mistakes
                .push(config.mistake(&section, key, unknown(name)));
        }
    }
}

/// A zone that plays nothing says so by this.
pub(super) const OFF: &str = "off";

pub(super) fn is_known(config: &Config, name: &str) -> bool {
    config.music.iter().any(|music| music.name == name)
}

fn falls_back_on_itself(config: &Config, music: &Music) -> bool {
    let mut at = music;
    for _ in &config.music {
        let Some(name) = &at.fallback else {
            return false;
        };
        let Some(next) = config.music.iter().find(|music| music.name == *name) else {
            return false;
        };
        at = next;
    }
    true
}

pub(super) fn unknown(name: &str) -> String {
    format!("there is no [music:{name}]; write that section, or the name of one that is there")
}

fn mistake(loading: &mut Loading, place: Place, subject: String, text: String) {
    loading.mistakes.push(Mistake(Remark {
        place: Some(place),
        subject,
        text,
    }));
}

fn is_name(name: &str) -> bool {
    let is_apart = |c: char| c.is_whitespace() || c.is_control() || c == ',';
    !name.is_empty() && !name.eq_ignore_ascii_case(OFF) && !name.contains(is_apart)
}

fn music(loading: &mut Loading, section: &str, config: &mut Config) -> Music {
    let mut music = Music::blank(&section[MUSIC.len()..]);
    for row in keys::of_music() {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut music, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    music
}
