//! What is set of the music by hand, over restarts?

use std::path::PathBuf;

use crate::daemon::keeper::Keeper;
use crate::daemon::zones::Zones;
use crate::music::Hand;

/// What is set, and where it is kept.
pub(super) struct ByHand {
    hand: Hand,
    keeper: Keeper,
}

impl ByHand {
    /// As an earlier run has left it in `file`.
    pub(super) fn open(file: PathBuf, zones: &Zones) -> Self {
        let name = file.display().to_string();
        let (keeper, text) = Keeper::open(file, "what is set of the music by hand is");
        let read = text.map(|text| Hand::parse(&text, |name| zones.id(name)));
        let hand = read.unwrap_or_else(|| Ok(Hand::default()));
        let hand = hand.unwrap_or_else(|why| {
            tracing::warn!("{name} {why}; music plays as configured");
            Hand::default()
        });
        Self { hand, keeper }
    }

    pub(super) fn hand(&self) -> &Hand {
        &self.hand
    }

    /// From now on this is set.
    pub(super) fn set(&mut self, hand: Hand, zones: &Zones) {
        self.keeper.keep(hand.to_text(|id| zones.name(id)));
        self.hand = hand;
    }
}
