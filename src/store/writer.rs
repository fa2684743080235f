//! Who writes the history, and what if the disk does not take it?

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use super::book::Book;
use super::entry::{Entry, Kept};
use super::error::Error;

/// How the history does, told whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// All that was kept back is written; so many entries were lost meanwhile.
    Writing { n_lost: u64 },
    /// Entries are kept back in memory, and it is tried again and again.
    Failing { why: String },
    /// The file was damaged: it is under that name now, and a new one was begun.
    Renewed { aside: PathBuf, why: String },
}

/// The thread that writes; what it has been given is on the disk when this is dropped, if the disk
/// takes it.
pub struct History {
    orders: Option<SyncSender<Order>>,
    n_lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
    last: i64,
}

enum Order {
    Add(Box<Entry>),
    Forget(SystemTime),
}

impl History {
    /// Opens the file, or makes it, and starts the thread. A damaged file is put aside under
    /// another name. `tell` is called from the thread.
    ///
    /// # Errors
    /// The file is of a later version, or cannot be written; or there is no thread to be had.
    pub fn open(path: &Path, tell: impl Fn(State) + Send + 'static) -> Result<Self, Error> {
        Self::open_followed(path, tell, |_| {})
    }

    /// As `open`; each entry is told to `kept` once it is on the disk, from the thread.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_followed(
        path: &Path,
        tell: impl Fn(State) + Send + 'static,
        kept: impl Fn(Kept) + Send + 'static,
    ) -> Result<Self, Error> {
        let (book, renewed) = match Book::open(path) {
            Err(Error::Damaged(_, why)) => {
                let aside = put_aside(path)?;
                (Book::open(path)?, Some(State::Renewed { aside, why }))
            }
            opened => (opened?, None),
        };
        let last = book.last()?;
        let (orders, taken) = sync_channel(MOST_ORDERS);
        let n_lost = Arc::new(AtomicU64::new(0));
        let mut writer = Writer {
            path: path.to_owned(),
            book: Some(book),
            waiting: VecDeque::new(),
            forget: None,
            is_failing: false,
            n_lost: n_lost.clone(),
            tell: Box::new(tell),
            kept: Box::new(kept),
        };
        let run = move || {
            if let Some(renewed) = renewed {
                (writer.tell)(renewed);
            }
            writer.run(&taken);
        };
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(run)
            .map_err(|why| Error::Unusable(path.to_owned(), why.to_string()))?;
        Ok(Self {
            orders: Some(orders),
            n_lost,
            thread: Some(thread),
            last,
        })
    }

    /// The highest id that had been given when it was opened; 0 if none had.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Remembers one thing more; never waits. What there is no room for is lost and counted.
    pub fn add(&self, entry: Entry) {
        self.order(Order::Add(Box::new(entry)));
    }

    /// Forgets what was before, in small steps between other work.
    pub fn forget(&self, before: SystemTime) {
        self.order(Order::Forget(before));
    }

    fn order(&self, order: Order) {
        let sent = self.orders.as_ref().map(|orders| orders.try_send(order));
        if let Some(Err(TrySendError::Full(Order::Add(_)))) = sent {
            self.n_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It has told its panic, if it had one.
            let _ = thread.join();
        }
    }
}

struct Writer {
    path: PathBuf,
    /// None while the file cannot be opened.
    book: Option<Book>,
    /// Not written yet, the oldest first.
    waiting: VecDeque<Entry>,
    forget: Option<SystemTime>,
    is_failing: bool,
    n_lost: Arc<AtomicU64>,
    tell: Box<dyn Fn(State) + Send>,
    kept: Box<dyn Fn(Kept) + Send>,
}

impl Writer {
    fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            let wait = match (self.is_failing, self.forget) {
                (true, _) => Some(RETRY),
                (false, Some(_)) => Some(Duration::ZERO),
                (false, None) => None,
            };
            let order = match wait {
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => orders.recv_timeout(wait),
            };
            match order {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            for order in orders.try_iter().take(LOT) {
                self.take(order);
            }
            self.work();
        }
        self.forget = None;
        self.work();
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Add(entry) if self.waiting.len() < MOST_ORDERS => self.waiting.push_back(*entry),
            Order::Add(_) => {
                self.n_lost.fetch_add(1, Ordering::Relaxed);
            }
            Order::Forget(before) => self.forget = Some(before),
        }
    }

    fn work(&mut self) {
        match self.write() {
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                let n_lost = self.n_lost.swap(0, Ordering::Relaxed);
                (self.tell)(State::Writing { n_lost });
            }
            Ok(()) => {}
            Err(why) => {
                // A file that was moved away or has no room is opened anew.
                self.book = None;
                if !std::mem::replace(&mut self.is_failing, true) {
                    let why = why.to_string();
                    (self.tell)(State::Failing { why });
                }
            }
        }
    }

    fn write(&mut self) -> Result<(), Error> {
        let book = match &mut self.book {
            Some(book) => book,
            none => none.insert(Book::open(&self.path)?),
        };
        while !self.waiting.is_empty() {
            let n = self.waiting.len().min(LOT);
            let ids = book.add(&self.waiting.make_contiguous()[..n])?;
            for (id, entry) in ids.into_iter().zip(self.waiting.drain(..n)) {
                (self.kept)(Kept { id, entry });
            }
        }
        let Some(before) = self.forget else {
            return Ok(());
        };
        if book.forget(before, LOT)? < LOT {
            self.forget = None;
            book.shrink()?;
        }
        Ok(())
    }
}

/// Gives the damaged file, and what belongs to it, another name.
fn put_aside(path: &Path) -> Result<PathBuf, Error> {
    let failed = |why: std::io::Error| Error::Unusable(path.to_owned(), why.to_string());
    let named = |n: u32, end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".broken-{n}{end}"));
        PathBuf::from(name)
    };
    let free = (1..=MOST_BROKEN).find(|n| !named(*n, "").exists());
    let n = free.unwrap_or(MOST_BROKEN);
    for end in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(end);
        let beside = PathBuf::from(beside);
        if beside.exists() {
            std::fs::rename(beside, named(n, end)).map_err(failed)?;
        }
    }
    let aside = named(n, "");
    std::fs::rename(path, &aside).map_err(failed)?;
    Ok(aside)
}

/// A busy day's worth.
const MOST_ORDERS: usize = 10_000;
/// What is written at once.
const LOT: usize = 500;
const RETRY: Duration = Duration::from_secs(2);
/// Then the last of them makes room.
const MOST_BROKEN: u32 = 9;
