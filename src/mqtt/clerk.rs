//! What is done between the daemon and the broker, one thing after the other?

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until};

use super::board::Board;
use super::carrier::{self, Asks, Command, Reply};
use super::client::{Order, State};
use super::counts::{Counts, count};
use super::discovery::Device;
use super::picture::{self, ONLINE, json};
use super::settings::{Link, Settings};
use super::topics::{self, ANSWER, AVAILABILITY, EVENT};
use super::wire::{Farewell, Heard, Message, Wire};
use super::wish;
use crate::api::{self, Disk, Music, News, Page, Problem, Site};
use crate::base::Backoff;

/// The only one who speaks with the broker.
pub(super) struct Clerk {
    settings: Option<Settings>,
    asks: Asks,
    states: UnboundedSender<State>,
    counts: Arc<Counts>,
    board: Board,
    wire: Option<Wire>,
    /// Since everything is listened to.
    up_since: Option<Instant>,
    backoff: Backoff,
    retry_at: Instant,
    /// When to look how things stand.
    look_at: Instant,
    is_looking: bool,
    /// When there may be room again.
    room_at: Option<Instant>,
    disk: Arc<Disk>,
    looks: (mpsc::Sender<Look>, mpsc::Receiver<Look>),
    commands: mpsc::Sender<Command>,
    replies: mpsc::Receiver<Reply>,
    grumble: Grumble,
    /// Somebody else uses our topic, which was told.
    is_doubled: bool,
}

/// How things stand, if the daemon has answered.
type Look = Option<Box<(Site, Music)>>;

/// An event as it is published: as that of `/v1/events`, but for the id.
#[derive(Serialize)]
struct Told<'a> {
    at: String,
    #[serde(flatten)]
    what: &'a News,
}

/// What came of a command, as it is published.
#[derive(Serialize)]
struct Answered<'a> {
    /// The topic of the command, behind our beginning.
    command: &'a str,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a Page>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a Problem>,
}

impl Clerk {
    pub(super) fn new(
        asks: mpsc::Sender<api::Ask>,
        states: UnboundedSender<State>,
        counts: Arc<Counts>,
    ) -> Self {
        let asks = Asks::new(asks);
        let (commands, commanded) = mpsc::channel(MOST_COMMANDS);
        let (replied, replies) = mpsc::channel(MOST_COMMANDS);
        tokio::spawn(carrier::run(asks.clone(), commanded, replied));
        let now = Instant::now();
        Self {
            settings: None,
            asks,
            states,
            counts,
            board: Board::default(),
            wire: None,
            up_since: None,
            backoff: Backoff::default(),
            retry_at: now,
            look_at: now,
            is_looking: false,
            room_at: None,
            disk: Arc::default(),
            looks: mpsc::channel(1),
            commands,
            replies,
            grumble: Grumble::default(),
            is_doubled: false,
        }
    }

