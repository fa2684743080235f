//! How are SRTP keys written into a description? (RFC 4568)
//!
//! `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:<base64>|2^31|1:4 KDR=0`

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sdp_types::{Attribute, Media};

use crate::base::{SrtpKey, SrtpKeyring, SrtpKeys, SrtpSuite};

/// One `a=crypto` line of a peer that we could go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tag: u32,
    key: SrtpKey,
    mki_len: usize,
}

impl Line {
    /// What both sides use when this line is taken.
    pub(super) fn keys(&self, ours: &SrtpKeyring) -> SrtpKeys {
        SrtpKeys {
            tx: ours.key(self.key.suite()),
            rx: self.key,
            rx_mki_len: self.mki_len,
        }
    }
}

/// The lines of the stream that we can go by, in the peer's order of preference.
pub(super) fn lines(media: &Media) -> Vec<Line> {
    let values = media
        .attributes
        .iter()
        .filter(|a| a.attribute.trim().eq_ignore_ascii_case("crypto"))
        .filter_map(|a| a.value.as_deref());
    values.filter_map(read).collect()
}

/// One line for each suite that we have, to offer.
pub(super) fn offered(ours: &SrtpKeyring) -> Vec<Attribute> {
    let tags = 1..;
    tags.zip(ours.keys())
        .map(|(tag, key)| written(tag, key))
        .collect()
}

/// The line that takes a line of the peer: its tag and suite, our key (RFC 4568 section 5.1.2).
pub(super) fn taken(line: &Line, ours: &SrtpKeyring) -> Attribute {
    written(line.tag, &ours.key(line.key.suite()))
}

/// Whether the line takes one that `offered` has made.
pub(super) fn is_of_ours(line: &Line, ours: &SrtpKeyring) -> bool {
    let tags = 1..;
    tags.zip(ours.keys())
        .any(|(tag, key): (u32, _)| tag == line.tag && key.suite() == line.key.suite())
}

fn written(tag: u32, key: &SrtpKey) -> Attribute {
    let text = STANDARD.encode(key.key_and_salt());
    Attribute::with_value("crypto", format!("{tag} {} inline:{text}", key.suite()))
}

fn read(value: &str) -> Option<Line> {
    let mut words = value.split_whitespace();
    let tag = words.next()?.parse().ok()?;
    let suite = SrtpSuite::from_name(words.next()?)?;
    let (key, mki_len) = read_key(words.next()?, suite)?;
    words
        .all(is_acceptable)
        .then_some(Line { tag, key, mki_len })
}

/// `inline:KEY|LIFETIME|MKI:LENGTH`, the last two optional. Several keys in one line would need
/// to be told apart in every packet; no phone offers that.
fn read_key(word: &str, suite: SrtpSuite) -> Option<(SrtpKey, usize)> {
    if word.contains(';') {
        return None;
    }
    let (method, rest) = word.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") {
        return None;
    }
    let mut parts = rest.split('|');
    let text = parts.next()?.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let mut mki_len = 0;
    for part in parts {
        // Without a colon it is the key's lifetime, which outlasts every call.
        if let Some((_, length)) = part.split_once(':') {
            mki_len = length
                .parse()
                .ok()
                .filter(|n| (1..=LONGEST_MKI).contains(n))?;
        }
    }
    Some((SrtpKey::new(suite, &bytes)?, mki_len))
}

/// Whether a session parameter leaves everything protected and derived as we do it. One that
/// nobody knows must be refused unless it is marked as optional (RFC 4568 section 6.3.7).
fn is_acceptable(parameter: &str) -> bool {
    let parameter = parameter.to_ascii_uppercase();
    parameter.starts_with('-') || parameter.starts_with("WSH=") || parameter == "KDR=0"
}

/// RFC 4568 section 6.1.
const LONGEST_MKI: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn line(value: &str) -> Option<Line> {
        read(value)
    }

    #[test]
    fn lines_of_the_rfc_and_of_phones_are_read() {
        let rows: [(String, Option<usize>); 16] = [
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), Some(0)),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
                Some(4),
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:32"),
                Some(32),
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^31"),
                Some(0),
            ),
            (
                format!("1  AES_CM_128_HMAC_SHA1_32  inline:{KEY}  "),
                Some(0),
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 INLINE:{KEY} KDR=0"),
                Some(0),
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} WSH=64 -X"),
                Some(0),
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
                None,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
                None,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
                None,
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:0"), None),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}|1:1"),
                None,
            ),
            (format!("1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}"), None),
            (format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"), None),
            (format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"), None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:!!!".to_owned(), None),
        ];
        for (text, mki_len) in rows {
            assert_eq!(line(&text).map(|l| l.mki_len), mki_len, "{text}");
        }
    }

    #[test]
    fn our_lines_are_read_as_they_were_meant() {
        let ring = SrtpKeyring::new(|bytes| bytes.fill(7));
        let offered = offered(&ring);
        assert_eq!(offered.len(), SrtpSuite::ALL.len());
        for (attribute, key) in offered.iter().zip(ring.keys()) {
            let line = line(attribute.value.as_deref().unwrap()).unwrap();
            assert_eq!(line.key, *key);
            assert!(is_of_ours(&line, &ring));
        }
    }
}
