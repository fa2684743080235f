//! What does the DNS say about a name?
//!
//! Answers are kept as long as they say themselves, and "there is none" for half a minute at
//! most, so that a record that has just been made is soon found.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::config::{LookupIpStrategy, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::sip::finding::servers::{Naptr, Srv};

/// Looks names up.
pub(crate) struct Names {
    /// Asked instead of those of the system.
    server: Option<SocketAddr>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    /// `None` if the system names no server.
    resolver: Option<TokioResolver>,
    /// The configuration that the resolver was made from; none before the first question.
    stamp: Option<Stamp>,
    /// Names that nobody says anything about: cheap routers drop questions they do not know.
    /// They are asked again after this time.
    unanswered: HashMap<String, Instant>,
}

/// A file as far as it can be told apart from a changed one.
type Stamp = Option<(SystemTime, u64)>;

impl Names {
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        Self {
            server,
            asked: Mutex::default(),
        }
    }

    /// Whether the list of hosts of this machine has the name: then the DNS is not asked.
    pub(crate) fn is_local(&self, host: &str) -> bool {
        let Ok(mut name) = Name::from_utf8(host) else {
            return false;
        };
        name.set_fqdn(true);
        let query = |kind| hickory_resolver::proto::op::Query::query(name.clone(), kind);
        let has = |hosts: Hosts| {
            let has = |kind| hosts.lookup_static_host(&query(kind)).is_some();
            has(RecordType::A) || has(RecordType::AAAA)
        };
        name.is_localhost() || Hosts::from_system().is_ok_and(has)
    }

    /// The NAPTR records of a domain; none if there are none to be had.
    pub(crate) async fn naptr(&self, domain: &str) -> Vec<Naptr> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let read = |data: &RData| {
            let RData::NAPTR(naptr) = data else {
                return None;
            };
            Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: text(&naptr.flags),
                services: text(&naptr.services),
                replacement: naptr.replacement.to_string(),
            })
        };
        self.records(domain, RecordType::NAPTR, read).await
    }

    /// The SRV records of that name; none if there are none to be had.
    pub(crate) async fn srv(&self, name: &str) -> Vec<Srv> {
        let read = |data: &RData| {
            let RData::SRV(srv) = data else {
                return None;
            };
            Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_string(),
            })
        };
        self.records(name, RecordType::SRV, read).await
    }

    /// The addresses of a host, IPv4 before IPv6: telephony still lives there.
    ///
    /// # Errors
    /// Why there are none, in words for an operator.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let found = match self.resolver() {
            Some(resolver) => match timeout(ANSWER_FOR, resolver.lookup_ip(host)).await {
                Ok(Ok(found)) => return Ok(found.iter().collect()),
                Ok(Err(why)) => why,
                Err(_) => NetError::Timeout,
            },
            None => NetError::NoConnections,
        };
        // What the system knows besides the DNS are neighbours, and the names it completes.
        let is_near = !host.trim_end_matches('.').contains('.') || host.ends_with(".local");
        let does_not_exist = is_no(&found);
        if self.server.is_none() && (is_near || !does_not_exist) {
            let known = timeout(ANSWER_FOR, lookup_host((host, 0))).await;
            let known = known.ok().and_then(Result::ok).into_iter().flatten();
            let mut known: Vec<IpAddr> = known.map(|address| address.ip()).collect();
            known.sort_by_key(IpAddr::is_ipv6);
            known.dedup();
            if !known.is_empty() {
                return Ok(known);
            }
        }
        Err(match does_not_exist {
            true => format!("cannot find \"{host}\": there is no such name"),
            false => format!("cannot find \"{host}\": no name server answers"),
        })
    }

    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Vec<T> {
        let key = format!("{kind} {name}");
        let Some(resolver) = self.resolver().filter(|_| self.is_worth_asking(&key)) else {
            return Vec::new();
        };
        match timeout(ANSWER_FOR, resolver.lookup(name, kind)).await {
            Ok(Ok(found)) => {
                let records = found.answers().iter();
                records.filter_map(|record| read(&record.data)).collect()
            }
            Ok(Err(why)) if is_no(&why) => Vec::new(),
            Ok(Err(_)) | Err(_) => {
                self.is_silent_about(key);
                Vec::new()
            }
        }
    }

    fn is_worth_asking(&self, key: &str) -> bool {
        let asked = self.lock();
        asked
            .unanswered
            .get(key)
            .is_none_or(|until| *until <= Instant::now())
    }

    fn is_silent_about(&self, key: String) {
        let now = Instant::now();
        let mut asked = self.lock();
        asked.unanswered.retain(|_, until| *until > now);
        asked.unanswered.insert(key, now + UNANSWERED_FOR);
    }

    /// Made anew when the system gets other name servers; a daemon sees many of them.
    fn resolver(&self) -> Option<TokioResolver> {
        let stamp = match self.server {
            Some(_) => None,
            None => stamp(Path::new(RESOLV_CONF)),
        };
        let mut asked = self.lock();
        if asked.stamp != Some(stamp) {
            asked.resolver = resolver(self.server);
            asked.stamp = Some(stamp);
            asked.unanswered.clear();
        }
        asked.resolver.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resolver(server: Option<SocketAddr>) -> Option<TokioResolver> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio().ok()?,
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            let connections = connections.into_iter().map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.collect());
            let config = ResolverConfig::from_name_servers(vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    adapt(builder.options_mut());
    builder.build().ok()
}

fn adapt(options: &mut ResolverOpts) {
    options.timeout = TRY_FOR;
    options.attempts = TRIES;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.negative_max_ttl = Some(NEGATIVE_FOR);
    // Ports that the system picks cannot be ones that sound is promised to.
    options.os_port_selection = true;
}

/// Whether it is an answer: that there is nothing.
fn is_no(why: &NetError) -> bool {
    matches!(why, NetError::Dns(DnsError::NoRecordsFound(_)))
}

fn stamp(file: &Path) -> Stamp {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}

/// Where the system names its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Name servers are near, and datagrams get lost.
const TRY_FOR: Duration = Duration::from_millis(800);
const TRIES: usize = 2;

/// How long all tries may take; people wait behind it.
const ANSWER_FOR: Duration = Duration::from_millis(2_500);

/// Whoever has just written a record waits no longer for it to count.
const NEGATIVE_FOR: Duration = Duration::from_secs(30);

/// Between two calls nobody should wait for an answer that never comes.
const UNANSWERED_FOR: Duration = Duration::from_secs(60);
