//! Has a request come by another way already? (RFC 3261 §8.2.2.2)
//!
//! A proxy that forks may bring one request to us twice. The second one has a branch of its own,
//! so to the stack it is another request, and would be another call.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use rsipstack::sip::Request;

use crate::sip::address;
use crate::sip::message;

/// The requests outside of calls that came lately.
pub(crate) struct Lately {
    /// The hash of a request's name, and that of the way it came by. Hashes take the place of
    /// the texts because there may be many; nobody outside can make two fall together.
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
    turned_at: Instant,
    keep_for: Duration,
    hasher: RandomState,
}

impl Lately {
    /// Keeps each request for at least that long, unless there are very many.
    pub(crate) fn new(keep_for: Duration, now: Instant) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            turned_at: now,
            keep_for,
            hasher: RandomState::new(),
        }
    }

    /// Notes a request; true if it came before, by another way.
    pub(crate) fn is_merged(&mut self, request: &Request, now: Instant) -> bool {
        let headers = &request.headers;
        if message::tag(headers, "To").is_some() {
            return false;
        }
        self.turn(now);
        let name = self.hasher.hash_one((
            message::call_id(request),
            message::tag(headers, "From"),
            message::seq(headers),
            request.method,
        ));
        let way = self.hasher.hash_one(way(request));
        let before = self.young.get(&name).or_else(|| self.old.get(&name));
        match before {
            Some(&before) => before != way,
            None => {
                self.young.insert(name, way);
                false
            }
        }
    }

    fn turn(&mut self, now: Instant) {
        if now - self.turned_at >= self.keep_for || self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
            self.turned_at = now;
        }
    }
}

/// What tells the ways of one request apart: the branch, or for peers of RFC 2543 the sender.
fn way(request: &Request) -> &str {
    let via = message::value(&request.headers, "Via").unwrap_or_default();
    let (sent, params) = address::behind(address::behind(via, ',').0, ';');
    address::param(params, "branch").unwrap_or(sent)
}

/// Twice as many are kept at most, which is about 3 MB.
const MOST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(branch: &str, call: &str, to: &str) -> Request {
        let text = format!(
            "INVITE sip:7@us SIP/2.0\r\nVia: SIP/2.0/UDP p;branch={branch}, SIP/2.0/UDP o\r\n\
             From: <sip:b@d>;tag=f\r\nTo: <sip:7@us>{to}\r\nCall-ID: {call}\r\n\
             CSeq: 3 INVITE\r\n\r\n"
        );
        Request::try_from(text.as_str()).unwrap()
    }

    #[test]
    fn a_request_by_a_second_way_is_merged_and_a_repeat_is_not() {
        let now = Instant::now();
        let mut lately = Lately::new(Duration::from_secs(32), now);
        assert!(!lately.is_merged(&request("a", "1", ""), now));
        assert!(!lately.is_merged(&request("a", "1", ""), now));
        assert!(lately.is_merged(&request("b", "1", ""), now));
        assert!(!lately.is_merged(&request("b", "2", ""), now));
        assert!(!lately.is_merged(&request("c", "2", ";tag=t"), now));
    }

    #[test]
    fn what_is_long_over_is_forgotten() {
        let (now, long) = (Instant::now(), Duration::from_secs(32));
        let mut lately = Lately::new(long, now);
        assert!(!lately.is_merged(&request("a", "1", ""), now));
        assert!(lately.is_merged(&request("b", "1", ""), now + long));
        assert!(!lately.is_merged(&request("b", "1", ""), now + long * 2));
    }

    #[test]
    fn a_flood_does_not_fill_the_memory() {
        let now = Instant::now();
        let mut lately = Lately::new(Duration::from_secs(32), now);
        for n in 0..200_000_u64 {
            lately.turn(now);
            lately.young.insert(n, n);
        }
        assert!(lately.young.len() + lately.old.len() <= 2 * MOST);
    }
}
