//! Which output carries which zones and which music?

use crate::base::{Db, ZoneId, ZoneSet};
use crate::mix::console::Refusal;
use crate::mix::engine::EngineSettings;

/// What each output carries, by output number. An output beyond the end is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// The clock numbers them as it does for `Ports::write`.
    pub outputs: Vec<Route>,
}

/// What one output carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// Their speech is summed; of their music gains the lowest counts, or unity if there is none.
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
    /// For each input whether any row wants it.
    wanted: Vec<bool>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) zones: Vec<usize>,
    /// Input and gain.
    pub(super) music: Vec<(usize, f32)>,
}

impl Row {
    fn new(route: &Route) -> Self {
        Self {
            zones: route
                .zones
                .iter()
                .map(|ZoneId(zone)| usize::from(zone))
                .collect(),
            music: route
                .music
                .iter()
                .map(|link| (link.input, link.gain.gain()))
                .collect(),
        }
    }
}

impl Table {
    /// Refuses what the engine was not made for.
    pub(super) fn new(routes: &Routes, limits: &EngineSettings) -> Result<Self, Refusal> {
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
        let rows = routes.outputs.iter().map(Row::new).collect();
        Ok(Self { rows, wanted })
    }

    // == realtime below ==

    pub(super) fn row(&self, output: usize) -> Option<&Row> {
        self.rows.get(output)
    }

    pub(super) fn wants(&self, input: usize) -> bool {
        self.wanted.get(input).copied().unwrap_or(false)
    }
}
