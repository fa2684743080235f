//! Which recordings are there, the newest first, and how long is each?

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use jiff::Zoned;
use jiff::civil::{Date, DateTime};

use super::name::{self, Format};

/// A recording that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// Its path in the folder, such as `2026-11-21/103015-lessons-101.wav`.
    pub file: String,
    /// When it began, where this machine stands.
    pub at: DateTime,
    /// The words of its name behind the time.
    pub words: Vec<String>,
    pub n_bytes: u64,
    pub format: Format,
}

/// Which of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Not before, by the clock of this machine.
    pub since: Option<DateTime>,
    /// Before.
    pub until: Option<DateTime>,
    /// Each is one of the words of the name, as names are written.
    pub words: Vec<String>,
    /// Behind this path in the list.
    pub after: Option<String>,
    pub limit: usize,
}

/// The recordings in the folder that are wanted. Links are not followed.
pub fn shelf(folder: &Path, wanted: &Wanted) -> Vec<Shelved> {
    let words: Vec<String> = wanted.words.iter().map(|it| name::plain(it)).collect();
    let is_wanted = |it: &Shelved| {
        wanted.since.is_none_or(|since| it.at >= since)
            && wanted.until.is_none_or(|until| it.at < until)
            && wanted.after.as_ref().is_none_or(|after| it.file < *after)
            && words.iter().all(|word| it.words.contains(word))
    };
    let mut days: Vec<Date> = days(folder).filter(|day| may_hold(*day, wanted)).collect();
    days.sort();
    let mut found = Vec::new();
    for day in days.into_iter().rev() {
        let mut here = of_day(folder, day);
        here.retain(is_wanted);
        here.sort_by(|a, b| b.file.cmp(&a.file));
        found.extend(here);
        if found.len() >= wanted.limit {
            break;
        }
    }
    found.truncate(wanted.limit);
    found
}

fn may_hold(day: Date, wanted: &Wanted) -> bool {
    let after = wanted.after.as_deref();
    wanted.since.is_none_or(|since| day >= since.date())
        && wanted.until.is_none_or(|until| day <= until.date())
        && after.is_none_or(|after| name::folder(day).as_str() <= after)
}

fn days(folder: &Path) -> impl Iterator<Item = Date> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter_map(|it| name::day(it.file_name().to_str()?))
}

fn of_day(folder: &Path, day: Date) -> Vec<Shelved> {
    let of_day = name::folder(day);
    let entries = fs::read_dir(folder.join(&of_day));
    let entries = entries.into_iter().flatten().flatten();
    let shelved = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        // Of the entry itself, not of what it may lead to.
        let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        shelved(day, name, meta.len())
    };
    entries.filter_map(shelved).collect()
}

fn shelved(day: Date, name: &str, n_bytes: u64) -> Option<Shelved> {
    let named = name::read(day, name).filter(|named| !named.is_part)?;
    let (stem, _) = name.rsplit_once('.')?;
    Some(Shelved {
        file: format!("{}/{name}", name::folder(day)),
        at: named.at,
        words: stem.split('-').skip(1).map(str::to_owned).collect(),
        n_bytes,
        format: named.format,
    })
}

/// The recording of that path in the folder, and where it is, if it is a whole recording and there
/// is one. Nothing else has such a path, and links are not followed.
pub fn find(folder: &Path, file: &str) -> Option<(PathBuf, Shelved)> {
    let (day, name) = file.split_once('/')?;
    let day_folder = folder.join(name::folder(name::day(day)?));
    let is_folder = fs::symlink_metadata(&day_folder).is_ok_and(|it| it.is_dir());
    // A name that is read as one of ours may still lead elsewhere.
    if !is_folder || name.contains(['/', '\\', '\0']) {
        return None;
    }
    let path = day_folder.join(name);
    let meta = fs::symlink_metadata(&path)
        .ok()
        .filter(fs::Metadata::is_file)?;
    let found = shelved(name::day(day)?, name, meta.len())?;
    Some((path, found))
}

