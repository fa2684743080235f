//! What does the machine of pages tell?

use std::time::Duration;

use super::{Hearing, PageId};
use crate::base::{PlayId, ZoneSet};

/// What follows from the last `handle_*`; drain it before the next input from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The page waits for `n_before` others; comes again when it has lost its zones.
    Queued { page: PageId, n_before: usize },
    /// The page still waits, now for `n_before` others.
    Advanced { page: PageId, n_before: usize },
    /// These zones belong to the page: it waits for `handle_begin`.
    Granted { page: PageId, zones: ZoneSet },
    /// Play this sound of the page now.
    Play {
        page: PageId,
        play: PlayId,
        tone: Tone,
        zones: ZoneSet,
        longest: Option<Duration>,
    },
    /// This sound belongs into these zones now.
    Moved { play: PlayId, zones: ZoneSet },
    /// This sound must not be heard any more.
    StopPlay { play: PlayId },
    /// The klaxon and its padding are over: the page waits for `handle_speak`.
    Open { page: PageId },
    /// The voice of the page belongs into exactly these zones now; maybe into none.
    Voice { page: PageId, zones: ZoneSet },
    /// The page reaches its limit before long.
    Warned { page: PageId },
    /// The page has reached its limit and ends.
    TimeUp { page: PageId },
    /// Nothing is left of the page.
    Over {
        page: PageId,
        how: Over,
        hearing: Hearing,
    },
    /// Music goes down here.
    Ducked { zones: ZoneSet },
    /// Music comes back here.
    Released { zones: ZoneSet },
}

/// What a page plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Before the first word.
    Klaxon,
    /// The page itself, if nobody speaks.
    Message,
    /// The page is nearly over.
    Warning,
    /// After the last word.
    End,
}

/// Why nothing is left of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// It was said to its end, or cut by its limit or from outside.
    Finished,
    /// It has waited too long.
    Expired,
    /// Its zones were busy, and it does not wait.
    Rejected,
}

/// Whether what is played reaches a loudspeaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Pages are granted and tones played.
    Up,
    /// The queue stands still.
    Down,
}
