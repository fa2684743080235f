//! Which music is heard on which output, and which side of it?

use std::collections::BTreeMap;

use crate::base::{Db, MusicId, ZoneId, ZoneSet};
use crate::mix::routes::Routes;
use crate::mix::tap::{Tap, TapMusic};
use crate::mix::tune::N_SIDES;

/// How one source of music is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Before the zones' volumes.
    pub gain: Db,
    /// Outputs of the same zones get left and right in turn; otherwise each gets both.
    pub is_stereo: bool,
    /// The music stands still while everybody who hears it hears a page, and goes on with its
    /// next frame; otherwise it goes on below the page.
    pub rests_in_pages: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            gain: Db::UNITY,
            is_stereo: true,
            rests_in_pages: false,
        }
    }
}

/// What is set for all sources and zones.
#[derive(Debug, Default)]
pub(super) struct Tunings {
    /// Of the sources that are there.
    pub(super) sources: BTreeMap<MusicId, Tuning>,
    /// What zones want to hear that have a say; `None` is nothing.
    pub(super) zones: BTreeMap<ZoneId, Option<MusicId>>,
    /// What the others hear.
    pub(super) usual: Option<MusicId>,
    /// The inputs of sources that the clock brings, the left side first.
    pub(super) inputs: BTreeMap<MusicId, Vec<usize>>,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;
const BOTH: usize = 2;

impl Tunings {
    /// Whether a source stands still during pages.
    pub(super) fn rests(&self, music: usize) -> bool {
        let source = self.sources.get(&MusicId(music as u16));
        source.is_some_and(|tuning| tuning.rests_in_pages)
    }

    /// What is summed for one side of a source, input and gain; beyond the `n_inputs` of the clock
    /// are those of sources that come by rings.
    pub(super) fn links(
        &self,
        (music, side, gain): (usize, usize, f32),
        n_inputs: usize,
    ) -> Vec<(usize, f32)> {
        let Some(inputs) = self.inputs.get(&MusicId(music as u16)) else {
            return vec![(n_inputs + N_SIDES * music + side, gain)];
        };
        let inputs: Vec<usize> = inputs.iter().copied().filter(|it| *it < n_inputs).collect();
        match (side, &inputs[..]) {
            (LEFT, [left, _, ..]) => vec![(*left, gain)],
            (RIGHT, [_, right, ..]) => vec![(*right, gain)],
            (_, all) => {
                let share = gain / all.len().max(1) as f32;
                all.iter().map(|input| (*input, share)).collect()
            }
        }
    }

    /// The source that an output plays, the side of it and its gain: as the first of its zones
    /// wants it that has a say. Of several outputs of the same zones the first plays the left side, the
    /// second the right, and so on; one without a partner plays both.
    pub(super) fn at(&self, output: usize, routes: &Routes) -> Option<(usize, usize, f32)> {
        let zones = routes.outputs.get(output)?.zones;
        let (music, tuning) = self.wanted(zones)?;
        let is_alike = |other: &usize| routes.outputs[*other].zones == zones;
        let before = (0..output).filter(is_alike).count();
        let all = before + (output..routes.outputs.len()).filter(is_alike).count();
        let side = match before % 2 {
            _ if !tuning.is_stereo => BOTH,
            0 if before + 1 == all => BOTH,
            0 => LEFT,
            _ => RIGHT,
        };
        Some((usize::from(music.0), side, tuning.gain.gain()))
    }

    /// As `at`, for a tap: both sides, if any.
    pub(super) fn at_tap(&self, tap: &Tap) -> Option<(usize, usize, f32)> {
        let (music, tuning) = self.wanted(tap.zones)?;
        let with_music = tap.music == TapMusic::With;
        with_music.then_some((usize::from(music.0), BOTH, tuning.gain.gain()))
    }

