//! Where has a request to go that names a host? (RFC 3263 §4)

use std::net::{IpAddr, SocketAddr};

use crate::sip::account::registering::chance;
use crate::sip::finding::names::Names;
use crate::sip::finding::servers::{self, Server, Srv};
use crate::sip::settings::Transport;
use crate::sip::wire::flow::Hop;

impl Names {
    /// The servers that a hop stands for, the first to be tried first; there is at least one.
    ///
    /// # Errors
    /// What cannot be found, in words for an operator.
    pub(crate) async fn locate(&self, hop: &Hop) -> Result<Vec<Server>, String> {
        let transport = hop.transport.unwrap_or_default();
        let port = hop.port.unwrap_or(transport.default_port());
        if let Ok(ip) = hop.host.parse::<IpAddr>() {
            return Ok(vec![hop.server(&hop.host, transport, (ip, port).into())]);
        }
        // A port says which server is meant (RFC 3263 §4.2).
        if hop.port.is_none() && !self.is_local(&hop.host) {
            let offers = self.offers(hop).await;
            if !offers.is_empty() {
                return self.addressed(hop, offers).await;
            }
        }
        let found = self.addresses(&hop.host).await?;
        let server = |ip| hop.server(&hop.host, transport, SocketAddr::new(ip, port));
        Ok(found.into_iter().map(server).collect())
    }

    /// The servers of all hops in their order, and why there are none of some.
    ///
    /// # Errors
    /// Why there are none at all.
    pub(crate) async fn locate_all(
        &self,
        hops: &[Hop],
    ) -> Result<(Vec<Server>, Vec<String>), String> {
        let (mut found, mut whys) = (Vec::new(), Vec::new());
        for hop in hops {
            match self.locate(hop).await {
                Ok(more) => found.extend(more),
                Err(why) => whys.push(why),
            }
        }
        if found.is_empty() {
            return Err(whys.join("; "));
        }
        Ok((servers::unique(found), whys))
    }

    /// What the records of services offer, each with its transport.
    async fn offers(&self, hop: &Hop) -> Vec<(Transport, Srv)> {
        let domain = rooted(&hop.host);
        let asked = |transport| {
            let is_wanted = hop.transport.is_none_or(|wanted| wanted == transport);
            let name = servers::service_name(transport, &domain);
            async move {
                match is_wanted {
                    true => self.srv(&name).await,
                    false => Vec::new(),
                }
            }
        };
        let preferred = async {
            match hop.transport {
                None => servers::services(self.naptr(&domain).await),
                Some(_) => Vec::new(),
            }
        };
        // All at once: most domains have none of them, and people wait.
        let (preferred, udp, tcp, tls) = tokio::join!(
            preferred,
            asked(Transport::Udp),
            asked(Transport::Tcp),
            asked(Transport::Tls)
        );
        let mut offers = Vec::new();
        for (transport, name) in preferred {
            offers.extend(of_one(transport, self.srv(&name).await));
        }
        if !offers.is_empty() {
            return offers;
        }
        let usual = [
            of_one(Transport::Udp, udp),
            of_one(Transport::Tcp, tcp),
            of_one(Transport::Tls, tls),
        ];
        let offered = usual.into_iter().find(|offers| !offers.is_empty());
        offered.unwrap_or_default()
    }

    /// The addresses of what is offered.
    async fn addressed(
        &self,
        hop: &Hop,
        offers: Vec<(Transport, Srv)>,
    ) -> Result<Vec<Server>, String> {
        let (mut found, mut whys) = (Vec::new(), Vec::new());
        for (transport, Srv { target, port, .. }) in offers {
            match self.addresses(&target).await {
                Ok(ips) => {
                    let name = target.trim_end_matches('.');
                    let server = |ip| hop.server(name, transport, SocketAddr::new(ip, port));
                    found.extend(ips.into_iter().map(server));
                }
                Err(why) => whys.push(why),
            }
        }
        if found.is_empty() {
            return Err(format!(
                "\"{}\" has no server: {}",
                hop.host,
                whys.join("; ")
            ));
        }
        Ok(servers::unique(found))
    }
}

impl Hop {
    fn server(&self, target: &str, transport: Transport, address: SocketAddr) -> Server {
        Server {
            host: self.host.clone(),
            target: target.to_owned(),
            transport,
            address,
            route: self.route.clone(),
        }
    }
}

fn of_one(transport: Transport, records: Vec<Srv>) -> Vec<(Transport, Srv)> {
    let order = servers::ordered(records, chance).into_iter();
    order.map(|record| (transport, record)).collect()
}

/// A name with dots is whole; one without is completed as the system completes it.
fn rooted(host: &str) -> String {
    match host.contains('.') && !host.ends_with('.') {
        true => format!("{host}."),
        false => host.to_owned(),
    }
}
