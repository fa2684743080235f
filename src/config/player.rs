//! What may callers hear, and how do sections `[moh:NAME]` and `[play:NAME]` become that?

use std::time::Duration;

use crate::base::{Db, Encoding};
use crate::config::keys::{self, Row};
use crate::config::load::Loading;
use crate::config::model::Config;
use crate::config::music;
use crate::config::place::{Mistake, Place, Remark};
use crate::page::Extension;

/// A sound that callers hear who dial a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    pub kind: PlayerKind,
    /// NAME of `[moh:NAME]` or `[play:NAME]`.
    pub name: String,
    /// One or more.
    pub extensions: Vec<Extension>,
    /// A file or a folder, the address of a file in the web, or `music:NAME`; never empty.
    pub source: String,
    /// The preferred first; none stands for those of the call.
    pub codecs: Vec<Encoding>,
    /// Whether each caller hears it from its beginning; otherwise what the others hear.
    pub from_beginning: bool,
    /// Whether it begins again when it ends.
    pub repeats: bool,
    /// How long a caller hears it; `None` to its end.
    pub duration: Option<Duration>,
    /// How long a caller hears ringing.
    pub answer_delay: Duration,
    /// The loudness in LUFS that it is brought to; `None` leaves it as it is.
    pub loudness: Option<Db>,
    /// Where the bands of the filter for telephones part, in hertz; `None` is no filter.
    pub speech_filter: Option<[f32; 2]>,
    /// 1 or more; a caller beyond gets 486.
    pub max_listeners: usize,
}

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayerKind {
    /// Music on hold.
    Hold,
    /// A message.
    Message,
}

impl PlayerKind {
    /// The key that names the sound.
    pub fn source_key(self) -> &'static str {
        match self {
            Self::Hold => "source",
            Self::Message => "file",
        }
    }

    fn rows(self) -> &'static [Row<Player>] {
        match self {
            Self::Hold => keys::of_hold(),
            Self::Message => keys::of_message(),
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Hold => HOLD,
            Self::Message => MESSAGE,
        }
    }
}

impl Player {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{}{}", self.kind.prefix(), self.name)
    }

    /// NAME of the `[music:NAME]` that it plays, as it goes on for all; `None` for a sound that it
    /// has for itself.
    pub fn music(&self) -> Option<&str> {
        self.source.strip_prefix(music::MUSIC)
    }

    /// Its keys, in the order of the table.
    pub(super) fn rows(&self) -> &'static [Row<Self>] {
        self.kind.rows()
    }

    fn blank(kind: PlayerKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            extensions: Vec::new(),
            source: String::new(),
            codecs: Vec::new(),
            from_beginning: kind == PlayerKind::Message,
            repeats: kind == PlayerKind::Hold,
            duration: None,
            answer_delay: Duration::ZERO,
            loudness: None,
            speech_filter: None,
            max_listeners: 1,
        }
    }
}

/// What the section of music on hold begins with.
pub(super) const HOLD: &str = "moh:";

/// What the section of a message begins with.
pub(super) const MESSAGE: &str = "play:";

/// Reads them all; pages and music have been read before. One without a name, a number or a sound is a
/// mistake, and so are two with the same number.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    for kind in [PlayerKind::Hold, PlayerKind::Message] {
        let sections: Vec<(String, Place)> = loading
            .layers
            .sections()
            .filter(|(section, _)| section.starts_with(kind.prefix()))
            .map(|(section, place)| (section.to_owned(), place.clone()))
            .collect();
        for (section, place) in sections {
            let n_mistakes = loading.mistakes.len();
            let player = player(loading, kind, &section, config);
            let is_whole = loading.mistakes.len() == n_mistakes;
            match missing(&player) {
                Some(text) if is_whole => loading.mistakes.push(Mistake(Remark {
                    place: Some(place),
                    subject: format!("[{section}]"),
                    text,
                })),
                Some(_) => {}
                None => config.players.push(player),
            }
        }
    }
    loading.mistakes.extend(overlaps(config));
    let unfit = config.players.iter().filter_map(|it| unfit(it, config));
    loading.mistakes.extend(unfit);
}

fn missing(player: &Player) -> Option<String> {
    let (section, key) = (player.section(), player.kind.source_key());
    if player.name.is_empty() {
        return Some(format!(
            "needs a name after the colon; write e.g. [{section}lobby]"
        ));
    }
    if player.extensions.is_empty() {
        return Some("has no number to call it by; write e.g. extensions = 123".to_owned());
    }
    if player.source.is_empty() {
        return Some(format!("has no sound; write e.g. {key} = /srv/music.mp3"));
    }
    None
}

fn player(loading: &mut Loading, kind: PlayerKind, section: &str, config: &mut Config) -> Player {
    let mut player = Player::blank(kind, &section[kind.prefix().len()..]);
    for row in kind.rows() {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut player, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    player
}

/// Music that cannot be played as it is wanted.
fn unfit(player: &Player, config: &Config) -> Option<Mistake> {
    let name = player.music()?;
    let (key, text) = match player.kind {
        _ if !music::is_known(config, name) => (player.kind.source_key(), music::unknown(name)),
        PlayerKind::Message => (
            player.kind.source_key(),
            "is music, which has neither beginning nor end; write the path of a file, or have \
             it heard by [moh:NAME]"
                .to_owned(),
        ),
        PlayerKind::Hold if is_of_jack(name, config) => (
            player.kind.source_key(),
            "is music of JACK, which only loudspeakers can play; name a source with path or url"
                .to_owned(),
        ),
        PlayerKind::Hold if player.from_beginning => (
            "start",
            "cannot be: the music goes on for all who hear it; write start = joined, or name the \
             folder itself as source"
                .to_owned(),
        ),
        PlayerKind::Hold => return None,
    };
    Some(config.mistake(&player.section(), key, text))
}

fn is_of_jack(name: &str, config: &Config) -> bool {
    let music = config.music.iter().find(|music| music.name == name);
    music.is_some_and(|music| music.jack_client.is_some())
}

/// A number that two have, or one and a page: told at the second, with the place of the first.
fn overlaps(config: &Config) -> Vec<Mistake> {
    let of_pages = config.pages.iter().map(|it| (it.section(), &it.extensions));
    let n_of_pages: usize = of_pages.clone().map(|(_, numbers)| numbers.len()).sum();
    let of_players = config.players.iter();
    let of_players = of_players.map(|it| (it.section(), &it.extensions));
    let numbers: Vec<(String, &Extension)> = of_pages
        .chain(of_players)
        .flat_map(|(section, all)| all.iter().map(move |number| (section.clone(), number)))
        .collect();
    let mut mistakes = Vec::new();
    for (nth, (section, number)) in numbers.iter().enumerate().skip(n_of_pages) {
        let before = &numbers[..nth];
        let Some((other, same)) = before.iter().find(|(_, other)| other.overlaps(number)) else {
            continue;
        };
        let at = config.place(other, "extensions");
        let at = at.map_or_else(String::new, |place| format!(" ({place})"));
        let text = format!(
            "{} is a number of [{other}] too, as {}{at}; a call can be for one only",
            number.as_str(),
            same.as_str()
        );
        mistakes.push(config.mistake(section, "extensions", text));
    }
    mistakes
}
