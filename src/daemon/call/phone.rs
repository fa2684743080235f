//! How does this program call somebody, as a phone would?

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::base::{CallId, Dscp, Encoding, Pcm, SampleRate};
use crate::daemon::call::talk::Talk;
use crate::daemon::chance;
use crate::daemon::legs::protection;
use crate::net::{Media, PortPairs};
use crate::{config, media, net, sdp, sip};

/// Ports for the test phone, beside those of the daemon on the same machine.
const RTP_PORTS: std::ops::RangeInclusive<u16> = 20_002..=32_767;
/// A phone that can make any number of calls at once, all to one place.
pub struct Phone {
    pub(super) endpoint: sip::Endpoint,
    pub(super) media: Media,
    pub(super) ports: PortPairs,
    pub(super) account: Option<String>,
    /// Where our RTP sockets are bound, and the address that the peer is told.
    pub(super) local: IpAddr,
    pub(super) advertised: IpAddr,
    pub(super) encodings: Vec<Encoding>,
    pub(super) srtp: config::Srtp,
    talks: Arc<Talks>,
    sorter: JoinHandle<()>,
}

/// What a phone needs to start.
#[derive(Clone, Debug)]
pub struct PhoneSettings {
    /// A SIP URI; calls go there, or by way of the account if there is one.
    pub target: String,
    pub account: Option<sip::Account>,
    /// 0 takes any free port.
    pub local_port: u16,
    /// In our order of preference.
    pub encodings: Vec<Encoding>,
    /// Whether sound is protected.
    pub srtp: config::Srtp,
    /// Authorities to believe besides those of the system, for TLS.
    pub tls_ca: Option<PathBuf>,
}

/// What to do in one call.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The SIP URI to call.
    pub target: String,
    /// Sent after the keys; silence before, behind and without it.
    pub play: Option<Arc<Pcm>>,
    /// Pressed once the call is answered; a comma waits a second.
    pub keys: String,
    /// From the answer to our hanging up; without it the end of `play` ends the call.
    pub duration: Option<Duration>,
    /// Whether `Outcome::heard` is wanted.
    pub record: bool,
    /// Ask the phone to pick up by itself.
    pub auto_answer: bool,
}

/// Something that happened in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    Dialled,
    Ringing,
    Answered,
    /// The first sound of the peer came.
    FirstSound,
    /// The peer pressed a key.
    Key(char),
    /// The sound to play has been sent.
    Played,
    /// We hung up.
    HungUp,
    Ended,
}

/// When something happened in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Instant,
    pub what: Moment,
}

/// How a call went.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// In the order of time; the first is `Dialled`.
    pub steps: Vec<Step>,
    pub end: End,
    /// What we received; nothing if the call was not answered.
    pub received: Option<media::Report>,
    pub sent: media::SenderReport,
    /// To the peer and back, if it told (RTCP).
    pub round_trip: Option<Duration>,
    /// When the first packet of what was played left, once all of it has.
    pub began: Option<Instant>,
    /// What was heard, as mono sound from the answer on, if it was to be recorded.
    pub heard: Vec<f32>,
    /// Of what was heard; that of the codec.
    pub rate: SampleRate,
}

/// Why a call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// We did what the script says and hung up.
    Done,
    /// The peer hung up when we had nothing more to play.
    HungUp,
    /// The peer hung up before we had played all.
    CutShort,
    /// The peer, or the way to it, refused.
    Refused { status: u16, reason: String },
    /// We were asked to stop before the answer.
    GivenUp,
    /// It rang for too long.
    NotAnswered,
    /// Something broke; the text says what.
    Failed(String),
}

impl Outcome {
    /// From our INVITE to the peer's 200.
    pub fn set_up(&self) -> Option<Duration> {
        Some(self.at(&Moment::Answered)? - self.at(&Moment::Dialled)?)
    }

    /// When that first happened.
    pub fn at(&self, what: &Moment) -> Option<Instant> {
        self.steps.iter().find(|s| s.what == *what).map(|s| s.at)
    }

    /// Whether the call was answered and ended as it should.
    pub fn is_success(&self) -> bool {
        matches!(self.end, End::Done | End::HungUp)
    }
}

impl Phone {
    /// Finds the way to the target and opens the phone's ports.
    pub async fn start(settings: PhoneSettings) -> anyhow::Result<Self> {
        if settings.encodings.is_empty() {
            bail!("a phone needs at least one codec");
        }
        let by = settings.account.as_ref().map_or_else(
            || settings.target.clone(),
            |a| a.outbound_proxies.first().unwrap_or(&a.domain).clone(),
        );
        let remote = resolve(&by).await?;
        let any: IpAddr = match remote.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let (sip_tx, sip_rx) = mpsc::unbounded_channel();
        let (net_tx, net_rx) = mpsc::unbounded_channel();
        let sip_settings = sip::Settings {
            listen: vec![sip::Listen {
                transport: sip::Transport::Udp,
                address: SocketAddr::new(any, settings.local_port),
            }],
            accounts: settings.account.iter().cloned().collect(),
            user_agent: concat!("paging-call/", env!("CARGO_PKG_VERSION")).to_owned(),
            dscp: Dscp::CS3,
            tls: sip::Tls {
                ca: settings.tls_ca,
                ..sip::Tls::default()
            },
            ..sip::Settings::default()
        };
        let endpoint = sip::Endpoint::start(sip_settings, sip_tx).await?;
        let talks = Arc::new(Talks::default());
        Ok(Self {
            local: sip::Endpoint::local_address_for(remote),
            advertised: endpoint.address_for(remote),
            endpoint,
            media: Media::spawn(net_tx).context("cannot start the media thread")?,
            ports: PortPairs::new(RTP_PORTS),
            account: settings.account.map(|a| a.name),
            encodings: settings.encodings,
            srtp: settings.srtp,
            sorter: tokio::spawn(sort(talks.clone(), sip_rx, net_rx)),
            talks,
        })
    }

