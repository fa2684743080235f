//! What is the least that makes a new configuration true?

use super::Service;
use std::time::Instant;

use crate::config::{self, Config, Part};
use crate::control::Input;
use crate::daemon::speech::Spoken;
use crate::daemon::{klaxon, settings};

impl Service {
    /// Tells the engine what is different about the zones since it was last told.
    pub(super) fn tune_zones(&mut self) {
        let (config, zones, hand) = (&self.config, &self.zones, self.by_hand.hand());
        self.tuned
            .follow(config, zones, hand, self.minute, &mut self.console);
    }

    /// Zones that stay keep their number, and with it whoever is heard there.
    fn reload_zones(&mut self) {
        for name in self.zones.follow(&self.config) {
            tracing::error!("zone {name}: there is no room for more zones before a restart");
        }
        self.tune_zones();
        self.play_music();
        let ducked = self.core.snapshot().ducked;
        let audio = &self.config.audio;
        self.duck(ducked, audio.duck, audio.duck_attack);
    }

    /// Has the sounds of players loaded that are not there yet.
    pub(super) fn set_players(&mut self) {
        let told = self.players.configure(&self.config);
        self.inputs.extend(told);
    }

    /// Does the least that makes the new configuration true; live calls go on.
    pub(super) fn reconfigure(&mut self, config: Config, spoken: Spoken) {
        self.spoken = spoken;
        let changes = config::diff(&self.config, &config);
        // Certificates may have changed all the same.
        self.http.adapt(&config);
        tracing::info!("reloading: {changes}");
        if changes.is_empty() {
            // Calendars and sounds may have changed all the same.
            self.reload_bells();
            self.reload_pages(&config.pages);
            self.tell_rules();
            return;
        }
        self.notify.reloading();
        let text = format!("reloaded: {changes}");
        self.chronicle.change("configuration", &text);
        let old = std::mem::replace(&mut self.config, config);
        self.forget_music_of_jack(&old.music);
        self.reload_pages(&old.pages);
        if changes.concern(Part::Klaxon) {
            self.reload_klaxon(old);
        }
        if changes.concern(Part::Accounts) {
            self.endpoint.set_accounts(settings::accounts(&self.config));
        }
        if changes.concern(Part::Signalling) {
            self.endpoint.adapt(&settings::sip(&self.config));
        }
        if changes.concern(Part::Callers) {
            self.endpoint.set_callers(settings::callers(&self.config));
        }
        if changes.concern(Part::Trace) {
            self.trace(self.config.sip.trace);
        }
        if changes.concern(Part::Media) {
            self.legs.configure(settings::legs(&self.config));
        }
        if changes.concern(Part::Zones) {
            self.reload_zones();
        }
        self.reload_bells();
        if changes.concern(Part::Output) || changes.concern(Part::Music) {
            let output = settings::output(&self.config, &self.zones);
            self.output.reconfigure(output);
        }
        if changes.concern(Part::Music) {
            self.tune_zones();
            self.play_music();
        }
        if changes.concern(Part::Players) || changes.concern(Part::Music) {
            self.set_players();
        }
        // Which pages and zones are recorded counts here too.
        let recordings = settings::recordings(&self.config);
        self.recordings.recorder.configure(recordings);
        if changes.concern(Part::Groups) || changes.concern(Part::Zones) {
            self.follow_groups();
        }
        if changes.concern(Part::Voices) {
            let treatment = settings::treatment(&self.config);
            self.console.set_treatment(treatment);
        }
        let at_start = [Part::Listen, Part::Logging, Part::Process];
        if at_start.into_iter().any(|part| changes.concern(part)) {
            tracing::warn!(
                "addresses to listen at, logging and reports change with a restart only"
            );
        }
        let days = self.config.server.history_days;
        self.chronicle.keep_for(days, Instant::now());
        self.tell_rules();
        self.notify.reloaded();
    }

    fn tell_rules(&mut self) {
        let klaxon = self.klaxon.as_ref().map(|pcm| pcm.duration());
        let policy = settings::policy(&self.config, &self.zones, klaxon, &self.stock);
        self.inputs.push_back(Input::Configure(policy));
    }

    /// New pages whose sounds cannot be played leave the old ones in place.
    fn reload_pages(&mut self, old: &[config::Page]) {
        match self.stock.follow(&self.config, &self.spoken) {
            Ok(()) => self.prepare_sounds(),
            Err(mistakes) => {
                for mistake in &mistakes {
                    tracing::error!("{mistake}");
                }
                tracing::error!("the old pages go on");
                self.config.pages = old.to_vec();
            }
        }
    }

    /// Converts sounds for the clock before they are needed.
    pub(super) fn prepare_sounds(&mut self) {
        for pcm in self.klaxon.iter().chain(self.stock.sounds()) {
            self.console.prepare(pcm);
        }
    }

    /// A new klaxon that cannot be played leaves the old one in place.
    fn reload_klaxon(&mut self, old: Config) {
        match klaxon::load(&self.config) {
            Ok(klaxon) => {
                self.klaxon = klaxon;
                if let Some(pcm) = &self.klaxon {
                    self.console.prepare(pcm);
                }
            }
            Err(mistake) => {
                tracing::error!("{mistake}; the old klaxon stays");
                self.config.audio.klaxon = old.audio.klaxon;
            }
        }
        match klaxon::for_callers(&self.config, self.klaxon.as_ref()) {
            Ok(pcm) => self.for_callers = pcm,
            Err(mistake) => {
                tracing::error!("{mistake}; callers hear what they heard before");
                self.config.calls.announce_to_caller = old.calls.announce_to_caller;
            }
        }
    }
}
