//! Which sounds of pages are held in memory, and by which ids are they known?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::{Pcm, SoundId};
use crate::config::{Config, GroupIn, Mistake, Page, Tone};
use crate::control::{Clip, Sound};
use crate::daemon::speech::Spoken;
use crate::daemon::uploads::{self, Held};
use crate::sounds;

/// Every sound file that pages name, decoded once, and every text that they say. No id is given twice: a page that waits has the
/// sound that it asked with, until the files have changed once more.
#[derive(Default)]
pub(super) struct Library {
    /// Those of the configuration that holds.
    named: BTreeMap<Origin, SoundId>,
    /// These, and those of the configuration before.
    sounds: BTreeMap<SoundId, Arc<Pcm>>,
    /// What users have brought, by name.
    brought: BTreeMap<String, Arc<Pcm>>,
    n_loaded: u32,
}

/// Where a sound comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    File(PathBuf),
    Words(String),
    /// Brought by a user.
    Brought(String),
}

impl Library {
    /// Reads all files anew, and takes the texts as spoken; what sounds as before keeps its id. On
    /// failure nothing changes.
    ///
    /// # Errors
    /// Files that are not there or are no sound, each told with the line that names it, and tones
    /// that want a klaxon where there is none.
    pub(super) fn follow(&mut self, config: &Config, spoken: &Spoken) -> Result<(), Vec<Mistake>> {
        let files = read(config)?.into_iter();
        let files = files.map(|(path, pcm)| (Origin::File(path), pcm));
        let words = config.pages.iter().filter_map(|page| page.say.as_ref());
        let words = words.filter_map(|text| {
            let pcm = spoken.of(text)?.clone();
            Some((Origin::Words(text.clone()), pcm))
        });
        let brought = self.brought.iter();
        let brought = brought.map(|(name, pcm)| (Origin::Brought(name.clone()), pcm.clone()));
        let all = files.chain(words).chain(brought).collect();
        self.name(all);
        Ok(())
    }

    /// From now on there is this sound of that name, in place of another, or none any more.
    pub(super) fn bring(&mut self, name: &str, pcm: Option<Arc<Pcm>>) -> Option<SoundId> {
        let origin = Origin::Brought(name.to_owned());
        let named = self.named.iter().filter(|(other, _)| **other != origin);
        let others =
            named.filter_map(|(other, id)| Some((other.clone(), self.sound(*id)?.clone())));
        let this = pcm.clone().map(|pcm| (origin.clone(), pcm));
        let all = others.chain(this).collect();
        match pcm {
            Some(pcm) => self.brought.insert(name.to_owned(), pcm),
            None => self.brought.remove(name),
        };
        self.name(all);
        self.named.get(&origin).copied()
    }

    /// Whether a user has brought one of that name.
    pub(super) fn is_brought(&self, name: &str) -> bool {
        self.brought.contains_key(name)
    }

    /// Whether one more can be brought, in place of another of that name.
    pub(super) fn has_room(&self, name: &str, pcm: &Pcm) -> bool {
        let mut others = self.brought.clone();
        others.remove(name);
        uploads::has_room(&others, pcm)
    }

    /// From now on these are the sounds.
    fn name(&mut self, all: Vec<(Origin, Arc<Pcm>)>) {
        let old = std::mem::take(&mut self.named);
        self.sounds.retain(|id, _| old.values().any(|it| it == id));
        for (origin, pcm) in all {
            let known = old.get(&origin).copied();
            let same = known.filter(|id| self.sounds.get(id) == Some(&pcm));
            let id = same.unwrap_or_else(|| self.add(pcm));
            self.named.insert(origin, id);
        }
    }

    /// The sound of a file that the configuration names.
    pub(super) fn clip(&self, path: &Path) -> Option<Clip> {
        self.clip_of(&Origin::File(path.to_owned()))
    }

    /// The sound of a text that the configuration has spoken.
    pub(super) fn words(&self, text: &str) -> Option<Clip> {
        self.clip_of(&Origin::Words(text.to_owned()))
    }

    fn clip_of(&self, origin: &Origin) -> Option<Clip> {
        let id = *self.named.get(origin)?;
        Some(Clip {
            sound: Sound::Stored(id),
            duration: self.sound(id)?.duration(),
        })
    }

    pub(super) fn sound(&self, id: SoundId) -> Option<&Arc<Pcm>> {
        self.sounds.get(&id)
    }

