//! Which recordings are told of, and how?

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::api::{self, Recording, RecordingsWanted, Track};
use crate::output::record::{Format, Shelved, Wanted, find, seconds, shelf};

/// Those that are wanted, the newest first. Reads the disk.
pub(in crate::daemon) fn recordings(folder: &Path, wanted: &RecordingsWanted) -> Vec<Recording> {
    let here = |at: Timestamp| -> DateTime { TimeZone::system().to_datetime(at) };
    let wanted = Wanted {
        since: wanted.since.map(here),
        until: wanted.until.map(here),
        words: wanted.words.clone(),
        after: wanted.after.clone(),
        limit: wanted.limit,
    };
    let found = shelf(folder, &wanted);
    found.into_iter().map(|it| told(folder, it)).collect()
}

/// Where a recording is. Reads the disk.
pub(in crate::daemon) fn track(folder: &Path, id: &str) -> Option<Track> {
    let (path, found) = find(folder, id)?;
    let media = media(found.format);
    Some(Track { path, media })
}

fn told(folder: &Path, it: Shelved) -> Recording {
    let at = it.at.to_zoned(TimeZone::system());
    let at = at.map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp());
    Recording {
        at: api::written(at),
        bytes: it.n_bytes,
        seconds: seconds(&folder.join(&it.file), it.format),
        media: media(it.format).to_owned(),
        words: it.words,
        id: it.file,
    }
}

fn media(format: Format) -> &'static str {
    match format {
        Format::Wav => "audio/wav",
        Format::Flac => "audio/flac",
        Format::Opus => "audio/ogg",
    }
}
