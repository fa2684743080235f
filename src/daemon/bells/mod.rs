//! How do bells come from the configuration and the wall clock to the core?
//!
//! ```text
//!  config, .ics ─► files ─► Timetable ─┐
//!  state-dir ◄──► Keeper ──► Memory ───┼─► bells::Diary ─► due bells ─► Service ─► control::Core
//!            ◄──► Keeper ◄─► Orders ───┤       └─► Shown ─► whoever asks over HTTP
//!  wall clock, looked at each second ──┘
//! ```
//!
//! The memory of what has rung is on its way to the disk before a bell rings, on a thread of its
//! own: a disk that hangs does not keep a bell from ringing.

mod files;
mod listing;
mod ringing;
mod shown;

pub(super) use files::mistakes;
pub(super) use listing::list;
pub(super) use ringing::{Due, Ringing};
pub(super) use shown::Shown;
