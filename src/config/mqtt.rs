//! What is set for MQTT, and does it fit together?

use std::fmt;
use std::path::PathBuf;

use crate::config::model::{Config, USER};
use crate::config::near::remedy;
use crate::config::place::Warning;
use crate::config::secret::Secret;

/// What the daemon tells a broker, and whom it obeys there.
#[derive(Clone, Debug, PartialEq)]
pub struct Mqtt {
    /// `None` turns it off.
    pub broker: Option<Broker>,
    /// Empty for none.
    pub login: String,
    pub password: Secret,
    /// Authorities to believe instead of those of the system.
    pub tls_ca: Option<PathBuf>,
    /// Our certificate in PEM, for brokers that want one.
    pub tls_cert: Option<PathBuf>,
    /// The key of our certificate.
    pub tls_key: Option<PathBuf>,
    /// By which the broker knows us; empty for one that is made of the topic.
    pub client_id: String,
    /// What our topics begin with; not empty.
    pub topic: String,
    /// What topics of the discovery begin with; `None` is no discovery.
    pub discovery: Option<String>,
    /// NAME of the `[user:NAME]` as whom commands are obeyed; empty for none at all.
    pub user: String,
}

/// Where the broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// A name or an address.
    pub host: String,
    pub port: u16,
    /// Over TLS.
    pub is_secure: bool,
}

impl Mqtt {
    pub(super) fn blank() -> Self {
        Self {
            broker: None,
            login: String::new(),
            password: Secret::default(),
            tls_ca: None,
            tls_cert: None,
            tls_key: None,
            client_id: String::new(),
            topic: String::new(),
            discovery: None,
            user: String::new(),
        }
    }
}

/// As it would be written.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "mqtts" } else { "mqtt" };
        let (host, port) = (&self.host, self.port);
        if host.contains(':') {
            return write!(f, "{scheme}://[{host}]:{port}");
        }
        write!(f, "{scheme}://{host}:{port}")
    }
}

impl Broker {
    /// Whether what is sent there stays on this machine.
    fn is_here(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|it| it.is_loopback())
    }
}

/// Finds what each key alone could not see.
pub(super) fn together(config: &Config) -> Vec<Warning> {
    let mqtt = &config.mqtt;
    let mut warnings = Vec::new();
    let mut warn = |key: &str, text: &str| {
        if config.is_filled("mqtt", key) {
            warnings.push(Warning(config.mistake("mqtt", key, text).0));
        }
    };
    let Some(broker) = &mqtt.broker else {
        let text = "there is no broker, so nothing is told; write broker = mqtts://HOST";
        for key in ["login", "user"] {
            warn(key, text);
        }
        return warnings;
    };
    let users = config.sip.users.iter().map(|it| it.name.as_str());
    if !users.clone().any(|it| it == mqtt.user) {
        let remedy = remedy(&mqtt.user, users, USER);
        let text = format!("there is no such user, so no command is obeyed; {remedy}");
        warn("user", &text);
    }
    if !mqtt.password.is_empty() && mqtt.login.is_empty() {
        warn(
            "pass",
            "there is no login that it is of; write login = NAME",
        );
    }
    if !broker.is_secure && !mqtt.password.is_empty() && !broker.is_here() {
        let text = "the password crosses the network unencrypted; write mqtts://HOST if the \
                    broker can";
        warn("broker", text);
    }
    match (&mqtt.tls_cert, &mqtt.tls_key) {
        (Some(_), None) => warn(
            "tls-cert",
            "has no key, so it is not shown; write tls-key = FILE",
        ),
        (None, Some(_)) => warn("tls-key", "has no certificate; write tls-cert = FILE"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if !broker.is_secure {
        for key in ["tls-ca", "tls-cert"] {
            warn(key, "counts only over TLS; write broker = mqtts://HOST");
        }
    }
    warnings
}