/// Deletes the recording of that path, and the folder of its day if nothing is left there.
///
/// # Errors
/// It is not there, or the system does not let it go.
pub fn remove(folder: &Path, file: &str) -> io::Result<()> {
    let (path, found) = find(folder, file).ok_or(io::ErrorKind::NotFound)?;
    fs::remove_file(&path)?;
    if let Some(day) = path
        .parent()
        .filter(|_| found.at.date() != Zoned::now().date())
    {
        // Refused while there is anything in it.
        fs::remove_dir(day).ok();
    }
    Ok(())
}

/// How long it sounds, in seconds, as its file tells.
pub fn seconds(path: &Path, format: Format) -> Option<f64> {
    let file = File::open(path).ok()?;
    let n_bytes = file.metadata().ok()?.len();
    let mut head = [0; 64];
    let n_read = file.read_at(&mut head, 0).ok()?;
    let head = &head[..n_read];
    match format {
        Format::Wav => wav_seconds(head, n_bytes),
        Format::Flac => flac_seconds(head),
        Format::Opus => {
            let mut tail = vec![0; TAIL.min(n_bytes) as usize];
            let at = n_bytes - tail.len() as u64;
            file.read_exact_at(&mut tail, at).ok()?;
            opus_seconds(head, &tail)
        }
    }
}

/// Our heads have 44 bytes.
fn wav_seconds(head: &[u8], n_bytes: u64) -> Option<f64> {
    let rate: [u8; 4] = head.get(28..32)?.try_into().ok()?;
    let bytes_a_second = u32::from_le_bytes(rate);
    let is_wav = head.starts_with(b"RIFF") && bytes_a_second > 0;
    is_wav.then(|| n_bytes.saturating_sub(44) as f64 / f64::from(bytes_a_second))
}

/// STREAMINFO comes first (RFC 9639 section 8.2): 20 bits of rate, 8 of other things, 36 of length.
fn flac_seconds(head: &[u8]) -> Option<f64> {
    let packed: [u8; 8] = head.get(18..26)?.try_into().ok()?;
    let packed = u64::from_be_bytes(packed);
    let (rate, n_frames) = (packed >> 44, packed & ((1 << 36) - 1));
    let is_known = head.starts_with(b"fLaC") && rate > 0 && n_frames > 0;
    is_known.then(|| n_frames as f64 / rate as f64)
}

/// The last page tells the end at 48 kHz (RFC 7845 section 4), the first what to leave out.
fn opus_seconds(head: &[u8], tail: &[u8]) -> Option<f64> {
    let skip_at = head.windows(8).position(|it| it == b"OpusHead")? + 10;
    let skip = u16::from_le_bytes(head.get(skip_at..skip_at + 2)?.try_into().ok()?);
    let page = tail.windows(4).rposition(|it| it == b"OggS")?;
    let end: [u8; 8] = tail.get(page + 6..page + 14)?.try_into().ok()?;
    let n_frames = i64::from_le_bytes(end) - i64::from(skip);
    (n_frames >= 0).then(|| n_frames as f64 / 48_000.0)
}

