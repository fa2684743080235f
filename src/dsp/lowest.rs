//! What was the lowest of the last so many values?

/// A sliding minimum: constant work a value on average, `window` at worst, no memory of its own
/// but the ring made at the start.
#[derive(Clone, Debug)]
pub(super) struct Lowest {
    window: u64,
    /// Rising values with the time each came; a value that a later, lower one hides is gone.
    ring: Vec<(u64, f32)>,
    first: u64,
    past: u64,
    now: u64,
}

impl Lowest {
    /// The minimum of `window` values, which all count as `value` at first.
    pub(super) fn new(window: usize, value: f32) -> Self {
        let mut lowest = Self {
            window: window as u64,
            ring: vec![(0, value); (window + 1).next_power_of_two()],
            first: 0,
            past: 0,
            now: 0,
        };
        lowest.next(value);
        lowest
    }

    /// Takes one value in and returns the lowest of the last `window`.
    pub(super) fn next(&mut self, value: f32) -> f32 {
        while self.past > self.first && self.at(self.past - 1).1 >= value {
            self.past -= 1;
        }
        let slot = self.slot(self.past);
        self.ring[slot] = (self.now, value);
        self.past += 1;
        if self.at(self.first).0 + self.window <= self.now {
            self.first += 1;
        }
        self.now += 1;
        self.at(self.first).1
    }

    fn at(&self, position: u64) -> (u64, f32) {
        self.ring[self.slot(position)]
    }

    fn slot(&self, position: u64) -> usize {
        position as usize & (self.ring.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_equals_the_plain_minimum(
            window in 1usize..20,
            values in proptest::collection::vec(0.0f32..1.0, 1..200),
        ) {
            let mut lowest = Lowest::new(window, 1.0);
            for end in 1..=values.len() {
                let seen = &values[end.saturating_sub(window)..end];
                let plain = seen.iter().fold(1f32, |a, &b| a.min(b));
                prop_assert_eq!(lowest.next(values[end - 1]), plain);
            }
        }
    }
}
