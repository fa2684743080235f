//! What do people learn of who has come in and who is kept out?

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::sip::{Counts, Notice, UserState};

/// The users that are here, and the sources that are not listened to.
#[derive(Debug)]
pub(super) struct Door {
    /// Users by name; whether they are registered.
    users: BTreeMap<String, bool>,
    silenced: BTreeSet<(IpAddr, Option<String>)>,
    told: Counts,
    told_at: Instant,
}

impl Door {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            users: BTreeMap::new(),
            silenced: BTreeSet::new(),
            told: Counts::default(),
            told_at: now,
        }
    }

    /// A user has come or gone.
    pub(super) fn handle_user(&mut self, name: &str, state: UserState) {
        let is_here = matches!(state, UserState::Registered(_));
        self.users.insert(name.to_owned(), is_here);
    }

    /// Somebody is not listened to any more, or again.
    pub(super) fn handle_notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Silenced { source, user, .. } => {
                self.silenced.insert((*source, user.clone()));
            }
            Notice::Released { source, user, .. } => {
                self.silenced.remove(&(*source, user.clone()));
            }
        }
    }

    /// For a line that tells how things stand; nothing if there is nothing to tell.
    pub(super) fn summary(&self) -> String {
        let counts = [
            (self.n_users(), "user registered", "users registered"),
            (self.n_silenced(), "source silenced", "sources silenced"),
        ];
        let told = counts.into_iter().filter(|(n, ..)| *n > 0);
        told.map(|(n, one, many)| format!("; {n} {}", if n == 1 { one } else { many }))
            .collect()
    }

    /// Users that are registered.
    pub(super) fn n_users(&self) -> usize {
        self.users.values().filter(|is_here| **is_here).count()
    }

    /// Sources that are not listened to.
    pub(super) fn n_silenced(&self) -> usize {
        self.silenced.len()
    }

    /// Once an hour: what was kept out, if that is more than what was told last.
    pub(super) fn poll_report(&mut self, counts: &Counts, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.told_at) < REPORT_EVERY {
            return None;
        }
        self.told_at = now;
        self.report(counts)
    }

    /// What was kept out, if that is more than what was told last.
    pub(super) fn report(&mut self, counts: &Counts) -> Option<String> {
        let parts = parts(counts);
        let is_new = parts != self::parts(&self.told);
        self.told = *counts;
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect();
        (is_new && !parts.is_empty())
            .then(|| format!("kept out since the start: {}", parts.join(", ")))
    }
}

fn parts(counts: &Counts) -> [(u64, &'static str); 9] {
    [
        (counts.silenced, "from silenced sources"),
        (counts.too_much, "that were too many"),
        (counts.not_allowed, "from networks that are not allowed"),
        (counts.not_sip, "that were no SIP"),
        (counts.malformed, "that made no sense"),
        (counts.beyond_caps, "beyond what is kept at the same time"),
        (counts.unfinished, "connections without a whole message"),
        (counts.withheld, "answers to strangers who were told enough"),
        (counts.wrong_passwords, "wrong passwords"),
    ]
}

/// Often enough to find the night of an attack in the log.
const REPORT_EVERY: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Offence;

    #[test]
    fn who_is_here_and_who_is_not_heard_is_counted() {
        let mut door = Door::new(Instant::now());
        assert_eq!(door.summary(), "");
        let from = "192.0.2.7:5060".parse().unwrap();
        door.handle_user("ann", UserState::Registered(from));
        door.handle_user("bob", UserState::Registered(from));
        door.handle_user("bob", UserState::Gone);
        let silenced = |user: Option<&str>| Notice::Silenced {
            source: from.ip(),
            user: user.map(str::to_owned),
            offence: Offence::Guessing,
            length: Duration::from_secs(60),
        };
        door.handle_notice(&silenced(None));
        door.handle_notice(&silenced(Some("ann")));
        assert_eq!(door.summary(), "; 1 user registered; 2 sources silenced");
        door.handle_notice(&Notice::Released {
            source: from.ip(),
            user: None,
            n_dropped: 7,
        });
        assert_eq!(door.summary(), "; 1 user registered; 1 source silenced");
    }

    #[test]
    fn what_was_kept_out_is_told_once_an_hour_and_only_if_it_is_news() {
        let now = Instant::now();
        let mut door = Door::new(now);
        let counts = Counts {
            silenced: 3,
            wrong_passwords: 1,
            delivered: 99,
            ..Counts::default()
        };
        assert_eq!(
            door.poll_report(&Counts::default(), now + REPORT_EVERY),
            None
        );
        assert_eq!(door.poll_report(&counts, now + REPORT_EVERY), None);
        let told = door.poll_report(&counts, now + REPORT_EVERY * 2);
        let wanted = "kept out since the start: 3 from silenced sources, 1 wrong passwords";
        assert_eq!(told.as_deref(), Some(wanted));
        assert_eq!(door.poll_report(&counts, now + REPORT_EVERY * 3), None);
    }
}
