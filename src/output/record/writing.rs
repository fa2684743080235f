//! How does one file grow, so that it can be played whenever the power goes?

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Zoned;

use crate::base::SampleRate;
use crate::output::record::body::{Body, Patch};
use crate::output::record::name::{self, Format, PART};

/// A file that is being written.
pub(super) struct Writing {
    file: File,
    folder: PathBuf,
    /// In the folder of recordings.
    day: String,
    name: String,
    body: Body,
    rate: SampleRate,
    channels: usize,
    /// Handed to the body.
    n_frames: u64,
    /// In the file without a fault, and what its head must say then.
    n_bytes: u64,
    length: Option<Patch>,
    bytes: Vec<u8>,
}

impl Writing {
    /// A new file, named by the time `now` and these words.
    ///
    /// # Errors
    /// Whatever the system says about folders and files.
    pub(super) fn open(
        folder: &Path,
        words: &[String],
        format: Format,
        (rate, channels): (SampleRate, usize),
        now: &Zoned,
    ) -> io::Result<Self> {
        let day = name::folder(now.date());
        make(&folder.join(&day))?;
        let format = Body::format_for(format, channels);
        let (name, file) = create(&folder.join(&day), |nth| {
            name::file(now.time(), words, format, nth)
        })?;
        // Whoever mends what a crash has left leaves this one alone.
        file.try_lock().ok();
        let mut bytes = Vec::new();
        let body = Body::new(format, rate, channels, &mut bytes);
        let mut writing = Self {
            file,
            folder: folder.to_owned(),
            day,
            name,
            length: None,
            body,
            rate,
            channels,
            n_frames: 0,
            n_bytes: 0,
            bytes,
        };
        writing.put().inspect_err(|_| writing.forget())?;
        sync_folder(&writing.folder.join(&writing.day));
        Ok(writing)
    }

    /// Its path in the folder of recordings, once it is whole.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.day, self.name)
    }

    /// How long it is.
    pub(super) fn span(&self) -> Duration {
        self.rate.duration_of(self.n_frames)
    }

    /// Appends whole frames.
    ///
    /// # Errors
    /// A full disk, and whatever else the system says; then only `give_up` is left.
    pub(super) fn write(&mut self, samples: &[f32]) -> io::Result<()> {
        self.body.write(samples, &mut self.bytes);
        self.n_frames += (samples.len() / self.channels) as u64;
        self.put()
    }

    /// Brings everything onto the disk.
    ///
    /// # Errors
    /// As `write`.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.body.pause(&mut self.bytes);
        self.put()?;
        self.tell_length()?;
        self.file.sync_data()
    }

    /// Brings the last of it onto the disk, and gives the file its name.
    ///
    /// # Errors
    /// As `write`.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.body.finish(&mut self.bytes);
        self.put()?;
        self.tell_length()?;
        self.file.sync_data()?;
        self.rename()
    }

    /// Keeps what was written before a fault.
    pub(super) fn give_up(&mut self) {
        let kept = self
            .file
            .set_len(self.n_bytes)
            .and_then(|()| self.tell_length())
            .and_then(|()| self.rename());
        if let Err(why) = kept {
            tracing::warn!("recording {}{PART} stays as it is: {why}", self.path());
        }
    }

    fn put(&mut self) -> io::Result<()> {
        self.file.write_all(&self.bytes)?;
        self.n_bytes += self.bytes.len() as u64;
        self.bytes.clear();
        self.length = self.body.length();
        Ok(())
    }

    fn tell_length(&self) -> io::Result<()> {
        let Some(Patch { at, bytes }) = &self.length else {
            return Ok(());
        };
        self.file.write_all_at(bytes, *at)
    }

    fn rename(&self) -> io::Result<()> {
        let folder = self.folder.join(&self.day);
        std::fs::rename(part(&folder, &self.name), folder.join(&self.name))?;
        sync_folder(&folder);
        Ok(())
    }

    /// Nothing could be written into it.
    fn forget(&self) {
        let part = part(&self.folder.join(&self.day), &self.name);
        if let Err(why) = std::fs::remove_file(&part) {
            tracing::debug!("{}: {why}", part.display());
        }
    }
}

/// The folder, if it was not there, for our eyes and those of our group.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(folder)
}

/// The first name that nobody has, and its file.
fn create(folder: &Path, name: impl Fn(u32) -> String) -> io::Result<(String, File)> {
    for name in (1..MOST_OF_A_NAME).map(name) {
        if std::fs::symlink_metadata(folder.join(&name)).is_ok() {
            continue;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o640);
        match options.open(part(folder, &name)) {
            Ok(file) => return Ok((name, file)),
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
            Err(why) => return Err(why),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn part(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{PART}"))
}

/// A name is on the disk when its folder is. Not every file system can; then it is there soon.
fn sync_folder(folder: &Path) {
    if let Err(why) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::debug!("{}: {why}", folder.display());
    }
}

/// More of one page and caller do not begin in one second.
const MOST_OF_A_NAME: u32 = 1_000;
