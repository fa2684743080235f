//! How is a token kept, so that whoever reads the file cannot use it?

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The SHA-256 of a token. Tokens are long and random, so that nothing slower is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

/// Text that is no hash of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATokenHash;

impl TokenHash {
    /// Of a token as its user presents it.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether both are of the same token; takes the same time whatever they are.
    pub fn matches(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }

    /// As it stands in a file: `sha256:` and 64 hexadecimal digits.
    pub fn written(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{PREFIX}{digits}")
    }
}

impl FromStr for TokenHash {
    type Err = NotATokenHash;

    fn from_str(text: &str) -> Result<Self, NotATokenHash> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotATokenHash)?;
        if digits.len() != 64 || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Err(NotATokenHash);
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            let pair = &digits[2 * at..2 * at + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotATokenHash)?;
        }
        Ok(Self(hash))
    }
}

/// Nothing of it: a guess at the token could be checked against it.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(****)")
    }
}

const PREFIX: &str = "sha256:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written_and_never_printed() {
        let hash = TokenHash::of("abc");
        let text = hash.written();
        assert_eq!(
            text,
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let read: TokenHash = text.parse().unwrap();
        assert!(bool::from(read.matches(&hash)));
        assert!(!bool::from(read.matches(&TokenHash::of("abd"))));
        assert_eq!(format!("{hash:?}"), "TokenHash(****)");
    }

    #[test]
    fn what_is_no_hash_is_told_from_one() {
        let short = "sha256:abcd".to_owned();
        let sign = format!("sha256:+{}", "a".repeat(63));
        for text in ["", "secret", "sha256:", &short, &sign] {
            assert_eq!(text.parse::<TokenHash>(), Err(NotATokenHash), "{text}");
        }
    }
}
