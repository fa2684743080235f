//! By which way does a peer hear from us, and what are we called there?

use std::net::SocketAddr;

use rsipstack::platform::CancellationToken;
use rsipstack::sip::{HeadersExt, Request, SipMessage};
use rsipstack::transaction::random_text;
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::address;
use super::hub::Hub;
use super::local;
use super::settings::{Account, Transport};
use super::stream::Stream;

/// A way to a peer.
#[derive(Clone)]
pub(super) struct Flow {
    pub(super) connection: SipConnection,
    pub(super) transport: Transport,
    pub(super) remote: SocketAddr,
    /// Our address, as the peer has to write it.
    pub(super) local: SocketAddr,
    /// The end of a stream.
    gone: Option<CancellationToken>,
}

impl Flow {
    /// A Via value with a fresh branch; the peer shall answer to where we really are
    /// (RFC 3581).
    pub(super) fn via(&self) -> String {
        self.via_with(&branch())
    }

    pub(super) fn via_with(&self, branch: &str) -> String {
        let transport = self.transport.name().to_ascii_uppercase();
        format!("SIP/2.0/{transport} {};rport;branch={branch}", self.local)
    }

    /// A Contact value under which the peer reaches us again.
    pub(super) fn contact(&self, user: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        let user = address::escaped(user);
        format!("<sip:{user}{at}{}{}>", self.local, self.transport.param())
    }

