//! Which bell rings when?
//!
//! ```text
//!  When ────► Occurrence ─────► verdict ──────────────► Diary ─────────► Event
//!  cron,      wall times of     plan of the day,        each once,       Ring, Missed,
//!  plain      the bell's zone   exceptions, orders      over any clock   ClockMoved
//!                                  ▲
//!                       Days: dates, years' days, Easter, weekdays, Calendar (iCalendar)
//! ```
//!
//! The time comes in as a timestamp, the time zone as a value: nothing here reads a clock or a
//! file.
//!
//! Decisions about daylight saving, for a bell at a time of the day:
//!
//! - A time that the clocks jump over is rung as long after midnight as on any other day: 02:30
//!   becomes 03:30 by the new time, so that bells keep their distances. RFC 5545 (§3.3.5) does it
//!   so, and Python's `zoneinfo`.
//! - A time that comes twice is rung the first time only.
//! - A bell of every hour (`*` in cron's field of hours) follows the time that passes instead: it
//!   rings in both of two equal hours and not in one that is not there.

mod bell;
mod cron;
mod days;
mod diary;
mod ical;
mod memory;
mod occurrence;
mod orders;
mod plain;
mod timetable;
mod when;

#[cfg(test)]
mod tests;

pub use bell::{Bell, Missed, Plans};
pub use days::Days;
pub use diary::{Diary, Event};
pub use ical::{Calendar, Fault, TimeZones};
pub use memory::Memory;
pub use occurrence::{Mark, Occurrence};
pub use orders::Orders;
pub use timetable::{Plan, Silence, Strike, Timetable};
pub use when::When;
