//! By which servers may a call of ours go out, one after the other? (RFC 3263 §4.3)

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use crate::sip::address::{self, NameAddr, Uri};
use crate::sip::finding::servers::{self, Server, Unwell};
use crate::sip::hub::Hub;
use crate::sip::settings::Account;
use crate::sip::wire::flow::{Flow, Hop};

/// The way to a server, and the Route value that requests along it carry.
pub(crate) type Way = (Flow, Option<String>);

/// The servers that are left to try.
pub(crate) struct Ways {
    hub: Arc<Hub>,
    account: Option<String>,
    left: VecDeque<Server>,
    /// The one that was tried last.
    tried: Option<Server>,
    whys: Vec<String>,
}

impl Ways {
    /// To what a URI names.
    ///
    /// # Errors
    /// What cannot be found.
    pub(crate) async fn to(hub: &Arc<Hub>, hop: &Hop) -> Result<Self, String> {
        let found = hub.names.locate(hop).await?;
        let left = hub.unwell().sort(found, Instant::now());
        Ok(Self::by(hub, None, left))
    }

    /// Through an account: first the server that has our registration, along the route that
    /// it wants (RFC 3608 §5).
    ///
    /// # Errors
    /// What cannot be found.
    pub(crate) async fn through(hub: &Arc<Hub>, account: &Account) -> Result<Self, String> {
        let hops = account.hops()?;
        let serving = hub.registrars.serving(&account.name);
        let mut found = Vec::new();
        if let Some(serving) = &serving {
            let proxy = hops.first().and_then(|hop| hop.route.as_deref());
            match serviced(proxy, &serving.routes, account) {
                // One that cannot be found is as good as none.
                Some(hop) => found.extend(hub.names.locate(&hop).await.unwrap_or_default()),
                None => found.push(serving.server.clone()),
            }
        }
        match hub.names.locate_all(&hops).await {
            Ok((more, _)) => found.extend(hub.registrars.rank(&account.name, more)),
            Err(why) if found.is_empty() => return Err(why),
            Err(_) => {}
        }
        let left = hub.unwell().sort(servers::unique(found), Instant::now());
        Ok(Self::by(hub, Some(account.name.clone()), left))
    }

    fn by(hub: &Arc<Hub>, account: Option<String>, left: Vec<Server>) -> Self {
        Self {
            hub: hub.clone(),
            account,
            left: left.into(),
            tried: None,
            whys: Vec::new(),
        }
    }

    /// The way to the next server that can be reached.
    ///
    /// # Errors
    /// There is none; what was wrong with each.
    pub(crate) async fn next(&mut self) -> Result<Way, String> {
        while let Some(server) = self.left.pop_front() {
            self.tried = Some(server.clone());
            match self.hub.open(&server).await {
                Ok(flow) => return Ok((flow, server.route)),
                Err(why) => self.failed(why),
            }
        }
        Err(std::mem::take(&mut self.whys).join("; "))
    }

    /// Whether there is another server to try.
    pub(crate) fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    /// The server that is tried has said something.
    pub(crate) fn worked(&self) {
        if let Some(server) = &self.tried {
            self.hub.unwell().handle_success(server);
        }
    }

    /// The server that is tried does not serve.
    pub(crate) fn failed(&mut self, why: String) {
        if let Some(server) = self.tried.take() {
            self.hub.unwell().handle_failure(&server, Instant::now());
            if let Some(account) = &self.account {
                self.hub.registrars.doubt(account, &server);
            }
        }
        self.whys.push(why);
    }

    /// What the server that is tried is called.
    pub(crate) fn tried(&self) -> String {
        let server = self.tried.as_ref().map(Server::to_string);
        server.unwrap_or_else(|| "the server".to_owned())
    }
}

impl Hub {
    pub(crate) fn unwell(&self) -> MutexGuard<'_, Unwell> {
        self.unwell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first stop of a service route, behind the proxy that all goes through.
fn serviced(proxy: Option<&str>, routes: &[String], account: &Account) -> Option<Hop> {
    let uri_of = |route| Some(NameAddr::parse(route)?.uri);
    let first = uri_of(routes.first()?)?;
    let proxy = proxy.filter(|proxy| uri_of(proxy).is_none_or(|uri| !leads_to(uri, first)));
    let mut hop = Hop::parse(uri_of(proxy.unwrap_or(&routes[0]))?, account.transport).ok()?;
    let all = proxy.into_iter().chain(routes.iter().map(String::as_str));
    hop.route = Some(all.collect::<Vec<_>>().join(", "));
    Some(hop)
}

/// Whether two URIs name the same host and port.
fn leads_to(a: &str, b: &str) -> bool {
    let place = |uri| Uri::parse(uri).map(|uri| (uri.host.to_ascii_lowercase(), uri.port));
    place(a).is_some() && place(a) == place(b)
}

/// The routes of a Service-Route that can be followed: a strict router is none (RFC 3608 §6.3).
pub(crate) fn loose<'a>(values: impl Iterator<Item = &'a str>) -> Vec<String> {
    let is_loose = |route: &&str| {
        let uri = NameAddr::parse(route).and_then(|route| Uri::parse(route.uri));
        uri.is_some_and(|uri| address::param(uri.params, "lr").is_some())
    };
    let routes = values.flat_map(address::list).filter(is_loose);
    routes.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_route_stands_behind_the_proxy_unless_it_begins_there() {
        let routes = ["<sip:p.example.com;lr>".to_owned(), "<sip:q;lr>".to_owned()];
        let account = Account::default();
        let table = [
            (None, "p.example.com", "<sip:p.example.com;lr>, <sip:q;lr>"),
            (
                Some("<sip:edge;lr>"),
                "edge",
                "<sip:edge;lr>, <sip:p.example.com;lr>, <sip:q;lr>",
            ),
            (
                Some("<sip:P.example.com;transport=tcp;lr>"),
                "p.example.com",
                "<sip:p.example.com;lr>, <sip:q;lr>",
            ),
        ];
        for (proxy, host, route) in table {
            let hop = serviced(proxy, &routes, &account).unwrap();
            assert_eq!(
                (hop.host.as_str(), hop.route.as_deref()),
                (host, Some(route))
            );
        }
        assert_eq!(serviced(Some("<sip:edge;lr>"), &[], &account), None);
    }

    #[test]
    fn only_loose_service_routes_are_followed() {
        let values = ["<sip:a;lr>, <sip:strict>", "\"x\" <sip:b;lr>;p=1"];
        let wanted = ["<sip:a;lr>", "\"x\" <sip:b;lr>;p=1"];
        assert_eq!(loose(values.into_iter()), wanted);
    }
}