    pub(super) fn sip_addr(&self) -> SipAddr {
        SipAddr {
            r#type: Some(self.transport.of_stack()),
            addr: self.remote.into(),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone
            .as_ref()
            .is_some_and(CancellationToken::is_cancelled)
    }

    pub(super) fn is_stream(&self) -> bool {
        self.transport != Transport::Udp
    }

    /// Returns once the stream is closed; never for datagrams.
    pub(super) async fn gone(&self) {
        match &self.gone {
            Some(gone) => gone.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Sends what keeps a NAT's mapping alive (RFC 5626 §3.5.1 has it for streams, and every
    /// registrar takes it over UDP); streams have probes of the system.
    pub(super) async fn keep_alive(&self) {
        if let SipConnection::Udp(datagrams) = &self.connection {
            // The next one will do as well.
            let _ = datagrams.send_raw(b"\r\n\r\n", &self.sip_addr()).await;
        }
    }

    /// Sends a request outside of any transaction: an ACK.
    pub(super) async fn send(&self, request: Request) {
        let message = SipMessage::Request(request);
        // A lost ACK is asked for again by the repeated answer.
        let _ = self.connection.send(message, Some(&self.sip_addr())).await;
    }
}

/// Where to send a request, as far as its text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) transport: Transport,
}

impl Hop {
    /// From a SIP URI, or from `host[:port]`.
    ///
    /// # Errors
    /// A text that names the address and what is wrong with it.
    pub(super) fn parse(text: &str, default: Transport) -> Result<Self, String> {
        let scheme = text.split(':').next().unwrap_or_default();
        let is_uri = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
        let not_an_address = || format!("\"{text}\" is not a sip address");
        if !is_uri {
            let (host, port) = address::host_port(text).ok_or_else(not_an_address)?;
            return Ok(Self {
                host: host.to_owned(),
                port,
                transport: default,
            });
        }
        let uri = address::Uri::parse(text).ok_or_else(not_an_address)?;
        let transport = match address::param(uri.params, "transport") {
            // With sips, the parameter could at most say TCP below TLS (RFC 5630 section 4.1.1).
            _ if uri.scheme.len() > "sip".len() => Transport::Tls,
            None => default,
            Some(name) => Transport::from_name(name)
                .ok_or_else(|| format!("\"{text}\": no transport {name}"))?,
        };
        let host = address::param(uri.params, "maddr").unwrap_or(uri.host);
        Ok(Self {
            host: host.to_owned(),
            port: uri.port,
            transport,
        })
    }

    /// As a Route value, loose.
    pub(super) fn route(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let transport = self.transport.param();
        format!("<sip:{host}{port}{transport};lr>")
    }
}

impl Account {
    /// Where requests of the account go first, and the Route value if that is a proxy.
    ///
    /// # Errors
    /// What is wrong with the domain or the proxy.
    pub(super) fn first_hop(&self) -> Result<(Hop, Option<String>), String> {
        let registrar = Hop::parse(&self.domain, self.transport)?;
        let Some(proxy) = &self.outbound_proxy else {
            return Ok((registrar, None));
        };
        let hop = Hop::parse(proxy, self.transport)?;
        let route = hop.route();
        Ok((hop, Some(route)))
    }
}

impl Hub {
    /// The way back to where a message came from.
    pub(super) fn flow_back(&self, connection: &SipConnection, peer: SocketAddr) -> Option<Flow> {
        if connection.is_reliable() {
            return self.streams.to(peer).map(|stream| self.along(stream, peer));
        }
        self.by_datagram(peer).ok()
    }

    /// A way to a peer that a text names; resolves and connects as needed.
    ///
    /// # Errors
    /// What went wrong, in words for a log.
    pub(super) async fn flow_to(&self, hop: &Hop) -> Result<Flow, String> {
        let remote = resolve(hop).await?;
        self.doors.befriend(remote.ip());
        match hop.transport {
            Transport::Udp => {
                // Better said now than found out by silence.
                local::towards(remote).map_err(|why| format!("no way to {remote}: {why}"))?;
                self.by_datagram(remote)
            }
            Transport::Tcp | Transport::Tls => self.by_stream(hop, remote).await,
        }
    }

    /// Our address, as `remote` has to write it.
    pub(super) fn advertised(&self, remote: SocketAddr, local: SocketAddr) -> SocketAddr {
        match self.external {
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
            gone: None,
        })
    }

    async fn by_stream(&self, hop: &Hop, remote: SocketAddr) -> Result<Flow, String> {
        if let Some(stream) = self.streams.towards(remote, hop.transport, &hop.host) {
            return Ok(self.along(stream, remote));
        }
        let stream = self.streams.connect(remote, hop.transport, &hop.host).await;
        let stream = stream.map_err(|why| format!("no connection to {remote}: {why}"))?;
        self.stack
            .transport_layer
            .add_connection(stream.connection.clone());
        Ok(self.along(stream, remote))
    }

    fn along(&self, stream: Stream, remote: SocketAddr) -> Flow {
        Flow {
            connection: stream.connection,
            transport: stream.transport,
            remote,
            local: self.advertised(remote, stream.local),
            gone: Some(stream.gone),
        }
    }
}

/// Where a request came from: ingress has written it into the Via of a datagram.
pub(super) fn source(connection: &SipConnection, request: &Request) -> Option<SocketAddr> {
    if let Some(peer) = connection.get_remote_addr() {
        return peer.get_socketaddr().ok();
    }
    let via = request.via_header().ok()?;
    let (_, place) = SipConnection::parse_target_from_via(via).ok()?;
    place.try_into().ok()
}

/// The first address of a name, IPv4 before IPv6: telephony still lives there.
async fn resolve(hop: &Hop) -> Result<SocketAddr, String> {
    let port = hop.port.unwrap_or(hop.transport.default_port());
    let host = hop.host.as_str();
    if let Ok(ip) = host.parse() {
        return Ok(SocketAddr::new(ip, port));
    }
    let found = timeout(RESOLVE_FOR, lookup_host((host, port))).await;
    let found = found.map_err(|_| format!("no answer to who \"{host}\" is"))?;
    let found: Vec<_> = found
        .map_err(|why| format!("cannot find \"{host}\": {why}"))?
        .collect();
    let chosen = found.iter().find(|a| a.is_ipv4()).or(found.first());
    chosen
        .copied()
        .ok_or_else(|| format!("\"{host}\" has no address"))
}

/// A branch of ours (RFC 3261 §8.1.1.7).
pub(super) fn branch() -> String {
    format!("z9hG4bK{}", random_text(BRANCH_LENGTH))
}

/// How long a name server may take; people wait behind it.
const RESOLVE_FOR: std::time::Duration = std::time::Duration::from_secs(5);

/// Unique with certainty enough, and short.
const BRANCH_LENGTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_read_from_uris_and_from_plain_hosts() {
        let hop = |text| Hop::parse(text, Transport::Udp);
        let made = |host: &str, port, transport| {
            Ok(Hop {
                host: host.to_owned(),
                port,
                transport,
            })
        };
        assert_eq!(hop("pbx"), made("pbx", None, Transport::Udp));
        assert_eq!(hop("pbx:5070"), made("pbx", Some(5070), Transport::Udp));
        assert_eq!(
            hop("sip.pbx:5070"),
            made("sip.pbx", Some(5070), Transport::Udp)
        );
        assert_eq!(hop("::1"), made("::1", None, Transport::Udp));
        assert_eq!(
            hop("sip:u@pbx:5070;transport=TCP;lr"),
            made("pbx", Some(5070), Transport::Tcp)
        );
        assert_eq!(hop("sips:pbx"), made("pbx", None, Transport::Tls));
        assert_eq!(
            hop("sip:pbx;transport=tls"),
            made("pbx", None, Transport::Tls)
        );
        assert!(hop("sip:pbx;transport=ws").is_err());
        assert!(hop("").is_err() && hop("a b").is_err());
    }
}
