//! How is what makes sound asked for once, however often it is sent (`Idempotency-Key`)?

use std::sync::Arc;
use std::time::Instant;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::app::{App, lock};
use super::ask::{Answer, Question};
use super::keys::{self, Seen};
use super::problem::Problem;

/// Asks for a page or a call, and answers 201 with it; or, if that was asked with this key before,
/// answers as then. `what` tells one request of a user from another, `why` says why it cannot be.
pub(super) async fn begin(
    app: &Arc<App>,
    headers: &HeaderMap,
    (user, what): (&str, &[u8]),
    question: Question,
    why: fn(Answer) -> Problem,
) -> Result<Response, Problem> {
    let Some(key) = key(headers)? else {
        return Ok(created(&ask(app, question, why).await?));
    };
    match lock(&app.keys).begin(user, &key, what, Instant::now()) {
        Seen::New => {}
        Seen::Done(answer) => return Ok(created(&answer)),
        Seen::Running => {
            return Err(Problem::named(
                StatusCode::CONFLICT,
                "running",
                "Asked just now",
                "the same request is being served; ask again in a moment",
            ));
        }
        Seen::Other => {
            return Err(Problem::named(
                StatusCode::UNPROCESSABLE_ENTITY,
                "other-request",
                "Key used before",
                "another request had this Idempotency-Key; use a new one",
            ));
        }
    }
    let (app, user) = (Arc::clone(app), user.to_owned());
    // Whoever asked may be gone before the answer is there, and asks again for it.
    let asking = tokio::spawn(async move {
        let answer = ask(&app, question, why).await;
        let done = answer.as_ref().ok().cloned();
        lock(&app.keys).finish(&user, &key, done);
        answer
    });
    let asked = asking.await;
    let asked = asked.map_err(|_| Problem::unavailable("it broke off; ask again"))?;
    asked.map(|answer| created(&answer))
}

async fn ask(
    app: &App,
    question: Question,
    why: fn(Answer) -> Problem,
) -> Result<keys::Answer, Problem> {
    let is_slow = matches!(&question, Question::Start { wanted, .. } if wanted.has_to_be_made());
    let answer = if is_slow {
        let _room = app.uploads.acquire().await;
        app.ask_long(question).await?
    } else {
        app.ask(question).await?
    };
    if let Answer::Started(page) = &answer {
        return Ok(known(format!("/v1/pages/{}", page.id), page));
    }
    if let Answer::Called(call) = &answer {
        return Ok(known(format!("/v1/calls/{}", call.id), call));
    }
    Err(why(answer))
}

fn known(location: String, it: &impl Serialize) -> keys::Answer {
    let body = serde_json::to_vec(it).unwrap_or_default();
    keys::Answer { location, body }
}

fn created(answer: &keys::Answer) -> Response {
    let headers = [
        (header::LOCATION, answer.location.clone()),
        (header::CONTENT_TYPE, "application/json".to_owned()),
    ];
    (StatusCode::CREATED, headers, answer.body.clone()).into_response()
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = key.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > 255 || !text.bytes().all(|it| it.is_ascii_graphic()) {
        let detail = "Idempotency-Key is not of 1 to 255 plain characters; write e.g. a UUID";
        return Err(Problem::plain(StatusCode::BAD_REQUEST, detail));
    }
    Ok(Some(text.to_owned()))
}
