//! Can we be called, and can we be heard?

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{About, Level, Music, Note};

/// Whether anything reaches a loudspeaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundState {
    /// The engine's callback runs.
    Up { since: Instant },
    /// Nobody can be heard; `why` in the words of the sound side.
    Down { since: Instant, why: String },
}

/// What is known of a part of the site (an account, the disk of recordings, a multicast group, a
/// sound device), in the words of whoever runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// It does what it should.
    pub ok: bool,
    pub text: String,
    /// When `ok` changed last.
    pub since: Instant,
}

impl Part {
    /// As it is from now on; `None` if that is no news.
    pub(super) fn news(known: Option<&Self>, ok: bool, text: &str, now: Instant) -> Option<Self> {
        if known.is_some_and(|it| it.ok == ok && it.text == text) {
            return None;
        }
        Some(Self {
            ok,
            text: text.to_owned(),
            since: known.filter(|it| it.ok == ok).map_or(now, |it| it.since),
        })
    }

    /// The line that tells it; `name` is how the part is named.
    pub(super) fn note(&self, name: &str) -> Note {
        let level = if self.ok { Level::Info } else { Level::Warn };
        let text = format!("{name}: {}", self.text);
        Note::new(None, level, &text).about(part(name, self.ok))
    }
}

#[derive(Debug)]
pub(super) struct Health {
    pub(super) sound: SoundState,
    pub(super) accounts: BTreeMap<String, Part>,
    pub(super) music: BTreeMap<String, Music>,
    /// Once something was told of it.
    pub(super) disk: Option<Part>,
    pub(super) groups: BTreeMap<String, Part>,
    pub(super) cards: BTreeMap<String, Part>,
    /// Once something was told of it.
    pub(super) broker: Option<Part>,
    /// How often voices howled.
    pub(super) n_howls: u64,
}

impl Health {
    pub(super) fn new(now: Instant) -> Self {
        let why = "starting".to_owned();
        Self {
            sound: SoundState::Down { since: now, why },
            accounts: BTreeMap::new(),
            music: BTreeMap::new(),
            disk: None,
            groups: BTreeMap::new(),
            cards: BTreeMap::new(),
            broker: None,
            n_howls: 0,
        }
    }

    pub(super) fn has_sound(&self) -> bool {
        self.silent_since().is_none()
    }

    pub(super) fn silent_since(&self) -> Option<Instant> {
        match self.sound {
            SoundState::Up { .. } => None,
            SoundState::Down { since, .. } => Some(since),
        }
    }

    /// A note if this is news.
    pub(super) fn sound_up(&mut self, now: Instant) -> Option<Note> {
        let after = now.saturating_duration_since(self.silent_since()?);
        self.sound = SoundState::Up { since: now };
        let text = format!("sound is up after {}", seconds(after));
        Some(Note::new(None, Level::Info, &text).about(part(SOUND, true)))
    }

    /// A note if this is news; another reason is.
    pub(super) fn sound_down(&mut self, why: String, now: Instant) -> Option<Note> {
        if matches!(&self.sound, SoundState::Down { why: known, .. } if *known == why) {
            return None;
        }
        let text = format!("no sound, nobody can be heard: {why}");
        let since = self.silent_since().unwrap_or(now);
        self.sound = SoundState::Down { since, why };
        Some(Note::new(None, Level::Error, &text).about(part(SOUND, false)))
    }

    /// A note if this is news.
    pub(super) fn account(
        &mut self,
        name: String,
        ok: bool,
        text: String,
        now: Instant,
    ) -> Option<Note> {
        let account = Part::news(self.accounts.get(&name), ok, &text, now)?;
        let note = account.note(&format!("account {name}"));
        self.accounts.insert(name, account);
        Some(note)
    }

    /// A note if this is news.
    pub(super) fn card_changed(
        &mut self,
        name: String,
        ok: bool,
        text: String,
        now: Instant,
    ) -> Option<Note> {
        let card = Part::news(self.cards.get(&name), ok, &text, now)?;
        let note = card.note(&format!("sound device {name}"));
        self.cards.insert(name, card);
        Some(note)
    }

    /// A note if this is news.
    pub(super) fn broker_changed(&mut self, ok: bool, text: String, now: Instant) -> Option<Note> {
        let broker = Part::news(self.broker.as_ref(), ok, &text, now)?;
        let note = broker.note("mqtt");
        self.broker = Some(broker);
        Some(note)
    }
}

fn part(name: &str, ok: bool) -> About {
    let name = name.to_owned();
    About::Part { name, ok }
}

/// How the part is named through which anybody hears anything.
const SOUND: &str = "sound";

/// A span as notes print it.
pub(super) fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
