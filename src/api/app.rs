//! What do all requests share?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::ask::{Answer, Ask, Question, refused};
use super::bulletin::Bulletin;
use super::disk::Disk;
use super::keys::Keys;
use super::limits::Limits;
use super::problem::Problem;
use super::sessions::Sessions;
use super::settings::Settings;
use super::site::{Condition, Part, Site};
use super::time;

/// Shared by the server, its connections and all requests.
#[derive(Debug)]
pub(super) struct App {
    settings: RwLock<Arc<Settings>>,
    asks: mpsc::Sender<Ask>,
    pub(super) bulletin: Bulletin,
    pub(super) limits: Mutex<Limits>,
    pub(super) keys: Mutex<Keys>,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) disk: Disk,
    pub(super) counts: Counts,
    /// Whoever looks whether something is as it was, and then changes it, holds this.
    pub(super) changes: tokio::sync::Mutex<()>,
    /// Requests that read the history at the same time.
    pub(super) readers: Semaphore,
    /// Sounds that come in, or are made, at the same time.
    pub(super) uploads: Semaphore,
    /// Requests that are served at the same time.
    pub(super) running: Semaphore,
    /// Connections that are open at the same time.
    pub(super) connections: Arc<Semaphore>,
    /// Those who speak a page over a connection, or are about to.
    pub(super) speakers: Arc<Semaphore>,
    /// Addresses that cannot be listened at, and since when.
    troubles: Mutex<BTreeMap<SocketAddr, (String, Timestamp)>>,
    /// True once the server is to end.
    pub(super) ending: watch::Sender<bool>,
}

/// What is counted here since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// By the hundreds of the status.
    pub(super) answered: [AtomicU64; 6],
    pub(super) too_many: AtomicU64,
    pub(super) turned_away: AtomicU64,
    pub(super) subscribers: AtomicU64,
    pub(super) dropped: AtomicU64,
    /// Connections whose other end read nothing.
    pub(super) stalled: AtomicU64,
}

impl App {
    pub(super) fn new(settings: Settings, asks: mpsc::Sender<Ask>, now: Timestamp) -> Self {
        Self {
            bulletin: Bulletin::new(settings.past.as_ref().map_or(0, |it| it.newest), now),
            settings: RwLock::new(Arc::new(settings)),
            asks,
            limits: Mutex::default(),
            keys: Mutex::default(),
            sessions: Mutex::default(),
            disk: Disk::default(),
            counts: Counts::default(),
            changes: tokio::sync::Mutex::new(()),
            readers: Semaphore::new(MOST_READERS),
            uploads: Semaphore::new(MOST_UPLOADS),
            running: Semaphore::new(MOST_RUNNING),
            connections: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            speakers: Arc::new(Semaphore::new(MOST_SPEAKERS)),
            troubles: Mutex::default(),
            ending: watch::Sender::new(false),
        }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        let settings = self.settings.read();
        Arc::clone(&settings.unwrap_or_else(PoisonError::into_inner))
    }

    /// As many permits as there are while nobody is connected.
    pub(super) fn all_connections(&self) -> usize {
        MOST_CONNECTIONS
    }

    pub(super) fn adapt(&self, settings: Settings) {
        let mut known = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *known = Arc::new(settings);
    }

    /// Asks the daemon.
    ///
    /// # Errors
    /// 503 when it does not answer in time.
    pub(super) async fn ask(&self, question: Question) -> Result<Answer, Problem> {
        self.ask_for(question, PATIENCE).await
    }

    /// As `ask`, of what takes a while.
    ///
    /// # Errors
    /// 503 when it does not answer in time.
    pub(super) async fn ask_long(&self, question: Question) -> Result<Answer, Problem> {
        self.ask_for(question, LONG_PATIENCE).await
    }

    async fn ask_for(&self, question: Question, patience: Duration) -> Result<Answer, Problem> {
        let (answer, answered) = oneshot::channel();
        let asking = async {
            self.asks.send(Ask { question, answer }).await.ok()?;
            answered.await.ok()
        };
        let answer = timeout(patience, asking).await.ok().flatten();
        answer.ok_or_else(|| Problem::unavailable("the daemon does not answer; try again"))
    }

    /// Waits until the server is to end.
    pub(super) async fn ended(&self) {
        let mut ending = self.ending.subscribe();
        // Without a sender there is no server either.
        let _ = ending.wait_for(|ends| *ends).await;
    }

    /// How things stand; the parts that only the server knows are among them.
    pub(super) async fn look(&self) -> Result<Site, Problem> {
        let answer = self.ask(Question::Look).await?;
        let Answer::Site(mut site) = answer else {
            return Err(refused(answer));
        };
        let (parts, disk_free) = self.parts().await;
        site.parts.extend(parts);
        site.figures.disk_free = disk_free;
        Ok(*site)
    }

    /// With the bytes that are free on the disk.
    async fn parts(&self) -> (Vec<Part>, Option<u64>) {
        let mut parts: Vec<Part> = Vec::new();
        let mut disk_free = None;
        if let Some(folder) = &self.settings().state_dir {
            let (part, free) = self.disk.part(folder).await;
            parts.push(part);
            disk_free = free;
        }
        let troubles = lock(&self.troubles);
        parts.extend(troubles.iter().map(|(address, (reason, since))| Part {
            name: format!("http {address}"),
            state: Condition::Degraded,
            reason: reason.clone(),
            since: time::written(*since),
        }));
        (parts, disk_free)
    }

    /// Whether this is news.
    pub(super) fn trouble(&self, address: SocketAddr, reason: Option<String>) -> bool {
        let mut troubles = lock(&self.troubles);
        match reason {
            None => troubles.remove(&address).is_some(),
            Some(reason) => {
                let is_new = !troubles.contains_key(&address);
                let entry = troubles.entry(address);
                entry.or_insert_with(|| (reason, Timestamp::now()));
                is_new
            }
        }
    }
}

impl Counts {
    pub(super) fn answered(&self, status: u16) {
        let at = usize::from(status / 100).min(self.answered.len() - 1);
        count(&self.answered[at]);
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What a panic has left locked is as whole as before.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The daemon answers within milliseconds; when it does not, a person wants to know.
const PATIENCE: Duration = Duration::from_secs(5);

/// To write down and decode what is long.
const LONG_PATIENCE: Duration = Duration::from_secs(30);

const MOST_RUNNING: usize = 128;

/// Twice as many as the core lets speak.
const MOST_SPEAKERS: usize = 64;
/// So many that one slow search holds up nobody.
const MOST_READERS: usize = 4;

/// Each is in memory.
const MOST_UPLOADS: usize = 2;

/// Subscribers included.
const MOST_CONNECTIONS: usize = 1_024;
