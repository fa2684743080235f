//! How does the daemon hold the way out in its hand?

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::base::SampleRate;
use crate::mix::{Engine, Routes};
use crate::output::card::News;
use crate::output::device;
use crate::output::error::Error;
use crate::output::settings::{Backend, Settings};
use crate::output::timer::Tap;
use crate::output::worker::Worker;

/// What happened on the way out; each is told once per change.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A clock runs; told again when its rate or period changes.
    Up {
        /// `jack`, `device` or `timer`.
        backend: &'static str,
        /// Frames a second.
        rate: SampleRate,
        /// Frames a callback.
        period: usize,
        /// What it plays to, in words.
        described: String,
    },
    /// Nothing calls the engine.
    Down {
        /// In words.
        why: String,
    },
    /// What is wired to what has changed.
    Routes {
        /// For the engine.
        routes: Routes,
        /// For the log: `music mpd:left -> system:playback_1`.
        described: Vec<String>,
        /// The names of zones that no output carries.
        unheard: Vec<String>,
        /// The engine inputs of the sources that players of the graph are, each with the port
        /// that feeds it; a source of which no port is there is left out.
        sources: BTreeMap<String, Vec<(usize, String)>>,
    },
    /// While down: it is tried again, this far apart.
    Retrying {
        /// The pause between two attempts.
        after: Duration,
    },
    /// Sound was late.
    Xrun {
        /// Times since the last event.
        count: u64,
    },
    /// A device of zones that is not the clock plays, or does not.
    Card {
        /// As zones name it.
        device: String,
        /// Whether it plays.
        ok: bool,
        /// How, or why not.
        text: String,
    },
    /// A device is not wanted beside the clock any more.
    CardGone {
        /// As zones named it.
        device: String,
    },
}

/// What the worker is told.
pub(crate) enum Message {
    /// The graph has changed.
    Look,
    /// What the device of this serial number says.
    Card(u64, News),
    Reconfigure(Box<Settings>),
    Stop,
}

/// How long [`Supervisor::stop`] waits for a clean end.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// The thread that keeps one clock running. Dropping it stops the thread.
#[derive(Debug)]
pub struct Supervisor {
    inbox: mpsc::Sender<Message>,
    beat: Arc<AtomicU64>,
    done: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Whether these settings pick one device, if they pick devices at all; everything else about
/// them shows only when it is tried.
pub fn check(settings: &Settings) -> Result<(), Error> {
    let Some(wish) = &settings.device else {
        return Ok(());
    };
    match (settings.backend, device::check(wish)) {
        (Backend::Jack | Backend::Timer, _) | (_, Ok(())) => Ok(()),
        // The device may be plugged in later, or not be needed.
        (Backend::Auto, Err(Error::NoDevice(_) | Error::Device(_))) => Ok(()),
        (Backend::Auto | Backend::Device, Err(why)) => Err(why),
    }
}

/// Starts a clock as the settings say and keeps one running until it is stopped. Settings that
/// cannot work are an error at once; what may work later is tried until it does.
pub fn spawn(
    settings: Settings,
    engine: Box<Engine>,
    events: UnboundedSender<Event>,
) -> Result<Supervisor, Error> {
    spawn_tapped(settings, engine, events, Tap::none())
}

/// Like [`spawn`], with ears and instruments for when the timer is the clock.
pub fn spawn_tapped(
    settings: Settings,
    engine: Box<Engine>,
    events: UnboundedSender<Event>,
    tap: Tap,
) -> Result<Supervisor, Error> {
    check(&settings)?;
    let (inbox_tx, inbox) = mpsc::channel();
    let (done_tx, done) = mpsc::channel();
    let wake = inbox_tx.clone();
    let beat = Arc::new(AtomicU64::new(0));
    let n_rounds = beat.clone();
    let thread = std::thread::Builder::new()
        .name("output".to_owned())
        .spawn(move || {
            Worker::new(settings, engine, events, tap, wake, n_rounds).run(&inbox);
            done_tx.send(()).ok();
        })
        .map_err(|why| Error::Thread(why.to_string()))?;
    Ok(Supervisor {
        inbox: inbox_tx,
        beat,
        done,
        thread: Some(thread),
    })
}

impl Supervisor {
    /// Makes the change with the smallest gap that it allows: new links without any.
    pub fn reconfigure(&self, settings: Settings) {
        self.inbox
            .send(Message::Reconfigure(Box::new(settings)))
            .ok();
    }

    /// Rises several times a second while the thread is well, with sound or without.
    pub fn beat(&self) -> u64 {
        self.beat.load(Ordering::Relaxed)
    }

    /// Ends the sound within a second; a sound server that hangs is left behind.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.inbox.send(Message::Stop).ok();
        let Some(thread) = self.thread.take() else {
            return;
        };
        let ended = self.done.recv_timeout(STOP_WITHIN);
        if ended == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the sound server does not let go; leaving it behind");
            return;
        }
        if thread.join().is_err() {
            tracing::error!("the output thread had panicked");
        }
    }
}
