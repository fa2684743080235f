//! Which number has each zone in the engine, for as long as it is configured?
//!
//! A zone keeps its number through every reload, whatever comes and goes beside it, so that who
//! is heard there goes on being heard there.

use std::collections::BTreeMap;

use crate::base::{ZoneId, ZoneSet};
use crate::config::Config;
use crate::daemon::settings::{Tuning, tunings};
use crate::mix::Console;
use crate::music::{Hand, Moment};

/// The zones by number. Without any in the configuration there is one that has no name, and every
/// output is its loudspeaker.
#[derive(Clone, Debug)]
pub(super) struct Zones {
    names: Vec<Option<String>>,
}

impl Zones {
    /// Numbers the zones of a configuration from 0 on, in its order, and has room for more.
    pub(super) fn new(config: &Config) -> Self {
        let capacity = (config.zones.len().max(1) + SPARE).min(ZoneSet::CAPACITY);
        let mut zones = Self {
            names: vec![None; capacity],
        };
        zones.follow(config);
        zones
    }

    /// Takes the zones of another configuration in, and returns the names of those for which
    /// there is no number left until the next start. A number that is given up now is given to
    /// nobody now, since callers may still be heard there.
    pub(super) fn follow(&mut self, config: &Config) -> Vec<String> {
        let wanted = names(config);
        let free: Vec<usize> = (0..self.names.len())
            .filter(|&number| self.names[number].is_none())
            .collect();
        for name in &mut self.names {
            name.take_if(|name| !wanted.contains(&name.as_str()));
        }
        let mut free = free.into_iter();
        let mut refused = Vec::new();
        for name in wanted {
            if self.id(name).is_some() {
                continue;
            }
            match free.next() {
                Some(number) => self.names[number] = Some(name.to_owned()),
                None => refused.push(name.to_owned()),
            }
        }
        refused
    }

    /// The number of a zone by its name.
    pub(super) fn id(&self, name: &str) -> Option<ZoneId> {
        let mut numbered = (0..).zip(&self.names);
        let found = numbered.find(|(_, known)| known.as_deref() == Some(name));
        found.map(|(number, _)| ZoneId(number))
    }

    /// The number of a zone by the name that programs know: `all` is the one without a name.
    pub(super) fn spoken(&self, name: &str) -> Option<ZoneId> {
        match (name, self.id(NAMELESS)) {
            ("", _) => None,
            ("all", Some(nameless)) => Some(nameless),
            (name, _) => self.id(name),
        }
    }

    /// The name of a zone; empty for the one that has none.
    pub(super) fn name(&self, id: ZoneId) -> &str {
        let name = self.names.get(usize::from(id.0)).and_then(Option::as_deref);
        name.unwrap_or(NAMELESS)
    }

    /// What log lines call the zones.
    pub(super) fn names(&self) -> BTreeMap<ZoneId, String> {
        let known = (0..).zip(&self.names);
        let known = known.filter_map(|(number, name)| Some((ZoneId(number), name.as_deref()?)));
        let spoken = |name| if name == NAMELESS { "every zone" } else { name };
        known
            .map(|(id, name)| (id, spoken(name).to_owned()))
            .collect()
    }

    /// Every zone that there is.
    pub(super) fn all(&self) -> ZoneSet {
        let numbered = (0..).zip(&self.names);
        let known = numbered.filter(|(_, name)| name.is_some());
        known.map(|(number, _)| ZoneId(number)).collect()
    }

    /// The zones of these names as far as they are there; no names stand for all.
    pub(super) fn named(&self, names: &[String]) -> ZoneSet {
        if names.is_empty() {
            return self.all();
        }
        names.iter().filter_map(|name| self.id(name)).collect()
    }

    /// Numbers are below this.
    pub(super) fn capacity(&self) -> usize {
        self.names.len()
    }
}

/// What the engine was told about each zone.
#[derive(Debug, Default)]
pub(super) struct Tuned(BTreeMap<ZoneId, Tuning>);

impl Tuned {
    /// Tells the engine what is different now.
    pub(super) fn follow(
        &mut self,
        config: &Config,
        zones: &Zones,
        hand: &Hand,
        now: Moment,
        console: &mut Console,
    ) {
        let wanted = tunings(config, zones, hand, now);
        let wanted: BTreeMap<ZoneId, Tuning> = wanted.into_iter().collect();
        for (&id, tuning) in &wanted {
            let told = self.0.remove(&id).unwrap_or(Tuning::PLAIN);
            tell(id, tuning, &told, console);
        }
        // Who gets the number next finds it as at the start.
        for (&id, told) in &self.0 {
            tell(id, &Tuning::PLAIN, told, console);
        }
        self.0 = wanted;
    }
}

fn tell(id: ZoneId, tuning: &Tuning, told: &Tuning, console: &mut Console) {
    if told.speech != tuning.speech {
        console.set_speech_volume(id, tuning.speech);
    }
    if told.klaxon != tuning.klaxon {
        console.set_klaxon_volume(id, tuning.klaxon);
    }
    if told.music != tuning.music {
        console.set_music_volume(id, tuning.music);
    }
    if told.fitting != tuning.fitting {
        console.fit(id, tuning.fitting);
    }
}

fn names(config: &Config) -> Vec<&str> {
    if config.zones.is_empty() {
        return vec![NAMELESS];
    }
    config.zones.iter().map(|zone| zone.name.as_str()).collect()
}

/// How the one zone is kept here that no configuration can name.
const NAMELESS: &str = "";

/// Zones that may come by reloading; each costs some kilobytes.
const SPARE: usize = 31;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use crate::config::read_texts;

    fn config(names: &[&str]) -> Config {
        let text: String = names
            .iter()
            .map(|name| format!("[zone:{name}]\noutputs = {name}\n"))
            .collect();
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        loaded.config.unwrap()
    }

    #[test]
    fn without_zones_there_is_one() {
        let zones = Zones::new(&Config::default());
        assert_eq!(zones.all(), ZoneSet::first(1));
    }

    #[test]
    fn a_zone_keeps_its_number_while_others_come_and_go() {
        let mut zones = Zones::new(&config(&["b", "c", "d"]));
        assert_eq!(zones.id("c"), Some(ZoneId(1)));
        assert_eq!(zones.follow(&config(&["a", "c", "e"])), [""; 0]);
        assert_eq!(zones.id("c"), Some(ZoneId(1)));
        assert_eq!((zones.id("b"), zones.id("d")), (None, None));
        // Where b and d were, somebody may still be heard.
        assert_eq!(
            (zones.id("a"), zones.id("e")),
            (Some(ZoneId(3)), Some(ZoneId(4)))
        );
        assert_eq!(zones.all().len(), 3);
    }

    #[test]
    fn every_output_is_one_zone_until_zones_are_named_and_again_afterwards() {
        let mut zones = Zones::new(&Config::default());
        zones.follow(&config(&["yard"]));
        assert_eq!(zones.id("yard"), Some(ZoneId(1)));
        assert_eq!(zones.all(), ZoneId(1).into());
        zones.follow(&Config::default());
        assert_eq!(zones.all().len(), 1);
        assert_eq!(zones.id("yard"), None);
    }

    #[test]
    fn more_zones_than_there_is_room_for_are_named() {
        let mut zones = Zones::new(&Config::default());
        let names: Vec<String> = (0..40).map(|n| format!("z{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let refused = zones.follow(&config(&names));
        assert_eq!((refused.len(), refused[0].as_str()), (9, "z31"));
    }
}
