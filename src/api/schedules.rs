//! When does which bell ring, and how is that changed?

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, Unknown, done, refused};
use super::door::Who;
use super::extract::{Asked, Body};
use super::once;
use super::problem::Problem;
use super::tags::{still, tagged};
use crate::control::Role;

/// A bell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Schedule {
    /// NAME of `[schedule:NAME]`.
    #[schema(examples("lesson"))]
    pub name: String,
    /// Its days and times, as they are configured.
    #[schema(examples("Mon-Fri 08:30 10:15"))]
    pub when: String,
    /// By whose clock.
    #[schema(examples("Europe/Berlin"))]
    pub timezone: String,
    /// `klaxon` or the name of its sound; null for one that speaks.
    pub play: Option<String>,
    /// The text that it speaks.
    pub say: Option<String>,
    pub zones: Vec<String>,
    /// 200 and above is an emergency.
    #[schema(minimum = 0, maximum = 255)]
    pub priority: u8,
    /// The plans of the day that it belongs to, or `all`; null for days that no plan claims.
    pub plans: Option<Vec<String>>,
    /// Whether it rings at all.
    pub enabled: bool,
    /// When it rings again, if it does not now (RFC 3339, UTC); null for not before it is enabled.
    #[schema(format = DateTime)]
    pub disabled_until: Option<String>,
    /// The times that it skips (RFC 3339, UTC).
    pub skips: Vec<String>,
    /// When it rings next (RFC 3339, UTC); null if it does not within a year.
    #[schema(format = DateTime)]
    pub next: Option<String>,
}

/// All bells, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Schedules {
    pub(super) items: Vec<Schedule>,
}

/// Whether a bell rings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleWanted {
    /// Whether it rings; times that it skips are skipped all the same.
    enabled: bool,
    /// Until when it does not (RFC 3339); otherwise until it is enabled again.
    #[serde(default)]
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// What rings on some days; on fewer than were asked for if these are thousands of rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Days {
    /// By this clock days begin.
    pub timezone: String,
    pub days: Vec<Day>,
}

/// What rings on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Day {
    #[schema(format = Date)]
    pub date: String,
    /// The plan that has the day; null for the usual one.
    pub plan: Option<String>,
    /// By how much clocks go forward on that day; below zero if they go back.
    pub clocks_shift_min: i64,
    pub rings: Vec<Ring>,
}

/// One time of a bell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ring {
    /// The bell.
    pub schedule: String,
    /// When (RFC 3339, UTC); one ring is skipped by this.
    #[schema(format = DateTime)]
    pub at: String,
    /// By the clock of the bell.
    #[schema(examples("08:30"))]
    pub local: String,
    pub zones: Vec<String>,
    /// 200 and above is an emergency.
    #[schema(minimum = 0, maximum = 255)]
    pub priority: u8,
    pub state: RingState,
    /// Why it does not ring, or not just at the time that is written, in words.
    pub reason: Option<String>,
}

/// Whether a bell rings at one of its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RingState {
    /// It will ring.
    Due,
    /// Its time has passed, and nothing kept it from ringing.
    Past,
    /// Somebody has cancelled this one.
    Skipped,
    /// The bell does not ring then.
    Disabled,
    /// The day is an exception.
    Except,
    /// The day has another plan.
    Plan,
}

/// Of which days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RingsOf {
    /// The first day; today otherwise.
    #[serde(default)]
    #[param(format = Date)]
    from: Option<String>,
    /// How many days.
    #[serde(default)]
    #[param(minimum = 1, maximum = 31, default = 7)]
    days: Option<u32>,
    /// Of one bell only, with the days on which another plan silences it.
    #[serde(default)]
    #[param(max_length = 255)]
    schedule: Option<String>,
}

/// As `RingsOf`, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaysWanted {
    /// `None` is today.
    pub from: Option<Date>,
    /// From 1 on.
    pub n_days: u32,
    pub schedule: Option<String>,
}

/// What is asked about bells.
#[derive(Clone, Debug, PartialEq)]
pub enum OfBells {
    /// All of them.
    All,
    /// What rings on some days.
    Days(DaysWanted),
    /// Ring one now.
    Ring { who: Who, bell: String },
    /// Have one ring otherwise.
    Change {
        who: Who,
        bell: String,
        change: BellChange,
    },
}

