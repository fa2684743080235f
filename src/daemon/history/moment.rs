//! Which moment does somebody mean who writes `yesterday`, `36h` or `2026-11-21 10:30`?

use std::str::FromStr;
use std::time::SystemTime;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, ToSpan, Zoned};

/// A moment as people write it; it becomes a time only once it is known what time it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// So long ago.
    Ago(SignedDuration),
    /// The beginning of a day so many days ago.
    DaysBack(i64),
    /// By the clock on the wall.
    At(DateTime),
}

impl Moment {
    /// The time that is meant at `now`; a time that the clocks skip becomes the next that there is.
    ///
    /// # Errors
    /// It lies outside of the calendar.
    pub(super) fn time(self, now: &Zoned) -> Result<SystemTime, jiff::Error> {
        let zoned = match self {
            Self::Ago(span) => now.checked_sub(span)?,
            Self::DaysBack(days) => now.start_of_day()?.checked_sub(days.days())?,
            Self::At(at) => at.to_zoned(now.time_zone().clone())?,
        };
        Ok(zoned.timestamp().into())
    }
}

impl FromStr for Moment {
    type Err = String;

    /// Fails with a remedy.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "today" => return Ok(Self::DaysBack(0)),
            "yesterday" => return Ok(Self::DaysBack(1)),
            _ => {}
        }
        if let Some(span) = ago(text) {
            return Ok(Self::Ago(span));
        }
        let at = text.parse::<DateTime>();
        let at = at.or_else(|_| text.parse::<Date>().map(DateTime::from));
        at.map(Self::At).map_err(|_| {
            format!(
                "{text:?} is no time; write 2026-11-21, \"2026-11-21 10:30\", today, yesterday, \
                 or how long ago: 90m, 36h, 7d"
            )
        })
    }
}

/// `90m`, `36h`, `7d`, `2w`.
fn ago(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let n: u32 = text[..text.len() - 1].parse().ok()?;
    Some(SignedDuration::from_secs(i64::from(n) * seconds))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn moments_are_understood_as_people_write_them() {
        let now: Zoned = "2026-03-30T09:00:00+02:00[Europe/Berlin]".parse().unwrap();
        let table = [
            ("36h", "2026-03-28T19:00:00Z"),
            ("7d", "2026-03-23T07:00:00Z"),
            ("today", "2026-03-29T22:00:00Z"),
            // The day on which summer time began had 23 hours.
            ("yesterday", "2026-03-28T23:00:00Z"),
            ("2026-01-02", "2026-01-01T23:00:00Z"),
            ("2026-01-02 10:30", "2026-01-02T09:30:00Z"),
            ("2026-01-02T10:30:15", "2026-01-02T09:30:15Z"),
            ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),
        ];
        for (text, expected) in table {
            let time = text.parse::<Moment>().unwrap().time(&now).unwrap();
            let expected: jiff::Timestamp = expected.parse().unwrap();
            let seconds = expected.as_second().unsigned_abs();
            assert_eq!(time, UNIX_EPOCH + Duration::from_secs(seconds), "{text}");
        }
        for wrong in ["", "noon", "m", "5x", "2026-13-01", "-3d"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
