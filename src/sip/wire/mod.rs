//! How do bytes travel between us and a peer?

pub(crate) mod acks;
pub(crate) mod datagram;
pub(crate) mod flow;
pub(crate) mod framing;
pub(crate) mod local;
pub(crate) mod mark;
pub(crate) mod pong;
pub(crate) mod stream;
pub(crate) mod tls;
pub(crate) mod wires;
