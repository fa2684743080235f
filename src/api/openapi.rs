//! What is asked and answered, in words for programs (OpenAPI 3.1)?

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response};
use utoipa::{Modify, OpenApi as Describe};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::problem::{MEDIA_TYPE, Problem};
use super::relay_words::RelayForm;
use super::wanted::{Busy, PageWanted, ToneWanted};
use super::{
    call_audio, calls, history, line_socket, lines, live, music, recordings, relay, routes as all,
    schedules, selftest, session, sounds, stream, trace, web,
};

#[derive(Describe)]
#[openapi(
    info(
        title = "paging",
        description = "Pages, calls and zones of a public-address daemon. Names are those of its \
                       configuration."
    ),
    components(schemas(
        Problem,
        PageWanted,
        ToneWanted,
        Busy,
        super::news::Event,
        stream::Events,
        live::LiveWanted,
        live::Began,
        live::Hint,
        line_socket::LineEvent,
        call_audio::CallEvent,
        RelayForm,
    )),
    modifiers(&Common),
    tags(
        (name = "pages", description = "Announcements"),
        (name = "calls", description = "Calls from phones, and calls of programs"),
        (name = "zones", description = "Loudspeakers that are spoken to together"),
        (name = "schedules", description = "Bells, and when they ring"),
        (name = "music", description = "What plays in which zone, and how loud"),
        (name = "recordings", description = "What was recorded"),
        (name = "sounds", description = "What pages can play"),
        (name = "history", description = "What has happened"),
        (name = "events", description = "What happens, as it happens"),
        (name = "session", description = "Who asks, and how browsers sign in"),
        (name = "programs", description = "Calls that programs talk with"),
        (name = "lines", description = "Analog phones behind adapters"),
        (name = "diagnostics", description = "Whether everything works"),
    )
)]
struct Document;

/// All routes, and the document that describes them.
pub(super) fn routes() -> (Router<Arc<App>>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(all::health))
        .routes(routes!(all::metrics))
        .routes(routes!(selftest::test))
        .routes(routes!(trace::trace, trace::turn))
        .routes(routes!(all::zones))
        .routes(routes!(calls::calls, calls::dial))
        .routes(routes!(calls::call))
        .routes(routes!(calls::answer))
        .routes(routes!(calls::press))
        .routes(routes!(calls::hang_up))
        .routes(routes!(call_audio::audio))
        .routes(routes!(all::pages, all::start))
        .routes(routes!(all::page, all::stop))
        .routes(routes!(live::live))
        .routes(routes!(
            session::session,
            session::sign_in,
            session::sign_out
        ))
        .routes(routes!(schedules::schedules))
        .routes(routes!(schedules::schedule, schedules::change))
        .routes(routes!(schedules::ring))
        .routes(routes!(schedules::skip, schedules::restore))
        .routes(routes!(schedules::rings))
        .routes(routes!(music::music))
        .routes(routes!(music::zone, music::change_zone, music::reset))
        .routes(routes!(music::next_in))
        .routes(routes!(music::change_source))
        .routes(routes!(music::next))
        .routes(routes!(recordings::recordings))
        .routes(routes!(recordings::recording, recordings::delete))
        .routes(routes!(sounds::sounds))
        .routes(routes!(sounds::sound, sounds::put, sounds::delete))
        .routes(routes!(history::history))
        .routes(routes!(history::table))
        .routes(routes!(stream::events))
        .routes(routes!(relay::relay))
        .routes(routes!(lines::status))
        .routes(routes!(lines::ring))
        .routes(routes!(lines::start))
        .routes(routes!(lines::stop))
        .routes(routes!(line_socket::follow))
        .split_for_parts();
    Common.modify(&mut document);
    let text = serde_json::to_string(&document).unwrap_or_default();
    let text: Arc<str> = text.into();
    let answer = move || {
        let text = Arc::clone(&text);
        async move { ([("content-type", "application/json")], text.to_string()) }
    };
    let router = router.route("/openapi.json", get(answer));
    (router.merge(web::routes()), document)
}

/// What every request may be answered, and how one proves who asks.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        document.info.version = env!("CARGO_PKG_VERSION").to_owned();
        document.info.license = None;
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "paging token NAME makes one; programs on the machine need none",
            ))
            .build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(bearer));
        }
        let none: [&str; 0] = [];
        document.security = Some(vec![
            SecurityRequirement::new("token", none),
            SecurityRequirement::default(),
        ]);
        for item in document.paths.paths.values_mut() {
            let operations = [
                (false, &mut item.get),
                (true, &mut item.put),
                (true, &mut item.post),
                (true, &mut item.patch),
                (true, &mut item.delete),
            ];
            for (is_change, operation) in operations {
                let Some(operation) = operation else {
                    continue;
                };
                let has_body = operation.request_body.is_some();
                let responses = &mut operation.responses.responses;
                let mut add = |status: &str, why: &str| {
                    let response = RefOr::T(problem(why));
                    responses.entry(status.to_owned()).or_insert(response);
                };
                add("400", "The request cannot be understood");
                add("401", "No valid token");
                add("429", "Too many requests");
                add("503", "For a while; the problem says why");
                if is_change {
                    add("403", "The user may not do this");
                }
                if has_body {
                    add("413", "The body is too long");
                    add("415", "The body is no JSON");
                    add("422", "The body says something that cannot be");
                }
            }
        }
    }
}

fn problem(why: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let mut response = Response::new(why);
    response
        .content
        .insert(MEDIA_TYPE.to_owned(), RefOr::T(Content::new(Some(schema))));
    response
}
