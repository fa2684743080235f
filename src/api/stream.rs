//! How do subscribers get events, as they happen and after a gap?

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, timeout};
use utoipa::ToSchema;

use super::app::{App, count};
use super::bulletin::{Missed, Told};
use super::extract::Asked;
use super::history::{self, HistoryEntry};
use super::mark::Mark;
use super::news::Event;
use super::problem::Problem;
use crate::store::Kept;

/// From where on.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// The id of the last event that is known; otherwise only what happens from now on is told.
    #[serde(default)]
    #[param(max_length = 37, pattern = "^[0-9]{1,18}(-[0-9]{1,18})?$")]
    after: Option<String>,
}

/// Events that were remembered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Events {
    items: Vec<Event>,
    /// For `after`: the last of the items, or the newest event.
    #[schema(examples("4711-17"))]
    last: String,
    /// Events before the last of the items were forgotten, but for those of the history.
    missed: bool,
}

/// What happens, as it happens: by WebSocket, as server-sent events, or a list of what is known.
///
/// A request for an upgrade gets a WebSocket, on which each message is an event. `Accept:
/// application/json` gets a list. All others get server-sent events. To go on after a break, send
/// the last id in the header `Last-Event-ID` or as `after`, also after a restart of the daemon. The
/// first message, `ready`, tells the newest id; `gap` tells that events were forgotten, of which
/// those of the history (`history`) follow; `dropped` that the subscriber was too slow.
#[utoipa::path(get, path = "/v1/events", tag = "events",
    params(Since, ("Last-Event-ID" = Option<String>, Header,
        description = "As after; counts before it", max_length = 37,
        pattern = "^[0-9]{1,18}(-[0-9]{1,18})?$")),
    responses(
    (status = 200, description = "Events", content(
        (Events = "application/json"),
        (String = "text/event-stream"),
    )),
    (status = 101, description = "A WebSocket on which each message is an event"),
))]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Asked(since): Asked<Since>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let after = last_event(&headers, since.after)?;
    if app.counts.subscribers.load(Ordering::Relaxed) >= MOST_SUBSCRIBERS {
        return Err(Problem::unavailable(
            "too many subscribers; end some of them",
        ));
    }
    if headers.contains_key(header::UPGRADE) {
        let (mut parts, _) = request.into_parts();
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &app).await;
        let upgrade = upgrade.map_err(no_upgrade)?;
        return Ok(upgrade
            .max_message_size(LONGEST_MESSAGE)
            .on_upgrade(move |socket| by_socket(app, socket, after)));
    }
    if wants_list(&headers) {
        return Ok(axum::Json(list(&app, after).await).into_response());
    }
    Ok(by_sse(app, after).into_response())
}

fn last_event(headers: &HeaderMap, after: Option<String>) -> Result<Option<Mark>, Problem> {
    let of_header = headers.get("last-event-id");
    let of_header = of_header.map(|id| id.to_str().unwrap_or("?").to_owned());
    let id = of_header.or(after).map(|id| id.parse()).transpose();
    id.map_err(|why: String| Problem::plain(StatusCode::BAD_REQUEST, why))
}

fn wants_list(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|it| it.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/event-stream")
}

pub(super) fn no_upgrade(why: WebSocketUpgradeRejection) -> Problem {
    let detail = format!("no WebSocket: {}; ask as RFC 6455 has it", why.body_text());
    Problem::plain(why.status(), detail)
}

async fn list(app: &App, after: Option<Mark>) -> Events {
    let newest = app.bulletin.newest();
    let (told, missed) = match app.bulletin.after(after.unwrap_or_default()) {
        Ok(told) => (told, false),
        Err(Missed { before }) => {
            let past = match after {
                Some(after) => past(app, after, before).await,
                None => Vec::new(),
            };
            let told = match past.is_empty() {
                true => app.bulletin.after(before).unwrap_or_default(),
                false => past,
            };
            (told, after.is_some())
        }
    };
    Events {
        last: told.last().map_or(newest, |it| it.id).to_string(),
        items: told.iter().map(|it| it.event.clone()).collect(),
        missed,
    }
}

/// What the history still knows of what came after one event, up to another. A history that cannot
/// be read was told of.
async fn past(app: &App, after: Mark, until: Mark) -> Vec<Arc<Told>> {
    let kept = history::between(app, after.row, until.row).await;
    let told = |kept: &Kept| {
        let row = u64::try_from(kept.id).unwrap_or(0);
        Arc::new(Told::entry(Mark { row, n: 0 }, HistoryEntry::new(kept)))
    };
    kept.unwrap_or_default().iter().map(told).collect()
}

/// One who listens.
struct Subscriber {
    app: Arc<App>,
    news: watch::Receiver<Mark>,
    ending: watch::Receiver<bool>,
    /// The last that it was told.
    last: Mark,
    waiting: Vec<Arc<Told>>,
    greeting: Option<Step>,
    /// It gets what the history knows before it gets what is remembered.
    is_behind: bool,
    is_over: bool,
}

/// The next thing to tell it.
enum Step {
    /// The newest id.
    Ready(Mark),
    /// Events before this one are forgotten.
    Gap(Mark),
    Event(Arc<Told>),
    /// It was too slow, and nothing follows.
    Dropped,
}

