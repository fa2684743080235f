//! How does a program talk with callers by the text protocol of relays?
//!
//! ```text
//!  ── CALL:0912341234 ──►          ◄── CALL_ANS:c1-7 ──  or CALL_IGNORE:, CALL_FAILED:
//!  somebody calls                  ◄── RING_ANS:0912341234##c1-8 ──
//!  ── RTP:c1-8##BASE64 ──►         ◄── RTP:HEX ──
//!  ── HANGUP:c1-8 ──►              ◄── BYE:c1-8 ──
//! ```
//!
//! Which message means what, and where the protocol leaves it open, stands in `docs/relay.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at};

use super::app::App;
use super::ask::{Answer, Question};
use super::desk::{CallTold, Chosen, Drive, Ear, Happening, Mouth, Told, choose};
use super::door::Who;
use super::extract::Asked;
use super::problem::Problem;
use super::relay_words::{Command, RelayForm, Saying, said, sound};
use super::socket::{ALIVE, TOO_SLOW, close};
use super::stream::{no_upgrade, send};
use super::upgrade::Upgrade;
use crate::control::{Denied, DriverId, Role};

/// Which relay, and in which form it sends sound.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RelayWanted {
    /// NAME of `[relay:NAME]`; may be left out where there is only one.
    #[serde(default)]
    #[param(max_length = 255)]
    relay: Option<String>,
    /// How sound comes: `hex` as `RTP:HEX`, `base64` as `RTP:ID##BASE64`, `binary` as a binary
    /// message `RTP:ID##` with the samples behind it.
    #[serde(default)]
    rtp: RelayForm,
    /// Keys are told too, as `DTMF:ID##KEY`.
    #[serde(default)]
    dtmf: bool,
}

/// Talks with callers: a WebSocket with the text protocol of relays; takes the role operator.
///
/// Messages are text, such as `CALL:0912341234` and `RING_ANS:0912341234##c67412f3a-8`; those with
/// sound may be binary. The protocol stands in docs/relay.md.
#[utoipa::path(get, path = "/relay", tag = "programs", params(RelayWanted), responses(
    Upgrade,
    (status = 404, description = "There is no such relay", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn relay(
    State(app): State<Arc<App>>,
    who: Who,
    Asked(wanted): Asked<RelayWanted>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let known = app.settings().relays.clone();
    let desk = match choose("relay", &known, wanted.relay.as_deref()) {
        Chosen::Desk(desk) => desk,
        Chosen::Not(why) => return Err(Problem::plain(StatusCode::NOT_FOUND, why)),
    };
    let upgrade = upgrade.map_err(no_upgrade)?;
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE);
    Ok(upgrade.on_upgrade(async move |socket| {
        let (ear, hears) = Ear::new();
        let attached = app.ask(Drive::Attach { desk, ear }.by(&who)).await;
        let Ok(Answer::Attached(driver)) = attached else {
            return close(
                socket,
                close_code::AGAIN,
                "the relay is not there; try again",
            )
            .await;
        };
        let session = Session {
            app,
            who,
            wanted,
            driver,
            calls: BTreeMap::new(),
            last: None,
            is_dialling: false,
        };
        session.run(socket, hears).await;
    }))
}

/// One program.
struct Session {
    app: Arc<App>,
    who: Who,
    wanted: RelayWanted,
    driver: DriverId,
    /// Those that are not over; with what one says into them once they are answered.
    calls: BTreeMap<Arc<str>, Option<Mouth>>,
    /// The call that was answered last.
    last: Option<Arc<str>>,
    /// Nothing has come of the last `CALL:` yet.
    is_dialling: bool,
}

