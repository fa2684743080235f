//! What stands in the header of a message, as the peer wrote it?

use std::borrow::Cow;

/// The start line and the header fields of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// The start line without its line end.
    pub(crate) start: Cow<'a, str>,
    /// In order, unfolded.
    pub(crate) fields: Vec<Field<'a>>,
    /// Whether every byte is as RFC 3261 §7.3 has it: line ends, UTF-8, nothing folded.
    pub(crate) is_plain: bool,
}

/// One header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// As written, long or compact, without blanks.
    pub(crate) name: Cow<'a, str>,
    /// Without blanks around it; folded lines stand as one, joined by a blank.
    pub(crate) value: Cow<'a, str>,
}

/// A field that decides what becomes of a message: its name and its compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) &'static str, &'static str);

pub(crate) const VIA: Name = Name("Via", "v");
pub(crate) const FROM: Name = Name("From", "f");
pub(crate) const TO: Name = Name("To", "t");
pub(crate) const CALL_ID: Name = Name("Call-ID", "i");
pub(crate) const CSEQ: Name = Name("CSeq", "CSeq");
pub(crate) const CONTACT: Name = Name("Contact", "m");
pub(crate) const CONTENT_LENGTH: Name = Name("Content-Length", "l");
pub(crate) const CONTENT_ENCODING: Name = Name("Content-Encoding", "e");
pub(crate) const MAX_FORWARDS: Name = Name("Max-Forwards", "Max-Forwards");
pub(crate) const ACCEPT: Name = Name("Accept", "Accept");

impl Field<'_> {
    pub(crate) fn is(&self, name: Name) -> bool {
        self.name.eq_ignore_ascii_case(name.0) || self.name.eq_ignore_ascii_case(name.1)
    }
}

impl<'a> Head<'a> {
    /// Reads all that stands before the blank line; `raw` goes on where `extent` says.
    pub(crate) fn read(raw: &'a [u8], extent: Extent) -> Self {
        let mut is_plain = extent.body > extent.end;
        let mut lines = raw[..extent.end].split_inclusive(|&b| b == b'\n').map(|l| {
            let line = l.strip_suffix(b"\r\n");
            is_plain &= line.is_some();
            line.unwrap_or_else(|| trim_cr(l.strip_suffix(b"\n").unwrap_or(l)))
        });
        let start = one_line(lines.next().unwrap_or_default());
        let mut fields: Vec<Field<'a>> = Vec::with_capacity(USUAL_FIELDS);
        let (mut is_folded, mut is_utf8) = (false, matches!(start, Cow::Borrowed(_)));
        for line in lines {
            let line = one_line(line);
            is_utf8 &= matches!(line, Cow::Borrowed(_));
            if line.starts_with([' ', '\t']) {
                is_folded = true;
                if let Some(last) = fields.last_mut() {
                    last.unfold(&line);
                }
                continue;
            }
            match Field::read(line) {
                Some(field) => fields.push(field),
                // No header field at all: nobody needs it.
                None => is_folded = true,
            }
        }
        Self {
            start,
            fields,
            is_plain: is_plain && is_utf8 && !is_folded,
        }
    }

    /// The values of all fields of that name, in order.
    pub(crate) fn values(&self, name: Name) -> impl Iterator<Item = &str> {
        let named = self.fields.iter().filter(move |field| field.is(name));
        named.map(|field| &*field.value)
    }

    /// The value of the first field of that name.
    pub(crate) fn value(&self, name: Name) -> Option<&str> {
        self.values(name).next()
    }
}

impl<'a> Field<'a> {
    fn read(line: Cow<'a, str>) -> Option<Self> {
        match line {
            Cow::Borrowed(line) => {
                let (name, value) = line.split_once(':')?;
                Some(Self {
                    name: name.trim().into(),
                    value: value.trim().into(),
                })
            }
            Cow::Owned(line) => {
                let (name, value) = line.split_once(':')?;
                Some(Self {
                    name: name.trim().to_owned().into(),
                    value: value.trim().to_owned().into(),
                })
            }
        }
    }

    fn unfold(&mut self, line: &str) {
        let (value, more) = (self.value.to_mut(), line.trim());
        if !value.is_empty() && !more.is_empty() {
            value.push(' ');
        }
        value.push_str(more);
    }
}

/// Where the header of a message ends and its body begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// The end of the last header line, its line end included.
    end: usize,
    /// The first byte of the body.
    pub(crate) body: usize,
}

impl Extent {
    /// The header up to its blank line; `None` if there is no blank line yet.
    pub(crate) fn of(raw: &[u8]) -> Option<Self> {
        let mut at = 0;
        while let Some(length) = raw[at..].iter().position(|&b| b == b'\n') {
            let next = at + length + 1;
            if trim_cr(&raw[at..next - 1]).is_empty() {
                return Some(Self {
                    end: at,
                    body: next,
                });
            }
            at = next;
        }
        None
    }

    /// A datagram may lack the blank line if it ends with a whole line: some keep-alives do.
    pub(crate) fn without_blank_line(raw: &[u8]) -> Option<Self> {
        raw.ends_with(b"\n").then_some(Self {
            end: raw.len(),
            body: raw.len(),
        })
    }
}

/// UTF-8 as it is; anything else is taken for Latin-1, as old adapters send it.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()),
    }
}

/// A stray CR would end the line for some.
fn one_line(line: &[u8]) -> Cow<'_, str> {
    let line = text(line);
    match line.contains('\r') {
        true => Cow::Owned(line.replace('\r', " ")),
        false => line,
    }
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// An INVITE of a phone has about this many; more only make the list grow.
const USUAL_FIELDS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &[u8]) -> Head<'_> {
        Head::read(raw, Extent::of(raw).unwrap())
    }

    #[test]
    fn fields_are_found_by_both_names_in_any_case() {
        let head = read(b"X\r\nv: 1\r\nVIA : 2\r\nTo:3\r\n\r\n");
        assert_eq!(head.values(VIA).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((head.value(TO), head.value(FROM)), (Some("3"), None));
        assert!(head.is_plain);
    }

    #[test]
    fn folded_lines_are_one_value() {
        let head = read(b"X\r\nTo:\r\n <a>\r\n\t;b\r\n \r\nFrom: c\r\n\r\n");
        assert_eq!(head.value(TO), Some("<a> ;b"));
        assert!(!head.is_plain);
    }

    #[test]
    fn bare_line_ends_and_other_alphabets_are_not_plain() {
        for raw in [
            &b"X\nTo: a\n\n"[..],
            b"X\r\nTo: \xfc\r\n\r\n",
            b"X\r\nno field\r\n\r\n",
            b"X\xfc\r\n\r\n",
            b"X\r\nTo: a\rb: c\r\n\r\n",
        ] {
            assert!(!read(raw).is_plain, "{raw:?}");
        }
        assert_eq!(read(b"X\r\nTo: \xfc\r\n\r\n").value(TO), Some("ü"));
        assert_eq!(read(b"X\r\nTo: a\rb: c\r\n\r\n").value(TO), Some("a b: c"));
    }
}
