//! How is a file of a recording named, and which files are recordings?
//!
//! A recording is `2026-11-21/103015-lessons-101.wav`: the day, the time, and words of which some
//! come from strangers. What is not named so is not ours, and never touched.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};

/// How sound lies in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// 16 bits, as it is.
    #[default]
    Wav,
    /// 16 bits, packed without loss.
    Flac,
    /// Ogg Opus, for speech; more than one channel is written as FLAC.
    Opus,
}

impl Format {
    const ALL: [Self; 3] = [Self::Wav, Self::Flac, Self::Opus];

    fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Opus => "opus",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

/// Behind the name of a file that is not whole yet.
pub(super) const PART: &str = ".part";

/// What the name of a recording tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// When it began, where this machine stands.
    pub(super) at: DateTime,
    pub(super) format: Format,
    pub(super) is_part: bool,
}

/// The folder of a day.
pub(super) fn folder(day: Date) -> String {
    day.strftime("%Y-%m-%d").to_string()
}

/// The day of a folder, if it is one of ours.
pub(super) fn day(folder: &str) -> Option<Date> {
    let day: Date = folder.parse().ok()?;
    (self::folder(day) == folder).then_some(day)
}

/// The `nth` name of what began at that time, from 1; without the mark of a part.
pub(super) fn file(at: Time, words: &[String], format: Format, nth: u32) -> String {
    let mut name = at.strftime("%H%M%S").to_string();
    for word in words {
        name.push('-');
        name.push_str(&plain(word));
    }
    if nth > 1 {
        name.push_str(&format!("-{nth}"));
    }
    format!("{name}.{format}")
}

/// What a file in the folder of that day is, if it is a recording.
pub(super) fn read(day: Date, name: &str) -> Option<Named> {
    let (whole, is_part) = match name.strip_suffix(PART) {
        Some(whole) => (whole, true),
        None => (name, false),
    };
    let (stem, extension) = whole.rsplit_once('.')?;
    let format = Format::ALL
        .into_iter()
        .find(|format| format.extension() == extension)?;
    let (time, words) = stem.split_once('-')?;
    let is_time = time.len() == 6 && time.bytes().all(|it| it.is_ascii_digit());
    let at = Time::strptime("%H%M%S", time).ok().filter(|_| is_time)?;
    (!words.is_empty()).then_some(Named {
        at: day.to_datetime(at),
        format,
        is_part,
    })
}

/// Letters, digits and a few signs; whatever else a stranger wrote is a low line.
pub(super) fn plain(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "+_.@".contains(c);
    let plain = word.chars().map(|c| if is_plain(c) { c } else { '_' });
    let mut kept = String::new();
    for c in plain {
        if kept.len() + c.len_utf8() > LONGEST_WORD {
            break;
        }
        kept.push(c);
    }
    if kept.is_empty() {
        return "unknown".to_owned();
    }
    kept
}

/// In bytes: a few of these stay below what a file name may have, which is 255.
const LONGEST_WORD: usize = 60;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use jiff::civil::date;

    const DAY: Date = Date::constant(2026, 11, 21);

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_name_tells_the_time_the_page_and_the_caller() {
        let at = Time::constant(10, 30, 15, 0);
        let words = words(&["lessons", "101"]);
        let name = file(at, &words, Format::Wav, 1);
        assert_eq!(folder(DAY), "2026-11-21");
        assert_eq!(name, "103015-lessons-101.wav");
        assert_eq!(
            file(at, &words, Format::Opus, 2),
            "103015-lessons-101-2.opus"
        );
        let named = read(DAY, "103015-lessons-101.wav.part").unwrap();
        assert_eq!(named.at, DAY.at(10, 30, 15, 0));
        assert_eq!((named.format, named.is_part), (Format::Wav, true));
        assert!(!read(DAY, &name).unwrap().is_part);
    }

    #[test]
    fn what_is_not_named_so_is_not_ours() {
        for name in [
            "",
            ".wav",
            "103015.wav",
            "103015-.wav",
            "103015-a.mp3",
            "103015-a",
            "253015-a.wav",
            "10301-5-a.wav",
            "1030155-a.wav",
            "+10301-a.wav",
            "a-103015.wav",
            "103015-a.wav.part.part",
            "103015-a.wav.bak",
        ] {
            assert_eq!(read(DAY, name), None, "{name}");
        }
        for name in [
            "2026-11-31",
            "2026-1-2",
            "26-11-21",
            "20261121",
            "..",
            "-2026-11-21",
        ] {
            assert_eq!(day(name), None, "{name}");
        }
        assert_eq!(day("2024-02-29"), Some(date(2024, 2, 29)));
    }

    proptest! {
        #[test]
        fn whatever_a_caller_is_called_the_name_is_one_of_ours_and_stays_in_its_folder(
            page in ".*",
            caller in proptest::collection::vec(any::<char>(), 0..400),
            nth in 1u32..9,
        ) {
            let caller: String = caller.into_iter().collect();
            let words = [page, caller];
            let name = file(Time::constant(9, 5, 0, 0), &words, Format::Flac, nth);
            prop_assert!(name.len() + PART.len() <= 255);
            prop_assert!(!name.contains(['/', '\\', '\0']) && !name.contains(char::is_control));
            prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
            prop_assert!(name.starts_with("090500-"));
            let named = read(DAY, &name).unwrap();
            prop_assert_eq!((named.format, named.is_part), (Format::Flac, false));
        }
    }
}
