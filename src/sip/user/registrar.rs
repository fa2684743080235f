//! Under which addresses are our users reached? (RFC 3261 §10.3)

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::sip::address::{NameAddr, Uri, param};
use crate::sip::settings::Transport;

/// Users and where they are.
#[derive(Debug, Default)]
pub(crate) struct Bindings(BTreeMap<String, Vec<Binding>>);

/// One phone of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The address in its Contact, as written.
    pub(crate) uri: String,
    /// The proxies towards it, as written (RFC 3327).
    pub(crate) path: Vec<String>,
    /// Where its requests come from: behind a NAT that is the only way to it.
    pub(crate) way: Way,
    /// What is the same however often it starts (RFC 5626, RFC 5627).
    instance: Option<String>,
    /// Thousandths.
    q: u16,
    call_id: String,
    seq: u32,
    expires_at: Instant,
    refreshed_at: Instant,
}

/// How a request reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
}

/// A REGISTER of one whose password was right.
#[derive(Clone, Debug)]
pub(crate) struct Enrolment<'a> {
    pub(crate) contacts: Vec<&'a str>,
    /// The Expires header.
    pub(crate) expires: Option<&'a str>,
    pub(crate) path: Vec<&'a str>,
    pub(crate) call_id: &'a str,
    pub(crate) seq: u32,
    pub(crate) way: Way,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The Contacts make no sense: 400.
    Nonsense,
    /// A life below `LEAST`: 423.
    TooBrief,
    /// Older than what was heard already: 500.
    OutOfOrder,
}

/// One Contact, read.
struct Wish<'a> {
    uri: &'a str,
    instance: Option<&'a str>,
    q: u16,
    /// Zero removes.
    life: Duration,
}

impl Bindings {
    /// Makes, refreshes and removes bindings: all that is asked for, or nothing.
    pub(crate) fn register(
        &mut self,
        user: &str,
        asked: &Enrolment<'_>,
        now: Instant,
    ) -> Result<(), Refused> {
        self.expire(now);
        let bindings = self.0.get(user).map(Vec::as_slice).unwrap_or_default();
        let is_old = |b: &Binding| b.call_id == asked.call_id && asked.seq <= b.seq;
        if let ["*"] = asked.contacts.as_slice() {
            if seconds(asked.expires) != Some(0) {
                return Err(Refused::Nonsense);
            }
            if bindings.iter().any(is_old) {
                return Err(Refused::OutOfOrder);
            }
            self.0.remove(user);
            return Ok(());
        }
        let wishes = asked.contacts.iter().map(|text| Wish::read(text, asked));
        let wishes = wishes.collect::<Result<Vec<_>, _>>()?;
        let concerned = |b: &&Binding| wishes.iter().any(|wish| wish.is_for(b));
        if bindings.iter().filter(concerned).any(is_old) {
            return Err(Refused::OutOfOrder);
        }
        for wish in wishes {
            self.grant(user, &wish, asked, now);
        }
        Ok(())
    }

    /// The bindings of a user, the preferred first: by `q`, then by who was heard last.
    pub(crate) fn of(&self, user: &str, now: Instant) -> Vec<&Binding> {
        let all = self.0.get(user).into_iter().flatten();
        let mut alive: Vec<_> = all.filter(|b| b.expires_at > now).collect();
        alive.sort_by_key(|b| std::cmp::Reverse((b.q, b.refreshed_at)));
        alive
    }

    /// Of an adapter that has started anew at another port, only the new one is left.
    pub(crate) fn keep_last(&mut self, user: &str) {
        let Some(bindings) = self.0.get_mut(user) else {
            return;
        };
        let last = bindings.iter().map(|b| b.refreshed_at).max();
        bindings.retain(|b| Some(b.refreshed_at) == last);
    }

