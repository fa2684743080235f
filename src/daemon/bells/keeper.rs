//! How does the memory of bells outlive the program?

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::bells::Memory;

/// A file that is always whole: the old text or the new one.
pub(super) struct Keeper {
    texts: Option<Sender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Reads what an earlier run has left, and keeps what comes.
    pub(super) fn open(path: PathBuf) -> (Self, Memory) {
        let memory = read(&path);
        let (texts, received) = channel();
        let name = "bells".to_owned();
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || keep(&path, &received));
        if let Err(why) = &thread {
            tracing::warn!("bells are not remembered over a restart: {why}");
        }
        let keeper = Self {
            texts: Some(texts),
            thread: thread.ok(),
        };
        (keeper, memory)
    }

    /// Has the memory written, soon.
    pub(super) fn keep(&self, memory: &Memory) {
        if let Some(texts) = &self.texts {
            texts.send(memory.to_text()).ok();
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

fn read(path: &Path) -> Memory {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Memory::default(),
        Err(why) => {
            tracing::warn!("{}: {why}; all bells begin now", path.display());
            return Memory::default();
        }
    };
    Memory::parse(&text).unwrap_or_else(|why| {
        tracing::warn!("{} {why}; all bells begin now", path.display());
        Memory::default()
    })
}

fn keep(path: &Path, texts: &Receiver<String>) {
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
                    "bells are not remembered over a restart: {path}: {why}; \
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
