//! What happens to every request before and after it is served?

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::app::{App, count, lock};
use super::door::{self, Ends};
use super::openapi;
use super::problem::{self, Problem};
use super::{session, web};

/// All routes with everything around them. Requests carry their `Ends`.
pub(super) fn service(app: &Arc<App>) -> Router {
    let (routes, _) = openapi::routes();
    routes
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(app), serve))
        .with_state(Arc::clone(app))
}

async fn serve(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = allowed_origin(&app, request.headers());
    let response = match let_in(&app, request, next).await {
        Ok(response) => problem::of_response(response),
        Err(problem) => problem.into_response(),
    };
    app.counts.answered(response.status().as_u16());
    dressed(response, origin)
}

async fn let_in(app: &App, mut request: Request, next: Next) -> Result<Response, Problem> {
    let ends = request.extensions().get::<Ends>().copied();
    let ends = ends.ok_or_else(|| Problem::unauthorized("it is not known who asks"))?;
    let now = Instant::now();
    if !lock(&app.limits).request(ends.peer.ip(), now) {
        count(&app.counts.too_many);
        return Err(Problem::too_many(
            "too many requests from this address; ask less often",
        ));
    }
    if is_preflight(&request) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if !is_open(&request) {
        let signed_in = session::signed_in(app, request.method(), request.headers(), now);
        let who = signed_in
            .unwrap_or_else(|| door::admit(&app.settings(), ends, request.headers()))
            .inspect_err(|_| count(&app.counts.turned_away))?;
        request.extensions_mut().insert(who);
    }
    let longest = match request.method() {
        &Method::PUT => LONGEST_UPLOAD,
        _ => LONGEST,
    };
    let served = async {
        let _running = app.running.acquire().await;
        next.run(request).await
    };
    let late = |_| Problem::unavailable("it took too long; try again");
    timeout(longest, served).await.map_err(late)
}

/// Whether it needs no proof of who asks: the web page, and the way to give that proof.
fn is_open(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::GET | Method::HEAD => web::has(path),
        Method::POST => path == "/v1/session",
        _ => false,
    }
}

/// A browser asks whether a script of a foreign page may ask (Fetch, CORS protocol); that is told
/// by headers alone.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn allowed_origin(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let plain = origin.to_str().ok()?.to_ascii_lowercase();
    app.settings().cors.contains(&plain).then(|| origin.clone())
}

/// With headers that keep browsers from guessing and caches from remembering.
fn dressed(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    let mut set = |name, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::VARY, "origin");
    let Some(origin) = origin else {
        return response;
    };
    set(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        "GET, HEAD, POST, PUT, PATCH, DELETE",
    );
    set(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "authorization, content-type, idempotency-key, if-match, if-none-match, if-range, \
         last-event-id, range",
    );
    set(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "accept-ranges, content-disposition, content-range, etag, location, retry-after",
    );
    set(header::ACCESS_CONTROL_MAX_AGE, "600");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response
}

/// The longest request that makes sense has hundreds of zones.
const LONGEST_BODY: usize = 65_536;

/// Over a slow network, and longer than the daemon takes to decode it.
const LONGEST_UPLOAD: Duration = Duration::from_secs(90);

/// Longer than the daemon is waited for.
const LONGEST: Duration = Duration::from_secs(10);
