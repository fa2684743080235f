//! What becomes of files that a crash or a power cut has left?

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::output::record::body::{wav_length, whole_pages};
use crate::output::record::name::{self, Format, PART};

/// Makes whole what is in the folder and nobody writes; the paths of the files, in the folder.
pub(super) fn mend(folder: &Path) -> Vec<String> {
    let mut mended = Vec::new();
    for day in names(folder) {
        let Some(date) = name::day(&day) else {
            continue;
        };
        let folder = folder.join(&day);
        if !fs::symlink_metadata(&folder).is_ok_and(|it| it.is_dir()) {
            continue;
        }
        for file in names(&folder) {
            let named = name::read(date, &file).filter(|it| it.is_part);
            let whole = file.strip_suffix(PART);
            let (Some(named), Some(whole)) = (named, whole) else {
                continue;
            };
            match mend_one(&folder, &file, whole, named.format) {
                Ok(true) => mended.push(format!("{day}/{whole}")),
                Ok(false) => {}
                Err(why) => tracing::warn!("recording {day}/{file} stays as it is: {why}"),
            }
        }
    }
    mended
}

/// Whether it is whole now; what another program writes is not.
fn mend_one(folder: &Path, part: &str, whole: &str, format: Format) -> io::Result<bool> {
    let mut options = OpenOptions::new();
    // A link is not ours.
    let options = options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW);
    let file = options.open(folder.join(part))?;
    if file.try_lock().is_err() || folder.join(whole).exists() {
        return Ok(false);
    }
    match format {
        Format::Wav => mend_wav(&file)?,
        // It tells its length twice a second, and each frame stands for itself.
        Format::Flac => {}
        Format::Opus => mend_ogg(&file)?,
    }
    file.sync_all()?;
    fs::rename(folder.join(part), folder.join(whole))?;
    Ok(true)
}

fn mend_wav(file: &File) -> io::Result<()> {
    let mut head = [0; 44];
    let n_bytes = file.metadata()?.len();
    let is_there = file.read_exact_at(&mut head, 0).is_ok();
    if let Some(length) = wav_length(&head, n_bytes).filter(|_| is_there) {
        file.write_all_at(&length.bytes, length.at)?;
    }
    Ok(())
}

fn mend_ogg(mut file: &File) -> io::Result<()> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    file.set_len(whole_pages(&bytes) as u64)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
    entries.filter_map(name).collect()
}