    /// Those of the configuration that holds.
    pub(super) fn sounds(&self) -> impl Iterator<Item = &Arc<Pcm>> {
        self.named.values().filter_map(|id| self.sounds.get(id))
    }

    /// The sound of a file by its name alone, without the folder, or one that was brought.
    pub(super) fn named(&self, name: &str) -> Option<Clip> {
        let mut origins = self.named.keys();
        let origin = origins.find(|origin| origin.spoken().as_deref() == Some(name))?;
        self.clip_of(origin)
    }

    /// The names of all files and of what was brought, each once.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.named.keys().filter_map(Origin::spoken).collect()
    }

    /// Whether the configuration names a file that is called so.
    pub(super) fn is_configured(&self, name: &str) -> bool {
        let mut files = self.named.keys().filter(|it| matches!(it, Origin::File(_)));
        files.any(|it| it.spoken().as_deref() == Some(name))
    }

    /// What can be played by its name, each name once.
    pub(super) fn held(&self) -> Vec<Held> {
        let mut held: BTreeMap<String, Held> = BTreeMap::new();
        for (origin, id) in &self.named {
            if let (Some(name), Some(pcm)) = (origin.spoken(), self.sound(*id)) {
                held.entry(name.clone()).or_insert(Held {
                    name,
                    is_uploaded: matches!(origin, Origin::Brought(_)),
                    id: Some(*id),
                    pcm: pcm.clone(),
                });
            }
        }
        held.into_values().collect()
    }

    fn add(&mut self, pcm: Arc<Pcm>) -> SoundId {
        let id = SoundId(self.n_loaded);
        self.n_loaded += 1;
        self.sounds.insert(id, pcm);
        id
    }
}

impl Origin {
    /// As programs name it; they do not name texts.
    fn spoken(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(path.file_name()?.to_string_lossy().into_owned()),
            Self::Words(_) => None,
            Self::Brought(name) => Some(name.clone()),
        }
    }
}

/// Everything that is wrong with the sounds that pages name.
pub(super) fn mistakes(config: &Config) -> Vec<Mistake> {
    read(config).err().unwrap_or_default()
}

fn read(config: &Config) -> Result<BTreeMap<PathBuf, Arc<Pcm>>, Vec<Mistake>> {
    let mut files = BTreeMap::new();
    let mut mistakes = Vec::new();
    let of_groups = config.groups_in.iter();
    let of_groups = of_groups.flat_map(|group| named(group.section(), tones_of(group)));
    let of_pages = config.pages.iter();
    let of_pages = of_pages.flat_map(|page| named(page.section(), files_of(page)));
    let of_relays = config.relays.iter().filter_map(|relay| {
        let path = relay.greeting.as_deref()?;
        Some((relay.section(), "greeting", path))
    });
    for (section, key, path) in of_pages.chain(of_groups).chain(of_relays) {
        if files.contains_key(path) {
            continue;
        }
        match sounds::load(path) {
            Ok(pcm) => {
                files.insert(path.to_owned(), Arc::new(pcm));
            }
            Err(why) => {
                let text = format!("{why}; put a sound file there, or correct its name");
                mistakes.push(config.mistake(&section, key, text));
            }
        }
    }
    let wanted = config.pages.iter();
    mistakes.extend(wanted.flat_map(|page| klaxon_wanted(config, page)));
    if mistakes.is_empty() {
        Ok(files)
    } else {
        Err(mistakes)
    }
}

fn named<'a>(
    section: String,
    files: impl Iterator<Item = (&'static str, &'a Path)>,
) -> impl Iterator<Item = (String, &'static str, &'a Path)> {
    files.map(move |(key, path)| (section.clone(), key, path))
}

fn tones_of(group: &GroupIn) -> impl Iterator<Item = (&'static str, &Path)> {
    let tones = [
        ("klaxon", group.klaxon.file()),
        ("end-tone", group.end_tone.file()),
    ];
    let named = tones.into_iter();
    named.filter_map(|(key, path)| Some((key, path?)))
}

fn files_of(page: &Page) -> impl Iterator<Item = (&'static str, &Path)> {
    let tones = [
        ("klaxon", page.klaxon.file()),
        ("end-tone", page.end_tone.file()),
        ("warning-tone", page.warning_tone.file()),
        ("message", page.message.as_deref()),
        ("record-greeting", page.record_greeting.as_deref()),
    ];
    let named = tones.into_iter();
    named.filter_map(|(key, path)| Some((key, path?)))
}

