//! Which sounds can be played, and how do new ones come in?

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, Unknown, done, refused};
use super::door::Who;
use super::problem::Problem;
use super::tags::{changed, still, tagged};
use crate::control::Role;

/// A sound that a page can play.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Sound {
    /// As `play` of a page names it.
    #[schema(examples("gong.wav"))]
    pub name: String,
    /// It was brought over HTTP; otherwise the configuration names it.
    pub uploaded: bool,
    pub seconds: f64,
    pub channels: u32,
    pub rate_hz: u32,
    /// Its highest sample in dB below full scale; null for silence.
    pub peak_dbfs: Option<f32>,
    /// How loud all of it is (integrated, ITU-R BS.1770); null for silence, and for less than
    /// 0.4 s.
    pub loudness_lufs: Option<f32>,
}

/// A page that says something by itself.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Message {
    /// NAME of `[page:NAME]`, as `play` of a page names it.
    #[schema(examples("fire-drill"))]
    pub name: String,
    /// Where it is heard unless said otherwise.
    pub zones: Vec<String>,
    /// How long it is, said once.
    pub seconds: f64,
}

/// All that can be played, by name.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Sounds {
    pub items: Vec<Sound>,
    /// Pages that have a message.
    pub messages: Vec<Message>,
}

/// What is asked about sounds.
#[derive(Clone, Debug, PartialEq)]
pub enum OfSounds {
    /// All of them.
    All,
    /// Take one in, in place of another of that name.
    Put {
        who: Who,
        name: String,
        bytes: Bytes,
    },
    /// Delete one that was taken in.
    Delete { who: Who, name: String },
}

/// Why a sound is not taken in or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The configuration has something of that name.
    Configured,
    /// It cannot be played, in words.
    NoSound(String),
    /// There are so many already, or so much.
    Full,
    /// The disk does not take it, in words.
    Disk(String),
}

impl Unfit {
    pub(super) fn problem(self) -> Problem {
        match self {
            Self::Configured => Problem::named(
                StatusCode::CONFLICT,
                "configured",
                "Name of the configuration",
                "the configuration has something of this name; use another one, or change that",
            ),
            Self::NoSound(why) => Problem::named(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no-sound-file",
                "No sound that can be played",
                format!("{why}; send WAV, FLAC, Ogg Vorbis, MP3 or M4A of 10 minutes at most"),
            ),
            Self::Full => Problem::named(
                StatusCode::CONFLICT,
                "too-many-sounds",
                "No room for more",
                "as many sounds were taken in as are held in memory; delete some of them",
            ),
            Self::Disk(why) => Problem::named(
                StatusCode::SERVICE_UNAVAILABLE,
                "disk",
                "Not written down",
                format!("{why}; make room or give the daemon the right to write there"),
            ),
        }
    }
}

/// All sounds and messages that a page can play.
#[utoipa::path(get, path = "/v1/sounds", tag = "sounds", responses(
    (status = 200, description = "The sounds and messages", body = Sounds,
     headers(("ETag" = String, description = "For If-None-Match"))),
    (status = 304, description = "As it was known"),
))]
pub(super) async fn sounds(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(tagged(&headers, &all(&app).await?))
}

