//! How are all messages written to a capture file without anybody waiting for the disk?
//!
//! ```text
//! wires, streams ──► Trace ──bounded queue──► thread: mask, pack, write, turn over
//!                      └─ full: counted, dropped
//! ```

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sip::counts::Counters;
use crate::sip::settings::Transport;
use crate::sip::sight::mask::mask;
use crate::sip::sight::pcap::{self, Packet};
use crate::sip::wire::local;

/// The place where messages are handed in; cheap while no trace is wanted.
pub(crate) struct Trace {
    queue: RwLock<Option<SyncSender<Seen>>>,
    counters: Arc<Counters>,
}

/// Whether we got or sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Received,
    Sent,
}

/// A message on its way.
struct Seen {
    at: SystemTime,
    direction: Direction,
    transport: Transport,
    ours: SocketAddr,
    peer: SocketAddr,
    message: Vec<u8>,
}

impl Trace {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self {
            queue: RwLock::default(),
            counters,
        }
    }

    /// Begins to write into that file, or ends it; what was in the file goes to its old name.
    ///
    /// # Errors
    /// The file cannot be made; then nothing is traced.
    pub(crate) fn write_to(&self, path: Option<&Path>) -> io::Result<()> {
        let mut queue = self.queue.write().unwrap_or_else(PoisonError::into_inner);
        // The thread ends with its queue, and with it the old file.
        *queue = None;
        let Some(path) = path else {
            return Ok(());
        };
        let capture = Capture::create(path.to_owned(), LONGEST_FILE)?;
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("sip trace".to_owned());
        thread.spawn(move || run(capture, &receiver))?;
        *queue = Some(sender);
        Ok(())
    }

    /// Takes a copy of a message, if a trace is wanted. `ours` may be an unspecified address.
    pub(crate) fn saw(
        &self,
        direction: Direction,
        transport: Transport,
        ours: SocketAddr,
        peer: SocketAddr,
        message: &[u8],
    ) {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = &*queue else {
            return;
        };
        // A keep-alive is no message.
        if message.trim_ascii().is_empty() {
            return;
        }
        let seen = Seen {
            at: SystemTime::now(),
            direction,
            transport,
            ours,
            peer,
            message: message.to_vec(),
        };
        if queue.try_send(seen).is_err() {
            self.counters.untraced();
        }
    }
}

fn run(mut capture: Capture, seen: &Receiver<Seen>) {
    let mut shape = Shape::default();
    while let Ok(first) = seen.recv() {
        let mut written = capture.write(&shape.record(&first));
        // What waits is written in one go.
        while let (Ok(()), Ok(next)) = (&written, seen.try_recv()) {
            written = capture.write(&shape.record(&next));
        }
        if written.and_then(|()| capture.file.flush()).is_err() {
            // The disk is full or gone: what comes is dropped and counted from now on.
            return;
        }
    }
}

/// What has to be remembered to make packets of messages.
#[derive(Default)]
struct Shape {
    /// The address we are reached at from a peer.
    ours: HashMap<IpAddr, IpAddr>,
    /// The number of the next byte, by direction of a stream.
    next: HashMap<(SocketAddr, SocketAddr), u32>,
}

impl Shape {
    fn record(&mut self, seen: &Seen) -> Vec<u8> {
        let ours = self.own_address(seen.ours, seen.peer);
        let (from, to) = match seen.direction {
            Direction::Received => (seen.peer, ours),
            Direction::Sent => (ours, seen.peer),
        };
        let payload = mask(&seen.message);
        let stream = match seen.transport {
            Transport::Udp => None,
            Transport::Tcp | Transport::Tls => Some(self.advance(from, to, payload.len())),
        };
        let since = seen.at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let packet = Packet {
            micros: since.as_micros() as u64,
            from,
            to,
            stream,
            payload: &payload,
        };
        packet.record()
    }

    fn own_address(&mut self, ours: SocketAddr, peer: SocketAddr) -> SocketAddr {
        if !ours.ip().is_unspecified() {
            return ours;
        }
        if self.ours.len() >= REMEMBERED {
            self.ours.clear();
        }
        let find = || local::towards_or_loopback(peer);
        let ip = *self.ours.entry(peer.ip()).or_insert_with(find);
        SocketAddr::new(ip, ours.port())
    }

    fn advance(&mut self, from: SocketAddr, to: SocketAddr, length: usize) -> (u32, u32) {
        if self.next.len() >= REMEMBERED {
            self.next.clear();
        }
        let ack = self.next.get(&(to, from)).copied().unwrap_or(1);
        let next = self.next.entry((from, to)).or_insert(1);
        let seq = *next;
        *next = next.wrapping_add(length as u32);
        (seq, ack)
    }
}

/// The file, and the one before it.
struct Capture {
    path: PathBuf,
    file: io::BufWriter<File>,
    length: u64,
    longest: u64,
}

impl Capture {
    fn create(path: PathBuf, longest: u64) -> io::Result<Self> {
        let file = Self::open(&path)?;
        let length = pcap::file_header().len() as u64;
        Ok(Self {
            path,
            file,
            length,
            longest,
        })
    }

    fn open(path: &Path) -> io::Result<io::BufWriter<File>> {
        if path.exists() {
            let mut old = path.as_os_str().to_owned();
            old.push(".old");
            std::fs::rename(path, old)?;
        }
        // Who calls whom is nobody else's business; never through a link that another has laid.
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let mut file = io::BufWriter::new(file);
        file.write_all(&pcap::file_header())?;
        file.flush()?;
        Ok(file)
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if self.length + record.len() as u64 > self.longest {
            self.file.flush()?;
            self.file = Self::open(&self.path)?;
            self.length = pcap::file_header().len() as u64;
        }
        self.length += record.len() as u64;
        self.file.write_all(record)
    }
}

/// Bytes of a capture file; with the one before it twice as much is on the disk.
const LONGEST_FILE: u64 = 64 << 20;

/// Messages that wait for the disk: a second of a rush.
const WAITING: usize = 4_096;

/// Peers and streams that are kept in mind.
const REMEMBERED: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_full_gives_way_to_a_new_one() {
        let folder = std::env::temp_dir().join(format!("paging-trace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("t.pcap");
        let mut capture = Capture::create(path.clone(), 200).unwrap();
        for _ in 0..5 {
            capture.write(&[7; 80]).unwrap();
        }
        capture.file.flush().unwrap();
        let length = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert_eq!(length(&path), 24 + 80);
        assert_eq!(length(&folder.join("t.pcap.old")), 24 + 160);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn pieces_of_a_stream_follow_each_other() {
        let mut shape = Shape::default();
        let (a, b) = (
            "192.0.2.1:1".parse().unwrap(),
            "192.0.2.2:2".parse().unwrap(),
        );
        assert_eq!(shape.advance(a, b, 10), (1, 1));
        assert_eq!(shape.advance(a, b, 5), (11, 1));
        assert_eq!(shape.advance(b, a, 3), (1, 16));
        assert_eq!(shape.advance(a, b, 1), (16, 4));
    }
}
