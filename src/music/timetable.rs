//! What holds at this time of day?

use std::fmt;

use crate::music::Moment;

/// A minute of the day, 0 to 1439.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(u16);

impl Minute {
    /// `None` unless it is a time from 00:00 to 23:59.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        (hour < 24 && minute < 60).then_some(Self(hour * 60 + minute))
    }

    /// Minutes since midnight.
    pub fn of_day(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Values that hold from a time of day to the next one, day after day.
#[derive(Clone, Debug, PartialEq)]
pub struct Timetable<T> {
    /// In the order of the day, no time twice.
    steps: Vec<(Minute, T)>,
}

impl<T> Timetable<T> {
    /// In any order; of a time that comes twice, gives that time back.
    pub fn new(mut steps: Vec<(Minute, T)>) -> Result<Self, Minute> {
        steps.sort_by_key(|(at, _)| *at);
        let twice = steps.windows(2).find(|pair| pair[0].0 == pair[1].0);
        match twice {
            Some(pair) => Err(pair[0].0),
            None => Ok(Self { steps }),
        }
    }

    /// Nothing at any time.
    pub const fn empty() -> Self {
        Self { steps: Vec::new() }
    }

    /// What holds at `now`: before the first time of the day what held the evening before. `None`
    /// of an empty table.
    pub fn at(&self, now: Minute) -> Option<&T> {
        let begun = self.steps.iter().rev().find(|(at, _)| *at <= now);
        begun.or(self.steps.last()).map(|(_, value)| value)
    }

    /// Whether another value begins to hold after `from`, and at `to` at the latest.
    pub fn steps_between(&self, from: Moment, to: Moment) -> bool {
        let mut times = self.steps.iter().map(|(at, _)| *at);
        match to.day.saturating_sub(from.day) {
            ..0 => false,
            0 => times.any(|at| at > from.minute && at <= to.minute),
            1 => times.any(|at| at > from.minute || at <= to.minute),
            2.. => !self.steps.is_empty(),
        }
    }

    pub fn steps(&self) -> &[(Minute, T)] {
        &self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u16, minute: u16) -> Minute {
        Minute::new(hour, minute).unwrap()
    }

    #[test]
    fn a_value_holds_until_the_next_one_also_over_midnight() {
        let table = Timetable::new(vec![(at(18, 0), "evening"), (at(8, 30), "day")]).unwrap();
        let rows = [
            (at(0, 0), "evening"),
            (at(8, 29), "evening"),
            (at(8, 30), "day"),
            (at(17, 59), "day"),
            (at(18, 0), "evening"),
            (at(23, 59), "evening"),
        ];
        for (now, held) in rows {
            assert_eq!(table.at(now), Some(&held), "{now}");
        }
        assert_eq!(Timetable::<u8>::empty().at(at(1, 1)), None);
    }

    #[test]
    fn no_time_comes_twice_and_no_hour_is_the_24th() {
        let twice = Timetable::new(vec![(at(8, 0), 1), (at(9, 0), 2), (at(8, 0), 3)]);
        assert_eq!(twice, Err(at(8, 0)));
        assert_eq!((Minute::new(24, 0), Minute::new(7, 60)), (None, None));
    }
}
