//! How is written what is recorded, and how it is kept?

use crate::config::form::{Form, integer};
use crate::control::Side;
use crate::output::record::Format;

/// Of a page; `None` is nothing.
pub(in crate::config) const RECORD: Form<Option<Side>> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "no" => Ok(None),
        "caller" => Ok(Some(Side::Caller)),
        "page" => Ok(Some(Side::Page)),
        _ => Err("no such choice; write no, caller or page".to_owned()),
    },
    show: |side| {
        match side {
            None => "no",
            Some(Side::Caller) => "caller",
            Some(Side::Page) => "page",
        }
        .to_owned()
    },
};

/// Of a zone; true is while pages are heard.
pub(in crate::config) const RECORD_ZONE: Form<bool> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "no" => Ok(false),
        "pages" => Ok(true),
        _ => Err("no such choice; write no or pages".to_owned()),
    },
    show: |is_recorded| if *is_recorded { "pages" } else { "no" }.to_owned(),
};

pub(in crate::config) const RECORDING_FORMAT: Form<Format> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "wav" => Ok(Format::Wav),
        "flac" => Ok(Format::Flac),
        "opus" => Ok(Format::Opus),
        _ => Err("no such format; write wav, flac or opus".to_owned()),
    },
    show: Format::to_string,
};

/// Zero is for ever.
pub(in crate::config) const RETENTION: Form<Option<u32>> = Form {
    parse: |text| {
        let days = integer(text, 0..=36_500, 30)? as u32;
        Ok((days > 0).then_some(days))
    },
    show: |days| days.unwrap_or(0).to_string(),
};

/// In bytes, written with a unit; zero is no limit.
pub(in crate::config) const SIZE: Form<Option<u64>> = Form {
    parse: |text| {
        let wrong = || "not a size; write e.g. 500M or 10G, or 0 for no limit".to_owned();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = UNITS.iter().find(|(name, _)| {
            text[digits.len()..]
                .trim_end_matches(['b', 'B'])
                .eq_ignore_ascii_case(name)
        });
        let number: u64 = digits.trim_end().parse().map_err(|_| wrong())?;
        let (_, unit) = unit
            .filter(|(name, _)| number == 0 || !name.is_empty())
            .ok_or_else(wrong)?;
        let bytes = number.checked_mul(*unit).ok_or_else(wrong)?;
        Ok((bytes > 0).then_some(bytes))
    },
    show: |bytes| {
        let bytes = bytes.unwrap_or(0);
        let fits = |(_, unit): &&(&str, u64)| bytes > 0 && bytes.is_multiple_of(*unit);
        match UNITS.iter().rev().find(fits) {
            Some((name, unit)) => format!("{}{name}", bytes / unit),
            None => bytes.to_string(),
        }
    },
};

/// A size of a few bytes is none that anybody means.
const UNITS: [(&str, u64); 5] = [
    ("", 1),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_come_back_as_they_were_written() {
        for (text, bytes) in [
            ("10G", 10 << 30),
            ("500M", 500 << 20),
            ("64K", 64 << 10),
            ("2T", 2 << 40),
        ] {
            let size = (SIZE.parse)(text).unwrap();
            assert_eq!(size, Some(bytes));
            assert_eq!((SIZE.show)(&size), text);
        }
        assert_eq!((SIZE.parse)("10 gb"), Ok(Some(10 << 30)));
        assert_eq!((SIZE.parse)("0"), Ok(None));
        assert_eq!((SIZE.show)(&None), "0");
        for text in ["", "10", "G", "1.5G", "-1G", "10X", "99999999999T", "ten G"] {
            assert!((SIZE.parse)(text).is_err(), "{text}");
        }
    }
}
