//! Are bells shown, silenced, cancelled and rung as asked?

use super::*;
use crate::api::{BellChange, Day, Days, OfBells, Ring, RingState, Schedule};

/// A site with one bell.
#[derive(Debug)]
pub(super) struct Bells {
    lesson: Schedule,
}

impl Bells {
    pub(super) fn new() -> Self {
        let lesson = Schedule {
            name: "lesson".to_owned(),
            when: "Mon-Fri 08:30".to_owned(),
            timezone: "UTC".to_owned(),
            play: Some("gong.wav".to_owned()),
            say: None,
            zones: vec!["yard".to_owned()],
            priority: 100,
            plans: None,
            enabled: true,
            disabled_until: None,
            skips: Vec::new(),
            next: Some("2026-11-23T08:30:00.000Z".to_owned()),
        };
        Self { lesson }
    }

    pub(super) fn answer(&mut self, asked: OfBells, n_pages: &mut u64) -> Answer {
        let known = vec!["lesson".to_owned()];
        match asked {
            OfBells::All => Answer::Schedules(vec![self.lesson.clone()]),
            OfBells::Days(wanted) => Answer::Rings(Days {
                timezone: "UTC".to_owned(),
                days: vec![Day {
                    date: wanted.from.map(|day| day.to_string()).unwrap_or_default(),
                    plan: None,
                    clocks_shift_min: 0,
                    rings: (0..wanted.n_days).map(|_| ring()).collect(),
                }],
            }),
            OfBells::Ring { bell, .. } | OfBells::Change { bell, .. } if bell != "lesson" => {
                Answer::Unknown(Unknown::Schedule { name: bell, known })
            }
            OfBells::Ring { .. } => {
                *n_pages += 1;
                Answer::Started(page(*n_pages))
            }
            OfBells::Change { change, .. } => self.change(change),
        }
    }

    fn change(&mut self, change: BellChange) -> Answer {
        let lesson = &mut self.lesson;
        match change {
            BellChange::Enable => lesson.enabled = true,
            BellChange::Disable { until } => {
                lesson.enabled = false;
                lesson.disabled_until = until.map(written);
            }
            BellChange::Skip(at) => lesson.skips.push(written(at)),
            BellChange::Restore(at) if lesson.skips.contains(&written(at)) => {
                lesson.skips.retain(|skip| *skip != written(at));
            }
            BellChange::Restore(_) => return Answer::Denied(Denied::Gone, Vec::new()),
        }
        Answer::Done
    }
}

fn ring() -> Ring {
    Ring {
        schedule: "lesson".to_owned(),
        at: "2026-11-23T08:30:00.000Z".to_owned(),
        local: "08:30".to_owned(),
        zones: vec!["yard".to_owned()],
        priority: 100,
        state: RingState::Due,
        reason: None,
    }
}

#[tokio::test]
async fn a_bell_is_silenced_by_operators_and_only_as_it_was_known() {
    let bench = Bench::new();
    let path = "/v1/schedules/lesson";
    let first = bench.as_role("viewer", "GET", path, "").await;
    assert_eq!(
        (first.status.as_u16(), &first.body["enabled"]),
        (200, &json!(true))
    );
    assert_eq!(first.headers["cache-control"], "no-cache");
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let known = async |method: &str, header: &'static str, body: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("authorization", "Bearer operator")
            .header("content-type", "application/json")
            .header(header, &tag);
        bench.ask(request, body).await
    };
    let off = r#"{"enabled":false}"#;
    assert_eq!(known("GET", "if-none-match", "").await.status, 304);
    bench
        .as_role("viewer", "PATCH", path, off)
        .await
        .is_problem(403);
    let silent = known("PATCH", "if-match", off).await;
    assert_eq!(
        (silent.status.as_u16(), &silent.body["enabled"]),
        (200, &json!(false))
    );
    assert_ne!(silent.headers["etag"], tag.as_str());
    known("PATCH", "if-match", off).await.is_problem(412);
    assert_eq!(known("GET", "if-none-match", "").await.status, 200);
    let until = r#"{"enabled":false,"until":"2026-11-22T06:00:00Z"}"#;
    let until = bench.as_role("operator", "PATCH", path, until).await;
    assert_eq!(until.body["disabled_until"], "2026-11-22T06:00:00.000Z");
    let list = bench.as_role("viewer", "GET", "/v1/schedules", "").await;
    assert_eq!(list.body["items"], json!([until.body]));
}

#[tokio::test]
async fn one_ring_is_cancelled_and_taken_back() {
    let bench = Bench::new();
    let path = "/v1/schedules/lesson/skips/2026-11-23T08:30:00.000Z";
    let ask = async |method: &str| bench.as_role("operator", method, path, "").await;
    ask("DELETE").await.is_problem(404);
    assert_eq!(ask("PUT").await.status, 204);
    let bell = bench
        .as_role("viewer", "GET", "/v1/schedules/lesson", "")
        .await;
    assert_eq!(bell.body["skips"], json!(["2026-11-23T08:30:00.000Z"]));
    assert_eq!(ask("DELETE").await.status, 204);
}

#[tokio::test]
async fn a_bell_rung_by_hand_rings_once_however_often_it_is_sent() {
    let bench = Bench::new();
    let ring = async |key: &str| {
        let request = Request::post("/v1/schedules/lesson/ring")
            .header("authorization", "Bearer operator")
            .header("idempotency-key", key);
        bench.ask(request, "").await
    };
    let first = ring("a").await;
    assert_eq!(
        (first.status.as_u16(), &first.body["id"]),
        (201, &json!("p1-1"))
    );
    assert_eq!(first.headers["location"], "/v1/pages/p1-1");
    assert_eq!(ring("a").await.body, first.body);
    assert_eq!(ring("b").await.body["id"], "p1-2");
}

#[tokio::test]
async fn days_are_told_one_by_one_and_what_makes_no_sense_is_a_problem() {
    let bench = Bench::new();
    let asked = "/v1/rings?from=2026-11-23&days=3&schedule=lesson";
    let days = bench.as_role("viewer", "GET", asked, "").await;
    assert_eq!(days.body["days"][0]["date"], "2026-11-23");
    assert_eq!(days.body["days"][0]["rings"].as_array().unwrap().len(), 3);
    assert_eq!(days.body["days"][0]["rings"][0]["state"], "due");
    let wrong = [
        ("GET", "/v1/rings?days=0", "", 400),
        ("GET", "/v1/rings?from=noon", "", 400),
        ("GET", "/v1/rings?from=-009999-01-01", "", 400),
        ("GET", "/v1/schedules/lessen", "", 404),
        ("PATCH", "/v1/schedules/lessen", r#"{"enabled":true}"#, 404),
        ("PATCH", "/v1/schedules/lesson", "{}", 422),
        (
            "PATCH",
            "/v1/schedules/lesson",
            r#"{"enabled":false,"until":"noon"}"#,
            422,
        ),
        (
            "PATCH",
            "/v1/schedules/lesson",
            r#"{"enabled":true,"until":"2026-11-22T06:00:00Z"}"#,
            422,
        ),
        ("PUT", "/v1/schedules/lesson/skips/noon", "", 400),
        ("POST", "/v1/schedules/lessen/ring", "", 404),
    ];
    for (method, path, body, status) in wrong {
        bench
            .as_role("admin", method, path, body)
            .await
            .is_problem(status);
    }
}
