//! How does a test hear what a sound card plays that is not there?
//!
//! ```text
//!  the program ─► ALSA's plugin `file` ─► a pipe ─► a thread that takes 48,000 frames a second
//! ```
//! Nobody can put more into the pipe than the thread takes out, so the "card" keeps time.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::stat::Mode;

use super::folder::Folder;

pub const RATE: u32 = 48_000;
pub const CHANNELS: usize = 2;

const TICK: Duration = Duration::from_millis(10);
const FRAMES_A_TICK: usize = 480;
/// A sample of the best format that a card without hardware offers: 32 bits of floating point.
const SAMPLE: usize = 4;

/// A card with two channels, and all that it has played.
pub struct Card {
    name: String,
    pipe: PathBuf,
    heard: Arc<Mutex<Vec<f32>>>,
    is_stuck: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl Card {
    pub fn new(folder: &Folder, name: &str) -> Self {
        let pipe = folder.join(&format!("{name}.pipe"));
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        // For both directions, so that it stays while programs come and go.
        let end = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&pipe)
            .unwrap();
        // Little, for what is in the pipe is not played yet; but enough for a thread that is late.
        let little = nix::fcntl::FcntlArg::F_SETPIPE_SZ(16_384);
        nix::fcntl::fcntl(&end, little).unwrap();
        let card = Self {
            name: name.to_owned(),
            pipe,
            heard: Arc::default(),
            is_stuck: Arc::default(),
            is_over: Arc::default(),
        };
        let (heard, is_stuck) = (card.heard.clone(), card.is_stuck.clone());
        let is_over = card.is_over.clone();
        std::thread::spawn(move || play(end, &heard, &is_stuck, &is_over));
        card
    }

    /// What makes it known to ALSA.
    pub fn alsa(&self) -> String {
        format!(
            "pcm.{} {{ type file slave.pcm {{ type null }} file \"{}\" format raw \
             hint {{ show on description \"Speakers of a test\" }} }}\n",
            self.name,
            self.pipe.display()
        )
    }

    /// Lets it stand still, or go on.
    pub fn set_stuck(&self, is_stuck: bool) {
        self.is_stuck.store(is_stuck, Ordering::Relaxed);
    }

    /// How many frames it has played.
    pub fn n_frames(&self) -> usize {
        self.heard.lock().unwrap().len() / CHANNELS
    }

    /// What a channel, counted from 0, has played from a frame on.
    pub fn heard(&self, channel: usize, from: usize) -> Vec<f32> {
        let heard = self.heard.lock().unwrap();
        let samples = heard.iter().skip(CHANNELS * from + channel);
        samples.step_by(CHANNELS).copied().collect()
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn play(mut pipe: File, heard: &Mutex<Vec<f32>>, is_stuck: &AtomicBool, is_over: &AtomicBool) {
    let mut due = Instant::now();
    let mut bytes = vec![0; FRAMES_A_TICK * CHANNELS * SAMPLE];
    // A read may end within a sample.
    let mut rest = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        due += TICK;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if is_stuck.load(Ordering::Relaxed) {
            continue;
        }
        let mut taken = 0;
        let until = Instant::now() + TICK;
        // What has just been read makes room for a writer, who needs a moment.
        while taken < bytes.len() && Instant::now() < until {
            match pipe.read(&mut bytes[taken..]) {
                Ok(n) => taken += n,
                Err(_) => std::thread::sleep(Duration::from_micros(500)),
            }
        }
        rest.extend_from_slice(&bytes[..taken]);
        let whole = rest.len() / (SAMPLE * CHANNELS) * SAMPLE * CHANNELS;
        let samples = rest[..whole].chunks_exact(SAMPLE);
        let samples = samples.map(|it| f32::from_le_bytes(it.try_into().unwrap()));
        heard.lock().unwrap().extend(samples);
        rest.drain(..whole);
    }
}
