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
//! that has proved a password is not silenced for what anybody could send in its name.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::peek::Kind;
use super::sources::{Budget, Limit, Millis, Source, Sources};
use crate::base::Network;

/// Why a message is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
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
pub(super) enum Guess {
    /// The proof answered a challenge that only this source has seen.
    Password,
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
        /// What for.
        offence: Offence,
        /// At least so long.
        length: Duration,
    },
    /// The source is heard again.
    Released {
        /// Who.
        source: IpAddr,
        /// Messages that were dropped in the meantime.
        n_dropped: u64,
    },
}

/// The memory of all sources.
pub(super) struct Guard {
    began: Instant,
    /// None keeps nobody out.
    allow: Vec<Network>,
    /// Whom we have spoken to first, and when last.
    friends: BTreeMap<IpAddr, Millis>,
    sources: Sources<Record>,
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
    guesses: Budget,
}

struct Silence {
    until: Millis,
    n_dropped: u64,
    is_told: bool,
}

impl Guard {
    /// `seed` has to be secret.
    pub(super) fn new(seed: u64, now: Instant) -> Self {
        Self {
            began: now,
            allow: Vec::new(),
            friends: BTreeMap::new(),
            sources: Sources::new(seed),
            strangers: [Budget::full(ALL_CALLS, 0), Budget::full(ALL_OTHERS, 0)],
            notices: VecDeque::new(),
            telling: Budget::full(TELLING, 0),
        }
    }

    /// Only these networks are heard from now on; an empty list stands for everybody.
    pub(super) fn allow(&mut self, networks: Vec<Network>) {
        self.allow = networks;
    }

    /// Judges one message before anything else looks at it.
    pub(super) fn admit(&mut self, from: IpAddr, kind: Kind, now: Instant) -> Result<(), Dropped> {
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
        if kind == Kind::Scan && !is_known {
            self.punish(from, Offence::Scanner, now);
            return Err(Dropped::Silenced);
        }
        if !record.has_budget(kind, now) {
            let is_borne = is_known || record.patience.spend(PATIENCE, now);
            if !is_borne {
                self.punish(from, Offence::Flood, now);
            }
            return Err(Dropped::TooMuch);
        }
        if !is_known && !self.strangers_have_budget(kind, now) {
            return Err(Dropped::TooMuch);
        }
        Ok(())
    }

    /// Whether a connection of that source may be accepted.
    pub(super) fn admits_stream(&mut self, from: IpAddr, now: Instant) -> Result<(), Dropped> {
        self.admit(from, Kind::Noise, now)
    }

    /// Whether nothing limits that source: we have spoken to it first, or it knows a password.
    pub(super) fn is_trusted(&mut self, from: IpAddr, now: Instant) -> bool {
        let now = self.millis(now);
        self.is_friend(from, now) || self.record(from, now).known_until > now
    }

    /// The source was wrong about something that it should know.
    pub(super) fn guessed(&mut self, from: IpAddr, guess: Guess, now: Instant) {
        let now = self.millis(now);
        if self.is_friend(from, now) {
            return;
        }
        let record = self.record(from, now);
        if guess == Guess::Number && record.known_until > now {
            return;
        }
        if record.silence.is_none() && !record.guesses.spend(GUESSES, now) {
            self.punish(from, Offence::Guessing, now);
        }
    }

    /// The source has proved a password: what its request cost is given back.
    pub(super) fn vouch(&mut self, from: IpAddr, now: Instant) {
        let now = self.millis(now);
        let record = self.record(from, now);
        record.known_until = now + KNOWN_FOR;
        // The request that was challenged, and the one with the proof.
        record.attempts.give_back(ATTEMPTS, 2.0);
        record.calls.give_back(CALLS, 2.0);
    }