    /// Removes what is over, and tells who has no binding left.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<String> {
        self.retain(|b| b.expires_at > now)
    }

    /// Removes everything of users that are not there any more, and tells who they were.
    pub(crate) fn keep_only(&mut self, is_user: impl Fn(&str) -> bool) -> Vec<String> {
        let names = self.0.keys().filter(|user| !is_user(user));
        let gone: Vec<String> = names.cloned().collect();
        self.0.retain(|user, _| is_user(user));
        gone
    }

    fn retain(&mut self, is_alive: impl Fn(&Binding) -> bool) -> Vec<String> {
        for bindings in self.0.values_mut() {
            bindings.retain(|b| is_alive(b));
        }
        let is_empty = |(_, bindings): &(&String, &Vec<Binding>)| bindings.is_empty();
        let empty = self.0.iter().filter(is_empty).map(|(user, _)| user.clone());
        let empty: Vec<String> = empty.collect();
        self.0.retain(|_, bindings| !bindings.is_empty());
        empty
    }

    fn grant(&mut self, user: &str, wish: &Wish<'_>, asked: &Enrolment<'_>, now: Instant) {
        let bindings = self.0.entry(user.to_owned()).or_default();
        bindings.retain(|b| !wish.is_for(b));
        if !wish.life.is_zero() {
            if bindings.len() >= MOST {
                // A phone that changes its port with each start and never says goodbye.
                let oldest = (0..bindings.len()).min_by_key(|at| bindings[*at].refreshed_at);
                oldest.map(|at| bindings.remove(at));
            }
            bindings.push(Binding {
                uri: wish.uri.to_owned(),
                path: asked.path.iter().map(|&p| p.to_owned()).collect(),
                way: asked.way,
                instance: wish.instance.map(str::to_owned),
                q: wish.q,
                call_id: asked.call_id.to_owned(),
                seq: asked.seq,
                expires_at: now + wish.life,
                refreshed_at: now,
            });
        }
        if bindings.is_empty() {
            self.0.remove(user);
        }
    }
}

impl Binding {
    /// As the answer to a REGISTER lists it.
    pub(crate) fn contact(&self, now: Instant) -> String {
        let left = self.expires_at.saturating_duration_since(now);
        let instance = match &self.instance {
            Some(instance) => format!(";+sip.instance={instance}"),
            None => String::new(),
        };
        // Rounded up: a phone that refreshes at half of nothing would never stop.
        let seconds = left.as_millis().div_ceil(1_000);
        format!("<{}>{instance};expires={seconds}", self.uri)
    }
}

impl<'a> Wish<'a> {
    fn read(text: &'a str, asked: &Enrolment<'_>) -> Result<Self, Refused> {
        let contact = NameAddr::parse(text).ok_or(Refused::Nonsense)?;
        let is_printable = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"');
        let uri = Uri::parse(contact.uri).ok_or(Refused::Nonsense)?;
        let is_sip = ["sip", "sips"]
            .iter()
            .any(|s| uri.scheme.eq_ignore_ascii_case(s));
        if !is_sip || contact.uri.len() > LONGEST_URI || !contact.uri.chars().all(is_printable) {
            return Err(Refused::Nonsense);
        }
        let wanted = seconds(param(contact.params, "expires"));
        let life = wanted
            .or(seconds(asked.expires))
            .map_or(USUAL, Duration::from_secs);
        if !life.is_zero() && life < LEAST {
            return Err(Refused::TooBrief);
        }
        let q = param(contact.params, "q").and_then(|q| q.parse::<f32>().ok());
        let instance = param(contact.params, "+sip.instance");
        Ok(Self {
            uri: contact.uri,
            instance: instance.filter(|text| text.len() < LONGEST_URI),
            q: (q.unwrap_or(1.0).clamp(0.0, 1.0) * 1_000.0) as u16,
            life: life.min(LONGEST),
        })
    }

    /// Whether it speaks of that binding: the same device, or the same address.
    fn is_for(&self, binding: &Binding) -> bool {
        match (self.instance, &binding.instance) {
            (Some(ours), Some(its)) if ours == its => true,
            _ => is_same(self.uri, &binding.uri),
        }
    }
}

/// Addresses are the same if they lead to the same place (RFC 3261 §19.1.4, the parts of it
/// that phones use).
fn is_same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (Some(a), Some(b)) = (Uri::parse(a), Uri::parse(b)) else {
        return false;
    };
    let transport = |uri: &Uri<'_>| param(uri.params, "transport").map(str::to_ascii_lowercase);
    a.user == b.user
        && a.host.eq_ignore_ascii_case(b.host)
        && a.port == b.port
        && a.scheme.eq_ignore_ascii_case(b.scheme)
        && transport(&a) == transport(&b)
}

/// A number of seconds; one that cannot be read counts as none (RFC 3261 §20.19).
fn seconds(text: Option<&str>) -> Option<u64> {
    text?.trim().parse::<u32>().ok().map(u64::from)
}

/// What a phone gets that asks for nothing (RFC 3261 §10.2.1.1).
const USUAL: Duration = Duration::from_secs(3_600);

/// What a phone gets at most.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Shorter lives would only make work; also told in Min-Expires.
pub(crate) const LEAST: Duration = Duration::from_secs(60);

/// Phones of one user.
const MOST: usize = 10;

/// Bytes; no phone comes near.
const LONGEST_URI: usize = 512;

#[cfg(test)]
#[path = "registrar_tests.rs"]
mod tests;
