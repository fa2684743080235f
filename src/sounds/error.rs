//! Why can a sound not be used?

use std::fmt;
use std::path::PathBuf;

use crate::sounds::{LONGEST, MOST_BYTES, MOST_TAPE_BYTES};

/// What is wrong with a sound file; the operator has to name or make another one.
#[derive(Debug)]
pub enum Error {
    /// There is no such file.
    Missing(PathBuf),
    /// The path names a directory, a device or a pipe.
    NotAFile(PathBuf),
    /// The system does not let us read it.
    Unreadable(PathBuf, std::io::Error),
    /// No bytes, or no audio in a container that is otherwise right.
    Empty(PathBuf),
    /// No container that we know, or one without an audio track.
    NotAudio(PathBuf),
    /// A container that we know with a codec that we cannot decode.
    UnknownCodec(PathBuf, String),
    /// The file starts right and then does not.
    Damaged(PathBuf, String),
    /// It lasts longer than `LONGEST`.
    TooLong(PathBuf),
    /// It would fill more memory than `MOST_BYTES`.
    TooBig(PathBuf),
    /// With it, sounds for telephones would fill more than `MOST_TAPE_BYTES`.
    TooMuch(PathBuf),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "sound {path:?} does not exist"),
            Self::NotAFile(path) => write!(f, "sound {path:?} is not a regular file"),
            Self::Unreadable(path, why) => write!(f, "sound {path:?} cannot be read: {why}"),
            Self::Empty(path) => write!(f, "sound {path:?} holds no audio"),
            Self::NotAudio(path) => write!(
                f,
                "sound {path:?} is not an audio file that we know \
                 (wav, mp3, ogg, flac, m4a and aac are)"
            ),
            Self::UnknownCodec(path, codec) => write!(
                f,
                "sound {path:?} is encoded with {codec}, which is not supported yet; \
                 convert it to wav, mp3, ogg vorbis, flac or aac"
            ),
            Self::Damaged(path, why) => write!(f, "sound {path:?} is damaged: {why}"),
            Self::TooLong(path) => write!(
                f,
                "sound {path:?} lasts longer than {} minutes",
                LONGEST.as_secs() / 60
            ),
            Self::TooBig(path) => write!(
                f,
                "sound {path:?} needs more than {} MiB in memory; lower its sample rate or channels",
                MOST_BYTES >> 20
            ),
            Self::TooMuch(path) => write!(
                f,
                "sound {path:?} is too much for callers: with it, more than {} MiB of memory would \
                 be needed; name fewer files, or leave opus out of codecs",
                MOST_TAPE_BYTES >> 20
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, why) => Some(why),
            Self::Missing(_)
            | Self::NotAFile(_)
            | Self::Empty(_)
            | Self::NotAudio(_)
            | Self::UnknownCodec(..)
            | Self::Damaged(..)
            | Self::TooLong(_)
            | Self::TooBig(_)
            | Self::TooMuch(_) => None,
        }
    }
}
