//! With which cipher and keys is the sound of a call protected? (RFC 3711, RFC 4568)

use std::fmt;

/// A cipher suite of SRTP, as session descriptions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SrtpSuite {
    /// RFC 7714.
    Aes256Gcm,
    /// RFC 7714.
    Aes128Gcm,
    /// RFC 6188.
    Aes256Sha1_80,
    /// RFC 4568; the one that every phone with SRTP has.
    Aes128Sha1_80,
    /// RFC 6188.
    Aes256Sha1_32,
    /// RFC 4568.
    Aes128Sha1_32,
}

impl SrtpSuite {
    /// All of them in the order of our offers. The one that everybody has comes first: many
    /// phones look at the first line only.
    pub const ALL: [Self; 6] = [
        Self::Aes128Sha1_80,
        Self::Aes256Gcm,
        Self::Aes128Gcm,
        Self::Aes256Sha1_80,
        Self::Aes256Sha1_32,
        Self::Aes128Sha1_32,
    ];

    /// The name in an `a=crypto` line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "AEAD_AES_256_GCM",
            Self::Aes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes256Sha1_80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes128Sha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes256Sha1_32 => "AES_256_CM_HMAC_SHA1_32",
            Self::Aes128Sha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// From the name; some peers turn the middle of the AES-256 names around.
    pub fn from_name(name: &str) -> Option<Self> {
        let turned = name
            .to_ascii_uppercase()
            .replace("AES_CM_256_", "AES_256_CM_");
        Self::ALL.into_iter().find(|suite| suite.name() == turned)
    }

    /// Bytes of the master key.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Sha1_80 | Self::Aes128Sha1_32 => 16,
            Self::Aes256Gcm | Self::Aes256Sha1_80 | Self::Aes256Sha1_32 => 32,
        }
    }

    /// Bytes of the master salt.
    pub fn salt_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            Self::Aes256Sha1_80
            | Self::Aes128Sha1_80
            | Self::Aes256Sha1_32
            | Self::Aes128Sha1_32 => 14,
        }
    }
}

impl fmt::Display for SrtpSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A master key and salt; never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SrtpKey {
    suite: SrtpSuite,
    bytes: [u8; LONGEST],
}

impl SrtpKey {
    /// From the key and the salt behind it; `None` if there are too few or too many bytes.
    pub fn new(suite: SrtpSuite, key_and_salt: &[u8]) -> Option<Self> {
        if key_and_salt.len() != suite.key_len() + suite.salt_len() {
            return None;
        }
        let mut bytes = [0; LONGEST];
        bytes[..key_and_salt.len()].copy_from_slice(key_and_salt);
        Some(Self { suite, bytes })
    }

    /// What it is for.
    pub fn suite(&self) -> SrtpSuite {
        self.suite
    }

    /// The master key, for computing with.
    pub fn key(&self) -> &[u8] {
        &self.bytes[..self.suite.key_len()]
    }

    /// The master salt, for computing with.
    pub fn salt(&self) -> &[u8] {
        &self.bytes[self.suite.key_len()..][..self.suite.salt_len()]
    }

    /// The key and the salt behind it, for the peer alone.
    pub fn key_and_salt(&self) -> &[u8] {
        &self.bytes[..self.suite.key_len() + self.suite.salt_len()]
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpKey({} ***)", self.suite)
    }
}

/// A fresh key of ours for every suite; one of them will be used.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKeyring(Vec<SrtpKey>);

impl SrtpKeyring {
    /// From bytes that nobody can foresee; `random` fills what it is given.
    pub fn new(mut random: impl FnMut(&mut [u8])) -> Self {
        let key = |suite: SrtpSuite| {
            // What is not used stays zero, so that equal keys are equal.
            let mut bytes = [0; LONGEST];
            random(&mut bytes[..suite.key_len() + suite.salt_len()]);
            SrtpKey { suite, bytes }
        };
        Self(SrtpSuite::ALL.into_iter().map(key).collect())
    }

    /// The keys, in the order of our offers.
    pub fn keys(&self) -> impl Iterator<Item = &SrtpKey> {
        self.0.iter()
    }

    /// The key for a suite.
    pub fn key(&self, suite: SrtpSuite) -> SrtpKey {
        let found = self.0.iter().find(|key| key.suite == suite);
        *found.expect("a keyring has a key for every suite")
    }
}

impl fmt::Debug for SrtpKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpKeyring(***)")
    }
}

/// What both sides of a call have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Protects what we send.
    pub tx: SrtpKey,
    /// Protects what the peer sends; of the same suite.
    pub rx: SrtpKey,
    /// Bytes of the key's name that the peer puts into each packet (MKI); mostly none.
    pub rx_mki_len: usize,
}

/// 32 bytes of key and 14 of salt.
const LONGEST: usize = 46;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_known_by_their_names() {
        for suite in SrtpSuite::ALL {
            assert_eq!(SrtpSuite::from_name(suite.name()), Some(suite));
        }
        assert_eq!(
            SrtpSuite::from_name("aes_cm_256_hmac_sha1_80"),
            Some(SrtpSuite::Aes256Sha1_80)
        );
        assert_eq!(SrtpSuite::from_name("F8_128_HMAC_SHA1_80"), None);
    }

    #[test]
    fn a_key_never_shows() {
        let ring = SrtpKeyring::new(|bytes| bytes.fill(0xAB));
        let key = ring.key(SrtpSuite::Aes128Sha1_80);
        let keys = SrtpKeys {
            tx: key,
            rx: key,
            rx_mki_len: 0,
        };
        let shown = format!("{ring:?} {key:?} {keys:?}").to_lowercase();
        assert!(!shown.contains("ab, ") && !shown.contains("171"), "{shown}");
        assert!(shown.contains("***"));
    }

    #[test]
    fn a_key_has_the_length_of_its_suite() {
        assert!(SrtpKey::new(SrtpSuite::Aes128Sha1_80, &[1; 29]).is_none());
        assert!(SrtpKey::new(SrtpSuite::Aes128Sha1_80, &[1; 31]).is_none());
        let bytes: Vec<u8> = (0..44).collect();
        let key = SrtpKey::new(SrtpSuite::Aes256Gcm, &bytes).unwrap();
        assert_eq!((key.key(), key.salt()), (&bytes[..32], &bytes[32..]));
    }
}
