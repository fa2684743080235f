//! Which addresses belong to a network?

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Addresses that begin with the same bits, as `192.0.2.0/24` or `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Bits behind the prefix are zero.
    address: IpAddr,
    n_bits: u8,
}

impl Network {
    /// Whether the address lies in it; one of the other family never does.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && cut(address, self.n_bits) == self.address
    }
}

/// Why a text names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotANetwork {
    /// There is no address in it.
    Address,
    /// The number behind the slash is no length of a prefix.
    Length,
}

impl fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "not an address",
            Self::Length => "not a length of a prefix",
        })
    }
}

impl std::error::Error for NotANetwork {}

impl FromStr for Network {
    type Err = NotANetwork;

    /// An address alone is a network of one.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork::Address)?;
        let longest = width(address);
        let n_bits = match length {
            Some(digits) => digits.parse().map_err(|_| NotANetwork::Length)?,
            None => longest,
        };
        if n_bits > longest {
            return Err(NotANetwork::Length);
        }
        let address = cut(address, n_bits);
        Ok(Self { address, n_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.n_bits == width(self.address) {
            return write!(f, "{}", self.address);
        }
        write!(f, "{}/{}", self.address, self.n_bits)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all but its first bits cleared.
fn cut(address: IpAddr, n_bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(n_bits)).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(n_bits)).unwrap_or(0);
            IpAddr::V6((u128::from(ip) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let table = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.77/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
        ];
        for (network, address, wanted) in table {
            let network: Network = network.parse().unwrap();
            let is_in = network.contains(address.parse().unwrap());
            assert_eq!(is_in, wanted, "{address} in {network}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again_and_mistakes_are_told() {
        for text in [
            "192.0.2.0/24",
            "192.0.2.1",
            "::1",
            "2001:db8::/32",
            "0.0.0.0/0",
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
        let read = |text: &str| text.parse::<Network>().unwrap_err();
        assert_eq!(read("lan"), NotANetwork::Address);
        assert_eq!(read("192.0.2.0/33"), NotANetwork::Length);
        assert_eq!(read("192.0.2.0/"), NotANetwork::Length);
    }
}
