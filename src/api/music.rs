//! Which music plays where and how loud, and how is that changed?

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, Unknown, done, refused};
use super::door::Who;
use super::extract::{Body, object};
use super::problem::Problem;
use super::tags::{still, tagged};
use crate::control::Role;

/// All sources, and what zones play.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Music {
    /// In the order of the configuration.
    pub sources: Vec<Source>,
    /// In the order of the configuration.
    pub zones: Vec<ZoneMusic>,
}

/// A source of music.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Source {
    /// NAME of `[music:NAME]`.
    #[schema(examples("radio"))]
    pub name: String,
    pub kind: SourceKind,
    pub state: SourceState,
    /// In words for an operator.
    pub reason: String,
    /// When it began to work, or ceased to (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// Pieces that could not be played.
    pub skipped: u64,
    /// It stands still wherever it is heard.
    pub paused: bool,
    /// The zones that play it.
    pub zones: Vec<String>,
}

/// Where music comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A file, a folder or a playlist.
    Files,
    /// A stream.
    Station,
    /// A player of the JACK graph.
    Jack,
}

/// Whether a source plays what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    Ok,
    /// Something else plays in its place, or nothing.
    Degraded,
    /// Nobody has wanted it yet.
    Idle,
}

/// What a zone plays.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ZoneMusic {
    /// NAME of `[zone:NAME]`; `all` where none is configured.
    pub zone: String,
    /// The source that it plays; null for none.
    pub source: Option<String>,
    /// How loud, in decibels beside the levels of the source and of `[audio]`; -100 is silence.
    pub volume_db: f32,
    /// Its music stands still.
    pub paused: bool,
    /// What is set by hand. It holds until the time of day changes the same thing next.
    pub by_hand: Vec<ByHand>,
    pub usual: Usual,
}

/// What can be set by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ByHand {
    Source,
    Volume,
    Paused,
}

/// What is configured for a zone at this time of day.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Usual {
    /// Null for none.
    pub source: Option<String>,
    pub volume_db: f32,
}

/// What a zone shall play; what is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MusicWanted {
    /// The source to play from now on; null for none. Its music does not stand still then.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 255)]
    pub source: Option<Option<String>>,
    /// How loud, in decibels; -100 is silence.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 20)]
    pub volume_db: Option<f32>,
    /// Whether its music stands still.
    #[serde(default)]
    pub paused: Option<bool>,
}

/// Whether a source plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceWanted {
    /// Whether it stands still wherever it is heard.
    paused: bool,
}

/// What is asked about music.
#[derive(Clone, Debug, PartialEq)]
pub enum OfMusic {
    /// Everything.
    All,
    /// Have a zone play otherwise.
    Zone {
        who: Who,
        zone: String,
        wanted: MusicWanted,
    },
    /// Have a zone play as it is configured.
    Reset { who: Who, zone: String },
    /// Go on with the next piece of what plays in a zone.
    NextIn { who: Who, zone: String },
    /// Have a source stand still, or go on.
    Source {
        who: Who,
        source: String,
        is_paused: bool,
    },
    /// Go on with the next piece of a source.
    Next { who: Who, source: String },
}

/// Null is something else than nothing.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

/// Sources of music, and what zones play.
#[utoipa::path(get, path = "/v1/music", tag = "music", responses(
    (status = 200, description = "The music", body = Music,
     headers(("ETag" = String, description = "For If-None-Match"))),
    (status = 304, description = "As it was known"),
))]
pub(super) async fn music(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(tagged(&headers, &all(&app).await?))
}

