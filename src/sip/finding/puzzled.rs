//! Who did not understand what it was asked?
//!
//! RFC 8760 has a phone pass over algorithms that it does not know. Some give up instead, so that
//! they would never get in: who comes back without a proof is asked for MD5 alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Those that were asked, by address and name; it never grows beyond `MOST`.
#[derive(Debug, Default)]
pub(crate) struct Puzzled(HashMap<(IpAddr, String), Asked>);

#[derive(Clone, Copy, Debug)]
enum Asked {
    At(Instant),
    /// It has come with a proof, right or wrong.
    Understood,
}

impl Puzzled {
    /// Whether to ask for MD5 alone.
    pub(crate) fn needs_md5(&mut self, from: IpAddr, user: &str, now: Instant) -> bool {
        let key = (from, user.chars().take(LONGEST).collect());
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.0.clear();
        }
        match *self.0.entry(key).or_insert(Asked::At(now)) {
            Asked::At(asked) => now.saturating_duration_since(asked) >= REPEATS_FOR,
            Asked::Understood => false,
        }
    }

    /// It has come with a proof.
    pub(crate) fn understood(&mut self, from: IpAddr, user: &str) {
        let key: (IpAddr, String) = (from, user.chars().take(LONGEST).collect());
        if let Some(asked) = self.0.get_mut(&key) {
            *asked = Asked::Understood;
        }
    }
}

/// Whether a User-Agent is one of those that are known to give up: libre before 2.10.
pub(crate) fn gives_up(agent: &str) -> bool {
    let version = agent.strip_prefix("baresip v");
    version.is_some_and(|v| ["0.", "1."].iter().any(|old| v.starts_with(old)))
}

/// Within that time the same question may have been lost, and a repeat means nothing.
const REPEATS_FOR: Duration = Duration::from_secs(4);

/// Names at their addresses.
const MOST: usize = 1_024;

/// Characters of a name.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_proves_anything_is_asked_for_less() {
        let (mut puzzled, now) = (Puzzled::default(), Instant::now());
        let from = IpAddr::from([192, 0, 2, 1]);
        let later = now + Duration::from_secs(30);
        assert!(!puzzled.needs_md5(from, "old", now));
        assert!(!puzzled.needs_md5(from, "old", now + Duration::from_secs(1)));
        assert!(!puzzled.needs_md5(from, "new", now));
        puzzled.understood(from, "new");
        assert!(puzzled.needs_md5(from, "old", later));
        assert!(!puzzled.needs_md5(from, "new", later));
        for n in 0..3_000 {
            puzzled.needs_md5(from, &n.to_string(), later);
        }
        assert!(puzzled.0.len() <= MOST);
    }

    #[test]
    fn old_phones_are_known_by_their_name() {
        assert!(gives_up("baresip v1.0.0 (x86_64/linux)"));
        assert!(!gives_up("baresip v3.1.0 (x86_64/linux)") && !gives_up("Linphone/5.1"));
    }
}
