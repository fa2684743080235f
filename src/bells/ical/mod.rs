//! On which days and at which times does an iCalendar file have an event (RFC 5545)?
//!
//! ```text
//!  text ─► lines: unfolded ─► events: start, length, rule ─► Calendar: covers, touches
//!                                          recurrence ─► the starts in a span of days
//! ```
//!
//! What school and holiday calendars have: events of whole days and of hours, in UTC, in a named
//! time zone or in none, with DTEND or DURATION, RRULE from years to days, RDATE, EXDATE, single
//! changed or cancelled instances. Libraries for this bring a second database of time zones.

mod calendar;
mod event;
mod lines;
mod recurrence;
mod zones;

pub use calendar::Calendar;
pub use zones::TimeZones;

/// What is wrong with a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// What is wrong, and what to do about it.
    pub text: String,
}

impl Fault {
    fn new(line: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { line, text }
    }
}
