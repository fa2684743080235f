//! What can be asked of an analog phone: how it is, to ring, to be heard?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, done, refused};
use super::desk::{Chosen, Drive, Format, LineNow, Stream, choose};
use super::door::Who;
use super::extract::{Asked, Body, MayBe};
use super::problem::Problem;
use crate::control::{Denied, Role};

/// Which line is meant.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfLine {
    /// NAME of `[line:NAME]`; may be left out where there is only one.
    #[serde(default)]
    #[param(max_length = 255)]
    line: Option<String>,
}

/// How an analog phone is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct LineStatus {
    line: String,
    /// Its adapter has registered.
    registered: bool,
    off_hook: bool,
    ringing: bool,
    /// The last key that was pressed since it was picked up last.
    last_digit: Option<String>,
    /// When it was picked up, put down or rung last (RFC 3339, UTC).
    #[schema(format = DateTime)]
    since: Option<String>,
    streams: Vec<StreamShown>,
}

/// A way to hear an analog phone, and to speak to it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct StreamShown {
    #[schema(examples("4f6a1c09be72"))]
    pub(super) stream_id: String,
    line: String,
    pub(super) format: Format,
    /// Samples a second.
    pub(super) sample_rate: u32,
    /// Milliseconds of sound in a message.
    pub(super) chunk_ms: u16,
}

/// How to ring an analog phone.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RingWanted {
    /// NAME of `[line:NAME]`; may be left out where there is only one.
    #[schema(max_length = 255)]
    #[serde(default)]
    line: Option<String>,
    /// How it rings: a name that its adapter knows, such as `Bellcore-dr2` or `ring3`, or how long
    /// it rings and is silent in turn, each from 200ms to 60s: `400ms 200ms 400ms 2s`. Otherwise as
    /// `ring-pattern` of the line has it.
    #[schema(
        min_length = 1,
        max_length = 200,
        examples("400ms 200ms 400ms 2s"),
        pattern = "^([A-Za-z0-9._-]{1,64}|[0-9.]{1,6}m?s([ ,]{1,2}[0-9.]{1,6}m?s){1,15})$"
    )]
    #[serde(default)]
    pattern: Option<String>,
    /// For so many seconds, 30 unless said; 0 stops what rings.
    #[schema(minimum = 0, maximum = 600)]
    #[serde(default)]
    duration: Option<u16>,
}

/// How to hear an analog phone.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamWanted {
    /// NAME of `[line:NAME]`; may be left out where there is only one.
    #[schema(max_length = 255)]
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    format: Format,
    /// Milliseconds of sound in a message: a multiple of 20, 20 unless said.
    #[schema(minimum = 20, maximum = 500, multiple_of = 20)]
    #[serde(default)]
    chunk_ms: Option<u16>,
}

/// Which stream is to end.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamOver {
    #[schema(max_length = 64)]
    stream_id: String,
}

/// How an analog phone is: on or off the hook, its last key, and who hears it.
#[utoipa::path(get, path = "/status", tag = "lines", params(OfLine), responses(
    (status = 200, description = "The line", body = LineStatus),
    (status = 404, description = "There is no such line", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    who: Who,
    Asked(of): Asked<OfLine>,
) -> Result<axum::Json<LineStatus>, Problem> {
    let desk = desk(&app, of.line.as_deref())?;
    let answer = app.ask(Drive::LookAt { desk }.by(&who)).await?;
    let Answer::Line(line) = answer else {
        return Err(refused(answer));
    };
    Ok(axum::Json(shown(&line)))
}

