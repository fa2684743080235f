//! Who is heard, who is slowed, and who is not listened to any more?
//!
//! ```text
//! (source, kind, now) ──► allowed? ──► silenced? ──► budgets ──► heard
//!                            │            │             └─ empty too long ──┐
//! wrong password, 404 ───────┼────────────┼─────────────► offences ─────────┤
//!                            ▼            ▼                                 ▼
//!                         dropped      dropped                    silenced, each time longer
//! ```
//!
//! What is dropped gets no answer, so nothing here can be used to flood a third party. A source
//! that has proved a password is not silenced for what anybody could send in its name. Many
//! phones may share one address: a wrong password first silences the name it was for, there.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::base::Network;
use crate::sip::door::limits::{
    ALL_CALLS, ALL_OTHERS, ATTEMPTS, CALLS, EVERYTHING, FORGIVE_AFTER, FRIEND_FOR, FRIENDS,
    KNOWN_FOR, LONGEST_NAME, MOST_CREDIT, N_NAME_SETS, NUMBERS, ONE_ANSWER, PASSWORDS,
    PASSWORDS_OF_KNOWN, PASSWORDS_OF_NAME, PATIENCE, PROBES, STILL_SENDING, TELLING, WORTH,
    silence_for,
};
use crate::sip::door::sources::{Budget, Millis, N_SETS, Source, Sources};
use crate::sip::entry::peek::Kind;

/// Why a message is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// It comes from outside of the allowed networks.
    NotAllowed,
    /// Its source is silenced.
    Silenced,
    /// Its source, or everybody together, sends too much of its kind.
    TooMuch,
}

/// What a source is silenced for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// It named itself a scanner.
    Scanner,
    /// It went on sending far more than anybody needs.
    Flood,
    /// Passwords or numbers were wrong too often.
    Guessing,
}

/// What a source was wrong about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guess<'a> {
    /// That of the user so named. The proof answered a challenge that only this source has seen.
    Password(&'a str),
    /// There is no such number; anybody can ask for one in its name.
    Number,
}

/// What an operator is told, once each and not for every message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing of that source is heard for a while.
    Silenced {
        /// Who.
        source: IpAddr,
        /// Only who names itself so there; `None` is everything that comes from there.
        user: Option<String>,
        /// What for.
        offence: Offence,
        /// At least so long.
        length: Duration,
    },
    /// The source is heard again.
    Released {
        /// Who.
        source: IpAddr,
        /// As in `Silenced`.
        user: Option<String>,
        /// Messages that were dropped in the meantime.
        n_dropped: u64,
    },
}

/// The memory of all sources.
pub(crate) struct Guard {
    began: Instant,
    /// None keeps nobody out.
    allow: Vec<Network>,
    /// Whom we have spoken to first, and when last.
    friends: BTreeMap<IpAddr, Millis>,
    sources: Sources<Record>,
    names: Sources<Name>,
    /// For all who are not known.
    strangers: [Budget; 2],
    notices: VecDeque<Notice>,
    telling: Budget,
}

struct Record {
    address: IpAddr,
    last: Millis,
    /// Until then it counts as one who knows a password.
    known_until: Millis,
    /// Until then it counts as one who hears what is sent to it.
    reached_until: Millis,
    /// Bytes that may be sent to it before it has shown that it hears them.
    credit: usize,
    silence: Option<Silence>,
    /// How often it was silenced in a row, and when last.
    level: u32,
    offended: Millis,
    everything: Budget,
    calls: Budget,
    probes: Budget,
    attempts: Budget,
    /// How much beyond the budgets is borne.
    patience: Budget,
    /// Numbers that are not there.
    numbers: Budget,
    /// Wrong passwords of all names.
    passwords: Budget,
}

/// A user name that was used with a wrong password, at one source.
struct Name {
    address: IpAddr,
    text: String,
    last: Millis,
    silence: Option<Silence>,
    level: u32,
    passwords: Budget,
}

struct Silence {
    offence: Offence,
    until: Millis,
    n_dropped: u64,
    is_told: bool,
}

impl Guard {
    /// `seed` has to be secret.
    pub(crate) fn new(seed: u64, now: Instant) -> Self {
        Self {
            began: now,
            allow: Vec::new(),
            friends: BTreeMap::new(),
            sources: Sources::new(seed, N_SETS),
            names: Sources::new(seed, N_NAME_SETS),
            strangers: [Budget::full(ALL_CALLS, 0), Budget::full(ALL_OTHERS, 0)],
            notices: VecDeque::new(),
            telling: Budget::full(TELLING, 0),
        }
    }

