//! How are the regular expressions of old files, written for Python, understood here?

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// A compiled regular expression that remembers how it was written.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    regex: Regex,
}

impl Pattern {
    /// Case counts; the error says what is wrong and what to write instead.
    pub fn new(written: &str) -> Result<Self, String> {
        Self::build(written, false)
    }

    /// As `new`, but `a` also means `A`.
    pub fn any_case(written: &str) -> Result<Self, String> {
        Self::build(written, true)
    }

    /// Unanchored, as Python's `re.search`.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// As it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    fn build(written: &str, any_case: bool) -> Result<Self, String> {
        let regex = RegexBuilder::new(&translate(written))
            .case_insensitive(any_case)
            .build()
            .map_err(|error| complaint(written, &error))?;
        Ok(Self {
            written: written.to_owned(),
            regex,
        })
    }
}

/// Equal if written alike; a key decides for all its patterns whether case counts.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

fn complaint(written: &str, error: &regex::Error) -> String {
    const LOOK_AROUND: [&str; 4] = ["(?=", "(?!", "(?<=", "(?<!"];
    if LOOK_AROUND.iter().any(|mark| written.contains(mark)) {
        return "look-around such as (?=x) or (?!x) is not supported; \
                name what shall match, with | between the choices"
            .to_owned();
    }
    if written.contains("(?P=") || has_back_reference(written) {
        return "back-references such as \\1 are not supported; write the repeated part out"
            .to_owned();
    }
    if written.contains("(?(") {
        return "conditions such as (?(1)a|b) are not supported; use | instead".to_owned();
    }
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    format!(
        "not a regular expression ({reason}); put \\ before a special character that is meant as it stands"
    )
}

fn has_back_reference(written: &str) -> bool {
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_some_and(|c| c.is_ascii_digit()) {
            return true;
        }
    }
    false
}

/// The same expression in the words of the regex crate, where the two differ in silence:
/// brackets, `&&`, `--` and `~~` inside a class, a lone `{`, `\Z`, `\<` and other escapes,
/// and flags such as `(?i)`, which hold for the whole wherever they stand.
fn translate(python: &str) -> String {
    let mut out = String::new();
    let mut flags = String::new();
    let mut chars = python.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(&mut chars, &mut out, false),
            '[' => class(&mut chars, &mut out),
            '(' => group(&mut chars, &mut out, &mut flags),
            '{' => repetition(&mut chars, &mut out),
            other => out.push(other),
        }
    }
    flags + &out
}

/// What follows `(`: a comment, flags, or anything else, which stays as it is.
fn group(chars: &mut Peekable<Chars<'_>>, out: &mut String, flags: &mut String) {
    let inner: String = chars.clone().take_while(|&c| c != ')').collect();
    let letters = inner.strip_prefix('?').unwrap_or_default();
    let is_flags = !letters.is_empty() && letters.chars().all(|c| "iLmsux".contains(c));
    if !is_flags && !letters.starts_with('#') {
        return out.push('(');
    }
    chars.by_ref().find(|&c| c == ')');
    if !is_flags {
        return;
    }
    for flag in letters.chars().filter(|&c| c != 'L' && c != 'u') {
        flags.extend(["(?", flag.encode_utf8(&mut [0; 4]), ")"]);
    }
}

fn escape(chars: &mut Peekable<Chars<'_>>, out: &mut String, in_class: bool) {
    match chars.next() {
        None => out.push('\\'),
        Some('Z') if !in_class => out.push_str("\\z"),
        Some('b') if in_class => out.push_str("\\x08"),
        Some(c) if "dDsSwWafnrtvx0123456789".contains(c) => out.extend(['\\', c]),
        Some(c) if !in_class && "AbB".contains(c) => out.extend(['\\', c]),
        Some(c) if in_class && c.is_ascii_punctuation() && c != '<' && c != '>' => {
            out.extend(['\\', c]);
        }
        Some(c) => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
    }
}

/// The rest of a bracketed class, whose `[` has been taken.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if chars.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    } else if chars.next_if_eq(&'-').is_some() {
        out.push_str("\\-");
    }
    let mut last = ' ';
    while let Some(c) = chars.next() {
        match c {
            ']' => return out.push(']'),
            '\\' => escape(chars, out, true),
            '[' | '&' | '~' => out.extend(['\\', c]),
            '-' if last == '-' => out.push_str("\\-"),
            other => out.push(other),
        }
        last = c;
    }
}

/// What follows `{`: `{2}`, `{2,}`, `{,3}` and `{2,3}` repeat, anything else is text.
fn repetition(chars: &mut Peekable<Chars<'_>>, out: &mut String) {
    let inner: String = chars.clone().take_while(|&c| c != '}').collect();
    let closed = chars.clone().any(|c| c == '}');
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_count = match inner.split_once(',') {
        Some((low, high)) => digits(low) && digits(high),
        None => !inner.is_empty() && digits(&inner),
    };
    if !closed || !is_count {
        return out.push_str("\\{");
    }
    out.push('{');
    if inner.starts_with(',') {
        out.push('0');
    }
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
