//! What do the bytes of one configuration file say, line by line?
//!
//! The dialect is that of Python 2's `SafeConfigParser(allow_no_value=True)`, which the files
//! in the field were written for. Where that parser gave up, this one notes the mistake and
//! reads on. A line that is not UTF-8 is read as Latin-1.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use crate::config::place::{Mistake, Place, Remark, Warning};

/// One `key = value` with everything that was continued below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub section: String,
    /// In lower case, dashes and underscores as written.
    pub name: String,
    /// `None` for a key without `=`; continuation lines are joined by line breaks.
    pub value: Option<String>,
    pub place: Place,
}

/// What one file holds, in its order.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub entries: Vec<Entry>,
    /// Section headers, a repeated one each time.
    pub sections: Vec<(String, Place)>,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<Warning>,
}

/// Reads the whole file; whatever its bytes are, there is a result.
pub(super) fn parse(file: &Arc<Path>, bytes: &[u8]) -> Parsed {
    let mut reader = Reader::new(file);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        reader.mistake(1, "", "is written in UTF-16; save it as UTF-8");
        return reader.parsed;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (i, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        reader.line(i + 1, line);
    }
    reader.parsed
}

/// What the old parser took for white space: the ASCII kinds only.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

struct Reader<'a> {
    file: &'a Arc<Path>,
    section: Option<String>,
    /// Whether the last entry may be continued by an indented line.
    open: bool,
    headless: bool,
    parsed: Parsed,
}

impl<'a> Reader<'a> {
    fn new(file: &'a Arc<Path>) -> Self {
        Self {
            file,
            section: None,
            open: false,
            headless: false,
            parsed: Parsed::default(),
        }
    }

    fn line(&mut self, number: usize, bytes: &[u8]) {
        let line = decode(bytes);
        if is_comment(&line) {
            return;
        }
        if matches!(line, Cow::Owned(_)) {
            self.warning(
                number,
                "",
                "this line is not UTF-8 and was read as Latin-1; save the file as UTF-8",
            );
        }
        if line.starts_with(is_space) && self.open {
            return self.continuation(number, line.trim_matches(is_space));
        }
        if let Some(name) = header(&line) {
            return self.header(number, name);
        }
        if line.starts_with('[') {
            return self.stray(number, &line);
        }
        let Some(section) = self.section.clone() else {
            return self.before_sections(number, &line);
        };
        if line.starts_with(|c| is_space(c) || c == '=' || c == ':') {
            return self.stray(number, &line);
        }
        self.entry(number, section, &line);
    }

    fn header(&mut self, number: usize, name: &str) {
        let place = self.place(number, 1);
        self.section = Some(name.to_owned());
        self.open = false;
        self.parsed.sections.push((name.to_owned(), place));
    }

    fn entry(&mut self, number: usize, section: String, line: &str) {
        let (name, rest) = match line.find(['=', ':']) {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        let subject = format!("[{section}] {}", name.trim_end_matches(is_space));
        let value = rest.map(|rest| {
            let text = rest.trim_start_matches(is_space);
            self.first_line(number, &subject, text)
        });
        let column = 1 + match rest {
            Some(rest) => {
                let text = rest.trim_start_matches(is_space);
                line.chars().count() - text.chars().count()
            }
            None => 0,
        };
        self.open = true;
        self.parsed.entries.push(Entry {
            section,
            name: name.trim_end_matches(is_space).to_ascii_lowercase(),
            value,
            place: self.place(number, column),
        });
    }

    /// The value on the line of its key: `;` after a blank begins a comment, but only the first
    /// `;` is looked at, and one at the very start counts only if the line ends in a blank.
    fn first_line(&mut self, number: usize, subject: &str, text: &str) -> String {
        let cut = text.find(';').filter(|&at| {
            let before = text[..at].chars().next_back();
            before.or(text.chars().next_back()).is_some_and(is_space)
        });
        let value = text[..cut.unwrap_or(text.len())].trim_matches(is_space);
        if value.starts_with(';') {
            self.warning(
                number,
                subject,
                "the value begins with ';' and is taken as it stands; \
                 a comment needs a line of its own or a value before it",
            );
        }
        if value == "\"\"" {
            return String::new();
        }
        value.to_owned()
    }

    fn continuation(&mut self, number: usize, text: &str) {
        let last = self.parsed.entries.last_mut();
        let entry = last.expect("a line is open only after an entry");
        if let Some(value) = &mut entry.value {
            value.push('\n');
            value.push_str(text);
            return;
        }
        let subject = format!("[{}] {}", entry.section, entry.name);
        self.mistake(
            number,
            &subject,
            "the indented line continues a key that has no '='; \
             write key = value, or remove the blanks before the line",
        );
    }

    fn before_sections(&mut self, number: usize, line: &str) {
        if !self.headless {
            let text = "stands before any section; write a section such as [sip] above it";
            self.mistake(number, key_of(line), text);
        }
        self.headless = true;
    }

    /// A line that fits nowhere; a section that was not closed is taken as meant.
    fn stray(&mut self, number: usize, line: &str) {
        let text = if line.starts_with('[') {
            "is not a section; write [NAME]"
        } else if line.starts_with(is_space) {
            "is indented but continues nothing; remove the blanks before it"
        } else {
            "a line without a key before the separator; write key = value"
        };
        self.mistake(number, key_of(line), text);
        let name = line
            .strip_prefix('[')
            .map(|name| name.trim_matches(is_space));
        if let Some(name) = name.filter(|name| !name.starts_with(']')) {
            self.header(number, name);
        }
    }

    fn place(&self, line: usize, column: usize) -> Place {
        Place::Line {
            file: self.file.clone(),
            line,
            column,
        }
    }

    fn mistake(&mut self, line: usize, subject: &str, text: &str) {
        let remark = self.remark(line, subject, text);
        self.parsed.mistakes.push(Mistake(remark));
    }

    fn warning(&mut self, line: usize, subject: &str, text: &str) {
        let remark = self.remark(line, subject, text);
        self.parsed.warnings.push(Warning(remark));
    }

    fn remark(&self, line: usize, subject: &str, text: &str) -> Remark {
        Remark {
            place: Some(self.place(line, 1)),
            subject: subject.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// What stands before the separator; the rest of a stray line could be a password.
fn key_of(line: &str) -> &str {
    let key = line.split(['=', ':']).next().unwrap_or_default();
    key.trim_matches(is_space)
}

/// Owned only when the bytes were not UTF-8.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

fn is_comment(line: &str) -> bool {
    if line.starts_with(['#', ';']) {
        return true;
    }
    let mut words = line.split(is_space).filter(|word| !word.is_empty());
    let Some(first) = words.next() else {
        return true;
    };
    first.eq_ignore_ascii_case("rem") && line.starts_with(['r', 'R'])
}

/// The name between brackets at the start of the line; what follows `]` does not count.
fn header(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.split_once(']')?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
