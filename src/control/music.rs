//! Does the music play that should?

use std::time::Instant;

use super::health::{Health, part};
use super::{Level, Note};

/// What is known of a source of music, in the words of whoever plays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Music {
    /// It plays what it should; otherwise its fallback does, or nothing.
    pub ok: bool,
    pub text: String,
    /// When `ok` changed last.
    pub since: Instant,
    /// Pieces that could not be played.
    pub n_skipped: u64,
}

impl Health {
    /// A note if this is news.
    pub(super) fn music_changed(
        &mut self,
        name: String,
        ok: bool,
        text: String,
        now: Instant,
    ) -> Option<Note> {
        let known = self.music.get(&name);
        if known.is_some_and(|it| it.ok == ok && it.text == text) {
            return None;
        }
        let level = if ok { Level::Info } else { Level::Warn };
        let name_of_part = format!("music {name}");
        let note = Note::new(None, level, &format!("{name_of_part}: {text}"))
            .about(part(&name_of_part, ok));
        let music = Music {
            ok,
            text,
            since: known.filter(|it| it.ok == ok).map_or(now, |it| it.since),
            n_skipped: known.map_or(0, |it| it.n_skipped),
        };
        self.music.insert(name, music);
        Some(note)
    }

    /// A note for every piece: somebody has to mend it.
    pub(super) fn music_skipped(
        &mut self,
        name: String,
        what: &str,
        why: &str,
        now: Instant,
    ) -> Note {
        let text = format!("music {name}: {what} is skipped: {why}");
        let starting = || Music {
            ok: true,
            text: "starting".to_owned(),
            since: now,
            n_skipped: 0,
        };
        self.music.entry(name).or_insert_with(starting).n_skipped += 1;
        Note::new(None, Level::Warn, &text)
    }
}
