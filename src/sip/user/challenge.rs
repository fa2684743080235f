//! Does a peer know a password of ours? (RFC 7616, RFC 8760; server side)
//!
//! A nonce carries its own date and a seal over it and the asker's address, so nothing is
//! remembered of those who only ask. Remembered are nonces that a right password was proved
//! with: each use needs a higher count, so that a proof that was overheard is worth nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use md5::Digest as _;

use crate::sip::digest::{Algorithm, Sums, hex, parameters};
use crate::sip::settings::Secret;

/// Who asks for passwords, and remembers which proofs were used.
pub(crate) struct Challenger {
    key: [u8; 32],
    began: Instant,
    n_made: u32,
    used: HashMap<String, Used>,
    /// Nonces made before are too old, whatever their date: their use is forgotten.
    floor: u64,
}

struct Used {
    count: u32,
    made: u64,
}

/// What an Authorization header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    /// With `qop=auth`: the count as written, and the client's own text.
    counted: Option<(String, String)>,
}

/// What a proof is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The password was right and the proof is new.
    Right,
    /// The password was right, but the nonce is too old, used, or not ours any more.
    Stale,
    /// The password was wrong, and the nonce was made for this very source.
    Wrong,
    /// Wrong, and with a nonce that this source never got.
    Foreign,
}

impl Credentials {
    /// Reads one header; `None` if it is no digest for our realm that we can check.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let field = parameters(value)?;
        if field("realm")? != REALM {
            return None;
        }
        let counted = match field("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Some((field("nc")?, field("cnonce")?)),
            Some(_) => return None,
        };
        Some(Self {
            user: field("username")?,
            nonce: field("nonce")?,
            uri: field("uri")?,
            response: field("response")?,
            algorithm: Algorithm::named(field("algorithm").as_deref().unwrap_or("MD5"))?,
            counted,
        })
    }

    /// The older form has no count: its nonce can be used once (RFC 2069).
    fn count(&self) -> Option<u32> {
        match &self.counted {
            None => Some(u32::MAX),
            Some((nc, _)) => u32::from_str_radix(nc, 16).ok().filter(|&count| count > 0),
        }
    }

    fn is_right(&self, password: &str, method: &str) -> bool {
        let right = Sums {
            algorithm: self.algorithm,
            user: &self.user,
            realm: REALM,
            password,
            nonce: &self.nonce,
            method,
            uri: &self.uri,
            counted: self
                .counted
                .as_ref()
                .map(|(nc, c)| (nc.as_str(), c.as_str())),
        };
        is_same(&right.response(), &self.response.to_ascii_lowercase())
    }
}

impl Challenger {
    /// `key` has to be secret and random.
    pub(crate) fn new(key: [u8; 32], now: Instant) -> Self {
        Self {
            key,
            began: now,
            n_made: 0,
            used: HashMap::new(),
            floor: 0,
        }
    }

    /// The values of the WWW-Authenticate headers, the preferred one first (RFC 8760 §2.4).
    pub(crate) fn challenges(&mut self, to: IpAddr, is_stale: bool, now: Instant) -> [String; 2] {
        self.n_made = self.n_made.wrapping_add(1);
        let nonce = self.nonce(self.millis(now), self.n_made, to);
        let stale = if is_stale { ",stale=true" } else { "" };
        ["SHA-256", "MD5"].map(|algorithm| {
            format!(
                "Digest realm=\"{REALM}\",nonce=\"{nonce}\",qop=\"auth\",\
                 algorithm={algorithm}{stale}"
            )
        })
    }

    /// Judges a proof; a user that is not there costs the same time as a wrong password.
    pub(crate) fn judge(
        &mut self,
        proof: &Credentials,
        password: Option<&Secret>,
        method: &str,
        from: IpAddr,
        now: Instant,
    ) -> Judgement {
        let is_right = proof.is_right(password.map_or(NOBODY, Secret::reveal), method);
        let made = self.made(&proof.nonce, from);
        if !is_right || password.is_none() {
            return match made {
                Some(_) => Judgement::Wrong,
                None => Judgement::Foreign,
            };
        }
        let (now, count) = (self.millis(now), proof.count());
        match (made, count) {
            (Some(made), Some(count)) if self.is_fresh(made, now) => {
                self.use_up(&proof.nonce, made, count, now)
            }
            _ => Judgement::Stale,
        }
    }

    fn use_up(&mut self, nonce: &str, made: u64, count: u32, now: u64) -> Judgement {
        if let Some(used) = self.used.get_mut(nonce) {
            if count <= used.count {
                return Judgement::Stale;
            }
            used.count = count;
            return Judgement::Right;
        }
        if self.used.len() >= MOST_USED {
            self.forget(now);
        }
        self.used.insert(nonce.to_owned(), Used { count, made });
        Judgement::Right
    }

    /// Makes room: what is too old goes, and if that is not enough, the older half.
    fn forget(&mut self, now: u64) {
        self.used.retain(|_, used| used.made + LIFE_MS > now);
        if self.used.len() < MOST_USED {
            return;
        }
        let mut dates: Vec<u64> = self.used.values().map(|used| used.made).collect();
        dates.sort_unstable();
        let middle = dates[dates.len() / 2];
        self.floor = middle;
        self.used.retain(|_, used| used.made > middle);
    }

    fn is_fresh(&self, made: u64, now: u64) -> bool {
        made > self.floor && made <= now && now - made < LIFE_MS
    }

    /// When a nonce was made, if we made it for that source.
    fn made(&self, nonce: &str, to: IpAddr) -> Option<u64> {
        let made = u64::from_str_radix(nonce.get(..12)?, 16).ok()?;
        let number = u32::from_str_radix(nonce.get(12..20)?, 16).ok()?;
        is_same(&self.nonce(made, number, to), nonce).then_some(made)
    }

    fn nonce(&self, made: u64, number: u32, to: IpAddr) -> String {
        let head = format!("{made:012x}{number:08x}");
        let mut seal = sha2::Sha256::new();
        seal.update(self.key);
        seal.update(head.as_bytes());
        seal.update(to.to_string().as_bytes());
        seal.update(self.key);
        head + &hex(&seal.finalize()[..8])
    }

    /// One more than has passed, so that nothing is as old as the floor at the start.
    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_millis() as u64 + 1
    }
}

/// Compares in a time that tells nothing about where the texts differ.
fn is_same(a: &str, b: &str) -> bool {
    let differing = a
        .bytes()
        .zip(b.bytes())
        .fold(a.len() ^ b.len(), |all, (a, b)| all | usize::from(a ^ b));
    std::hint::black_box(differing) == 0
}

/// What phones show when they ask for a password; short, so that an answer is not longer than
/// its question.
const REALM: &str = "paging";

/// What a user that does not exist is measured by.
const NOBODY: &str = "nobody has this password";

/// How long one nonce serves; most registrations are refreshed within.
const LIFE: Duration = Duration::from_secs(600);
const LIFE_MS: u64 = LIFE.as_millis() as u64;

/// Nonces whose use is remembered: some megabytes, and more phones than one site has.
const MOST_USED: usize = 20_000;

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
