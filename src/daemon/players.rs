//! Where do the sounds come from that callers hear: files, folders, a URL, or music as it plays?
//!
//! ```text
//!  [moh:NAME], [play:NAME] ─► Recipe ─► thread: (fetch) ─► sounds::record ─► Tape ─► Programme
//!                                   └─► sounds::music::Player ══ ring ══ Live ─► Programme
//! ```
//!
//! Decoding half an hour takes seconds, and a server may take as long to answer: so it is done
//! beside, and until it is done callers are told that there is no sound.
//!
//! Music as it plays has a player of its own here, beside that of the zones: it knows no pages, and
//! goes by the clock that sends the packets instead of that of a sound card.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{Db, Encoding, SampleRate, Tape};
use crate::config::{Config, Mistake};
use crate::control::Input;
use crate::daemon::lives::Lives;
use crate::daemon::{fetch, settings};
use crate::media::{Programme, Repeat, Start};
use crate::sounds::music;
use crate::sounds::{self, Shape};

/// The sounds of all players.
pub(super) struct Players {
    recipes: BTreeMap<String, Recipe>,
    programmes: BTreeMap<String, Programme>,
    lives: Lives,
    loaded: UnboundedSender<Loaded>,
}

/// What a player plays, and how.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recipe {
    pub(super) source: Source,
    pub(super) shape: Shape,
    pub(super) start: Start,
    pub(super) repeat: Repeat,
    /// Empty for those of the call.
    pub(super) encodings: Vec<Encoding>,
}

/// Where the sound is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// A file, or a folder of them.
    Path(PathBuf),
    Url(String),
    /// Music as it plays, and how much louder.
    Music(Box<music::Settings>, Db),
}

/// A sound is there, or cannot be had.
pub(super) struct Loaded {
    player: String,
    recipe: Recipe,
    tape: Result<Tape, String>,
}

/// What came of it, for the core.
pub(super) struct News {
    pub(super) player: String,
    pub(super) is_there: bool,
}

impl News {
    pub(super) fn input(self) -> Input {
        Input::PlayerLoaded {
            player: self.player,
            is_there: self.is_there,
        }
    }
}

impl Players {
    /// None yet; what is loaded comes by `loaded`, to be handed to `take`.
    pub(super) fn new(loaded: UnboundedSender<Loaded>, lives: Lives) -> Self {
        Self {
            recipes: BTreeMap::new(),
            programmes: BTreeMap::new(),
            lives,
            loaded,
        }
    }

    /// Loads what is new or has changed, beside. Tells which sounds are there no longer.
    pub(super) fn configure(&mut self, config: &Config) -> Vec<Input> {
        let recipes = settings::recipes(config);
        let is_kept = |(name, old): &(&String, &Recipe)| recipes.get(*name) == Some(*old);
        let gone: Vec<String> = self
            .recipes
            .iter()
            .filter(|it| !is_kept(it))
            .map(|(name, _)| name.clone())
            .collect();
        let is_new = |(name, new): &(&String, &Recipe)| self.recipes.get(*name) != Some(*new);
        let new = recipes.iter().filter(is_new);
        let new: Vec<(String, Recipe)> = new
            .map(|(name, recipe)| (name.clone(), recipe.clone()))
            .collect();
        self.recipes = recipes;
        let mut told = Vec::new();
        for player in gone {
            self.programmes.remove(&player);
            let music = self.lives.end(&player);
            told.extend(music.map(|name| Input::MusicGone { name }));
            let is_there = false;
            told.push(News { player, is_there }.input());
        }
        let mut work = Vec::new();
        for (player, recipe) in new {
            match &recipe.source {
                Source::Music(settings, gain) => {
                    let programme = self
                        .lives
                        .begin(&player, settings, *gain, recipe.shape.rate);
                    if let Some(programme) = programme {
                        self.programmes.insert(player, programme);
                    }
                }
                Source::Path(_) | Source::Url(_) => work.push((player, recipe)),
            }
        }
        self.load(work);
        told
    }

