//! Which pieces are in a folder or a playlist?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::music::{Item, Kind, parse};

/// Names of files that are music; others, such as pictures of the cover, are passed over.
const MUSIC: [&str; 8] = ["wav", "mp3", "ogg", "oga", "flac", "m4a", "mp4", "aac"];

/// Folders are searched so deep; beyond lies a link to itself.
const DEEPEST: usize = 16;

/// All pieces of a file, folder or playlist, those of folders by name; blocks. The error says what
/// is wrong with `path`.
pub(super) fn items(path: &Path) -> Result<Vec<Item>, String> {
    let unreadable = |why: io::Error| {
        if why.kind() == io::ErrorKind::NotFound {
            return format!("{path:?} does not exist");
        }
        format!("{path:?} cannot be read: {why}")
    };
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        let mut found = Vec::new();
        search(path, DEEPEST, &mut found).map_err(unreadable)?;
        found.sort();
        if found.is_empty() {
            return Err(format!(
                "there is no music in {path:?} (wav, mp3, ogg, flac, m4a and aac are)"
            ));
        }
        return Ok(found.into_iter().map(Item::path).collect());
    }
    let Some(kind) = Kind::of_name(path) else {
        return Ok(vec![Item::path(path)]);
    };
    let bytes = fs::read(path).map_err(unreadable)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(kind, &bytes, folder).map_err(|why| format!("{path:?}: {why}"))
}

/// The file of an item: of two spellings the one that is there.
pub(super) fn file<'a>(path: &'a PathBuf, raw: Option<&'a PathBuf>) -> &'a Path {
    raw.filter(|raw| raw.exists()).unwrap_or(path)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            // One folder that must not be read does not spoil the others.
            if depth > 0 && search(&path, depth - 1, found).is_err() {
                tracing::warn!("music: folder {path:?} cannot be read");
            }
        } else if is_music(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_music(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str());
    extension.is_some_and(|e| MUSIC.contains(&e.to_ascii_lowercase().as_str()))
}
