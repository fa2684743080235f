//! Which piece comes next?

/// A list of pieces that is played round after round.
#[derive(Clone, Debug)]
pub struct Order<T> {
    items: Vec<T>,
    /// Of this round, the next one last.
    left: Vec<usize>,
    last: Option<T>,
    is_shuffled: bool,
    chance: u64,
}

impl<T: Clone + PartialEq> Order<T> {
    /// In the order given or, if shuffled, in another one for each round; equal seeds shuffle
    /// equally.
    pub fn new(items: Vec<T>, is_shuffled: bool, seed: u64) -> Self {
        let mut order = Self {
            items: Vec::new(),
            left: Vec::new(),
            last: None,
            is_shuffled,
            chance: seed,
        };
        order.renew(items);
        order
    }

    /// The list is another one from now on; a new round begins.
    pub fn renew(&mut self, items: Vec<T>) {
        self.items = items;
        self.left = (0..self.items.len()).rev().collect();
        if !self.is_shuffled {
            return;
        }
        for i in (1..self.left.len()).rev() {
            let j = (self.random() % (i as u64 + 1)) as usize;
            self.left.swap(i, j);
        }
        self.avoid_repeating();
    }

    /// The next piece; a new round begins by itself. `None` if there are none at all.
    pub fn advance(&mut self) -> Option<T> {
        if self.left.is_empty() {
            self.renew(self.items.clone());
        }
        let item = self.items[self.left.pop()?].clone();
        self.last = Some(item.clone());
        Some(item)
    }

    /// Whether the next piece begins a round: the time to look for new ones.
    pub fn is_round_over(&self) -> bool {
        self.left.is_empty()
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Nobody wants to hear a piece twice in a row, were it the last of one round and the first
    /// of the next.
    fn avoid_repeating(&mut self) {
        let last = self.left.len().saturating_sub(1);
        let is_last = |&i: &usize| self.last.as_ref() == Some(&self.items[i]);
        if !self.left.last().is_some_and(is_last) {
            return;
        }
        if let Some(other) = self.left.iter().position(|i| !is_last(i)) {
            self.left.swap(other, last);
        }
    }

    /// SplitMix64, which is plenty for a playlist.
    fn random(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_shuffle_the_list_goes_round_in_its_order() {
        let mut order = Order::new(vec!["a", "b", "c"], false, 1);
        let heard: Vec<_> = (0..7).filter_map(|_| order.advance()).collect();
        assert_eq!(heard, ["a", "b", "c", "a", "b", "c", "a"]);
        order.renew(vec!["x"]);
        assert_eq!((order.advance(), order.is_round_over()), (Some("x"), true));
        assert_eq!(Order::<u8>::new(vec![], true, 1).advance(), None);
    }

    #[test]
    fn rounds_differ_from_each_other() {
        let mut order = Order::new((0..20).collect(), true, 7);
        let mut round = || (0..20).filter_map(|_| order.advance()).collect::<Vec<_>>();
        assert_ne!(round(), round());
    }

    proptest! {
        #[test]
        fn each_round_is_a_permutation_and_nothing_repeats_at_once(
            n in 1usize..40, seed: u64,
        ) {
            let mut order = Order::new((0..n).collect(), true, seed);
            let mut last = None;
            for _ in 0..5 {
                let mut round = vec![];
                for _ in 0..n {
                    let next = order.advance();
                    prop_assert!(n == 1 || next != last);
                    last = next;
                    round.extend(next);
                }
                prop_assert!(order.is_round_over());
                round.sort_unstable();
                prop_assert!(round.into_iter().eq(0..n));
            }
        }
    }
}
