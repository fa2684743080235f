//! Who may have SIP messages written down, and for how long? Who may try out the sound?

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

/// Heard in the yard, and nowhere else.
pub(super) fn tested(wanted: &SelfTestWanted) -> Answer {
    let zone = |name: &String| ZoneTested {
        zone: name.clone(),
        heard: if name == "yard" { 4 } else { 0 },
        delay_ms: (name == "yard").then_some(Delays {
            min: 20.0,
            median: 21.5,
            max: 23.0,
        }),
        has_output: true,
    };
    let usual = vec!["yard".to_owned()];
    let zones = wanted.zones.as_ref().unwrap_or(&usual);
    if zones.iter().any(|it| it == "busy") {
        return Answer::Denied(Denied::Busy, Vec::new());
    }
    Answer::Tested(SelfTest {
        ok: zones.iter().all(|it| it == "yard"),
        marks: 4,
        zones: zones.iter().map(zone).collect(),
    })
}

#[tokio::test]
async fn an_operator_tries_out_the_sound_where_nobody_is_heard() {
    let bench = Bench::new();
    let test =
        async |role: &str, body: &str| bench.as_role(role, "POST", "/v1/selftest", body).await;
    test("viewer", "").await.is_problem(403);
    test("operator", r#"{"level_db":1}"#).await.is_problem(422);
    test("operator", r#"{"zones":[]}"#).await.is_problem(422);
    test("operator", r#"{"zones":["busy"]}"#)
        .await
        .is_problem(409);
    let told = test("operator", "").await;
    let delay = json!({"min": 20.0, "median": 21.5, "max": 23.0});
    let yard = json!({"zone": "yard", "heard": 4, "delay_ms": delay, "has_output": true});
    assert_eq!(told.body, json!({"ok": true, "marks": 4, "zones": [yard]}));
    let told = test("operator", r#"{"zones":["hall"]}"#).await;
    assert_eq!(
        (&told.body["ok"], &told.body["zones"][0]["delay_ms"]),
        (&json!(false), &Value::Null)
    );
}
