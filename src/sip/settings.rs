//! What does the SIP side need to be told?

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::base::{Dscp, Network};
use crate::sip::address;
use crate::sip::call::session_timer::SessionTimer;
use crate::sip::wire::tls::Tls;

/// All that an endpoint needs to start.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where to be called; may be empty if only accounts are used.
    pub listen: Vec<Listen>,
    /// Where to register.
    pub accounts: Vec<Account>,
    /// The address that every peer but those on this machine is told to use, behind a NAT.
    pub external_address: Option<IpAddr>,
    /// The value of our User-Agent header.
    pub user_agent: String,
    /// How calls end whose peer has vanished.
    pub session_timer: SessionTimer,
    /// How messages are marked in the network.
    pub dscp: Dscp,
    /// Certificates for TLS.
    pub tls: Tls,
    /// Who may call and register here.
    pub callers: Callers,
    /// The name server to ask instead of those of the system.
    pub name_server: Option<SocketAddr>,
    /// The capture file to write every message to.
    pub trace: Option<PathBuf>,
    /// Timers; the default is right outside of tests.
    pub timing: Timing,
    /// How much is kept at the same time; the default is right outside of tests.
    pub caps: Caps,
}

/// Who is let in; the default lets everybody call and nobody register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Who may register with us, and prove a password.
    pub users: Vec<User>,
    /// Those of the users that are one telephone behind an adapter: calls in their names need their
    /// passwords, and the last registration counts alone.
    pub lines: Vec<String>,
    /// Whether calls that come by no account need the password of a user.
    pub require_auth: bool,
    /// The networks that are listened to; none stands for all. Registrars and peers that we
    /// speak to first are always heard.
    pub allow: Vec<Network>,
    /// How many calls may wait for their answer or its ACK whose sources have never confirmed
    /// one; `None` stands for 4,096. Fewer than all calls, so that invented ones cannot take all.
    pub half_open: Option<usize>,
}

/// A phone, adapter or person of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user part of its address, and the name it proves its password with.
    pub name: String,
    /// The password; never shown.
    pub password: Secret,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// Streams.
    Tcp,
    /// Streams that nobody else reads.
    Tls,
}

impl Transport {
    /// As a `transport` parameter spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// From a `transport` parameter.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|t| t.name().eq_ignore_ascii_case(name))
    }

    /// What follows the address in a URI that is reached this way.
    pub(super) fn param(self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
            Self::Tls => ";transport=tls",
        }
    }

    /// The port that is meant where none is written (RFC 3261 section 19.1.2).
    pub(super) fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5_060,
            Self::Tls => 5_061,
        }
    }

    /// As the stack calls it.
    pub(super) fn of_stack(self) -> rsipstack::sip::Transport {
        match self {
            Self::Udp => rsipstack::sip::Transport::Udp,
            Self::Tcp => rsipstack::sip::Transport::Tcp,
            Self::Tls => rsipstack::sip::Transport::Tls,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One address to be called at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Datagrams or streams.
    pub transport: Transport,
    /// Port 0 takes a free one.
    pub address: SocketAddr,
}

/// A registration with a PBX or provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// How events name it; unique.
    pub name: String,
    /// Host or `host:port` of the registrar; also the domain of our address.
    pub domain: String,
    /// Further registrars, each tried when those before it fail; they must know the domain.
    pub more_domains: Vec<String>,
    /// The user part of our address.
    pub user: String,
    /// Other numbers of the account; they tell which of several at one registrar is called.
    pub extensions: Vec<String>,
    /// The name to prove the password with, if it is not `user`.
    pub auth_user: Option<String>,
    /// The password; never shown.
    pub password: Secret,
    /// The only realm whose challenges are answered; `None` for any.
    pub realm: Option<String>,
    /// The name that is shown to those we call.
    pub display_name: Option<String>,
    /// `host`, `host:port` or a SIP URI to send everything of this account through; each is
    /// tried when those before it fail.
    pub outbound_proxies: Vec<String>,
    /// How to reach the registrar; `None` leaves it to the DNS, which without a word about it
    /// means UDP.
    pub transport: Option<Transport>,
    /// The life of a registration that we ask for; zero stands for five minutes.
    pub expires: Duration,
    /// How often the registrar hears from us between refreshes, so that a NAT in between keeps
    /// the way back open and its silence is noticed; zero for never, `None` for
    /// `Timing::keep_alive`.
    pub keep_alive: Option<Duration>,
    /// Whether calls to the account shall come to us.
    pub presence: Presence,
}

/// What an account is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It is registered: its calls come to us.
    #[default]
    Registered,
    /// It only places calls; who has registered it keeps its calls.
    CallsOnly,
}

impl Account {
    /// Asked for when the configuration names no life; short enough for a PBX that forgets.
    const DEFAULT_EXPIRES: Duration = Duration::from_secs(300);

    /// Whether who asks in the name of that realm gets a proof of the password.
    pub(super) fn proves_to(&self, realm: &str) -> bool {
        self.realm.as_deref().is_none_or(|ours| ours == realm)
    }

    pub(super) fn proof_user(&self) -> &str {
        self.auth_user.as_deref().unwrap_or(&self.user)
    }

    /// Our address of record, as From and To carry it.
    pub(super) fn address(&self) -> String {
        let address = format!("<sip:{}@{}>", address::escaped(&self.user), self.domain);
        match &self.display_name {
            Some(name) => format!("{} {address}", address::quoted(name)),
            None => address,
        }
    }

    pub(super) fn wanted_expires(&self) -> Duration {
        if self.expires.is_zero() {
            return Self::DEFAULT_EXPIRES;
        }
        self.expires
    }
}

/// Text that must not reach a log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for computing with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What strangers can make us keep at most. What is beyond is not let in, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Transactions in progress.
    pub transactions: usize,
    /// Connections that are open.
    pub streams: usize,
    /// Connections of one peer, once there are as many of all.
    pub streams_of_one: usize,
    /// How long a message may take to arrive on a stream, and how long one who connects may be
    /// silent: many who do neither must not take all places.
    pub whole_for: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            // A thousand calls a second leave room for as much again.
            transactions: 50_000,
            // Each costs a descriptor, and calls need two more.
            streams: 4_096,
            streams_of_one: 512,
            whole_for: Duration::from_secs(30),
        }
    }
}

/// Timers of transactions and of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// T1 of RFC 3261 §17.1.1.1; all transaction timers are multiples of it.
    pub t1: Duration,
    /// The wait after the first failed attempt to reach a registrar; doubles from there.
    pub retry_first: Duration,
    /// The longest wait for a registrar that does not answer.
    pub retry_longest: Duration,
    /// `Account::keep_alive` of accounts that do not say.
    pub keep_alive: Duration,
    /// The wait after a registrar refused us; doubles from there. Long, because guards against
    /// password guessing shut out who tries often.
    pub refused_first: Duration,
    /// The longest wait after a refusal.
    pub refused_longest: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            retry_first: Duration::from_secs(2),
            retry_longest: Duration::from_secs(60),
            // Few NATs forget a mapping within 30 s.
            keep_alive: Duration::from_secs(20),
            refused_first: Duration::from_secs(60),
            refused_longest: Duration::from_secs(600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_show() {
        let account = Account {
            password: Secret::new("hunter2"),
            ..Account::default()
        };
        let shown = format!(
            "{account:?} {:?}",
            Settings {
                accounts: vec![account.clone()],
                ..Settings::default()
            }
        );
        assert!(!shown.contains("hunter2") && shown.contains("***"));
    }
}
