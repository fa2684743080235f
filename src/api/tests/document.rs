//! Does the document say what can be asked, and all that is answered?

use super::*;

#[test]
fn the_document_describes_every_answer() {
    let (_, document) = openapi::routes();
    let document = serde_json::to_value(&document).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 38);
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            let responses = &operation["responses"];
            for status in ["400", "401", "429", "503"] {
                assert!(responses.get(status).is_some(), "{method} {path} {status}");
            }
            let sockets = ["/v1/pages/live", "/v1/calls/{id}/audio", "/relay", "/ws"];
            let is_change = method != "get" || sockets.contains(&path.as_str());
            assert_eq!(responses.get("403").is_some(), is_change, "{method} {path}");
        }
    }
    let text = document.to_string();
    let wanted: Vec<&str> = text.split("#/components/schemas/").skip(1).collect();
    for reference in wanted {
        let name = reference.split('"').next().unwrap();
        assert!(
            document["components"]["schemas"].get(name).is_some(),
            "{name}"
        );
    }
    assert_eq!(
        document["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
}

/// What paths and bodies of requests may name.
const NAMES: [(&str, &str); 9] = [
    ("/calls/{id}", "/calls/c1-1"),
    ("{id}", "p1-1"),
    ("/schedules/{name}", "/schedules/lesson"),
    ("/sources/{name}", "/sources/radio"),
    ("/sounds/{name}", "/sounds/bell.wav"),
    ("{zone}", "yard"),
    ("{at}", "2026-11-23T08:30:00Z"),
    ("{day}", "2026-11-21"),
    ("{file}", "100003-lessons-101.wav"),
];

fn body_of(path: &str, method: &str) -> &'static str {
    match (path, method) {
        ("/v1/pages", "post") => r#"{"play":"klaxon"}"#,
        ("/v1/calls", "post") => r#"{"number":"101"}"#,
        ("/v1/calls/{id}/dtmf", "post") => r#"{"digits":"12#"}"#,
        ("/v1/schedules/{name}", "patch") => r#"{"enabled":false}"#,
        ("/v1/music/zones/{zone}", "patch") => r#"{"source":"radio"}"#,
        ("/v1/music/sources/{name}", "patch") => r#"{"paused":true}"#,
        ("/v1/sounds/{name}", "put") => "RIFF",
        ("/v1/trace", "put") => r#"{"on":true}"#,
        _ => "",
    }
}

/// Whatever comes is described: the status, the kind of content, and what JSON holds.
#[tokio::test]
async fn every_operation_answers_as_the_document_says_to_every_role() {
    let (_, document) = openapi::routes();
    let document = serde_json::to_value(&document).unwrap();
    let bench = Bench::new();
    let mut n_done = 0;
    let paths = document["paths"].as_object().unwrap().iter();
    // Desks, what is spoken and the way to sign in have tests of their own.
    let plain = |path: &str| {
        let others = ["/v1/pages/live", "/v1/session"];
        path.starts_with("/v1/") && !others.contains(&path)
    };
    for (path, item) in paths.filter(|(path, _)| plain(path)) {
        for (method, operation) in item.as_object().unwrap() {
            let names = NAMES.iter();
            let asked = names.fold(path.clone(), |path, (name, it)| path.replace(name, it));
            for role in ["nobody", "viewer", "operator", "admin"] {
                let kind = match path.starts_with("/v1/sounds") {
                    true => "audio/wav",
                    false => "application/json",
                };
                let request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(&asked)
                    .header("authorization", format!("Bearer {role}"))
                    .header("accept", "application/json")
                    .header("content-type", kind);
                let reply = bench.ask(request, body_of(path, method)).await;
                let what = format!("{role} {method} {path}: {reply:?}");
                let status = reply.status.as_u16().to_string();
                let told = operation["responses"].get(&status);
                let told = told.unwrap_or_else(|| panic!("not described: {what}"));
                let Some(kind) = reply.headers.get("content-type") else {
                    assert!(told["content"].is_null(), "without content: {what}");
                    continue;
                };
                let kind = kind.to_str().unwrap();
                let schema = &told["content"][kind]["schema"];
                assert!(!schema.is_null(), "{kind} is not described: {what}");
                if kind.ends_with("json") {
                    let wrong = mistakes(&document, schema, &reply.body, "");
                    assert!(wrong.is_empty(), "{wrong:?}: {what}");
                }
                n_done += usize::from(reply.status.is_success());
            }
        }
    }
    assert!(n_done > 40, "only {n_done} requests were done");
}

/// Where the value is otherwise than the schema says.
fn mistakes(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = document.pointer(name.trim_start_matches('#')).unwrap();
        return mistakes(document, target, value, at);
    }
    if let Some(all) = schema["allOf"].as_array() {
        // Parts of one object do not know of each other.
        return all
            .iter()
            .flat_map(|part| mistakes(document, part, value, at))
            .filter(|it| !it.ends_with(UNKNOWN))
            .collect();
    }
    for either in ["oneOf", "anyOf"] {
        if let Some(some) = schema[either].as_array() {
            let fits = |part: &Value| mistakes(document, part, value, at).is_empty();
            let is_one = some.iter().any(fits);
            return (!is_one)
                .then(|| format!("{at} is none of these"))
                .into_iter()
                .collect();
        }
    }
    if !is_of_type(&schema["type"], value) {
        return vec![format!("{at} is no {}", schema["type"])];
    }
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        return vec![format!("{at} is {value}")];
    }
    let mut wrong = Vec::new();
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        wrong.extend(mistakes(
            document,
            &schema["items"],
            item,
            &format!("{at}/{n}"),
        ));
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                wrong.push(format!("{at}/{name} is missing"));
            }
        }
        for (name, field) in fields {
            let at = format!("{at}/{name}");
            match schema["properties"].get(name) {
                Some(schema) => wrong.extend(mistakes(document, schema, field, &at)),
                None => wrong.push(format!("{at}{UNKNOWN}")),
            }
        }
    }
    wrong
}

const UNKNOWN: &str = " is not described";

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match wanted {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| name.as_str().is_some_and(is)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}
