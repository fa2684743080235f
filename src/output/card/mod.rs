//! How do sound devices play that are not the clock?
//!
//! ```text
//!  clock ─► Engine ─► Fan ══ring══► Playout ─► callback of one device
//!                      │     └════► Playout ─► callback of another
//!                    Patch                       │ opened, watched, retried by
//!                      └─ Cards ◄─── News ──── Keeper, a thread for each
//! ```
//! Each device has a clock of its own, which its playout follows. A device that hangs holds up its
//! own thread, and nobody else.

mod cards;
mod fan;
mod keeper;
mod line;
mod playout;

pub(crate) use cards::Cards;
pub(crate) use fan::{Fan, fan};
pub use fan::{MOST_CARDS, Patch};
pub(crate) use keeper::News;
pub use line::{LineRx, LineTx, line};
pub use playout::{Playout, Tally};
