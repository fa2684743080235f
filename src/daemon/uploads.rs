//! Which sounds have users brought over HTTP, and how do they get onto the disk?
//!
//! ```text
//!  bytes ─► .new-gong.wav ─► decoded ─► allowed ─► gong.wav ─► Library
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::api::{self, Sound, Unfit};
use crate::base::{Db, Pcm, SoundId};
use crate::dsp::loudness::Whole;
use crate::dsp::peak;
use crate::sounds;

/// A sound that was decoded, and is on the disk under another name until it is placed.
#[derive(Debug)]
pub(super) struct Brought {
    pub(super) name: String,
    pub(super) pcm: Arc<Pcm>,
    beside: Beside,
}

/// A file that goes if nobody gives it another name.
#[derive(Debug)]
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

impl Brought {
    /// Writes the file down and decodes it. Blocks.
    ///
    /// # Errors
    /// The disk does not take it, or it cannot be played.
    pub(super) fn decode(folder: &Path, name: &str, bytes: &[u8]) -> Result<Self, Unfit> {
        let beside = Beside(folder.join(format!("{BESIDE}{name}")));
        write(&beside.0, bytes).map_err(|why| disk(folder, &why))?;
        let decoded = sounds::load(&beside.0);
        let pcm = decoded.map_err(|why| {
            let path = format!("{:?}", beside.0);
            Unfit::NoSound(why.to_string().replace(&path, name))
        })?;
        Ok(Self {
            name: name.to_owned(),
            pcm: Arc::new(pcm),
            beside,
        })
    }

    /// Gives the file its name; a power cut leaves the one before, or this one. Blocks.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn place(&self, folder: &Path) -> Result<(), Unfit> {
        let placed = fs::rename(&self.beside.0, folder.join(&self.name));
        let placed = placed.and_then(|()| File::open(folder)?.sync_all());
        placed.map_err(|why| disk(folder, &why))
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Deletes what was placed. Blocks.
///
/// # Errors
/// It is not there, or the disk keeps it.
pub(super) fn remove(folder: &Path, name: &str) -> Result<(), Unfit> {
    fs::remove_file(folder.join(name)).map_err(|why| disk(folder, &why))
}

fn disk(folder: &Path, why: &io::Error) -> Unfit {
    Unfit::Disk(format!("{}: {why}", folder.display()))
}

/// What earlier runs have taken in. Blocks. What cannot be played is told and left alone.
pub(super) fn found(folder: &Path) -> BTreeMap<String, Arc<Pcm>> {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(BESIDE) {
            // A crash has left it.
            fs::remove_file(entry.path()).ok();
            continue;
        }
        if !api::is_sound_name(&name) {
            continue;
        }
        match sounds::load(&entry.path()) {
            Ok(pcm) if has_room(&found, &pcm) => {
                found.insert(name, Arc::new(pcm));
            }
            Ok(_) => tracing::warn!("sound {name} cannot be played: there are too many"),
            Err(why) => tracing::warn!("{why}; it cannot be played"),
        }
    }
    found
}

/// Whether one more can be held in memory beside those.
pub(super) fn has_room(held: &BTreeMap<String, Arc<Pcm>>, pcm: &Pcm) -> bool {
    let n_samples: usize = held.values().map(|it| it.samples.len()).sum();
    held.len() < MOST && n_samples + pcm.samples.len() <= MOST_SAMPLES
}

/// How loud sounds are, measured once.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels(Arc<Mutex<BTreeMap<SoundId, Level>>>);

/// Highest sample and loudness.
type Level = (Option<f32>, Option<f32>);

/// A sound that is to be shown.
pub(super) struct Held {
    pub(super) name: String,
    pub(super) is_uploaded: bool,
    /// The klaxon has none.
    pub(super) id: Option<SoundId>,
    pub(super) pcm: Arc<Pcm>,
}

impl Levels {
    /// Sounds as programs see them. Blocks as long as it takes to measure those that are new.
    pub(super) fn shown(&self, held: Vec<Held>) -> Vec<Sound> {
        held.into_iter().map(|it| self.of(&it)).collect()
    }

    /// Forgets sounds that are no more.
    pub(super) fn retain(&self, is_known: impl Fn(SoundId) -> bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, _| is_known(*id));
    }

    fn of(&self, held: &Held) -> Sound {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.id.and_then(|id| known().get(&id).copied());
        let (peak_dbfs, loudness_lufs) = before.unwrap_or_else(|| level(&held.pcm));
        if let Some(id) = held.id {
            known().insert(id, (peak_dbfs, loudness_lufs));
        }
        let pcm = &held.pcm;
        Sound {
            name: held.name.clone(),
            uploaded: held.is_uploaded,
            seconds: (pcm.duration().as_secs_f64() * 1_000.0).round() / 1_000.0,
            channels: u32::try_from(pcm.channels).unwrap_or(u32::MAX),
            rate_hz: pcm.rate.hz(),
            peak_dbfs,
            loudness_lufs,
        }
    }
}

