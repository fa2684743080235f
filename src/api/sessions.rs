//! Which browsers have signed in?
//!
//! A browser can send a token neither with a WebSocket nor with a stream of events. So it gives the
//! token once and gets a cookie, which its scripts cannot read, which it sends only to us, and
//! which is good for a day's work.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use sha2::{Digest, Sha256};

use super::settings::{Settings, User};
use crate::config::TokenHash;

/// Those that are signed in, by the hashes of their cookies.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

#[derive(Debug)]
struct Session {
    user: String,
    /// A user whose token has changed is to sign in again.
    token: TokenHash,
    until: Instant,
}

impl Sessions {
    /// Signs a user in; the secret for the cookie.
    pub(super) fn open(&mut self, user: &User, now: Instant) -> String {
        self.0.retain(|_, it| it.until > now);
        if self.0.len() >= MOST {
            let first = self.0.iter().min_by_key(|(_, it)| it.until);
            if let Some(first) = first.map(|(hash, _)| *hash) {
                self.0.remove(&first);
            }
        }
        let secret = fresh();
        let session = Session {
            user: user.name.clone(),
            token: user.token.clone(),
            until: now + LONGEST,
        };
        self.0.insert(hash(&secret), session);
        secret
    }

    /// Who has signed in with that secret, as the configuration knows them now.
    pub(super) fn user<'a>(
        &self,
        secret: &str,
        settings: &'a Settings,
        now: Instant,
    ) -> Option<&'a User> {
        let session = self.0.get(&hash(secret)).filter(|it| it.until > now)?;
        let mut users = settings.users.iter();
        users.find(|it| it.name == session.user && it.token == session.token)
    }

    /// Signs out.
    pub(super) fn close(&mut self, secret: &str) {
        self.0.remove(&hash(secret));
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 bits that nobody guesses.
fn fresh() -> String {
    let mut bytes = [0; 32];
    let random = ring::default_provider().secure_random;
    random
        .fill(&mut bytes)
        .expect("the system has randomness to give");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A working day; whoever uses it longer signs in again.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 3_600);

/// More browsers than a site has; the oldest sign in again then.
const MOST: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Role;

    fn settings(token: &str) -> Settings {
        Settings {
            listen: Vec::new(),
            tls: None,
            cors: Vec::new(),
            users: vec![User {
                name: "ann".to_owned(),
                token: TokenHash::of(token),
                role: Role::Viewer,
                zones: Vec::new(),
            }],
            relays: Vec::new(),
            lines: Vec::new(),
            state_dir: None,
            past: None,
        }
    }

    #[test]
    fn a_session_is_good_for_a_day_while_the_user_has_the_same_token() {
        let now = Instant::now();
        let old = settings("old");
        let mut sessions = Sessions::default();
        let secret = sessions.open(&old.users[0], now);
        assert_eq!(secret.len(), 64);
        let knows = |sessions: &Sessions, settings: &Settings, at| {
            sessions.user(&secret, settings, at).is_some()
        };
        assert!(knows(&sessions, &old, now));
        assert!(!knows(&sessions, &old, now + LONGEST));
        assert!(!knows(&sessions, &settings("new"), now));
        assert!(sessions.user("", &old, now).is_none());
        sessions.close(&secret);
        assert!(!knows(&sessions, &old, now));
    }

    #[test]
    fn sessions_are_bounded_and_those_that_are_over_are_forgotten() {
        let now = Instant::now();
        let settings = settings("t");
        let mut sessions = Sessions::default();
        for n in 0..MOST + 10 {
            sessions.open(&settings.users[0], now + Duration::from_secs(n as u64));
        }
        assert_eq!(sessions.0.len(), MOST);
        sessions.open(&settings.users[0], now + LONGEST * 2);
        assert_eq!(sessions.0.len(), 1);
    }
}
