//! Which audio stream do two phones agree on? Offers and answers (RFC 8866, RFC 3264).
//!
//! ```text
//!  their offer ─► lenient ─► formats ─► answer ─► our answer + Agreed
//!  our offer ───────────────► their answer ─► accept ─► Agreed
//! ```
//!
//! We keep one audio stream with one codec and telephone-event beside it; every other stream is
//! refused with port 0. What a peer may write wrongly and still be understood is in `lenient`.

mod agree;
mod crypto;
mod formats;
mod lenient;
mod terms;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;

pub use agree::{accept, answer, offer};
pub use terms::{Agreed, Direction, Ours, Refusal, Srtp};