    /// The music that plays for callers.
    pub(super) fn lives(&self) -> &Lives {
        &self.lives
    }

    fn load(&self, work: Vec<(String, Recipe)>) {
        if work.is_empty() {
            return;
        }
        let loaded = self.loaded.clone();
        let load = move || {
            for (player, recipe) in work {
                let tape = tape(&recipe);
                let done = Loaded {
                    player,
                    recipe,
                    tape,
                };
                if loaded.send(done).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("players".to_owned());
        if let Err(error) = thread.spawn(load) {
            tracing::error!("callers hear nothing: no thread to load sounds: {error}");
        }
    }

    /// Keeps what was loaded, if it is still wanted.
    pub(super) fn take(&mut self, loaded: Loaded) -> Option<News> {
        let Loaded {
            player,
            recipe,
            tape,
        } = loaded;
        if self.recipes.get(&player) != Some(&recipe) {
            return None;
        }
        let tape = match tape {
            Ok(tape) => tape,
            Err(why) => {
                tracing::error!("[{player}]: callers hear nothing: {why}");
                return None;
            }
        };
        let seconds = tape.duration().as_secs_f64();
        tracing::info!("[{player}]: {seconds:.1} s of sound are ready for callers");
        let programme = Programme::of(Arc::new(tape), recipe.start, recipe.repeat);
        self.programmes.insert(player.clone(), programme);
        Some(News {
            player,
            is_there: true,
        })
    }

    /// What a player plays.
    pub(super) fn programme(&self, player: &str) -> Option<Programme> {
        self.programmes.get(player).cloned()
    }

    /// The codecs that callers of a player get; empty for those of every call.
    pub(super) fn encodings(&self, player: &str) -> &[Encoding] {
        let recipe = self.recipes.get(player);
        recipe.map_or(&[], |recipe| &recipe.encodings)
    }
}

/// The rate that serves the best of these codecs.
pub(super) fn rate(encodings: &[Encoding]) -> SampleRate {
    let rates = encodings.iter().map(|encoding| encoding.audio_rate());
    rates.max().unwrap_or(SampleRate::HZ_8000)
}

/// What is wrong with the files that players name, if anything; only looks whether they are there.
pub(super) fn mistake(config: &Config) -> Option<Mistake> {
    config.players.iter().find_map(|player| {
        if player.music().is_some() {
            return None;
        }
        let Source::Path(path) = source(&player.source) else {
            return None;
        };
        let why = files(&path).err()?;
        let key = player.kind.source_key();
        Some(config.mistake(&player.section(), key, why))
    })
}

/// A text with the beginning of a web address is one, and anything else a path.
pub(super) fn source(text: &str) -> Source {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Source::Url(text.to_owned());
    }
    Source::Path(text.into())
}

fn tape(recipe: &Recipe) -> Result<Tape, String> {
    let files = match &recipe.source {
        Source::Path(path) => files(path)?,
        Source::Url(url) => vec![fetch::cached(url)?],
        Source::Music(settings, _) => {
            return Err(format!("music {} is not a file", settings.name));
        }
    };
    let tape = sounds::record(&files, &recipe.shape).map_err(|error| error.to_string())?;
    if tape.samples.is_empty() {
        return Err("there is no sound in it".to_owned());
    }
    Ok(tape)
}

/// The file itself, or those of the folder by name, hidden ones left out.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let about = std::fs::metadata(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            return format!("sound {path:?} does not exist");
        }
        format!("sound {path:?} cannot be read: {error}")
    })?;
    if !about.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path);
    let entries = entries.map_err(|error| format!("folder {path:?} cannot be read: {error}"))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.is_file() && is_sound(file))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("folder {path:?} holds no sound file"));
    }
    Ok(files)
}

/// By its ending: a folder of music has pictures and lists too.
fn is_sound(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| {
        let ending = ending.to_ascii_lowercase();
        SOUNDS.contains(&ending.as_str())
    })
}

const SOUNDS: [&str; 9] = [
    "wav", "mp3", "ogg", "oga", "flac", "m4a", "aac", "mp4", "wave",
];
