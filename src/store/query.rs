//! What is somebody looking for?

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::types::Value;

use super::book::millis;
use super::entry::Kind;

/// What to find; everything that is said has to hold. The newest comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Not before.
    pub since: Option<SystemTime>,
    /// Before.
    pub until: Option<SystemTime>,
    /// One of these; all kinds if there is none.
    pub kinds: Vec<Kind>,
    /// Words, or their beginnings, each of which stands in who, what, zones, outcome or text. Case
    /// and accents do not matter.
    pub words: String,
    /// Older than the entry with this id: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Default for Query {
    /// The newest fifty of everything.
    fn default() -> Self {
        Self {
            since: None,
            until: None,
            kinds: Vec::new(),
            words: String::new(),
            before: None,
            limit: 50,
        }
    }
}

impl Query {
    /// The statement and what goes into it. `all` are the first and the last time of the history.
    pub(super) fn sql(&self, all: (i64, i64)) -> (String, Vec<Value>) {
        let mut values = Vec::new();
        let mut wheres = Vec::new();
        let is_of_words = self.words().next().is_some();
        if is_of_words {
            wheres.push("words MATCH ?".to_owned());
            values.push(Value::Text(self.matching(all)));
        }
        for (at, sign) in [(self.since, ">="), (self.until, "<")] {
            if let Some(at) = at {
                wheres.push(format!("history.at {sign} ?"));
                values.push(Value::Integer(millis(at)));
            }
        }
        if !self.kinds.is_empty() && !is_of_words {
            wheres.push(format!(
                "kind IN ({})",
                vec!["?"; self.kinds.len()].join(", ")
            ));
            let names = self.kinds.iter().map(|it| it.name().to_owned());
            values.extend(names.map(Value::Text));
        }
        if let Some(before) = self.before {
            // Whoever turns pages while old entries are forgotten gets an end, and no error.
            wheres.push(match is_of_words {
                true => "words.rowid < ?".to_owned(),
                false => "(history.at, history.id) < (SELECT at, id FROM history WHERE id = ?)"
                    .to_owned(),
            });
            values.push(Value::Integer(before));
        }
        let (from, order) = match is_of_words {
            true => (
                "words CROSS JOIN history ON history.id = words.rowid",
                "words.rowid DESC",
            ),
            false => ("history", "history.at DESC, history.id DESC"),
        };
        let wheres = match wheres.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", wheres.join(" AND ")),
        };
        values.push(Value::Integer(
            i64::try_from(self.limit).unwrap_or(i64::MAX),
        ));
        (
            format!("SELECT {COLUMNS} FROM {from} {wheres} ORDER BY {order} LIMIT ?"),
            values,
        )
    }

    /// What the index of words is asked for.
    fn matching(&self, all: (i64, i64)) -> String {
        let mut parts: Vec<String> = self
            .words()
            .map(|word| format!("text: {}*", quoted(word)))
            .collect();
        if !self.kinds.is_empty() {
            let kinds = self.kinds.iter().map(|it| format!("k{}", it.name()));
            parts.push(any_tag(kinds));
        }
        if let Some(days) = self.days(all) {
            parts.push(any_tag(days.into_iter()));
        }
        parts.join(" AND ")
    }

    /// Such as have anything in them that the index knows.
    fn words(&self) -> impl Iterator<Item = &str> {
        let is_word = |word: &&str| word.chars().any(char::is_alphanumeric);
        // The index would take a NUL for the end of what it is asked.
        let is_apart = |c: char| c.is_whitespace() || c.is_control();
        self.words.split(is_apart).filter(is_word).take(MOST_WORDS)
    }

    /// The days that are asked for, or the months if they are many; `None` if that is no help.
    /// `all` are the first and the last time of the whole history.
    fn days(&self, all: (i64, i64)) -> Option<Vec<String>> {
        if self.since.is_none() && self.until.is_none() {
            return None;
        }
        let since = self.since.map_or(all.0, |it| millis(it).max(all.0));
        let until = self.until.map_or(all.1, |it| millis(it).min(all.1));
        let days = since.div_euclid(DAY)..=until.div_euclid(DAY);
        let n_days = days.end().checked_sub(*days.start())?;
        if n_days > MOST_DAYS {
            return None;
        }
        let names = days.map(|day| day_and_month(day * DAY));
        if n_days <= FEW_DAYS {
            return Some(names.map(|it| it.0).collect());
        }
        let mut months: Vec<String> = names.map(|it| it.1).collect();
        months.dedup();
        Some(months)
    }
}

/// The words of the index for a day and for its month, both of Greenwich.
pub(super) fn day_and_month(at: i64) -> (String, String) {
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = at.to_zoned(TimeZone::UTC).date();
    let month = format!("m{:04}{:02}", date.year(), date.month());
    (format!("d{}{:02}", &month[1..], date.day()), month)
}

/// A word of the user as the index takes it: nothing in it is an operator.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

fn any_tag(tags: impl Iterator<Item = String>) -> String {
    let tags: Vec<String> = tags.collect();
    if tags.is_empty() {
        return format!("tags: {NEVER}");
    }
    format!("tags: ({})", tags.join(" OR "))
}

/// The columns of an entry, in the order of `archive::kept`.
pub(super) const COLUMNS: &str = "history.id, at, kind, who, what, zones, missed, span, outcome, recording, \
                       history.text";
/// A tag that no entry has.
const NEVER: &str = "never";
/// Milliseconds.
const DAY: i64 = 24 * 3_600_000;
/// More are asked for by their months.
const FEW_DAYS: i64 = 62;
/// Thirty years.
const MOST_DAYS: i64 = 30 * 366;
/// Nobody types more.
const MOST_WORDS: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn days_and_months_are_those_of_greenwich() {
        assert_eq!(day_and_month(0), ("d19700101".into(), "m197001".into()));
        let last = 1_767_225_599_999;
        assert_eq!(day_and_month(last), ("d20251231".into(), "m202512".into()));
        assert_eq!(day_and_month(last + 1).0, "d20260101");
        assert_eq!(day_and_month(-1).0, "d19691231");
    }

    #[test]
    fn few_days_are_asked_for_by_name_and_many_by_their_months() {
        let at = |day: u64| Some(UNIX_EPOCH + Duration::from_secs(day * 86_400));
        let all = (0, 1_000 * DAY);
        let days = |since, until| {
            let query = Query {
                since,
                until,
                ..Query::default()
            };
            query.days(all).map(|it| it.len())
        };
        assert_eq!(days(None, None), None);
        assert_eq!(days(at(3), at(5)), Some(3));
        assert_eq!(days(at(0), at(100)), Some(4));
        assert_eq!(days(at(990), None), Some(11));
        assert_eq!(days(at(5_000), None), Some(0));
    }

    #[test]
    fn words_cannot_give_orders_to_the_index() {
        let query = Query {
            words: "al\"ice OR* -- ???".to_owned(),
            ..Query::default()
        };
        let matching = query.matching((0, 0));
        assert_eq!(matching, "text: \"al\"\"ice\"* AND text: \"OR*\"*");
    }
}
