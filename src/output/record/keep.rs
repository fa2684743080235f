//! Which recordings are deleted, since they are too old or too many?

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use jiff::civil::DateTime;
use jiff::{Span, Zoned};
use tokio::sync::mpsc::UnboundedSender;

use crate::output::record::name;
use crate::output::record::order::{Event, Settings};

/// How long recordings are kept, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `None` is for ever.
    pub days: Option<u32>,
    /// Of all together; `None` is any size.
    pub bytes: Option<u64>,
}

/// One recording on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    path: PathBuf,
    at: DateTime,
    n_bytes: u64,
    /// Not whole: somebody writes it, or it is to be mended.
    is_part: bool,
}

/// Those that go: all that are too old, then the oldest until the rest is small enough.
fn to_delete(kept: &[Kept], now: DateTime, limits: Limits) -> Vec<&Kept> {
    let oldest = limits.days.and_then(|days| {
        let span = Span::new().try_days(days).ok()?;
        now.checked_sub(span).ok()
    });
    let mut order: Vec<&Kept> = kept.iter().collect();
    order.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    let mut left: u64 = kept.iter().map(|it| it.n_bytes).sum();
    order.retain(|it| {
        let is_old = oldest.is_some_and(|oldest| it.at < oldest);
        let is_much = limits.bytes.is_some_and(|most| left > most);
        let goes = !it.is_part && (is_old || is_much);
        left -= if goes { it.n_bytes } else { 0 };
        goes
    });
    order
}

/// All recordings in the folder. Links are not followed: whatever they lead to is not ours.
fn list(folder: &Path) -> Vec<Kept> {
    let mut kept = Vec::new();
    for entry in entries(folder).filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir())) {
        let Some(day) = entry.file_name().to_str().and_then(name::day) else {
            continue;
        };
        for entry in entries(&entry.path()) {
            let named = entry.file_name();
            let named = named.to_str().and_then(|name| name::read(day, name));
            // Of the entry itself, not of what it may lead to.
            let meta = entry.metadata().ok().filter(fs::Metadata::is_file);
            if let (Some(named), Some(meta)) = (named, meta) {
                kept.push(Kept {
                    path: entry.path(),
                    at: named.at,
                    n_bytes: meta.len(),
                    is_part: named.is_part,
                });
            }
        }
    }
    kept
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

/// Deletes what has to go, and the folders of days that are empty then.
fn sweep(folder: &Path, now: DateTime, limits: Limits) -> Option<Event> {
    let kept = list(folder);
    let mut n_files = 0;
    let mut n_bytes = 0;
    let mut days = BTreeMap::new();
    for it in to_delete(&kept, now, limits) {
        match fs::remove_file(&it.path) {
            Ok(()) => {
                n_files += 1;
                n_bytes += it.n_bytes;
            }
            Err(why) => tracing::warn!("an old recording stays: {}: {why}", it.path.display()),
        }
        if let Some(day) = it.path.parent() {
            days.insert(day, it.at.date());
        }
    }
    for (day, _) in days.into_iter().filter(|(_, date)| *date != now.date()) {
        // Refused while there is anything in it.
        if fs::remove_dir(day).is_ok() {
            tracing::debug!("{} is empty, and gone", day.display());
        }
    }
    (n_files > 0).then_some(Event::Swept { n_files, n_bytes })
}

/// Deletes on a thread of its own, since a large folder takes long and a writer must not wait.
pub(super) struct Keeper(mpsc::Sender<Settings>);

impl Keeper {
    /// Without a thread nothing is deleted, and the error is told.
    pub(super) fn spawn(events: UnboundedSender<Event>) -> Self {
        let (tx, inbox) = mpsc::channel::<Settings>();
        let run = move || {
            for settings in inbox {
                let now = Zoned::now().datetime();
                if let Some(swept) = sweep(&settings.folder, now, settings.limits) {
                    // Nobody listens any more when the program ends.
                    events.send(swept).ok();
                }
            }
        };
        let thread = thread::Builder::new().name("paging-keep".to_owned());
        if let Err(why) = thread.spawn(run) {
            tracing::error!("old recordings are not deleted: {why}");
        }
        Self(tx)
    }

