//! Is there room left where we write?

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::statvfs::statvfs;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::app::lock;
use super::site::{Condition, Part};
use super::time;

/// Knows since when the disk is as it is.
#[derive(Debug, Default)]
pub struct Disk(Mutex<Option<(Condition, Timestamp)>>);

impl Disk {
    /// Looks at the disk of a folder, and how many bytes are free; one that does not answer holds
    /// nobody up.
    pub async fn part(&self, folder: &Path) -> (Part, Option<u64>) {
        let place = folder.to_owned();
        let looked = timeout(PATIENCE, spawn_blocking(|| look(&existing(place)))).await;
        let free = match looked {
            Ok(Ok(looked)) => looked,
            Ok(Err(_)) | Err(_) => Err("it does not answer".to_owned()),
        };
        let (state, reason) = match &free {
            Ok(free) => judge(*free),
            Err(why) => (Condition::Degraded, why.clone()),
        };
        let mut known = lock(&self.0);
        let since = match *known {
            Some((before, since)) if before == state => since,
            Some(_) | None => known.insert((state, Timestamp::now())).1,
        };
        let part = Part {
            name: "disk".to_owned(),
            state,
            reason: format!("{}: {reason}", folder.display()),
            since: time::written(since),
        };
        (part, free.ok())
    }
}

/// A folder that is not made yet will lie on the disk of the one above.
fn existing(folder: PathBuf) -> PathBuf {
    let mut there = folder.ancestors().filter(|it| it.exists());
    there.next().map(Path::to_owned).unwrap_or(folder)
}

fn look(place: &Path) -> Result<u64, String> {
    match statvfs(place) {
        Ok(figures) => Ok(figures.blocks_available() * figures.fragment_size()),
        Err(why) => Err(format!("cannot be looked at: {why}")),
    }
}

fn judge(free: u64) -> (Condition, String) {
    let text = format!("{} MB free", free / 1_000_000);
    match free {
        ENOUGH.. => (Condition::Ok, text),
        _ => (Condition::Degraded, format!("{text}; make room")),
    }
}

/// For a day of recordings, or years of what is remembered.
const ENOUGH: u64 = 200_000_000;

const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told() {
        assert_eq!(
            judge(5_000_000_000),
            (Condition::Ok, "5000 MB free".to_owned())
        );
        assert_eq!(judge(7_000_000).0, Condition::Degraded);
        let there = existing("/proc/self/no/such".into());
        assert_eq!(there, Path::new("/proc/self"));
        assert!(look(Path::new("/no/such")).is_err());
        assert!(look(Path::new("/")).is_ok());
    }
}