fn level(pcm: &Pcm) -> Level {
    let mut whole = Whole::new(pcm.rate);
    for part in pcm.samples.chunks(pcm.channels * PART) {
        let frames = part.chunks_exact(pcm.channels);
        let mono = frames.map(|frame| frame.iter().sum::<f32>() / pcm.channels as f32);
        whole.measure(&mono.collect::<Vec<f32>>());
    }
    let audible = |level: Db| (level.0 > FLOOR).then_some((level.0 * 10.0).round() / 10.0);
    let peak = Db::from_gain(peak(&pcm.samples));
    (audible(peak), audible(whole.loudness()))
}

/// Before the name of a file that is not placed yet; no sound is named so.
const BESIDE: &str = ".new-";

/// Brought sounds are held in memory: some minutes of speech each, or ten minutes of music in all.
const MOST: usize = 200;
const MOST_SAMPLES: usize = 64 << 20;

/// What is measured at once: frames.
const PART: usize = 48_000;

/// What is below is silence, in decibels.
const FLOOR: f32 = -100.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SampleRate;
    use crate::daemon::wav;

    fn bytes(folder: &Path, gain: f32) -> Vec<u8> {
        let path = folder.join("made.tmp");
        let sine = (0..48_000)
            .map(|n| (n as f32 * 0.13).sin() * gain)
            .collect();
        wav::write_mono(&path, SampleRate::HZ_48000, sine).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        bytes
    }

    #[test]
    fn what_is_brought_is_decoded_placed_found_again_and_removed() {
        let folder = std::env::temp_dir().join(format!("paging-uploads-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let bytes = bytes(&folder, 0.5);
        let brought = Brought::decode(&folder, "gong.wav", &bytes).unwrap();
        assert_eq!(brought.pcm.frames(), 48_000);
        assert!(!folder.join("gong.wav").exists());
        brought.place(&folder).unwrap();
        drop(brought);
        fs::write(folder.join(".new-left.wav"), "x").unwrap();
        fs::write(folder.join("notes.txt"), "x").unwrap();
        fs::write(folder.join("noise.wav"), "x").unwrap();
        let found = found(&folder);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["gong.wav"]);
        assert!(!folder.join(".new-left.wav").exists() && folder.join("notes.txt").exists());
        remove(&folder, "gong.wav").unwrap();
        assert!(matches!(remove(&folder, "gong.wav"), Err(Unfit::Disk(_))));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_no_sound_is_told_by_its_name_and_leaves_nothing() {
        let folder = std::env::temp_dir().join(format!("paging-unfit-{}", std::process::id()));
        for bytes in [&b""[..], b"RIFF", &[0; 5_000], b"<html>not a sound</html>"] {
            let Err(Unfit::NoSound(why)) = Brought::decode(&folder, "gong.wav", bytes) else {
                panic!("{bytes:?} is a sound");
            };
            assert!(why.contains("gong.wav") && !why.contains(".new-"), "{why}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_level_is_that_of_the_sound_and_silence_has_none() {
        let sine = (0..96_000).map(|n| (n as f32 * 0.13).sin() * 0.5).collect();
        let (peak, loudness) = level(&Pcm::mono(SampleRate::HZ_48000, sine));
        assert_eq!(peak, Some(-6.0));
        // A sine of 1 kHz at full scale has -3 LUFS.
        assert!((-9.6..-8.4).contains(&loudness.unwrap()), "{loudness:?}");
        let silence = Pcm::mono(SampleRate::HZ_48000, vec![0.0; 48_000]);
        assert_eq!(level(&silence), (None, None));
    }

    #[test]
    fn there_is_room_for_so_much_only() {
        let pcm = |n| Pcm::mono(SampleRate::HZ_8000, vec![0.0; n]);
        let mut held = BTreeMap::new();
        assert!(has_room(&held, &pcm(MOST_SAMPLES)));
        held.insert("a".to_owned(), Arc::new(pcm(1)));
        assert!(!has_room(&held, &pcm(MOST_SAMPLES)));
        for n in 1..MOST {
            held.insert(n.to_string(), Arc::new(pcm(1)));
        }
        assert!(!has_room(&held, &pcm(1)));
    }
}
