//! What does a browser get that asks for the page?
//!
//! A handful of small files that are a part of the program: plain HTML, a style and scripts, which
//! ask for everything else as any other program does. They need no proof of who asks, since they
//! say nothing of the site, and name nothing that is elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::app::App;

/// One of the files.
struct File {
    path: &'static str,
    media: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($path:literal, $name:literal, $media:literal) => {
        File {
            path: $path,
            media: $media,
            bytes: include_bytes!(concat!("web/", $name)),
        }
    };
}

const HTML: &str = "text/html; charset=utf-8";

static FILES: [File; 14] = [
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/web/style.css", "style.css", "text/css; charset=utf-8"),
    file!("/web/icon.svg", "icon.svg", "image/svg+xml"),
    file!("/web/main.js", "main.js", "text/javascript; charset=utf-8"),
    file!("/web/ask.js", "ask.js", "text/javascript; charset=utf-8"),
    file!("/web/show.js", "show.js", "text/javascript; charset=utf-8"),
    file!(
        "/web/zones.js",
        "zones.js",
        "text/javascript; charset=utf-8"
    ),
    file!("/web/talk.js", "talk.js", "text/javascript; charset=utf-8"),
    file!(
        "/web/microphone.js",
        "microphone.js",
        "text/javascript; charset=utf-8"
    ),
    file!(
        "/web/pages.js",
        "pages.js",
        "text/javascript; charset=utf-8"
    ),
    file!(
        "/web/music.js",
        "music.js",
        "text/javascript; charset=utf-8"
    ),
    file!(
        "/web/bells.js",
        "bells.js",
        "text/javascript; charset=utf-8"
    ),
    file!("/web/past.js", "past.js", "text/javascript; charset=utf-8"),
    file!(
        "/web/health.js",
        "health.js",
        "text/javascript; charset=utf-8"
    ),
];

/// Whether there is a file at that path.
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

/// A route for each file.
pub(super) fn routes() -> Router<Arc<App>> {
    let with = |routes: Router<Arc<App>>, file: &'static File| {
        let tag = tag(file);
        let answer = move |headers: HeaderMap| {
            let answer = answer(file, &tag, &headers);
            async move { answer }
        };
        routes.route(file.path, get(answer))
    };
    FILES.iter().fold(Router::new(), with)
}

/// Of what is in it: the next version of the program has others.
fn tag(file: &File) -> String {
    let hash = Sha256::digest(file.bytes);
    let digits: String = hash[..16].iter().map(|it| format!("{it:02x}")).collect();
    format!("\"{digits}\"")
}

/// The file, unless the browser has it.
fn answer(file: &'static File, tag: &str, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let has_it = known.split(',').any(|it| {
        let it = it.trim();
        it == "*" || it.strip_prefix("W/").unwrap_or(it) == tag
    });
    let common = [
        (header::ETAG, tag),
        // Kept, and asked for again each time, so that a new version counts at once.
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if has_it {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let mut response = (common, [(header::CONTENT_TYPE, file.media)], file.bytes).into_response();
    if file.media == HTML {
        for (name, value) in [
            ("content-security-policy", POLICY),
            (
                "permissions-policy",
                "microphone=(self), camera=(), geolocation=()",
            ),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            let value = axum::http::HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Nothing but what comes from here; no script or style within the page, and no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; \
                      img-src 'self'; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        let text = |file: &'static File| (file.path, std::str::from_utf8(file.bytes).unwrap());
        FILES.iter().map(text)
    }

    #[test]
    fn all_of_it_is_small_and_names_nothing_that_is_elsewhere() {
        let size: usize = FILES.iter().map(|file| file.bytes.len()).sum();
        assert!(size < 200_000, "{size} bytes");
        for (path, text) in texts() {
            let spaces = text.replace("http://www.w3.org/2000/svg", "");
            for strange in [
                "http://", "https://", "url(", "@import", "src=\"//", "eval(",
            ] {
                assert!(!spaces.contains(strange), "{path} has {strange}");
            }
            if path != "/" {
                assert!(!text.contains("innerHTML"), "{path} makes markup of text");
            }
        }
    }

    #[test]
    fn the_page_has_no_script_or_style_within_and_loads_only_what_is_here() {
        let (_, page) = texts().next().unwrap();
        for attribute in [" style=", " onclick=", " onload=", "<style", "javascript:"] {
            assert!(!page.contains(attribute), "{attribute}");
        }
        for script in page.split("<script").skip(1) {
            assert!(
                script.starts_with(" type=\"module\" src=\"/web/"),
                "{script}"
            );
        }
        for (path, text) in texts() {
            let named = text
                .split(['"', '\'', '`'])
                .filter(|it| it.starts_with("/web/"));
            for name in named {
                assert!(has(name), "{path} names {name}");
            }
            let imported = text.split("from \"./").skip(1);
            for name in imported.filter_map(|it| it.split('"').next()) {
                assert!(has(&format!("/web/{name}")), "{path} imports {name}");
            }
        }
    }

    #[test]
    fn a_browser_that_has_a_file_gets_it_only_when_it_is_another() {
        let file = &FILES[0];
        let tag = tag(file);
        let ask = |known: &str| {
            let mut headers = HeaderMap::new();
            if !known.is_empty() {
                headers.insert(header::IF_NONE_MATCH, known.parse().unwrap());
            }
            answer(file, &tag, &headers)
        };
        let first = ask("");
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()["content-security-policy"], POLICY);
        assert_eq!(first.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(ask(&tag).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(
            ask(&format!("\"x\", W/{tag}")).status(),
            StatusCode::NOT_MODIFIED
        );
        assert_eq!(ask("\"x\"").status(), StatusCode::OK);
    }
}
