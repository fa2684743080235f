//! What can be asked of calls: which there are, to call, to answer, to press keys, to hang up?

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, done, refused};
use super::desk::{Chosen, Drive, choose};
use super::door::Who;
use super::extract::{Asked, Body};
use super::listing::{Calls, Window, cut};
use super::once;
use super::problem::Problem;
use super::relay_words::{are_keys, is_number};
use super::site::Call;
use crate::control::{Denied, Role};

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CallWanted {
    /// A number, or an address such as `sip:bob@example.com`.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^[!#-;=?-~]{1,255}$",
        examples("0912341234")
    )]
    number: String,
    /// NAME of the `[relay:NAME]` whose trunk is used; may be left out where there is only one.
    #[schema(max_length = 255)]
    #[serde(default)]
    relay: Option<String>,
}

/// Which keys to press.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysWanted {
    /// One after the other: `0` to `9`, `*`, `#`, `A` to `D`.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[0-9*#A-D]{1,64}$",
        examples("12#")
    )]
    digits: String,
}

/// Calls that are not over.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", params(Window), responses(
    (status = 200, description = "The calls of now", body = Calls),
))]
pub(super) async fn calls(
    State(app): State<Arc<App>>,
    Asked(window): Asked<Window>,
) -> Result<axum::Json<Calls>, Problem> {
    let calls = app.look().await?.calls;
    let (items, next) = cut(calls, |it| &it.id, &window)?;
    Ok(axum::Json(Calls { items, next }))
}

/// One call; also one that ended of late, with the reason.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls",
    params(("id" = String, Path, description = "The call", max_length = 64)), responses(
    (status = 200, description = "The call", body = Call),
    (status = 404, description = "There is no such call", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn call(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<axum::Json<Call>, Problem> {
    let site = app.look().await?;
    let mut all = site.calls.into_iter().chain(site.ended);
    let call = all.find(|call| call.id == id);
    let call = call.ok_or_else(|| Problem::not_found("there is no such call; see /v1/calls"))?;
    Ok(axum::Json(call))
}

/// Calls a number by the trunk of a relay; takes the role operator.
///
/// The answer comes at once, while it rings there; events and `GET /v1/calls/{id}` tell what comes
/// of it. Who has picked up is heard and spoken to at `/v1/calls/{id}/audio`; a call that nobody
/// has there for a minute ends. With an `Idempotency-Key`, the same request sent again within a day
/// gets the first answer, and nobody is called twice.
#[utoipa::path(post, path = "/v1/calls", tag = "calls", request_body = CallWanted,
    params(("Idempotency-Key" = Option<String>, Header, description =
        "A text of your own for this request, as a UUID", min_length = 1, max_length = 255,
        pattern = "^[!-~]{1,255}$")),
    responses(
    (status = 201, description = "It is called", body = Call,
     headers(("Location" = String, description = "Where to look for it"))),
    (status = 404, description = "There is no such relay", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "The same request is being served", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn dial(
    State(app): State<Arc<App>>,
    who: Who,
    headers: HeaderMap,
    body: Result<Body<CallWanted>, Problem>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let Body { value, bytes } = body?;
    if !is_number(&value.number) {
        let detail = "number is none; write e.g. 0912341234 or sip:bob@example.com";
        return Err(Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let desk = match choose("relay", &app.settings().relays, value.relay.as_deref()) {
        Chosen::Desk(desk) => desk,
        Chosen::Not(why) => return Err(Problem::not_found(&why)),
    };
    let user = who.name.clone();
    let number = value.number;
    let question = Drive::Call { desk, number }.by(&who);
    let what = [b"POST /v1/calls ".as_slice(), &bytes].concat();
    once::begin(&app, &headers, (&user, &what), question, why_not_called).await
}

fn why_not_called(answer: Answer) -> Problem {
    if let Answer::Denied(Denied::TooMany, _) = &answer {
        return Problem::too_many(
            "the relay has as many calls as max-calls of it allows; hang up some of them",
        );
    }
    refused(answer)
}

/// Answers a call that rings at a relay with `answer = by-program`; takes the role operator.
#[utoipa::path(post, path = "/v1/calls/{id}/answer", tag = "calls",
    params(("id" = String, Path, description = "The call", max_length = 64)), responses(
    (status = 204, description = "It is answered"),
    (status = 404, description = "No such call is held for programs", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "The other side has to answer it", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    who: Who,
    Path(call): Path<String>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let answer = app.ask(Drive::Answer { call }.by(&who)).await?;
    if let Answer::Denied(denied, _) = &answer {
        let text = "the other side has to answer it; wait for its state held";
        return Err(why_not(denied, ("not-waiting", text)).unwrap_or_else(|| refused(answer)));
    }
    done(answer)
}

/// Presses keys at the other side of a call that a program holds; takes the role operator.
///
/// They are sent as the other side knows them: with the sound (RFC 4733), or by INFO. Keys that the
/// other side presses are events `dtmf`.
#[utoipa::path(post, path = "/v1/calls/{id}/dtmf", tag = "calls", request_body = KeysWanted,
    params(("id" = String, Path, description = "The call", max_length = 64)), responses(
    (status = 204, description = "They are pressed"),
    (status = 404, description = "No such call is held for programs", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "It is not answered yet", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn press(
    State(app): State<Arc<App>>,
    who: Who,
    Path(call): Path<String>,
    body: Result<Body<KeysWanted>, Problem>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let keys = body?.value.digits;
    if !are_keys(&keys) {
        let detail = "digits are not 1 to 64 of 0 to 9, *, #, A to D; write e.g. 12#";
        return Err(Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let answer = app.ask(Drive::Press { call, keys }.by(&who)).await?;
    if let Answer::Denied(denied, _) = &answer {
        let text = "the call is not answered yet; wait for its state held";
        return Err(why_not(denied, ("not-answered", text)).unwrap_or_else(|| refused(answer)));
    }
    done(answer)
}

/// Ends a call; takes the role operator.
#[utoipa::path(post, path = "/v1/calls/{id}/hangup", tag = "calls",
    params(("id" = String, Path, description = "The call", max_length = 64)), responses(
    (status = 204, description = "The call has ended"),
    (status = 404, description = "There is no such call", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn hang_up(
    State(app): State<Arc<App>>,
    who: Who,
    Path(call): Path<String>,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    done(app.ask(Question::HangUp { who, call }).await?)
}

/// Of a call that is not there for programs, or not as far yet.
fn why_not(denied: &Denied, (kind, text): (&str, &str)) -> Option<Problem> {
    if *denied == Denied::Gone {
        return Some(Problem::not_found(NOT_HELD));
    }
    let too_early = || Problem::named(StatusCode::CONFLICT, kind, "Too early", text);
    (*denied == Denied::Busy).then(too_early)
}

/// Of one that speaks into zones too.
pub(super) const NOT_HELD: &str =
    "no call of that id is held for programs; see desk of the calls in /v1/calls";
