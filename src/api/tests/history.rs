//! Is what has happened found, and followed over a restart?

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::api::HistoryEntry;
use crate::store::{Entry, History, Kept, Kind};

/// A history of a page a minute, of which every third was not heard everywhere.
struct Written {
    folder: PathBuf,
    past: Past,
}

impl Written {
    fn new(name: &str, n: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("paging-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("history.sqlite");
        let history = History::open(&file, |_| {}).unwrap();
        (1..=n).for_each(|row| history.add(entry(row)));
        drop(history);
        let newest = n;
        let past = Past { file, newest };
        Self { folder, past }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn entry(row: u64) -> Entry {
    let is_whole = !row.is_multiple_of(3);
    Entry {
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_730_000 + row * 60),
        kind: if row.is_multiple_of(2) {
            Kind::Bell
        } else {
            Kind::Page
        },
        who: "101".to_owned(),
        what: format!("lesson{row}"),
        zones: vec!["hall".to_owned()],
        missed: Vec::new(),
        span: Some(Duration::from_millis(2_500)),
        outcome: if is_whole { "heard" } else { "partly-heard" }.to_owned(),
        recording: "2026-11-21/100000-a-101.wav 2026-11-21/100001-a-101.wav".to_owned(),
        text: format!("page {row}, \"Größe\""),
    }
}

#[tokio::test]
async fn what_happened_is_found_by_words_times_and_kinds_in_parts() {
    let written = Written::new("api-history", 10);
    let bench = Bench::with(Some(written.past.clone()));
    let find = async |query: &str| {
        let path = format!("/v1/history{query}");
        let reply = bench.as_role("viewer", "GET", &path, "").await;
        assert_eq!(reply.status, 200, "{query} {reply:?}");
        let items = reply.body["items"].as_array().unwrap().iter();
        let ids = items.map(|it| it["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), reply.body)
    };
    let (ids, body) = find("?limit=3").await;
    assert_eq!(
        (ids, &body["next"]),
        (vec!["10".into(), "9".into(), "8".into()], &json!("8"))
    );
    let first = &body["items"][0];
    assert_eq!(first["at"], "2025-11-21T13:10:00.000Z");
    assert_eq!(
        (&first["kind"], &first["seconds"]),
        (&json!("bell"), &json!(2.5))
    );
    assert_eq!(first["recordings"].as_array().unwrap().len(), 2);
    assert_eq!(find("?limit=2&after=2").await.0, ["1"]);
    assert_eq!(find("?words=grosse&limit=2").await.0.len(), 0);
    assert_eq!(
        find("?words=gr%C3%B6%C3%9F%20partly").await.0,
        ["9", "6", "3"]
    );
    assert_eq!(find("?kind=page&words=partly").await.0, ["9", "3"]);
    assert_eq!(find("?kind=page&words=partly%00page").await.0, ["9", "3"]);
    assert_eq!(find("?kind=page,bell&limit=500").await.0.len(), 10);
    let minutes = "?since=2025-11-21T13:04:00Z&until=2025-11-21T13:06:00Z";
    assert_eq!(find(minutes).await.0, ["5", "4"]);
    for wrong in ["limit=501", "kind=war", "since=noon", "after=x", "what=1"] {
        let path = format!("/v1/history?{wrong}");
        bench
            .as_role("viewer", "GET", &path, "")
            .await
            .is_problem(400);
    }
    let none = Bench::new();
    none.as_role("viewer", "GET", "/v1/history", "")
        .await
        .is_problem(404);
    none.as_role("viewer", "GET", "/v1/history.csv", "")
        .await
        .is_problem(404);
}

#[tokio::test]
async fn a_spreadsheet_gets_all_of_it() {
    let written = Written::new("api-csv", 2_345);
    let bench = Bench::with(Some(written.past.clone()));
    let all = bench.as_role("viewer", "GET", "/v1/history.csv", "").await;
    let kind = all.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/csv"), "{kind}");
    let lines: Vec<&str> = all.text.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 2_346);
    assert!(lines[0].starts_with("id,at,kind,"), "{}", lines[0]);
    assert!(lines[1].starts_with("2345,") && lines[2_345].starts_with("1,"));
    assert!(
        lines[1].contains("\"page 2345, \"\"Größe\"\"\""),
        "{}",
        lines[1]
    );
    let some = "/v1/history.csv?kind=page&words=partly&until=2025-11-21T13:10:00Z";
    let some = bench.as_role("viewer", "GET", some, "").await;
    assert_eq!(some.text.lines().count(), 3);
    let part = "/v1/history.csv?limit=2&after=2345";
    let part = bench.as_role("viewer", "GET", part, "").await;
    let lines: Vec<&str> = part.text.lines().collect();
    assert!(
        lines.len() == 3 && lines[1].starts_with("2344,"),
        "{lines:?}"
    );
    bench
        .as_role("viewer", "GET", "/v1/history.csv?limit=501", "")
        .await
        .is_problem(400);
}

#[tokio::test]
async fn events_go_on_after_a_restart_with_what_the_history_knows() {
    let written = Written::new("api-events", 450);
    let bench = Bench::with(Some(written.past.clone()));
    let kept = Kept {
        id: 451,
        entry: entry(451),
    };
    let note = |text: &str| News::Note {
        level: Level::Info,
        text: text.to_owned(),
    };
    let news = News::History {
        entry: HistoryEntry::new(&kept),
    };
    for what in [note("a"), news, note("b")] {
        bench.app.bulletin.publish(what, Timestamp::UNIX_EPOCH);
    }
    let request = Request::get("/v1/events?after=7-3").header("authorization", "Bearer viewer");
    let app = Arc::clone(&bench.app);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        app.ending.send_replace(true);
    });
    let stream = bench.ask(request, "").await;
    let lines = stream.text.lines();
    let ids: Vec<&str> = lines.filter_map(|line| line.strip_prefix("id: ")).collect();
    let rows = (8..=450).map(|row: u64| row.to_string());
    let expected: Vec<String> = ["451-1".to_owned()]
        .into_iter()
        .chain(rows)
        .chain(["450-1", "451", "451-1"].map(str::to_owned))
        .collect();
    assert_eq!(ids, expected);
    assert!(stream.text.contains("event: gap\n") && stream.text.contains("lesson8"));
    let list = async |after: &str| {
        let request = Request::get(format!("/v1/events?after={after}"))
            .header("authorization", "Bearer viewer")
            .header("accept", "application/json");
        bench.ask(request, "").await.body
    };
    let first = list("440").await;
    assert_eq!(
        (&first["items"][0]["id"], &first["last"]),
        (&json!("441"), &json!("450"))
    );
    assert_eq!(first["missed"], true);
    let rest = list("450").await;
    assert_eq!(
        (&rest["items"][0]["id"], &rest["last"]),
        (&json!("450-1"), &json!("451-1"))
    );
}
