//! Who may have SIP messages written down, and for how long?

use super::*;

/// On for as long as anybody wants, but not for a minute.
pub(super) fn answer(asked: OfTrace) -> Answer {
    let span = match asked {
        OfTrace::Look => None,
        OfTrace::Turn { span, .. } => span,
    };
    if span.is_some_and(|span| span.as_secs() == 60) {
        return Answer::Untraced("cannot write the sip trace".to_owned());
    }
    Answer::Trace(Trace {
        on: span.is_some(),
        file: "/nowhere/sip-trace.pcap".to_owned(),
        until: span.map(|_| written(Timestamp::UNIX_EPOCH)),
        size_bytes: None,
        dropped: 3,
    })
}

#[tokio::test]
async fn only_an_admin_turns_the_trace_on_and_never_for_ever() {
    let bench = Bench::new();
    let turn = async |role: &str, body: &str| bench.as_role(role, "PUT", "/v1/trace", body).await;
    turn("operator", r#"{"on":true}"#).await.is_problem(403);
    for minutes in ["0", "-1", "1e300"] {
        let body = format!(r#"{{"on":true,"minutes":{minutes}}}"#);
        turn("admin", &body).await.is_problem(422);
    }
    turn("admin", r#"{"on":true,"minutes":1440.5}"#)
        .await
        .is_problem(422);
    turn("admin", r#"{"on":true,"minutes":1}"#)
        .await
        .is_problem(503);
    let on = turn("admin", r#"{"on":true}"#).await;
    let wanted = json!({"on": true, "file": "/nowhere/sip-trace.pcap",
        "until": "1970-01-01T00:00:00.000Z", "size_bytes": null, "dropped": 3});
    assert_eq!((on.status, on.body), (StatusCode::OK, wanted));
    let now = bench.as_role("viewer", "GET", "/v1/trace", "").await;
    assert_eq!(now.body["on"], false);
}
