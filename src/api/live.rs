//! How does a browser, or any program, speak a page?
//!
//! ```text
//!  ── {"type": "start", "rate": 48000, …} ──►
//!  ◄── {"type": "started", "page": {…}} ──     or refused, with the problem
//!  ◄── queued, speak, nearly-over, displaced ──
//!  ── samples ──► base::talk ─► a thread that makes a voice of them
//!  ── {"type": "stop"} ──►
//!  ◄── {"type": "over", "reason": …} ──
//! ```
//!
//! What the page may do and when it begins, `control` decides; here is only who speaks, and how
//! much at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{interval, timeout};
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, refused};
use super::door::Who;
use super::problem::Problem;
use super::site::Page;
use super::stream::{no_upgrade, send};
use super::upgrade::Upgrade;
use super::wanted::Busy;
use crate::base::{SampleRate, TalkRx, TalkTx, talk};
use crate::control::Role;

/// The first message on the WebSocket, with `"type": "start"`: which page to speak, and how the
/// sound comes.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveWanted {
    /// Samples a second: 8000, 16000, 22050, 24000, 32000, 44100 or 48000.
    #[schema(minimum = 8_000, maximum = 48_000, examples(48_000))]
    pub rate: u32,
    /// NAME of a `[page:NAME]`, which says what is left out here; otherwise all zones that the user
    /// may page, priority 100, no klaxon, waiting its turn.
    #[schema(min_length = 1, max_length = 255)]
    #[serde(default)]
    pub page: Option<String>,
    /// Zones by name.
    #[schema(min_items = 1, max_items = 512)]
    #[serde(default)]
    pub zones: Option<Vec<String>>,
    /// 200 and above is an emergency, which takes the role admin.
    #[schema(minimum = 0, maximum = 255)]
    #[serde(default)]
    pub priority: Option<u8>,
    /// Whether the klaxon sounds before.
    #[serde(default)]
    pub klaxon: Option<bool>,
    /// What it does when others are heard in its zones.
    #[serde(default)]
    pub busy: Option<Busy>,
}

/// What whoever speaks is told, each a message on the WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Hint {
    /// The page waits for so many others.
    Queued { before: usize },
    /// From now on, what is said is heard.
    Speak,
    /// The page will end before long.
    NearlyOver,
    /// Others have taken all zones; `speak` follows when one comes back.
    Displaced,
    /// The page is over; nothing follows.
    Over { reason: String },
}

/// Both ways between a connection and the page that is spoken over it.
#[derive(Debug)]
pub struct Line {
    pub talk: TalkRx,
    pub hints: UnboundedSender<Hint>,
}

/// What comes from whoever speaks, as text.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Wish {
    Start(LiveWanted),
    Stop,
}

/// The answer to `start`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Began {
    /// The page has begun, or waits its turn.
    Started { page: Page },
    /// There is no page; nothing follows.
    Refused { problem: Problem },
}

/// Speaks a page: a WebSocket that takes samples; takes the role operator.
///
/// The first message is text, `{"type": "start", …}` with the fields of `LiveWanted`. It is
/// answered by a message `Began`. Binary messages are samples of one channel, 16 bits each, the low
/// byte first, best 20 ms in each and never more than 16 kB. Messages `Hint` tell how things stand:
/// what is said before `speak` is for nobody. `{"type": "stop"}`, or the end of the connection, ends
/// the page, and so do five seconds without sound once it is heard.
#[utoipa::path(get, path = "/v1/pages/live", tag = "pages", responses(Upgrade))]
pub(super) async fn live(
    State(app): State<Arc<App>>,
    who: Who,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let upgrade = upgrade.map_err(no_upgrade)?;
    let room = Arc::clone(&app.speakers).try_acquire_owned();
    let room = room.map_err(|_| Problem::too_many("too many speak already; try later"))?;
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        by_socket(&app, who, socket).await;
        drop(room);
    }))
}

async fn by_socket(app: &App, who: Who, mut socket: WebSocket) {
    let began = begin(app, who, &mut socket).await;
    let (began, speaker) = match began {
        Some(Ok((page, speaker))) => (Began::Started { page }, Some(speaker)),
        Some(Err(problem)) => (Began::Refused { problem }, None),
        None => return,
    };
    if !tell(&mut socket, &began).await {
        return;
    }
    let close = match speaker {
        Some(speaker) => speaker.run(app, &mut socket).await,
        None => Some((close_code::POLICY, "refused")),
    };
    if let Some((code, reason)) = close {
        let reason = Utf8Bytes::from_static(reason);
        send(
            &mut socket,
            Message::Close(Some(CloseFrame { code, reason })),
        )
        .await;
    }
}

