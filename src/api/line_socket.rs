//! How does a program follow analog phones, hear them and speak to them, over a WebSocket?
//!
//! ```text
//!  ◄── {"type": "off_hook", "timestamp": …} ──
//!  ◄── {"type": "audio_start", "stream_id": …} ──     by POST /audio/start
//!  ── {"type": "subscribe", "stream_id": …} ──►
//!  ◄── 12 bytes of the stream's id, sound ──
//!  ── 12 bytes of the stream's id, sound ──►
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at};
use utoipa::ToSchema;

use super::app::App;
use super::ask::Answer;
use super::desk::{CallTold, Chosen, Drive, Ear, Format, Happening, Stream, Told, choose};
use super::door::Who;
use super::extract::Asked;
use super::lines::{name, stream_shown};
use super::problem::Problem;
use super::socket::{ALIVE, FRAMES_A_MS, TOO_SLOW, close, wrong};
use super::stream::{no_upgrade, send};
use super::upgrade::Upgrade;
use crate::control::{Parting, Role, Way};

/// Which lines to follow, and whether to hear them.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Followed {
    /// NAME of `[line:NAME]`; all of them without it.
    #[serde(default)]
    #[param(max_length = 255)]
    line: Option<String>,
    /// Every stream is heard, without `subscribe`; takes the role operator.
    #[serde(default)]
    audio: bool,
}

/// What happens to an analog phone, each a message on the WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct LineEvent {
    #[serde(flatten)]
    what: LineNews,
    /// NAME of `[line:NAME]`.
    line: String,
    /// When (RFC 3339, UTC).
    #[schema(format = DateTime)]
    timestamp: String,
}

/// See `LineEvent`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum LineNews {
    /// It was picked up; with what it has dialled, if it was not rung.
    OffHook { dialled: Option<String> },
    /// It was put down.
    OnHook { reason: String },
    /// A key was pressed.
    Dtmf { digit: String },
    /// It rings from now on.
    RingStart,
    /// It rings no more, and was not picked up.
    RingStop { reason: String },
    /// A stream may be heard and spoken to.
    AudioStart {
        stream_id: String,
        format: Format,
        /// Samples a second.
        sample_rate: u32,
        /// Milliseconds of sound in a message.
        chunk_ms: u16,
    },
    /// A stream is over.
    AudioStop { stream_id: String },
}

/// What a program says, as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wish {
    Subscribe { stream_id: String },
    Unsubscribe { stream_id: String },
}

/// Follows analog phones, hears them and speaks to them: a WebSocket.
///
/// Text messages are `LineEvent`s. `{"type": "subscribe", "stream_id": …}` lets a stream be heard,
/// `unsubscribe` no more. Binary messages, both ways, are the 12 characters of the stream's id and
/// sound in its format behind them. Sound takes the role operator.
#[utoipa::path(get, path = "/ws", tag = "lines", params(Followed), responses(
    Upgrade,
    (status = 404, description = "There is no such line", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    who: Who,
    Asked(wanted): Asked<Followed>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    if wanted.audio {
        who.needs(Role::Operator)?;
    }
    let known = app.settings().lines.clone();
    let desks = match (choose("line", &known, wanted.line.as_deref()), &wanted.line) {
        (Chosen::Desk(desk), _) => vec![desk],
        (Chosen::Not(_), None) if !known.is_empty() => {
            known.iter().map(|it| format!("line:{it}")).collect()
        }
        (Chosen::Not(why), _) => return Err(Problem::not_found(&why)),
    };
    let upgrade = upgrade.map_err(no_upgrade)?;
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE);
    Ok(upgrade.on_upgrade(async move |socket| {
        let (ear, hears) = Ear::new();
        for desk in desks {
            let ear = ear.clone();
            let attached = app.ask(Drive::Attach { desk, ear }.by(&who)).await;
            if !matches!(attached, Ok(Answer::Attached(_))) {
                return close(socket, close_code::AGAIN, "the daemon does not answer").await;
            }
        }
        // The daemon has its own; it ends when that does.
        drop(ear);
        let session = Session {
            may_speak: who.role >= Role::Operator,
            hears_all: wanted.audio,
            streams: BTreeMap::new(),
        };
        session.run(&app, socket, hears).await;
    }))
}

