//! When is there something to do for the music?

use super::Service;
use crate::base::MusicId;
use crate::control::Input;
use crate::daemon::players::News;
use crate::daemon::{jukebox, words};
use crate::music::Hand;
use crate::sounds::music::Event;

impl Service {
    /// Lets every zone play what it should by now.
    pub(super) fn play_music(&mut self) {
        let (config, zones, hand) = (&self.config, &self.zones, self.by_hand.hand());
        let gone = self
            .jukebox
            .follow(config, zones, hand, self.minute, &mut self.console);
        let gone = gone.into_iter().map(|name| Input::MusicGone { name });
        self.inputs.extend(gone);
    }

    /// Something else is set by hand, or nothing.
    pub(super) fn set_by_hand(&mut self, hand: Hand) {
        self.by_hand.set(hand, &self.zones);
        self.tune_zones();
        self.play_music();
    }

    /// A source goes on with its next piece.
    pub(super) fn next_piece(&self, source: &str) {
        self.jukebox.next_piece(source);
    }

    /// A source has something to tell.
    pub(super) fn music_news(&mut self, name: String, event: Event) {
        if let Event::Gap { count } = event {
            tracing::warn!("music {name}: a gap, for nothing came in time ({count} by now)");
        }
        let is_known = self.config.music.iter().any(|music| music.name == name);
        if !is_known && !self.players.lives().has(&name) {
            // It is ending.
            return;
        }
        let callers = self.players.lives().news(&name, &event);
        self.inputs.extend(callers.map(News::input));
        self.inputs.extend(words::music(name, event));
    }

    /// The clock of the sound has changed: what plays needs a ring of another rate.
    pub(super) fn music_gone(&mut self, music: MusicId) {
        self.jukebox.lost(music);
        self.play_music();
    }

    /// A new minute may bring other music or another volume.
    pub(super) fn look_at_the_clock(&mut self) {
        let minute = jukebox::now();
        if minute != self.minute {
            self.minute = minute;
            self.tune_zones();
            self.play_music();
        }
    }
}
