//! Does every request get the answer that it should, whoever asks and however badly?

mod browser;
mod calls;
mod desks;
mod document;
mod history;
mod kept;
mod music;
mod schedules;
mod stream;
mod trace;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::app::App;
use super::door::Ends;
use super::layers;
use super::news::Level;
use super::*;
use crate::config::TokenHash;
use crate::control::{Denied, Role};
use crate::page::Priority;

/// The routes over a daemon that is none.
struct Bench {
    app: Arc<App>,
    routes: Router,
}

const TOKENS: [&str; 3] = ["viewer", "operator", "admin"];

impl Bench {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(past: Option<Past>) -> Self {
        let user = |role: Role| User {
            name: role.name().to_owned(),
            token: TokenHash::of(role.name()),
            role,
            zones: Vec::new(),
        };
        let settings = Settings {
            listen: Vec::new(),
            tls: None,
            cors: vec!["https://intra.example".to_owned()],
            users: Role::ALL.map(user).to_vec(),
            relays: vec!["office".to_owned()],
            lines: vec!["kitchen".to_owned(), "hall".to_owned()],
            state_dir: None,
            past,
        };
        let (asks, mut asked) = mpsc::channel::<Ask>(8);
        tokio::spawn(async move {
            let mut daemon = Daemon::new();
            while let Some(ask) = asked.recv().await {
                ask.answer.send(daemon.answer(ask.question)).ok();
            }
        });
        let app = Arc::new(App::new(settings, asks, Timestamp::UNIX_EPOCH));
        let routes = layers::service(&app);
        Self { app, routes }
    }

    async fn ask(&self, request: axum::http::request::Builder, body: &str) -> Reply {
        let ends = Ends {
            peer: "192.0.2.7:40000".parse().unwrap(),
            here: "192.0.2.1:8080".parse().unwrap(),
        };
        let request = request.extension(ends).body(Body::from(body.to_owned()));
        let response = self.routes.clone().oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn as_role(&self, token: &str, method: &str, path: &str, body: &str) -> Reply {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = match body {
            "" => request,
            _ => request.header("content-type", "application/json"),
        };
        self.ask(request, body).await
    }
}

#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Reply {
    /// A problem of this status that says what to do.
    fn is_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        for key in ["type", "title", "detail"] {
            assert!(
                self.body[key].as_str().is_some_and(|it| !it.is_empty()),
                "{self:?}"
            );
        }
        assert!(
            self.body["detail"].as_str().unwrap().contains(';'),
            "no remedy: {self:?}"
        );
    }
}

fn page(number: u64) -> Page {
    Page {
        id: format!("p1-{number}"),
        name: "page".to_owned(),
        state: PageState::Live,
        priority: 100,
        zones: vec!["yard".to_owned()],
        heard_in: Vec::new(),
        call: None,
        asked_at: written(Timestamp::UNIX_EPOCH),
        live_at: None,
        outcome: None,
    }
}

/// One that does as much as can be asked for.
struct Daemon {
    n_pages: u64,
    bells: schedules::Bells,
    jukebox: music::Jukebox,
    kept: kept::Kept,
}

impl Daemon {
    fn new() -> Self {
        Self {
            n_pages: 0,
            bells: schedules::Bells::new(),
            jukebox: music::Jukebox::new(),
            kept: kept::Kept::new(),
        }
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Look => {
                let failed = Part {
                    name: "engine".to_owned(),
                    state: Condition::Failed,
                    reason: "no JACK".to_owned(),
                    since: written(Timestamp::UNIX_EPOCH),
                };
                Answer::Site(Box::new(Site {
                    calls: vec![calls::call(1)],
                    ended: vec![calls::ended(9)],
                    pages: (1..=3).map(page).collect(),
                    parts: vec![failed],
                    ..Site::default()
                }))
            }
            Question::Start { wanted, .. } if wanted.priority == Some(255) => {
                Answer::Denied(Denied::Priority(Priority(199)), Vec::new())
            }
            Question::Start { wanted, .. } if wanted.play.as_deref() == Some("nothing") => {
                let (name, known) = ("nothing".to_owned(), vec!["klaxon".to_owned()]);
                Answer::Unknown(Unknown::Sound { name, known })
            }
            Question::Start { wanted, .. } if wanted.say.as_deref() == Some("unspeakable") => {
                Answer::Unspoken("nothing speaks; write speech-command = PROGRAM".to_owned())
            }
            Question::Start { .. } => {
                self.n_pages += 1;
                Answer::Started(page(self.n_pages))
            }
            Question::Speak { .. } => Answer::Denied(Denied::NoSound, Vec::new()),
            Question::Stop { page, .. } if page == "p1-1" => Answer::Done,
            Question::HangUp { call, .. } if call == "c1-1" => Answer::Done,
            Question::Drive { what, .. } => calls::answer(&what),
            Question::Test { wanted, .. } => trace::tested(&wanted),
            Question::Trace(asked) => trace::answer(asked),
            Question::Join { .. } => Answer::Denied(Denied::Gone, Vec::new()),
            Question::Bells(asked) => self.bells.answer(asked, &mut self.n_pages),
            Question::Music(asked) => self.jukebox.answer(asked),
            Question::Recordings(asked) => self.kept.of_recordings(asked),
            Question::Sounds(asked) => self.kept.of_sounds(asked),
            Question::Stop { .. } | Question::HangUp { .. } => {
                Answer::Denied(Denied::Gone, Vec::new())
            }
        }
    }
}

