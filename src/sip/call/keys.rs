//! How do pressed keys travel in INFO requests? (RFC 6086 and what phones did before it)

use std::time::Duration;

use rsipstack::sip::{Header, Headers, StatusCode};

use crate::sip::address;
use crate::sip::message;

/// A key that was pressed and let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub(crate) digit: char,
    pub(crate) length: Duration,
}

impl Press {
    /// A key that exists, held for as long as one can be held.
    pub(crate) fn new(digit: char, length: Duration) -> Option<Self> {
        let digit = digit.to_ascii_uppercase();
        KEYS.contains(digit).then(|| Self {
            digit,
            length: length.clamp(SHORTEST, LONGEST),
        })
    }

    /// As the body of an INFO.
    pub(crate) fn body(self) -> String {
        let length = self.length.as_millis();
        format!("Signal={}\r\nDuration={length}\r\n", self.digit)
    }
}

/// Reads an INFO; `None` is one that says nothing about keys and is fine all the same.
///
/// # Errors
/// The answer to one that cannot be understood, with what it has to carry.
pub(crate) fn pressed(
    headers: &Headers,
    body: &[u8],
) -> Result<Option<Press>, (StatusCode, Vec<Header>)> {
    let package = message::value(headers, "Info-Package").unwrap_or_default();
    let (package, _) = address::behind(package, ';');
    if !package.trim().is_empty() && !package.trim().eq_ignore_ascii_case("dtmf") {
        // RFC 6086 §4.2.2: the header says which there are.
        let known = Header::Other("Recv-Info".into(), String::new());
        return Err((
            StatusCode::Other(469, "Bad Info Package".into()),
            vec![known],
        ));
    }
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let kind = message::value(headers, "Content-Type").unwrap_or_default();
    let (kind, _) = address::behind(kind, ';');
    let text = String::from_utf8_lossy(body);
    let read = match kind.trim().to_ascii_lowercase().as_str() {
        RELAY => relayed(&text),
        PLAIN => relayed(&text).or_else(|| signal(text.trim(), USUAL)),
        _ => {
            let accept = Header::Accept(format!("{RELAY}, {PLAIN}").into());
            return Err((StatusCode::UnsupportedMediaType, vec![accept]));
        }
    };
    match read {
        Some(Signal::Key(press)) => Ok(Some(press)),
        Some(Signal::Flash) => Ok(None),
        None => Err((StatusCode::BadRequest, Vec::new())),
    }
}

enum Signal {
    Key(Press),
    /// The hook, which nobody here can do anything with.
    Flash,
}

/// `Signal=5` and `Duration=160` on lines of their own, blanks as the phone likes them.
fn relayed(text: &str) -> Option<Signal> {
    let field = |wanted: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        let found = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim())
    };
    let length = field("Duration").and_then(|ms| ms.parse().ok());
    signal(
        field("Signal")?,
        length.map_or(USUAL, Duration::from_millis),
    )
}

/// A key by itself, or by the number that RFC 4733 §3.2 gives it.
fn signal(text: &str, length: Duration) -> Option<Signal> {
    let mut letters = text.chars();
    let digit = match (letters.next(), letters.next()) {
        (Some('!'), None) => return Some(Signal::Flash),
        (Some(digit), None) => digit,
        _ if text.eq_ignore_ascii_case("hf") || text == "16" => return Some(Signal::Flash),
        _ => KEYS.chars().nth(text.parse().ok()?)?,
    };
    Press::new(digit, length).map(Signal::Key)
}

/// Of bodies with signal and duration.
pub(crate) const RELAY: &str = "application/dtmf-relay";

/// Of bodies with nothing but the key.
const PLAIN: &str = "application/dtmf";

/// In the order of RFC 4733 §3.2.
const KEYS: &str = "0123456789*#ABCD";

/// What a phone means that does not say how long.
const USUAL: Duration = Duration::from_millis(160);

/// Q.24 lets a receiver ignore what is shorter.
const SHORTEST: Duration = Duration::from_millis(40);

/// A finger does not rest longer; the header would have no sense.
const LONGEST: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(kind: &str, body: &str) -> Result<Option<(char, u128)>, u16> {
        let headers: Headers = vec![Header::ContentType(kind.into())].into();
        match pressed(&headers, body.as_bytes()) {
            Ok(press) => Ok(press.map(|p| (p.digit, p.length.as_millis()))),
            Err((status, _)) => Err(status.code()),
        }
    }

    #[test]
    fn keys_are_read_in_every_spelling() {
        let table = [
            (RELAY, "Signal=5\r\nDuration=250\r\n", Ok(Some(('5', 250)))),
            (RELAY, "Signal= *\nDuration= 100", Ok(Some(('*', 100)))),
            (RELAY, "signal=11\r\n", Ok(Some(('#', 160)))),
            (RELAY, "Signal=d\r\nDuration=1\r\n", Ok(Some(('D', 40)))),
            (RELAY, "Signal=hf\r\nDuration=300\r\n", Ok(None)),
            (RELAY, "Signal=17\r\n", Err(400)),
            (RELAY, "5", Err(400)),
            (PLAIN, "5", Ok(Some(('5', 160)))),
            (PLAIN, "10\r\n", Ok(Some(('*', 160)))),
            (PLAIN, "Signal=7\r\nDuration=90", Ok(Some(('7', 90)))),
            ("Application/DTMF ; x=1", "#", Ok(Some(('#', 160)))),
            (PLAIN, "  ", Ok(None)),
            ("application/media_control+xml", "<x/>", Err(415)),
        ];
        for (kind, body, wanted) in table {
            assert_eq!(read(kind, body), wanted, "{kind} {body:?}");
        }
    }

    #[test]
    fn a_package_that_nobody_knows_is_refused() {
        let package = |name: &str| -> Headers {
            vec![Header::Other("Info-Package".into(), name.into())].into()
        };
        assert_eq!(pressed(&package("dtmf"), b""), Ok(None));
        let (status, _) = pressed(&package("foo"), b"").unwrap_err();
        assert_eq!(status.code(), 469);
    }

    #[test]
    fn what_we_write_we_can_read() {
        for digit in KEYS.chars() {
            let press = Press::new(digit, Duration::from_millis(100)).unwrap();
            assert_eq!(read(RELAY, &press.body()), Ok(Some((digit, 100))));
        }
        assert_eq!(Press::new('x', USUAL), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_never_panic(body in "(Signal|Duration|=|\r\n|\\PC){0,12}") {
            let _ = read(RELAY, &body);
            let _ = read(PLAIN, &body);
        }
    }
}
