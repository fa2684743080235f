//! How does the daemon hold what speaks with the broker?
//!
//! It has a thread and a runtime of its own, as the HTTP side has: whatever the broker does never
//! delays SIP or sound.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::mpsc::{self, UnboundedSender, unbounded_channel};

use super::clerk::Clerk;
use super::counts::{Counts, count};
use super::settings::Settings;
use crate::api::{Ask, BrokerFigures, News};

/// The thread, which lives as long as the daemon; dropping it ends it.
#[derive(Debug)]
pub struct Client {
    orders: UnboundedSender<Order>,
    news: mpsc::Sender<News>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// What is asked of the thread.
#[derive(Debug)]
pub(super) enum Order {
    /// These settings hold from now on; none is no broker.
    Follow(Box<Option<Settings>>),
    End,
}

/// Whether the broker is told how things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is; says where.
    Up(String),
    /// It is not, or commands do not come; says why.
    Down(String),
    /// It shall not be any more.
    Gone,
}

impl Client {
    /// Starts the thread, which asks the daemon by `asks` and says how it fares by `states`.
    ///
    /// # Errors
    /// No thread.
    pub fn start(asks: mpsc::Sender<Ask>, states: UnboundedSender<State>) -> io::Result<Self> {
        let (orders, ordered) = unbounded_channel();
        let (news, news_rx) = mpsc::channel(MOST_NEWS);
        let counts = Arc::new(Counts::default());
        let clerk_counts = Arc::clone(&counts);
        let thread = std::thread::Builder::new().name("mqtt".to_owned());
        let thread = thread.spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => {
                    runtime.block_on(async {
                        let clerk = Clerk::new(asks, states, clerk_counts);
                        clerk.run(ordered, news_rx).await;
                    });
                    runtime.shutdown_timeout(LINGER);
                }
                Err(why) => tracing::error!("mqtt: nothing is told: {why}"),
            }
        })?;
        Ok(Self {
            orders,
            news,
            counts,
            thread: Some(thread),
        })
    }

    /// Follows other settings; none takes away what was published and ends the connection.
    pub fn follow(&self, settings: Option<Settings>) {
        self.orders.send(Order::Follow(Box::new(settings))).ok();
    }

    /// Tells whoever listens, and has a look at how things stand; never waits.
    pub fn publish(&self, what: News) {
        if self.news.try_send(what).is_err() {
            count(&self.counts.lost);
        }
    }

    /// What has passed.
    pub fn figures(&self) -> BrokerFigures {
        self.counts.figures()
    }

    /// Says good-bye, and waits for that, but not for long.
    pub fn stop(&mut self) {
        self.orders.send(Order::End).ok();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("mqtt: the thread has panicked");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What waits to be told; the state itself is looked at anew all the same.
const MOST_NEWS: usize = 1_024;

/// How long a name that is looked up holds up the end.
const LINGER: Duration = Duration::from_millis(300);
