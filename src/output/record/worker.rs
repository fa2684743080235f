//! What does the recorder's thread do, round after round?

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::output::record::keep::Keeper;
use crate::output::record::mend::mend;
use crate::output::record::order::{Event, Order, Settings};
use crate::output::record::room::{Disk, Room};
use crate::output::record::take::Take;
use crate::output::record::writing;

/// What the thread is told.
pub(super) enum Message {
    Begin(Box<Order>),
    Configure(Settings),
    Stop,
}

/// The thread's state.
pub(super) struct Worker {
    settings: Settings,
    events: UnboundedSender<Event>,
    keeper: Keeper,
    takes: Vec<Take>,
    room: Room,
    look_at: Instant,
    sweep_at: Instant,
    /// After a fault nothing is opened before this.
    open_at: Instant,
    /// A file could not be written, and none was since: that there is room proves nothing.
    is_blocked: bool,
    /// Why nothing can be recorded, as it was told.
    fault: Option<String>,
}

impl Worker {
    pub(super) fn new(settings: Settings, events: UnboundedSender<Event>) -> Self {
        let now = Instant::now();
        Self {
            settings,
            keeper: Keeper::spawn(events.clone()),
            events,
            takes: Vec::new(),
            room: Room::default(),
            look_at: now,
            sweep_at: now,
            open_at: now,
            is_blocked: false,
            fault: None,
        }
    }

    /// Works until it is told to stop; then it finishes what it has begun.
    pub(super) fn run(mut self, inbox: &mpsc::Receiver<Message>) {
        self.begin();
        loop {
            match self.next(inbox) {
                Ok(Message::Begin(order)) => self.takes.push(Take::new(*order, Instant::now())),
                Ok(Message::Configure(settings)) => {
                    let is_new = settings.folder != self.settings.folder
                        || settings.is_wanted != self.settings.is_wanted;
                    self.settings = settings;
                    self.sweep_at = Instant::now();
                    if is_new {
                        self.begin();
                    }
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.round(Instant::now());
        }
        let now = Instant::now();
        for mut take in std::mem::take(&mut self.takes) {
            let written = take.write(now).map(|_| ());
            self.end(&mut take, written, now);
        }
    }

    fn next(&self, inbox: &mpsc::Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        if !self.takes.is_empty() {
            return inbox.recv_timeout(ROUND);
        }
        if self.settings.is_wanted {
            return inbox.recv_timeout(REST);
        }
        inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }

    /// What a crash has left is made whole before anything else is done.
    fn begin(&mut self) {
        if self.settings.is_wanted {
            for file in mend(&self.settings.folder) {
                self.say(Event::Mended { file });
            }
        }
    }

    fn round(&mut self, now: Instant) {
        if self.settings.is_wanted || !self.takes.is_empty() {
            self.look(now);
        }
        if self.settings.is_wanted && now >= self.sweep_at {
            self.sweep(now);
        }
        for mut take in std::mem::take(&mut self.takes) {
            if self.work_on(&mut take, now) {
                self.takes.push(take);
            }
        }
    }

    /// Whether the recording goes on.
    fn work_on(&mut self, take: &mut Take, now: Instant) -> bool {
        if !take.is_written() {
            self.open(take, now);
        }
        match take.write(now) {
            Ok(false) if take.is_full() || self.room == Room::TooLittle => {
                self.end(take, Ok(()), now);
                true
            }
            Ok(false) => true,
            Ok(true) => {
                self.end(take, Ok(()), now);
                self.say(take.over());
                false
            }
            Err(why) => {
                self.end(take, Err(why), now);
                true
            }
        }
    }

    fn open(&mut self, take: &mut Take, now: Instant) {
        if self.room == Room::TooLittle || now < self.open_at {
            return;
        }
        match take.open(&self.settings, now) {
            Ok(opened) => {
                self.say(opened);
                self.is_blocked = false;
                self.well();
            }
            Err(why) => self.failed(&why, now),
        }
    }

    /// Ends the file of a recording.
    fn end(&mut self, take: &mut Take, written: io::Result<()>, now: Instant) {
        let ended = match written.and_then(|()| take.finish()) {
            Ok(ended) => ended,
            Err(why) => {
                self.failed(&why, now);
                take.give_up()
            }
        };
        if let Some(ended) = ended {
            self.say(ended);
            self.sweep_at = now;
        }
    }

    // Is there room?

    fn look(&mut self, now: Instant) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        match writing::make(&self.settings.folder).and_then(|()| Disk::of(&self.settings.folder)) {
            Ok(disk) => {
                self.room = self.room.after(disk);
                match self.room {
                    Room::TooLittle => self.ill(full(&self.settings.folder)),
                    Room::Enough if !self.is_blocked => self.well(),
                    Room::Enough => {}
                }
            }
            Err(why) => self.ill(format!("{}: {why}", self.settings.folder.display())),
        }
    }

    fn failed(&mut self, why: &io::Error, now: Instant) {
        self.open_at = now + RETRY;
        let folder = &self.settings.folder;
        if matches!(
            why.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            self.room = Room::TooLittle;
            return self.ill(full(folder));
        }
        self.is_blocked = true;
        self.ill(format!("{}: {why}", folder.display()));
    }

    fn ill(&mut self, why: String) {
        if self.fault.as_ref() != Some(&why) {
            self.fault = Some(why.clone());
            self.say(Event::Health {
                ok: false,
                text: why,
            });
        }
    }

    fn well(&mut self) {
        if self.fault.take().is_some() {
            self.say(Event::Health {
                ok: true,
                text: "written again".to_owned(),
            });
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.sweep_at = now + SWEEP;
        self.keeper.sweep(&self.settings);
    }

    fn say(&self, event: Event) {
        // Nobody listens any more when the program ends.
        self.events.send(event).ok();
    }
}

/// Numbers would make each look a new one.
fn full(folder: &Path) -> String {
    let folder = folder.display();
    format!("the disk of {folder} is full; make room, or lower recordings-max-size")
}

/// How often sound is taken from its ring: a crash loses no more than that.
const ROUND: Duration = Duration::from_millis(100);
/// How often to look for room while nothing is recorded.
const REST: Duration = Duration::from_secs(5);
/// How often to look for room while something is.
const LOOK: Duration = Duration::from_secs(1);
/// How soon to try again after a fault.
const RETRY: Duration = Duration::from_secs(2);
/// How often to look for what is too old.
const SWEEP: Duration = Duration::from_secs(3_600);
