//! Who may come in, as all tasks of the endpoint ask it?
//!
//! The guard, the asker for passwords and the list of who is where decide; here they get the
//! time, share one lock each, and what they find out becomes events.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rsipstack::platform::CancellationToken;
use rsipstack::transaction::random_text;
use sha2::Digest as _;
use tokio::sync::mpsc;

use crate::sip::counts::Counters;
use crate::sip::door::guard::{Dropped, Guard, Guess};
use crate::sip::door::half_open::{HalfOpen, HalfOpens};
use crate::sip::entry::peek;
use crate::sip::event::{Event, UserState};
use crate::sip::finding::puzzled::Puzzled;
use crate::sip::hub::Inbox;
use crate::sip::settings::{Callers, Secret};
use crate::sip::user::challenge::{Challenger, Credentials, Judgement};
use crate::sip::user::registrar::{Binding, Bindings, Enrolment, Refused};

pub(crate) struct Doors {
    guard: Mutex<Guard>,
    list: Mutex<List>,
    half_open: Arc<HalfOpens>,
    /// Places for calls of unproven sources that are not confirmed.
    most_half_open: AtomicUsize,
    events: mpsc::UnboundedSender<Event>,
    counters: Arc<Counters>,
}

struct List {
    users: BTreeMap<String, Secret>,
    lines: Vec<String>,
    require_auth: bool,
    challenger: Challenger,
    puzzled: Puzzled,
    bindings: Bindings,
}

/// What became of the question who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A user of ours, whose password was proved.
    User(String),
    /// It has to prove it, or anew: the values of the WWW-Authenticate headers.
    Unproven([String; 2]),
    /// Too many passwords were wrong for that name; it gets no answer.
    Silenced,
}

impl Doors {
    pub(crate) fn new(events: mpsc::UnboundedSender<Event>, counters: Arc<Counters>) -> Self {
        let now = Instant::now();
        let key: [u8; 32] = sha2::Sha256::digest(random_text(64)).into();
        let seed = sha2::Sha256::digest(random_text(64));
        let seed = seed.iter().fold(0, |all, &b| all << 8 | u64::from(b));
        Self {
            guard: Mutex::new(Guard::new(seed, now)),
            list: Mutex::new(List {
                users: BTreeMap::new(),
                lines: Vec::new(),
                require_auth: false,
                challenger: Challenger::new(key, now),
                puzzled: Puzzled::default(),
                bindings: Bindings::default(),
            }),
            half_open: Arc::default(),
            most_half_open: AtomicUsize::new(HALF_OPEN),
            events,
            counters,
        }
    }

    /// Takes new rules; who is not a user any more, or has a new password, is registered no
    /// longer.
    pub(crate) fn configure(&self, callers: Callers) {
        let most = callers.half_open.unwrap_or(HALF_OPEN);
        self.most_half_open.store(most, Ordering::Relaxed);
        lock(&self.guard).allow(callers.allow);
        let mut list = lock(&self.list);
        list.require_auth = callers.require_auth;
        list.lines = callers.lines;
        let users = callers.users.into_iter();
        let users = users.map(|user| (user.name, user.password)).collect();
        let before = std::mem::replace(&mut list.users, users);
        let List {
            users, bindings, ..
        } = &mut *list;
        let is_same = |user: &str| users.contains_key(user) && users.get(user) == before.get(user);
        for user in bindings.keep_only(is_same) {
            self.tell_user(&user, UserState::Gone);
        }
    }

    /// Whether a message may go on to be parsed.
    pub(crate) fn admits(&self, from: IpAddr, raw: &[u8]) -> bool {
        let (kind, now) = (peek::kind(raw), Instant::now());
        let mut guard = lock(&self.guard);
        let judged = guard.admit(from, kind, now);
        if judged.is_ok() {
            guard.credit(from, kind, raw.len(), now);
        }
        drop(guard);
        self.count(judged)
    }

    /// Whether a connection may be kept.
    pub(crate) fn admits_stream(&self, from: IpAddr) -> bool {
        let judged = lock(&self.guard).admits_stream(from, Instant::now());
        self.count(judged)
    }

    fn count(&self, judged: Result<(), Dropped>) -> bool {
        if let Err(why) = judged {
            self.counters.dropped(why);
            self.tell();
        }
        judged.is_ok()
    }

    /// We are about to speak to that peer of our own accord.
    pub(crate) fn befriend(&self, to: IpAddr) {
        lock(&self.guard).befriend(to, Instant::now());
    }

    /// The peer asked for a number that is not there.
    pub(crate) fn missed(&self, from: IpAddr) {
        lock(&self.guard).guessed(from, Guess::Number, Instant::now());
        self.tell();
    }

    /// Whether anybody can register here.
    pub(crate) fn has_users(&self) -> bool {
        !lock(&self.list).users.is_empty()
    }

    /// Whether a call of a stranger needs a password.
    pub(crate) fn require_auth(&self) -> bool {
        lock(&self.list).require_auth
    }

    /// Whether nobody calls in that name without its password.
    pub(crate) fn is_line(&self, name: &str) -> bool {
        lock(&self.list).lines.iter().any(|line| line == name)
    }

    /// Whether that user does not understand to be asked for anything but MD5.
    pub(crate) fn needs_md5(&self, from: IpAddr, user: &str) -> bool {
        let mut list = lock(&self.list);
        list.puzzled.needs_md5(from, user, Instant::now())
    }