/// Longer than any page (RFC 3533 section 6).
const TAIL: u64 = 65_536;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with these files.
    fn folder(name: &str, files: &[&str]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("paging-{name}-{}", std::process::id()));
        for file in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "sound").unwrap();
        }
        folder
    }

    fn names(found: &[Shelved]) -> Vec<&str> {
        found.iter().map(|it| it.file.as_str()).collect()
    }

    #[test]
    fn recordings_are_listed_the_newest_first_in_parts_and_by_words() {
        let files = [
            "2026-11-20/235959-hall-lessons-101.wav",
            "2026-11-21/080000-lessons-102.flac",
            "2026-11-21/090000-lessons-101-2.opus",
            "2026-11-21/100000-lessons-101.wav.part",
            "2026-11-21/notes.txt",
            "other/080000-lessons-101.wav",
        ];
        let folder = folder("shelf", &files);
        symlink(folder.join("other"), folder.join("2026-11-22")).unwrap();
        let all = |limit| Wanted {
            limit,
            ..Wanted::default()
        };
        let found = shelf(&folder, &all(2));
        assert_eq!(names(&found), [files[2], files[1]]);
        assert_eq!(found[0].words, ["lessons", "101", "2"]);
        assert_eq!(found[1].format, Format::Flac);
        let after = Some(found[1].file.clone());
        assert_eq!(
            names(&shelf(&folder, &Wanted { after, ..all(2) })),
            [files[0]]
        );
        let words = |words: &[&str]| Wanted {
            words: words.iter().map(|it| (*it).to_owned()).collect(),
            ..all(9)
        };
        assert_eq!(
            names(&shelf(&folder, &words(&["101"]))),
            [files[2], files[0]]
        );
        assert_eq!(names(&shelf(&folder, &words(&["101", "hall"]))), [files[0]]);
        let at = |text: &str| Some(text.parse().unwrap());
        let since = Wanted {
            since: at("2026-11-21T08:00:00"),
            until: at("2026-11-21T09:00:00"),
            ..all(9)
        };
        assert_eq!(names(&shelf(&folder, &since)), [files[1]]);
        assert_eq!(shelf(Path::new("/no/such"), &all(9)), []);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_but_a_recording_is_found_or_removed() {
        let ours = "2026-11-21/080000-lessons-101.wav";
        let files = [
            ours,
            "2026-11-21/090000-a-1.wav.part",
            "secret.wav",
            "x/080000-a-1.wav",
        ];
        let folder = folder("found", &files);
        symlink(
            folder.join("secret.wav"),
            folder.join("2026-11-21/100000-a-1.wav"),
        )
        .unwrap();
        symlink(folder.join("x"), folder.join("2026-11-22")).unwrap();
        for strange in [
            "secret.wav",
            "2026-11-21/../secret.wav",
            "2026-11-21/080000-../../secret.wav",
            "2026-11-21/090000-a-1.wav.part",
            "2026-11-21/100000-a-1.wav",
            "2026-11-22/080000-a-1.wav",
            "x/080000-a-1.wav",
            "../found/080000-a-1.wav",
            "",
            "/etc/passwd",
        ] {
            assert_eq!(find(&folder, strange), None, "{strange}");
            assert!(remove(&folder, strange).is_err(), "{strange}");
        }
        assert_eq!(find(&folder, ours).unwrap().0, folder.join(ours));
        remove(&folder, ours).unwrap();
        assert_eq!(find(&folder, ours), None);
        assert!(folder.join("secret.wav").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn heads_and_tails_tell_how_long_a_recording_is() {
        let mut wav = [0; 64];
        wav[..4].copy_from_slice(b"RIFF");
        wav[28..32].copy_from_slice(&96_000u32.to_le_bytes());
        assert_eq!(wav_seconds(&wav, 44 + 240_000), Some(2.5));
        assert_eq!(wav_seconds(&wav[..20], 44), None);
        let mut flac = [0; 64];
        flac[..4].copy_from_slice(b"fLaC");
        let packed = (48_000u64 << 44) | 120_000;
        flac[18..26].copy_from_slice(&packed.to_be_bytes());
        assert_eq!(flac_seconds(&flac), Some(2.5));
        let mut head = [0; 64];
        head[28..36].copy_from_slice(b"OpusHead");
        head[38..40].copy_from_slice(&312u16.to_le_bytes());
        let mut tail = vec![0; 40];
        tail[..4].copy_from_slice(b"OggS");
        tail[6..14].copy_from_slice(&120_312i64.to_le_bytes());
        assert_eq!(opus_seconds(&head, &tail), Some(2.5));
        assert_eq!(opus_seconds(&head, &tail[..10]), None);
    }
}
