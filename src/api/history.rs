//! What has happened, and how is it searched?

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use super::app::App;
use super::extract::Asked;
use super::listing::limit;
use super::problem::Problem;
use super::recordings::time;
use super::time::written;
use crate::store::{Archive, Csv, Error, Kept, Kind, Query};

/// One thing that happened. Texts that do not apply are empty.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct HistoryEntry {
    /// Later ones have higher numbers; its event has the same.
    #[schema(examples("4711"))]
    pub id: String,
    /// When it was over (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    /// `page`, `call`, `bell`, `failure` or `change`.
    pub kind: String,
    /// Who did it: a caller, a user.
    pub who: String,
    /// What it was about: a page, a number, a schedule, a part.
    pub what: String,
    /// The zones it was meant for.
    pub zones: Vec<String>,
    /// Those of them that did not hear it, or not all of it.
    pub missed: Vec<String>,
    /// How long it lasted.
    pub seconds: Option<f64>,
    /// What became of it, such as `heard`.
    pub outcome: String,
    /// Its recordings, as `/v1/recordings` names them.
    pub recordings: Vec<String>,
    /// The whole of it in words.
    pub text: String,
}

impl HistoryEntry {
    /// As programs see it.
    pub fn new(kept: &Kept) -> Self {
        let Kept { id, entry } = kept;
        let at = Timestamp::try_from(entry.at).unwrap_or(Timestamp::UNIX_EPOCH);
        let files = entry.recording.split_whitespace();
        Self {
            id: id.to_string(),
            at: written(at),
            kind: entry.kind.to_string(),
            who: entry.who.clone(),
            what: entry.what.clone(),
            zones: entry.zones.clone(),
            missed: entry.missed.clone(),
            seconds: entry.span.map(|span| span.as_secs_f64()),
            outcome: entry.outcome.clone(),
            recordings: files.map(str::to_owned).collect(),
            text: entry.text.clone(),
        }
    }
}

/// The history that the daemon keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    pub file: PathBuf,
    /// The last entry that there was when the daemon started; 0 if there was none.
    pub newest: u64,
}

/// What happened, the last first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct History {
    items: Vec<HistoryEntry>,
    /// For `after`, if there are more.
    next: Option<String>,
}

/// Which entries; all that is said has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryOf {
    /// How many at most: 100 unless said, in a file all of them.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Those after this one: `next` of the answer before.
    #[serde(default)]
    #[param(max_length = 18, pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
    /// Words, or their beginnings, that all stand in it; case and accents do not matter.
    #[serde(default)]
    #[param(max_length = 500)]
    words: Option<String>,
    /// Not before (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before (RFC 3339).
    #[serde(default)]
    #[param(format = DateTime)]
    until: Option<String>,
    /// Of these kinds, with commas between them.
    #[serde(default)]
    #[param(
        max_length = 100,
        pattern = "^(page|call|bell|failure|change)(,(page|call|bell|failure|change)){0,4}$"
    )]
    kind: Option<String>,
}

impl HistoryOf {
    fn query(self) -> Result<Query, Problem> {
        let before = self.after.as_deref().map(str::parse).transpose();
        let words = self.words.unwrap_or_default();
        if words.chars().count() > LONGEST_WORDS {
            return Err(told("words are too long; write 500 characters at most"));
        }
        let times = (self.since.as_deref(), self.until.as_deref());
        let at = |at: Option<&str>| -> Result<Option<SystemTime>, Problem> {
            Ok(at.map(time).transpose()?.map(SystemTime::from))
        };
        Ok(Query {
            since: at(times.0)?,
            until: at(times.1)?,
            kinds: kinds(self.kind.as_deref())?,
            words,
            before: before.map_err(|_| told("after is no id; write next of the answer before"))?,
            limit: limit(self.limit)?,
        })
    }
}

fn kinds(text: Option<&str>) -> Result<Vec<Kind>, Problem> {
    let names = text.into_iter().flat_map(|text| text.split(','));
    let kinds: Result<Vec<Kind>, String> = names.map(str::parse).collect();
    kinds.map_err(|why| told(&why))
}

fn told(detail: &str) -> Problem {
    Problem::plain(StatusCode::BAD_REQUEST, detail)
}