/// One program.
struct Session {
    may_speak: bool,
    hears_all: bool,
    streams: BTreeMap<Arc<str>, Known>,
}

/// A stream that is open.
struct Known {
    stream: Stream,
    is_heard: bool,
    /// For the next message.
    waiting: Vec<i16>,
}

impl Session {
    async fn run(mut self, app: &App, mut socket: WebSocket, mut hears: mpsc::Receiver<Told>) {
        let mut ended = std::pin::pin!(app.ended());
        let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
        loop {
            let answers = tokio::select! {
                told = hears.recv() => match told {
                    Some(told) => self.hear(told),
                    // The daemon has given up on us.
                    None => return close(socket, close_code::POLICY, TOO_SLOW).await,
                },
                came = socket.recv() => match came {
                    Some(Ok(Message::Text(text))) => self.obey(&text).into_iter().collect(),
                    Some(Ok(Message::Binary(bytes))) => self.say(&bytes).into_iter().collect(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Vec::new(),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
                _ = alive.tick() => vec![Message::Ping(Vec::new().into())],
                () = ended.as_mut() => {
                    return close(socket, close_code::AWAY, "the daemon ends").await;
                }
            };
            for answer in answers {
                if !send(&mut socket, answer).await {
                    tracing::warn!("http: a program that follows lines does not read; dropped");
                    return;
                }
            }
        }
    }

    fn hear(&mut self, told: Told) -> Vec<Message> {
        match told {
            Told::Call(told) => event(&told).iter().map(written).collect(),
            Told::Sound { call, frames } => self.hear_sound(&call, &frames),
            Told::Stream {
                stream,
                is_open,
                at,
            } => vec![self.hear_of_stream(stream, is_open, at)],
        }
    }

    fn hear_sound(&mut self, call: &str, frames: &[i16]) -> Vec<Message> {
        let mut messages = Vec::new();
        let heard = |it: &&mut Known| it.is_heard && *it.stream.call == *call;
        for known in self.streams.values_mut().filter(heard) {
            known.waiting.extend_from_slice(frames);
            let n = known.stream.chunk.as_millis() as usize * FRAMES_A_MS;
            while known.waiting.len() >= n.max(1) {
                let chunk: Vec<i16> = known.waiting.drain(..n.max(1)).collect();
                let sound = (known.stream.wire.write)(&chunk);
                let message = [known.stream.id.as_bytes(), &sound].concat();
                messages.push(Message::Binary(message.into()));
            }
        }
        messages
    }

    fn hear_of_stream(&mut self, stream: Stream, is_open: bool, at: String) -> Message {
        let what = match is_open {
            true => started(&stream),
            false => LineNews::AudioStop {
                stream_id: stream.id.to_string(),
            },
        };
        let line = name(&stream.desk);
        if is_open {
            let known = Known {
                is_heard: self.hears_all,
                waiting: Vec::new(),
                stream,
            };
            self.streams.insert(Arc::clone(&known.stream.id), known);
        } else {
            self.streams.remove(&stream.id);
        }
        written(&LineEvent {
            what,
            line,
            timestamp: at,
        })
    }

    /// Does what a text asks for; the answer is what is wrong with it.
    fn obey(&mut self, text: &str) -> Option<Message> {
        let wish: Wish = match serde_json::from_str(text) {
            Ok(wish) => wish,
            Err(why) => return Some(wrong(&format!("not understood: {why}"))),
        };
        if !self.may_speak {
            return Some(wrong("sound takes the role operator"));
        }
        let (id, is_heard) = match wish {
            Wish::Subscribe { stream_id } => (stream_id, true),
            Wish::Unsubscribe { stream_id } => (stream_id, false),
        };
        let Some(known) = self.streams.get_mut(id.as_str()) else {
            return Some(wrong("there is no such stream, or not any more"));
        };
        known.is_heard = is_heard;
        known.waiting.clear();
        None
    }

    /// Says what a binary message holds.
    fn say(&mut self, bytes: &[u8]) -> Option<Message> {
        if !self.may_speak {
            return Some(wrong("sound takes the role operator"));
        }
        let (id, sound) = bytes.split_at_checked(ID_LENGTH)?;
        let id = std::str::from_utf8(id).ok()?;
        // One that has ended just now may still be spoken to.
        let stream = &self.streams.get(id)?.stream;
        let n_lost = stream.mouth.say(&(stream.wire.read)(sound));
        if n_lost > 0 {
            tracing::debug!("http: more is said to a line than can be heard; {n_lost} are lost");
        }
        None
    }
}

fn started(stream: &Stream) -> LineNews {
    let shown = stream_shown(stream);
    LineNews::AudioStart {
        stream_id: shown.stream_id,
        format: shown.format,
        sample_rate: shown.sample_rate,
        chunk_ms: shown.chunk_ms,
    }
}

/// What a call of a telephone tells of it.
fn event(told: &CallTold) -> Option<LineEvent> {
    let what = match (&told.what, told.way) {
        (Happening::Dials, _) => LineNews::RingStart,
        (Happening::Rings, _) => return None,
        (Happening::Answered(_), Way::In) => LineNews::OffHook {
            dialled: Some(told.dialled.clone()),
        },
        (Happening::Answered(_), Way::Out) => LineNews::OffHook { dialled: None },
        (Happening::Key(key), _) => LineNews::Dtmf {
            digit: key.to_string(),
        },
        (Happening::Over(Parting::HungUp(reason)), _) => LineNews::OnHook {
            reason: reason.clone(),
        },
        (Happening::Over(Parting::Refused { status, reason }), _) => LineNews::RingStop {
            reason: format!("{status} {reason}"),
        },
        (Happening::Over(Parting::Ignored), _) => return None,
    };
    Some(LineEvent {
        what,
        line: name(&told.desk),
        timestamp: told.at.clone(),
    })
}

fn written(event: &LineEvent) -> Message {
    let text = serde_json::to_string(event).unwrap_or_default();
    Message::Text(text.into())
}

/// Half a minute of sound.
const LONGEST_MESSAGE: usize = 512 << 10;

/// Of a stream, in characters.
const ID_LENGTH: usize = 12;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::desk::{Mouth, Wire};
    use crate::base::{FeedRx, SampleRate, feed};

    fn stream(id: &str) -> (Stream, FeedRx) {
        let (tx, rx) = feed(SampleRate::HZ_8000, 800);
        let wire = Wire {
            format: Format::Pcm16,
            write: |frames| frames.iter().flat_map(|it| it.to_le_bytes()).collect(),
            read: |bytes| bytes.iter().map(|it| i16::from(*it) * 256).collect(),
        };
        let stream = Stream {
            id: id.into(),
            desk: "line:kitchen".to_owned(),
            call: "c1-2".into(),
            wire,
            chunk: Duration::from_millis(40),
            mouth: Mouth::new(tx),
        };
        (stream, rx)
    }

    fn open(session: &mut Session, stream: &Stream, is_open: bool) -> String {
        let told = Told::Stream {
            stream: stream.clone(),
            is_open,
            at: "2026-01-29T12:00:00Z".to_owned(),
        };
        texts(session.hear(told)).remove(0)
    }

    fn texts(messages: Vec<Message>) -> Vec<String> {
        let text = |message| match message {
            Message::Text(text) => text.to_string(),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {
                panic!("no text")
            }
        };
        messages.into_iter().map(text).collect()
    }

    fn session(may_speak: bool) -> Session {
        Session {
            may_speak,
            hears_all: false,
            streams: BTreeMap::new(),
        }
    }

    const A: &str = "0123456789ab";

    #[test]
    fn a_stream_is_heard_in_chunks_once_it_is_subscribed_and_spoken_to_until_it_ends() {
        let mut session = session(true);
        let (stream, mut heard) = stream(A);
        assert_eq!(
            open(&mut session, &stream, true),
            r#"{"type":"audio_start","stream_id":"0123456789ab","format":"pcm16","sample_rate":8000,"chunk_ms":40,"line":"kitchen","timestamp":"2026-01-29T12:00:00Z"}"#
        );
        let sound = |session: &mut Session| {
            session.hear(Told::Sound {
                call: "c1-2".into(),
                frames: vec![1; 160].into(),
            })
        };
        assert_eq!(sound(&mut session), []);
        let wish = format!(r#"{{"type": "subscribe", "stream_id": "{A}"}}"#);
        assert_eq!(session.obey(&wish), None);
        assert_eq!(sound(&mut session), []);
        let messages = sound(&mut session);
        let [Message::Binary(bytes)] = &messages[..] else {
            panic!("{messages:?}");
        };
        assert_eq!((&bytes[..12], bytes.len()), (A.as_bytes(), 12 + 640));

        assert_eq!(session.say(format!("{A}@").as_bytes()), None);
        assert_eq!(session.say(b"ffffffffffff@"), None);
        let mut frames = [0.0; 2];
        assert_eq!((heard.pop(&mut frames), frames[0]), (1, 0.5));
        let over = open(&mut session, &stream, false);
        assert!(over.starts_with(r#"{"type":"audio_stop","stream_id":"0123456789ab""#));
        assert_eq!(sound(&mut session), []);
        let told = texts(session.obey(&wish).into_iter().collect());
        assert!(told[0].contains("no such stream"), "{told:?}");
        let told = texts(session.obey("{}").into_iter().collect());
        assert!(told[0].contains("not understood"), "{told:?}");
    }

    #[test]
    fn who_may_only_look_hears_and_says_nothing() {
        let mut session = session(false);
        let (stream, mut heard) = stream(A);
        open(&mut session, &stream, true);
        let wish = format!(r#"{{"type": "subscribe", "stream_id": "{A}"}}"#);
        assert!(session.obey(&wish).is_some());
        assert!(session.say(format!("{A}@").as_bytes()).is_some());
        assert_eq!(heard.pop(&mut [0.0]), 0);
    }

    #[test]
    fn calls_become_what_happens_to_a_telephone() {
        let event = |way, what| {
            let told = CallTold {
                desk: "line:kitchen".to_owned(),
                id: "c1-2".into(),
                way,
                number: "kitchen".to_owned(),
                dialled: "9".to_owned(),
                at: "2026-01-29T12:00:00Z".to_owned(),
                what,
            };
            let event = event(&told)?;
            Some(serde_json::to_value(event).unwrap())
        };
        let refused = Parting::Refused {
            status: 408,
            reason: "No Answer".to_owned(),
        };
        let hung_up = Parting::HungUp("caller hung up".to_owned());
        for (way, what, kind, more) in [
            (
                Way::In,
                Happening::Answered(None),
                "off_hook",
                ("dialled", "9"),
            ),
            (Way::In, Happening::Key('3'), "dtmf", ("digit", "3")),
            (
                Way::In,
                Happening::Over(hung_up),
                "on_hook",
                ("reason", "caller hung up"),
            ),
            (
                Way::Out,
                Happening::Dials,
                "ring_start",
                ("line", "kitchen"),
            ),
            (
                Way::Out,
                Happening::Over(refused),
                "ring_stop",
                ("reason", "408 No Answer"),
            ),
            (
                Way::Out,
                Happening::Answered(None),
                "off_hook",
                ("line", "kitchen"),
            ),
        ] {
            let event = event(way, what).unwrap();
            assert_eq!(
                (&event["type"], &event[more.0]),
                (&kind.into(), &more.1.into())
            );
            assert_eq!(event["timestamp"], "2026-01-29T12:00:00Z");
        }
        assert_eq!(event(Way::In, Happening::Over(Parting::Ignored)), None);
    }
}
