//! What is remembered of those who send to us, in a memory that never grows?
//!
//! ```text
//! source ──hash──► set of four places ──► its own record, or the one that is missed least
//! ```
//!
//! A flood from invented addresses therefore costs no memory, and cannot wash out who is
//! silenced or known.

use std::net::IpAddr;

/// Milliseconds since the guard began.
pub(crate) type Millis = u64;

/// One who sends: an IPv4 address, or what one IPv6 customer has (/64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source(u128);

impl Source {
    /// One name that is used there.
    pub(crate) fn named(self, name: &str) -> Self {
        // FNV-1a. Whoever finds two names that meet has gained nothing but their places.
        let step = |all: u128, byte| (all ^ u128::from(byte)).wrapping_mul(FNV_PRIME);
        Self(name.bytes().fold(self.0, step))
    }
}

impl From<IpAddr> for Source {
    fn from(ip: IpAddr) -> Self {
        match ip {
            // No IPv6 network looks like this: its lower half is cleared.
            IpAddr::V4(ip) => Self(u128::from(u32::from(ip)) | 1 << 32),
            IpAddr::V6(ip) => Self(u128::from(ip) >> 64 << 64),
        }
    }
}

/// A budget that fills with time: so much a second, so much at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) a_second: f64,
    pub(crate) most: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: f64,
    at: Millis,
}

impl Budget {
    pub(crate) fn full(limit: Limit, now: Millis) -> Self {
        Self {
            left: limit.most,
            at: now,
        }
    }

    /// False if there was not enough left; then nothing is spent.
    pub(crate) fn spend(&mut self, limit: Limit, now: Millis) -> bool {
        self.refill(limit, now);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }

    pub(crate) fn give_back(&mut self, limit: Limit, n: f64) {
        self.left = (self.left + n).min(limit.most);
    }

    fn refill(&mut self, limit: Limit, now: Millis) {
        let passed = now.saturating_sub(self.at) as f64 / 1_000.0;
        self.left = (self.left + passed * limit.a_second).min(limit.most);
        self.at = now;
    }
}

/// All places for records, four in each set.
pub(crate) struct Sources<R> {
    places: Vec<Option<(Source, R)>>,
    /// Secret, so that nobody can choose addresses that meet in one set.
    seed: u64,
}

impl<R> Sources<R> {
    pub(crate) fn new(seed: u64, n_sets: usize) -> Self {
        Self {
            places: std::iter::repeat_with(|| None)
                .take(n_sets * WAYS)
                .collect(),
            seed,
        }
    }

    /// The record of a source, if there is one.
    pub(crate) fn find(&mut self, source: Source) -> Option<&mut R> {
        let set = self.set(source);
        let mut places = self.places[set].iter_mut().flatten();
        let found = places.find(|(s, _)| *s == source);
        found.map(|(_, record)| record)
    }

    /// The record of a source. If it is new, it takes a free place of its set, or that of the
    /// record with the lowest `worth`.
    pub(crate) fn record(
        &mut self,
        source: Source,
        worth: impl Fn(&R) -> u64,
        new: impl FnOnce() -> R,
    ) -> &mut R {
        let set = self.set(source);
        let places = &mut self.places[set];
        let at = places
            .iter()
            .position(|place| place.as_ref().is_some_and(|(s, _)| *s == source))
            .or_else(|| places.iter().position(Option::is_none));
        let at = at.unwrap_or_else(|| {
            let value = |at: &usize| places[*at].as_ref().map(|(_, r)| worth(r));
            (0..WAYS).min_by_key(value).unwrap_or_default()
        });
        let place = &mut places[at];
        if place.as_ref().is_none_or(|(s, _)| *s != source) {
            *place = None;
        }
        let (_, record) = place.get_or_insert_with(|| (source, new()));
        record
    }

    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut R> {
        self.places.iter_mut().flatten().map(|(_, record)| record)
    }

    fn set(&self, source: Source) -> std::ops::Range<usize> {
        let Source(bits) = source;
        // The finisher of splitmix64 over both halves.
        let mut h = self.seed ^ (bits as u64) ^ ((bits >> 64) as u64).rotate_left(29);
        h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        h ^= h >> 31;
        let n_sets = self.places.len() / WAYS;
        let first = (h % n_sets as u64) as usize * WAYS;
        first..first + WAYS
    }
}

/// 8,192 records of about 200 bytes: more sources than one site talks to, in 1.6 MB.
pub(crate) const N_SETS: usize = 2_048;
const WAYS: usize = 4;

/// Of the FNV hash with 128 bits.
const FNV_PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_until_its_place_is_needed_for_a_better_one() {
        let mut sources = Sources::new(7, N_SETS);
        let source = |n: u32| Source::from(IpAddr::from(n.to_be_bytes()));
        *sources.record(source(1), |r| *r, || 0_u64) = 1_000;
        for n in 2..200_000 {
            sources.record(source(n), |r| *r, || 0);
        }
        assert_eq!(*sources.record(source(1), |r| *r, || 0), 1_000);
        assert!(sources.each().count() <= N_SETS * WAYS);
    }

    #[test]
    fn a_budget_is_spent_and_fills_again() {
        let limit = Limit {
            a_second: 10.0,
            most: 2.0,
        };
        let mut budget = Budget::full(limit, 0);
        let spent: Vec<bool> = (0..3).map(|_| budget.spend(limit, 0)).collect();
        assert_eq!(spent, [true, true, false]);
        assert!(!budget.spend(limit, 50) && budget.spend(limit, 100));
        budget.give_back(limit, 9.0);
        let again: Vec<bool> = (0..3).map(|_| budget.spend(limit, 100)).collect();
        assert_eq!(again, [true, true, false]);
    }

    #[test]
    fn one_customer_of_ipv6_is_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8::1"));
        assert_ne!(source("192.0.2.1"), source("::192.0.2.1"));
    }
}
