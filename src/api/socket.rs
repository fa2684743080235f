//! What do all WebSockets of programs that talk with callers share?

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};

use super::stream::send;

/// Ends the connection, with the reason.
pub(super) async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let reason = reason.into();
    send(
        &mut socket,
        Message::Close(Some(CloseFrame { code, reason })),
    )
    .await;
}

/// What a program is told that did not understand us.
pub(super) fn wrong(detail: &str) -> Message {
    let text = serde_json::json!({"type": "error", "detail": detail}).to_string();
    Message::Text(text.into())
}

/// Of one that is dropped.
pub(super) const TOO_SLOW: &str = "too slow: what happened was not read in time";

/// Proxies close what is silent for a minute.
pub(super) const ALIVE: Duration = Duration::from_secs(15);

/// At 8 kHz.
pub(super) const FRAMES_A_MS: usize = 8;
