//! Which of our ports belongs to which foreign port, while both come and go?

use std::collections::{BTreeMap, BTreeSet};

/// A table of fixed size: a foreign port keeps its place for as long as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    names: Vec<Option<String>>,
    places: BTreeMap<String, usize>,
}

/// What one [`Slots::assign`] did, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Places that were taken.
    pub(crate) added: Vec<usize>,
    /// Places that were given up; none of them was taken again in the same change.
    pub(crate) removed: Vec<usize>,
    /// Ports for which there was no place.
    pub(crate) refused: Vec<String>,
}

impl Slots {
    /// A table with `capacity` free places.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            names: vec![None; capacity],
            places: BTreeMap::new(),
        }
    }

    /// Gives a place to each of `wanted` and takes it from all others.
    ///
    /// A place that is given up stays free until the next call, so that what belongs to it can be
    /// torn down first, unless `wanted` fits in no other way: then it is refused this time.
    pub(crate) fn assign(&mut self, wanted: &[String]) -> Change {
        let mut change = Change::default();
        let is_free = |place: &usize| self.names[*place].is_none();
        let free: Vec<usize> = (0..self.names.len()).filter(is_free).collect();
        let mut free = free.into_iter();
        let kept: BTreeSet<&String> = wanted.iter().collect();
        for place in 0..self.names.len() {
            let is_done = |name: &mut String| !kept.contains(name);
            if let Some(name) = self.names[place].take_if(is_done) {
                self.places.remove(&name);
                change.removed.push(place);
            }
        }
        for name in wanted {
            if self.place(name).is_some() {
                continue;
            }
            match free.next() {
                Some(place) => {
                    self.names[place] = Some(name.clone());
                    self.places.insert(name.clone(), place);
                    change.added.push(place);
                }
                None => change.refused.push(name.clone()),
            }
        }
        change
    }

    /// Gives up one place before its time, when what belongs to it could not be made.
    pub(crate) fn free(&mut self, place: usize) {
        if let Some(name) = self.names[place].take() {
            self.places.remove(&name);
        }
    }

    /// Where a port has its place.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The taken places and their ports, in rising order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.names
            .iter()
            .enumerate()
            .filter_map(|(place, name)| Some((place, name.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_port_keeps_its_place_while_others_come_and_go() {
        let mut slots = Slots::new(4);
        assert_eq!(slots.assign(&named(&["a", "b", "c"])).added, [0, 1, 2]);
        let change = slots.assign(&named(&["c", "d"]));
        assert_eq!((change.added, change.removed), (vec![3], vec![0, 1]));
        assert_eq!(slots.place("c"), Some(2));
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(2, "c"), (3, "d")]);
        assert_eq!(slots.assign(&named(&["c", "d", "e"])).added, [0]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let mut slots = Slots::new(1);
        assert_eq!(slots.assign(&named(&["a", "b"])).refused, ["b"]);
        let swapped = slots.assign(&named(&["b"]));
        assert_eq!((swapped.removed, swapped.refused), (vec![0], named(&["b"])));
        assert_eq!(slots.assign(&named(&["b"])).added, [0]);
    }

    #[test]
    fn an_unchanged_wish_changes_nothing() {
        let mut slots = Slots::new(2);
        slots.assign(&named(&["a"]));
        assert_eq!(slots.assign(&named(&["a"])), Change::default());
    }
}
