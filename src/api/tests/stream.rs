//! What becomes of subscribers that do not keep up?

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::api::connection::answer;
use crate::api::patience::Patient;

/// So many lines of the log happen.
fn happen(bench: &Bench, n: usize) {
    for n in 0..n {
        let text = format!("call {n} has ended");
        let level = Level::Info;
        bench
            .app
            .bulletin
            .publish(News::Note { level, text }, Timestamp::UNIX_EPOCH);
    }
}

async fn next(events: &mut BodyDataStream) -> String {
    let bytes = events.next().await.unwrap().unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn whoever_reads_too_late_is_told_why_and_dropped() {
    let bench = Bench::new();
    let ends = Ends {
        peer: "127.0.0.1:40000".parse().unwrap(),
        here: "127.0.0.1:8080".parse().unwrap(),
    };
    let request = Request::get("/v1/events").header("host", "localhost");
    let request = request.extension(ends).body(Body::empty()).unwrap();
    let response = bench.routes.clone().oneshot(request).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    assert!(next(&mut events).await.contains("event: ready"));
    happen(&bench, 10);
    assert!(next(&mut events).await.contains("call 0 has ended"));
    happen(&bench, 10_000);
    let mut last = String::new();
    while let Some(bytes) = events.next().await {
        last = String::from_utf8_lossy(&bytes.unwrap()).into_owned();
    }
    assert!(last.contains("event: dropped"), "{last}");
    assert!(last.contains("go on with the id of the last one"), "{last}");
    let metrics = bench.as_role("viewer", "GET", "/metrics", "").await.text;
    for line in [
        "paging_http_subscribers 0",
        "paging_http_subscribers_dropped_total 1",
    ] {
        assert!(metrics.lines().any(|it| it == line), "no {line}: {metrics}");
    }
}

#[tokio::test]
async fn whoever_reads_nothing_is_cut_off_and_counted() {
    let bench = Bench::new();
    let (mut client, server) = tokio::io::duplex(1_000);
    let (app, routes) = (Arc::clone(&bench.app), bench.routes.clone());
    let ends = Ends {
        peer: "127.0.0.1:40000".parse().unwrap(),
        here: "127.0.0.1:8080".parse().unwrap(),
    };
    let server = Patient::within_at_most(server, Duration::from_millis(300));
    let serving = tokio::spawn(async move { answer(&app, routes, server, ends).await });
    let request = b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n";
    client.write_all(request).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!serving.is_finished(), "nothing was to be read yet");
    happen(&bench, 100);
    tokio::time::timeout(Duration::from_secs(60), serving)
        .await
        .expect("it is kept for ever")
        .unwrap();
    let metrics = bench.as_role("viewer", "GET", "/metrics", "").await.text;
    for line in [
        "paging_http_subscribers 0",
        r#"paging_http_rejected_total{reason="reads-nothing"} 1"#,
    ] {
        assert!(metrics.lines().any(|it| it == line), "no {line}: {metrics}");
    }
    drop(client);
}