impl Subscriber {
    fn new(app: Arc<App>, after: Option<Mark>) -> Self {
        let news = app.bulletin.subscribe();
        let ending = app.ending.subscribe();
        count(&app.counts.subscribers);
        let newest = app.bulletin.newest();
        Self {
            last: after.unwrap_or(newest),
            greeting: Some(Step::Ready(newest)),
            waiting: Vec::new(),
            is_behind: false,
            is_over: false,
            app,
            news,
            ending,
        }
    }

    /// `None` when nothing will follow.
    async fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.greeting.take() {
            if let Step::Ready(_) = step
                && let Err(Missed { before }) = self.app.bulletin.after(self.last)
            {
                self.is_behind = true;
                self.greeting = Some(Step::Gap(before));
            }
            return Some(step);
        }
        loop {
            if self.is_over || *self.ending.borrow() {
                return None;
            }
            if let Some(told) = self.waiting.pop() {
                self.last = told.id;
                return Some(Step::Event(told));
            }
            self.news.borrow_and_update();
            match self.app.bulletin.after(self.last) {
                Ok(told) if told.is_empty() => self.is_behind = false,
                Ok(mut told) => {
                    self.is_behind = false;
                    told.reverse();
                    self.waiting = told;
                    continue;
                }
                Err(Missed { before }) if self.is_behind => {
                    self.catch_up(before).await;
                    continue;
                }
                Err(_) => {
                    self.is_over = true;
                    count(&self.app.counts.dropped);
                    tracing::warn!("http: a subscriber of events was too slow and is dropped");
                    return Some(Step::Dropped);
                }
            }
            tokio::select! {
                _ = self.news.changed() => {}
                _ = self.ending.changed() => {}
            }
        }
    }

    /// Goes on with what the history knows, or, at its end, with what is remembered.
    async fn catch_up(&mut self, before: Mark) {
        let mut told = past(&self.app, self.last, before).await;
        told.reverse();
        if told.is_empty() {
            self.last = before;
        }
        self.waiting = told;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.app.counts.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Step {
    /// What it is called, and what it says.
    fn told(&self) -> (&'static str, String) {
        match self {
            Self::Ready(newest) => ("ready", format!(r#"{{"type":"ready","id":"{newest}"}}"#)),
            Self::Gap(before) => (
                "gap",
                format!(
                    r#"{{"type":"gap","before":"{before}","reason":"events up to this one are forgotten, but for those of the history; list what is there"}}"#
                ),
            ),
            Self::Event(told) => (told.event.what.kind(), told.json.clone()),
            Self::Dropped => (
                "dropped",
                format!(r#"{{"type":"dropped","reason":"{TOO_SLOW}"}}"#),
            ),
        }
    }
}

fn by_sse(app: Arc<App>, after: Option<Mark>) -> impl IntoResponse {
    let subscriber = Subscriber::new(app, after);
    let stream = unfold(subscriber, |mut subscriber| async {
        let step = subscriber.next().await?;
        let (kind, text) = step.told();
        let mut event = sse::Event::default().event(kind).data(text);
        match &step {
            Step::Ready(newest) => event = event.retry(RETRY).id(newest.to_string()),
            Step::Event(told) => event = event.id(told.id.to_string()),
            Step::Gap(_) | Step::Dropped => {}
        }
        Some((Ok::<_, Infallible>(event), subscriber))
    });
    let sse = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE));
    // Proxies such as nginx would hold events back.
    ([("x-accel-buffering", "no")], sse)
}

async fn by_socket(app: Arc<App>, mut socket: WebSocket, after: Option<Mark>) {
    let mut subscriber = Subscriber::new(app, after);
    let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
    let close = loop {
        let sent = tokio::select! {
            step = subscriber.next() => {
                let Some(step) = step else {
                    break Some((close_code::AWAY, "the daemon ends"));
                };
                let is_last = matches!(step, Step::Dropped);
                let text = step.told().1;
                let sent = send(&mut socket, Message::Text(text.into())).await;
                if is_last {
                    break Some((close_code::POLICY, TOO_SLOW));
                }
                sent
            }
            came = socket.recv() => match came {
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                Some(Ok(_)) => true,
            },
            _ = alive.tick() => send(&mut socket, Message::Ping(Vec::new().into())).await,
        };
        if !sent {
            count(&subscriber.app.counts.dropped);
            tracing::warn!("http: a subscriber of events does not read and is dropped");
            break None;
        }
    };
    if let Some((code, reason)) = close {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        send(&mut socket, Message::Close(Some(frame))).await;
    }
}

/// Whether it was taken in time.
pub(super) async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())))
}

const TOO_SLOW: &str = "too slow: events were forgotten before they were read; \
                        go on with the id of the last one";

/// Proxies close what is silent for a minute.
const ALIVE: Duration = Duration::from_secs(15);

/// Who takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);

const MOST_SUBSCRIBERS: u64 = 512;

/// How long a browser waits before it asks again.
const RETRY: Duration = Duration::from_secs(2);

/// Subscribers have nothing to say.
const LONGEST_MESSAGE: usize = 4_096;