impl Session {
    async fn run(mut self, mut socket: WebSocket, mut hears: mpsc::Receiver<Told>) {
        let app = Arc::clone(&self.app);
        let mut ended = std::pin::pin!(app.ended());
        let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
        loop {
            let answer = tokio::select! {
                told = hears.recv() => match told {
                    Some(told) => self.hear(told),
                    // The daemon has given up on us.
                    None => return close(socket, close_code::POLICY, TOO_SLOW).await,
                },
                came = socket.recv() => match came {
                    Some(Ok(Message::Text(text))) => self.obey(Command::read(&text)).await,
                    Some(Ok(Message::Binary(bytes))) => {
                        self.obey(Command::read_bytes(&bytes)).await
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
                _ = alive.tick() => Some(Message::Ping(Vec::new().into())),
                () = ended.as_mut() => {
                    return close(socket, close_code::AWAY, "the daemon ends").await;
                }
            };
            if let Some(answer) = answer
                && !send(&mut socket, answer).await
            {
                tracing::warn!("http: a program at a relay does not read and is dropped");
                return;
            }
        }
    }

    fn hear(&mut self, told: Told) -> Option<Message> {
        match told {
            Told::Sound { call, frames } => Some(sound(self.wanted.rtp, &call, &frames)),
            Told::Call(told) => self.hear_of(&told),
            // Of lines alone.
            Told::Stream { .. } => None,
        }
    }

    fn hear_of(&mut self, told: &CallTold) -> Option<Message> {
        let id = &told.id;
        match &told.what {
            Happening::Dials | Happening::Rings => {
                self.calls.insert(Arc::clone(id), None);
            }
            Happening::Answered(mouth) => {
                self.calls.insert(Arc::clone(id), mouth.clone());
                self.last = Some(Arc::clone(id));
            }
            Happening::Key(_) if !self.wanted.dtmf => return None,
            Happening::Key(_) => {}
            Happening::Over(_) => {
                self.calls.remove(id);
                self.last.take_if(|last| last == id);
            }
        }
        let saying = Saying::of(told)?;
        self.is_dialling &= !saying.is_about_dialling();
        Some(Message::Text(said(&saying).into()))
    }

    async fn obey(&mut self, command: Command) -> Option<Message> {
        match command {
            Command::Call(number) => self.call(number).await,
            Command::Sound(call, frames) => {
                self.say(call.as_deref(), &frames);
                None
            }
            Command::Answer(call) => {
                let what = Drive::Answer { call: call.clone() }.by(&self.who);
                let is_done = matches!(self.app.ask(what).await, Ok(Answer::Done));
                (!is_done).then(|| text(&Saying::RingIgnore(call)))
            }
            Command::Press(call, keys) => {
                let what = Drive::Press { call, keys }.by(&self.who);
                if !matches!(self.app.ask(what).await, Ok(Answer::Done)) {
                    tracing::debug!("http: a program presses keys in a call that is not answered");
                }
                None
            }
            Command::HangUp(call) => {
                let is_done = self.hang_up(&call).await;
                (!is_done).then(|| text(&Saying::Bye(call)))
            }
            Command::HangUpAll => {
                let all: Vec<Arc<str>> = self.calls.keys().cloned().collect();
                for call in all {
                    self.hang_up(&call).await;
                }
                None
            }
            Command::Strange(what) => {
                tracing::info!("http: a program at a relay says what nobody understands: {what:?}");
                None
            }
        }
    }

    /// One after the other: what comes of a call does not say which one it speaks of.
    async fn call(&mut self, number: String) -> Option<Message> {
        let failed = |status: u16, reason: &str| {
            let reason = reason.to_owned();
            Some(text(&Saying::CallFailed(status, reason)))
        };
        if self.is_dialling {
            return failed(491, "Request Pending");
        }
        let driver = self.driver;
        let what = Drive::Dial { driver, number }.by(&self.who);
        match self.app.ask(what).await {
            Ok(Answer::Done) => {
                self.is_dialling = true;
                None
            }
            Ok(Answer::Denied(Denied::TooMany, _)) => failed(486, "Busy Here"),
            Ok(Answer::Denied(Denied::Role(_), _)) => failed(403, "Forbidden"),
            Ok(_) | Err(_) => failed(503, "Service Unavailable"),
        }
    }

    async fn hang_up(&self, call: &str) -> bool {
        let question = Question::HangUp {
            who: self.who.clone(),
            call: call.to_owned(),
        };
        matches!(self.app.ask(question).await, Ok(Answer::Done))
    }

    /// Into that call, or the one that was answered last.
    fn say(&self, call: Option<&str>, frames: &[i16]) {
        let call = call.or(self.last.as_deref());
        let mouth = call.and_then(|call| self.calls.get(call));
        let Some(Some(mouth)) = mouth else {
            return;
        };
        let n_lost = mouth.say(frames);
        if n_lost > 0 {
            tracing::debug!(
                "http: a program says more than can be heard; {n_lost} samples are lost"
            );
        }
    }
}

fn text(saying: &Saying) -> Message {
    Message::Text(said(saying).into())
}

/// A minute of sound in base64 or hex.
const LONGEST_MESSAGE: usize = 2 << 20;
