//! Which taps are told to the engine?

use crate::base::{FeedTx, ZoneSet};
use crate::mix::command::Command;
use crate::mix::console::{Console, Refusal};
use crate::mix::tap::{Change, Tap};

impl Console {
    /// Lets what these zones hear go into a ring, in place of what the tap had before. The ring must
    /// be at the engine's rate; with another, or when the rate changes, the tap is silent until it
    /// gets another ring, which the other end sees: this one is dropped.
    pub fn tap(&mut self, tap: usize, at: Tap, feed: FeedTx) -> Result<(), Refusal> {
        self.check(at.zones)?;
        let n_taps = self.limits.n_taps;
        if tap >= n_taps {
            return Err(self.refuse(Refusal::Taps(n_taps)));
        }
        self.change_tap(tap, Some(at), Some(feed));
        Ok(())
    }

    /// How many taps there can be; they are counted from 0.
    pub fn n_taps(&self) -> usize {
        self.limits.n_taps
    }

    /// Ends a tap: its ring is dropped. Nothing happens if it has none.
    pub fn end_tap(&mut self, tap: usize) {
        if self.tapped.contains_key(&tap) {
            self.change_tap(tap, None, None);
        }
    }

    fn change_tap(&mut self, tap: usize, at: Option<Tap>, feed: Option<FeedTx>) {
        let before = match at {
            Some(at) => self.tapped.insert(tap, at),
            None => self.tapped.remove(&tap),
        };
        self.send(Command::Tap(Box::new(Change { tap, feed })));
        if before != at {
            let output = self.limits.n_outputs + tap;
            self.outputs[output].0 = at.map_or(ZoneSet::EMPTY, |at| at.zones);
            self.make_lines();
            self.route_again();
        }
    }
}
