//! Are SIP messages written down, and for how long?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, refused};
use super::door::Who;
use super::extract::Body;
use super::problem::Problem;
use crate::control::Role;

/// What is asked about the trace.
#[derive(Debug)]
pub enum OfTrace {
    Look,
    /// Write messages down for so long, or not any more.
    Turn {
        who: Who,
        span: Option<Duration>,
    },
}

/// Whether SIP messages are written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trace {
    pub on: bool,
    /// The capture file, for Wireshark and sngrep; what was before is in a file of that name with
    /// `.old` behind it.
    #[schema(examples("/var/lib/paging/sip-trace.pcap"))]
    pub file: String,
    /// When it ends by itself (RFC 3339, UTC); null if it does not.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Of the file; null if there is none.
    pub size_bytes: Option<u64>,
    /// Messages since the start of the daemon that the disk was too slow for.
    pub dropped: u64,
}

/// Whether to write SIP messages down.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TraceWanted {
    on: bool,
    /// It ends by itself after so many, 10 unless said.
    #[schema(minimum = 0.01, maximum = 1440)]
    #[serde(default)]
    minutes: Option<f64>,
}

/// Whether SIP messages are written down, where, and until when.
#[utoipa::path(get, path = "/v1/trace", tag = "diagnostics", responses(
    (status = 200, description = "The trace", body = Trace),
))]
pub(super) async fn trace(State(app): State<Arc<App>>) -> Result<axum::Json<Trace>, Problem> {
    told(&app, OfTrace::Look).await
}

/// Writes SIP messages down for some minutes, or not any more; takes the role admin.
///
/// Passwords and keys are masked. With `trace = yes` in the configuration it is on and has no end;
/// what is set here counts until that is changed or the daemon starts anew.
#[utoipa::path(put, path = "/v1/trace", tag = "diagnostics", request_body = TraceWanted, responses(
    (status = 200, description = "The trace", body = Trace),
    (status = 503, description = "The file cannot be written", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn turn(
    State(app): State<Arc<App>>,
    who: Who,
    body: Result<Body<TraceWanted>, Problem>,
) -> Result<axum::Json<Trace>, Problem> {
    who.needs(Role::Admin)?;
    let wanted = body?.value;
    let minutes = wanted.minutes.unwrap_or(USUAL_MINUTES);
    if !(FEWEST_MINUTES..=MOST_MINUTES).contains(&minutes) {
        let detail =
            format!("minutes is not from {FEWEST_MINUTES} to {MOST_MINUTES}; write e.g. 10");
        return Err(Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let span = wanted.on.then(|| Duration::from_secs_f64(minutes * 60.0));
    told(&app, OfTrace::Turn { who, span }).await
}

async fn told(app: &App, asked: OfTrace) -> Result<axum::Json<Trace>, Problem> {
    let answer = app.ask(Question::Trace(asked)).await?;
    if let Answer::Untraced(why) = &answer {
        let detail = format!("{why}; see trace-file of [sip]");
        return Err(Problem::unavailable(&detail));
    }
    let Answer::Trace(trace) = answer else {
        return Err(refused(answer));
    };
    let file = PathBuf::from(&trace.file);
    let size = spawn_blocking(move || Some(std::fs::metadata(file).ok()?.len())).await;
    let size_bytes = size.ok().flatten();
    Ok(axum::Json(Trace {
        size_bytes,
        ..trace
    }))
}

const USUAL_MINUTES: f64 = 10.0;
const FEWEST_MINUTES: f64 = 0.01;

/// A day: who wants more writes `trace = yes`.
const MOST_MINUTES: f64 = 1_440.0;
