//! How does a program hear one call and speak to it, over a WebSocket?
//!
//! ```text
//!  ◄── {"type": "audio_start", "format": "pcmu", …} ──     once it is answered
//!  ◄── samples ──                  ── samples ──►
//!  ◄── {"type": "dtmf", "digit": "5"} ──
//!  ◄── {"type": "audio_stop", "reason": …} ──              it is over
//! ```

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at};
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, refused};
use super::calls::NOT_HELD;
use super::desk::{Ear, Format, Happening, Joined, Mouth, Told, Wire};
use super::door::Who;
use super::extract::Asked;
use super::problem::Problem;
use super::socket::{ALIVE, FRAMES_A_MS, TOO_SLOW, close, wrong};
use super::stream::{no_upgrade, send};
use super::time;
use super::upgrade::Upgrade;
use crate::control::{Denied, Role};

/// How sound is written into messages.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Sounding {
    /// `pcm16` unless said.
    #[serde(default)]
    format: Format,
    /// Milliseconds of sound in a message: a multiple of 20, 20 unless said.
    #[serde(default)]
    #[param(minimum = 20, maximum = 500, multiple_of = 20)]
    chunk_ms: Option<u16>,
}

/// What happens to a call, each a message on its WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct CallEvent {
    #[serde(flatten)]
    what: CallNews,
    /// The call.
    call: String,
    /// When (RFC 3339, UTC).
    #[schema(format = DateTime)]
    timestamp: String,
}

/// See `CallEvent`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CallNews {
    /// It is answered: both sides hear each other.
    AudioStart {
        format: Format,
        /// Samples a second.
        sample_rate: u32,
        /// Milliseconds of sound in a message.
        chunk_ms: u16,
    },
    /// The other side has pressed a key.
    Dtmf { digit: String },
    /// It is over, and nothing follows.
    AudioStop { reason: String },
}

