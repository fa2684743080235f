//! Which servers stand for a name, and in which order are they tried? (RFC 3263, RFC 2782)

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::sip::settings::Transport;

/// One place that requests for a name may be sent to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Server {
    /// Whom its certificate must name: what was asked for, not what the DNS made of it
    /// (RFC 5922 §4).
    pub(crate) host: String,
    /// What the DNS calls it.
    pub(crate) target: String,
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    /// The Route value of requests that go there.
    pub(crate) route: Option<String>,
}

impl Server {
    /// Whether both are the same socket of the same machine.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.transport, self.address) == (other.transport, other.address)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.target.parse::<IpAddr>().is_ok() {
            return self.address.fmt(f);
        }
        let (port, ip) = (self.address.port(), self.address.ip());
        write!(f, "{}:{port} ({ip})", self.target)
    }
}

/// A NAPTR record, as far as it concerns SIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Naptr {
    pub(crate) order: u16,
    pub(crate) preference: u16,
    pub(crate) flags: String,
    pub(crate) services: String,
    /// The name of the SRV records.
    pub(crate) replacement: String,
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Srv {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    /// The root stands for "not offered".
    pub(crate) target: String,
}

/// The SRV records that NAPTR records lead to, in order (RFC 3263 §4.1); those of other
/// services, and those that cannot be followed, do not count.
pub(crate) fn services(mut records: Vec<Naptr>) -> Vec<(Transport, String)> {
    records.retain(|record| record.transport().is_some());
    // RFC 3403 §4.1: once an order has a match, later ones are not looked at.
    let order = records.iter().map(|record| record.order).min();
    records.retain(|record| Some(record.order) == order);
    records.sort_by_key(|record| record.preference);
    let service = |record: Naptr| Some((record.transport()?, record.replacement));
    records.into_iter().filter_map(service).collect()
}

impl Naptr {
    fn transport(&self) -> Option<Transport> {
        if !self.flags.eq_ignore_ascii_case("s") || self.replacement == "." {
            return None;
        }
        let known = [
            ("SIP+D2U", Transport::Udp),
            ("SIP+D2T", Transport::Tcp),
            ("SIPS+D2T", Transport::Tls),
        ];
        let named = |(name, _): &&(&str, Transport)| self.services.eq_ignore_ascii_case(name);
        known.iter().find(named).map(|(_, transport)| *transport)
    }
}

/// The name of the SRV records of a domain for one transport (RFC 3263 §4.1).
pub(crate) fn service_name(transport: Transport, domain: &str) -> String {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    };
    format!("{prefix}.{domain}")
}

/// The records in the order of trying: by priority, and among equals by a lot that their
/// weights load (RFC 2782).
///
/// `chance` gives any number each time.
pub(crate) fn ordered(mut records: Vec<Srv>, mut chance: impl FnMut() -> u64) -> Vec<Srv> {
    records.retain(|record| record.target != ".");
    // Those of no weight first, so that they have their small chance.
    records.sort_by_key(|record| (record.priority, record.weight > 0));
    let mut order = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let equals = || records.iter().take_while(|r| r.priority == priority);
        let sum: u64 = equals().map(|r| u64::from(r.weight)).sum();
        let drawn = chance() % (sum + 1);
        let mut running = 0;
        let chosen = equals().position(|record| {
            running += u64::from(record.weight);
            running >= drawn
        });
        order.push(records.remove(chosen.unwrap_or_default()));
    }
    order
}

/// The same servers keep the order they have: a new lot with each look-up would send us from
/// one to the other all day.
pub(crate) fn keep_order(old: &[Server], new: Vec<Server>) -> Vec<Server> {
    let sorted = |servers: &[Server]| {
        let mut sorted = servers.to_vec();
        sorted.sort();
        sorted
    };
    if sorted(old) == sorted(&new) {
        return old.to_vec();
    }
    new
}

/// The first of those that are the same place.
pub(crate) fn unique(servers: Vec<Server>) -> Vec<Server> {
    let mut kept: Vec<Server> = Vec::with_capacity(servers.len());
    for server in servers {
        if !kept.iter().any(|known| known.is_at(&server)) {
            kept.push(server);
        }
    }
    kept
}

/// Servers that have failed lately; calls try them last.
#[derive(Debug, Default)]
pub(crate) struct Unwell(BTreeMap<(Transport, SocketAddr), Instant>);

impl Unwell {
    pub(crate) fn handle_failure(&mut self, server: &Server, now: Instant) {
        self.0.retain(|_, until| *until > now);
        let place = (server.transport, server.address);
        self.0.insert(place, now + UNWELL_FOR);
    }

    pub(crate) fn handle_success(&mut self, server: &Server) {
        self.0.remove(&(server.transport, server.address));
    }

    /// The same servers with the unwell ones behind the others.
    pub(crate) fn sort(&self, mut servers: Vec<Server>, now: Instant) -> Vec<Server> {
        let is_unwell = |server: &Server| {
            let until = self.0.get(&(server.transport, server.address));
            until.is_some_and(|until| *until > now)
        };
        servers.sort_by_key(is_unwell);
        servers
    }
}

