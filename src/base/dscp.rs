//! How urgent do routers take a packet to be?

use std::fmt;
use std::str::FromStr;

/// A code point of differentiated services (RFC 2474), 0 to 63; 0 is as everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dscp(u8);

impl Dscp {
    /// As everything else.
    pub const CS0: Self = Self(0);
    /// Broadcast and call signalling of most makers; switches know it as precedence 3.
    pub const CS3: Self = Self(24);
    /// Expedited forwarding (RFC 3246), the class of telephone sound.
    pub const EF: Self = Self(46);

    /// `None` above 63.
    pub const fn new(number: u8) -> Option<Self> {
        if number > 63 {
            return None;
        }
        Some(Self(number))
    }

    /// As the traffic class of a socket wants it, above the two bits of ECN.
    pub fn traffic_class(self) -> u32 {
        u32::from(self.0) << 2
    }
}

/// By name if it has one.
impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// A text that names no code point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADscp;

impl FromStr for Dscp {
    type Err = NotADscp;

    /// A name such as `ef`, or a number.
    fn from_str(text: &str) -> Result<Self, NotADscp> {
        let named = NAMES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, number)) = named {
            return Ok(Self(*number));
        }
        let number = text.parse().map_err(|_| NotADscp)?;
        Self::new(number).ok_or(NotADscp)
    }
}

/// As IANA lists them.
const NAMES: [(&str, u8); 23] = [
    ("cs0", 0),
    ("cs1", 8),
    ("cs2", 16),
    ("cs3", 24),
    ("cs4", 32),
    ("cs5", 40),
    ("cs6", 48),
    ("cs7", 56),
    ("af11", 10),
    ("af12", 12),
    ("af13", 14),
    ("af21", 18),
    ("af22", 20),
    ("af23", 22),
    ("af31", 26),
    ("af32", 28),
    ("af33", 30),
    ("af41", 34),
    ("af42", 36),
    ("af43", 38),
    ("ef", 46),
    ("va", 44),
    ("le", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_and_written() {
        for (text, number, shown) in [
            ("EF", 46, "ef"),
            ("46", 46, "ef"),
            ("cs3", 24, "cs3"),
            ("0", 0, "cs0"),
            ("63", 63, "63"),
        ] {
            let read: Dscp = text.parse().unwrap();
            assert_eq!(read, Dscp::new(number).unwrap());
            assert_eq!(read.to_string(), shown);
            assert_eq!(read.to_string().parse(), Ok(read));
            assert_eq!(read.traffic_class(), u32::from(number) * 4);
        }
        for text in ["", "64", "-1", "af99", "ef 46"] {
            assert_eq!(text.parse::<Dscp>(), Err(NotADscp), "{text}");
        }
    }
}
