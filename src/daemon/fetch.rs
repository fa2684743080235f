//! How does a sound from the web get onto the disk, once?

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The file of that address: fetched if it was not before. Blocks; a server gets a minute to send
/// anything and ten for the whole.
///
/// # Errors
/// No answer, another status than 200, more than 256 MiB, a disk that does not take it.
pub(super) fn cached(url: &str) -> Result<PathBuf, String> {
    let folder = folder();
    let file = folder.join(name_of(url));
    if file.is_file() {
        return Ok(file);
    }
    fs::create_dir_all(&folder)
        .map_err(|error| format!("folder {folder:?} cannot be made: {error}"))?;
    // Nobody ever sees half a file under the right name.
    let part = file.with_extension("part");
    let fetched = fetch(url, &part).and_then(|()| {
        fs::rename(&part, &file).map_err(|error| format!("{file:?} cannot be written: {error}"))
    });
    if fetched.is_err() {
        let _ = fs::remove_file(&part);
    }
    fetched.map(|()| file)
}

fn fetch(url: &str, to: &Path) -> Result<(), String> {
    let refused = |error: ureq::Error| format!("{url} cannot be fetched: {error}");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_recv_response(Some(PATIENCE))
        .timeout_global(Some(LONGEST))
        .user_agent(crate::daemon::settings::user_agent())
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(refused)?;
    let mut body = response.body_mut().as_reader().take(MOST_BYTES + 1);
    let unwritable = |error: std::io::Error| format!("{to:?} cannot be written: {error}");
    let mut file = fs::File::create(to).map_err(unwritable)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut n_bytes = 0;
    loop {
        let n = body
            .read(&mut buffer)
            .map_err(|error| format!("{url} cannot be fetched: {error}"))?;
        if n == 0 {
            break;
        }
        n_bytes += n as u64;
        if n_bytes > MOST_BYTES {
            return Err(format!("{url} is larger than {} MiB", MOST_BYTES >> 20));
        }
        file.write_all(&buffer[..n]).map_err(unwritable)?;
    }
    file.sync_all().map_err(unwritable)
}

/// systemd makes the folder around it for the service, which may write nowhere else; otherwise it
/// is where the daemon was started.
fn folder() -> PathBuf {
    let state = std::env::var_os("STATE_DIRECTORY").unwrap_or_default();
    PathBuf::from(state).join("fetched")
}

/// One name for each address, with the ending that tells what is in it.
fn name_of(url: &str) -> String {
    let sum = Sha256::digest(url);
    let sum: String = sum.iter().take(16).map(|b| format!("{b:02x}")).collect();
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path
        .rsplit('/')
        .next()
        .and_then(|last| last.rsplit_once('.'));
    match ending {
        Some((_, ending)) if is_ending(ending) => format!("{sum}.{ending}"),
        Some(_) | None => sum,
    }
}

fn is_ending(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// A server that says nothing for so long is not there.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(600);
/// An album; what is longer is music, not a message.
const MOST_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_name_with_its_ending() {
        let name = name_of("https://example.net/a/talk.mp3?from=1");
        assert!(name.ends_with(".mp3") && name.len() == 36, "{name}");
        assert_ne!(name, name_of("https://example.net/b/talk.mp3?from=1"));
        assert!(!name_of("https://example.net/talk").contains('.'));
        assert!(!name_of("https://example.net/x.../etc").contains(".."));
    }
}
