//! What are our topics called?
//!
//! Names of zones stand in them as they are, but for what topics do not allow (MQTT 5.0 section
//! 4.7), which is written as in addresses of the web: `%2F`.

use super::settings::Places;

/// `online` or `offline`.
pub(super) const AVAILABILITY: &str = "availability";
pub(super) const HEALTH: &str = "health";
/// What is heard and waits.
pub(super) const PAGES: &str = "pages";
/// What happens, as it happens.
pub(super) const EVENT: &str = "event";
/// What came of commands.
pub(super) const ANSWER: &str = "answer";

impl Places {
    /// The whole name of a topic of ours.
    pub(super) fn own(&self, rest: &str) -> String {
        format!("{}/{rest}", self.topic)
    }

    /// What follows our beginning.
    pub(super) fn rest<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(&self.topic)?.strip_prefix('/')
    }

    /// Where Home Assistant says that it has started.
    pub(super) fn birth(&self) -> Option<String> {
        let prefix = self.discovery.as_ref()?;
        Some(format!("{prefix}/status"))
    }

    /// Where Home Assistant looks for us.
    pub(super) fn device(&self) -> Option<String> {
        let prefix = self.discovery.as_ref()?;
        Some(format!("{prefix}/device/{}/config", self.node()))
    }

    /// By which Home Assistant knows us.
    pub(super) fn node(&self) -> String {
        plain(&self.topic)
    }

    /// Everything that is listened to.
    pub(super) fn filters(&self) -> Vec<String> {
        let own = self.own("#");
        let others = self.birth().into_iter().chain(self.device());
        std::iter::once(own).chain(others).collect()
    }
}

/// How a zone stands.
pub(super) fn zone(name: &str) -> String {
    format!("zones/{}", written(name))
}

/// What a zone plays.
pub(super) fn music(zone: &str) -> String {
    format!("zones/{}/music", written(zone))
}

/// Whether we publish there ourselves; what others publish there is no command.
pub(super) fn is_told(rest: &str) -> bool {
    match rest.split('/').collect::<Vec<_>>().as_slice() {
        [one] => [AVAILABILITY, HEALTH, PAGES, EVENT, ANSWER].contains(one),
        ["zones", _] | ["zones", _, "music"] => true,
        _ => false,
    }
}

/// A name as one level of a topic.
pub(super) fn written(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if "%/+#".contains(c) || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The name that a level stands for.
pub(super) fn read(level: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(level.len());
    let mut rest = level.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (rest.next()?, rest.next()?);
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(high)? * 16 + digit(low)?) as u8);
    }
    String::from_utf8(bytes).ok()
}

/// A text of letters, digits, `-` and `_` alone, which no other name has.
pub(super) fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || c == '-' {
            out.push(c);
        } else {
            out.push_str(&format!("_{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_being_a_level_of_a_topic() {
        for name in ["yard", "süd", "a/b", "100%", "#1", "+", "%2F", "x\u{1}y"] {
            let level = written(name);
            assert!(!level.contains(['/', '+', '#']), "{level}");
            assert_eq!(read(&level).as_deref(), Some(name));
        }
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(read(broken), None, "{broken}");
        }
        assert_eq!(plain("site/nörd_1-a"), "site_2fn_c3_b6rd_5f1-a");
    }

    #[test]
    fn what_we_tell_is_told_apart_from_what_we_are_told() {
        for told in [
            "health",
            "availability",
            "zones/a",
            "zones/a/music",
            "answer",
        ] {
            assert!(is_told(told), "{told}");
        }
        for command in [
            "pages/start",
            "zones/a/music/set",
            "zones/a/music/next",
            "x",
        ] {
            assert!(!is_told(command), "{command}");
        }
    }

    #[test]
    fn topics_have_our_beginning_and_no_other() {
        let places = Places {
            topic: "site/north".to_owned(),
            discovery: Some("ha".to_owned()),
        };
        assert_eq!(places.rest("site/north/pages/start"), Some("pages/start"));
        assert_eq!(places.rest("site/northern/pages"), None);
        assert_eq!(
            places.filters(),
            ["site/north/#", "ha/status", "ha/device/site_2fnorth/config"]
        );
    }
}