    fn wanted(&self, zones: ZoneSet) -> Option<(MusicId, &Tuning)> {
        if zones.is_empty() {
            return None;
        }
        let wanted = zones.iter().find_map(|zone| self.zones.get(&zone));
        let music = wanted.copied().unwrap_or(self.usual)?;
        Some((music, self.sources.get(&music)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::routes::Route;

    fn zones(ids: &[u16]) -> ZoneSet {
        ids.iter().map(|&id| ZoneId(id)).collect()
    }

    fn routes(outputs: &[&[u16]]) -> Routes {
        let route = |ids: &&[u16]| Route {
            zones: zones(ids),
            music: vec![],
        };
        Routes {
            outputs: outputs.iter().map(route).collect(),
        }
    }

    fn sides(tunings: &Tunings, routes: &Routes) -> Vec<Option<(usize, usize)>> {
        let at = |output| {
            tunings
                .at(output, routes)
                .map(|(music, side, _)| (music, side))
        };
        (0..routes.outputs.len()).map(at).collect()
    }

    #[test]
    fn outputs_of_a_zone_are_pairs_and_the_odd_one_plays_both_sides() {
        let mut tunings = Tunings::default();
        tunings.sources.insert(MusicId(3), Tuning::default());
        tunings.zones.insert(ZoneId(0), Some(MusicId(3)));
        tunings.zones.insert(ZoneId(1), Some(MusicId(3)));
        let routes = routes(&[&[0], &[0], &[1], &[0], &[2], &[]]);
        let expected = [
            Some((3, LEFT)),
            Some((3, RIGHT)),
            Some((3, BOTH)),
            Some((3, BOTH)),
            None,
            None,
        ];
        assert_eq!(sides(&tunings, &routes), expected);
        tunings.sources.get_mut(&MusicId(3)).unwrap().is_stereo = false;
        assert_eq!(sides(&tunings, &routes)[0], Some((3, BOTH)));
    }

    #[test]
    fn a_source_that_the_clock_brings_is_its_inputs_and_without_any_silent() {
        let mut tunings = Tunings::default();
        assert_eq!(
            tunings.links((1, RIGHT, 0.5), 8),
            [(8 + N_SIDES + RIGHT, 0.5)]
        );
        type Row<'a> = (&'a [usize], usize, &'a [(usize, f32)]);
        let rows: &[Row<'_>] = &[
            (&[4, 2], LEFT, &[(4, 0.5)]),
            (&[4, 2], RIGHT, &[(2, 0.5)]),
            (&[4, 2], BOTH, &[(4, 0.25), (2, 0.25)]),
            (&[4], LEFT, &[(4, 0.5)]),
            (&[4], RIGHT, &[(4, 0.5)]),
            (&[4], BOTH, &[(4, 0.5)]),
            (&[], BOTH, &[]),
            (&[99, 3], RIGHT, &[(3, 0.5)]),
        ];
        for (inputs, side, expected) in rows {
            tunings.inputs.insert(MusicId(1), inputs.to_vec());
            assert_eq!(
                tunings.links((1, *side, 0.5), 8),
                *expected,
                "{inputs:?} {side}"
            );
        }
    }

    #[test]
    fn of_several_zones_the_first_with_a_say_counts_and_else_the_usual() {
        let mut tunings = Tunings::default();
        tunings.sources.insert(MusicId(1), Tuning::default());
        tunings.sources.insert(MusicId(2), Tuning::default());
        tunings.usual = Some(MusicId(2));
        tunings.zones.insert(ZoneId(1), None);
        tunings.zones.insert(ZoneId(2), Some(MusicId(1)));
        // One that is not there is silent, and so is an output of no zone.
        tunings.zones.insert(ZoneId(3), Some(MusicId(9)));
        let routes = routes(&[&[0, 2, 3], &[0, 1, 2], &[0], &[3], &[]]);
        let expected = [Some((1, BOTH)), None, Some((2, BOTH)), None, None];
        assert_eq!(sides(&tunings, &routes), expected);
    }
}