/// Long enough that not every call has to find out anew, short enough for one that restarts.
const UNWELL_FOR: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn naptr(order: u16, preference: u16, services: &str, replacement: &str) -> Naptr {
        Naptr {
            order,
            preference,
            flags: "S".to_owned(),
            services: services.to_owned(),
            replacement: replacement.to_owned(),
        }
    }

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5_060,
            target: target.to_owned(),
        }
    }

    fn server(target: &str, address: &str) -> Server {
        Server {
            host: "pbx".to_owned(),
            target: target.to_owned(),
            transport: Transport::Udp,
            address: address.parse().unwrap(),
            route: None,
        }
    }

    fn targets(records: &[Srv]) -> Vec<&str> {
        records.iter().map(|r| r.target.as_str()).collect()
    }

    /// Numbers that look like chance and are the same each time (xorshift).
    fn dice(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }

    #[test]
    fn the_domain_says_which_transport_it_prefers() {
        // The records of RFC 3263 §4.1, shuffled.
        let records = vec![
            naptr(90, 50, "SIP+D2U", "_sip._udp.example.com."),
            naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
            naptr(50, 40, "sip+d2t", "_sip._tcp.example.com."),
            naptr(10, 10, "E2U+sip", "elsewhere.example.com."),
            naptr(20, 10, "SIP+D2S", "_sip._sctp.example.com."),
        ];
        let wanted = [
            (Transport::Tcp, "_sip._tcp.example.com.".to_owned()),
            (Transport::Tls, "_sips._tcp.example.com.".to_owned()),
        ];
        assert_eq!(services(records), wanted);
        let mut odd = naptr(1, 1, "SIP+D2U", "x.");
        odd.flags = "u".to_owned();
        assert!(services(vec![odd, naptr(1, 1, "SIP+D2U", ".")]).is_empty());
    }

    #[test]
    fn lower_priorities_wait_for_the_higher_ones() {
        let records = vec![srv(20, 9, "c"), srv(10, 0, "a"), srv(10, 0, "b")];
        for seed in 1..50 {
            let order = ordered(records.clone(), dice(seed));
            assert_eq!(order[2].target, "c");
        }
        assert!(ordered(vec![srv(0, 0, ".")], dice(1)).is_empty());
    }

    #[test]
    fn the_lot_falls_as_the_weights_say() {
        let records = vec![srv(1, 60, "a"), srv(1, 30, "b"), srv(1, 10, "c")];
        let mut chance = dice(7);
        let (mut first, mut second_behind_a) = ([0_u32; 3], [0_u32; 3]);
        let at = |target: &str| ["a", "b", "c"].iter().position(|t| *t == target).unwrap();
        for _ in 0..10_000 {
            let order = ordered(records.clone(), &mut chance);
            first[at(&order[0].target)] += 1;
            if order[0].target == "a" {
                second_behind_a[at(&order[1].target)] += 1;
            }
        }
        // Within four standard deviations.
        assert!((5_804..=6_196).contains(&first[0]), "{first:?}");
        assert!((2_817..=3_183).contains(&first[1]), "{first:?}");
        assert!((880..=1_140).contains(&first[2]), "{first:?}");
        let ratio = f64::from(second_behind_a[1]) / f64::from(second_behind_a[2]);
        assert!((2.4..=3.6).contains(&ratio), "{second_behind_a:?}");
    }

    #[test]
    fn no_weight_is_a_small_chance_and_not_none() {
        let records = vec![srv(1, 9, "heavy"), srv(1, 0, "light")];
        assert_eq!(targets(&ordered(records.clone(), || 0)), ["light", "heavy"]);
        for drawn in 1..10 {
            let order = ordered(records.clone(), || drawn);
            assert_eq!(targets(&order), ["heavy", "light"], "{drawn}");
        }
    }

    #[test]
    fn the_same_servers_keep_their_order() {
        let (a, b) = (server("a", "192.0.2.1:1"), server("b", "192.0.2.2:1"));
        let c = server("c", "192.0.2.3:1");
        let old = [b.clone(), a.clone()];
        assert_eq!(keep_order(&old, vec![a.clone(), b.clone()]), old);
        let new = vec![a.clone(), c];
        assert_eq!(keep_order(&old, new.clone()), new);
        let twice = vec![a.clone(), b.clone(), server("other", "192.0.2.1:1")];
        assert_eq!(unique(twice), [a, b]);
    }

    #[test]
    fn a_server_that_failed_comes_last_for_a_while() {
        let (a, b) = (server("a", "192.0.2.1:1"), server("b", "192.0.2.2:1"));
        let both = vec![a.clone(), b.clone()];
        let now = Instant::now();
        let mut unwell = Unwell::default();
        unwell.handle_failure(&a, now);
        assert_eq!(unwell.sort(both.clone(), now), [b.clone(), a.clone()]);
        assert_eq!(unwell.sort(both.clone(), now + UNWELL_FOR), both);
        unwell.handle_failure(&b, now);
        assert_eq!(unwell.sort(both.clone(), now), both);
        unwell.handle_success(&a);
        assert_eq!(unwell.sort(vec![b.clone(), a.clone()], now), [a, b]);
    }

    #[test]
    fn a_server_is_shown_by_name_and_port() {
        let named = server("sip1.example.com", "192.0.2.1:5062");
        assert_eq!(named.to_string(), "sip1.example.com:5062 (192.0.2.1)");
        let plain = server("::1", "[::1]:5060");
        assert_eq!(plain.to_string(), "[::1]:5060");
    }
}
