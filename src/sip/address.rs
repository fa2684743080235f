//! Who and where is meant by the text of a From, Contact, Route or Request-URI?
//!
//! Addresses are kept as the peer wrote them: escaping and unknown parameters must come back
//! to it unchanged in our requests (RFC 3261 §12.2.1.1).

use std::borrow::Cow;

/// A name-addr or addr-spec with the header parameters behind it (RFC 3261 §25.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameAddr<'a> {
    pub(super) display: Option<String>,
    pub(super) uri: &'a str,
    /// All behind the address, with its first semicolon.
    pub(super) params: &'a str,
}

impl<'a> NameAddr<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let Some(open) = unquoted(text, '<') else {
            // Without brackets, parameters belong to the header (RFC 3261 §20).
            let (uri, params) = split_before(text, ';');
            return (!uri.is_empty()).then_some(Self {
                display: None,
                uri: uri.trim(),
                params,
            });
        };
        let rest = &text[open + 1..];
        let close = rest.find('>')?;
        let display = unquote(text[..open].trim());
        Some(Self {
            display: (!display.is_empty()).then(|| display.into_owned()),
            uri: rest[..close].trim(),
            params: rest[close + 1..].trim(),
        })
    }

    pub(super) fn tag(&self) -> Option<&'a str> {
        param(self.params, "tag").filter(|tag| !tag.is_empty())
    }
}

/// The parts of a SIP URI that decide where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uri<'a> {
    pub(super) scheme: &'a str,
    /// Without password, escapes not resolved; empty if there is none.
    pub(super) user: &'a str,
    /// IPv6 without its brackets.
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    /// With the first semicolon.
    pub(super) params: &'a str,
}

impl<'a> Uri<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(':')?;
        let is_word = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+');
        if scheme.is_empty() || !is_word(scheme) {
            return None;
        }
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (rest, _headers) = split_before(rest, '?');
        let (address, params) = split_before(rest, ';');
        let (host, port) = host_port(address)?;
        Some(Self {
            scheme,
            user: user.split(':').next().unwrap_or_default(),
            host,
            port,
            params,
        })
    }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            (host, behind.strip_prefix(':'))
        }
        None if text.matches(':').count() > 1 => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(digits) => Some(digits.trim().parse().ok()?),
        None => None,
    };
    let is_host =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
    (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))
}

/// The value of a parameter; empty for one without value.
pub(super) fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    // Quoted values may hold URIs with parameters of their own (RFC 5627).
    split(params, ';').into_iter().skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The values of a comma-separated header, in order.
pub(super) fn list(text: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some(comma) = separator(rest) {
        values.push(rest[..comma].trim());
        rest = &rest[comma + 1..];
    }
    values.push(rest.trim());
    values.retain(|value| !value.is_empty());
    values
}

/// The parts between separators that stand outside of quoted strings and brackets; there is
/// always one, and any may be empty.
pub(super) fn split(text: &str, at: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (position, c, bracketed) in Outside::of(text) {
        if c == at && !bracketed {
            parts.push(&text[start..position]);
            start = position + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Splits before the first separator outside of quoted strings and brackets; the second part
/// begins with it, or is empty.
pub(super) fn behind(text: &str, at: char) -> (&str, &str) {
    Outside::of(text)
        .find(|&(_, c, bracketed)| c == at && !bracketed)
        .map_or((text, ""), |(position, ..)| text.split_at(position))
}

/// What makes a From, To or Contact value ambiguous; liberal in what can be understood
/// (RFC 3261 §20.10, §25.1).
pub(super) fn is_well_formed(value: &str) -> bool {
    if !is_balanced(value) {
        return false;
    }
    let Some(open) = unquoted(value, '<') else {
        let (uri, _) = behind(value, ';');
        return is_addr_spec(uri.trim()) && !uri.contains(['?', ',', '"', '>']);
    };
    let (display, rest) = (value[..open].trim(), &value[open + 1..]);
    let Some((uri, params)) = rest.split_once('>') else {
        return false;
    };
    let is_name = match display.starts_with('"') {
        true => Outside::of(display).next().is_none(),
        // A comma would begin the next value.
        false => !display.contains([',', '"']),
    };
    is_name && is_addr_spec(uri) && matches!(params.trim().bytes().next(), None | Some(b';'))
}

/// Whether every quoted string ends.
fn is_balanced(text: &str) -> bool {
    let mut open = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => open = !open,
            '\\' if open => drop(chars.next()),
            _ => {}
        }
    }
    !open
}

/// Whether a text has the shape of an absolute URI, of whatever scheme.
fn is_addr_spec(uri: &str) -> bool {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(is_scheme) && !uri.contains(|c: char| c.is_whitespace() || c == '<')
}

/// Whether a text may name a scheme (RFC 3986 §3.1).
pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Resolves `%41` escapes, for showing to people and for comparing.
pub(super) fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The user part of a URI; what may not stand there is escaped (RFC 3261 §25.1).
pub(super) fn escaped(user: &str) -> String {
    user.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// A display name or other text as a quoted-string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The text of a quoted string; any other text as it is.
pub(super) fn unquote(text: &str) -> Cow<'_, str> {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    let Some(inner) = inner else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(out)
}

fn split_before(text: &str, at: char) -> (&str, &str) {
    text.find(at).map_or((text, ""), |at| text.split_at(at))
}

/// The first `wanted` outside of quoted strings.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    Outside::of(text)
        .find(|&(_, c, _)| c == wanted)
        .map(|(at, ..)| at)
}