    /// Looks now.
    pub(super) fn sweep(&self, settings: &Settings) {
        self.0.send(settings.clone()).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn kept(days_ago: i64, n_bytes: u64, is_part: bool) -> Kept {
        let at = NOON().checked_sub(Span::new().days(days_ago)).unwrap();
        let path = PathBuf::from(format!("{days_ago}-{n_bytes}"));
        Kept {
            path,
            at,
            n_bytes,
            is_part,
        }
    }

    #[expect(
        non_snake_case,
        reason = "a constant that the crate cannot make constant"
    )]
    fn NOON() -> DateTime {
        date(2026, 11, 21).at(12, 0, 0, 0)
    }

    fn ages(kept: &[Kept], days: Option<u32>, bytes: Option<u64>) -> Vec<String> {
        let gone = to_delete(kept, NOON(), Limits { days, bytes });
        let name = |it: &&Kept| it.path.display().to_string();
        gone.iter().map(name).collect()
    }

    #[test]
    fn what_is_too_old_goes_and_then_the_oldest_until_the_rest_is_small_enough() {
        let all = [
            kept(1, 40, false),
            kept(31, 10, false),
            kept(30, 20, false),
            kept(9, 30, false),
            kept(40, 5, true),
        ];
        assert!(ages(&all, None, None).is_empty());
        assert_eq!(ages(&all, Some(30), None), ["31-10"]);
        assert_eq!(ages(&all, Some(0), None).len(), 4);
        assert_eq!(ages(&all, None, Some(75)), ["31-10", "30-20"]);
        assert_eq!(ages(&all, Some(5), Some(1_000)), ["31-10", "30-20", "9-30"]);
        assert_eq!(
            ages(&all, None, Some(0)).len(),
            4,
            "a part is never deleted"
        );
        assert!(ages(&all, Some(u32::MAX), None).is_empty());
    }

    proptest! {
        #[test]
        fn what_stays_is_young_and_small_and_no_older_one_stays_for_a_younger(
            all in proptest::collection::vec((0i64..60, 0u64..100, any::<bool>()), 0..40),
            days in proptest::option::of(0u32..60),
            most in proptest::option::of(0u64..2_000),
        ) {
            let all: Vec<Kept> = all.into_iter().map(|(d, n, p)| kept(d, n, p)).collect();
            let limits = Limits { days, bytes: most };
            let gone = to_delete(&all, NOON(), limits);
            prop_assert!(gone.iter().all(|it| !it.is_part));
            let stays = |it: &&Kept| !gone.contains(it);
            let left: Vec<&Kept> = all.iter().filter(stays).collect();
            let whole = || left.iter().filter(|it| !it.is_part);
            if let Some(days) = days {
                let limit = NOON().checked_sub(Span::new().days(i64::from(days))).unwrap();
                prop_assert!(whole().all(|it| it.at >= limit));
            }
            let sum: u64 = left.iter().map(|it| it.n_bytes).sum();
            prop_assert!(most.is_none_or(|most| sum <= most || whole().next().is_none()));
            let youngest = gone.iter().map(|it| it.at).max();
            prop_assert!(whole().all(|it| youngest.is_none_or(|gone| it.at >= gone)));
        }
    }

    #[test]
    fn only_recordings_are_deleted_and_no_link_is_followed() {
        let folder = std::env::temp_dir().join(format!("paging-keep-{}", std::process::id()));
        let (ours, other) = (folder.join("ours"), folder.join("other"));
        let write = |path: PathBuf| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "sound").unwrap();
        };
        let gone = ["2026-01-01/080000-a-1.wav", "2026-01-02/080000-a-1.opus"];
        let stays = [
            "2026-01-02/notes.txt",
            "2026-01-02/080000-a-1.wav.part",
            "2026-11-21/080000-a-1.flac",
            "music/080000-a-1.wav",
            "080000-a-1.wav",
        ];
        for name in gone.iter().chain(&stays) {
            write(ours.join(name));
        }
        write(other.join("080000-a-1.wav"));
        symlink(&other, ours.join("2026-01-03")).unwrap();
        let target = other.join("080000-a-1.wav");
        symlink(&target, ours.join("2026-01-02/090000-a-1.wav")).unwrap();
        let limits = Limits {
            days: Some(30),
            bytes: None,
        };
        let swept = Event::Swept {
            n_files: 2,
            n_bytes: 10,
        };
        assert_eq!(sweep(&ours, NOON(), limits), Some(swept));
        assert_eq!(sweep(&ours, NOON(), limits), None);
        assert!(gone.iter().all(|name| !ours.join(name).exists()));
        assert!(stays.iter().all(|name| ours.join(name).exists()));
        assert!(target.exists() && !ours.join("2026-01-01").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