    /// Only these networks are heard from now on; an empty list stands for everybody.
    pub(crate) fn allow(&mut self, networks: Vec<Network>) {
        self.allow = networks;
    }

    /// Judges one message before anything else looks at it.
    pub(crate) fn admit(&mut self, from: IpAddr, kind: Kind, now: Instant) -> Result<(), Dropped> {
        let now = self.millis(now);
        if self.is_friend(from, now) {
            return Ok(());
        }
        if !self.is_allowed(from) {
            return Err(Dropped::NotAllowed);
        }
        self.release(from, now);
        let record = self.record(from, now);
        record.last = now;
        if let Some(silence) = &mut record.silence {
            silence.n_dropped += 1;
            return Err(Dropped::Silenced);
        }
        let is_known = record.known_until > now;
        let is_proven = record.is_proven(now);
        if kind == Kind::Scan {
            // It may sit beside a phone of ours, or use its address.
            if !is_known {
                self.punish(from, Offence::Scanner, now);
            }
            return Err(Dropped::Silenced);
        }
        if !record.has_budget(kind, now) {
            let is_borne = is_known || record.patience.spend(PATIENCE, now);
            if !is_borne {
                self.punish(from, Offence::Flood, now);
            }
            return Err(Dropped::TooMuch);
        }
        if !is_proven && !self.strangers_have_budget(kind, now) {
            return Err(Dropped::TooMuch);
        }
        Ok(())
    }

    /// Whether a connection of that source may be accepted.
    pub(crate) fn admits_stream(&mut self, from: IpAddr, now: Instant) -> Result<(), Dropped> {
        self.admit(from, Kind::Noise, now)
    }

    /// Whether that source is where it says it is: we have spoken to it first, it knows a
    /// password, or it has repeated what only it was told.
    pub(crate) fn is_proven(&mut self, from: IpAddr, now: Instant) -> bool {
        let now = self.millis(now);
        let record = |guard: &mut Self| guard.sources.find(from.into()).map(|r| r.is_proven(now));
        self.is_friend(from, now) || record(self).unwrap_or(false)
    }

    /// So many bytes came in the name of that source: so much more may be sent to it.
    pub(crate) fn credit(&mut self, from: IpAddr, kind: Kind, n_bytes: usize, now: Instant) {
        let worth = match kind {
            Kind::Noise => return,
            Kind::Call => (n_bytes * WORTH).max(ONE_ANSWER),
            Kind::Answer | Kind::Inside | Kind::Probe | Kind::Attempt | Kind::Scan => {
                n_bytes * WORTH
            }
        };
        let now = self.millis(now);
        let record = self.record(from, now);
        record.credit = (record.credit + worth).min(MOST_CREDIT);
    }

    /// Whether it matters how much is sent to that address.
    pub(crate) fn is_limited(&mut self, to: IpAddr, now: Instant) -> bool {
        // Nothing from outside carries the address of this machine itself.
        let is_this_machine = to == Ipv4Addr::LOCALHOST || to == Ipv6Addr::LOCALHOST;
        !is_this_machine && !self.is_proven(to, now)
    }

    /// Whether a datagram may leave: one who has not shown that it hears us may be the victim of
    /// somebody who sends in its name.
    pub(crate) fn may_send(&mut self, to: IpAddr, n_bytes: usize, now: Instant) -> bool {
        if !self.is_limited(to, now) {
            return true;
        }
        let Some(record) = self.sources.find(to.into()) else {
            return false;
        };
        let left = record.credit.checked_sub(n_bytes);
        record.credit = left.unwrap_or(record.credit);
        left.is_some()
    }

    /// The source has repeated what we told nobody else: a tag of ours.
    pub(crate) fn reached(&mut self, from: IpAddr, now: Instant) {
        let now = self.millis(now);
        self.record(from, now).reached_until = now + KNOWN_FOR;
    }

    /// The source was wrong about something that it should know.
    pub(crate) fn guessed(&mut self, from: IpAddr, guess: Guess<'_>, now: Instant) {
        let now = self.millis(now);
        if self.is_friend(from, now) {
            return;
        }
        let record = self.record(from, now);
        let is_known = record.known_until > now;
        let is_borne = match guess {
            Guess::Number => is_known || record.numbers.spend(NUMBERS, now),
            Guess::Password(_) if is_known => record.passwords.spend(PASSWORDS_OF_KNOWN, now),
            Guess::Password(_) => record.passwords.spend(PASSWORDS, now),
        };
        if record.silence.is_none() && !is_borne {
            return self.punish(from, Offence::Guessing, now);
        }
        if let Guess::Password(user) = guess {
            self.guessed_for(from, user, now);
        }
    }

