//! The thread that speaks to multicast groups and hears them.
//!
//! ```text
//!  mix tap ══ring══► Mouth: media::Announcer ─► socket ─► telephones, IP loudspeakers
//!  senders ─► socket ─► Ear: whose stream? ─► media::Receiver ══ring══► a page
//!  control ◄─ Event ── both          control ─ Command ─► both
//! ```
//!
//! A group that cannot be joined or sent to is told once and tried again; the others go on.

mod ear;
mod interface;
mod mouth;
mod run;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Poll, Waker};
use tokio::sync::mpsc::UnboundedSender;

use crate::base::{Dscp, Encoding, FeedRx, Network};
use crate::media::{AnnouncerSettings, Report};
pub use interface::Interface;
use run::{Run, WAKE};

/// The handle of the thread. Dropping it leaves all groups and joins the thread.
pub struct Groups {
    commands: mpsc::Sender<Command>,
    waker: Waker,
    beat: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// A group, and by which network it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A multicast address and a port above 0.
    pub address: SocketAddr,
    /// `None` leaves it to the routes of the system.
    pub interface: Option<Interface>,
}

/// A group that is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    pub name: String,
    pub place: Place,
    /// How many routers packets may pass, and one; 0 stays on this machine.
    pub ttl: u8,
    /// Whether programs on this machine hear it too.
    pub is_looped: bool,
    pub dscp: Dscp,
    pub announcer: AnnouncerSettings,
}

/// A group that is listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub name: String,
    pub place: Place,
    /// Who may speak; none stands for all.
    pub sources: Vec<Network>,
    pub form: HeardForm,
    /// A stream is over when nothing came for so long.
    pub silent_after: Duration,
}

/// In which form sound comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardForm {
    /// RTP. Payload types that RFC 3551 assigns are known; what else comes is taken for this.
    Rtp { dynamic: Option<Encoding> },
    /// Group pages of Polycom's telephones, on this channel; `None` is any.
    Polycom { channel: Option<u8> },
}

/// One talk in a group that is listened to. Numbers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What the thread has to tell. Groups are told by their names.
pub enum Event {
    /// A group can be spoken to or listened to, or cannot, and why; told when that changes.
    State {
        group: String,
        fault: Option<String>,
    },
    /// Somebody begins to speak, and can be heard by this feed.
    Begun {
        group: String,
        stream: StreamId,
        from: SocketAddr,
        /// What the sender calls itself, if it does.
        caller: Option<String>,
        feed: FeedRx,
    },
    /// The stream is over; once for each that began.
    Over {
        stream: StreamId,
        report: Report,
        /// What others sent meanwhile, that was passed over.
        n_foreign: u64,
    },
    /// Somebody is passed over, and why; once until that changes.
    PassedOver {
        group: String,
        from: SocketAddr,
        why: String,
    },
}

pub(super) enum Command {
    Speak(Box<Spoken>),
    Feed(String, FeedRx),
    Hold(BTreeSet<String>),
    Silence(String),
    Hear(Box<Heard>),
    Ignore(String),
    Release(StreamId),
    Stop,
}

impl Groups {
    /// Starts the thread; an error means that the system has no poll or thread to give.
    pub fn spawn(events: UnboundedSender<Event>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, inbox) = mpsc::channel();
        let beat = Arc::new(AtomicU64::new(0));
        let run = Run::new(poll, inbox, events, beat.clone());
        let thread = std::thread::Builder::new()
            .name("groups".to_owned())
            .spawn(move || run.run())?;
        Ok(Self {
            commands,
            waker,
            beat,
            thread: Some(thread),
        })
    }

    /// Speaks to a group, in place of one with the same name; it needs a feed.
    pub fn speak(&self, group: Spoken) {
        self.send(Command::Speak(Box::new(group)));
    }

    /// Where the sound for a group comes from, from now on.
    pub fn feed(&self, group: &str, feed: FeedRx) {
        self.send(Command::Feed(group.to_owned(), feed));
    }

    /// The groups whose zones have a page now: they are sent packets, whether anything sounds or
    /// not.
    pub fn hold(&self, groups: BTreeSet<String>) {
        self.send(Command::Hold(groups));
    }

    /// Speaks to a group no more.
    pub fn silence(&self, group: &str) {
        self.send(Command::Silence(group.to_owned()));
    }

    /// Listens to a group, in place of one with the same name, whose stream is over then.
    pub fn hear(&self, group: Heard) {
        self.send(Command::Hear(Box::new(group)));
    }

    /// Leaves a group; a stream that it has is over.
    pub fn ignore(&self, group: &str) {
        self.send(Command::Ignore(group.to_owned()));
    }

    /// Nobody wants to hear the stream: what is left of it is passed over, to its end.
    pub fn release(&self, stream: StreamId) {
        self.send(Command::Release(stream));
    }

    /// Rises at least once a second while the thread is well.
    pub fn beat(&self) -> u64 {
        self.beat.load(Ordering::Relaxed)
    }

    fn send(&self, command: Command) {
        // Both fail only if the thread is gone, and then the beat stands still for the watchdog.
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
