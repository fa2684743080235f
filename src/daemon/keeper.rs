//! How does what must be remembered outlive the program?

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// A file that is always whole: the old text or the new one.
pub(super) struct Keeper {
    texts: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Reads what an earlier run has left, and keeps what comes. `what` begins the sentence when
    /// it is not remembered, such as `bells are`.
    pub(super) fn open(path: PathBuf, what: &'static str) -> (Self, Option<String>) {
        let text = read(&path, what);
        let (texts, received) = channel();
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || keep(&path, what, &received));
        if let Err(why) = &thread {
            tracing::warn!("{what} not remembered over a restart: {why}");
        }
        let keeper = Self {
            texts: Some(texts),
            thread: thread.ok(),
        };
        (keeper, text)
    }

    /// Has the text written in place of the one before, soon.
    pub(super) fn keep(&self, text: String) {
        if let Some(texts) = &self.texts {
            texts.send(text).ok();
        }
    }
}

/// What was given to keep is on the disk afterwards.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.texts = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn read(path: &Path, what: &str) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(why) => {
            let path = path.display();
            tracing::warn!("{what} not remembered from before: {path}: {why}");
            None
        }
    }
}

fn keep(path: &Path, what: &str, texts: &Receiver<String>) {
    let mut was_told = false;
    while let Ok(text) = texts.recv() {
        // Only the newest counts.
        let text = texts.try_iter().last().unwrap_or(text);
        match write(path, &text) {
            Ok(()) => was_told = false,
            Err(why) if !was_told => {
                was_told = true;
                let path = path.display();
                tracing::warn!(
                    "{what} not remembered over a restart: {path}: {why}; \
                     write state-dir = FOLDER that this user may write to"
                );
            }
            Err(_) => {}
        }
    }
}

/// A power cut leaves the old text or the new one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}
