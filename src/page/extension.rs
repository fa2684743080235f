//! Which numbers does one entry in a list of extensions stand for?

use std::fmt;
use std::str::FromStr;

/// A number that may be dialled, or, after `_`, a pattern of numbers in the letters of dial plans.
///
/// In a pattern `X` is any digit, `Z` 1 to 9, `N` 2 to 9, `[14-6]` one of these characters, and at
/// the end `.` one or more of any characters, `!` any number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    written: String,
    places: Vec<Place>,
    tail: Tail,
}

/// The characters that may stand at one place of a number; ASCII only, but for exact ones.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Exactly(char),
    /// One bit for each ASCII character.
    OneOf(u128),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Nothing,
    /// One or more of any characters.
    Some,
    /// Any number of any characters.
    Any,
}

/// A text that is no extension; the words say what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnExtension(pub String);

impl Extension {
    /// Whether a call to that number is meant; case counts.
    pub fn matches(&self, number: &str) -> bool {
        let mut rest = number.chars();
        let fits = |place: &Place| rest.next().is_some_and(|c| place.allows(c));
        if !self.places.iter().all(fits) {
            return false;
        }
        match self.tail {
            Tail::Nothing => rest.next().is_none(),
            Tail::Some => rest.next().is_some(),
            Tail::Any => true,
        }
    }

    /// Whether there is a number that both stand for.
    pub fn overlaps(&self, other: &Self) -> bool {
        let mut both = self.places.iter().zip(&other.places);
        if both.any(|(a, b)| !a.meets(b)) {
            return false;
        }
        let (a, b) = (self.places.len(), other.places.len());
        let (a_tail, b_tail) = (self.tail.least(), other.tail.least());
        match (a_tail, b_tail) {
            (None, None) => a == b,
            (Some(least), None) => a + least <= b,
            (None, Some(least)) => b + least <= a,
            (Some(_), Some(_)) => true,
        }
    }

    /// Whether it stands for one number only.
    pub fn is_exact(&self) -> bool {
        !self.written.starts_with(PATTERN)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl Place {
    fn allows(&self, c: char) -> bool {
        match self {
            Self::Exactly(it) => *it == c,
            Self::OneOf(set) => c.is_ascii() && set & (1 << (c as u32)) != 0,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exactly(c), place) | (place, Self::Exactly(c)) => place.allows(*c),
            (Self::OneOf(a), Self::OneOf(b)) => a & b != 0,
        }
    }
}

impl Tail {
    /// How many characters it stands for at least; `None` if for none at all.
    fn least(self) -> Option<usize> {
        match self {
            Self::Nothing => None,
            Self::Some => Some(1),
            Self::Any => Some(0),
        }
    }
}

impl FromStr for Extension {
    type Err = NotAnExtension;

    fn from_str(text: &str) -> Result<Self, NotAnExtension> {
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || "@<>\"".contains(c)) {
            return Err(wrong(
                "not a number; write e.g. 700, or _70X for 700 to 709",
            ));
        }
        let Some(pattern) = text.strip_prefix(PATTERN) else {
            return Ok(Self {
                written: text.to_owned(),
                places: text.chars().map(Place::Exactly).collect(),
                tail: Tail::Nothing,
            });
        };
        let (pattern, tail) = match pattern.chars().last() {
            Some('.') => (&pattern[..pattern.len() - 1], Tail::Some),
            Some('!') => (&pattern[..pattern.len() - 1], Tail::Any),
            Some(_) => (pattern, Tail::Nothing),
            None => return Err(wrong("nothing follows _; write e.g. _70X for 700 to 709")),
        };
        Ok(Self {
            written: text.to_owned(),
            places: places(pattern)?,
            tail,
        })
    }
}

