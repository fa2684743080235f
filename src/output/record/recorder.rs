//! How is the recorder held from outside?

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{SampleRate, TrackRx, TrackTx, track};
use crate::output::record::body::MOST_CHANNELS;
use crate::output::record::order::{Event, Order, Settings};
use crate::output::record::worker::{Message, Worker};

/// The handle on the thread that writes recordings. Nothing here waits but `stop`.
pub struct Recorder {
    inbox: mpsc::Sender<Message>,
    /// Closed when the thread has ended.
    end: mpsc::Receiver<()>,
}

impl Recorder {
    /// A frame has at most so many channels.
    pub const MOST_CHANNELS: usize = MOST_CHANNELS;

    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn spawn(settings: Settings, events: UnboundedSender<Event>) -> io::Result<Self> {
        let (inbox, messages) = mpsc::channel();
        let (ended, end) = mpsc::channel::<()>();
        let run = move || {
            Worker::new(settings, events).run(&messages);
            drop(ended);
        };
        let thread = thread::Builder::new().name("paging-record".to_owned());
        thread.spawn(run)?;
        Ok(Self { inbox, end })
    }

    /// A track with room for as long as a disk may stand still.
    pub fn track(rate: SampleRate, channels: usize) -> (TrackTx, TrackRx) {
        track(rate, channels, PATIENCE)
    }

    /// Writes a recording until the other end of its track is gone.
    pub fn begin(&self, order: Order) {
        self.tell(Message::Begin(Box::new(order)));
    }

    /// From the next file on these hold.
    pub fn configure(&self, settings: Settings) {
        self.tell(Message::Configure(settings));
    }

    /// Finishes every file, and waits for that, but not for ever.
    pub fn stop(&self) {
        self.tell(Message::Stop);
        if self.end.recv_timeout(FAREWELL) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("recordings: the disk takes too long; files are left unfinished");
        }
    }

    fn tell(&self, message: Message) {
        if self.inbox.send(message).is_err() {
            tracing::debug!("the recorder has ended");
        }
    }
}

/// A disk that wakes up, or that others keep busy.
const PATIENCE: Duration = Duration::from_secs(5);
const FAREWELL: Duration = Duration::from_secs(5);
