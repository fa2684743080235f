//! How does the file of the history look, and how does an older one become the present one?

use rusqlite::{Connection, Result, TransactionBehavior};

/// Each brings the file from the version of its place to the next; none is ever changed.
const MIGRATIONS: [&str; 1] = [
    // The words are found by an index of their own, which holds no text. Its `tags` are words too:
    // kind, day and month, so that whatever is asked for together is found together.
    "CREATE TABLE history (
         id        INTEGER PRIMARY KEY AUTOINCREMENT,
         at        INTEGER NOT NULL,
         kind      TEXT NOT NULL,
         who       TEXT NOT NULL,
         what      TEXT NOT NULL,
         zones     TEXT NOT NULL,
         missed    TEXT NOT NULL,
         span      INTEGER,
         outcome   TEXT NOT NULL,
         recording TEXT NOT NULL,
         text      TEXT NOT NULL
     ) STRICT;
     CREATE INDEX history_at ON history (at, id);
     CREATE INDEX history_kind ON history (kind, at, id);
     CREATE VIRTUAL TABLE words USING fts5 (
         tags, text,
         content = '', contentless_delete = 1,
         tokenize = 'unicode61 remove_diacritics 2',
         prefix = '1 2 3'
     );",
];

/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Makes the file what this program expects, and returns the version that it has then. A later
/// version is left as it is.
pub(super) fn migrate(file: &mut Connection) -> Result<i64> {
    let all = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = all.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    for step in MIGRATIONS.iter().skip(done) {
        all.execute_batch(step)?;
    }
    let version = version.max(VERSION);
    all.pragma_update(None, "user_version", version)?;
    all.commit()?;
    Ok(version)
}
