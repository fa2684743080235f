//! What of a message must not be written down?
//!
//! Masked text keeps its length, so that Content-Length and all that follows stay true.

/// Replaces passwords, proofs, nonces, media keys and the keys that people press by stars.
pub(crate) fn mask(message: &[u8]) -> Vec<u8> {
    let mut out = message.to_vec();
    // What stands in front of a message is not looked at by anybody.
    let padding = message.iter().position(|b| !b"\r\n \t\0".contains(b));
    let mut rest = &mut out[padding.unwrap_or(message.len())..];
    let tells_keys = rest.starts_with(b"INFO ");
    let mut is_head = true;
    while !rest.is_empty() {
        let end = if is_head {
            end_of_header(rest)
        } else {
            end_of_line(rest)
        };
        let (here, behind) = rest.split_at_mut(end);
        rest = behind;
        if is_head {
            is_head = !here.iter().all(|b| b"\r\n".contains(b));
            if is_secret_header(here) {
                let name = here.iter().position(|&b| b == b':');
                proofs(&mut here[name.map_or(0, |colon| colon + 1)..]);
            }
        } else if tells_keys {
            pressed(here);
        } else {
            keys(here);
        }
        uri_passwords(here);
    }
    out
}

/// Behind a header and the lines that it goes on in.
fn end_of_header(text: &[u8]) -> usize {
    let mut end = end_of_line(text);
    while matches!(text.get(end), Some(b' ' | b'\t')) {
        end += end_of_line(&text[end..]);
    }
    end
}

fn end_of_line(text: &[u8]) -> usize {
    let end = text.iter().position(|&b| b == b'\n');
    end.map_or(text.len(), |end| end + 1)
}

fn is_secret_header(line: &[u8]) -> bool {
    let name = line.split(|&b| b == b':').next().unwrap_or_default();
    SECRET_HEADERS
        .iter()
        .any(|secret| name.trim_ascii().eq_ignore_ascii_case(secret))
}

/// Of a challenge or proof, only what tells nobody anything is left: all but the known names.
fn proofs(line: &mut [u8]) {
    let mut at = 0;
    while at < line.len() {
        let end = end_of_field(line, at);
        let field = &mut line[at..end];
        match field.iter().position(|&b| b == b'=') {
            Some(equals) if is_harmless(&field[..equals]) => {
                let value = &mut field[equals + 1..];
                let end = end_of_value(value);
                stars(&mut value[end..]);
            }
            Some(equals) if words(&field[..equals]).next().is_none_or(is_digest) => {
                stars(&mut field[equals + 1..]);
            }
            Some(equals) if words(&field[..equals]).count() == 1 => {
                stars(&mut field[equals + 1..]);
            }
            // A scheme with a token behind it, as Basic and Bearer have.
            Some(_) | None => {
                let word = field.iter().position(|b| !b.is_ascii_whitespace());
                let blank = word.and_then(|word| {
                    let end = field[word..].iter().position(u8::is_ascii_whitespace);
                    end.map(|end| word + end)
                });
                if let Some(blank) = blank {
                    stars(&mut field[blank..]);
                }
            }
        }
        at = end + 1;
    }
}

/// The comma behind a field that begins there; commas in quotes do not count.
fn end_of_field(line: &[u8], start: usize) -> usize {
    let mut is_quoted = false;
    let mut at = start;
    while at < line.len() {
        match line[at] {
            b'\\' if is_quoted => at += 1,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return at,
            _ => {}
        }
        at += 1;
    }
    line.len()
}

/// Behind a value, which ends with its quotes or its word. Who forgets a comma goes on there.
fn end_of_value(text: &[u8]) -> usize {
    let blanks = text.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let word = &text[blanks..];
    if word.first() != Some(&b'"') {
        let end = word.iter().position(u8::is_ascii_whitespace);
        return blanks + end.unwrap_or(word.len());
    }
    let mut is_escaped = false;
    let mut ends = |&b: &u8| {
        let is_end = b == b'"' && !is_escaped;
        is_escaped = b == b'\\' && !is_escaped;
        is_end
    };
    let end = word[1..].iter().position(&mut ends);
    end.map_or(text.len(), |end| blanks + end + 2)
}

