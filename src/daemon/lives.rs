//! Which music plays for callers, as it comes?

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{Db, SampleRate};
use crate::daemon::chance;
use crate::daemon::jukebox;
use crate::daemon::players::News;
use crate::media::{Live, Programme};
use crate::sounds::music::{Book, Event, Player, Settings};

/// All music that plays for callers.
pub(super) struct Lives {
    /// By the names of their players.
    playing: BTreeMap<String, Playing>,
    /// What nobody comes to any more, while some still hear it.
    ending: Vec<Playing>,
    book: Option<Book>,
    news: UnboundedSender<jukebox::News>,
}

struct Playing {
    /// How messages name it.
    name: String,
    live: Arc<Live>,
    /// Fills the ring until it is dropped.
    _player: Player,
}

impl Lives {
    /// Nothing plays yet. What is learnt of the loudness of files is written into `book`.
    pub(super) fn new(book: Option<Book>, news: UnboundedSender<jukebox::News>) -> Self {
        Self {
            playing: BTreeMap::new(),
            ending: Vec::new(),
            book,
            news,
        }
    }

    /// Music begins to play at `rate`, `gain` louder; `None` if the system has no thread for it.
    pub(super) fn begin(
        &mut self,
        player: &str,
        settings: &Settings,
        gain: Db,
        rate: SampleRate,
    ) -> Option<Programme> {
        let name = format!("{} for {player}", settings.name);
        let (news, teller) = (self.news.clone(), name.clone());
        let tell = move |event| {
            // A daemon that has ended does not hear it.
            news.send((teller.clone(), event)).ok();
        };
        let (settings, book) = (settings.clone(), self.book.clone());
        let spawned = Player::spawn(settings, book, chance::number(), tell);
        let spawned = spawned.map_err(|why| tracing::error!("music {name}: {why}"));
        let spawned = spawned.ok()?;
        let live = Arc::new(Live::new(spawned.ring(rate), gain));
        let playing = Playing {
            name,
            live: live.clone(),
            _player: spawned,
        };
        self.playing.insert(player.to_owned(), playing);
        Some(Programme::live(live))
    }

    /// Nobody comes to the music of this player any more, if it has any; who hears it goes on
    /// hearing it. Returns its name in messages.
    pub(super) fn end(&mut self, player: &str) -> Option<String> {
        let playing = self.playing.remove(player)?;
        let name = playing.name.clone();
        self.ending.push(playing);
        self.ending.retain(|it| Arc::strong_count(&it.live) > 1);
        Some(name)
    }

    /// Whether music of that name plays.
    pub(super) fn has(&self, name: &str) -> bool {
        self.playing.values().any(|it| it.name == name)
    }

    /// What an event of that name means for those who call.
    pub(super) fn news(&self, name: &str, event: &Event) -> Option<News> {
        let is_meant = |(_, playing): &(&String, &Playing)| playing.name == name;
        let (player, _) = self.playing.iter().find(is_meant)?;
        let is_there = match event {
            Event::Skipped { .. } | Event::Gap { .. } => return None,
            Event::Down { instead: None, .. } => false,
            Event::Playing { .. } | Event::Down { .. } | Event::Up => true,
        };
        Some(News {
            player: player.clone(),
            is_there,
        })
    }
}
