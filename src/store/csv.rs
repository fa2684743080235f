//! How does the history look to a spreadsheet?

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::entry::Kept;

/// One line of comma-separated values (RFC 4180), without its line end.
///
/// Texts that a spreadsheet would take for a formula get an apostrophe before them: callers choose
/// some of them.
pub struct Csv<'a> {
    /// `None` stands for the line of headings.
    pub kept: Option<&'a Kept>,
    /// In which the time is told, with its offset (RFC 3339).
    pub zone: &'a TimeZone,
}

const HEADINGS: &str = "id,at,kind,who,what,zones,missed,seconds,outcome,recording,text";

impl fmt::Display for Csv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Kept { id, entry }) = self.kept else {
            return f.write_str(HEADINGS);
        };
        let at = Timestamp::try_from(entry.at).unwrap_or(Timestamp::UNIX_EPOCH);
        let at = at.to_zoned(self.zone.clone());
        write!(
            f,
            "{id},{},{}",
            at.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z"),
            entry.kind
        )?;
        let (zones, missed) = (entry.zones.join(" "), entry.missed.join(" "));
        for text in [&entry.who, &entry.what, &zones, &missed] {
            write!(f, ",{}", Cell(text))?;
        }
        match entry.span {
            Some(span) => write!(f, ",{:.3}", span.as_secs_f64())?,
            None => f.write_str(",")?,
        }
        for text in [&entry.outcome, &entry.recording, &entry.text] {
            write!(f, ",{}", Cell(text))?;
        }
        Ok(())
    }
}

struct Cell<'a>(&'a str);

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_formula = self.0.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let apostrophe = if is_formula { "'" } else { "" };
        if !self.0.contains([',', '"', '\n', '\r']) {
            return write!(f, "{apostrophe}{}", self.0);
        }
        write!(f, "\"{apostrophe}{}\"", self.0.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::store::{Entry, Kind};

    #[test]
    fn commas_quotes_and_formulas_stay_text() {
        let kept = Kept {
            id: 7,
            entry: Entry {
                at: UNIX_EPOCH + Duration::from_millis(1_500),
                kind: Kind::Page,
                who: "=cmd()".to_owned(),
                what: "a \"b\", c".to_owned(),
                zones: vec!["hall".to_owned(), "yard".to_owned()],
                missed: Vec::new(),
                span: Some(Duration::from_millis(12_345)),
                outcome: "heard".to_owned(),
                recording: String::new(),
                text: "two\nlines".to_owned(),
            },
        };
        let zone = TimeZone::UTC;
        let line = Csv {
            kept: Some(&kept),
            zone: &zone,
        };
        assert_eq!(
            line.to_string(),
            "7,1970-01-01T00:00:01.500+00:00,page,'=cmd(),\"a \"\"b\"\", c\",hall yard,,12.345,\
             heard,,\"two\nlines\""
        );
        let headings = Csv {
            kept: None,
            zone: &zone,
        }
        .to_string();
        assert_eq!(headings.split(',').count(), 11);
    }
}
