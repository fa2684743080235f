//! What becomes of the music when somebody takes it in hand?
//!
//! A page does not ask about it and does not change it: what was set before a page, or during it,
//! is what is heard afterwards, and where nothing played nothing plays.

use super::{Core, Effect, Level, Note};
use crate::base::{Db, ZoneSet};
use crate::music::{Demand, Hand, Moment};

impl Core {
    /// Somebody wants something of the music.
    pub(super) fn demand(&mut self, demand: &Demand, at: Moment) {
        if let Err(why) = self.may_be(demand) {
            let note = Note::new(None, Level::Warn, &format!("music stays as it is: {why}"));
            return self.log(Some(note));
        }
        let text = self.in_words(demand);
        self.log(Some(Note::new(None, Level::Info, &text)));
        self.take_in_hand(demand, at);
    }

    /// What may be is done.
    pub(super) fn take_in_hand(&mut self, demand: &Demand, at: Moment) {
        if let Demand::Next { source } = demand {
            let source = source.clone();
            return self.effects.push_back(Effect::NextPiece { source });
        }
        self.by_hand.set(demand, at);
        self.tell_by_hand();
    }

    /// What was set by hand before a restart.
    pub(super) fn remember(&mut self, hand: Hand) {
        self.by_hand = hand;
        self.tidy_by_hand();
    }

    /// Zones or sources may be gone.
    pub(super) fn tidy_by_hand(&mut self) {
        let before = self.by_hand.clone();
        let sources = &self.policy.music;
        self.by_hand
            .retain(&self.policy.zones, |name| sources.contains(name));
        if self.by_hand != before {
            self.tell_by_hand();
        }
    }

    fn tell_by_hand(&mut self) {
        let hand = self.by_hand.clone();
        self.effects.push_back(Effect::Music { hand });
    }

    /// Whether there are such zones and sources.
    ///
    /// # Errors
    /// What is not there, in words.
    pub(super) fn may_be(&self, demand: &Demand) -> Result<(), String> {
        let (zones, source) = match demand {
            Demand::Play { zones, source } => (Some(zones), source.as_ref()),
            Demand::Volume { zones, .. }
            | Demand::Pause { zones }
            | Demand::Resume { zones }
            | Demand::Reset { zones } => (Some(zones), None),
            Demand::PauseSource { source }
            | Demand::ResumeSource { source }
            | Demand::Next { source } => (None, Some(source)),
        };
        if let Some(source) = source.filter(|name| !self.policy.music.contains(*name)) {
            return Err(format!("there is no music \"{source}\""));
        }
        if let Demand::Volume { to, .. } = demand
            && (to.0.is_nan() || to.0 > LOUDEST.0)
        {
            return Err(format!("{to} is too loud"));
        }
        if let Some(zones) = zones {
            let unknown = zones.difference(&self.policy.zones);
            if zones.is_empty() || !unknown.is_empty() {
                return Err("a zone is not there".to_owned());
            }
        }
        Ok(())
    }

    fn in_words(&self, demand: &Demand) -> String {
        let in_zones = |zones: &ZoneSet| format!("music in {}", self.policy.names(zones));
        match demand {
            Demand::Play { zones, source } => {
                let source = source.as_deref().unwrap_or("nothing");
                format!("{} by hand: {source}", in_zones(zones))
            }
            Demand::Volume { zones, to } => format!("{} by hand: {to}", in_zones(zones)),
            Demand::Pause { zones } => format!("{} by hand: stands still", in_zones(zones)),
            Demand::Resume { zones } => format!("{} by hand: goes on", in_zones(zones)),
            Demand::Reset { zones } => format!("{}: as configured", in_zones(zones)),
            Demand::PauseSource { source } => format!("music {source} by hand: stands still"),
            Demand::ResumeSource { source } => format!("music {source} by hand: goes on"),
            Demand::Next { source } => format!("music {source} by hand: next piece"),
        }
    }
}

/// As loud as the configuration may make it; what is no number is no volume either.
const LOUDEST: Db = Db(20.0);
