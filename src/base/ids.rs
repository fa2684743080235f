//! Who is meant? Ids are counted up by whoever creates the thing and are never used again.

use std::fmt;

/// One SIP call of ours, in or out, from its INVITE to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// One playing of a sound from memory (a klaxon, a tone) into zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayId(pub u64);

/// One recording, of a page, of a caller or of a zone; it may take several files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub u64);

/// The place of a music source in the configuration, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MusicId(pub u16);

/// One sound that the daemon holds in memory: a klaxon, a message, a tone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SoundId(pub u32);

/// The place of a zone in the configuration, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub u16);

/// A set of zones, small enough to copy through a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneSet([u64; Self::CAPACITY / 64]);

impl ZoneSet {
    /// Zone ids are below this; twice what the largest site in the field asks for.
    pub const CAPACITY: usize = 512;
    pub const EMPTY: Self = Self([0; Self::CAPACITY / 64]);

    /// The zones 0 to `n` − 1.
    pub fn first(n: usize) -> Self {
        (0..n).map(|i| ZoneId(i as u16)).collect()
    }

    pub fn insert(&mut self, zone: ZoneId) {
        let at = usize::from(zone.0);
        assert!(at < Self::CAPACITY, "zone ids stay below the capacity");
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub fn contains(&self, zone: ZoneId) -> bool {
        let at = usize::from(zone.0);
        at < Self::CAPACITY && self.0[at / 64] & (1 << (at % 64)) != 0
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn intersects(&self, other: &Self) -> bool {
        !self.intersection(other).is_empty()
    }

    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    pub fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// The zones of this set that are not in `other`.
    pub fn difference(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    /// In rising order.
    pub fn iter(&self) -> impl Iterator<Item = ZoneId> + '_ {
        self.0.iter().enumerate().flat_map(|(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                (left != 0).then(|| {
                    left &= left - 1;
                    ZoneId((word as u32 * 64 + bit) as u16)
                })
            })
        })
    }
}

/// That zone alone.
impl From<ZoneId> for ZoneSet {
    fn from(zone: ZoneId) -> Self {
        Self::from_iter([zone])
    }
}

impl FromIterator<ZoneId> for ZoneSet {
    fn from_iter<I: IntoIterator<Item = ZoneId>>(zones: I) -> Self {
        let mut set = Self::EMPTY;
        for zone in zones {
            set.insert(zone);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_back_what_went_in() {
        let zones = [ZoneId(0), ZoneId(63), ZoneId(64), ZoneId(511)];
        let set: ZoneSet = zones.into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), zones);
        assert_eq!(set.len(), 4);
        assert!(set.contains(ZoneId(64)) && !set.contains(ZoneId(65)));
        assert!(!set.contains(ZoneId(9_999)));
    }

    #[test]
    fn sets_combine() {
        let low = ZoneSet::first(3);
        let high: ZoneSet = [ZoneId(2), ZoneId(3)].into_iter().collect();
        assert!(low.intersects(&high));
        assert_eq!(low.union(&high), ZoneSet::first(4));
        assert_eq!(
            low.intersection(&high).iter().collect::<Vec<_>>(),
            [ZoneId(2)]
        );
        assert_eq!(low.difference(&high), ZoneSet::first(2));
        assert!(ZoneSet::EMPTY.is_empty());
    }
}
