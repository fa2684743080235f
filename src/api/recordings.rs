//! Which recordings are there, and how are they heard and deleted?

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, done, refused};
use super::door::Who;
use super::extract::Asked;
use super::listing::limit;
use super::pour;
use super::problem::Problem;
use crate::control::Role;

/// A recording that is whole.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Recording {
    /// Its path behind `/v1/recordings/`.
    #[schema(examples("2026-11-21/103015-lessons-101.flac"))]
    pub id: String,
    /// When it began (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    pub bytes: u64,
    /// How long it sounds, if its file tells.
    pub seconds: Option<f64>,
    #[schema(examples("audio/flac"))]
    pub media: String,
    /// The words of its name: the zone if it is of a zone, the page, the caller if there was one.
    pub words: Vec<String>,
}

/// Recordings, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Recordings {
    items: Vec<Recording>,
    /// For `after`, if there are more.
    next: Option<String>,
}

/// Which of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordingsOf {
    /// How many at most.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
    /// Those after this one: `next` of the answer before.
    #[serde(default)]
    after: Option<String>,
    /// Not before (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    until: Option<String>,
    /// Of this page.
    #[serde(default)]
    page: Option<String>,
    /// Of this caller.
    #[serde(default)]
    caller: Option<String>,
    /// Of this zone.
    #[serde(default)]
    zone: Option<String>,
}

/// As `RecordingsOf`, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingsWanted {
    pub limit: usize,
    pub after: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Words that the name has.
    pub words: Vec<String>,
}

/// What is asked about recordings.
#[derive(Clone, Debug, PartialEq)]
pub enum OfRecordings {
    /// Which there are.
    List(RecordingsWanted),
    /// Where one is.
    Find { id: String },
    /// Delete one.
    Delete { who: Who, id: String },
}

/// A file that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    pub path: PathBuf,
    /// Its media type.
    pub media: &'static str,
}

/// Recordings, the newest first.
#[utoipa::path(get, path = "/v1/recordings", tag = "recordings", params(RecordingsOf), responses(
    (status = 200, description = "Those that are whole", body = Recordings),
))]
pub(super) async fn recordings(
    State(app): State<Arc<App>>,
    Asked(of): Asked<RecordingsOf>,
) -> Result<axum::Json<Recordings>, Problem> {
    let limit = limit(of.limit)?;
    let wanted = RecordingsWanted {
        // One more tells whether there are more.
        limit: limit + 1,
        after: of.after,
        since: of.since.as_deref().map(time).transpose()?,
        until: of.until.as_deref().map(time).transpose()?,
        words: [of.page, of.caller, of.zone]
            .into_iter()
            .flatten()
            .collect(),
    };
    let asked = OfRecordings::List(wanted);
    let answer = app.ask(Question::Recordings(asked)).await?;
    let Answer::Recordings(mut items) = answer else {
        return Err(refused(answer));
    };
    let has_more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| has_more);
    let next = last.map(|it| it.id.clone());
    Ok(axum::Json(Recordings { items, next }))
}

/// A time as programs write it.
pub(super) fn time(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| {
        let detail = format!("{text:?} is no time; write e.g. 2026-11-21T08:30:00Z (RFC 3339)");
        Problem::plain(StatusCode::BAD_REQUEST, detail)
    })
}

/// One recording to be heard, or a part of it.
#[utoipa::path(get, path = "/v1/recordings/{day}/{file}", tag = "recordings",
    params(("day" = String, Path, description = "Of its id", max_length = 16),
           ("file" = String, Path, description = "Of its id", max_length = 255),
           ("Range" = Option<String>, Header, description = "One range of bytes"),
           ("If-Range" = Option<String>, Header, description = "Its ETag, as it was known")),
    responses(
    (status = 200, description = "All of it", content(
        (String = "audio/wav"), (String = "audio/flac"), (String = "audio/ogg"),
    ), headers(("ETag" = String, description = "For If-Range and If-None-Match"))),
    (status = 206, description = "The part that was asked for", content(
        (String = "audio/wav"), (String = "audio/flac"), (String = "audio/ogg"),
    ), headers(("Content-Range" = String, description = "Which part"))),
    (status = 304, description = "As it was known"),
    (status = 404, description = "There is no such recording", body = Problem,
     content_type = "application/problem+json"),
    (status = 416, description = "The range lies behind the end", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn recording(
    State(app): State<Arc<App>>,
    Path((day, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Track { path, media } = find(&app, format!("{day}/{file}")).await?;
    pour::file(&headers, path, media).await
}

/// Deletes a recording for good; takes the role admin.
#[utoipa::path(delete, path = "/v1/recordings/{day}/{file}", tag = "recordings",
    params(("day" = String, Path, description = "Of its id", max_length = 16),
           ("file" = String, Path, description = "Of its id", max_length = 255)), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is no such recording", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    who: Who,
    Path((day, file)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Admin)?;
    let id = format!("{day}/{file}");
    // What is not there is not told to be deleted in the history.
    find(&app, id.clone()).await?;
    let asked = OfRecordings::Delete { who, id };
    done(app.ask(Question::Recordings(asked)).await?)
}

async fn find(app: &App, id: String) -> Result<Track, Problem> {
    let asked = OfRecordings::Find { id };
    let answer = app.ask(Question::Recordings(asked)).await?;
    let Answer::Track(track) = answer else {
        return Err(refused(answer));
    };
    Ok(track)
}