/// One sound.
#[utoipa::path(get, path = "/v1/sounds/{name}", tag = "sounds",
    params(("name" = String, Path, description = "The sound", max_length = 255)), responses(
    (status = 200, description = "The sound", body = Sound,
     headers(("ETag" = String, description = "For If-None-Match and If-Match"))),
    (status = 304, description = "As it was known"),
    (status = 404, description = "There is no such sound", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn sound(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sounds = all(&app).await?.items;
    let found = sounds.iter().find(|it| it.name == name);
    let found = found.ok_or_else(|| missing(&name, &sounds))?;
    Ok(tagged(&headers, found))
}

/// Takes a sound in, so that pages can play it; takes the role admin.
///
/// The body is the file: WAV, FLAC, Ogg Vorbis, MP3 or M4A, of 16 MB and 10 minutes at most. It is
/// decoded first, and what cannot be played is refused. With `If-None-Match: *` no other sound is
/// replaced.
#[utoipa::path(put, path = "/v1/sounds/{name}", tag = "sounds",
    request_body(content = String, content_type = "application/octet-stream",
                 description = "The bytes of the file"),
    params(("name" = String, Path, description =
        "1 to 64 of letters, digits, dot, dash and low line, with the ending of what it is",
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,58}\\.(wav|flac|ogg|mp3|m4a)$"),
           ("If-Match" = Option<String>, Header, description = "Only in place of this one"),
           ("If-None-Match" = Option<String>, Header, description = "*: only if it is new")),
    responses(
    (status = 200, description = "It is there in place of another one", body = Sound,
     headers(("ETag" = String, description = "For If-None-Match and If-Match"))),
    (status = 201, description = "It is there", body = Sound,
     headers(("Location" = String, description = "Where to look for it"))),
    (status = 409, description = "The name is taken, or there is no room", body = Problem,
     content_type = "application/problem+json"),
    (status = 412, description = "It was changed meanwhile", body = Problem,
     content_type = "application/problem+json"),
    (status = 415, description = "The body is told to be something else", body = Problem,
     content_type = "application/problem+json"),
    (status = 422, description = "It cannot be played", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    who.needs(Role::Admin)?;
    if !is_name(&name) {
        let detail = "the name is not 1 to 64 of letters, digits, dot, dash and low line with the \
                      ending .wav, .flac, .ogg, .mp3 or .m4a; write e.g. gong.wav";
        return Err(Problem::plain(StatusCode::BAD_REQUEST, detail));
    }
    let headers = request.headers().clone();
    is_sound(&headers)?;
    // What waits is not in memory yet.
    let _room = app.uploads.acquire().await;
    let bytes = to_bytes(request.into_body(), LONGEST).await;
    let bytes = bytes.map_err(|_| {
        let detail = "the body is too long or broke off; send 16 MB at most";
        Problem::plain(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let _alone = app.changes.lock().await;
    let sounds = all(&app).await?.items;
    let before = sounds.into_iter().find(|it| it.name == name);
    may_replace(&headers, before.as_ref())?;
    let asked = OfSounds::Put { who, name, bytes };
    let answer = app.ask_long(Question::Sounds(asked)).await?;
    let Answer::Placed(sound) = answer else {
        return Err(refused(answer));
    };
    let mut answer = tagged(&HeaderMap::new(), &sound);
    if before.is_none() {
        let location = [(header::LOCATION, format!("/v1/sounds/{}", sound.name))];
        answer = (StatusCode::CREATED, location, answer).into_response();
    }
    Ok(answer)
}

/// Deletes a sound that was taken in; takes the role admin.
#[utoipa::path(delete, path = "/v1/sounds/{name}", tag = "sounds",
    params(("name" = String, Path, description = "The sound", max_length = 255),
           ("If-Match" = Option<String>, Header, description = "Only if it is still so")),
    responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is no such sound", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "It is of the configuration", body = Problem,
     content_type = "application/problem+json"),
    (status = 412, description = "It was changed meanwhile", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Admin)?;
    let _alone = app.changes.lock().await;
    let sounds = all(&app).await?.items;
    let found = sounds.iter().find(|it| it.name == name);
    still(&headers, found.ok_or_else(|| missing(&name, &sounds))?)?;
    let asked = OfSounds::Delete { who, name };
    done(app.ask(Question::Sounds(asked)).await?)
}

fn may_replace(headers: &HeaderMap, before: Option<&Sound>) -> Result<(), Problem> {
    let is_new_only = headers.contains_key(header::IF_NONE_MATCH);
    match before {
        Some(_) if is_new_only => Err(changed()),
        Some(before) => still(headers, before),
        None if headers.contains_key(header::IF_MATCH) => Err(changed()),
        None => Ok(()),
    }
}

/// Whether a sound may be called so: nothing that a file system or a log line could
/// misunderstand.
pub fn is_name(name: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"._-".contains(&it);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    name.len() <= LONGEST_NAME
        && name.bytes().all(is_plain)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

fn is_sound(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    if kind.starts_with("audio/") || kind == "application/octet-stream" || kind == "video/mp4" {
        return Ok(());
    }
    Err(Problem::plain(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body is not told to be sound; send content-type: audio/wav, or what it is",
    ))
}

fn missing(name: &str, known: &[Sound]) -> Problem {
    refused(Answer::Unknown(Unknown::Sound {
        name: name.to_owned(),
        known: known.iter().map(|it| it.name.clone()).collect(),
    }))
}

async fn all(app: &App) -> Result<Sounds, Problem> {
    let answer = app.ask(Question::Sounds(OfSounds::All)).await?;
    let Answer::Sounds(sounds) = answer else {
        return Err(refused(answer));
    };
    Ok(sounds)
}

/// A minute and a half of CD sound.
const LONGEST: usize = 16 << 20;

const LONGEST_NAME: usize = 64;

const ENDINGS: [&str; 5] = ["wav", "flac", "ogg", "mp3", "m4a"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_and_say_what_they_are() {
        let long = format!("{}.wav", "x".repeat(60));
        for name in ["gong.wav", "a.b-c_d.flac", "1.ogg", "X.mp3", "x.m4a", &long] {
            assert!(is_name(name), "{name}");
        }
        let long = format!("{}.wav", "x".repeat(61));
        for name in [
            "",
            ".wav",
            "gong",
            "gong.txt",
            "../gong.wav",
            "a/b.wav",
            "gong wav.wav",
            "gong.wav\0",
            "-gong.wav",
            "göng.wav",
            "gong.WAV",
            &long,
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_sound_is_replaced_only_as_it_was_known() {
        let gong = Sound {
            name: "gong.wav".to_owned(),
            uploaded: true,
            seconds: 1.0,
            channels: 1,
            rate_hz: 48_000,
            peak_dbfs: None,
            loudness_lufs: None,
        };
        let with = |name, value: &str| HeaderMap::from_iter([(name, value.parse().unwrap())]);
        let status = |headers: &HeaderMap, before: Option<&Sound>| {
            may_replace(headers, before).map_err(|it| it.status().as_u16())
        };
        let none = HeaderMap::new();
        assert_eq!(
            (status(&none, None), status(&none, Some(&gong))),
            (Ok(()), Ok(()))
        );
        let new = with(header::IF_NONE_MATCH, "*");
        assert_eq!(
            (status(&new, None), status(&new, Some(&gong))),
            (Ok(()), Err(412))
        );
        let known = tagged(&none, &gong).headers()["etag"]
            .to_str()
            .unwrap()
            .to_owned();
        let known = with(header::IF_MATCH, &known);
        assert_eq!(
            (status(&known, None), status(&known, Some(&gong))),
            (Err(412), Ok(()))
        );
        let other = with(header::IF_MATCH, "\"a\"");
        assert_eq!(status(&other, Some(&gong)), Err(412));
    }
}