#[tokio::test]
async fn every_path_wants_a_token_and_tells_no_more_without() {
    let bench = Bench::new();
    let paths = [
        "/health",
        "/metrics",
        "/v1/zones",
        "/v1/events",
        "/openapi.json",
        "/nothing",
    ];
    for path in paths {
        let reply = bench.ask(Request::get(path), "").await;
        reply.is_problem(401);
        assert!(
            reply.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
        let wrong = Request::get(path).header("authorization", "Bearer viewer2");
        bench.ask(wrong, "").await.is_problem(401);
    }
    assert_eq!(
        bench.as_role("viewer", "GET", "/v1/zones", "").await.status,
        200
    );
}

#[tokio::test]
async fn nobody_speaks_without_an_upgrade_or_the_role() {
    let bench = Bench::new();
    let viewer = bench.as_role("viewer", "GET", "/v1/pages/live", "").await;
    viewer.is_problem(403);
    let operator = bench.as_role("operator", "GET", "/v1/pages/live", "").await;
    operator.is_problem(400);
}

#[tokio::test]
async fn a_viewer_looks_and_only_others_change_something() {
    let bench = Bench::new();
    let changes = [
        ("POST", "/v1/pages", r#"{"play":"klaxon"}"#, 201),
        ("POST", "/v1/pages", r#"{"say":"The gate is open."}"#, 201),
        (
            "POST",
            "/v1/pages",
            r#"{"tone":{"hz":1000,"seconds":2}}"#,
            201,
        ),
        ("DELETE", "/v1/pages/p1-1", "", 204),
        ("POST", "/v1/calls/c1-1/hangup", "", 204),
    ];
    for (method, path, body, status) in changes {
        bench
            .as_role("viewer", method, path, body)
            .await
            .is_problem(403);
        for token in &TOKENS[1..] {
            let reply = bench.as_role(token, method, path, body).await;
            assert_eq!(reply.status, status, "{token} {path} {reply:?}");
        }
    }
    for token in TOKENS {
        for path in [
            "/v1/pages",
            "/v1/calls",
            "/v1/pages/p1-2",
            "/metrics",
            "/openapi.json",
        ] {
            assert_eq!(
                bench.as_role(token, "GET", path, "").await.status,
                200,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_a_problem_with_a_remedy() {
    let bench = Bench::new();
    let bodies = [
        ("{", 400),
        ("[]", 422),
        ("{}", 422),
        (r#"{"play":1}"#, 422),
        (r#"{"play":"klaxon","volume":3}"#, 422),
        (r#"{"play":"klaxon","times":0}"#, 422),
        (r#"{"play":"klaxon","priority":256}"#, 422),
        (r#"{"play":"klaxon","zones":[]}"#, 422),
        (r#"{"play":""}"#, 422),
        (r#"{"play":"klaxon","say":"Hello."}"#, 422),
        (r#"{"say":" "}"#, 422),
        (r#"{"say":"a\nb"}"#, 422),
        (r#"{"tone":{"hz":1000}}"#, 422),
        (r#"{"tone":{"hz":10,"seconds":1}}"#, 422),
        (r#"{"tone":{"hz":1000,"seconds":61}}"#, 422),
        (r#"{"tone":{"hz":1000,"seconds":1,"level_dbfs":1}}"#, 422),
        (r#"{"say":"unspeakable"}"#, 503),
        (r#"{"play":"nothing"}"#, 404),
        (r#"{"play":"klaxon","priority":255}"#, 403),
    ];
    for (body, status) in bodies {
        bench
            .as_role("operator", "POST", "/v1/pages", body)
            .await
            .is_problem(status);
    }
    let long = format!(r#"{{"play":"{}"}}"#, "x".repeat(70_000));
    bench
        .as_role("operator", "POST", "/v1/pages", &long)
        .await
        .is_problem(413);
    let plain = Request::post("/v1/pages").header("authorization", "Bearer operator");
    bench
        .ask(plain, r#"{"play":"klaxon"}"#)
        .await
        .is_problem(415);
    let paths = [
        ("GET", "/nothing", 404),
        ("GET", "/v1/pages/p1-9", 404),
        ("GET", "/v1/pages/%00", 404),
        ("DELETE", "/v1/pages/p1-9", 404),
        ("POST", "/v1/calls/x/hangup", 404),
        ("GET", "/v1/calls?limit=0", 400),
        ("GET", "/v1/calls?limit=x", 400),
        ("GET", "/v1/calls?lmit=3", 400),
        ("GET", "/v1/events?after=-1", 400),
        ("PUT", "/v1/pages", 405),
        ("DELETE", "/health", 405),
    ];
    for (method, path, status) in paths {
        let reply = bench.as_role("admin", method, path, "").await;
        reply.is_problem(status);
        if status == 405 {
            assert!(
                reply.headers["allow"].to_str().unwrap().contains("GET"),
                "{reply:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_request_sent_again_with_its_key_starts_nothing_new() {
    let bench = Bench::new();
    let ask = async |token: &str, key: &str, body: &str| {
        let request = Request::post("/v1/pages")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        bench.ask(request, body).await
    };
    let klaxon = r#"{"play":"klaxon"}"#;
    let first = ask("operator", "a", klaxon).await;
    assert_eq!(first.headers["location"], "/v1/pages/p1-1");
    let again = ask("operator", "a", klaxon).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers["location"], "/v1/pages/p1-1");
    ask("operator", "a", r#"{"play":"gong"}"#)
        .await
        .is_problem(422);
    assert_eq!(ask("admin", "a", klaxon).await.body["id"], "p1-2");
    assert_eq!(ask("operator", "b", klaxon).await.body["id"], "p1-3");
    ask("operator", "", klaxon).await.is_problem(400);
    ask("operator", "c", r#"{"play":"nothing"}"#)
        .await
        .is_problem(404);
    ask("operator", "c", r#"{"play":"nothing"}"#)
        .await
        .is_problem(404);
}

#[tokio::test]
async fn lists_are_read_in_parts_and_health_says_what_has_failed() {
    let bench = Bench::new();
    let ids = |reply: &Reply| -> Vec<String> {
        let items = reply.body["items"].as_array().unwrap().iter();
        items
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = bench
        .as_role("viewer", "GET", "/v1/pages?limit=2", "")
        .await;
    assert_eq!(
        (ids(&first), &first.body["next"]),
        (vec!["p1-1".into(), "p1-2".into()], &json!("p1-2"))
    );
    let second = bench
        .as_role("viewer", "GET", "/v1/pages?limit=2&after=p1-2", "")
        .await;
    assert_eq!(
        (ids(&second), &second.body["next"]),
        (vec!["p1-3".into()], &Value::Null)
    );
    let health = bench.as_role("viewer", "GET", "/health", "").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.headers["content-type"], "application/json");
    assert_eq!(health.body["status"], "failed");
    assert_eq!(health.body["parts"][0]["reason"], "no JACK");
}

#[tokio::test]
async fn events_are_listed_and_streamed_from_any_id() {
    let bench = Bench::new();
    let note = |text: &str| News::Note {
        level: Level::Info,
        text: text.to_owned(),
    };
    for text in ["a", "b", "c"] {
        bench
            .app
            .bulletin
            .publish(note(text), Timestamp::UNIX_EPOCH);
    }
    let list = async |path: &str| {
        let request = Request::get(path)
            .header("authorization", "Bearer viewer")
            .header("accept", "application/json");
        bench.ask(request, "").await.body
    };
    let all = list("/v1/events").await;
    assert_eq!(
        (all["items"].as_array().unwrap().len(), &all["last"]),
        (3, &json!("0-3"))
    );
    let rest = list("/v1/events?after=0-2").await;
    assert_eq!(
        (&rest["items"][0]["text"], &rest["missed"]),
        (&json!("c"), &json!(false))
    );
    let request = Request::get("/v1/events?after=0")
        .header("authorization", "Bearer viewer")
        .header("last-event-id", "0-1");
    // The stream ends with the server.
    let app = Arc::clone(&bench.app);
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        app.ending.send_replace(true);
    });
    let stream = bench.ask(request, "").await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    let lines: Vec<&str> = stream
        .text
        .lines()
        .filter(|it| it.starts_with("id: "))
        .collect();
    assert_eq!(lines, ["id: 0-3", "id: 0-2", "id: 0-3"], "{}", stream.text);
    assert!(stream.text.starts_with("event: ready\n"));
}

#[tokio::test]
async fn a_flood_from_one_address_is_turned_away_and_told_so() {
    let bench = Bench::new();
    let mut told = None;
    for _ in 0..3_000 {
        let reply = bench.as_role("viewer", "GET", "/v1/zones", "").await;
        if reply.status != 200 {
            told = Some(reply);
            break;
        }
    }
    let told = told.expect("the flood was served");
    told.is_problem(429);
    assert_eq!(told.headers["retry-after"], "1");
}
