//! When is there something to do for the music?

use super::Service;
use crate::base::MusicId;
use crate::config;
use crate::control::Input;
use crate::daemon::jukebox::{self, JackSources};
use crate::daemon::players::News;
use crate::daemon::words;
use crate::music::Hand;
use crate::sounds::music::Event;

impl Service {
    /// Lets every zone play what it should by now.
    pub(super) fn play_music(&mut self) {
        let (config, zones, hand) = (&self.config, &self.zones, self.by_hand.hand());
        let jack = self.jack_sources.as_ref();
        let gone = self
            .jukebox
            .follow(config, zones, (hand, self.minute), jack, &mut self.console);
        let gone = gone.into_iter().map(|name| Input::MusicGone { name });
        self.inputs.extend(gone);
        self.tell_music_of_jack();
        self.http.is_music_stale = true;
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

    /// Players of the JACK graph have come or gone.
    pub(super) fn music_of_jack(&mut self, sources: JackSources) {
        self.jack_sources = Some(sources);
        self.play_music();
    }

    /// What was told of those that are configured no longer counts no more.
    pub(super) fn forget_music_of_jack(&mut self, old: &[config::Music]) {
        let is_gone = |music: &&config::Music| {
            let same = |it: &config::Music| it.name == music.name;
            music.jack_client.is_some() && !self.config.music.iter().any(same)
        };
        let gone = old.iter().filter(is_gone);
        let gone = gone.map(|music| Input::MusicGone {
            name: music.name.clone(),
        });
        self.inputs.extend(gone);
    }

    /// Says of each source of JACK whether it is there.
    fn tell_music_of_jack(&mut self) {
        let Some(sources) = &self.jack_sources else {
            return;
        };
        let of_jack = self.config.music.iter().filter_map(|music| {
            let pattern = music.jack_client.as_ref()?.as_str();
            let found = sources.get(&music.name);
            let instead = music.fallback.as_deref();
            Some(words::music_of_jack(&music.name, pattern, found, instead))
        });
        self.inputs.extend(of_jack);
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
