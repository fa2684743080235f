//! Why can the history not be used?

use std::fmt;
use std::path::PathBuf;

/// What is wrong with the history; the text names the file and the remedy.
#[derive(Debug)]
pub enum Error {
    /// There is no such file: nothing has been written yet, or elsewhere.
    Missing(PathBuf),
    /// The file was made by a later version of the program.
    TooNew { path: PathBuf, version: i64 },
    /// The file is no history, or is damaged.
    Damaged(PathBuf, String),
    /// The file cannot be read or written now.
    Unusable(PathBuf, String),
}

impl Error {
    pub(super) fn of(path: &std::path::Path, why: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match why.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged(path.to_owned(), why.to_string()),
            _ => Self::Unusable(path.to_owned(), why.to_string()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(
                f,
                "there is no history {path:?} yet; look at `state-dir` of [server]"
            ),
            Self::TooNew { path, version } => write!(
                f,
                "history {path:?} has version {version}, made by a later paging; \
                 install that, or move the file away"
            ),
            Self::Damaged(path, why) => write!(f, "history {path:?} is damaged: {why}"),
            Self::Unusable(path, why) => write!(f, "history {path:?} cannot be used: {why}"),
        }
    }
}

impl std::error::Error for Error {}