    /// Works until it is told to end, and then says good-bye.
    pub(super) async fn run(
        mut self,
        mut orders: UnboundedReceiver<Order>,
        mut news: mpsc::Receiver<News>,
    ) {
        loop {
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Follow(settings)) => self.follow(*settings).await,
                    Some(Order::End) | None => break,
                },
                heard = next(&mut self.wire) => self.heard(heard),
                Some(reply) = self.replies.recv() => self.reply(reply),
                Some(look) = self.looks.1.recv() => self.looked(look),
                Some(what) = news.recv() => self.news(&what),
                () = sleep_until(wake_at) => {}
            }
            self.tend(Instant::now());
        }
        if let Some(wire) = self.wire.take() {
            wire.close(Vec::new(), Farewell::Told).await;
        }
    }

    fn wake_at(&self) -> Instant {
        let seldom = Instant::now() + SELDOM;
        if self.settings.is_none() {
            return seldom;
        }
        if self.wire.is_none() {
            return self.retry_at;
        }
        let is_idle = self.up_since.is_some() && !self.is_looking;
        let look_at = is_idle.then_some(self.look_at);
        [look_at, self.room_at]
            .into_iter()
            .flatten()
            .fold(seldom, Instant::min)
    }

    /// A broker that stays is not left.
    async fn follow(&mut self, settings: Option<Settings>) {
        let old = self.settings.take();
        let before = old.as_ref().map(|it| &it.link);
        let after = settings.as_ref().map(|it| &it.link);
        if before == after {
            self.settings = settings;
            self.look_at = Instant::now();
            return;
        }
        let stays = |old: &Link, new: &Link| old.broker == new.broker && old.places == new.places;
        let stays = before.zip(after).is_some_and(|(old, new)| stays(old, new));
        self.leave(stays).await;
        if settings.is_none() && old.is_some() {
            self.state(State::Gone);
        }
        self.settings = settings;
        self.backoff = Backoff::default();
        self.retry_at = Instant::now();
    }

    /// Ends the connection; what was published goes with it unless it is published there again.
    async fn leave(&mut self, stays: bool) {
        self.down();
        let Some(wire) = self.wire.take() else {
            return;
        };
        if stays {
            return wire.close(Vec::new(), Farewell::Told).await;
        }
        let posts = std::mem::take(&mut self.board).leave();
        wire.close(posts, Farewell::Silent).await;
    }

    fn down(&mut self) {
        self.up_since = None;
        self.room_at = None;
        self.counts.is_connected.store(false, Ordering::Relaxed);
    }

    /// Does whatever is due.
    fn tend(&mut self, now: Instant) {
        if self.wire.is_none() && self.retry_at <= now {
            self.connect();
        }
        if self.up_since.is_none() {
            return;
        }
        if !self.is_looking && self.look_at <= now {
            self.look();
        }
        self.post(now);
    }

    fn connect(&mut self) {
        let Some(settings) = &self.settings else {
            return;
        };
        match Wire::open(&settings.link) {
            Ok(wire) => self.wire = Some(wire),
            Err(why) => self.failed(why),
        }
    }

    fn failed(&mut self, why: String) {
        let up_since = self.up_since.take();
        self.down();
        // One that throws us out again and again is not pestered.
        if up_since.is_some_and(|since| since.elapsed() >= STEADY) {
            self.backoff.succeeded();
        }
        let chance = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
        self.retry_at = Instant::now() + self.backoff.failed(chance);
        self.state(State::Down(format!("{why}; it is tried again")));
    }

    fn state(&self, state: State) {
        // A daemon that is ending does not hear it.
        self.states.send(state).ok();
    }

    fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Up => {
                self.board.forget();
                if let (Some(wire), Some(settings)) = (&self.wire, &self.settings) {
                    wire.listen(settings.link.places.filters());
                }
            }
            Heard::Listening(may) => self.listening(may),
            Heard::Message(message) => self.message(message),
            Heard::Forbidden => self.forbidden(),
            Heard::Down(why) => {
                self.wire = None;
                self.failed(why);
            }
        }
    }

    fn listening(&mut self, may: bool) {
        let now = Instant::now();
        self.up_since = Some(now);
        self.look_at = now;
        self.counts.is_connected.store(true, Ordering::Relaxed);
        let Some(settings) = &self.settings else {
            return;
        };
        let broker = &settings.link.broker;
        let state = if may {
            State::Up(format!("{broker} is told how things stand"))
        } else {
            let filters = settings.link.places.filters().join(", ");
            State::Down(format!(
                "{broker} does not let us listen to {filters}, so that no command comes; allow it \
                 there"
            ))
        };
        self.state(state);
    }

    /// Whoever looks after the broker has to know; the next connection may do better.
    fn forbidden(&mut self) {
        let Some(settings) = &self.settings else {
            return;
        };
        let Link { broker, places, .. } = &settings.link;
        let own = places.own("#");
        let device = places.device().map(|it| format!(" and {it}"));
        let device = device.unwrap_or_default();
        self.state(State::Down(format!(
            "{broker} does not let us publish to all of {own}{device}; allow it there"
        )));
    }

    fn message(&mut self, message: Message) {
        let Some(settings) = &self.settings else {
            return;
        };
        let places = &settings.link.places;
        if places.birth().is_some_and(|topic| topic == message.topic) {
            if message.payload == ONLINE.as_bytes() {
                self.board.introduce();
            }
            return;
        }
        let is_device = places.device().is_some_and(|it| it == message.topic);
        let rest = places.rest(&message.topic).map(str::to_owned);
        let is_command = rest.as_deref().is_some_and(wish::is_command);
        if message.is_retained {
            self.board
                .found(&message.topic, &message.payload, is_device);
        }
        match rest {
            Some(rest) if message.is_retained && is_command => self.reply(Reply {
                rest,
                correlation: message.correlation,
                outcome: Err(Problem::unusable(
                    "a command that is retained would be carried out at each connection; send it \
                     without",
                )),
            }),
            Some(rest) if !message.is_retained => self.command(rest, message),
            Some(_) | None => {}
        }
    }

    fn command(&mut self, rest: String, message: Message) {
        if topics::is_told(&rest) {
            self.suspect(&rest, &message.payload);
            return;
        }
        let who = self.settings.as_ref().and_then(|it| it.house.who.clone());
        let command = Command {
            rest,
            payload: message.payload,
            correlation: message.correlation,
            who,
        };
        count(&self.counts.commands);
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command) {
            self.reply(Reply {
                rest: command.rest,
                correlation: command.correlation,
                outcome: Err(Problem::too_many("too many commands wait; send fewer")),
            });
        }
    }

    /// Nobody but us says there that we are online.
    fn suspect(&mut self, rest: &str, payload: &[u8]) {
        if rest == AVAILABILITY && payload == ONLINE.as_bytes() && !self.is_doubled {
            self.is_doubled = true;
            tracing::warn!("mqtt: another daemon uses our topic; give each a topic of its own");
        }
    }

    /// Tells whoever asked, and the log if it was not done.
    fn reply(&mut self, reply: Reply) {
        let (page, problem) = match &reply.outcome {
            Ok(page) => (page.as_ref(), None),
            Err(problem) => (None, Some(problem)),
        };
        if let Some(problem) = problem {
            count(&self.counts.refused);
            self.grumble
                .say(&reply.rest, problem.detail(), Instant::now());
        }
        let answered = Answered {
            command: &reply.rest,
            done: problem.is_none(),
            page,
            problem,
        };
        self.tell(ANSWER, &json(&answered), reply.correlation);
        self.look_soon();
    }

    fn news(&mut self, what: &News) {
        if self.up_since.is_none() {
            return;
        }
        let at = api::written(Timestamp::now());
        self.tell(EVENT, &json(&Told { at, what }), None);
        self.look_soon();
    }

    fn tell(&self, rest: &str, text: &str, correlation: Option<Vec<u8>>) {
        let (Some(wire), Some(settings)) = (&self.wire, &self.settings) else {
            return;
        };
        let topic = settings.link.places.own(rest);
        let counter = match wire.tell(&topic, text, correlation) {
            true => &self.counts.published,
            false => &self.counts.lost,
        };
        count(counter);
    }

    /// What comes in a rush is looked at once.
    fn look_soon(&mut self) {
        self.look_at = self.look_at.min(Instant::now() + SOON);
    }

    fn look(&mut self) {
        let Some(settings) = &self.settings else {
            return;
        };
        self.is_looking = true;
        self.look_at = Instant::now() + SELDOM;
        let (asks, disk) = (self.asks.clone(), Arc::clone(&self.disk));
        let folder = settings.house.state_dir.clone();
        let looks = self.looks.0.clone();
        tokio::spawn(async move {
            let look = async {
                let (mut site, music) = (asks.look().await?, asks.music().await?);
                if let Some(folder) = folder {
                    site.parts.push(disk.part(&folder).await.0);
                }
                Some(Box::new((site, music)))
            };
            // One who has ended does not want it.
            looks.send(look.await).await.ok();
        });
    }

    fn looked(&mut self, look: Look) {
        self.is_looking = false;
        let Some(settings) = &self.settings else {
            return;
        };
        let Some(look) = look else {
            self.look_at = Instant::now() + AGAIN;
            return;
        };
        let (site, music) = *look;
        let places = &settings.link.places;
        let states = picture::states(&site, &music).into_iter();
        let states: BTreeMap<String, String> = states
            .map(|(rest, text)| (places.own(&rest), text))
            .collect();
        let device = Device::new(places, &settings.house, &site, &music);
        self.board.want(states, device);
    }

    /// Publishes what differs, as far as there is room.
    fn post(&mut self, now: Instant) {
        let Some(wire) = &self.wire else {
            return;
        };
        self.room_at = None;
        while let Some(post) = self.board.next() {
            if !wire.post(&post) {
                self.room_at = Some(now + ROOM);
                return;
            }
            count(&self.counts.published);
            self.board.posted(post);
        }
    }
}

