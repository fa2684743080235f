//! What must hold for any bytes that a stranger may send us?
//!
//! Each check takes bytes, gives them to the part that reads such bytes in the program, and panics
//! if a promise of that part is broken. `fuzz/` looks for bytes that do so; the tests here give
//! every check the corpus that it has found so far. See docs/fuzzing.md.

mod config;
mod input;
mod media;
mod polycom;
mod srtp;
mod words;

pub use config::config;
pub use media::media;
pub use polycom::polycom;
pub use srtp::srtp;
pub use words::{digest, mask};

pub use crate::sdp::fuzzing::sdp;
pub use crate::sip::fuzzing::{ingress, stream};

use input::Input;

#[cfg(test)]
mod tests;
