//! What is to be done once the core has allowed it?

use crate::api::BellChange;
use crate::daemon::uploads::Brought;

/// A change that is made outside of the core.
#[derive(Debug)]
pub(in crate::daemon) enum Errand {
    /// Have a bell ring otherwise.
    Bell { bell: String, change: BellChange },
    /// Change what is on the disk.
    Files(OfFiles),
}

/// A change of what is on the disk.
#[derive(Debug)]
pub(in crate::daemon) enum OfFiles {
    DeleteRecording(String),
    RemoveSound(String),
    PlaceSound(Brought),
}
