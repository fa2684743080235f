//! What happens next? Every command and event meets in `Core`, the only one who decides.
//!
//! ```text
//!   sip ──┐ Input                          Effect ┌──► sip     ring, answer, refuse, hang up
//!   mix ──┼───────► Core::handle ─► Core::poll ───┼──► mix     connect, play, duck
//!   clock ┘            │      ▲                   └──► log     one line per thing that happened
//!                      ▼      │ Event
//!                  page::Machine   who is heard where, when
//! ```
//!
//! The contract is **one input, then drain**: after each `handle`, call `poll` until it is `None`,
//! and carry every effect out, before the next `handle`. Send `Input::Tick` when `poll_timeout`
//! says so; an early or a late tick does no harm. Effects are orders, not questions: what comes of
//! them returns as an input. Inputs about a call that is already over are ignored.

mod about;
mod audience;
mod by_hand;
mod call;
mod changes;
mod core;
mod desk;
mod dictation;
mod digits;
mod gate;
mod groups;
mod health;
mod held;
mod keys;
mod lines;
mod lockout;
mod music;
mod orders;
mod pages;
mod policy;
mod recordings;
mod rights;
mod ringing;
mod silence;
mod snapshot;
mod speech;
#[cfg(test)]
mod tests;
mod turn;
mod verdict;
mod words;

pub use self::core::Core;
pub use about::{About, CallEnd, Fate, PageEnd, Who};
pub use audience::Player;
pub use call::CallState;
pub use changes::Change;
pub use desk::{
    Answering, Desk, DeskCall, DeskKind, DeskNews, DriverId, Origin, Parting, Party, Way,
};
pub use digits::Digits;
pub use health::{Part, SoundState};
pub use music::Music;
pub use orders::{Demand, Order, OrderId};
pub use policy::{Alert, Clip, Cues, Delayed, Klaxon, KlaxonFor, Policy, Rule, Stops};
pub use recordings::{Mark, Recorded, Side};
pub use rights::{Denied, Rights, Role};
pub use ringing::{Pattern, Rhythm};
pub use snapshot::{CallStatus, PageStatus, Snapshot};
pub use speech::Speech;
pub use words::{Asked, Cue, Effect, Input, KeyWay, Level, Note, Refusal, Sound, Start, Volume};