    /// We speak to that address of our own accord: what it sends is welcome for a while.
    pub(super) fn befriend(&mut self, to: IpAddr, now: Instant) {
        let now = self.millis(now);
        if self.friends.len() >= FRIENDS && !self.friends.contains_key(&to) {
            let oldest = self.friends.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(ip, _)| *ip) {
                self.friends.remove(&oldest);
            }
        }
        self.friends.insert(to, now);
    }

    /// Lets out whose time is over; to be called every few seconds.
    pub(super) fn sweep(&mut self, now: Instant) {
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
    }

    /// What an operator should read.
    pub(super) fn poll(&mut self) -> Option<Notice> {
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
            until: now + length,
            n_dropped: 0,
            is_told,
        });
        if is_told {
            self.notices.push_back(Notice::Silenced {
                source: address,
                offence,
                length: Duration::from_millis(length),
            });
        }
    }

    /// Ends a silence whose time is over; who still sends is silenced on, and longer.
    fn release(&mut self, address: IpAddr, now: Millis) {
        let record = self.record(address, now);
        let Some(silence) = &mut record.silence else {
            return;
        };
        if silence.until > now {
            return;
        }
        if silence.n_dropped > 0 && now.saturating_sub(record.last) < STILL_SENDING {
            silence.until = now + silence_for(record.level);
            record.level += 1;
            record.offended = now;
            return;
        }
        let n_dropped = silence.n_dropped;
        let is_told = silence.is_told;
        record.silence = None;
        record.known_until = 0;
        record.patience = Budget::full(PATIENCE, now);
        record.guesses = Budget::full(GUESSES, now);
        if is_told {
            self.notices.push_back(Notice::Released {
                source: address,
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
            silence: None,
            level: 0,
            offended: 0,
            everything: Budget::full(EVERYTHING, now),
            calls: Budget::full(CALLS, now),
            probes: Budget::full(PROBES, now),
            attempts: Budget::full(ATTEMPTS, now),
            patience: Budget::full(PATIENCE, now),
            guesses: Budget::full(GUESSES, now),
        }
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

    /// How much it would be missed: who was told to be silenced most, then the known, then
    /// other offenders, then who was heard last.
    fn worth(&self) -> u64 {
        let is_told = self.silence.as_ref().is_some_and(|silence| silence.is_told);
        let rank = if is_told {
            3
        } else if self.known_until > self.last {
            2
        } else {
            u64::from(self.level > 0)
        };
        rank << 60 | self.last & ((1 << 60) - 1)
    }
}

/// One minute, then four times as long with each silence in a row, four hours at most.
fn silence_for(level: u32) -> Millis {
    FIRST_SILENCE
        .saturating_mul(4_u64.saturating_pow(level))
        .min(LONGEST_SILENCE)
}

/// A PBX at its worst; beyond it nothing of one source is looked at.
const EVERYTHING: Limit = limit(10_000.0, 20_000.0);

/// Twice what this program has to bear from one PBX.
const CALLS: Limit = limit(2_000.0, 4_000.0);

/// A proxy asks every second at most whether we live.
const PROBES: Limit = limit(10.0, 50.0);

/// A house of phones behind one address that comes back after a power cut. Registrations with
/// the right password cost nothing.
const ATTEMPTS: Limit = limit(20.0, 200.0);

/// Messages beyond a budget before it is no accident any more.
const PATIENCE: Limit = limit(5.0, 200.0);

/// A phone with a wrong password tries once a minute; somebody who types has ten tries.
const GUESSES: Limit = limit(1.0 / 60.0, 10.0);

/// What all who have not proved a password may start together. An attack from invented
/// addresses meets it; who is known passes by it.
const ALL_CALLS: Limit = limit(3_000.0, 6_000.0);
const ALL_OTHERS: Limit = limit(1_000.0, 3_000.0);

/// Lines for the operator; an attack from invented addresses shall not fill the disk.
const TELLING: Limit = limit(0.2, 20.0);

const fn limit(a_second: f64, most: f64) -> Limit {
    Limit { a_second, most }
}

const FIRST_SILENCE: Millis = 60_000;
const LONGEST_SILENCE: Millis = 4 * 3_600_000;

/// Who was heard within that time before the end of its silence has not given up.
const STILL_SENDING: Millis = 10_000;

/// A day without offence clears the past.
const FORGIVE_AFTER: Millis = 24 * 3_600_000;

/// As long as the longest registration, and a little.
const KNOWN_FOR: Millis = 3_700_000;

/// A registrar hears from us much more often, and a call that we make is seldom longer.
const FRIEND_FOR: Millis = 4 * 3_600_000;

/// Registrars and those we call.
const FRIENDS: usize = 1_024;

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
