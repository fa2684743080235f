//! What is the recorder told, and what does it tell?

use std::path::PathBuf;
use std::time::Duration;

use crate::base::{RecordingId, SampleRate, TrackRx};
use crate::output::record::keep::Limits;
use crate::output::record::name::Format;

/// How recordings are written and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the folders of the days are.
    pub folder: PathBuf,
    pub format: Format,
    pub limits: Limits,
    /// Something shall be recorded; otherwise nothing is looked for, made or deleted.
    pub is_wanted: bool,
}

/// One recording to be written.
pub struct Order {
    pub recording: RecordingId,
    /// What its files are named by, behind the time.
    pub words: Vec<String>,
    /// That of the files, for one channel; `None` as it comes.
    pub rate: Option<SampleRate>,
    /// The recording lasts until its other end is gone.
    pub track: TrackRx,
}

/// What became of recordings. Files are told by their paths in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is written into that file from now on.
    Opened {
        recording: RecordingId,
        file: String,
    },
    /// The file is whole; of its length so much is silence, because the disk was too slow.
    Finished {
        recording: RecordingId,
        file: String,
        length: Duration,
        lost: Duration,
    },
    /// The other end of the order's track is gone, and everything is written.
    Over { recording: RecordingId },
    /// What a crash had left is whole again.
    Mended { file: String },
    /// Whether recordings can be written; told when it changes, and for another reason.
    Health { ok: bool, text: String },
    /// So many recordings were deleted, since they were too old or too many.
    Swept { n_files: usize, n_bytes: u64 },
}
