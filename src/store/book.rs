//! How do entries get into the file, and out of it when they are old?

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::entry::Entry;
use super::error::Error;
use super::schema::{self, VERSION};

/// The file, opened by its only writer.
pub(super) struct Book {
    path: PathBuf,
    file: Connection,
}

impl Book {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It is damaged, of a later version, or cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |why: rusqlite::Error| Error::of(path, &why);
        let mut file = Connection::open_with_flags(path, flags).map_err(failed)?;
        file.busy_timeout(PATIENCE).map_err(failed)?;
        // WAL: readers never wait. FULL: what is committed survives a power cut. A writer that only
        // appends needs little of the file in memory: kibibytes.
        file.execute_batch(
            "PRAGMA auto_vacuum = INCREMENTAL;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA journal_size_limit = 16777216;
             PRAGMA cache_size = -256;",
        )
        .map_err(failed)?;
        let version = schema::migrate(&mut file).map_err(failed)?;
        if version > VERSION {
            let path = path.to_owned();
            return Err(Error::TooNew { path, version });
        }
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// The highest id that was ever given; 0 if none was.
    pub(super) fn last(&self) -> Result<i64, Error> {
        let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'history'";
        let last = self.file.query_row(sql, [], |row| row.get(0));
        last.map_err(|why| Error::of(&self.path, &why))
    }

    /// Writes all of them, or none; their ids, in the same order.
    pub(super) fn add(&mut self, entries: &[Entry]) -> Result<Vec<i64>, Error> {
        self.write(|all| {
            let mut entry_in = all.prepare_cached(
                "INSERT INTO history (at, kind, who, what, zones, missed, span, outcome,
                                      recording, text)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            let mut words_in =
                all.prepare_cached("INSERT INTO words (rowid, tags, text) VALUES (?, ?, ?)")?;
            let mut ids = Vec::with_capacity(entries.len());
            for it in entries {
                let at = millis(it.at);
                let span = it.span.map(|span| clamp(span.as_millis()));
                let id = entry_in.insert(params![
                    at,
                    it.kind.name(),
                    it.who,
                    it.what,
                    it.zones.join(" "),
                    it.missed.join(" "),
                    span,
                    it.outcome,
                    it.recording,
                    it.text,
                ])?;
                words_in.execute(params![id, tags(it, at), words(it)])?;
                ids.push(id);
            }
            Ok(ids)
        })
    }

    /// Forgets what is older, at most so many entries at a time; how many it were.
    pub(super) fn forget(&mut self, before: SystemTime, most: usize) -> Result<usize, Error> {
        let before = millis(before);
        self.write(|all| {
            let mut old =
                all.prepare_cached("SELECT id FROM history WHERE at < ? ORDER BY at, id LIMIT ?")?;
            let ids = old.query_map(params![before, most as i64], |row| row.get(0))?;
            let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
            let mut entry_out = all.prepare_cached("DELETE FROM history WHERE id = ?")?;
            let mut words_out = all.prepare_cached("DELETE FROM words WHERE rowid = ?")?;
            for id in &ids {
                entry_out.execute([id])?;
                words_out.execute([id])?;
            }
            Ok(ids.len())
        })
    }

    /// Gives pages that hold nothing any more back to the file system.
    pub(super) fn shrink(&mut self) -> Result<(), Error> {
        let shrunk = self.file.execute_batch("PRAGMA incremental_vacuum;");
        shrunk.map_err(|why| Error::of(&self.path, &why))
    }

    fn write<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let file = &mut self.file;
        let all = || {
            let all = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&all)?;
            all.commit()?;
            Ok(done)
        };
        let done: rusqlite::Result<T> = all();
        done.map_err(|why| Error::of(&self.path, &why))
    }
}

/// Milliseconds since 1970.
pub(super) fn millis(at: SystemTime) -> i64 {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => clamp(since.as_millis()),
        Err(before) => -clamp(before.duration().as_millis()),
    }
}

/// What `millis` was made of, to the millisecond.
pub(super) fn time(millis: i64) -> SystemTime {
    let span = Duration::from_millis(millis.unsigned_abs());
    let at = match millis {
        0.. => SystemTime::UNIX_EPOCH.checked_add(span),
        _ => SystemTime::UNIX_EPOCH.checked_sub(span),
    };
    at.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The words that say what kind of entry it is, and of which day.
fn tags(entry: &Entry, at: i64) -> String {
    let (day, month) = super::query::day_and_month(at);
    format!("k{} {day} {month}", entry.kind.name())
}

/// The words that it is found by.
fn words(it: &Entry) -> String {
    let zones = it.zones.join(" ");
    let all = [&it.who, &it.what, &zones, &it.outcome, &it.text];
    let all = all.map(String::as_str);
    all.join(" ")
}

fn clamp(millis: u128) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Somebody may look at the file with a tool that locks it.
const PATIENCE: Duration = Duration::from_secs(5);