/// What a zone plays.
#[utoipa::path(get, path = "/v1/music/zones/{zone}", tag = "music",
    params(("zone" = String, Path, description = "The zone", max_length = 255)), responses(
    (status = 200, description = "What it plays", body = ZoneMusic,
     headers(("ETag" = String, description = "For If-None-Match and If-Match"))),
    (status = 304, description = "As it was known"),
    (status = 404, description = "There is no such zone", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn zone(
    State(app): State<Arc<App>>,
    Path(zone): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(tagged(&headers, &zone_of(&app, &zone).await?))
}

/// Has a zone play something else, louder or softer, or nothing; takes the role operator.
#[utoipa::path(patch, path = "/v1/music/zones/{zone}", tag = "music",
    request_body = MusicWanted,
    params(("zone" = String, Path, description = "The zone", max_length = 255),
           ("If-Match" = Option<String>, Header, description = "Only if it is still so")),
    responses(
    (status = 200, description = "What it plays now", body = ZoneMusic,
     headers(("ETag" = String, description = "For If-None-Match and If-Match"))),
    (status = 404, description = "There is no such zone or source", body = Problem,
     content_type = "application/problem+json"),
    (status = 412, description = "It was changed meanwhile", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn change_zone(
    State(app): State<Arc<App>>,
    who: Who,
    Path(zone): Path<String>,
    headers: HeaderMap,
    body: Result<Body<MusicWanted>, Problem>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let wanted = body?.value;
    check(&wanted)?;
    let _alone = app.changes.lock().await;
    still(&headers, &zone_of(&app, &zone).await?)?;
    let name = zone.clone();
    let asked = OfMusic::Zone { who, zone, wanted };
    done(app.ask(Question::Music(asked)).await?)?;
    Ok(tagged(&HeaderMap::new(), &zone_of(&app, &name).await?))
}

impl MusicWanted {
    /// As the body of a request has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let wanted: Self = object(body)?;
        wanted.checked()
    }

    /// Itself, if it can be meant.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checked(self) -> Result<Self, Problem> {
        check(&self)?;
        Ok(self)
    }
}

/// What the types of the body cannot say.
fn check(wanted: &MusicWanted) -> Result<(), Problem> {
    let told = |detail| Err(Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail));
    if *wanted == MusicWanted::default() {
        return told("nothing is to change; write source, volume_db or paused");
    }
    if wanted
        .volume_db
        .is_some_and(|volume| !(SILENCE..=LOUDEST).contains(&volume))
    {
        return told("volume_db is not from -100 to 20; write e.g. -6");
    }
    let source = wanted.source.iter().flatten();
    if source.map(|name| name.chars().count()).any(|n| n > 255) {
        return told("no source has so long a name; write one of /v1/music");
    }
    Ok(())
}

/// Has a zone play as it is configured; takes the role operator.
#[utoipa::path(delete, path = "/v1/music/zones/{zone}", tag = "music",
    params(("zone" = String, Path, description = "The zone", max_length = 255)), responses(
    (status = 204, description = "Nothing is set by hand any more"),
    (status = 404, description = "There is no such zone", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn reset(
    State(app): State<Arc<App>>,
    who: Who,
    Path(zone): Path<String>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let _alone = app.changes.lock().await;
    let asked = OfMusic::Reset { who, zone };
    done(app.ask(Question::Music(asked)).await?)
}

/// Goes on with the next piece of what a zone plays, wherever that is heard; takes the role
/// operator.
#[utoipa::path(post, path = "/v1/music/zones/{zone}/next", tag = "music",
    params(("zone" = String, Path, description = "The zone", max_length = 255)), responses(
    (status = 204, description = "The next piece plays"),
    (status = 404, description = "There is no such zone", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "It plays nothing", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn next_in(
    State(app): State<Arc<App>>,
    who: Who,
    Path(zone): Path<String>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let asked = OfMusic::NextIn { who, zone };
    done(app.ask(Question::Music(asked)).await?)
}

/// Has a source stand still wherever it is heard, or go on; takes the role operator.
#[utoipa::path(patch, path = "/v1/music/sources/{name}", tag = "music",
    request_body = SourceWanted,
    params(("name" = String, Path, description = "The source", max_length = 255)), responses(
    (status = 200, description = "The source as it is now", body = Source),
    (status = 404, description = "There is no such source", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn change_source(
    State(app): State<Arc<App>>,
    who: Who,
    Path(source): Path<String>,
    body: Result<Body<SourceWanted>, Problem>,
) -> Result<axum::Json<Source>, Problem> {
    who.needs(Role::Operator)?;
    let is_paused = body?.value.paused;
    let name = source.clone();
    let _alone = app.changes.lock().await;
    let asked = OfMusic::Source {
        who,
        source,
        is_paused,
    };
    done(app.ask(Question::Music(asked)).await?)?;
    Ok(axum::Json(source_of(&app, &name).await?))
}

/// Goes on with the next piece of a source, wherever it is heard; takes the role operator.
#[utoipa::path(post, path = "/v1/music/sources/{name}/next", tag = "music",
    params(("name" = String, Path, description = "The source", max_length = 255)), responses(
    (status = 204, description = "The next piece plays"),
    (status = 404, description = "There is no such source", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn next(
    State(app): State<Arc<App>>,
    who: Who,
    Path(source): Path<String>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let asked = OfMusic::Next { who, source };
    done(app.ask(Question::Music(asked)).await?)
}

async fn all(app: &App) -> Result<Music, Problem> {
    let answer = app.ask(Question::Music(OfMusic::All)).await?;
    let Answer::Music(music) = answer else {
        return Err(refused(answer));
    };
    Ok(music)
}

async fn zone_of(app: &App, name: &str) -> Result<ZoneMusic, Problem> {
    let zones = all(app).await?.zones;
    let found = zones.iter().find(|it| it.zone == name);
    found.cloned().ok_or_else(|| {
        refused(Answer::Unknown(Unknown::Zone {
            name: name.to_owned(),
            known: zones.iter().map(|it| it.zone.clone()).collect(),
        }))
    })
}

async fn source_of(app: &App, name: &str) -> Result<Source, Problem> {
    let sources = all(app).await?.sources;
    let found = sources.iter().find(|it| it.name == name);
    found.cloned().ok_or_else(|| {
        refused(Answer::Unknown(Unknown::Music {
            name: name.to_owned(),
            known: sources.iter().map(|it| it.name.clone()).collect(),
        }))
    })
}

/// What counts as silence, and what the configuration allows at most.
const SILENCE: f32 = -100.0;
const LOUDEST: f32 = 20.0;