/// Whether a field's name, the last word before the equals sign, is one of those to keep.
fn is_harmless(before: &[u8]) -> bool {
    let n_words = words(before).count();
    let is_alone = n_words == 1 || words(before).next().is_some_and(is_digest);
    let name = words(before).last().unwrap_or_default();
    is_alone
        && HARMLESS
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = text.split(u8::is_ascii_whitespace);
    words.filter(|word| !word.is_empty())
}

fn is_digest(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"digest")
}

/// Keys of encrypted sound (RFC 4568) and of its forerunner (`k=`).
fn keys(line: &mut [u8]) {
    let is_named = |wanted: &[u8]| {
        line.get(..wanted.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(wanted))
    };
    if is_named(b"a=crypto:") {
        let inline = line.windows(INLINE.len());
        let mut inline = inline.map(|part| part.eq_ignore_ascii_case(INLINE));
        match inline.position(|is_inline| is_inline) {
            Some(at) => crosses(&mut line[at + INLINE.len()..]),
            None => stars(&mut line[b"a=crypto:".len()..]),
        }
    } else if is_named(b"k=") {
        stars(&mut line[b"k=".len()..]);
    }
}

/// A line of an INFO's body, such as `Signal=5` or `5`: it may be of a PIN.
fn pressed(line: &mut [u8]) {
    let equals = line.iter().position(|&b| b == b'=');
    stars(&mut line[equals.map_or(0, |equals| equals + 1)..]);
}

/// `sip:user:password@host`.
fn uri_passwords(line: &mut [u8]) {
    let mut at = 0;
    while let Some(scheme) = find_scheme(&line[at..]) {
        let start = at + scheme;
        let mut is_past_user = false;
        // Before the host a comma is part of the name or password (RFC 3261 §25.1).
        let mut ends = |b: &u8| {
            is_past_user |= *b == b'@';
            b"<>\" \t".contains(b) || (*b == b',' && is_past_user)
        };
        let end = line[start..].iter().position(&mut ends);
        let end = end.unwrap_or(line.len() - start);
        let uri = &mut line[start..start + end];
        if let Some(sign) = uri.iter().rposition(|&b| b == b'@')
            && let Some(colon) = uri[..sign].iter().position(|&b| b == b':')
        {
            stars(&mut uri[colon + 1..sign]);
        }
        at = start;
    }
}