/// What comes by the wire; nothing while there is none.
async fn next(wire: &mut Option<Wire>) -> Heard {
    let Some(wire) = wire else {
        return std::future::pending().await;
    };
    let heard = wire.heard.recv().await;
    heard.unwrap_or_else(|| Heard::Down("the connection has ended".to_owned()))
}

/// Tells of refused commands, and of a flood of them not more than a few lines a minute.
#[derive(Debug, Default)]
struct Grumble {
    since: Option<Instant>,
    n: u32,
}

impl Grumble {
    fn say(&mut self, command: &str, why: &str, now: Instant) {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= MINUTE;
        if self.since.is_none_or(is_over) {
            *self = Self {
                since: Some(now),
                n: 0,
            };
        }
        self.n += 1;
        match self.n {
            ..=MOST_LINES => {
                let command: String = command.chars().take(100).collect();
                tracing::warn!("mqtt: {command:?} is refused: {why}");
            }
            TOO_MANY_LINES => tracing::warn!("mqtt: further commands are refused in this minute"),
            _ => {}
        }
    }
}

const MOST_LINES: u32 = 10;
const TOO_MANY_LINES: u32 = MOST_LINES + 1;
const MINUTE: Duration = Duration::from_secs(60);

/// Commands that wait for the daemon.
const MOST_COMMANDS: usize = 64;

/// Short for a person, long for a rush of events.
const SOON: Duration = Duration::from_millis(50);

/// How often to look while nothing is told, such as at the disk.
const SELDOM: Duration = Duration::from_secs(15);

/// After a look that the daemon had no time for.
const AGAIN: Duration = Duration::from_secs(1);

/// While the broker takes no more.
const ROOM: Duration = Duration::from_millis(20);

/// A connection that lasts so long has worked.
const STEADY: Duration = Duration::from_secs(30);
