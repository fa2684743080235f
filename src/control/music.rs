//! Does the music play that should?

use std::time::Instant;

use super::health::Health;
use super::{Level, Note, Part};

/// What is known of a source of music, in the words of whoever plays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Music {
    /// Well while it plays what it should; otherwise its fallback does, or nothing.
    pub part: Part,
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
        let part = Part::news(known.map(|it| &it.part), ok, &text, now)?;
        let note = part.note(&format!("music {name}"));
        let n_skipped = known.map_or(0, |it| it.n_skipped);
        let music = Music { part, n_skipped };
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
            part: Part {
                ok: true,
                text: "starting".to_owned(),
                since: now,
            },
            n_skipped: 0,
        };
        self.music.entry(name).or_insert_with(starting).n_skipped += 1;
        Note::new(None, Level::Warn, &text)
    }
}
