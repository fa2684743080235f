//! Which properties does the text of a calendar have?

use super::Fault;

/// One content line (RFC 5545 §3.1), unfolded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// In capitals.
    pub(super) name: String,
    /// Names in capitals, quotes removed.
    params: Vec<(String, String)>,
    pub(super) value: String,
}

impl Property {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.params.iter();
        params
            .find(|(of, _)| of == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn fault(&self, text: impl Into<String>) -> Fault {
        Fault::new(self.line, text)
    }
}

/// All properties in order; lines without a colon, which no reader needs, are left out.
pub(super) fn properties(text: &str) -> impl Iterator<Item = Property> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    unfolded(text)
        .into_iter()
        .filter_map(|(line, text)| property(line, &text))
}

/// A line that begins with a blank continues the one above.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((i + 1, line.to_owned())),
        }
    }
    lines
}

fn property(line: usize, text: &str) -> Option<Property> {
    let (head, value) = split_at_colon(text)?;
    let mut parts = unquoted_parts(head).into_iter();
    let name = parts.next()?.trim().to_ascii_uppercase();
    let param = |part: String| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim_matches('"').to_owned();
        Some((name.trim().to_ascii_uppercase(), value))
    };
    Some(Property {
        line,
        name,
        params: parts.filter_map(param).collect(),
        value: value.to_owned(),
    })
}

/// The first colon outside of quotes.
fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    let at = text.find(|c: char| {
        is_quoted ^= c == '"';
        c == ':' && !is_quoted
    })?;
    Some((&text[..at], &text[at + 1..]))
}

fn unquoted_parts(head: &str) -> Vec<String> {
    let mut is_quoted = false;
    let parts = head.split(|c: char| {
        is_quoted ^= c == '"';
        c == ';' && !is_quoted
    });
    parts.map(str::to_owned).collect()
}

/// A text value as people read it (RFC 5545 §3.3.11), on one line.
pub(super) fn plain(value: &str) -> String {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') | None => out.push(' '),
                Some(other) => out.push(other),
            },
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}