fn places(pattern: &str) -> Result<Vec<Place>, NotAnExtension> {
    let mut places = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        places.push(match c {
            'X' | 'x' => Place::OneOf(range('0', '9')),
            'Z' | 'z' => Place::OneOf(range('1', '9')),
            'N' | 'n' => Place::OneOf(range('2', '9')),
            '[' => {
                let inner: String = chars.by_ref().take_while(|&c| c != ']').collect();
                Place::OneOf(choice(&inner)?)
            }
            '.' | '!' | ']' => {
                return Err(wrong(
                    ". and ! stand at the end, ] after [; write e.g. _7[1-4]X",
                ));
            }
            other => Place::Exactly(other),
        });
    }
    Ok(places)
}

/// What stands between brackets: characters and ranges.
fn choice(inner: &str) -> Result<u128, NotAnExtension> {
    let mut set = 0;
    let mut chars = inner.chars().peekable();
    while let Some(low) = chars.next() {
        let is_range = low != '-' && chars.next_if_eq(&'-').is_some();
        let high = if is_range { chars.next() } else { Some(low) };
        match high {
            Some(high) if low.is_ascii() && high.is_ascii() && low <= high => {
                set |= range(low, high);
            }
            Some(_) | None => return Err(wrong("not a range between [ and ]; write e.g. [1-4]")),
        }
    }
    if set == 0 {
        return Err(wrong("nothing stands between [ and ]; write e.g. [1-4]"));
    }
    Ok(set)
}

/// Both ends are ASCII.
fn range(low: char, high: char) -> u128 {
    (low as u32..=high as u32).fold(0, |set, c| set | 1 << c)
}

fn wrong(text: &str) -> NotAnExtension {
    NotAnExtension(text.to_owned())
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Display for NotAnExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAnExtension {}

/// What a pattern begins with.
const PATTERN: char = '_';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ext(text: &str) -> Extension {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_and_patterns_match_as_in_dial_plans() {
        for (written, yes, no) in [
            ("700", &["700"][..], &["70", "7000", "", "701"][..]),
            ("_70X", &["700", "709"], &["70", "70a", "7000"]),
            ("_7[1-35]Z", &["711", "759"], &["710", "741", "7-1"]),
            ("_9N.", &["921", "92 x"], &["92", "911", "9"]),
            ("_9!", &["9", "9123"], &["8", ""]),
            ("_.", &["1", "page-all"], &[""]),
            ("*70", &["*70"], &["170"]),
            ("hallü", &["hallü"], &["hall"]),
        ] {
            let it = ext(written);
            assert!(yes.iter().all(|n| it.matches(n)), "{written}");
            assert!(!no.iter().any(|n| it.matches(n)), "{written}");
            assert_eq!(it.to_string(), written);
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_with_a_remedy() {
        for text in [
            "", "7 0", "a@b", "_", "_7[", "_7[]", "_7[4-1]", "_7.1", "_7]",
        ] {
            let NotAnExtension(why) = text.parse::<Extension>().unwrap_err();
            assert!(why.contains("write e.g."), "{text}: {why}");
        }
    }

    fn texts() -> impl Strategy<Value = String> {
        let place = prop_oneof![
            Just("1"),
            Just("2"),
            Just("X"),
            Just("Z"),
            Just("N"),
            Just("[12]"),
        ];
        let places = proptest::collection::vec(place, 0..4).prop_map(|it| it.concat());
        let tail = prop_oneof![Just(""), Just("."), Just("!")];
        (places, tail).prop_map(|(places, tail)| format!("_{places}{tail}"))
    }

    fn every_number() -> Vec<String> {
        let mut all = vec![String::new()];
        for length in 1..=5 {
            let shorter: Vec<_> = all
                .iter()
                .filter(|it| it.len() == length - 1)
                .cloned()
                .collect();
            all.extend(
                shorter
                    .iter()
                    .flat_map(|it| ["0", "1", "2"].map(|c| format!("{it}{c}"))),
            );
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn extensions_overlap_exactly_if_a_number_matches_both(a in texts(), b in texts()) {
            prop_assume!(a != "_" && b != "_");
            let (a, b) = (ext(&a), ext(&b));
            let both = every_number().iter().any(|it| a.matches(it) && b.matches(it));
            prop_assert_eq!(a.overlaps(&b), both);
            prop_assert_eq!(b.overlaps(&a), both);
        }
    }
}
