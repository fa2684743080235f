//! What is wired to what, as the engine must know it and as a person reads it?

use std::collections::BTreeMap;

use crate::base::{Db, ZoneSet};
use crate::mix::{Link, Route, Routes};
use crate::output::zones::{self, Zone};

/// Which of our places are wired to which ports or channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wiring {
    pub(crate) outputs: Vec<Output>,
    /// Engine music input, what feeds it, and the engine outputs it goes to.
    pub(crate) music: Vec<(usize, String, Vec<usize>)>,
    /// Engine music input, what feeds it, and the source that it is of.
    pub(crate) players: Vec<(usize, String, String)>,
}

/// An output of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) place: usize,
    /// What it feeds.
    pub(crate) name: String,
    pub(crate) zones: ZoneSet,
}

impl Wiring {
    /// The first so many places, where all music goes everywhere.
    pub(crate) fn plain(outputs: Vec<(String, ZoneSet)>, music: Vec<String>) -> Self {
        let everywhere: Vec<usize> = (0..outputs.len()).collect();
        let output = |(place, (name, zones))| Output { place, name, zones };
        Self {
            outputs: outputs.into_iter().enumerate().map(output).collect(),
            music: music
                .into_iter()
                .enumerate()
                .map(|(place, name)| (place, name, everywhere.clone()))
                .collect(),
            players: Vec::new(),
        }
    }

    /// The inputs of each source that zones choose, in the order of the graph.
    pub(crate) fn sources(&self) -> BTreeMap<String, Vec<(usize, String)>> {
        let mut sources: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (place, port, music) in &self.players {
            let inputs = sources.entry(music.clone()).or_default();
            inputs.push((*place, port.clone()));
        }
        sources
    }

    /// For the engine.
    pub(crate) fn routes(&self) -> Routes {
        let n_outputs = self.outputs.iter().map(|output| output.place + 1).max();
        let mut outputs = vec![Route::default(); n_outputs.unwrap_or(0)];
        for output in &self.outputs {
            outputs[output.place] = Route {
                zones: output.zones,
                music: self.music_of(output.place),
            };
        }
        Routes { outputs }
    }

    fn music_of(&self, output: usize) -> Vec<Link> {
        self.music
            .iter()
            .filter(|(_, _, outputs)| outputs.contains(&output))
            .map(|&(input, _, _)| Link {
                input,
                gain: Db::UNITY,
            })
            .collect()
    }

    /// The zones that some output carries.
    pub(crate) fn zones(&self) -> ZoneSet {
        let carried = self.outputs.iter().map(|output| output.zones);
        carried.fold(ZoneSet::EMPTY, |all, zones| all.union(&zones))
    }

    /// One line for each output, then one for each link of music.
    pub(crate) fn described(&self, zones: &[Zone]) -> Vec<String> {
        let carrying = self.outputs.iter();
        let carrying = carrying.filter(|output| !output.zones.is_empty());
        let pages = carrying.map(|output| {
            let names: Vec<&str> = zones::names(zones, output.zones).collect();
            match names[..] {
                [] => format!("pages -> {}", output.name),
                [name] => format!("zone {name} -> {}", output.name),
                _ => format!("zones {} -> {}", names.join(", "), output.name),
            }
        });
        let music = self.music.iter().flat_map(|(_, source, places)| {
            self.outputs
                .iter()
                .filter(|output| places.contains(&output.place))
                .map(move |output| format!("music {source} -> {}", output.name))
        });
        pages.chain(music).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ZoneId;

    fn output(place: usize, name: &str, zones: ZoneSet) -> Output {
        let name = name.to_owned();
        Output { place, name, zones }
    }

    #[test]
    fn the_engine_gets_a_row_for_each_place_up_to_the_last() {
        let both = ZoneSet::first(2);
        let wiring = Wiring {
            outputs: vec![output(0, "a:1", both), output(2, "a:3", ZoneSet::first(1))],
            music: vec![(1, "mpd:left".to_owned(), vec![2])],
            players: vec![],
        };
        let routes = wiring.routes();
        assert_eq!(routes.outputs.len(), 3);
        assert_eq!(routes.outputs[0].zones, both);
        assert!(routes.outputs[0].music.is_empty());
        assert_eq!(routes.outputs[1], Route::default());
        let link = Link {
            input: 1,
            gain: Db::UNITY,
        };
        assert_eq!(routes.outputs[2].zones, ZoneSet::first(1));
        assert_eq!(routes.outputs[2].music, [link]);
        assert_eq!(Wiring::default().routes(), Routes::default());
        assert_eq!(wiring.zones(), both);
    }

    #[test]
    fn a_person_reads_pages_first_and_then_music() {
        let one = ZoneSet::first(1);
        let wiring = Wiring {
            outputs: vec![output(0, "a:1", one), output(3, "a:2", ZoneSet::first(2))],
            music: vec![(1, "mpd:left".to_owned(), vec![3])],
            players: vec![],
        };
        assert_eq!(
            wiring.described(&[]),
            ["pages -> a:1", "pages -> a:2", "music mpd:left -> a:2"]
        );
        let zone = |id, name: &str| Zone {
            id: ZoneId(id),
            name: name.to_owned(),
            outputs: Vec::new(),
        };
        assert_eq!(
            wiring.described(&[zone(0, "hall"), zone(1, "yard")]),
            [
                "zone hall -> a:1",
                "zones hall, yard -> a:2",
                "music mpd:left -> a:2"
            ]
        );
    }

    #[test]
    fn plain_wiring_takes_all_music_everywhere() {
        let named = |name: &str| (name.to_owned(), ZoneSet::first(1));
        let wiring = Wiring::plain(vec![named("x"), named("y")], vec!["m".to_owned()]);
        assert_eq!(wiring.music, [(0, "m".to_owned(), vec![0, 1])]);
    }
}
