//! By which way does a peer hear from us, and what are we called there?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rsipstack::sip::{HeadersExt, Request, SipMessage};
use rsipstack::transaction::random_text;
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::time::timeout;

use crate::sip::address;
use crate::sip::event::Here;
use crate::sip::finding::servers::Server;
use crate::sip::hub::Hub;
use crate::sip::settings::{Account, Transport};
use crate::sip::wire::local;
use crate::sip::wire::stream::Stream;

/// A way to a peer.
#[derive(Clone)]
pub(crate) struct Flow {
    pub(crate) connection: SipConnection,
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
    /// Our address, as the peer has to write it.
    pub(crate) local: SocketAddr,
    /// Our address on this machine.
    bound: IpAddr,
    stream: Option<Stream>,
}

impl Flow {
    /// A Via value with a fresh branch; the peer shall answer to where we really are
    /// (RFC 3581).
    pub(crate) fn via(&self) -> String {
        self.via_with(&branch())
    }

    pub(crate) fn via_with(&self, branch: &str) -> String {
        let transport = self.transport.name().to_ascii_uppercase();
        format!("SIP/2.0/{transport} {};rport;branch={branch}", self.local)
    }

    /// A Contact value under which the peer reaches us again.
    pub(crate) fn contact(&self, user: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        let user = address::escaped(user);
        format!("<sip:{user}{at}{}{}>", self.local, self.transport.param())
    }

    pub(crate) fn here(&self) -> Here {
        Here {
            bound: self.bound,
            advertised: self.local.ip(),
        }
    }