/// Rings an analog phone; takes the role operator.
#[utoipa::path(post, path = "/ring", tag = "lines", request_body = Option<RingWanted>, responses(
    (status = 204, description = "It rings, or does no longer"),
    (status = 404, description = "There is no such line", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "It is off the hook, or its adapter is not registered",
     body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ring(
    State(app): State<Arc<App>>,
    who: Who,
    wanted: Result<MayBe<RingWanted>, Problem>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let MayBe(wanted) = wanted?;
    let seconds = wanted.duration.unwrap_or(USUAL_RING);
    if seconds > LONGEST_RING {
        return Err(wrong("duration is more than 600 s; write e.g. 30"));
    }
    let pattern = wanted.pattern.as_deref().map(str::parse).transpose();
    let pattern = pattern.map_err(|why: String| wrong(&format!("pattern: {why}")))?;
    let desk = desk(&app, wanted.line.as_deref())?;
    let what = match seconds {
        0 => Drive::Silence { desk },
        _ => Drive::Ring {
            desk,
            pattern,
            span: Duration::from_secs(seconds.into()),
        },
    };
    let answer = app.ask(what.by(&who)).await?;
    if let Answer::Denied(denied, _) = &answer {
        return Err(why_not_rung(denied).unwrap_or_else(|| refused(answer)));
    }
    done(answer)
}

fn why_not_rung(denied: &Denied) -> Option<Problem> {
    if *denied == Denied::Gone {
        return Some(conflict(
            "not-registered",
            "Not registered",
            "the adapter of this line is not registered; see docs/lines.md for its settings",
        ));
    }
    (*denied == Denied::Busy).then(|| {
        conflict(
            "off-hook",
            "Off the hook",
            "the telephone is off the hook, so it cannot ring; wait for on_hook",
        )
    })
}

/// Opens a stream to hear an analog phone and to speak to it, on `/ws`; takes the role operator.
#[utoipa::path(post, path = "/audio/start", tag = "lines",
    request_body = Option<StreamWanted>, responses(
    (status = 201, description = "The stream", body = StreamShown),
    (status = 404, description = "There is no such line", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "It is on the hook", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    who: Who,
    wanted: Result<MayBe<StreamWanted>, Problem>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let MayBe(wanted) = wanted?;
    let chunk = wanted.chunk_ms.unwrap_or(USUAL_CHUNK);
    if !(20..=500).contains(&chunk) || chunk % 20 != 0 {
        return Err(wrong(
            "chunk_ms is no multiple of 20 up to 500; write e.g. 20",
        ));
    }
    let what = Drive::Open {
        desk: desk(&app, wanted.line.as_deref())?,
        format: wanted.format,
        chunk: Duration::from_millis(chunk.into()),
    };
    let answer = app.ask(what.by(&who)).await?;
    if let Answer::Stream(stream) = &answer {
        let shown = axum::Json(stream_shown(stream));
        return Ok((StatusCode::CREATED, shown).into_response());
    }
    if let Answer::Denied(denied, _) = &answer {
        return Err(why_not_heard(denied).unwrap_or_else(|| refused(answer)));
    }
    Err(refused(answer))
}

fn why_not_heard(denied: &Denied) -> Option<Problem> {
    if *denied == Denied::Busy {
        return Some(conflict(
            "on-hook",
            "On the hook",
            "the telephone is on the hook, so there is nothing to hear; wait for off_hook",
        ));
    }
    let text = "too many streams hear this line; stop some of them";
    (*denied == Denied::TooMany).then(|| Problem::too_many(text))
}

/// Ends a stream; takes the role operator.
#[utoipa::path(post, path = "/audio/stop", tag = "lines", request_body = StreamOver, responses(
    (status = 204, description = "It is over"),
    (status = 404, description = "There is no such stream", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    who: Who,
    over: Result<Body<StreamOver>, Problem>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let stream = over?.value.stream_id;
    let answer = app.ask(Drive::Shut { stream }.by(&who)).await?;
    if matches!(answer, Answer::Denied(Denied::Gone, _)) {
        let text = "there is no such stream, or not any more; see /status";
        return Err(Problem::not_found(text));
    }
    done(answer)
}

fn desk(app: &App, line: Option<&str>) -> Result<String, Problem> {
    match choose("line", &app.settings().lines, line) {
        Chosen::Desk(desk) => Ok(desk),
        Chosen::Not(why) => Err(Problem::not_found(&why)),
    }
}

fn shown(line: &LineNow) -> LineStatus {
    LineStatus {
        line: name(&line.desk),
        registered: line.is_registered,
        off_hook: line.is_off_hook,
        ringing: line.is_ringing,
        last_digit: line.last_key.map(String::from),
        since: line.since.clone(),
        streams: line.streams.iter().map(stream_shown).collect(),
    }
}

pub(super) fn stream_shown(stream: &Stream) -> StreamShown {
    StreamShown {
        stream_id: stream.id.to_string(),
        line: name(&stream.desk),
        format: stream.wire.format,
        sample_rate: 8_000,
        chunk_ms: stream.chunk.as_millis() as u16,
    }
}

/// NAME of `line:NAME`.
pub(super) fn name(desk: &str) -> String {
    desk.split_once(':').map_or(desk, |it| it.1).to_owned()
}

fn wrong(detail: &str) -> Problem {
    Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

fn conflict(kind: &str, title: &str, detail: &str) -> Problem {
    Problem::named(StatusCode::CONFLICT, kind, title, detail)
}

/// Seconds that a telephone rings.
const USUAL_RING: u16 = 30;
const LONGEST_RING: u16 = 600;

/// Milliseconds of sound in a message.
const USUAL_CHUNK: u16 = 20;
