//! What is to be done once the core has allowed it?

use std::time::Duration;

use crate::api::{BellChange, Ear, Format};
use crate::base::{CallId, Db, ZoneSet};
use crate::daemon::uploads::Brought;

/// A change that is made outside of the core.
#[derive(Debug)]
pub(in crate::daemon) enum Errand {
    /// Have a bell ring otherwise.
    Bell { bell: String, change: BellChange },
    /// Change what is on the disk.
    Files(OfFiles),
    /// Try out the way of sound, as that call.
    Test {
        call: CallId,
        zones: ZoneSet,
        level: Db,
    },
    /// Have SIP messages written down for so long, or not any more.
    Trace(Option<Duration>),
    /// Let a program talk with a call.
    Join {
        call: CallId,
        format: Format,
        ear: Ear,
    },
}

/// A change of what is on the disk.
#[derive(Debug)]
pub(in crate::daemon) enum OfFiles {
    DeleteRecording(String),
    RemoveSound(String),
    PlaceSound(Brought),
}
