//! How do texts become sound?
//!
//! ```text
//!  say = … ─► digest of command and text ─► speech/DIGEST.wav ─► sounds::load ─► Pcm
//!                                                ▲ not there, or broken
//!                       the command, in a folder of its own, for 20 s at most
//! ```
//!
//! All of this waits for others: it is for the start, and for a thread beside the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use sha2::{Digest, Sha256};

use crate::base::Pcm;
use crate::config::{Config, Mistake};
use crate::daemon::{chance, settings};
use crate::{config, sounds};

/// The texts of a configuration, each spoken once.
#[derive(Clone, Default)]
pub(super) struct Spoken(BTreeMap<String, Arc<Pcm>>);

impl Spoken {
    /// How the text sounds.
    pub(super) fn of(&self, text: &str) -> Option<&Arc<Pcm>> {
        self.0.get(text)
    }
}

/// Whether what was spoken is kept for the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// Whether the configuration has anything to say.
pub(super) fn is_wanted(config: &Config) -> bool {
    texts(config).next().is_some()
}

/// Speaks all texts of the configuration; those that were spoken before are kept in `state-dir`.
///
/// # Errors
/// A text that cannot be spoken, told with its line.
pub(super) fn speak(config: &Config) -> Result<Spoken, Vec<Mistake>> {
    said(config, Keep::Yes)
}

/// Every text that cannot be spoken; writes nothing that stays.
pub(super) fn mistakes(config: &Config) -> Vec<Mistake> {
    said(config, Keep::No).err().unwrap_or_default()
}

/// Speaks a text that is said once. Blocks, for 8 s at most.
///
/// # Errors
/// Why it cannot be spoken, with a remedy.
pub(super) fn once(command: &config::Command, text: &str) -> Result<Pcm, String> {
    let speaker = Speaker {
        command,
        folder: PathBuf::new(),
        keep: Keep::No,
        patience: SHORT_PATIENCE,
    };
    speaker.say(text).map_err(|fault| fault.to_string())
}