/// Asks for the page; `None` if the other end is gone.
async fn begin(
    app: &App,
    who: Who,
    socket: &mut WebSocket,
) -> Option<Result<(Page, Speaker), Problem>> {
    let first = loop {
        match timeout(PATIENCE, socket.recv()).await {
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            Ok(Some(Ok(first))) => break first,
            Ok(Some(Err(_)) | None) => return None,
            Err(_) => return Some(Err(unclear("nothing came within ten seconds"))),
        }
    };
    let wanted = match wanted(&first) {
        Ok(wanted) => wanted,
        Err(problem) => return Some(Err(problem)),
    };
    let rate = SampleRate::new(wanted.rate)?;
    let (talk, line) = talk(rate);
    let (hints_tx, hints) = unbounded_channel();
    let line = Line {
        talk: line,
        hints: hints_tx,
    };
    let question = Question::Speak { who, wanted, line };
    let answer = app.ask(question).await;
    Some(answer.and_then(|answer| {
        let Answer::Started(page) = answer else {
            return Err(refused(answer));
        };
        Ok((page, Speaker::new(talk, hints, rate)))
    }))
}

fn wanted(first: &Message) -> Result<LiveWanted, Problem> {
    let Message::Text(text) = first else {
        return Err(unclear("the first message is no text"));
    };
    let wanted = match serde_json::from_str(text) {
        Ok(Wish::Start(wanted)) => wanted,
        Ok(Wish::Stop) => return Err(unclear("nothing was started")),
        Err(why) => return Err(unclear(&why.to_string())),
    };
    if !RATES.contains(&wanted.rate) {
        let detail = format!("rate {} is not one of {RATES:?}", wanted.rate);
        return Err(unclear(&detail));
    }
    let zones = wanted.zones.as_ref();
    if zones.is_some_and(|zones| zones.is_empty() || zones.len() > 512) {
        return Err(unclear("zones is empty or too long"));
    }
    Ok(wanted)
}

