//! Which output carries which zones and which music?

use crate::base::{Db, ZoneId, ZoneSet};
use crate::mix::console::Refusal;
use crate::mix::engine::EngineSettings;
use crate::mix::tune::N_SIDES;
use crate::mix::tuning::Tunings;

/// What each output carries, by output number. An output beyond the end is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// The clock numbers them as it does for `Ports::write`.
    pub outputs: Vec<Route>,
}

/// What one output carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// Who speaks in any of them is heard once, by the highest of their speech gains; of their
    /// music gains the lowest counts, or unity if there is none. Outputs that carry the same zones
    /// share one picture: what one is limited by, all are.
    pub zones: ZoneSet,
    /// The music that is summed here, each input with a gain of its own.
    pub music: Vec<Link>,
}

/// One music input on one output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The number by which `Ports::read` knows it.
    pub input: usize,
    /// For this output alone, beside the zones' gains.
    pub gain: Db,
}

/// Routes as the engine reads them.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    /// For each input, those of music sources included, whether any row wants it.
    wanted: Vec<bool>,
    /// For each music source that rests in pages the sets of zones of the outputs that play it,
    /// each once.
    audiences: Vec<Vec<ZoneSet>>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) set: ZoneSet,
    pub(super) zones: Vec<usize>,
    /// The first output that carries the same zones, or this one if it carries none.
    pub(super) leader: usize,
    /// Input and gain.
    pub(super) music: Vec<(usize, f32)>,
}

impl Row {
    fn new(output: usize, routes: &Routes, tuned: Option<(usize, f32)>) -> Self {
        let route = &routes.outputs[output];
        let mut others = routes.outputs.iter();
        let first = others.position(|other| other.zones == route.zones);
        Self {
            set: route.zones,
            leader: first.filter(|_| !route.zones.is_empty()).unwrap_or(output),
            zones: route
                .zones
                .iter()
                .map(|ZoneId(zone)| usize::from(zone))
                .collect(),
            music: route
                .music
                .iter()
                .map(|link| (link.input, link.gain.gain()))
                .chain(tuned)
                .collect(),
        }
    }
}

impl Table {
    /// Refuses what the engine was not made for.
    pub(super) fn new(
        routes: &Routes,
        tunings: &Tunings,
        limits: &EngineSettings,
    ) -> Result<Self, Refusal> {
        if routes.outputs.len() > limits.n_outputs {
            return Err(Refusal::Outputs(limits.n_outputs));
        }
        let mut wanted = vec![false; limits.n_inputs];
        for link in routes.outputs.iter().flat_map(|route| &route.music) {
            *wanted
                .get_mut(link.input)
                .ok_or(Refusal::Inputs(limits.n_inputs))? = true;
        }
        let zones = || routes.outputs.iter().flat_map(|route| route.zones.iter());
        if zones().any(|zone| usize::from(zone.0) >= limits.n_zones) {
            return Err(Refusal::Zones(limits.n_zones));
        }
        wanted.resize(limits.n_inputs + N_SIDES * limits.n_music, false);
        let mut audiences = vec![vec![]; limits.n_music];
        let rows = (0..routes.outputs.len())
            .map(|output| {
                let tuned = tunings.at(output, routes).map(|(music, side, gain)| {
                    let zones = routes.outputs[output].zones;
                    if tunings.rests(music) && !audiences[music].contains(&zones) {
                        audiences[music].push(zones);
                    }
                    let input = limits.n_inputs + N_SIDES * music + side;
                    wanted[input] = true;
                    (input, gain)
                });
                Row::new(output, routes, tuned)
            })
            .collect();
        Ok(Self {
            rows,
            wanted,
            audiences,
        })
    }

    // == realtime below ==

    pub(super) fn row(&self, output: usize) -> Option<&Row> {
        self.rows.get(output)
    }

    pub(super) fn wants(&self, input: usize) -> bool {
        self.wanted.get(input).copied().unwrap_or(false)
    }

    /// The sets of zones of the outputs that play a music source which rests in pages.
    pub(super) fn audience(&self, music: usize) -> &[ZoneSet] {
        self.audiences.get(music).map_or(&[], Vec::as_slice)
    }
}