/// The tone before a page is the klaxon if there is one; the others were asked for.
fn klaxon_wanted(config: &Config, page: &Page) -> Vec<Mistake> {
    if config.audio.klaxon.is_some() {
        return Vec::new();
    }
    let tones = [
        ("end-tone", &page.end_tone),
        ("warning-tone", &page.warning_tone),
    ];
    let without = tones.into_iter().filter(|(_, tone)| **tone == Tone::Klaxon);
    let mistake = |(key, _)| {
        let text = format!(
            "there is no klaxon to play; write {key} = FILE here, or klaxon = FILE into [audio]"
        );
        config.mistake(&page.section(), key, text)
    };
    without.map(mistake).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SampleRate;
    use crate::config::read_texts;
    use crate::daemon::wav;

    fn config(text: &str) -> Config {
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        loaded.config.unwrap()
    }

    fn write(path: &Path, n_samples: usize) {
        let samples = vec![0.25; n_samples];
        wav::write_mono(path, SampleRate::HZ_48000, samples).unwrap();
    }

    #[test]
    fn a_sound_keeps_its_id_until_it_is_another_and_is_kept_for_those_who_wait() {
        let folder = std::env::temp_dir().join(format!("paging-library-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (gong, word) = (folder.join("gong.wav"), folder.join("word.wav"));
        write(&gong, 4_800);
        write(&word, 9_600);
        let text = format!(
            "[page:a]\nextensions = 1\nend-tone = {0}\nmessage = {1}\n[page:b]\nextensions = 2\n\
             klaxon = {0}\n",
            gong.display(),
            word.display()
        );
        let config = config(&text);
        let mut library = Library::default();
        library.follow(&config, &Spoken::default()).unwrap();
        let (first, other) = (library.clip(&gong).unwrap(), library.clip(&word).unwrap());
        assert_eq!(first.duration.as_millis(), 100);
        assert_ne!(first.sound, other.sound);
        assert_eq!(library.sounds().count(), 2);
        library.follow(&config, &Spoken::default()).unwrap();
        assert_eq!(library.clip(&gong), Some(first));
        write(&gong, 2_400);
        library.follow(&config, &Spoken::default()).unwrap();
        let second = library.clip(&gong).unwrap();
        assert_eq!(
            (second.duration.as_millis(), library.clip(&word)),
            (50, Some(other))
        );
        let Sound::Stored(id) = first.sound else {
            panic!("a klaxon");
        };
        assert_eq!(library.sound(id).unwrap().samples.len(), 4_800);
        library.follow(&config, &Spoken::default()).unwrap();
        assert!(library.sound(id).is_none());
        std::fs::remove_file(&word).unwrap();
        let mistakes = library.follow(&config, &Spoken::default()).unwrap_err();
        let text = mistakes[0].to_string();
        assert!(text.starts_with("x:4: [page:a] message = "), "{text}");
        assert!(
            text.ends_with("put a sound file there, or correct its name"),
            "{text}"
        );
        assert_eq!(library.clip(&gong), Some(second));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_a_user_brings_is_played_by_its_name_until_it_is_taken_away() {
        let mut library = Library::default();
        let pcm = |n| Arc::new(Pcm::mono(SampleRate::HZ_48000, vec![0.25; n]));
        let first = library.bring("gong.wav", Some(pcm(4_800))).unwrap();
        assert_eq!(library.named("gong.wav").unwrap().duration.as_millis(), 100);
        library.follow(&config(""), &Spoken::default()).unwrap();
        assert_eq!(library.bring("gong.wav", Some(pcm(4_800))), Some(first));
        let second = library.bring("gong.wav", Some(pcm(9_600))).unwrap();
        assert_ne!(first, second);
        assert!(library.sound(first).is_some(), "who waits has it still");
        assert_eq!(library.held().len(), 1);
        assert!(library.is_brought("gong.wav") && !library.is_configured("gong.wav"));
        assert_eq!(library.bring("gong.wav", None), None);
        assert_eq!(
            (library.named("gong.wav"), library.names().len()),
            (None, 0)
        );
        library.follow(&config(""), &Spoken::default()).unwrap();
        assert!(library.sound(second).is_none());
    }

    #[test]
    fn a_tone_that_wants_the_klaxon_needs_one() {
        let config = config("[page:a]\nend-tone = klaxon\n");
        assert_eq!(
            mistakes(&config)[0].to_string(),
            "x:2: [page:a] end-tone = klaxon: there is no klaxon to play; write end-tone = FILE \
             here, or klaxon = FILE into [audio]"
        );
    }
}
