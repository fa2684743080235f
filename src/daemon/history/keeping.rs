//! Who keeps the history of the running daemon, and for how long?

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::entries::{change, entry};
use crate::api::Past;
use crate::base::ZoneSet;
use crate::control::Note;
use crate::store::{History, Kept, State};
use tokio::sync::mpsc::UnboundedSender;

/// The history of the running daemon. Without a file that can be written there is none, which was
/// told then.
pub(in crate::daemon) struct Chronicle {
    history: Option<History>,
    file: PathBuf,
    /// Older entries go; `None` keeps them for ever.
    days: Option<u32>,
    forget_at: Instant,
}

impl Chronicle {
    /// Opens the file, or makes it; `None` keeps no history. What is on the disk is told to `kept`.
    pub(in crate::daemon) fn open(
        path: Option<&Path>,
        days: Option<u32>,
        kept: UnboundedSender<Kept>,
        now: Instant,
    ) -> Self {
        Self {
            history: path.and_then(|path| open(path, kept)),
            file: path.map(Path::to_owned).unwrap_or_default(),
            days,
            forget_at: now,
        }
    }

    /// Where it can be read.
    pub(in crate::daemon) fn past(&self) -> Option<Past> {
        let history = self.history.as_ref()?;
        Some(Past {
            file: self.file.clone(),
            newest: u64::try_from(history.last()).unwrap_or(0),
        })
    }

    /// From now on entries are kept so long.
    pub(in crate::daemon) fn keep_for(&mut self, days: Option<u32>, now: Instant) {
        self.days = days;
        self.forget_at = now;
    }

    /// Remembers what a note tells the end of.
    pub(in crate::daemon) fn note(&self, note: &Note, names: impl Fn(&ZoneSet) -> Vec<String>) {
        if let Some(history) = &self.history
            && let Some(entry) = entry(note, names, SystemTime::now())
        {
            history.add(entry);
        }
    }

    /// Remembers what the daemon has changed, or was told to.
    pub(in crate::daemon) fn change(&self, what: &str, text: &str) {
        if let Some(history) = &self.history {
            history.add(change(what, text, SystemTime::now()));
        }
    }

    /// Forgets what is too old, once an hour.
    pub(in crate::daemon) fn tend(&mut self, now: Instant) {
        if now < self.forget_at {
            return;
        }
        self.forget_at = now + EVERY;
        let (Some(history), Some(days)) = (&self.history, self.days) else {
            return;
        };
        let age = Duration::from_secs(u64::from(days) * 24 * 3_600);
        if let Some(before) = SystemTime::now().checked_sub(age) {
            history.forget(before);
        }
    }
}

fn open(path: &Path, kept: UnboundedSender<Kept>) -> Option<History> {
    if let Some(folder) = path.parent()
        && let Err(why) = std::fs::create_dir_all(folder)
    {
        let folder = folder.display();
        tracing::warn!(
            "no history is kept: {folder}: {why}; \
             write state-dir = FOLDER that this user may write to"
        );
        return None;
    }
    let told = move |entry| {
        // A daemon that has ended does not hear it.
        kept.send(entry).ok();
    };
    match History::open_followed(path, tell, told) {
        Ok(history) => Some(history),
        Err(why) => {
            tracing::error!("no history is kept: {why}");
            None
        }
    }
}

fn tell(state: State) {
    match state {
        State::Writing { n_lost: 0 } => tracing::info!("the history is written again"),
        State::Writing { n_lost } => {
            tracing::warn!("the history is written again; {n_lost} entries are lost");
        }
        State::Failing { why } => tracing::error!("{why}; it is tried again every two seconds"),
        State::Renewed { aside, why } => {
            let aside = aside.display();
            tracing::error!("the history was damaged ({why}): it is {aside} now, a new one begins");
        }
    }
}

const EVERY: Duration = Duration::from_secs(3_600);
