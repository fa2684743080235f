//! How do commands reach the daemon, one after the other, and what comes of them?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::wish::{self, Wish};
use crate::api::{Answer, Ask, Music, OfMusic, Page, Problem, Question, Site, Who};

/// Something to be carried out.
#[derive(Debug)]
pub(super) struct Command {
    /// The topic behind our beginning.
    pub(super) rest: String,
    pub(super) payload: Vec<u8>,
    pub(super) correlation: Option<Vec<u8>>,
    /// Whose command it is, if it is anybody's.
    pub(super) who: Option<Who>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) rest: String,
    pub(super) correlation: Option<Vec<u8>>,
    /// The page that has begun, if one has.
    pub(super) outcome: Result<Option<Page>, Problem>,
}

/// The way to the daemon.
#[derive(Clone, Debug)]
pub(super) struct Asks(Arc<mpsc::Sender<Ask>>);

impl Asks {
    pub(super) fn new(asks: mpsc::Sender<Ask>) -> Self {
        Self(Arc::new(asks))
    }

    /// What the daemon answers.
    ///
    /// # Errors
    /// 503 when it does not in time.
    async fn ask(&self, question: Question) -> Result<Answer, Problem> {
        self.ask_for(question, PATIENCE).await
    }

    async fn ask_for(&self, question: Question, patience: Duration) -> Result<Answer, Problem> {
        let (answer, answered) = oneshot::channel();
        let asking = async {
            self.0.send(Ask { question, answer }).await.ok()?;
            answered.await.ok()
        };
        let answer = timeout(patience, asking).await.ok().flatten();
        answer.ok_or_else(|| Problem::unavailable("the daemon does not answer; try again"))
    }

    /// How things stand.
    pub(super) async fn look(&self) -> Option<Site> {
        match self.ask(Question::Look).await {
            Ok(Answer::Site(site)) => Some(*site),
            Ok(_) | Err(_) => None,
        }
    }

    /// What plays.
    pub(super) async fn music(&self) -> Option<Music> {
        match self.ask(Question::Music(OfMusic::All)).await {
            Ok(Answer::Music(music)) => Some(music),
            Ok(_) | Err(_) => None,
        }
    }

    async fn carry_out(&self, wish: Wish) -> Result<Option<Page>, Problem> {
        match wish {
            Wish::One(question) => {
                let patience = match is_slow(&question) {
                    true => LONG_PATIENCE,
                    false => PATIENCE,
                };
                self.ask_for(*question, patience).await?.accepted()
            }
            Wish::StopAll(who) => self.stop_all(&who).await.map(|()| None),
        }
    }

    /// Stops as many as it may; the first that it may not is the answer.
    async fn stop_all(&self, who: &Who) -> Result<(), Problem> {
        let busy = || Problem::unavailable("the daemon does not answer; try again");
        let site = self.look().await.ok_or_else(busy)?;
        let mut outcome = Ok(());
        for page in site.pages {
            let (who, page) = (who.clone(), page.id);
            let stopped = self.ask(Question::Stop { who, page }).await?.accepted();
            outcome = outcome.and(stopped.map(|_| ()));
        }
        outcome
    }
}

/// Carries out what comes, in its order, until nothing more can; what takes a while holds up none.
pub(super) async fn run(
    asks: Asks,
    mut commands: mpsc::Receiver<Command>,
    replies: mpsc::Sender<Reply>,
) {
    let slow = Arc::new(Semaphore::new(MOST_SLOW));
    while let Some(command) = commands.recv().await {
        let wish = wish::read(command.who.as_ref(), &command.rest, &command.payload);
        let answer = move |outcome| Reply {
            rest: command.rest,
            correlation: command.correlation,
            outcome,
        };
        let room = Arc::clone(&slow).try_acquire_owned();
        let outcome = match (wish, room) {
            (Ok(Wish::One(question)), Ok(room)) if is_slow(&question) => {
                let (asks, replies) = (asks.clone(), replies.clone());
                tokio::spawn(async move {
                    let outcome = asks.carry_out(Wish::One(question)).await;
                    drop(room);
                    // One who has ended does not want it.
                    replies.send(answer(outcome)).await.ok();
                });
                continue;
            }
            (Ok(Wish::One(question)), Err(_)) if is_slow(&question) => Err(Problem::too_many(
                "other texts and tones are being made; send it again",
            )),
            (Ok(wish), _) => asks.carry_out(wish).await,
            (Err(problem), _) => Err(problem),
        };
        if replies.send(answer(outcome)).await.is_err() {
            return;
        }
    }
}

/// Whether a sound has to be made for it first.
fn is_slow(question: &Question) -> bool {
    matches!(question, Question::Start { wanted, .. } if wanted.has_to_be_made())
}

/// As over HTTP.
const PATIENCE: Duration = Duration::from_secs(5);
const LONG_PATIENCE: Duration = Duration::from_secs(30);

/// Each takes a program and memory.
const MOST_SLOW: usize = 2;