    /// That user has come with a proof of some kind.
    pub(crate) fn understood(&self, from: IpAddr, user: &str) {
        lock(&self.list).puzzled.understood(from, user);
    }

    /// Judges the Authorization headers of a request.
    pub(crate) fn identify<'a>(
        &self,
        proofs: impl Iterator<Item = &'a str>,
        method: &str,
        from: IpAddr,
    ) -> Who {
        let now = Instant::now();
        let mut list = lock(&self.list);
        let proof = proofs.filter_map(Credentials::parse).next();
        let is_silenced = |proof: &Credentials| {
            let mut guard = lock(&self.guard);
            guard.is_silenced(from, &proof.user, now)
        };
        if proof.as_ref().is_some_and(is_silenced) {
            self.counters.dropped(Dropped::Silenced);
            return Who::Silenced;
        }
        let judgement = proof.as_ref().map(|proof| {
            let List {
                users, challenger, ..
            } = &mut *list;
            challenger.judge(proof, users.get(&proof.user), method, from, now)
        });
        if let (Some(proof), Some(Judgement::Wrong)) = (&proof, judgement) {
            self.counters.wrong_password();
            lock(&self.guard).guessed(from, Guess::Password(&proof.user), now);
            self.tell();
        }
        match (proof, judgement) {
            (Some(proof), Some(Judgement::Right)) => {
                lock(&self.guard).vouch(from, &proof.user, now);
                Who::User(proof.user)
            }
            (_, judgement) => {
                let is_stale = judgement == Some(Judgement::Stale);
                Who::Unproven(list.challenger.challenges(from, is_stale, now))
            }
        }
    }

    /// Carries a REGISTER of that user out; the Contacts that are bound then.
    pub(crate) fn register(
        &self,
        user: &str,
        asked: &Enrolment<'_>,
    ) -> Result<Vec<String>, Refused> {
        let now = Instant::now();
        let mut list = lock(&self.list);
        let was_there = !list.bindings.of(user, now).is_empty();
        list.bindings.register(user, asked, now)?;
        if list.lines.iter().any(|line| line == user) {
            list.bindings.keep_last(user);
        }
        let bound = list.bindings.of(user, now);
        match (was_there, bound.is_empty()) {
            (false, false) => self.tell_user(user, UserState::Registered(asked.way.remote)),
            (true, true) => self.tell_user(user, UserState::Gone),
            (true, false) | (false, true) => {}
        }
        Ok(bound.into_iter().map(|b| b.contact(now)).collect())
    }

    /// Where to call a user, the preferred phone first; `Err` if the name is no user's.
    pub(crate) fn find(&self, name: &str) -> Result<Vec<Binding>, NotAUser> {
        let list = lock(&self.list);
        if !list.users.contains_key(name) {
            return Err(NotAUser);
        }
        let bindings = list.bindings.of(name, Instant::now());
        Ok(bindings.into_iter().cloned().collect())
    }

    /// A place among the calls that are not confirmed yet; `None` if strangers have taken all.
    pub(crate) fn half_open(&self, from: SocketAddr, inbox: &Inbox) -> Option<HalfOpen> {
        if self.is_proven(from.ip()) {
            return Some(self.half_open.proven());
        }
        let most = self.most_half_open.load(Ordering::Relaxed);
        let place = self.half_open.enter(inbox, most, Instant::now());
        if place.is_none() {
            self.counters.beyond_cap();
        }
        place
    }

    /// Whether a source is where it says it is.
    pub(crate) fn is_proven(&self, from: IpAddr) -> bool {
        lock(&self.guard).is_proven(from, Instant::now())
    }

    /// Whether it matters how much is sent to that peer.
    pub(crate) fn is_limited(&self, to: IpAddr) -> bool {
        lock(&self.guard).is_limited(to, Instant::now())
    }

    /// Whether a datagram may leave for that peer; counted if not.
    pub(crate) fn may_send(&self, to: IpAddr, n_bytes: usize) -> bool {
        let may = lock(&self.guard).may_send(to, n_bytes, Instant::now());
        if !may {
            self.counters.withheld();
        }
        may
    }

    /// The peer has repeated a tag of ours.
    pub(crate) fn reached(&self, from: IpAddr) {
        lock(&self.guard).reached(from, Instant::now());
    }

    /// Lets time pass for all, until the endpoint closes.
    pub(crate) async fn run(&self, closing: CancellationToken) {
        let mut tick = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = closing.cancelled() => return,
            }
            let now = Instant::now();
            lock(&self.guard).sweep(now);
            self.tell();
            let gone = lock(&self.list).bindings.expire(now);
            for user in gone {
                self.tell_user(&user, UserState::Gone);
            }
        }
    }

    fn tell(&self) {
        while let Some(notice) = lock(&self.guard).poll() {
            let _ = self.events.send(Event::Guard(notice));
        }
    }

    fn tell_user(&self, name: &str, state: UserState) {
        let name = name.to_owned();
        let _ = self.events.send(Event::User { name, state });
    }
}

/// There is no user of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAUser;

/// A panic elsewhere must not open or shut the doors.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls of strangers that may wait for answer or ACK, where the application has set no limit.
const HALF_OPEN: usize = 4_096;

/// How often silences and registrations are looked through.
const SWEEP: Duration = Duration::from_secs(2);
