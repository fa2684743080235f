//! Are those who ask of telephones answered, and told why it cannot be?

use super::*;

/// The kitchen is off the hook, and the hall has no adapter.
pub(super) fn answer(what: &Drive) -> Answer {
    match what {
        Drive::LookAt { desk } => Answer::Line(Box::new(LineNow {
            desk: desk.clone(),
            is_registered: true,
            is_off_hook: true,
            is_ringing: false,
            last_key: Some('#'),
            since: None,
            streams: Vec::new(),
        })),
        Drive::Ring { desk, .. } if desk == "line:kitchen" => {
            Answer::Denied(Denied::Busy, Vec::new())
        }
        Drive::Open { .. } => Answer::Denied(Denied::Busy, Vec::new()),
        Drive::Silence { .. } => Answer::Done,
        Drive::Attach { .. }
        | Drive::Dial { .. }
        | Drive::Call { .. }
        | Drive::Answer { .. }
        | Drive::Press { .. }
        | Drive::Ring { .. }
        | Drive::Shut { .. } => Answer::Denied(Denied::Gone, Vec::new()),
    }
}

#[tokio::test]
async fn a_line_is_named_where_there_are_several_and_tells_why_it_cannot() {
    let bench = Bench::new();
    let status = bench
        .as_role("viewer", "GET", "/status?line=hall", "")
        .await;
    let wanted = json!({"line": "hall", "registered": true, "off_hook": true, "ringing": false,
        "last_digit": "#", "since": null, "streams": []});
    assert_eq!((status.status, &status.body), (StatusCode::OK, &wanted));
    let (kitchen, hall) = (r#"{"line":"kitchen"}"#, r#"{"line":"hall"}"#);
    for (path, body, status, kind) in [
        ("/ring", "", 404, "about:blank"),
        ("/ring", r#"{"line":"yard"}"#, 404, "about:blank"),
        ("/ring", kitchen, 409, "urn:paging:problem:off-hook"),
        ("/ring", hall, 409, "urn:paging:problem:not-registered"),
        (
            "/ring",
            r#"{"line":"hall","duration":601}"#,
            422,
            "about:blank",
        ),
        (
            "/ring",
            r#"{"line":"hall","pattern":"a b"}"#,
            422,
            "about:blank",
        ),
        (
            "/ring",
            r#"{"line":"hall","pattern":"400ms 200ms 400ms 2s"}"#,
            409,
            "urn:paging:problem:not-registered",
        ),
        ("/audio/start", hall, 409, "urn:paging:problem:on-hook"),
        ("/audio/start", r#"{"chunk_ms":30}"#, 422, "about:blank"),
        ("/audio/start", r#"{"format":"mp3"}"#, 422, "about:blank"),
        ("/audio/stop", r#"{"stream_id":"x"}"#, 404, "about:blank"),
    ] {
        let refused = bench.as_role("viewer", "POST", path, body).await;
        refused.is_problem(403);
        let reply = bench.as_role("operator", "POST", path, body).await;
        reply.is_problem(status);
        assert_eq!(reply.body["type"], kind, "{path} {body}");
    }
    let silent = r#"{"line":"kitchen","duration":0}"#;
    let reply = bench.as_role("operator", "POST", "/ring", silent).await;
    assert_eq!(reply.status, 204);
    bench
        .as_role("viewer", "GET", "/status", "")
        .await
        .is_problem(404);
}