    /// Makes one call and returns when it is over; `stop` turning true hangs up. Each step is
    /// told as it happens.
    pub async fn call(
        &self,
        script: &Script,
        stop: watch::Receiver<bool>,
        tell: impl Fn(&Step) + Send,
    ) -> Outcome {
        let call = self.endpoint.new_call();
        let (tx, inbox) = mpsc::unbounded_channel();
        self.talks.lock().insert(call, tx);
        let outcome = Talk::new(self, script, call, inbox, tell).run(stop).await;
        self.talks.lock().remove(&call);
        outcome
    }

    /// Hangs up whatever is left and closes the ports; takes two seconds at most.
    pub async fn stop(self) {
        self.endpoint.stop().await;
        self.sorter.abort();
    }

    /// What we bring to a new session.
    pub(super) fn ours(&self, port: u16) -> sdp::Ours {
        sdp::Ours {
            address: self.advertised,
            port,
            encodings: self.encodings.clone(),
            ptime_ms: 20,
            // Some peers read a signed number of 32 bits.
            session: chance::number::<u64>() >> 33,
            version: 1,
            srtp: protection(self.srtp),
        }
    }
}

/// An event of either side.
pub(super) enum Heard {
    Sip(sip::Event),
    Net(net::Event),
}

/// Who is to be told of which call.
#[derive(Default)]
struct Talks(Mutex<HashMap<CallId, mpsc::UnboundedSender<Heard>>>);

impl Talks {
    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, mpsc::UnboundedSender<Heard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, call: CallId, heard: Heard) {
        if let Some(talk) = self.lock().get(&call) {
            // A talk that is over does not listen.
            let _ = talk.send(heard);
        }
    }
}

async fn sort(
    talks: Arc<Talks>,
    mut sip: mpsc::UnboundedReceiver<sip::Event>,
    mut net: mpsc::UnboundedReceiver<net::Event>,
) {
    loop {
        let (call, heard) = tokio::select! {
            Some(event) = sip.recv() => (event.call(), Heard::Sip(event)),
            Some(event) = net.recv() => (Some(of_net(&event)), Heard::Net(event)),
            else => return,
        };
        if let Some(call) = call {
            talks.tell(call, heard);
        }
    }
}

fn of_net(event: &net::Event) -> CallId {
    match event {
        net::Event::FirstPacket { call, .. }
        | net::Event::Silent { call, .. }
        | net::Event::Key { call, .. }
        | net::Event::Sounds { call }
        | net::Event::LetGo { call, .. }
        | net::Event::Played { call, .. }
        | net::Event::Said { call, .. }
        | net::Event::Left { call, .. }
        | net::Event::Closed { call, .. } => *call,
    }
}

/// The address of the host in a SIP URI, or in `host[:port]`.
async fn resolve(uri: &str) -> anyhow::Result<SocketAddr> {
    host_port(uri).with_context(|| format!("{uri:?} names no host"))?;
    let found = sip::Endpoint::locate(uri).await;
    found.map_err(anyhow::Error::msg)
}

/// Host and port of a SIP URI, or of `host[:port]`; IPv6 in brackets.
pub(super) fn host_port(uri: &str) -> Option<(&str, Option<u16>)> {
    let place = uri
        .strip_prefix("sip:")
        .unwrap_or(uri)
        .split([';', '?', '>'])
        .next()?;
    let place = place.rsplit('@').next()?;
    let (host, rest) = match place.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_every_kind_of_address() {
        let rows = [
            ("sip:100@192.0.2.1", Some(("192.0.2.1", None))),
            ("sip:100@192.0.2.1:5070", Some(("192.0.2.1", Some(5070)))),
            ("sip:pbx.example.com", Some(("pbx.example.com", None))),
            ("sip:a@b@pbx:1;transport=tcp?x=y", Some(("pbx", Some(1)))),
            (
                "sip:100@[2001:db8::1]:5070",
                Some(("2001:db8::1", Some(5070))),
            ),
            ("sip:100@[2001:db8::1]", Some(("2001:db8::1", None))),
            ("pbx:5062", Some(("pbx", Some(5062)))),
            ("sip:100@", None),
            ("sip:100@pbx:port", None),
            ("sip:100@[::1", None),
            ("sip:100@[::1]x", None),
        ];
        for (uri, expected) in rows {
            assert_eq!(host_port(uri), expected, "{uri}");
        }
    }
}
