//! Which output carries which zones and which music?

use std::collections::BTreeMap;

use crate::base::{Db, ZoneId, ZoneSet};
use crate::mix::console::Refusal;
use crate::mix::engine::EngineSettings;
use crate::mix::tap::{Tap, TapMusic, Tapped};
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
    fn new(output: usize, routes: &Routes, tuned: Vec<(usize, f32)>) -> Self {
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

    fn of_tap(output: usize, tap: &Tap, routes: &Routes, tuned: Vec<(usize, f32)>) -> Self {
        Self {
            set: tap.zones,
            leader: output,
            zones: tap.zones.iter().map(|zone| usize::from(zone.0)).collect(),
            music: links(tap, routes).into_iter().chain(tuned).collect(),
        }
    }

    /// Of an output that is there only because others behind it are.
    fn empty(output: usize) -> Self {
        Self {
            set: ZoneSet::EMPTY,
            leader: output,
            zones: Vec::new(),
            music: Vec::new(),
        }
    }
}

/// The clock's music inputs that the zones of a tap hear, each once, all as one.
fn links(tap: &Tap, routes: &Routes) -> Vec<(usize, f32)> {
    if tap.music == TapMusic::Without {
        return Vec::new();
    }
    let outputs = routes.outputs.iter();
    let heard = outputs.filter(|route| route.zones.intersects(&tap.zones));
    let all = heard.flat_map(|route| &route.music);
    let links: BTreeMap<usize, Db> = all.map(|link| (link.input, link.gain)).collect();
    let share = 1.0 / links.len().max(1) as f32;
    let links = links.into_iter();
    links
        .map(|(input, gain)| (input, gain.gain() * share))
        .collect()
}

impl Table {
    /// Refuses what the engine was not made for.
    pub(super) fn new(
        routes: &Routes,
        tapped: &Tapped,
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
        let of_outputs = routes.outputs.iter().map(|route| &route.zones);
        let mut zones = of_outputs
            .chain(tapped.values().map(|tap| &tap.zones))
            .flat_map(|zones| zones.iter());
        if zones.any(|zone| usize::from(zone.0) >= limits.n_zones) {
            return Err(Refusal::Zones(limits.n_zones));
        }
        wanted.resize(limits.n_inputs + N_SIDES * limits.n_music, false);
        let mut audiences = vec![vec![]; limits.n_music];
        let mut inputs = |zones: ZoneSet, tuned: Option<(usize, usize, f32)>| {
            let Some(tuned) = tuned else {
                return Vec::new();
            };
            let music = tuned.0;
            if tunings.rests(music) && !audiences[music].contains(&zones) {
                audiences[music].push(zones);
            }
            let links = tunings.links(tuned, limits.n_inputs);
            links.iter().for_each(|(input, _)| wanted[*input] = true);
            links
        };
        let outputs = 0..routes.outputs.len();
        let mut rows: Vec<Row> = outputs
            .map(|output| {
                let tuned = tunings.at(output, routes);
                Row::new(output, routes, inputs(routes.outputs[output].zones, tuned))
            })
            .collect();
        for (&tap, at) in tapped {
            let output = limits.n_outputs + tap;
            rows.extend((rows.len()..output).map(Row::empty));
            let tuned = inputs(at.zones, tunings.at_tap(at));
            rows.push(Row::of_tap(output, at, routes, tuned));
        }
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