fn said(config: &Config, keep: Keep) -> Result<Spoken, Vec<Mistake>> {
    let mut spoken = BTreeMap::new();
    let mut mistakes = Vec::new();
    let speaker = Speaker {
        command: &config.audio.speech_command,
        folder: settings::state_file(config, "speech"),
        keep,
        patience: PATIENCE,
    };
    for (section, text) in texts(config) {
        if spoken.contains_key(&text) {
            continue;
        }
        match speaker.say(&text) {
            Ok(pcm) => {
                spoken.insert(text, Arc::new(pcm));
            }
            Err(fault) => {
                let is_general = fault.is_general();
                mistakes.push(config.mistake(&section, "say", fault.to_string()));
                if is_general {
                    break;
                }
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    if keep == Keep::Yes && !spoken.is_empty() {
        let wanted: BTreeSet<PathBuf> = spoken.keys().map(|text| speaker.file(text)).collect();
        sweep(&speaker.folder, &wanted);
    }
    Ok(Spoken(spoken))
}

/// The section that says it, and the text.
fn texts(config: &Config) -> impl Iterator<Item = (String, String)> {
    let of_pages = config.pages.iter();
    let of_pages = of_pages.filter_map(|page| Some((page.section(), page.say.clone()?)));
    let of_bells = config.bells.iter();
    let of_bells = of_bells.filter_map(|bell| Some((bell.section(), bell.say.clone()?)));
    of_pages.chain(of_bells)
}

/// Why a text cannot be spoken.
#[derive(Debug)]
enum Fault {
    /// There is no such program, or none at all.
    NoProgram(String),
    /// It does not come to an end.
    Slow(String, Duration),
    /// It ended without success, and said so.
    Failed(String, String),
    /// What it wrote is no sound.
    NoSound(String, sounds::Error),
    /// There is nowhere to write to.
    NoRoom(io::Error),
}

impl Fault {
    /// The next text would fare no better.
    fn is_general(&self) -> bool {
        match self {
            Self::NoProgram(_) | Self::Slow(..) | Self::NoRoom(_) => true,
            Self::Failed(..) | Self::NoSound(..) => false,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoProgram(program) if program.is_empty() => {
                write!(
                    f,
                    "nothing speaks; write speech-command = PROGRAM into [audio]"
                )
            }
            Self::NoProgram(program) => write!(
                f,
                "there is no program {program} to speak it; install {program}, or write another \
                 speech-command into [audio]"
            ),
            Self::Slow(program, span) => write!(
                f,
                "{program} did not speak it within {} s; try speech-command of [audio] by hand",
                span.as_secs()
            ),
            Self::Failed(program, why) => {
                write!(
                    f,
                    "{program} did not speak it: {why}; look at speech-command of [audio]"
                )
            }
            Self::NoSound(program, why) => write!(
                f,
                "{program} wrote no sound: {why}; {{file}} in speech-command of [audio] is where \
                 it has to write a WAV file"
            ),
            Self::NoRoom(why) => write!(
                f,
                "there is no place for its sound: {why}; write state-dir = FOLDER into [server]"
            ),
        }
    }
}

/// Who speaks, and where the sounds are kept.
struct Speaker<'a> {
    command: &'a config::Command,
    folder: PathBuf,
    keep: Keep,
    patience: Duration,
}

impl Speaker<'_> {
    /// Where the sound of a text is kept: another command may have another voice.
    fn file(&self, text: &str) -> PathBuf {
        let mut digest = Sha256::new();
        for word in self.command.words() {
            digest.update(word);
            digest.update([0]);
        }
        digest.update([0]);
        digest.update(text);
        let sum = digest.finalize();
        let name: String = sum.iter().take(16).map(|b| format!("{b:02x}")).collect();
        self.folder.join(name + ".wav")
    }

    fn say(&self, text: &str) -> Result<Pcm, Fault> {
        let kept = self.file(text);
        if let Ok(pcm) = sounds::load(&kept) {
            return Ok(pcm);
        }
        let desk = self.desk().map_err(Fault::NoRoom)?;
        let sound = desk.0.join("sound.wav");
        self.run(text, &desk.0, &sound)?;
        let pcm = sounds::load(&sound).map_err(|why| Fault::NoSound(self.program(), why))?;
        if self.keep == Keep::Yes {
            // Without it the text is spoken anew the next time.
            let _ = fs::rename(&sound, kept);
        }
        Ok(pcm)
    }

    fn program(&self) -> String {
        self.command.words().first().cloned().unwrap_or_default()
    }

    /// A new folder that nobody else writes to: beside what is kept, so that a file gets there
    /// whole or not at all; elsewhere if nothing can be kept.
    fn desk(&self) -> io::Result<Desk> {
        let name = format!("new-{:016x}", chance::number::<u64>());
        if self.keep == Keep::Yes {
            let desk = self.folder.join(&name);
            if fs::create_dir_all(&self.folder)
                .and_then(|()| fs::create_dir(&desk))
                .is_ok()
            {
                return Ok(Desk(desk));
            }
        }
        let desk = std::env::temp_dir().join(format!("paging-{name}"));
        fs::create_dir(&desk)?;
        Ok(Desk(desk))
    }

    fn run(&self, text: &str, desk: &Path, sound: &Path) -> Result<(), Fault> {
        let program = self.program();
        let [_, arguments @ ..] = self.command.words() else {
            return Err(Fault::NoProgram(program));
        };
        let names_file = arguments.iter().any(|word| word.contains(FILE));
        let names_text = arguments.iter().any(|word| word.contains(TEXT));
        // Files cannot fill up and wait for a reader, as pipes do.
        let (told, failed) = (desk.join("text"), desk.join("errors"));
        fs::write(&told, format!("{text}\n")).map_err(Fault::NoRoom)?;
        let input = if names_text {
            Stdio::null()
        } else {
            open(&told)?.into()
        };
        let output = if names_file {
            Stdio::null()
        } else {
            create(sound)?.into()
        };
        let path = sound.display().to_string();
        let filled = arguments
            .iter()
            .map(|word| word.replace(FILE, &path).replace(TEXT, text));
        let child = Command::new(&program)
            .args(filled)
            .stdin(input)
            .stdout(output)
            .stderr(create(&failed)?)
            .process_group(0)
            .spawn();
        let child = child.map_err(|why| {
            if why.kind() == ErrorKind::NotFound {
                return Fault::NoProgram(program.clone());
            }
            Fault::Failed(program.clone(), why.to_string())
        })?;
        match Running(child)
            .wait(self.patience, sound)
            .map_err(Fault::NoRoom)?
        {
            Ended::Well => Ok(()),
            Ended::Badly(how) => Err(Fault::Failed(program, last_words(&failed).unwrap_or(how))),
            Ended::Late => Err(Fault::Slow(program, self.patience)),
            Ended::Huge => Err(Fault::Failed(
                program,
                "what it writes has no end".to_owned(),
            )),
        }
    }
}

/// A folder that goes with all that is in it.
struct Desk(PathBuf);

impl Drop for Desk {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A program that is ended with all that it has started.
struct Running(Child);

enum Ended {
    Well,
    Badly(String),
    /// It had to be stopped.
    Late,
    /// It had to be stopped, for it would have filled the disk.
    Huge,
}

impl Running {
    fn wait(mut self, patience: Duration, sound: &Path) -> io::Result<Ended> {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(match status.success() {
                    true => Ended::Well,
                    false => Ended::Badly(status.to_string()),
                });
            }
            if fs::metadata(sound).is_ok_and(|it| it.len() > MOST_BYTES) {
                return Ok(Ended::Huge);
            }
            if Instant::now() > until {
                return Ok(Ended::Late);
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It leads a group of its own, which may outlive it.
        if let Ok(group) = i32::try_from(self.0.id()) {
            killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
        self.0.wait().ok();
    }
}

fn open(path: &Path) -> Result<File, Fault> {
    File::open(path).map_err(Fault::NoRoom)
}

fn create(path: &Path) -> Result<File, Fault> {
    File::create(path).map_err(Fault::NoRoom)
}

/// The last line of what a program complained about.
fn last_words(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let last = text.lines().rfind(|line| !line.trim().is_empty())?;
    let plain: String = last
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    (!plain.is_empty()).then_some(plain)
}

/// Removes the oldest of what nobody wants any more, and what an earlier run left unfinished.
fn sweep(folder: &Path, wanted: &BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut others: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    let mut n_bytes = 0;
    for entry in entries.flatten() {
        let (path, Ok(about)) = (entry.path(), entry.metadata()) else {
            continue;
        };
        if about.is_dir() {
            fs::remove_dir_all(path).ok();
            continue;
        }
        n_bytes += about.len();
        if !wanted.contains(&path) {
            let written = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            others.push((written, about.len(), path));
        }
    }
    others.sort();
    let mut n_files = wanted.len() + others.len();
    for (_, size, path) in others {
        if n_files <= MOST_FILES && n_bytes <= MOST_BYTES {
            return;
        }
        fs::remove_file(path).ok();
        n_files -= 1;
        n_bytes -= size;
    }
}

const FILE: &str = "{file}";
const TEXT: &str = "{text}";

/// A slow voice on a small board speaks a minute of text within this.
const PATIENCE: Duration = Duration::from_secs(20);
/// Somebody waits for it.
const SHORT_PATIENCE: Duration = Duration::from_secs(8);
/// How often to look whether a program has ended.
const LOOK: Duration = Duration::from_millis(5);
/// Half an hour at 48 kHz; no text that anybody listens to is as long.
const MOST_BYTES: u64 = 256 << 20;
/// What was said is kept beside what is to be said, for a change that is taken back.
const MOST_FILES: usize = 500;

#[cfg(test)]
mod tests;
