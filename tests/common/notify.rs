//! What does the daemon tell systemd?

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::folder::Folder;

/// The other end of `NOTIFY_SOCKET`: every `KEY=value` with its time.
pub struct Notify {
    pub path: PathBuf,
    heard: Arc<Heard>,
    _folder: Folder,
}

#[derive(Default)]
struct Heard {
    words: Mutex<Vec<(Instant, String)>>,
    more: Condvar,
}

impl Notify {
    pub fn open() -> Self {
        let folder = Folder::new("notify");
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let heard = Arc::new(Heard::default());
        let into = heard.clone();
        // The thread lives as long as the test program; it costs nothing while it waits.
        std::thread::spawn(move || listen(&socket, &into));
        Self {
            path,
            heard,
            _folder: folder,
        }
    }

    /// When a word that starts with `start` came after `since`; waits for it.
    pub fn wait_for(&self, start: &str, since: Instant, longest: Duration) -> Option<Instant> {
        let until = Instant::now() + longest;
        let mut words = self.heard.words.lock().unwrap();
        loop {
            let mut later = words.iter().filter(|(at, _)| *at >= since);
            if let Some((at, _)) = later.find(|(_, word)| word.starts_with(start)) {
                return Some(*at);
            }
            let left = until.checked_duration_since(Instant::now())?;
            words = self.heard.more.wait_timeout(words, left).unwrap().0;
        }
    }

    /// Waits until the newest `STATUS=` is such; otherwise returns what it is.
    pub fn wait_status(
        &self,
        is_such: impl Fn(&str) -> bool,
        longest: Duration,
    ) -> Result<(), Option<String>> {
        let until = Instant::now() + longest;
        loop {
            let status = self.status();
            if status.as_deref().is_some_and(&is_such) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn all(&self) -> Vec<(Instant, String)> {
        self.heard.words.lock().unwrap().clone()
    }

    /// The last `STATUS=`, without its key.
    pub fn status(&self) -> Option<String> {
        let words = self.heard.words.lock().unwrap();
        let mut latest = words.iter().rev();
        latest.find_map(|(_, word)| word.strip_prefix("STATUS=").map(str::to_owned))
    }
}

fn listen(socket: &UnixDatagram, into: &Heard) {
    let mut buffer = [0; 4_096];
    while let Ok(n) = socket.recv(&mut buffer) {
        let at = Instant::now();
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        let mut words = into.words.lock().unwrap();
        words.extend(text.lines().map(|line| (at, line.to_owned())));
        into.more.notify_all();
    }
}
