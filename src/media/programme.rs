//! What may be heard by many at once, and what does one cut of it hold?

use std::sync::Arc;
use std::time::Duration;

use crate::base::Tape;
use crate::media::Repeat;
use crate::media::live::{Live, Strand};
use crate::media::reel::{Cut, Reel};

/// A sound and how it is told to those who listen. Two are the same if their sounds are.
#[derive(Clone, Debug)]
pub struct Programme {
    pub sound: Sound,
    pub start: Start,
    pub repeat: Repeat,
}

/// Where a programme has its sound from.
#[derive(Clone, Debug)]
pub enum Sound {
    /// It is there as a whole.
    Tape(Arc<Tape>),
    /// It comes while it is heard: everybody joins, and it has no end.
    Live(Arc<Live>),
}

/// Where a new listener comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Each at the beginning.
    Beginning,
    /// Where the others are.
    Joined,
}

impl Programme {
    /// What `tape` holds.
    pub fn of(tape: Arc<Tape>, start: Start, repeat: Repeat) -> Self {
        Self {
            sound: Sound::Tape(tape),
            start,
            repeat,
        }
    }

    /// What comes by `live`, for everybody who joins.
    pub fn live(live: Arc<Live>) -> Self {
        Self {
            sound: Sound::Live(live),
            start: Start::Joined,
            repeat: Repeat::Forever,
        }
    }

    /// How long one turn of it is; zero for what has no turns.
    pub(super) fn turn(&self) -> Duration {
        match &self.sound {
            Sound::Tape(tape) => tape.duration(),
            Sound::Live(_) => Duration::ZERO,
        }
    }

    /// Begins one cut of it, at that place of the turn.
    pub(super) fn track(&self, cut: Cut, begin: Duration) -> Track {
        match &self.sound {
            Sound::Tape(tape) => {
                let reel = Reel::new(tape.clone(), cut, self.repeat, begin);
                Track::Reel(Box::new(reel))
            }
            Sound::Live(live) => Track::Strand(Box::new(Strand::new(live.clone(), cut))),
        }
    }
}

impl PartialEq for Programme {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.sound, &other.sound) {
            (Sound::Tape(one), Sound::Tape(two)) => Arc::ptr_eq(one, two),
            (Sound::Live(one), Sound::Live(two)) => Arc::ptr_eq(one, two),
            (Sound::Tape(_), Sound::Live(_)) | (Sound::Live(_), Sound::Tape(_)) => false,
        };
        is_same && (self.start, self.repeat) == (other.start, other.repeat)
    }
}

impl Eq for Programme {}

/// One cut of a programme.
pub(super) enum Track {
    Reel(Box<Reel>),
    Strand(Box<Strand>),
}

impl Track {
    /// Who can hear it.
    pub(super) fn cut(&self) -> Cut {
        match self {
            Self::Reel(reel) => reel.cut(),
            Self::Strand(strand) => strand.cut(),
        }
    }

    /// The payload of packet `nth`, from 0; `None` behind the end.
    pub(super) fn payload(&mut self, nth: u64) -> Option<&[u8]> {
        match self {
            Self::Reel(reel) => reel.payload(nth),
            Self::Strand(strand) => Some(strand.payload(nth)),
        }
    }

    /// Packets that were encoded.
    pub(super) fn n_encoded(&self) -> u64 {
        match self {
            Self::Reel(reel) => reel.n_encoded() as u64,
            Self::Strand(strand) => strand.n_encoded(),
        }
    }
}
