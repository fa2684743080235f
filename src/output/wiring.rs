//! What is wired to what, as the engine must know it and as a person reads it?

use crate::base::{Db, ZoneSet};
use crate::mix::{Link, Route, Routes};

/// Which of our places are wired to which ports or channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wiring {
    /// Engine output and what it feeds.
    pub(crate) outputs: Vec<(usize, String)>,
    /// Engine music input, what feeds it, and the engine outputs it goes to.
    pub(crate) music: Vec<(usize, String, Vec<usize>)>,
}

impl Wiring {
    /// The first so many places, where all music goes everywhere.
    pub(crate) fn plain(outputs: Vec<String>, music: Vec<String>) -> Self {
        let everywhere: Vec<usize> = (0..outputs.len()).collect();
        Self {
            outputs: outputs.into_iter().enumerate().collect(),
            music: music
                .into_iter()
                .enumerate()
                .map(|(place, name)| (place, name, everywhere.clone()))
                .collect(),
        }
    }

    /// For the engine, when every output carries `zones`.
    pub(crate) fn routes(&self, zones: ZoneSet) -> Routes {
        let n_outputs = self.outputs.iter().map(|(place, _)| place + 1).max();
        let mut outputs = vec![Route::default(); n_outputs.unwrap_or(0)];
        for &(place, _) in &self.outputs {
            outputs[place] = Route {
                zones,
                music: self.music_of(place),
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

    /// One line for each output, then one for each link of music.
    pub(crate) fn described(&self) -> Vec<String> {
        let pages = self
            .outputs
            .iter()
            .map(|(_, name)| format!("pages -> {name}"));
        let music = self.music.iter().flat_map(|(_, source, outputs)| {
            self.outputs
                .iter()
                .filter(|(place, _)| outputs.contains(place))
                .map(move |(_, name)| format!("music {source} -> {name}"))
        });
        pages.chain(music).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_gets_a_row_for_each_place_up_to_the_last() {
        let wiring = Wiring {
            outputs: vec![(0, "a:1".to_owned()), (2, "a:3".to_owned())],
            music: vec![(1, "mpd:left".to_owned(), vec![2])],
        };
        let routes = wiring.routes(ZoneSet::first(2));
        assert_eq!(routes.outputs.len(), 3);
        assert_eq!(routes.outputs[0].zones, ZoneSet::first(2));
        assert!(routes.outputs[0].music.is_empty());
        assert_eq!(routes.outputs[1], Route::default());
        let link = Link {
            input: 1,
            gain: Db::UNITY,
        };
        assert_eq!(routes.outputs[2].music, [link]);
        assert_eq!(
            Wiring::default().routes(ZoneSet::first(1)),
            Routes::default()
        );
    }

    #[test]
    fn a_person_reads_pages_first_and_then_music() {
        let wiring = Wiring {
            outputs: vec![(0, "a:1".to_owned()), (3, "a:2".to_owned())],
            music: vec![(1, "mpd:left".to_owned(), vec![3])],
        };
        assert_eq!(
            wiring.described(),
            ["pages -> a:1", "pages -> a:2", "music mpd:left -> a:2"]
        );
    }

    #[test]
    fn plain_wiring_takes_all_music_everywhere() {
        let wiring = Wiring::plain(vec!["x".to_owned(), "y".to_owned()], vec!["m".to_owned()]);
        assert_eq!(wiring.music, [(0, "m".to_owned(), vec![0, 1])]);
    }
}