/// The first comma outside of quoted strings and of brackets.
fn separator(text: &str) -> Option<usize> {
    Outside::of(text)
        .find(|&(_, c, bracketed)| c == ',' && !bracketed)
        .map(|(at, ..)| at)
}

/// The characters outside of quoted strings, and whether each stands between brackets.
struct Outside<'a> {
    chars: std::str::CharIndices<'a>,
    bracketed: bool,
}

impl<'a> Outside<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            chars: text.char_indices(),
            bracketed: false,
        }
    }
}

impl Iterator for Outside<'_> {
    type Item = (usize, char, bool);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, c) = self.chars.next()?;
            match c {
                '"' if !self.bracketed => {
                    while let Some((_, inner)) = self.chars.next() {
                        match inner {
                            '\\' => drop(self.chars.next()),
                            '"' => break,
                            _ => {}
                        }
                    }
                    continue;
                }
                '<' => self.bracketed = true,
                '>' => self.bracketed = false,
                _ => {}
            }
            return Some((at, c, self.bracketed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_addresses_come_apart() {
        let table = [
            ("<sip:a@b>;tag=1", None, "sip:a@b", Some("1")),
            ("sip:a@b;tag=1", None, "sip:a@b", Some("1")),
            (
                "Joe Doe <sip:a@b;lr>;x;Tag = 2",
                Some("Joe Doe"),
                "sip:a@b;lr",
                Some("2"),
            ),
            (
                r#""A, <\"B\">" <sip:a@b>"#,
                Some(r#"A, <"B">"#),
                "sip:a@b",
                None,
            ),
        ];
        for (text, display, uri, tag) in table {
            let parsed = NameAddr::parse(text).unwrap();
            assert_eq!(parsed.display.as_deref(), display, "{text}");
            assert_eq!(parsed.uri, uri, "{text}");
            assert_eq!(parsed.tag(), tag, "{text}");
        }
        assert_eq!(NameAddr::parse(""), None);
        assert_eq!(NameAddr::parse("<sip:a"), None);
    }

    #[test]
    fn uris_come_apart() {
        let table = [
            ("sip:100@pbx", "100", "pbx", None, ""),
            (
                "sip:u;x=1:pw@h:5070;transport=tcp?a=b",
                "u;x=1",
                "h",
                Some(5070),
                ";transport=tcp",
            ),
            ("sips:[2001:db8::1]:5061", "", "2001:db8::1", Some(5061), ""),
            ("sip:[::1];lr", "", "::1", None, ";lr"),
        ];
        for (text, user, host, port, params) in table {
            let uri = Uri::parse(text).unwrap();
            assert_eq!(
                (uri.user, uri.host, uri.port, uri.params),
                (user, host, port, params)
            );
        }
        for text in ["", "100", "sip:", "sip:a@", "sip:h:99999", "sip:a b@c d"] {
            assert_eq!(Uri::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_quoted_value_hides_its_own_parameters() {
        let params = r#";a="<sip:x;expires=9>";pub-gruu="sip:y;expires=8";expires=7"#;
        assert_eq!(param(params, "expires"), Some("7"));
        assert_eq!(param(params, "a"), Some(r#""<sip:x;expires=9>""#));
    }

    #[test]
    fn lists_split_at_outer_commas() {
        let text = r#""a,b" <sip:x,y@h>;p=1 , <sip:z@h>,"#;
        assert_eq!(list(text), [r#""a,b" <sip:x,y@h>;p=1"#, "<sip:z@h>"]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_well_formed() {
        for text in [
            "<sip:a@b>",
            "sip:a@b;tag=1",
            "isbn:123",
            "A. Bell <sip:a@b>;tag=1",
            "caller<sip:a@b>",
            "\"A, \\\"B\" <sip:a@b?x=y> ; tag = 1",
            "Büro 1 (Nord) <sip:a@b>",
        ] {
            assert!(is_well_formed(text), "{text}");
        }
        for text in [
            "",
            "a@b",
            "\"A <sip:a@b>",
            "Bell, A <sip:a@b>",
            "< sip:a@b >",
            "<sip:a@b",
            "<sip:a@b> x",
            "<>",
            "sip:a b@c",
            "sip:a@b?Route=c",
            "\"A\" B\" <sip:a@b>",
            "\"A\" B <sip:a@b>",
        ] {
            assert!(!is_well_formed(text), "{text}");
        }
    }

    #[test]
    fn escapes_resolve_and_quotes_come_back() {
        assert_eq!(unescaped("a%40b%zz%"), "a@b%zz%");
        assert_eq!(escaped("a b@1;x"), "a%20b%401;x");
        let name = r#"B"ü\ro"#;
        let text = format!("{} <sip:a@b>", quoted(name));
        assert_eq!(
            NameAddr::parse(&text).unwrap().display.as_deref(),
            Some(name)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,60}") {
            let _ = (NameAddr::parse(&text), Uri::parse(&text), list(&text), unescaped(&text));
        }
    }
}