/// How a bell is to ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BellChange {
    /// As its section says, but for times that it skips.
    Enable,
    /// Not at all before that time; not at all without one.
    Disable { until: Option<Timestamp> },
    /// Not at that time.
    Skip(Timestamp),
    /// At that time after all.
    Restore(Timestamp),
}

/// All bells.
#[utoipa::path(get, path = "/v1/schedules", tag = "schedules", responses(
    (status = 200, description = "The bells", body = Schedules,
     headers(("ETag" = String, description = "For If-None-Match"))),
    (status = 304, description = "As it was known"),
))]
pub(super) async fn schedules(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let items = all(&app).await?;
    Ok(tagged(&headers, &Schedules { items }))
}

/// One bell.
#[utoipa::path(get, path = "/v1/schedules/{name}", tag = "schedules",
    params(("name" = String, Path, description = "The bell", max_length = 255)), responses(
    (status = 200, description = "The bell", body = Schedule,
     headers(("ETag" = String, description = "For If-None-Match and If-Match"))),
    (status = 304, description = "As it was known"),
    (status = 404, description = "There is no such bell", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn schedule(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(tagged(&headers, &one(&app, &name).await?))
}

/// Has a bell ring, or not ring; takes the role operator.
#[utoipa::path(patch, path = "/v1/schedules/{name}", tag = "schedules",
    request_body = ScheduleWanted,
    params(("name" = String, Path, description = "The bell", max_length = 255),
           ("If-Match" = Option<String>, Header, description = "Only if it is still so")),
    responses(
    (status = 200, description = "The bell as it is now", body = Schedule,
     headers(("ETag" = String, description = "For If-None-Match and If-Match"))),
    (status = 404, description = "There is no such bell", body = Problem,
     content_type = "application/problem+json"),
    (status = 412, description = "It was changed meanwhile", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Body<ScheduleWanted>, Problem>,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let change = wanted(&body?.value)?;
    let _alone = app.changes.lock().await;
    still(&headers, &one(&app, &name).await?)?;
    let bell = name.clone();
    let asked = OfBells::Change { who, bell, change };
    done(app.ask(Question::Bells(asked)).await?)?;
    Ok(tagged(&HeaderMap::new(), &one(&app, &name).await?))
}

fn wanted(body: &ScheduleWanted) -> Result<BellChange, Problem> {
    let told = |detail| Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail);
    match (body.enabled, &body.until) {
        (true, None) => Ok(BellChange::Enable),
        (true, Some(_)) => Err(told("until goes with enabled = false only; leave it out")),
        (false, None) => Ok(BellChange::Disable { until: None }),
        (false, Some(until)) => {
            let until: Timestamp = until.parse().map_err(|_| {
                told("until is no time; write e.g. 2026-11-22T06:00:00Z (RFC 3339)")
            })?;
            let until = Some(until);
            Ok(BellChange::Disable { until })
        }
    }
}

/// Rings a bell now, whether it is enabled or not; takes the role operator.
///
/// With an `Idempotency-Key`, the same request sent again within a day gets the first answer, and
/// nothing sounds twice.
#[utoipa::path(post, path = "/v1/schedules/{name}/ring", tag = "schedules",
    params(("name" = String, Path, description = "The bell", max_length = 255),
           ("Idempotency-Key" = Option<String>, Header, description =
        "A text of your own for this request, as a UUID", min_length = 1, max_length = 255,
        pattern = "^[!-~]{1,255}$")),
    responses(
    (status = 201, description = "It rings, or waits its turn", body = super::site::Page,
     headers(("Location" = String, description = "Where to look for it"))),
    (status = 404, description = "There is no such bell, or it has no sound", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "The same request is being served", body = Problem,
     content_type = "application/problem+json"),
    (status = 422, description = "Another request had this key", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn ring(
    State(app): State<Arc<App>>,
    who: Who,
    Path(bell): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    who.needs(Role::Operator)?;
    let what = format!("ring {bell}");
    let user = who.name.clone();
    let question = Question::Bells(OfBells::Ring { who, bell });
    once::begin(&app, &headers, (&user, what.as_bytes()), question, refused).await
}

/// Cancels one ring of a bell; takes the role operator.
#[utoipa::path(put, path = "/v1/schedules/{name}/skips/{at}", tag = "schedules",
    params(("name" = String, Path, description = "The bell", max_length = 255),
           ("at" = String, Path, description = "When it would ring (RFC 3339)", format = DateTime)),
    responses(
    (status = 204, description = "It does not ring then"),
    (status = 404, description = "The bell does not ring then, or there is none", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn skip(
    State(app): State<Arc<App>>,
    who: Who,
    Path((bell, at)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    change_one(&app, who, (bell, &at), BellChange::Skip).await
}

/// Lets a bell ring that was cancelled; takes the role operator.
#[utoipa::path(delete, path = "/v1/schedules/{name}/skips/{at}", tag = "schedules",
    params(("name" = String, Path, description = "The bell", max_length = 255),
           ("at" = String, Path, description = "When it would ring (RFC 3339)", format = DateTime)),
    responses(
    (status = 204, description = "It rings then"),
    (status = 404, description = "It was not cancelled, or there is no such bell", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    who: Who,
    Path((bell, at)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    change_one(&app, who, (bell, &at), BellChange::Restore).await
}

async fn change_one(
    app: &App,
    who: Who,
    (bell, at): (String, &str),
    change: impl Fn(Timestamp) -> BellChange,
) -> Result<StatusCode, Problem> {
    who.needs(Role::Operator)?;
    let at = at.parse().map_err(|_| {
        let detail = "the ring is no time; write e.g. 2026-11-22T08:30:00Z (RFC 3339)";
        Problem::plain(StatusCode::BAD_REQUEST, detail)
    })?;
    let change = change(at);
    let _alone = app.changes.lock().await;
    let asked = OfBells::Change { who, bell, change };
    done(app.ask(Question::Bells(asked)).await?)
}

/// What rings in the next days, what does not, and why.
#[utoipa::path(get, path = "/v1/rings", tag = "schedules", params(RingsOf), responses(
    (status = 200, description = "Day by day", body = Days),
    (status = 404, description = "There is no such bell", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn rings(
    State(app): State<Arc<App>>,
    Asked(of): Asked<RingsOf>,
) -> Result<axum::Json<Days>, Problem> {
    let wanted = days_wanted(of)?;
    let answer = app.ask(Question::Bells(OfBells::Days(wanted))).await?;
    let Answer::Rings(days) = answer else {
        return Err(refused(answer));
    };
    Ok(axum::Json(days))
}

fn days_wanted(of: RingsOf) -> Result<DaysWanted, Problem> {
    let told = |detail: &str| Problem::plain(StatusCode::BAD_REQUEST, detail);
    let from = of.from.map(|from| from.parse());
    let from = from.transpose();
    let from: Option<Date> = from.map_err(|_| told("from is no day; write e.g. 2026-11-21"))?;
    if from.is_some_and(|day| !(2000..3000).contains(&day.year())) {
        return Err(told("from is too far away; write a day of these times"));
    }
    let n_days = of.days.unwrap_or(WEEK);
    if !(1..=MOST_DAYS).contains(&n_days) {
        return Err(told("days is not from 1 to 31; write e.g. days=7"));
    }
    Ok(DaysWanted {
        from,
        n_days,
        schedule: of.schedule,
    })
}

async fn all(app: &App) -> Result<Vec<Schedule>, Problem> {
    let answer = app.ask(Question::Bells(OfBells::All)).await?;
    let Answer::Schedules(items) = answer else {
        return Err(refused(answer));
    };
    Ok(items)
}

async fn one(app: &App, name: &str) -> Result<Schedule, Problem> {
    let mut items = all(app).await?;
    let Some(at) = items.iter().position(|it| it.name == name) else {
        let unknown = Unknown::Schedule {
            name: name.to_owned(),
            known: items.into_iter().map(|it| it.name).collect(),
        };
        return Err(refused(Answer::Unknown(unknown)));
    };
    Ok(items.swap_remove(at))
}

const WEEK: u32 = 7;

/// Who wants more asks again.
const MOST_DAYS: u32 = 31;
