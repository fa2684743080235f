//! Where does a counter that wraps stand in a count that never does?

/// Continues a counter of 16 or 32 bits in 64 bits.
///
/// A value is taken for the one nearest to the last, so up to half the counter's range may be
/// missing and packets may come in any order within it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrap {
    last: Option<u64>,
}

impl Unwrap {
    /// Where `sequence` stands; the first value starts one round up, so that none before it is
    /// below zero.
    pub fn sequence(&mut self, sequence: u16) -> u64 {
        self.nearest(u64::from(sequence), 16)
    }

    /// Where `timestamp` stands; as `sequence`, for 32 bits.
    pub fn timestamp(&mut self, timestamp: u32) -> u64 {
        self.nearest(u64::from(timestamp), 32)
    }

    fn nearest(&mut self, value: u64, bits: u32) -> u64 {
        let round = 1u64 << bits;
        let Some(last) = self.last else {
            let first = value + round;
            self.last = Some(first);
            return first;
        };
        let ahead = value.wrapping_sub(last) & (round - 1);
        let at = if ahead < round / 2 || last + ahead < round {
            last + ahead
        } else {
            last + ahead - round
        };
        self.last = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sequence_goes_on_over_its_wrap_and_back() {
        let mut unwrap = Unwrap::default();
        let first = unwrap.sequence(65_534);
        assert_eq!(unwrap.sequence(65_535), first + 1);
        assert_eq!(unwrap.sequence(0), first + 2);
        assert_eq!(unwrap.sequence(65_535), first + 1);
        assert_eq!(unwrap.sequence(3), first + 5);
    }

    #[test]
    fn a_timestamp_goes_on_over_its_wrap() {
        let mut unwrap = Unwrap::default();
        let first = unwrap.timestamp(u32::MAX - 159);
        assert_eq!(unwrap.timestamp(0), first + 160);
        assert_eq!(unwrap.timestamp(u32::MAX), first + 159);
    }

    proptest! {
        #[test]
        fn any_walk_of_less_than_half_the_range_is_followed(
            start: u16,
            steps in proptest::collection::vec(-30_000i64..=32_000, 0..50),
        ) {
            let mut unwrap = Unwrap::default();
            let mut at = unwrap.sequence(start) as i64;
            for step in steps {
                if at + step < 0 {
                    break;
                }
                at += step;
                prop_assert_eq!(unwrap.sequence(at as u16), at as u64);
            }
        }
    }
}