    /// Whether nothing that proves to be this user is looked at, when it comes from there.
    pub(crate) fn is_silenced(&mut self, from: IpAddr, user: &str, now: Instant) -> bool {
        let now = self.millis(now);
        let Some(name) = self.names.find(Source::from(from).named(user)) else {
            return false;
        };
        let Some(silence) = name.silence.as_mut().filter(|s| s.until > now) else {
            return false;
        };
        silence.n_dropped += 1;
        true
    }

    /// The source has proved that user's password: what its request cost is given back.
    pub(crate) fn vouch(&mut self, from: IpAddr, user: &str, now: Instant) {
        let now = self.millis(now);
        if let Some(name) = self.names.find(Source::from(from).named(user)) {
            name.passwords = Budget::full(PASSWORDS_OF_NAME, now);
            name.level = 0;
        }
        let record = self.record(from, now);
        record.known_until = now + KNOWN_FOR;
        // The request that was challenged, and the one with the proof.
        record.attempts.give_back(ATTEMPTS, 2.0);
        record.calls.give_back(CALLS, 2.0);
    }

    /// We speak to that address of our own accord: what it sends is welcome for a while.
    pub(crate) fn befriend(&mut self, to: IpAddr, now: Instant) {
        let now = self.millis(now);
        let record = self.record(to, now);
        let is_heard = record.known_until > now && record.silence.is_none();
        if is_heard && self.is_allowed(to) {
            // A phone of ours needs no favour, and others may use its address.
            return;
        }
        if self.friends.len() >= FRIENDS && !self.friends.contains_key(&to) {
            let oldest = self.friends.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(ip, _)| *ip) {
                self.friends.remove(&oldest);
            }
        }
        self.friends.insert(to, now);
    }

    /// Lets out whose time is over; to be called every few seconds.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let now = self.millis(now);
        let due: Vec<IpAddr> = self
            .sources
            .each()
            .filter(|r| r.silence.as_ref().is_some_and(|s| s.until <= now))
            .map(|r| r.address)
            .collect();
        for address in due {
            self.release(address, now);
        }
        self.release_names(now);
    }

    /// What an operator should read.
    pub(crate) fn poll(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    fn is_allowed(&self, from: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(from))
    }

    fn is_friend(&self, from: IpAddr, now: Millis) -> bool {
        let last = self.friends.get(&from);
        last.is_some_and(|last| now.saturating_sub(*last) < FRIEND_FOR)
    }

    fn strangers_have_budget(&mut self, kind: Kind, now: Millis) -> bool {
        let [calls, others] = &mut self.strangers;
        match kind {
            Kind::Call => calls.spend(ALL_CALLS, now),
            Kind::Probe | Kind::Attempt => others.spend(ALL_OTHERS, now),
            Kind::Noise | Kind::Answer | Kind::Inside | Kind::Scan => true,
        }
    }

    /// One password more was wrong for that name.
    fn guessed_for(&mut self, from: IpAddr, user: &str, now: Millis) {
        let new = || Name {
            address: from,
            text: user.chars().take(LONGEST_NAME).collect(),
            last: now,
            silence: None,
            level: 0,
            passwords: Budget::full(PASSWORDS_OF_NAME, now),
        };
        let source = Source::from(from).named(user);
        let name = self.names.record(source, |name| name.worth(), new);
        if now.saturating_sub(name.last) > FORGIVE_AFTER {
            name.level = 0;
        }
        name.last = now;
        if name.silence.is_some() || name.passwords.spend(PASSWORDS_OF_NAME, now) {
            return;
        }
        let length = silence_for(name.level);
        name.level += 1;
        let is_told = self.telling.spend(TELLING, now);
        name.silence = Some(Silence {
            offence: Offence::Guessing,
            until: now + length,
            n_dropped: 0,
            is_told,
        });
        if is_told {
            self.notices.push_back(Notice::Silenced {
                source: from,
                user: Some(name.text.clone()),
                offence: Offence::Guessing,
                length: Duration::from_millis(length),
            });
        }
    }

    fn release_names(&mut self, now: Millis) {
        for name in self.names.each() {
            let Some(silence) = name.silence.take_if(|silence| silence.until <= now) else {
                continue;
            };
            name.passwords = Budget::full(PASSWORDS_OF_NAME, now);
            if silence.is_told {
                self.notices.push_back(Notice::Released {
                    source: name.address,
                    user: Some(name.text.clone()),
                    n_dropped: silence.n_dropped,
                });
            }
        }
    }

    fn punish(&mut self, address: IpAddr, offence: Offence, now: Millis) {
        let is_told = self.telling.spend(TELLING, now);
        let record = self.record(address, now);
        if now.saturating_sub(record.offended) > FORGIVE_AFTER {
            record.level = 0;
        }
        let length = silence_for(record.level);
        record.level += 1;
        record.offended = now;
        record.silence = Some(Silence {
            offence,
            until: now + length,
            n_dropped: 0,
            is_told,
        });
        if is_told {
            self.notices.push_back(Notice::Silenced {
                source: address,
                user: None,
                offence,
                length: Duration::from_millis(length),
            });
        }
    }

    /// Ends a silence whose time is over; a machine that still sends is silenced on, and longer.
    /// Where passwords were wrong, those who still send may be the phones beside the one.
    fn release(&mut self, address: IpAddr, now: Millis) {
        let record = self.record(address, now);
        let Some(silence) = &mut record.silence else {
            return;
        };
        if silence.until > now {
            return;
        }
        let is_machine = silence.offence != Offence::Guessing;
        let still_sends = silence.n_dropped > 0 && now.saturating_sub(record.last) < STILL_SENDING;
        if is_machine && still_sends {
            silence.until = now + silence_for(record.level);
            record.level += 1;
            record.offended = now;
            return;
        }
        let n_dropped = silence.n_dropped;
        let is_told = silence.is_told;
        record.silence = None;
        record.known_until = 0;
        record.reached_until = 0;
        record.patience = Budget::full(PATIENCE, now);
        record.numbers = Budget::full(NUMBERS, now);
        record.passwords = Budget::full(PASSWORDS, now);
        if is_told {
            self.notices.push_back(Notice::Released {
                source: address,
                user: None,
                n_dropped,
            });
        }
    }

    fn record(&mut self, address: IpAddr, now: Millis) -> &mut Record {
        self.sources
            .record(Source::from(address), Record::worth, || {
                Record::new(address, now)
            })
    }

    fn millis(&self, now: Instant) -> Millis {
        now.saturating_duration_since(self.began).as_millis() as Millis
    }
}

