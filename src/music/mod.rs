//! Which music comes next, how loud is it, and how is it joined to what went before?
//!
//! ```text
//!  station: Follow its clock, keep its loudness Steady
//!  playlist ─► Order ─► (the disk: open, decode) ─► levelling ─► Joint ─► base::stereo ─► mix
//!  Timetable: which source and how loud at this time of day
//!  Hand: which source and how loud because somebody wants it so
//! ```
//!
//! All of it are values: the files, streams and threads are in `sounds::music`.

mod follow;
mod hand;
mod joint;
mod level;
mod order;
mod playlist;
mod steady;
mod timetable;

pub use follow::Follow;
pub use hand::{Demand, Hand, Moment};
pub use joint::{Joint, gains};
pub use level::{Levels, Loudness, REFERENCE, levelling};
pub use order::Order;
pub use playlist::{Item, Kind, NotAPlaylist, parse};
pub use steady::Steady;
pub use timetable::{Minute, Timetable};
