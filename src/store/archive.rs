//! How is the history read?

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, params_from_iter};

use super::book::time;
use super::entry::{Entry, Kept, Kind};
use super::error::Error;
use super::query::{COLUMNS, Query};
use super::schema::VERSION;

/// The history, opened for reading; many may, while it is written.
pub struct Archive {
    path: PathBuf,
    file: Connection,
}

impl Archive {
    /// Opens the file and changes nothing.
    ///
    /// # Errors
    /// There is no file; it is damaged, no history, of another version, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(Error::Missing(path.to_owned()));
        }
        let failed = |why: rusqlite::Error| Error::of(path, &why);
        // A reader of a WAL writes into its index of readers, if it may.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let file = Connection::open_with_flags(path, flags).map_err(failed)?;
        file.busy_timeout(PATIENCE).map_err(failed)?;
        file.pragma_update(None, "query_only", true)
            .map_err(failed)?;
        let version: i64 = file
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed)?;
        match version {
            VERSION => Ok(Self {
                path: path.to_owned(),
                file,
            }),
            ..VERSION => Err(Error::Damaged(
                path.to_owned(),
                "it was made by an older paging; start the daemon once, which renews it".to_owned(),
            )),
            _ => Err(Error::TooNew {
                path: path.to_owned(),
                version,
            }),
        }
    }

    /// What is asked for, the newest first.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn find(&self, query: &Query) -> Result<Vec<Kept>, Error> {
        let found = || {
            let all = "SELECT (SELECT min(at) FROM history), (SELECT max(at) FROM history)";
            let (first, last): (Option<i64>, Option<i64>) = self
                .file
                .prepare_cached(all)?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let all = (first.unwrap_or_default(), last.unwrap_or_default());
            let (sql, values) = query.sql(all);
            let mut asked = self.file.prepare_cached(&sql)?;
            let found = asked.query_map(params_from_iter(values), kept)?;
            found.collect()
        };
        let found: rusqlite::Result<Vec<Kept>> = found();
        found.map_err(|why| Error::of(&self.path, &why))
    }

    /// Entries with ids behind the first and not behind the last, in their order, at most so many.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn following(&self, ids: Range<i64>, limit: usize) -> Result<Vec<Kept>, Error> {
        let found = || {
            let sql = format!(
                "SELECT {COLUMNS} FROM history WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
            );
            let mut asked = self.file.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = asked.query_map((ids.start, ids.end, limit), kept)?;
            found.collect()
        };
        let found: rusqlite::Result<Vec<Kept>> = found();
        found.map_err(|why| Error::of(&self.path, &why))
    }
}

/// An entry out of the columns of `query::COLUMNS`.
fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let list = |text: String| text.split_whitespace().map(str::to_owned).collect();
    let kind: String = row.get(2)?;
    let span: Option<i64> = row.get(7)?;
    Ok(Kept {
        id: row.get(0)?,
        entry: Entry {
            at: time(row.get(1)?),
            kind: kind.parse().unwrap_or(Kind::Change),
            who: row.get(3)?,
            what: row.get(4)?,
            zones: list(row.get(5)?),
            missed: list(row.get(6)?),
            span: span.map(|span| Duration::from_millis(span.unsigned_abs())),
            outcome: row.get(8)?,
            recording: row.get(9)?,
            text: row.get(10)?,
        },
    })
}

/// A writer locks it for milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
