//! How is what a request brings read, so that every mistake in it becomes a problem?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::app::App;
use super::door::Who;
use super::problem::Problem;

/// Whoever asks; the way in has put it there.
impl FromRequestParts<Arc<App>> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let who = parts.extensions.get::<Self>().cloned();
        who.ok_or_else(|| Problem::unauthorized("send authorization: Bearer TOKEN"))
    }
}

/// A body of JSON, and its bytes.
pub(super) struct Body<T> {
    pub(super) value: T,
    pub(super) bytes: Bytes,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body is not told to be JSON; send content-type: application/json",
            ));
        }
        let bytes = Bytes::from_request(request, app).await.map_err(unread)?;
        let value = object(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// A body of JSON, or none at all.
pub(super) struct MayBe<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<App>> for MayBe<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH);
        let has_none = length.is_none_or(|length| length == "0");
        let has_kind = headers.contains_key(header::CONTENT_TYPE);
        let is_sent = headers.contains_key(header::TRANSFER_ENCODING);
        if has_none && !has_kind && !is_sent {
            return Ok(Self(T::default()));
        }
        Ok(Self(Body::from_request(request, app).await?.value))
    }
}

/// What a JSON object says.
///
/// # Errors
/// 400 for what is no JSON, and 422 for what is something else.
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value = serde_json::from_slice(bytes).map_err(|why| not_understood(&why))?;
    // A list would be taken for the members in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::unusable(
            "the body is no JSON object; see /openapi.json",
        ));
    }
    Ok(value)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn unread(why: BytesRejection) -> Problem {
    match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too long; send 64 kB at most",
        ),
        _ => Problem::plain(StatusCode::BAD_REQUEST, "the body broke off; send it whole"),
    }
}

fn not_understood(why: &serde_json::Error) -> Problem {
    let detail = format!("the body cannot be used: {why}; see /openapi.json");
    let status = match why.classify() {
        serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof
        | serde_json::error::Category::Io => StatusCode::BAD_REQUEST,
    };
    Problem::plain(status, detail)
}

/// The part of the address behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequestParts<Arc<App>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let told = |why: QueryRejection| {
            let detail = format!("{}; see /openapi.json", why.body_text());
            Problem::plain(StatusCode::BAD_REQUEST, detail)
        };
        let Query(value) = Query::from_request_parts(parts, app).await.map_err(told)?;
        Ok(Self(value))
    }
}
