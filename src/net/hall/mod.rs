//! The thread that lets thousands hear the same sound.
//!
//! ```text
//!  control ─ Command ─► Hall ═► Run: ─► media::Broadcast: whose turn is it, which payload?
//!                                         │ datagrams
//!                                         ▼
//!                              Stage (a pair of ports): Batch ─► sendmmsg ─► listeners
//!  control ◄─ Event ── Listener ◄── what listeners send: keys, reports; sound is passed over
//! ```

mod listener;
mod run;
mod stage;
mod stages;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use mio::{Poll, Waker};
use tokio::sync::mpsc::UnboundedSender;

use crate::base::{CallId, SrtpKeys};
use crate::media::{Programme, SenderSettings};
use crate::net::{Event, PortPair, PortPairs};
use run::{Run, WAKE};
pub use stages::Whereabouts;
use stages::{StageId, Stages};

/// The handle of the thread. Dropping it closes all calls and joins the thread.
pub struct Hall {
    commands: mpsc::Sender<Command>,
    waker: Waker,
    beat: Arc<AtomicU64>,
    stages: Stages,
    thread: Option<JoinHandle<()>>,
}

/// What was agreed with one who listens.
#[derive(Clone, Debug)]
pub struct Hearing {
    /// Where the peer wants our packets; `None` if it is not known yet.
    pub remote: Option<SocketAddr>,
    pub sender: SenderSettings,
    /// What the peer's sound comes as, if it sends any.
    pub payload_type: u8,
    /// What the peer's keys come as, in this direction.
    pub event_payload_type: Option<u8>,
    /// With them, everything is protected, and what is not is dropped.
    pub srtp: Option<SrtpKeys>,
    /// Whether the peer wants to hear anything now.
    pub flow: Flow,
}

/// Whether packets go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    On,
    Off,
}

enum Command {
    Stage(StageId, PortPair),
    Open(CallId, StageId, Box<Hearing>),
    Play(CallId, Programme),
    Redirect(CallId, Box<Hearing>),
    Close(CallId),
    CloseStage(StageId),
    Stop,
}

impl Hall {
    /// Starts the thread; an error means that the system has no poll or thread to give.
    pub fn spawn(events: UnboundedSender<Event>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, inbox) = mpsc::channel();
        let beat = Arc::new(AtomicU64::new(0));
        let run = Run::new(poll, inbox, events, beat.clone(), Instant::now());
        let thread = std::thread::Builder::new()
            .name("hall".to_owned())
            .spawn(move || run.run())?;
        Ok(Self {
            commands,
            waker,
            beat,
            stages: Stages::default(),
            thread: Some(thread),
        })
    }

    /// Finds the port that a call will hear from.
    ///
    /// # Errors
    /// No free ports.
    pub fn place(&mut self, call: CallId, at: Whereabouts, ports: &PortPairs) -> io::Result<u16> {
        self.close(call);
        let placed = self.stages.place(call, at, ports)?;
        if let Some(sockets) = placed.sockets {
            self.send(Command::Stage(placed.stage, sockets));
        }
        Ok(placed.rtp_port)
    }

    /// A call that was placed may hear something from now on.
    pub fn open(&self, call: CallId, hearing: Hearing) {
        if let Some(stage) = self.stages.of(call) {
            self.send(Command::Open(call, stage, Box::new(hearing)));
        }
    }

    /// Lets a call that was opened hear a programme, in place of whatever it hears. The first
    /// packet leaves within 10 ms. `Event::Played` follows when a programme that plays once is
    /// over.
    pub fn play(&self, call: CallId, programme: Programme) {
        self.send(Command::Play(call, programme));
    }

    /// Follows a new session description.
    pub fn redirect(&self, call: CallId, hearing: Hearing) {
        self.send(Command::Redirect(call, Box::new(hearing)));
    }

    /// Ends the sound of a call; `Event::Left` follows if it was open.
    pub fn close(&mut self, call: CallId) {
        if self.stages.of(call).is_none() {
            return;
        }
        self.send(Command::Close(call));
        if let Some(stage) = self.stages.remove(call) {
            self.send(Command::CloseStage(stage));
        }
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

impl Drop for Hall {
    fn drop(&mut self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
