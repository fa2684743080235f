//! How does a person at a browser sign in and out, and what are they then?

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::{App, count, lock};
use super::door::{Ends, Who, is_own_origin, known};
use super::extract::Body;
use super::problem::Problem;
use super::sessions::LONGEST;

/// The token of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[schema(min_length = 1, max_length = 255)]
    token: String,
}

/// Who asks, and what they may.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Session {
    /// NAME of `[user:NAME]`; null for a program on this machine.
    name: Option<String>,
    role: Role,
    /// The zones that they may page; none stands for all.
    zones: Vec<String>,
    by: By,
}

/// What one is trusted with; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Role {
    Viewer,
    Operator,
    Admin,
}

/// How it is known who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum By {
    /// It comes from the machine itself.
    Machine,
    Token,
    /// They have signed in.
    Session,
}

impl Session {
    fn new(who: &Who, by: By) -> Self {
        Self {
            name: Some(who.name.clone()).filter(|name| !name.is_empty()),
            role: match who.role {
                crate::control::Role::Viewer => Role::Viewer,
                crate::control::Role::Operator => Role::Operator,
                crate::control::Role::Admin => Role::Admin,
            },
            zones: who.zones.clone(),
            by,
        }
    }
}

/// Who asks?
#[utoipa::path(get, path = "/v1/session", tag = "session", responses(
    (status = 200, description = "Who asks, and what they may", body = Session),
))]
pub(super) async fn session(who: Who, headers: HeaderMap) -> Json<Session> {
    let by = match (headers.contains_key(header::AUTHORIZATION), &who.name) {
        (true, _) => By::Token,
        (false, name) if name.is_empty() => By::Machine,
        (false, _) => By::Session,
    };
    Json(Session::new(&who, by))
}

/// Signs in with the token of a user; needs nothing else.
///
/// The answer sets a cookie that stands for the token for twelve hours. It is for browsers, whose
/// scripts can send no token with a WebSocket or a stream of events; what changes something then
/// has to come from a page of ours.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = SignIn, responses(
    (status = 200, description = "Signed in", body = Session,
     headers(("Set-Cookie" = String, description = "What stands for the token"))),
    (status = 403, description = "A foreign web page asks", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    axum::Extension(ends): axum::Extension<Ends>,
    headers: HeaderMap,
    body: Result<Body<SignIn>, Problem>,
) -> Result<Response, Problem> {
    let token = body?.value.token;
    if headers.contains_key(header::ORIGIN) && !is_own_origin(&headers) {
        return Err(foreign());
    }
    let settings = app.settings();
    let Some(user) = known(&settings, &token) else {
        count(&app.counts.turned_away);
        return Err(Problem::unauthorized(
            "no user has this token; paging token NAME makes one",
        ));
    };
    let secret = lock(&app.sessions).open(user, Instant::now());
    let is_secure = settings.is_secure(ends.here);
    let cookie = cookie(&secret, LONGEST.as_secs(), is_secure);
    let session = Session::new(&Who::of(user), By::Session);
    Ok(([(header::SET_COOKIE, cookie)], Json(session)).into_response())
}

/// Signs out.
#[utoipa::path(delete, path = "/v1/session", tag = "session", responses(
    (status = 204, description = "Signed out, whether or not one was signed in"),
))]
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    axum::Extension(ends): axum::Extension<Ends>,
    headers: HeaderMap,
) -> Response {
    if let Some(secret) = secret_of(&headers) {
        lock(&app.sessions).close(secret);
    }
    let cookie = cookie("", 0, app.settings().is_secure(ends.here));
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

/// Whoever has signed in; `None` if nobody has, or another proof is given.
///
/// # Errors
/// 403 when something is to change for a foreign web page: a cookie goes with whatever asks.
pub(super) fn signed_in(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    now: Instant,
) -> Option<Result<Who, Problem>> {
    if headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let settings = app.settings();
    let who = {
        let sessions = lock(&app.sessions);
        Who::of(sessions.user(secret_of(headers)?, &settings, now)?)
    };
    let only_looks = matches!(*method, Method::GET | Method::HEAD)
        && !headers.contains_key(header::UPGRADE)
        && !headers.contains_key(header::ORIGIN);
    if only_looks || is_own_origin(headers) {
        return Some(Ok(who));
    }
    Some(Err(foreign()))
}

fn foreign() -> Problem {
    let detail = "this comes from no page of ours; send the token as authorization: Bearer TOKEN";
    Problem::named(
        StatusCode::FORBIDDEN,
        "origin",
        "A foreign web page",
        detail,
    )
}

fn secret_of(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).into_iter();
    let mut cookies = all
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'));
    cookies.find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Scripts cannot read it, and no page of others has it sent (RFC 6265bis §5.8).
fn cookie(secret: &str, age_s: u64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}")
}

const COOKIE: &str = "paging-session";