/// What has happened, the last first.
#[utoipa::path(get, path = "/v1/history", tag = "history", params(HistoryOf), responses(
    (status = 200, description = "What is found", body = History),
    (status = 404, description = "No history is kept", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Asked(of): Asked<HistoryOf>,
) -> Result<axum::Json<History>, Problem> {
    let mut query = of.query()?;
    let limit = query.limit;
    // One more tells whether there are more.
    query.limit += 1;
    let mut found = find(&app, query).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let items: Vec<HistoryEntry> = found.iter().map(HistoryEntry::new).collect();
    let last = items.last().filter(|_| has_more);
    let next = last.map(|it| it.id.clone());
    Ok(axum::Json(History { items, next }))
}

/// All of what has happened, or of what is looked for, for a spreadsheet.
///
/// Comma-separated values (RFC 4180) with a line of headings: id, at, kind, who, what, zones,
/// missed, seconds, outcome, recording, text.
#[utoipa::path(get, path = "/v1/history.csv", tag = "history", params(HistoryOf), responses(
    (status = 200, description = "What is found", body = String,
     content_type = "text/csv; charset=utf-8; header=present"),
    (status = 404, description = "No history is kept", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn table(
    State(app): State<Arc<App>>,
    Asked(of): Asked<HistoryOf>,
) -> Result<Response, Problem> {
    let is_whole = of.limit.is_none();
    let mut query = of.query()?;
    if is_whole {
        query.limit = LOT;
    }
    let first = find(&app, query.clone()).await?;
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present",
        ),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"history.csv\"",
        ),
    ];
    Ok((headers, lines(app, query, first)).into_response())
}

/// Line by line, as fast as somebody reads; what cannot be found any more cuts it off.
fn lines(app: Arc<App>, query: Query, first: Vec<Kept>) -> Body {
    let head = written_as_csv(None);
    let state = Some((app, query, Some(first), head));
    let stream = unfold(state, |state| async {
        let (app, mut query, found, mut text) = state?;
        let found = match found {
            Some(found) => found,
            None => match find(&app, query.clone()).await {
                Ok(found) => found,
                Err(_) => return None,
            },
        };
        text.extend(found.iter().map(|kept| written_as_csv(Some(kept))));
        query.before = found.last().map(|kept| kept.id);
        let is_over = found.len() < LOT;
        let rest = (!is_over).then(|| (app, query, None, String::new()));
        Some((Ok::<_, Infallible>(text), rest))
    });
    Body::from_stream(stream)
}

fn written_as_csv(kept: Option<&Kept>) -> String {
    let zone = TimeZone::system();
    let zone = &zone;
    format!("{}\r\n", Csv { kept, zone })
}

async fn find(app: &App, query: Query) -> Result<Vec<Kept>, Problem> {
    read(app, move |archive| archive.find(&query)).await
}

/// The entries between these two, the first excluded, the last included, in their order.
pub(super) async fn between(app: &App, after: u64, last: u64) -> Result<Vec<Kept>, Problem> {
    let number = |row: u64| i64::try_from(row).unwrap_or(i64::MAX);
    let rows = number(after)..number(last);
    read(app, move |archive| archive.following(rows, LOT_OF_EVENTS)).await
}

/// Reads the history beside all other requests, few at a time.
async fn read(
    app: &App,
    work: impl FnOnce(&Archive) -> Result<Vec<Kept>, Error> + Send + 'static,
) -> Result<Vec<Kept>, Problem> {
    let Some(past) = app.settings().past.clone() else {
        return Err(Problem::named(
            StatusCode::NOT_FOUND,
            "no-history",
            "No history",
            "no history is kept; look at the log of the daemon, and at state-dir of [server]",
        ));
    };
    let _turn = app.readers.acquire().await;
    let found = spawn_blocking(move || work(&Archive::open(&past.file)?)).await;
    let found = found.map_err(|_| Problem::unavailable("the history broke off; try again"))?;
    found.map_err(|why| {
        tracing::error!("http: {why}");
        Problem::unavailable("the history cannot be read now; see the log, and try again")
    })
}

/// What is read at once; more than anybody may ask for.
const LOT: usize = 1_000;
const LOT_OF_EVENTS: usize = 200;

const LONGEST_WORDS: usize = 500;
