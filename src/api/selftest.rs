//! How is asked whether sound comes through the daemon, and how late?

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::App;
use super::ask::{Answer, Question, refused};
use super::door::Who;
use super::extract::MayBe;
use super::problem::Problem;
use crate::control::{Denied, Role};

/// Where to try it out, and how loud.
#[derive(Clone, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfTestWanted {
    /// Zones by name, eight or so at a time; otherwise all that the user may page.
    #[schema(min_items = 1, max_items = 512)]
    #[serde(default)]
    pub zones: Option<Vec<String>>,
    /// How loud the marks are, in dB below a full voice; −20 unless said, −50 is next to inaudible.
    #[schema(minimum = -50, maximum = 0)]
    #[serde(default = "usual_level")]
    pub level_db: f32,
}

impl Default for SelfTestWanted {
    fn default() -> Self {
        Self {
            zones: None,
            level_db: usual_level(),
        }
    }
}

/// What came of a self-test.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SelfTest {
    /// Every zone has carried some of the marks.
    pub ok: bool,
    /// How many were sent.
    pub marks: u32,
    pub zones: Vec<ZoneTested>,
}

/// What came of it in one zone.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ZoneTested {
    pub zone: String,
    /// How many marks came out of the mixer for it.
    pub heard: u32,
    /// From the sending of a packet to its sound in what the sound clock fetches; null if no mark
    /// came.
    pub delay_ms: Option<Delays>,
    /// Something that is there plays the zone.
    pub has_output: bool,
}

/// Milliseconds, to a tenth.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Delays {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

/// Sends a sound to the daemon as a phone does, and looks for it at the mixer's end of each zone;
/// takes the role operator.
///
/// Four short sweeps go as packets over this machine's own network through the receiver of calls and
/// the mixer; it takes three seconds, and they are heard on the loudspeakers, at `level_db`. The
/// music is lowered meanwhile, as by a page of the lowest priority, which any other page ends. What
/// the sound card keeps back, the air, and SIP have no part in the figures; a phone adds its packet.
#[utoipa::path(post, path = "/v1/selftest", tag = "diagnostics",
    request_body = Option<SelfTestWanted>, responses(
    (status = 200, description = "What came of it", body = SelfTest),
    (status = 404, description = "There is no such zone", body = Problem,
     content_type = "application/problem+json"),
    (status = 409, description = "Others are heard there", body = Problem,
     content_type = "application/problem+json"),
))]
pub(super) async fn test(
    State(app): State<Arc<App>>,
    who: Who,
    wanted: Result<MayBe<SelfTestWanted>, Problem>,
) -> Result<axum::Json<SelfTest>, Problem> {
    who.needs(Role::Operator)?;
    let MayBe(wanted) = wanted?;
    if !(-50.0..=0.0).contains(&wanted.level_db) {
        return Err(wrong("level_db is not from -50 to 0; write e.g. -20"));
    }
    let zones = wanted.zones.as_ref();
    if zones.is_some_and(|zones| zones.is_empty() || zones.len() > 512) {
        return Err(wrong(
            "zones is empty or too long; name zones, or leave it out",
        ));
    }
    let answer = app.ask_long(Question::Test { who, wanted }).await?;
    if matches!(answer, Answer::Denied(Denied::TooMany, _)) {
        return Err(Problem::too_many(
            "another self-test is under way, or there are too many zones for one; name fewer",
        ));
    }
    let Answer::Tested(tested) = answer else {
        return Err(refused(answer));
    };
    Ok(axum::Json(tested))
}

fn wrong(detail: &str) -> Problem {
    Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Clearly there, and below a voice.
fn usual_level() -> f32 {
    -20.0
}
