//! Does the other end of a stream answer our keep-alives? (RFC 5626 §4.4.1)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// What the reader of a stream and who has pinged along it share.
#[derive(Clone, Default)]
pub(crate) struct Pong(Arc<State>);

#[derive(Default)]
struct State {
    awaited: AtomicBool,
    heard: Notify,
}

impl Pong {
    /// A ping is on its way.
    pub(crate) fn expect(&self) {
        self.0.awaited.store(true, Ordering::Release);
    }

    /// A line end has come; whether it is the answer to a ping.
    pub(crate) fn take(&self) -> bool {
        let is_pong = self.0.awaited.swap(false, Ordering::AcqRel);
        if is_pong {
            self.0.heard.notify_one();
        }
        is_pong
    }

    /// Returns once the answer to a ping is there.
    pub(crate) async fn heard(&self) {
        self.0.heard.notified().await;
    }
}