/// The first byte behind `sip:` or `sips:`.
fn find_scheme(text: &[u8]) -> Option<usize> {
    let at = |wanted: &[u8]| {
        let found = text.windows(wanted.len());
        let mut found = found.map(|part| part.eq_ignore_ascii_case(wanted));
        found.position(|is| is).map(|at| at + wanted.len())
    };
    match (at(b"sip:"), at(b"sips:")) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Line ends stay.
fn stars(text: &mut [u8]) {
    for byte in text.iter_mut().filter(|b| !matches!(b, b'\r' | b'\n')) {
        *byte = b'*';
    }
}

/// Where a key stood has to be what a key can be: Wireshark gives up on stars.
fn crosses(text: &mut [u8]) {
    for byte in text.iter_mut().filter(|b| !b"\r\n|:;".contains(b)) {
        *byte = b'x';
    }
}

/// In front of each key of a crypto attribute (RFC 4568 §6.1).
const INLINE: &[u8] = b"inline:";

const SECRET_HEADERS: [&[u8]; 5] = [
    b"Authorization",
    b"Proxy-Authorization",
    b"WWW-Authenticate",
    b"Proxy-Authenticate",
    b"Authentication-Info",
];

const HARMLESS: [&[u8]; 8] = [
    b"username",
    b"realm",
    b"uri",
    b"algorithm",
    b"qop",
    b"nc",
    b"stale",
    b"domain",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(text: &str) -> String {
        String::from_utf8(mask(text.as_bytes())).unwrap()
    }

    #[test]
    fn secrets_become_stars_and_the_rest_stays() {
        let table = [
            (
                "INFO sip:a SIP/2.0\r\nX: 5\r\n\r\nSignal= 5\r\nDuration=160\r\n",
                "INFO sip:a SIP/2.0\r\nX: 5\r\n\r\nSignal=**\r\nDuration=***\r\n",
            ),
            ("INFO sip:a SIP/2.0\r\n\r\n5", "INFO sip:a SIP/2.0\r\n\r\n*"),
            (
                "X: 1\r\nAuthorization: Digest username=\"b,o\", realm=\"r\", nonce=\"n1\", \
                 response=\"ab\", nc=01\r\nY: 2\r\n",
                "X: 1\r\nAuthorization: Digest username=\"b,o\", realm=\"r\", nonce=****, \
                 response=****, nc=01\r\nY: 2\r\n",
            ),
            (
                "X: 1\r\nproxy-authorization : Digest nonce=\"n\",\r\n response=ab\r\nY: a=b\r\n",
                "X: 1\r\nproxy-authorization : Digest nonce=***,\r\n response=**\r\nY: a=b\r\n",
            ),
            (
                "X: 1\r\nAuthorization: Digest realm=\"r\",\r\n nonce=\"n\", uri=\"sip:h\"\r\n",
                "X: 1\r\nAuthorization: Digest realm=\"r\",\r\n nonce=***, uri=\"sip:h\"\r\n",
            ),
            (
                "X: 1\r\nAuthorization: Digest realm=\"a\\\"b\" response=ab, qop=auth nonce=n\r\n",
                "X: 1\r\nAuthorization: Digest realm=\"a\\\"b\"************, qop=auth********\r\n",
            ),
            (
                "X: 1\r\nAuthorization: Basic\r\n\tZm9v\r\n",
                "X: 1\r\nAuthorization: Basic\r\n*****\r\n",
            ),
            (
                "X: 1\r\nAuthorization: Basic Zm9v\r\n",
                "X: 1\r\nAuthorization: Basic*****\r\n",
            ),
            (
                "INVITE sip:b:pw@h SIP/2.0\r\nTo: \"x\" <sips:b:p@h>\r\n\r\n",
                "INVITE sip:b:**@h SIP/2.0\r\nTo: \"x\" <sips:b:*@h>\r\n\r\n",
            ),
            (
                "INVITE sip:b,c:p,w@h SIP/2.0\r\nm: sip:a@h:5060,sip:b:p@h\r\n\r\n",
                "INVITE sip:b,c:***@h SIP/2.0\r\nm: sip:a@h:5060,sip:b:*@h\r\n\r\n",
            ),
            (
                "X: 1\r\n\r\nv=0\r\nk=clear:abc\r\na=crypto:1 AES key:abc\r\na=b\r\n",
                "X: 1\r\n\r\nv=0\r\nk=*********\r\na=crypto:*************\r\na=b\r\n",
            ),
            (
                "X: 1\r\n\r\na=crypto:1 AES Inline:aB+=|2^20;inline:c/\r\na=b\r\n",
                "X: 1\r\n\r\na=crypto:1 AES Inline:xxxx|xxxx;xxxxxx:xx\r\na=b\r\n",
            ),
        ];
        for (text, wanted) in table {
            assert_eq!(masked(text), wanted);
        }
        // Neither what stands in front nor a line without text ends the header.
        let odd =
            "\0\r\n\r\nX: 1\r\nAuthorization: Digest realm=\"a\r\n \r\n b\", nonce=\"n1\"\r\n";
        assert!(!masked(odd).contains("n1"));
        // Its padding looks like a field without a value.
        assert!(!masked("X: 1\r\nAuthorization: Basic Zm9v=\r\n").contains("Zm9v"));
    }

    proptest! {
        #[test]
        fn length_and_lines_stay(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut message = b"X: 1\r\nAuthorization: ".to_vec();
            message.extend(&text);
            let out = mask(&message);
            let ends = |bytes: &[u8]| -> Vec<usize> {
                (0..bytes.len()).filter(|&at| bytes[at] == b'\n').collect()
            };
            prop_assert_eq!(out.len(), message.len());
            prop_assert_eq!(ends(&out), ends(&message));
        }
    }
}