impl Record {
    fn new(address: IpAddr, now: Millis) -> Self {
        Self {
            address,
            last: now,
            known_until: 0,
            reached_until: 0,
            credit: 0,
            silence: None,
            level: 0,
            offended: 0,
            everything: Budget::full(EVERYTHING, now),
            calls: Budget::full(CALLS, now),
            probes: Budget::full(PROBES, now),
            attempts: Budget::full(ATTEMPTS, now),
            patience: Budget::full(PATIENCE, now),
            numbers: Budget::full(NUMBERS, now),
            passwords: Budget::full(PASSWORDS, now),
        }
    }

    fn is_proven(&self, now: Millis) -> bool {
        self.known_until > now || self.reached_until > now
    }

    fn has_budget(&mut self, kind: Kind, now: Millis) -> bool {
        self.everything.spend(EVERYTHING, now)
            && match kind {
                Kind::Call => self.calls.spend(CALLS, now),
                Kind::Probe => self.probes.spend(PROBES, now),
                Kind::Attempt | Kind::Scan => self.attempts.spend(ATTEMPTS, now),
                Kind::Noise | Kind::Answer | Kind::Inside => true,
            }
    }

    /// How much it would be missed: who was told to be silenced most, then the known, then who
    /// hears us, then other offenders, then who was heard last.
    fn worth(&self) -> u64 {
        let is_told = self.silence.as_ref().is_some_and(|silence| silence.is_told);
        let rank = if is_told {
            4
        } else if self.known_until > self.last {
            3
        } else if self.reached_until > self.last {
            2
        } else {
            u64::from(self.level > 0)
        };
        rank << 60 | self.last & ((1 << 60) - 1)
    }
}

impl Name {
    /// As for a record: who was told to be silenced is missed most.
    fn worth(&self) -> u64 {
        let is_told = self.silence.as_ref().is_some_and(|silence| silence.is_told);
        u64::from(is_told) << 60 | self.last & ((1 << 60) - 1)
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
