//! How are digits compared that nobody may learn?

use std::fmt;

/// Up to 16 digits that a caller has entered or should; `Debug` shows none of them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Digits {
    digits: [u8; MOST],
    len: usize,
}

impl Digits {
    /// From a text of 1 to 16 ASCII digits; `None` for any other.
    pub fn new(text: &str) -> Option<Self> {
        let mut all = Self::default();
        let is_whole = text.chars().all(|key| all.push(key));
        (is_whole && all.len > 0).then_some(all)
    }

    /// Takes one more; false for what is no digit, and when there is no room.
    pub(super) fn push(&mut self, key: char) -> bool {
        let place = self.digits.get_mut(self.len);
        let Some(place) = place.filter(|_| key.is_ascii_digit()) else {
            return false;
        };
        *place = key as u8;
        self.len += 1;
        true
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether they are the same; takes as long whatever and however many they are.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let pairs = self.digits.iter().zip(&other.digits);
        let differing = pairs.fold(0, |all, (a, b)| all | (a ^ b));
        // Places without a digit hold what is none, so the length needs no look of its own.
        std::hint::black_box(differing) == 0
    }

    /// Whether `other` goes on after these, or is the same.
    pub(super) fn begin(&self, other: &Self) -> bool {
        other.digits[..other.len].starts_with(&self.digits[..self.len])
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digits(****)")
    }
}

/// More than anybody remembers.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Digits {
        Digits::new(text).unwrap()
    }

    #[test]
    fn digits_are_the_same_only_if_all_are_and_are_never_shown() {
        for (a, b, same) in [
            ("4711", "4711", true),
            ("4711", "4712", false),
            ("4711", "47110", false),
            ("47110", "4711", false),
            ("0", "00", false),
            ("1234567890123456", "1234567890123456", true),
        ] {
            assert_eq!(digits(a).is_same(&digits(b)), same, "{a} {b}");
        }
        assert!(!Digits::default().is_same(&digits("0")));
        assert_eq!(format!("{:?}", digits("4711")), "Digits(****)");
        for text in ["", "12a", "1 2", "12345678901234567", "#"] {
            assert_eq!(Digits::new(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_digits_of_others_begin_them() {
        assert!(digits("4").begin(&digits("47")) && digits("47").begin(&digits("47")));
        assert!(!digits("47").begin(&digits("4")) && !digits("5").begin(&digits("47")));
        assert!(Digits::default().begin(&digits("47")));
    }
}
