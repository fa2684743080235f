//! (being built)
pub mod ingress;
mod framing;
mod address;
mod digest;
mod settings;
mod event;
mod error;
mod message;
mod dialog;
pub use settings::*;
pub use event::*;
pub use error::Error;
