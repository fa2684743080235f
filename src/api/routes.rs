//! Which request asks for what?

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Question, done, refused};
use super::door::Who;
use super::extract::{Asked, Body};
use super::listing::{Pages, Window, cut};
use super::metrics;
use super::once;
use super::problem::Problem;
use super::site::{Condition, Page, Part, Zone};
use super::wanted::PageWanted;
use crate::control::Role;

/// Whether everything works.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Health {
    /// The worst of the parts.
    status: Condition,
    parts: Vec<Part>,
}

/// Does everything work?
///
/// 503 when somebody is not heard or nobody can call; an operator should look at what is degraded.
#[utoipa::path(get, path = "/health", tag = "diagnostics", responses(
    (status = 200, description = "Pages are heard", body = Health),
    (status = 503, description = "Something has failed", body = Health),
))]
pub(super) async fn health(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let parts = app.look().await?.parts;
    let status = parts
        .iter()
        .map(|part| part.state)
        .max()
        .unwrap_or_default();
    let code = match status {
        Condition::Ok | Condition::Degraded => StatusCode::OK,
        Condition::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok((code, axum::Json(Health { status, parts })).into_response())
}

/// Everything that is counted and measured, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "diagnostics", responses(
    (status = 200, description = "The text format of Prometheus", body = String,
     content_type = "text/plain; version=0.0.4; charset=utf-8"),
))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let site = app.look().await?;
    let text = metrics::text(&site, &app.counts);
    let kind = [(header::CONTENT_TYPE, metrics::MEDIA_TYPE)];
    Ok((kind, text).into_response())
}

/// Pages that are not over.
#[utoipa::path(get, path = "/v1/pages", tag = "pages", params(Window), responses(
    (status = 200, description = "The pages of now", body = Pages),
))]
pub(super) async fn pages(
    State(app): State<Arc<App>>,
    Asked(window): Asked<Window>,
) -> Result<axum::Json<Pages>, Problem> {
    let pages = app.look().await?.pages;
    let (items, next) = cut(pages, |it| &it.id, &window)?;
    Ok(axum::Json(Pages { items, next }))
}

/// One page; also one that ended of late, with what became of it.
#[utoipa::path(get, path = "/v1/pages/{id}", tag = "pages",
    params(("id" = String, Path, description = "The page", max_length = 64)), responses(
    (status = 200, description = "The page", body = Page),
    (status = 404, description = "There is no such page", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn page(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<axum::Json<Page>, Problem> {
    let site = app.look().await?;
    let mut all = site.pages.into_iter().chain(site.over);
    let page = all.find(|page| page.id == id);
    let page = page.ok_or_else(|| Problem::not_found("there is no such page; see /v1/pages"))?;
    Ok(axum::Json(page))
}

/// Begins a page that plays a message or a sound, speaks a text or sounds a tone; takes the role
/// operator.
///
/// With an `Idempotency-Key`, the same request sent again within a day gets the first answer, and
/// nothing sounds twice.
#[utoipa::path(post, path = "/v1/pages", tag = "pages", request_body = PageWanted,
    params(("Idempotency-Key" = Option<String>, Header, description =
        "A text of your own for this request, as a UUID", min_length = 1, max_length = 255,
        pattern = "^[!-~]{1,255}$")),
    responses(
    (status = 201, description = "The page has begun, or waits its turn", body = Page,
     headers(("Location" = String, description = "Where to look for it"))),
    (status = 404, description = "There is no such sound or zone", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "Others are heard, or the same request is being served",
     body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn start(
    State(app): State<Arc<App>>,
    who: Who,
    headers: HeaderMap,
    body: Result<Body<PageWanted>, Problem>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let Body { value, bytes } = body?;
    value.check()?;
    let user = who.name.clone();
    let question = Question::Start { who, wanted: value };
    once::begin(&app, &headers, (&user, &bytes), question, refused).await
}

/// Ends a page at once, whoever speaks; takes the role operator.
#[utoipa::path(delete, path = "/v1/pages/{id}", tag = "pages",
    params(("id" = String, Path, description = "The page", max_length = 64)), responses(
    (status = 204, description = "The page has ended"),
    (status = 404, description = "There is no such page", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    who: Who,
    Path(page): Path<String>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    done(app.ask(Question::Stop { who, page }).await?)
}

/// Zones, how loud they are, and who is heard there.
#[utoipa::path(get, path = "/v1/zones", tag = "zones", responses(
    (status = 200, description = "All zones", body = Vec<Zone>),
))]
pub(super) async fn zones(State(app): State<Arc<App>>) -> Result<axum::Json<Vec<Zone>>, Problem> {
    Ok(axum::Json(app.look().await?.zones))
}