    pub(crate) fn sip_addr(&self) -> SipAddr {
        SipAddr {
            r#type: Some(self.transport.of_stack()),
            addr: self.remote.into(),
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(|stream| stream.gone.is_cancelled())
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.transport != Transport::Udp
    }

    /// Returns once the stream is closed; never for datagrams.
    pub(crate) async fn gone(&self) {
        match &self.stream {
            Some(stream) => stream.gone.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Sends what keeps a NAT's mapping alive (RFC 5626 §3.5.1 has it for streams, and every
    /// registrar takes it over UDP).
    pub(crate) async fn keep_alive(&self) {
        if let Some(stream) = &self.stream {
            stream.ping();
        } else if let SipConnection::Udp(datagrams) = &self.connection {
            // The next one will do as well.
            let _ = datagrams.send_raw(b"\r\n\r\n", &self.sip_addr()).await;
        }
    }

    /// Gives a stream up; datagrams have nothing to give up.
    pub(crate) fn close(&self) {
        if let Some(stream) = &self.stream {
            stream.gone.cancel();
        }
    }

    /// Whether the other end of a stream answers a keep-alive in time.
    pub(crate) async fn ping(&self, within: Duration) -> bool {
        let Some(stream) = &self.stream else {
            return false;
        };
        stream.ping();
        timeout(within, stream.pong.heard()).await.is_ok()
    }

    /// Sends a request outside of any transaction: an ACK.
    pub(crate) async fn send(&self, request: Request) {
        let message = SipMessage::Request(request);
        // A lost ACK is asked for again by the repeated answer.
        let _ = self.connection.send(message, Some(&self.sip_addr())).await;
    }
}

/// Where to send a request, as far as its text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// `None` if the DNS may choose.
    pub(crate) transport: Option<Transport>,
    /// The Route value of requests that go there.
    pub(crate) route: Option<String>,
}

impl Hop {
    /// From a SIP URI, or from `host[:port]`; `usual` is how to go where it does not say.
    ///
    /// # Errors
    /// A text that names the address and what is wrong with it.
    pub(crate) fn parse(text: &str, usual: Option<Transport>) -> Result<Self, String> {
        let scheme = text.split(':').next().unwrap_or_default();
        let is_uri = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
        let not_an_address = || format!("\"{text}\" is not a sip address");
        if !is_uri {
            let (host, port) = address::host_port(text).ok_or_else(not_an_address)?;
            return Ok(Self {
                host: host.to_owned(),
                port,
                transport: usual,
                route: None,
            });
        }
        let uri = address::Uri::parse(text).ok_or_else(not_an_address)?;
        let transport = match address::param(uri.params, "transport") {
            // With sips, the parameter could at most say TCP below TLS (RFC 5630 section 4.1.1).
            _ if uri.scheme.len() > "sip".len() => Some(Transport::Tls),
            None => usual,
            Some(name) => Some(
                Transport::from_name(name)
                    .ok_or_else(|| format!("\"{text}\": no transport {name}"))?,
            ),
        };
        let host = address::param(uri.params, "maddr").unwrap_or(uri.host);
        Ok(Self {
            host: host.to_owned(),
            port: uri.port,
            transport,
            route: None,
        })
    }

    /// As a Route value, loose.
    fn as_route(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let transport = self.transport.map(Transport::param).unwrap_or_default();
        format!("<sip:{host}{port}{transport};lr>")
    }
}

impl Account {
    /// Where requests of the account may go first, in the order of trying; proxies with the
    /// Route value that names them.
    ///
    /// # Errors
    /// What is wrong with the domain or the proxy.
    pub(crate) fn hops(&self) -> Result<Vec<Hop>, String> {
        if self.outbound_proxies.is_empty() {
            let domains = std::iter::once(&self.domain).chain(&self.more_domains);
            return domains.map(|it| Hop::parse(it, self.transport)).collect();
        }
        let proxies = self.outbound_proxies.iter();
        proxies
            .map(|proxy| {
                let mut hop = Hop::parse(proxy, self.transport)?;
                hop.route = Some(hop.as_route());
                Ok(hop)
            })
            .collect()
    }
}

impl Hub {
    /// The way back to where a message came from.
    pub(crate) fn flow_back(&self, connection: &SipConnection, peer: SocketAddr) -> Option<Flow> {
        if connection.is_reliable() {
            return self.streams.to(peer).map(|stream| self.along(stream, peer));
        }
        self.by_datagram(peer).ok()
    }

    /// A way to a peer that a text names; resolves and connects as needed, and tries one
    /// server after the other (RFC 3263 §4.3).
    ///
    /// # Errors
    /// What went wrong, in words for a log.
    pub(crate) async fn flow_to(&self, hop: &Hop) -> Result<Flow, String> {
        let mut whys = Vec::new();
        for server in self.names.locate(hop).await? {
            match self.open(&server).await {
                Ok(flow) => return Ok(flow),
                Err(why) => whys.push(why),
            }
        }
        Err(whys.join("; "))
    }

    /// A way to that server.
    ///
    /// # Errors
    /// What went wrong, in words for a log.
    pub(crate) async fn open(&self, server: &Server) -> Result<Flow, String> {
        let remote = server.address;
        self.doors.befriend(remote.ip());
        match server.transport {
            Transport::Udp => {
                // Better said now than found out by silence.
                local::towards(remote).map_err(|why| format!("no way to {server}: {why}"))?;
                self.by_datagram(remote)
            }
            Transport::Tcp | Transport::Tls => self.by_stream(server).await,
        }
    }

    /// Our address, as `remote` has to write it.
    pub(crate) fn advertised(&self, remote: SocketAddr, local: SocketAddr) -> SocketAddr {
        match self.external() {
            Some(ip) if !remote.ip().is_loopback() && ip.is_ipv4() == remote.is_ipv4() => {
                SocketAddr::new(ip, local.port())
            }
            Some(_) | None => local,
        }
    }

    fn by_datagram(&self, remote: SocketAddr) -> Result<Flow, String> {
        let local = self.wires.local(remote);
        let local = local.map_err(|why| format!("no way to {remote}: {why}"))?;
        Ok(Flow {
            connection: self.datagrams.clone(),
            transport: Transport::Udp,
            remote,
            local: self.advertised(remote, local),
            bound: local.ip(),
            stream: None,
        })
    }

    async fn by_stream(&self, server: &Server) -> Result<Flow, String> {
        let (remote, transport, host) = (server.address, server.transport, &server.host);
        if let Some(stream) = self.streams.towards(remote, transport, host) {
            return Ok(self.along(stream, remote));
        }
        let stream = self.streams.connect(remote, transport, host).await;
        let stream = stream.map_err(|why| format!("no connection to {server}: {why}"))?;
        self.stack
            .transport_layer
            .add_connection(stream.connection.clone());
        Ok(self.along(stream, remote))
    }

    fn along(&self, stream: Stream, remote: SocketAddr) -> Flow {
        Flow {
            connection: stream.connection.clone(),
            transport: stream.transport,
            remote,
            local: self.advertised(remote, stream.local),
            bound: stream.local.ip(),
            stream: Some(stream),
        }
    }
}

/// Where a request came from: ingress has written it into the Via of a datagram.
pub(crate) fn source(connection: &SipConnection, request: &Request) -> Option<SocketAddr> {
    if let Some(peer) = connection.get_remote_addr() {
        return peer.get_socketaddr().ok();
    }
    let via = request.via_header().ok()?;
    let (_, place) = SipConnection::parse_target_from_via(via).ok()?;
    place.try_into().ok()
}

/// A branch of ours (RFC 3261 §8.1.1.7).
pub(crate) fn branch() -> String {
    format!("z9hG4bK{}", random_text(BRANCH_LENGTH))
}

/// Unique with certainty enough, and short.
const BRANCH_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_read_from_uris_and_from_plain_hosts() {
        let hop = |text| Hop::parse(text, None);
        let made = |host: &str, port, transport| {
            Ok(Hop {
                host: host.to_owned(),
                port,
                transport,
                route: None,
            })
        };
        assert_eq!(hop("pbx"), made("pbx", None, None));
        assert_eq!(hop("pbx:5070"), made("pbx", Some(5070), None));
        assert_eq!(hop("sip.pbx:5070"), made("sip.pbx", Some(5070), None));
        assert_eq!(hop("::1"), made("::1", None, None));
        assert_eq!(
            hop("sip:u@pbx:5070;transport=TCP;lr"),
            made("pbx", Some(5070), Some(Transport::Tcp))
        );
        assert_eq!(hop("sips:pbx"), made("pbx", None, Some(Transport::Tls)));
        assert_eq!(
            hop("sip:pbx;transport=tls"),
            made("pbx", None, Some(Transport::Tls))
        );
        assert!(hop("sip:pbx;transport=ws").is_err());
        assert!(hop("").is_err() && hop("a b").is_err());
    }
}
