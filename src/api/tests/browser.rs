//! Is a browser let in, and no page of others with it?

use axum::http::{Request, request};
use serde_json::json;

use super::Bench;

/// What a browser asks that has signed in: the cookie, and from which page.
fn with_cookie(method: &str, path: &str, cookie: &str, origin: &str) -> request::Builder {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("host", "paging.example:8080");
    let request = request.header("cookie", format!("theme=dark; {cookie}; x=y"));
    let request = request.header("content-type", "application/json");
    match origin {
        "" => request,
        _ => request.header("origin", origin),
    }
}

#[tokio::test]
async fn a_browser_signs_in_once_and_only_pages_of_ours_change_something() {
    const OURS: &str = "http://paging.example:8080";
    let bench = Bench::new();
    let sign_in = async |token: &str, origin: &str| {
        let body = json!({ "token": token }).to_string();
        bench
            .ask(with_cookie("POST", "/v1/session", "", origin), &body)
            .await
    };
    sign_in("nobody", OURS).await.is_problem(401);
    sign_in("operator", "http://evil.example")
        .await
        .is_problem(403);
    let reply = sign_in("operator", OURS).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body["role"]),
        (200, &json!("operator"))
    );
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    for part in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=43200",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let ask = async |method: &str, path: &str, origin: &str| {
        let body = if method == "POST" {
            r#"{"play":"klaxon"}"#
        } else {
            ""
        };
        bench
            .ask(with_cookie(method, path, &cookie, origin), body)
            .await
    };
    for path in ["/v1/session", "/v1/zones", "/health"] {
        assert_ne!(ask("GET", path, "").await.status, 401, "{path}");
    }
    let who = ask("GET", "/v1/session", "").await.body;
    assert_eq!(
        who,
        json!({"name": "operator", "role": "operator", "zones": [], "by": "session"})
    );
    assert_eq!(ask("POST", "/v1/pages", OURS).await.status, 201);
    for foreign in ["", "null", "http://evil.example", "http://paging.example"] {
        ask("POST", "/v1/pages", foreign).await.is_problem(403);
        ask("DELETE", "/v1/pages/p1-1", foreign)
            .await
            .is_problem(403);
    }
    // A WebSocket too: a browser opens it for any page, and sends the cookie with it.
    for (origin, status) in [(OURS, 200), ("http://evil.example", 403)] {
        let request = with_cookie("GET", "/v1/zones", &cookie, origin);
        let request = request
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        assert_eq!(bench.ask(request, "").await.status, status);
    }
    assert_eq!(ask("DELETE", "/v1/session", OURS).await.status, 204);
    ask("GET", "/v1/session", "").await.is_problem(401);
}

#[tokio::test]
async fn the_web_page_is_for_everybody_and_says_nothing_of_the_site() {
    let bench = Bench::new();
    let page = bench.ask(Request::get("/"), "").await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let mut size = page.text.len();
    let named = page.text.split('"').filter(|it| it.starts_with("/web/"));
    for path in named {
        let file = bench.ask(Request::get(path), "").await;
        assert_eq!(file.status, 200, "{path}");
        size += file.text.len();
        let tag = file.headers["etag"].clone();
        let again = bench
            .ask(Request::get(path).header("if-none-match", tag), "")
            .await;
        assert_eq!(
            (again.status.as_u16(), again.text.as_str()),
            (304, ""),
            "{path}"
        );
    }
    assert!(size < 200_000, "{size} bytes");
    bench.ask(Request::post("/"), "").await.is_problem(401);
    bench
        .ask(Request::get("/web/nothing.js"), "")
        .await
        .is_problem(401);
}

#[tokio::test]
async fn scripts_of_foreign_pages_are_let_in_only_by_name() {
    let bench = Bench::new();
    let preflight = async |origin: &str| {
        let request = Request::options("/v1/pages")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        bench.ask(request, "").await
    };
    let friend = preflight("https://intra.example").await;
    assert_eq!(friend.status, 204);
    assert_eq!(
        friend.headers["access-control-allow-origin"],
        "https://intra.example"
    );
    let other = preflight("https://evil.example").await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));
    let reply = bench.as_role("viewer", "GET", "/v1/zones", "").await;
    assert!(!reply.headers.contains_key("access-control-allow-origin"));
    assert_eq!(reply.headers["cache-control"], "no-store");
}
