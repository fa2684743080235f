//! How does the rest of the program talk to the media thread?

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Poll, Waker};
use tokio::sync::mpsc::UnboundedSender;

use crate::base::{CallId, FeedRx, FeedTx, Pcm, SrtpKeys};
use crate::media::{Key, Receiver, ReceiverSettings, Repeat, Report, SenderReport, SenderSettings};
use crate::net::PortPair;
use crate::net::run::{Run, WAKE};

/// The media thread: one for all calls. Dropping it closes them all and joins the thread.
pub struct Media {
    commands: mpsc::Sender<Command>,
    waker: Waker,
    beat: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// What a call needs to exchange sound with its peer.
pub struct Leg {
    pub call: CallId,
    pub sockets: PortPair,
    /// Where the peer wants our packets; `None` if it is not known yet.
    pub remote: Option<SocketAddr>,
    pub receiver: Receiver,
    pub feed: FeedTx,
    /// With it, packets go out all the time: silence if nothing plays.
    pub sender: Option<SenderSettings>,
    /// With them, everything is protected, and what is not is dropped.
    pub srtp: Option<SrtpKeys>,
}

/// What a new session description changes in a running call.
pub struct Redirect {
    pub remote: Option<SocketAddr>,
    pub receiver: ReceiverSettings,
    /// In place of the old feed; needed when the audio rate changes.
    pub feed: Option<FeedTx>,
    pub tx: Tx,
    pub rx: Rx,
    /// As in [`Leg`]; a key that stays goes on where it was.
    pub srtp: Option<SrtpKeys>,
}

/// What we send after a [`Redirect`], in a call that was opened with a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tx {
    /// Packets as agreed; the source goes on, whatever these settings say of it.
    Flowing(SenderSettings),
    /// Nothing, until the next redirect: the peer holds the call.
    Paused,
}

/// What we expect to receive after a [`Redirect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rx {
    Expected,
    /// The peer holds the call and may send nothing.
    Paused,
}

/// What the media thread has to tell.
#[derive(Debug)]
pub enum Event {
    /// The first valid packet came.
    FirstPacket {
        call: CallId,
        at: Instant,
        from: SocketAddr,
    },
    /// Nothing valid has come since then for as long as `set_timeout` says; told once, and again
    /// only after sound has returned.
    Silent { call: CallId, since: Instant },
    /// The peer pressed a key.
    Key { call: CallId, key: Key },
    /// What came was louder than −60 dBFS; each second or so while it is.
    Sounds { call: CallId },
    /// A call that only listened is closed.
    Left {
        call: CallId,
        sent: SenderReport,
        /// RTP packets of the peer, whose sound was passed over.
        n_received: u64,
        /// As in `Closed`.
        n_foreign: u64,
        n_unproven: u64,
        round_trip: Option<Duration>,
    },
    /// What `play` was given has been sent to its end; its first packet left at `began`.
    Played { call: CallId, began: Instant },
    /// What the peer has said, as `take_down` asked: in pieces if the audio rate has changed.
    Said { call: CallId, pieces: Vec<Pcm> },
    /// Who spoke over a connection is gone; `how` completes "ended: …".
    LetGo { call: CallId, how: String },
    /// The call is closed and its ports are free.
    Closed {
        call: CallId,
        report: Report,
        sent: SenderReport,
        /// Datagrams from sources that are not the peer.
        n_foreign: u64,
        /// Datagrams in a protected call that were forged, damaged or came before.
        n_unproven: u64,
        /// The last time that a packet took to the peer and back, if the peer tells (RTCP).
        round_trip: Option<Duration>,
    },
}

pub(super) enum Command {
    Open(Box<Leg>),
    Close(CallId),
    Redirect(CallId, Box<Redirect>),
    Play(CallId, Arc<Pcm>, Repeat),
    Speak(CallId, FeedRx),
    Keys(CallId, Vec<Key>),
    Listen(CallId, FeedRx, Option<UnboundedSender<Vec<f32>>>),
    Note(CallId, FeedRx),
    TakeDown(CallId, Duration, Duration),
    Said(CallId),
    Timeout(Option<Duration>),
    Stop,
}

impl Media {
    /// Starts the thread; an error means that the system has no poll or thread to give.
    pub fn spawn(events: UnboundedSender<Event>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, inbox) = mpsc::channel();
        let beat = Arc::new(AtomicU64::new(0));
        let run = Run::new(poll, inbox, events, beat.clone());
        let thread = std::thread::Builder::new()
            .name("media".to_owned())
            .spawn(move || run.run())?;
        Ok(Self {
            commands,
            waker,
            beat,
            thread: Some(thread),
        })
    }

    /// Starts the sound of a call. A call that is open already is closed first.
    pub fn open(&self, leg: Leg) {
        self.send(Command::Open(Box::new(leg)));
    }

    /// Ends the sound of a call; `Event::Closed` follows if it was open.
    pub fn close(&self, call: CallId) {
        self.send(Command::Close(call));
    }

    /// Follows a new session description.
    pub fn redirect(&self, call: CallId, redirect: Redirect) {
        self.send(Command::Redirect(call, Box::new(redirect)));
    }

    /// How long a peer may be silent before `Event::Silent`; `None` for ever, which is the start.
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.send(Command::Timeout(timeout));
    }

    /// Sends a sound to the peer in place of whatever plays; it must be mono.
    pub fn play(&self, call: CallId, pcm: Arc<Pcm>, repeat: Repeat) {
        self.send(Command::Play(call, pcm, repeat));
    }

    /// Sends what comes by that feed too, beside whatever plays and what comes by others, until its
    /// other end is gone; it has the audio rate of the call's encoding.
    pub fn speak(&self, call: CallId, feed: FeedRx) {
        self.send(Command::Speak(call, feed));
    }

    /// Sends keys to the peer one after the other (RFC 4733), after those still under way.
    pub fn send_keys(&self, call: CallId, keys: Vec<Key>) {
        self.send(Command::Keys(call, keys));
    }

    /// Plays the feed of a call at the pace of this machine's clock, as a sound card would, and
    /// hands what is heard to `tap` in blocks of 20 ms.
    pub fn listen(&self, call: CallId, feed: FeedRx, tap: Option<UnboundedSender<Vec<f32>>>) {
        self.send(Command::Listen(call, feed, tap));
    }

    /// Takes the feed of a call at the pace of this machine's clock, so that what is said can be
    /// taken down; another feed goes on where the one before was.
    pub fn note(&self, call: CallId, feed: FeedRx) {
        self.send(Command::Note(call, feed));
    }

    /// Keeps what the peer says from so long after now on, for `longest` at most, in memory; what
    /// was kept before is dropped.
    pub fn take_down(&self, call: CallId, after: Duration, longest: Duration) {
        self.send(Command::TakeDown(call, after, longest));
    }

    /// Wants what was taken down: `Event::Said` follows.
    pub fn said(&self, call: CallId) {
        self.send(Command::Said(call));
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

impl Drop for Media {
    fn drop(&mut self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
