//! How is a program told that a request failed (RFC 9457)?

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::control::{Denied, Role};

/// Why a request failed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind of problem it is; `about:blank` says no more than the status.
    #[serde(rename = "type")]
    #[schema(examples("urn:paging:problem:no-such-zone"))]
    kind: String,
    /// In a few words.
    title: String,
    /// As the response has it.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request, and what to do instead.
    detail: String,
    #[serde(skip)]
    header: Option<(&'static str, &'static str)>,
}

impl Problem {
    /// That says no more than its status, beside a remedy.
    pub(super) fn plain(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            header: None,
        }
    }

    /// Of a kind that programs can tell by its name.
    pub(super) fn named(
        status: StatusCode,
        name: &str,
        title: &str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("urn:paging:problem:{name}"),
            title: title.to_owned(),
            ..Self::plain(status, detail)
        }
    }

    pub(super) fn with(self, name: &'static str, value: &'static str) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    /// Who asks is not known.
    pub(super) fn unauthorized(detail: &str) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self::named(status, "unauthorized", "No valid token", detail)
            .with("www-authenticate", "Bearer realm=\"paging\"")
    }

    /// For a while.
    pub fn unavailable(detail: &str) -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, detail).with("retry-after", "1")
    }

    /// More than is taken at the same time.
    pub fn too_many(detail: &str) -> Self {
        Self::plain(StatusCode::TOO_MANY_REQUESTS, detail).with("retry-after", "1")
    }

    /// There is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::plain(StatusCode::NOT_FOUND, what)
    }

    /// It is understood, and cannot be meant.
    pub fn unusable(detail: &str) -> Self {
        Self::plain(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Nobody is trusted with it who comes by this way.
    pub fn forbidden(detail: &str) -> Self {
        Self::named(StatusCode::FORBIDDEN, "role", "Role too low", detail)
    }

    /// The role is not enough.
    pub(super) fn role(needs: Role) -> Self {
        let detail =
            format!("this takes the role {needs}; ask with the token of a user who has it");
        Self::named(StatusCode::FORBIDDEN, "role", "Role too low", detail)
    }

    /// Of what the core does not allow or cannot do; `zones` names those that it speaks of.
    pub(super) fn denied(denied: &Denied, zones: &[String]) -> Self {
        let forbidden = StatusCode::FORBIDDEN;
        match denied {
            Denied::Role(needs) => Self::role(*needs),
            Denied::Priority(most) => {
                let detail = format!(
                    "this user may use priorities up to {}; use a lower one, or the token of an \
                     admin",
                    most.0
                );
                Self::named(forbidden, "priority", "Priority too high", detail)
            }
            Denied::Zones(_) => {
                let detail = format!(
                    "this user may not page {}; name other zones, or add them to zones of the user",
                    zones.join(", ")
                );
                Self::named(forbidden, "zones", "Zones of others", detail)
            }
            Denied::Gone => Self::not_found("it is not there, or not any more; list what is there"),
            Denied::Busy => Self::named(
                StatusCode::CONFLICT,
                "busy",
                "Others are heard",
                "others are heard in its zones; try later, or with busy = queue",
            ),
            Denied::NoSound => Self::named(
                StatusCode::SERVICE_UNAVAILABLE,
                "no-sound",
                "Nobody would hear it",
                "there is no sound now; see /health for the reason",
            )
            .with("retry-after", "10"),
            Denied::TooMany => Self::too_many("too many pages wait; stop some of them"),
            Denied::ShuttingDown => Self::unavailable("the daemon is about to end"),
        }
    }

    /// What is wrong, and what to do instead.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response =
            (self.status(), [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if let Some((name, value)) = self.header {
            let name = HeaderName::from_static(name);
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Makes a problem of an error that has none yet, such as those of the routing.
pub(super) fn of_response(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !is_error || kind.is_some_and(|kind| kind == MEDIA_TYPE || kind == "application/json") {
        return response;
    }
    let (parts, _) = response.into_parts();
    let mut told = Problem::plain(status, remedy(status)).into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told
}

fn remedy(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this path; see /openapi.json",
        StatusCode::METHOD_NOT_ALLOWED => "not with this method; see the header Allow",
        StatusCode::PAYLOAD_TOO_LARGE => "the body is too long; send less",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "the body is not told to be JSON; send content-type: application/json"
        }
        StatusCode::UPGRADE_REQUIRED => "this is a WebSocket; ask for an upgrade",
        _ => "the request cannot be understood; see /openapi.json",
    }
}

pub(super) const MEDIA_TYPE: &str = "application/problem+json";
