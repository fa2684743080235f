//! Where does randomness come from?

use std::hash::{BuildHasher, RandomState};

use crate::base::SrtpKeyring;

/// A number that a stranger cannot foresee: keyed hashing with keys from the system.
pub(super) fn number<T: FromBits>() -> T {
    T::from_bits(RandomState::new().hash_one(std::process::id()))
}

/// Fresh keys, from the generator that also makes those of TLS.
pub(super) fn keyring() -> SrtpKeyring {
    SrtpKeyring::new(fill)
}

/// Bytes from the same generator.
pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

fn fill(bytes: &mut [u8]) {
    let random = rustls::crypto::ring::default_provider().secure_random;
    random
        .fill(bytes)
        .expect("the system has randomness to give");
}

/// Integers that are made of some bits of a 64-bit number.
pub(super) trait FromBits {
    fn from_bits(bits: u64) -> Self;
}

impl FromBits for u64 {
    fn from_bits(bits: u64) -> Self {
        bits
    }
}

impl FromBits for u32 {
    fn from_bits(bits: u64) -> Self {
        bits as Self
    }
}

impl FromBits for u16 {
    fn from_bits(bits: u64) -> Self {
        bits as Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        assert_ne!(number::<u64>(), number::<u64>());
        assert_ne!(keyring(), keyring());
    }
}