fn unclear(why: &str) -> Problem {
    let detail =
        format!("{why}; send {{\"type\": \"start\", \"rate\": 48000, \"zones\": [\"…\"]}} first");
    Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Why the connection is closed, if that has to be told.
type Close = Option<(u16, &'static str)>;

/// One who speaks, or is about to.
struct Speaker {
    /// `None` once nothing more is taken.
    talk: Option<TalkTx>,
    hints: UnboundedReceiver<Hint>,
    flow: Flow,
    /// When the other end was last known to be there.
    seen_at: Instant,
}

impl Speaker {
    fn new(talk: TalkTx, hints: UnboundedReceiver<Hint>, rate: SampleRate) -> Self {
        let now = Instant::now();
        Self {
            talk: Some(talk),
            hints,
            flow: Flow::new(rate, now),
            seen_at: now,
        }
    }

    async fn run(mut self, app: &App, socket: &mut WebSocket) -> Close {
        let mut alive = interval(ALIVE);
        loop {
            tokio::select! {
                hint = self.hints.recv() => {
                    let Some(hint) = hint else {
                        return Some((close_code::AWAY, "the daemon ends"));
                    };
                    if !tell(socket, &hint).await {
                        self.end("the connection broke");
                        return None;
                    }
                    if matches!(hint, Hint::Over { .. }) {
                        return Some((close_code::NORMAL, "over"));
                    }
                }
                came = socket.recv() => {
                    self.seen_at = Instant::now();
                    match came {
                        Some(Ok(message)) => if let Next::Close(close) = self.take(message) {
                            return close;
                        },
                        Some(Err(_)) | None => {
                            self.end("the connection broke");
                            return None;
                        }
                    }
                }
                _ = alive.tick() => {
                    let is_gone = self.seen_at.elapsed() > GONE;
                    if is_gone || !send(socket, Message::Ping(Vec::new().into())).await {
                        self.end("the connection broke");
                        return None;
                    }
                }
                () = app.ended() => return Some((close_code::AWAY, "the daemon ends")),
            }
        }
    }

    fn take(&mut self, message: Message) -> Next {
        match message {
            Message::Binary(pcm) => match self.flow.take(pcm.len(), self.seen_at) {
                Flowing::Taken => {
                    if let Some(talk) = &self.talk {
                        // What does not fit is more than anybody could hear.
                        talk.offer(pcm.into(), self.seen_at);
                    }
                }
                Flowing::Dropped => {}
                Flowing::Flood => {
                    self.end("far more came than can be heard");
                    return Next::Close(Some((close_code::POLICY, "too much sound")));
                }
            },
            Message::Text(text) => match serde_json::from_str(&text) {
                // The page is over a moment later, and that is told.
                Ok(Wish::Stop) => self.end("the speaker let go"),
                Ok(Wish::Start(_)) | Err(_) => {
                    self.end("the speaker sent what makes no sense");
                    let why = "send samples, or {\"type\": \"stop\"}";
                    return Next::Close(Some((close_code::UNSUPPORTED, why)));
                }
            },
            Message::Close(_) => {
                self.end("the speaker let go");
                return Next::Close(None);
            }
            Message::Ping(_) | Message::Pong(_) => {}
        }
        Next::Go
    }

    fn end(&mut self, how: &str) {
        if let Some(talk) = self.talk.take() {
            talk.end(how);
        }
    }
}

/// Whether the connection stays.
enum Next {
    Go,
    Close(Close),
}

/// Bounds what is taken by what can be heard.
struct Flow {
    rate: f64,
    /// Samples that may come at once.
    left: f64,
    at: Instant,
    /// Of late.
    n_dropped: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flowing {
    Taken,
    Dropped,
    /// So much was dropped that it is no accident.
    Flood,
}

impl Flow {
    fn new(rate: SampleRate, now: Instant) -> Self {
        let rate = f64::from(rate.hz());
        Self {
            rate,
            left: rate * BURST,
            at: now,
            n_dropped: 0.0,
        }
    }

    fn take(&mut self, n_bytes: usize, now: Instant) -> Flowing {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.rate * FASTEST).min(self.rate * BURST);
        self.n_dropped = (self.n_dropped - passed * self.rate).max(0.0);
        let n = n_bytes as f64 / 2.0;
        if n <= self.left {
            self.left -= n;
            return Flowing::Taken;
        }
        self.n_dropped += n;
        if self.n_dropped > self.rate * MOST_DROPPED {
            return Flowing::Flood;
        }
        Flowing::Dropped
    }
}

/// Whether it was taken in time.
async fn tell(socket: &mut WebSocket, what: &impl Serialize) -> bool {
    let text = serde_json::to_string(what).unwrap_or_default();
    send(socket, Message::Text(text.into())).await
}

/// Those that microphones and speech programs have.
const RATES: [u32; 7] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Of sound: 170 ms at 48,000 a second.
const LONGEST_MESSAGE: usize = 16_384;

/// For the first message.
const PATIENCE: Duration = Duration::from_secs(10);

const ALIVE: Duration = Duration::from_secs(5);

/// Who has not even answered a ping for so long is gone.
const GONE: Duration = Duration::from_secs(15);

/// In seconds of sound: what a network that was away for a moment brings at once.
const BURST: f64 = 1.5;

/// No clock is so much faster than ours.
const FASTEST: f64 = 1.05;

/// In seconds of sound.
const MOST_DROPPED: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_heard_is_taken_a_burst_too_and_a_flood_ends_it() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut flow = Flow::new(SampleRate::HZ_16000, start);
        for n in 0..500 {
            assert_eq!(flow.take(640, at(n * 20)), Flowing::Taken);
        }
        // A second later, all that was held up.
        for _ in 0..50 {
            assert_eq!(flow.take(640, at(11_000)), Flowing::Taken);
        }
        let all: Vec<Flowing> = (0..2_000).map(|_| flow.take(640, at(11_000))).collect();
        assert!(all.contains(&Flowing::Dropped) && all.ends_with(&[Flowing::Flood]));
        let n_taken = all.iter().filter(|it| **it == Flowing::Taken).count();
        assert!(n_taken <= 75, "{n_taken} more frames were taken at once");
    }

    #[test]
    fn what_a_first_message_lacks_is_told_with_a_remedy() {
        let read = |text: &str| wanted(&Message::Text(text.into()));
        let full =
            read(r#"{"type":"start","rate":16000,"zones":["yard"],"klaxon":true,"busy":"reject"}"#);
        let full = full.unwrap();
        assert_eq!(
            (full.rate, full.klaxon, full.busy),
            (16_000, Some(true), Some(Busy::Reject))
        );
        for bad in [
            "",
            "{}",
            r#"{"type":"stop"}"#,
            r#"{"type":"start"}"#,
            r#"{"type":"start","rate":12345}"#,
            r#"{"type":"start","rate":0}"#,
            r#"{"type":"start","rate":48000,"zones":[]}"#,
            r#"{"type":"start","rate":48000,"volume":3}"#,
            r#"{"type":"start","rate":48000,"priority":256}"#,
        ] {
            assert_eq!(read(bad).unwrap_err().status(), 422, "{bad}");
        }
        let sound = wanted(&Message::Binary(vec![0; 4].into()));
        assert_eq!(sound.unwrap_err().status(), 422);
    }

    #[test]
    fn hints_are_told_by_their_type() {
        let told = |hint: Hint| serde_json::to_string(&hint).unwrap();
        assert_eq!(
            told(Hint::Queued { before: 2 }),
            r#"{"type":"queued","before":2}"#
        );
        assert_eq!(told(Hint::NearlyOver), r#"{"type":"nearly-over"}"#);
    }
}
