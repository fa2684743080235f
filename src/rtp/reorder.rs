//! In which order do packets go on, whatever the order they came in?

/// What became of a packet that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    /// It waits, and comes after all that came before.
    Kept,
    /// It waits, and comes before some that came earlier.
    Reordered,
    /// The same sequence number waits already or went on lately.
    Duplicate,
    /// Its turn is over.
    Late,
    /// It is further ahead than there are places.
    TooFar,
}

/// A packet that waits for its turn.
#[derive(Clone, Debug, Default)]
pub struct Waiting<T> {
    pub sequence: u64,
    pub about: T,
    /// Reused from packet to packet, so that a stream in full flow allocates nothing.
    pub payload: Vec<u8>,
}

/// Holds packets until their turn; sequence numbers are those of `Unwrap`.
pub struct Reorder<T> {
    places: Vec<Option<Waiting<T>>>,
    spare: Vec<Vec<u8>>,
    /// The first sequence number whose turn has not come.
    next: Option<u64>,
    /// One above the highest sequence number that came.
    end: u64,
    n_waiting: usize,
    /// Which of the 64 numbers before `next` were here: bit 0 is `next` − 1.
    seen: u64,
}

impl<T> Reorder<T> {
    /// A buffer whose packets may be up to `places` numbers apart, 1 or more.
    pub fn new(places: usize) -> Self {
        Self {
            places: (0..places).map(|_| None).collect(),
            spare: Vec::new(),
            next: None,
            end: 0,
            n_waiting: 0,
            seen: 0,
        }
    }

    /// Copies the payload if the packet is to wait. The first packet ever starts the order.
    pub fn insert(&mut self, sequence: u64, about: T, payload: &[u8]) -> Insert {
        let next = *self.next.get_or_insert(sequence);
        self.end = self.end.max(next);
        if sequence < next {
            return self.past(next - sequence);
        }
        if sequence - next >= self.places.len() as u64 {
            return Insert::TooFar;
        }
        let at = self.place(sequence);
        if self.places[at].is_some() {
            return Insert::Duplicate;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(payload);
        self.places[at] = Some(Waiting {
            sequence,
            about,
            payload: copy,
        });
        self.n_waiting += 1;
        if sequence < self.end {
            return Insert::Reordered;
        }
        self.end = sequence + 1;
        Insert::Kept
    }

    /// The packet whose turn it is, if it is here.
    pub fn due(&self) -> Option<&Waiting<T>> {
        self.places[self.place(self.next?)].as_ref()
    }

    /// The packet with the lowest sequence number that is here.
    pub fn first(&self) -> Option<&Waiting<T>> {
        if self.n_waiting == 0 {
            return None;
        }
        let next = self.next?;
        (next..self.end).find_map(|s| self.places[self.place(s)].as_ref())
    }

    /// How many are missing before `first()`.
    pub fn n_missing(&self) -> u64 {
        match (self.first(), self.next) {
            (Some(first), Some(next)) => first.sequence - next,
            _ => 0,
        }
    }

    /// Takes `first()` out; what was missing before it has lost its turn. Give the payload back
    /// with `recycle`.
    pub fn take(&mut self) -> Option<Waiting<T>> {
        let sequence = self.first()?.sequence;
        let at = self.place(sequence);
        let waiting = self.places[at].take()?;
        self.n_waiting -= 1;
        self.pass(sequence);
        Some(waiting)
    }

    /// Lets the buffer use the memory of a payload again.
    pub fn recycle(&mut self, payload: Vec<u8>) {
        if self.spare.len() < SPARE {
            self.spare.push(payload);
        }
    }

    /// Forgets everything; the next packet starts the order anew.
    pub fn reset(&mut self) {
        while let Some(waiting) = self.take() {
            self.recycle(waiting.payload);
        }
        self.next = None;
        self.end = 0;
        self.seen = 0;
    }

    /// All that wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting<T>> {
        let next = self.next.unwrap_or(self.end);
        (next..self.end).filter_map(|s| self.places[self.place(s)].as_ref())
    }

    /// Whether `sequence` is above all that came.
    pub fn is_newest(&self, sequence: u64) -> bool {
        sequence >= self.end
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.n_waiting
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.n_waiting == 0
    }

    fn place(&self, sequence: u64) -> usize {
        (sequence % self.places.len() as u64) as usize
    }

    fn past(&mut self, back: u64) -> Insert {
        if back > 64 {
            return Insert::Late;
        }
        let bit = 1 << (back - 1);
        if self.seen & bit != 0 {
            return Insert::Duplicate;
        }
        self.seen |= bit;
        Insert::Late
    }

    fn pass(&mut self, sequence: u64) {
        let next = self.next.unwrap_or(sequence);
        let gone = sequence + 1 - next;
        self.seen = if gone >= 64 { 0 } else { self.seen << gone };
        self.seen |= 1;
        self.next = Some(sequence + 1);
    }
}

/// Payload buffers kept for reuse: what a clean network needs at once.
const SPARE: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(buffer: &mut Reorder<()>) -> Vec<u64> {
        std::iter::from_fn(|| buffer.take().map(|w| w.sequence)).collect()
    }

    #[test]
    fn packets_come_out_in_order_and_once() {
        let mut buffer = Reorder::new(8);
        assert_eq!(buffer.insert(10, (), b"a"), Insert::Kept);
        assert_eq!(buffer.insert(12, (), b"c"), Insert::Kept);
        assert_eq!(buffer.insert(11, (), b"b"), Insert::Reordered);
        assert_eq!(buffer.insert(11, (), b"b"), Insert::Duplicate);
        assert_eq!(buffer.due().unwrap().payload, b"a");
        assert_eq!(taken(&mut buffer), [10, 11, 12]);
        assert_eq!(buffer.insert(12, (), b"c"), Insert::Duplicate);
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_was_passed_over_is_late_and_the_second_time_a_duplicate() {
        let mut buffer = Reorder::new(8);
        buffer.insert(10, (), b"");
        buffer.insert(12, (), b"");
        buffer.take();
        assert!(buffer.due().is_none());
        assert_eq!(buffer.first().unwrap().sequence, 12);
        assert_eq!(buffer.n_missing(), 1);
        buffer.take();
        assert_eq!(buffer.insert(11, (), b""), Insert::Late);
        assert_eq!(buffer.insert(11, (), b""), Insert::Duplicate);
        assert_eq!(buffer.insert(9, (), b""), Insert::Late);
    }

    #[test]
    fn what_is_too_far_ahead_is_refused() {
        let mut buffer = Reorder::new(4);
        buffer.insert(10, (), b"");
        assert_eq!(buffer.insert(13, (), b""), Insert::Kept);
        assert_eq!(buffer.insert(14, (), b""), Insert::TooFar);
        buffer.reset();
        assert_eq!(buffer.insert(14, (), b""), Insert::Kept);
    }

    proptest! {
        #[test]
        fn every_packet_within_reach_comes_out_once_and_in_order(
            mut order in Just((100u64..130).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            // The first to come sets the start.
            let start = order[0];
            order.retain(|&s| s >= start);
            let mut buffer = Reorder::new(64);
            for &sequence in &order {
                prop_assert!(matches!(
                    buffer.insert(sequence, (), &[]),
                    Insert::Kept | Insert::Reordered
                ));
            }
            prop_assert_eq!(buffer.iter().count(), buffer.len());
            prop_assert_eq!(taken(&mut buffer), (start..130).collect::<Vec<_>>());
        }
    }
}
