//! Are those who call, answer and press keys answered, and told why it cannot be?

use super::*;

/// One that rings.
pub(super) fn call(number: u64) -> Call {
    Call {
        id: format!("c1-{number}"),
        caller: "relay:office".to_owned(),
        dialled: "101".to_owned(),
        direction: Direction::Out,
        desk: Some("relay:office".to_owned()),
        state: CallState::Ringing,
        since: written(Timestamp::UNIX_EPOCH),
        page: None,
        reason: None,
    }
}

/// One that is over.
pub(super) fn ended(number: u64) -> Call {
    Call {
        state: CallState::Ended,
        reason: Some("404 Not Found".to_owned()),
        ..call(number)
    }
}

/// The first call waits for whatever is wanted, the second for something else.
pub(super) fn answer(what: &Drive) -> Answer {
    if let Drive::Call { number, .. } = what {
        return match number.as_str() {
            "many" => Answer::Denied(Denied::TooMany, Vec::new()),
            _ => Answer::Called(call(7)),
        };
    }
    if let Drive::Answer { call } | Drive::Press { call, .. } = what {
        return match call.as_str() {
            "c1-1" => Answer::Done,
            "c1-2" => Answer::Denied(Denied::Busy, Vec::new()),
            _ => Answer::Denied(Denied::Gone, Vec::new()),
        };
    }
    desks::answer(what)
}

#[tokio::test]
async fn a_number_is_called_once_for_each_key_and_the_call_is_shown_to_its_end() {
    let bench = Bench::new();
    let dial = async |key: &str, body: &str| {
        let request = Request::post("/v1/calls")
            .header("authorization", "Bearer operator")
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        bench.ask(request, body).await
    };
    let first = dial("a", r#"{"number":"101"}"#).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.headers["location"], "/v1/calls/c1-7");
    let wanted = json!({"id": "c1-7", "caller": "relay:office", "dialled": "101",
        "direction": "out", "desk": "relay:office", "state": "ringing",
        "since": "1970-01-01T00:00:00.000Z", "page": null, "reason": null});
    assert_eq!(first.body, wanted);
    assert_eq!(dial("a", r#"{"number":"101"}"#).await.body, wanted);
    dial("a", r#"{"number":"102"}"#).await.is_problem(422);
    // The key of a page is another one.
    let page = Request::post("/v1/pages")
        .header("authorization", "Bearer operator")
        .header("content-type", "application/json")
        .header("idempotency-key", "a");
    bench
        .ask(page, r#"{"play":"klaxon"}"#)
        .await
        .is_problem(422);
    let over = bench.as_role("viewer", "GET", "/v1/calls/c1-9", "").await;
    assert_eq!(
        (&over.body["state"], &over.body["reason"]),
        (&json!("ended"), &json!("404 Not Found"))
    );
    let now = bench.as_role("viewer", "GET", "/v1/calls", "").await;
    assert_eq!(now.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_with_a_call_is_told() {
    let bench = Bench::new();
    for (path, body, status, kind) in [
        ("/v1/calls", r#"{"number":""}"#, 422, "about:blank"),
        ("/v1/calls", r#"{"number":"1 2"}"#, 422, "about:blank"),
        (
            "/v1/calls",
            r#"{"number":"1","relay":"yard"}"#,
            404,
            "about:blank",
        ),
        ("/v1/calls", r#"{"number":"many"}"#, 429, "about:blank"),
        (
            "/v1/calls/c1-2/answer",
            "",
            409,
            "urn:paging:problem:not-waiting",
        ),
        ("/v1/calls/c1-3/answer", "", 404, "about:blank"),
        (
            "/v1/calls/c1-1/dtmf",
            r#"{"digits":"1x"}"#,
            422,
            "about:blank",
        ),
        (
            "/v1/calls/c1-2/dtmf",
            r#"{"digits":"1"}"#,
            409,
            "urn:paging:problem:not-answered",
        ),
        (
            "/v1/calls/c1-3/dtmf",
            r#"{"digits":"1"}"#,
            404,
            "about:blank",
        ),
    ] {
        let refused = bench.as_role("viewer", "POST", path, body).await;
        refused.is_problem(403);
        let reply = bench.as_role("operator", "POST", path, body).await;
        reply.is_problem(status);
        assert_eq!(reply.body["type"], kind, "{path} {body}");
    }
    for (path, body) in [
        ("/v1/calls/c1-1/answer", ""),
        ("/v1/calls/c1-1/dtmf", r#"{"digits":"12#"}"#),
    ] {
        let reply = bench.as_role("operator", "POST", path, body).await;
        assert_eq!(reply.status, 204, "{path}");
    }
    for (query, status) in [("?chunk_ms=30", 400), ("?format=mp3", 400), ("", 400)] {
        let path = format!("/v1/calls/c1-1/audio{query}");
        bench
            .as_role("viewer", "GET", &path, "")
            .await
            .is_problem(match query {
                "?format=mp3" => 400,
                _ => 403,
            });
        bench
            .as_role("operator", "GET", &path, "")
            .await
            .is_problem(status);
    }
}
