//! Where in the course of things does an event stand?
//!
//! What is in the history has the number of its entry there; what passes between two entries
//! counts on behind the first of them, as `4711-17`. So events can be followed over restarts.

use std::fmt;
use std::str::FromStr;

/// The id of an event; later ones are higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// The last entry of the history; 0 before the first.
    pub(super) row: u64,
    /// How many came since; the entry itself is 0.
    pub(super) n: u64,
}

impl Mark {
    /// What comes next and is in no history.
    pub(super) fn next(self) -> Self {
        Self {
            n: self.n + 1,
            ..self
        }
    }

    /// An entry of the history, if it is a later one.
    pub(super) fn entry(self, row: u64) -> Option<Self> {
        (row > self.row).then_some(Self { row, n: 0 })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { row, n: 0 } => write!(f, "{row}"),
            Self { row, n } => write!(f, "{row}-{n}"),
        }
    }
}

impl FromStr for Mark {
    type Err = String;

    /// Fails with a remedy.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
            text.parse().ok().filter(|_| is_plain)
        };
        let mark = match text.split_once('-') {
            None => number(text).map(|row| Self { row, n: 0 }),
            Some((row, n)) => number(row).zip(number(n)).map(|(row, n)| Self { row, n }),
        };
        mark.ok_or_else(|| format!("{text:?} is no id of an event; send the id that came last"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_rise() {
        let entry = Mark { row: 4_711, n: 0 };
        let passing = entry.next();
        assert_eq!(
            (entry.to_string(), passing.to_string()),
            ("4711".into(), "4711-1".into())
        );
        for mark in [entry, passing] {
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
        let later = passing.entry(4_712).unwrap();
        assert!(entry < passing && passing < later);
        assert_eq!(later.entry(4_712), None);
        for wrong in [
            "",
            "-",
            "1-",
            "-1",
            "+1",
            "1-2-3",
            "x",
            "99999999999999999999",
        ] {
            assert!(wrong.parse::<Mark>().is_err(), "{wrong}");
        }
    }
}
