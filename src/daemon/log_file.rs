//! Where do log lines go that no journal keeps, and what keeps them from filling the disk?
//!
//! ```text
//!  line ─► ring ─► thread ─► FILE ── full, or old ─► FILE.1 ─► … ─► FILE.9 ─► deleted
//!                             └─ cannot be written ─► standard error, until it can
//! ```
//!
//! A disk that hangs holds no page up: lines wait in the ring, and what finds it full is dropped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// When the next file is begun; `None` is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) bytes: Option<u64>,
    pub(super) age: Option<Duration>,
}

/// Takes whole lines, one a write, and never fails: what the file does not take goes to standard
/// error.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    limits: Limits,
    open: Option<Open>,
    /// That it cannot be written has been told.
    is_told: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    begun: SystemTime,
}

impl LogFile {
    /// Goes on with the file, or begins it.
    ///
    /// # Errors
    /// The file cannot be opened for writing.
    pub(super) fn open(path: &Path, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            limits,
            open: Some(Open::new(path, SystemTime::now())?),
            is_told: false,
        })
    }

    fn put(&mut self, line: &[u8], now: SystemTime) -> io::Result<()> {
        // Somebody else may have moved it away, as logrotate does, or deleted it.
        let here = fs::metadata(&self.path).ok();
        let place = here.map(|it| (it.dev(), it.ino()));
        self.open.take_if(|open| open.place() != place);
        let is_due = |open: &mut Open| open.is_due(line.len(), self.limits, now);
        if self.open.take_if(is_due).is_some() {
            shift(&self.path)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::new(&self.path, now)?),
        };
        open.file.write_all(line)?;
        open.bytes += line.len() as u64;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.put(line, SystemTime::now()) {
            Ok(()) => self.is_told = false,
            Err(why) => {
                self.open = None;
                let mut instead = io::stderr().lock();
                if !std::mem::replace(&mut self.is_told, true) {
                    let path = self.path.display();
                    let told = "the log goes to standard error until it can be written";
                    writeln!(instead, "{path}: {why}; {told}").ok();
                }
                instead.write_all(line).ok();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Open {
    fn new(path: &Path, now: SystemTime) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // Callers' names are nobody's business but the technician's.
        options.read(true).append(true).create(true).mode(0o640);
        let mut file = options.open(path)?;
        end_line(&mut file)?;
        let about = file.metadata()?;
        let bytes = about.len();
        // Not every file system knows when a file was begun.
        let begun = about.created().unwrap_or(now);
        let begun = if bytes == 0 { now } else { begun };
        Ok(Self { file, bytes, begun })
    }

    /// Which file it is, whatever its name is by now.
    fn place(&self) -> Option<(u64, u64)> {
        self.file.metadata().ok().map(|it| (it.dev(), it.ino()))
    }

    fn is_due(&self, more: usize, limits: Limits, now: SystemTime) -> bool {
        let is_full = |most: u64| self.bytes > 0 && self.bytes + more as u64 > most;
        let is_old = |most: Duration| now.duration_since(self.begun).is_ok_and(|age| age >= most);
        limits.bytes.is_some_and(is_full) || limits.age.is_some_and(is_old)
    }
}

/// A power cut or a full disk may have torn the last line.
fn end_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Each file takes the place of the next older one.
fn shift(path: &Path) -> io::Result<()> {
    for n in (1..N_KEPT).rev() {
        move_on(&numbered(path, n), &numbered(path, n + 1))?;
    }
    move_on(path, &numbered(path, 1))
}

fn move_on(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

fn numbered(path: &Path, n: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// Beside the one that is written.
const N_KEPT: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("paging-log-{}-{name}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn log(&self) -> PathBuf {
            self.0.join("paging.log")
        }

        /// All lines that are still there, the oldest first.
        fn lines(&self) -> Vec<String> {
            let kept = (1..=20).rev().map(|n| numbered(&self.log(), n));
            let texts = kept.chain([self.log()]).map(fs::read_to_string);
            let all: String = texts.filter_map(Result::ok).collect();
            all.lines().map(str::to_owned).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn of_bytes(bytes: u64) -> Limits {
        Limits {
            bytes: Some(bytes),
            age: None,
        }
    }

    #[test]
    fn a_full_file_makes_room_and_the_newest_lines_are_kept_whole() {
        let folder = Folder::new("full");
        for n in 0..400 {
            // Restarts in between go on where it was.
            let mut log = LogFile::open(&folder.log(), of_bytes(200)).unwrap();
            log.write_all(format!("line {n:04}\n").as_bytes()).unwrap();
        }
        let lines = folder.lines();
        let first = 400 - lines.len();
        assert!((180..=200).contains(&lines.len()), "{}", lines.len());
        for (n, line) in (first..).zip(lines) {
            assert_eq!(line, format!("line {n:04}"));
        }
        let sizes = fs::read_dir(&folder.0).unwrap();
        let sizes: Vec<u64> = sizes
            .map(|it| it.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 1 + N_KEPT);
        assert!(sizes.iter().all(|size| *size <= 200), "{sizes:?}");
    }

    #[test]
    fn an_old_file_makes_room_and_a_clock_that_goes_back_changes_nothing() {
        let folder = Folder::new("old");
        let week = Duration::from_secs(7 * 86_400);
        let limits = Limits {
            bytes: None,
            age: Some(week),
        };
        let mut log = LogFile::open(&folder.log(), limits).unwrap();
        let now = SystemTime::now();
        log.put(b"first\n", now).unwrap();
        log.put(b"second\n", now - week).unwrap();
        log.put(b"third\n", now + week * 2).unwrap();
        assert_eq!(fs::read_to_string(folder.log()).unwrap(), "third\n");
        assert_eq!(folder.lines(), ["first", "second", "third"]);
    }

    #[test]
    fn what_others_move_away_is_begun_again() {
        let folder = Folder::new("moved");
        let mut log = LogFile::open(&folder.log(), Limits::default()).unwrap();
        log.write_all(b"before\n").unwrap();
        fs::rename(folder.log(), folder.0.join("elsewhere")).unwrap();
        log.write_all(b"after\n").unwrap();
        assert_eq!(folder.lines(), ["after"]);
    }

    #[test]
    fn a_disk_that_comes_back_is_written_again() {
        let folder = Folder::new("gone");
        let mut log = LogFile::open(&folder.log(), Limits::default()).unwrap();
        fs::remove_dir_all(&folder.0).unwrap();
        log.write_all(b"to standard error\n").unwrap();
        fs::create_dir_all(&folder.0).unwrap();
        log.write_all(b"here\n").unwrap();
        assert_eq!(folder.lines(), ["here"]);
        assert!(LogFile::open(&folder.0, Limits::default()).is_err());
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let folder = Folder::new("torn");
        fs::write(folder.log(), "whole\nto").unwrap();
        let mut log = LogFile::open(&folder.log(), Limits::default()).unwrap();
        log.write_all(b"next\n").unwrap();
        assert_eq!(folder.lines(), ["whole", "to", "next"]);
    }
}