/// Hears a call that programs hold, and speaks to it: a WebSocket; takes the role operator.
///
/// Text messages are `CallEvent`s; the first is `audio_start`, once the call is answered. Binary
/// messages, both ways, are sound of one channel at 8 kHz in that format, best 20 ms in each. As
/// many may join a call as like to; what they say is heard together. The connection ends with the
/// call.
#[utoipa::path(get, path = "/v1/calls/{id}/audio", tag = "calls",
    params(("id" = String, Path, description = "The call", max_length = 64), Sounding), responses(
    Upgrade,
    (status = 404, description = "No such call is held for programs", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn audio(
    State(app): State<Arc<App>>,
    who: Who,
    Path(call): Path<String>,
    Asked(wanted): Asked<Sounding>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let chunk_ms = wanted.chunk_ms.unwrap_or(USUAL_CHUNK);
    if !(20..=500).contains(&chunk_ms) || chunk_ms % 20 != 0 {
        let detail = "chunk_ms is no multiple of 20 up to 500; write e.g. 20";
        return Err(Problem::plain(StatusCode::BAD_REQUEST, detail));
    }
    let upgrade = upgrade.map_err(no_upgrade)?;
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE);
    let (ear, hears) = Ear::new();
    let question = Question::Join {
        who,
        call: call.clone(),
        format: wanted.format,
        ear,
    };
    let answer = app.ask(question).await?;
    if matches!(answer, Answer::Denied(Denied::Gone, _)) {
        return Err(Problem::not_found(NOT_HELD));
    }
    let Answer::Joined(joined) = answer else {
        return Err(refused(answer));
    };
    Ok(upgrade.on_upgrade(async move |socket| {
        let session = Session::new(call, chunk_ms, joined);
        session.run(&app, socket, hears).await;
    }))
}

/// One program that has joined a call.
struct Session {
    call: String,
    wire: Wire,
    chunk_ms: u16,
    /// Once it is answered.
    mouth: Option<Mouth>,
    /// For the next message.
    waiting: Vec<i16>,
}

/// Messages for the program, and whether they are the last.
type Answers = (Vec<Message>, bool);

impl Session {
    fn new(call: String, chunk_ms: u16, joined: Joined) -> Self {
        Self {
            call,
            wire: joined.wire,
            chunk_ms,
            mouth: joined.mouth,
            waiting: Vec::new(),
        }
    }

    async fn run(mut self, app: &App, mut socket: WebSocket, mut hears: mpsc::Receiver<Told>) {
        let mut ended = std::pin::pin!(app.ended());
        let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
        let is_answered = self.mouth.is_some();
        let mut answers: Answers = match is_answered {
            true => (vec![self.started(time::written(Timestamp::now()))], false),
            false => (Vec::new(), false),
        };
        loop {
            for answer in answers.0 {
                if !send(&mut socket, answer).await {
                    tracing::warn!("http: a program that has joined a call does not read; dropped");
                    return;
                }
            }
            if answers.1 {
                return close(socket, close_code::NORMAL, "the call is over").await;
            }
            answers = tokio::select! {
                told = hears.recv() => match told {
                    Some(told) => self.hear(told),
                    // The daemon has given up on us.
                    None => return close(socket, close_code::POLICY, TOO_SLOW).await,
                },
                came = socket.recv() => match came {
                    Some(Ok(Message::Binary(bytes))) => {
                        self.say(&bytes);
                        (Vec::new(), false)
                    }
                    Some(Ok(Message::Text(_))) => {
                        (vec![wrong("only sound is taken here; see /v1/calls")], false)
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => (Vec::new(), false),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
                _ = alive.tick() => (vec![Message::Ping(Vec::new().into())], false),
                () = ended.as_mut() => {
                    return close(socket, close_code::AWAY, "the daemon ends").await;
                }
            };
        }
    }

    fn hear(&mut self, told: Told) -> Answers {
        match told {
            Told::Sound { frames, .. } => (self.hear_sound(&frames), false),
            Told::Call(told) => match told.what {
                Happening::Dials | Happening::Rings => (Vec::new(), false),
                Happening::Answered(mouth) => {
                    self.mouth = mouth;
                    (vec![self.started(told.at)], false)
                }
                Happening::Key(key) => {
                    let digit = key.to_string();
                    (vec![self.event(CallNews::Dtmf { digit }, told.at)], false)
                }
                Happening::Over(parting) => {
                    let reason = parting.to_string();
                    let stopped = self.event(CallNews::AudioStop { reason }, told.at);
                    (vec![stopped], true)
                }
            },
            // Of lines alone.
            Told::Stream { .. } => (Vec::new(), false),
        }
    }

    fn hear_sound(&mut self, frames: &[i16]) -> Vec<Message> {
        self.waiting.extend_from_slice(frames);
        let n = usize::from(self.chunk_ms) * FRAMES_A_MS;
        let mut messages = Vec::new();
        while self.waiting.len() >= n {
            let chunk: Vec<i16> = self.waiting.drain(..n).collect();
            messages.push(Message::Binary((self.wire.write)(&chunk).into()));
        }
        messages
    }

    /// What is said before the answer is for nobody.
    fn say(&self, bytes: &[u8]) {
        let Some(mouth) = &self.mouth else {
            return;
        };
        let n_lost = mouth.say(&(self.wire.read)(bytes));
        if n_lost > 0 {
            tracing::debug!("http: more is said to a call than can be heard; {n_lost} are lost");
        }
    }

    fn started(&self, at: String) -> Message {
        let what = CallNews::AudioStart {
            format: self.wire.format,
            sample_rate: 8_000,
            chunk_ms: self.chunk_ms,
        };
        self.event(what, at)
    }

    fn event(&self, what: CallNews, timestamp: String) -> Message {
        let event = CallEvent {
            what,
            call: self.call.clone(),
            timestamp,
        };
        let text = serde_json::to_string(&event).unwrap_or_default();
        Message::Text(text.into())
    }
}

/// Milliseconds of sound in a message.
const USUAL_CHUNK: u16 = 20;

/// Half a minute of sound.
const LONGEST_MESSAGE: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::desk::CallTold;
    use crate::base::{FeedRx, SampleRate, feed};
    use crate::control::{Parting, Way};

    fn session(chunk_ms: u16) -> Session {
        let wire = Wire {
            format: Format::Pcm16,
            write: |frames| frames.iter().flat_map(|it| it.to_le_bytes()).collect(),
            read: |bytes| bytes.iter().map(|it| i16::from(*it) * 256).collect(),
        };
        Session::new("c1-2".to_owned(), chunk_ms, Joined { wire, mouth: None })
    }

    fn mouth() -> (Mouth, FeedRx) {
        let (tx, rx) = feed(SampleRate::HZ_8000, 800);
        (Mouth::new(tx), rx)
    }

    fn tell(session: &mut Session, what: Happening) -> (String, bool) {
        let told = Told::Call(CallTold {
            desk: "relay:office".to_owned(),
            id: "c1-2".into(),
            way: Way::Out,
            number: "101".to_owned(),
            dialled: "101".to_owned(),
            at: "2026-01-29T12:00:00Z".to_owned(),
            what,
        });
        let (messages, is_over) = session.hear(told);
        let text = messages.first().map_or("", |it| it.to_text().unwrap());
        (text.to_owned(), is_over)
    }

    #[test]
    fn a_call_is_heard_in_chunks_and_spoken_to_from_its_answer_to_its_end() {
        let mut session = session(40);
        let sound = |session: &mut Session| {
            let (call, frames) = ("c1-2".into(), vec![1; 160].into());
            session.hear(Told::Sound { call, frames }).0
        };
        let (mouth, mut heard) = mouth();
        session.say(b"lost");
        assert_eq!(tell(&mut session, Happening::Dials), (String::new(), false));
        assert_eq!(
            tell(&mut session, Happening::Answered(Some(mouth))),
            (
                r#"{"type":"audio_start","format":"pcm16","sample_rate":8000,"chunk_ms":40,"call":"c1-2","timestamp":"2026-01-29T12:00:00Z"}"#.to_owned(),
                false
            )
        );
        assert_eq!(sound(&mut session), []);
        let messages = sound(&mut session);
        let [Message::Binary(bytes)] = &messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!(bytes.len(), 640);
        session.say(b"@");
        let mut frames = [0.0; 2];
        assert_eq!((heard.pop(&mut frames), frames[0]), (1, 0.5));
        let (key, is_over) = tell(&mut session, Happening::Key('5'));
        assert!(key.starts_with(r#"{"type":"dtmf","digit":"5","call":"c1-2""#) && !is_over);
        for (parting, reason) in [
            (
                Parting::HungUp("caller hung up".to_owned()),
                "caller hung up",
            ),
            (Parting::Ignored, "not answered"),
            (
                Parting::Refused {
                    status: 404,
                    reason: "Not Found".to_owned(),
                },
                "404 Not Found",
            ),
        ] {
            let (over, is_over) = tell(&mut session, Happening::Over(parting));
            let wanted = format!(r#"{{"type":"audio_stop","reason":"{reason}""#);
            assert!(over.starts_with(&wanted) && is_over, "{over}");
        }
    }
}
