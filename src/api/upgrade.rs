//! How is answered who asks for a WebSocket, whatever it is for?

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::response::Response;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, ResponsesBuilder};

/// What the document says of it.
pub(super) struct Upgrade;

impl IntoResponses for Upgrade {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let problem = |text: &str| {
            let schema = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let answer = ResponseBuilder::new().description(text);
            answer.content("application/problem+json", content).build()
        };
        let socket = ResponseBuilder::new().description("A WebSocket for messages as described");
        ResponsesBuilder::new()
            .response("101", socket.build())
            .response("403", problem("The user may not do this"))
            .response("426", problem("No upgrade was asked for"))
            .build()
            .into()
    }
}
