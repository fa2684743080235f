//! How loud is each file? It is measured once, by a thread of its own, and written down.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use crate::base::Db;
use crate::music::{Levels, Loudness};
use crate::sounds::Error;
use crate::sounds::piece::Piece;

/// What is known of the loudness of files; clones share it.
#[derive(Clone)]
pub struct Book {
    pages: Arc<Mutex<Pages>>,
    asks: Sender<PathBuf>,
}

#[derive(Default)]
struct Pages {
    known: BTreeMap<PathBuf, (Stamp, Option<Loudness>)>,
    asked: Vec<PathBuf>,
}

/// What tells one content of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    changed_s: u64,
    bytes: u64,
}

impl Book {
    /// Knows what stands in `file` and writes down there what it learns; without a file it
    /// forgets. A file that cannot be used is no reason to play no music.
    ///
    /// # Errors
    /// The thread that measures does not start.
    pub fn open(file: Option<PathBuf>) -> std::io::Result<Self> {
        let pages = Arc::new(Mutex::new(Pages {
            known: file.as_deref().map(read).unwrap_or_default(),
            asked: Vec::new(),
        }));
        let (asks, asked) = channel();
        let shared = pages.clone();
        std::thread::Builder::new()
            .name("loudness".to_owned())
            .spawn(move || measure_all(&asked, &shared, file.as_deref()))?;
        Ok(Self { pages, asks })
    }

    /// How loud a file is, or that nobody knows it yet. What cannot be measured is told when it
    /// is played, so here it counts as known.
    pub(super) fn look_up(&self, path: &Path) -> Option<Option<Loudness>> {
        let stamp = stamp(path)?;
        let pages = lock(&self.pages);
        let (known, loudness) = pages.known.get(path)?;
        (*known == stamp).then_some(*loudness)
    }

    /// Has a file measured, if it is not known.
    pub(super) fn ask(&self, path: &Path) {
        if self.look_up(path).is_some() {
            return;
        }
        let mut pages = lock(&self.pages);
        if !pages.asked.iter().any(|asked| asked == path) {
            pages.asked.push(path.to_owned());
            self.asks.send(path.to_owned()).ok();
        }
    }
}

fn measure_all(asked: &Receiver<PathBuf>, pages: &Mutex<Pages>, file: Option<&Path>) {
    while let Ok(path) = asked.recv() {
        let measured = stamp(&path).map(|stamp| (stamp, measure(&path).ok()));
        let mut pages = lock(pages);
        pages.asked.retain(|other| *other != path);
        let Some((stamp, loudness)) = measured else {
            continue;
        };
        if let (Some(file), Some(loudness)) = (file, loudness) {
            write_down(file, &path, stamp, loudness);
        }
        pages.known.insert(path, (stamp, loudness));
    }
}

/// Decodes the whole file, which takes about a hundredth of its length.
fn measure(path: &Path) -> Result<Loudness, Error> {
    let mut piece = Piece::open(path)?;
    let mut levels = None;
    while let Some((rate, frames)) = piece.decode()? {
        levels
            .get_or_insert_with(|| Levels::new(rate))
            .measure(frames);
    }
    let levels = levels.ok_or_else(|| Error::Empty(path.into()))?;
    Ok(levels.loudness())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::metadata(path).ok()?;
    let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Stamp {
        changed_s: changed.as_secs(),
        bytes: about.len(),
    })
}

/// A line a file: its loudness and peak, its stamp and its path.
fn write_down(file: &Path, path: &Path, stamp: Stamp, loudness: Loudness) {
    let path = path.as_os_str().as_bytes();
    if path.contains(&b'\n') {
        return;
    }
    let (integrated, peak) = (loudness.integrated.0, loudness.peak.0);
    let Stamp { changed_s, bytes } = stamp;
    let mut line = format!("{integrated} {peak} {changed_s} {bytes} ").into_bytes();
    line.extend_from_slice(path);
    line.push(b'\n');
    let opened = fs::OpenOptions::new().create(true).append(true).open(file);
    if let Err(why) = opened.and_then(|mut file| file.write_all(&line)) {
        tracing::debug!("music: {file:?} cannot be written: {why}");
    }
}

fn read(file: &Path) -> BTreeMap<PathBuf, (Stamp, Option<Loudness>)> {
    let bytes = fs::read(file).unwrap_or_default();
    bytes.split(|&b| b == b'\n').filter_map(entry).collect()
}

fn entry(line: &[u8]) -> Option<(PathBuf, (Stamp, Option<Loudness>))> {
    let mut words = line.splitn(5, |&b| b == b' ');
    let mut word = || words.next();
    let text = |word: Option<&[u8]>| Some(std::str::from_utf8(word?).ok()?.to_owned());
    let (integrated, peak) = (text(word())?.parse().ok()?, text(word())?.parse().ok()?);
    let stamp = Stamp {
        changed_s: text(word())?.parse().ok()?,
        bytes: text(word())?.parse().ok()?,
    };
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(word()?));
    let loudness = Loudness {
        integrated: Db(integrated),
        peak: Db(peak),
    };
    Some((path, (stamp, Some(loudness))))
}

/// Nobody panics while holding it; if somebody did, what stands there would still be right.
fn lock(pages: &Mutex<Pages>) -> MutexGuard<'_, Pages> {
    pages.lock().unwrap_or_else(PoisonError::into_inner)
}
