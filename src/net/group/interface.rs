//! Which network of this machine is meant?

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;

/// A network of this machine, by its name or by our address there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    Named(String),
    At(IpAddr),
}

impl Interface {
    /// Its number in the system, above 0.
    ///
    /// # Errors
    /// There is none now.
    pub(super) fn index(&self) -> io::Result<u32> {
        let name = match self {
            Self::Named(name) => name.clone(),
            Self::At(address) => self.named_at(*address)?,
        };
        if_nametoindex(name.as_str()).map_err(|_| self.missing())
    }

    /// Our IPv4 address there.
    ///
    /// # Errors
    /// There is none now.
    pub(super) fn ipv4(&self) -> io::Result<Ipv4Addr> {
        match self {
            Self::At(IpAddr::V4(address)) => Ok(*address),
            Self::At(IpAddr::V6(_)) => Err(self.missing()),
            Self::Named(name) => {
                let mut all = getifaddrs()?.filter(|it| it.interface_name == *name);
                let found = all.find_map(|it| it.address?.as_sockaddr_in().map(|it| it.ip()));
                found.ok_or_else(|| self.missing())
            }
        }
    }

    fn named_at(&self, address: IpAddr) -> io::Result<String> {
        let is_it = |at: nix::sys::socket::SockaddrStorage| {
            let v4 = at.as_sockaddr_in().map(|at| IpAddr::V4(at.ip()));
            let v6 = at.as_sockaddr_in6().map(|at| IpAddr::V6(at.ip()));
            v4.or(v6) == Some(address)
        };
        let found = getifaddrs()?.find(|it| it.address.is_some_and(is_it));
        found
            .map(|it| it.interface_name)
            .ok_or_else(|| self.missing())
    }

    fn missing(&self) -> io::Error {
        let text = format!("there is no network \"{self}\" on this machine");
        io::Error::new(io::ErrorKind::NotFound, text)
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::At(address) => address.fmt(f),
        }
    }
}

/// A text that can be neither an address nor the name of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnInterface;

impl FromStr for Interface {
    type Err = NotAnInterface;

    fn from_str(text: &str) -> Result<Self, NotAnInterface> {
        if let Ok(address) = text.parse() {
            return Ok(Self::At(address));
        }
        let is_name = !text.is_empty() && text.len() < LONGEST_NAME;
        let is_fit = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
        if is_name && text.chars().all(is_fit) {
            return Ok(Self::Named(text.to_owned()));
        }
        Err(NotAnInterface)
    }
}

/// IFNAMSIZ, the zero at the end included.
const LONGEST_NAME: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_found_by_its_name_and_by_our_address_there() {
        let named: Interface = "lo".parse().unwrap();
        let at: Interface = "127.0.0.1".parse().unwrap();
        assert_eq!(named.index().unwrap(), at.index().unwrap());
        assert_eq!(named.ipv4().unwrap(), Ipv4Addr::LOCALHOST);
        assert_eq!(at.ipv4().unwrap(), Ipv4Addr::LOCALHOST);
        let gone: Interface = "nowhere0".parse().unwrap();
        let why = gone.index().unwrap_err().to_string();
        assert_eq!(why, "there is no network \"nowhere0\" on this machine");
        for bad in ["", "a b", "eth0:1", "abcdefghijklmnop"] {
            assert_eq!(bad.parse::<Interface>(), Err(NotAnInterface), "{bad}");
        }
    }
}
